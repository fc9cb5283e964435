#!/usr/bin/env python3
"""The units on a machine that boots (machine.py): order at boot, readiness, reload, restart, stop, watchdog, and who may ask.

All tests share the machine, each leaves the daemon running. Beside them, a laptop sends without a pause to a port that the policy
allows and to one that it does not: of the one no datagram may be missing, of the other none may arrive.
"""
import os, sys, threading, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import *

ALLOWED, DENIED = 9000, 9001
POLICY = {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": [f"udp:{ALLOWED}"]}]}
NOBODY, NOGROUP = 65534, 65534


class Traffic(threading.Thread):
    """Numbered datagrams from a node to a port of another that echoes; which were sent and which came back."""

    def __init__(self, node, address, port):
        super().__init__(daemon=True)
        self.socket = node.open_socket(socket.SOCK_DGRAM, family_of(address))
        self.socket.connect((address, port))
        self.socket.settimeout(0.005)
        self.sent, self.back, self.ended = 0, set(), False

    def run(self):
        due = time.monotonic()
        while not self.ended:
            if time.monotonic() >= due:
                due += 0.01
                try:
                    self.socket.send(self.sent.to_bytes(8, "big"))
                    self.sent += 1
                except OSError:
                    pass
            try:
                self.back.add(int.from_bytes(self.socket.recv(64), "big"))
            except OSError:
                pass

    def lost_since(self, first):
        """How many of those from `first` on have not come back, some seconds after the last."""
        last = self.sent
        wait_for(lambda: all(n in self.back for n in range(first, last)), 10)
        return sum(n not in self.back for n in range(first, last))

    def came_since(self, first):
        return any(n >= first for n in list(self.back))

    def passes_again(self, patience=PATIENCE):
        first = self.sent
        return bool(wait_for(lambda: self.came_since(first), patience))


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = machine_missing()
        if reason:
            print(f"SKIPPED: needs {reason}", file=sys.stderr)
            os._exit(SKIPPED)
        cls.lab = cls.enterClassContext(Lab())
        cls.laptop = cls.lab.add("laptop", 1, owner="ann@example.com")
        cls.server = cls.lab.nodes["server"] = Machine(cls.lab, "server", 2, tags=["tag:srv"])
        cls.addClassCleanup(cls.server.shut_down)
        cls.lab.up()
        cls.lab.publish(POLICY)
        cls.server.serve(udp=(ALLOWED, DENIED))
        cls.allowed, cls.denied = (Traffic(cls.laptop, cls.server.v4, port) for port in (ALLOWED, DENIED))
        for traffic in (cls.allowed, cls.denied):
            cls.addClassCleanup(setattr, traffic, "ended", True)
            traffic.start()
        cls.denied_from = 0  # the first of those that must not come back
        cls.server.install()
        cls.server.boot()
        cls.active_since = {unit: int(cls.server.shows(unit, "ActiveEnterTimestampMonotonic")) for unit in ("aclnode-guard", "network-of-test")}

    def setUp(self):
        self.enforces()
        self.assertTrue(self.allowed.passes_again())
        self.first, self.first_denied = self.allowed.sent, self.denied.sent

    def tearDown(self):
        self.assertTrue(wait_for(lambda: self.denied.sent > self.first_denied))
        self.assertFalse(self.denied.came_since(self.denied_from), "a datagram that no rule allows came in")

    def enforces(self):
        self.assertTrue(wait_for(lambda: "enforcing" in self.server.ask("status").stdout), self.server.journal())

    def pid(self):
        return int(self.server.shows("aclnode", "MainPID"))

    def restarts(self):
        return int(self.server.shows("aclnode", "NRestarts"))

    def assert_nothing_lost(self):
        self.assertGreater(self.allowed.sent, self.first)
        self.assertEqual(self.allowed.lost_since(self.first), 0)

    # --- boot ---

    def test_the_guard_is_there_before_the_network(self):
        witness = self.server.inside("cat", "/run/tables-before-network").stdout
        self.assertIn(f"table inet aclnode_{INTERFACE}", witness)
        self.assertLess(self.active_since["aclnode-guard"], self.active_since["network-of-test"])

    def test_the_guard_does_not_start_while_tmp_is_emptied(self):
        """Its sandbox is made there; where it is lost the unit fails, at some boots."""
        self.assertIn("systemd-tmpfiles-setup.service", self.server.shows("aclnode-guard", "After").split())

    def test_nothing_failed_at_boot_and_no_order_is_a_cycle(self):
        self.assertEqual(self.server.inside("systemctl", "--failed", "--plain", "--no-legend").stdout, "")
        self.assertNotIn("ordering cycle", self.server.inside("journalctl", "--no-pager", "--boot").stdout)

    def test_the_daemon_is_ready_enforces_and_runs_its_network_process_as_its_own_user(self):
        self.assertEqual(self.server.shows("aclnode", "ActiveState"), "active")
        status = json.loads(self.server.ask("status", "--json").stdout)
        self.assertEqual((status["state"], status["attached"], status["guarded"], status["interface"]), ("enforcing", True, True, INTERFACE))
        # One that has just been started is still root.
        processes = lambda: self.server.inside("ps", "-o", "user:20=", "-C", "aclnode-net").stdout.split()
        self.assertTrue(wait_for(lambda: processes() == ["aclnode-net"]), processes())

    # --- reload, restart, stop ---

    def test_a_reload_loses_nothing_and_keeps_the_process(self):
        before = self.pid()
        self.server.systemctl("reload", "aclnode")
        self.assertTrue(wait_for(lambda: '"event":"reloaded"' in self.server.journal()))
        self.enforces()
        self.assertEqual(self.pid(), before)
        self.assert_nothing_lost()

    def test_a_restart_has_no_gap(self):
        before = self.pid()
        self.server.systemctl("restart", "aclnode")
        self.enforces()
        self.assertNotEqual(self.pid(), before)
        self.assert_nothing_lost()

    def test_a_stop_leaves_filter_and_guard_at_work(self):
        try:
            self.server.systemctl("stop", "aclnode")
            self.assertEqual(self.server.ask("status").returncode, 3)
            self.assertIn("chain prerouting", self.server.inside("nft", "list", "table", "inet", f"aclnode_{INTERFACE}").stdout)
            before = self.denied.sent
            wait_for(lambda: self.denied.sent > before + 50)
            self.assert_nothing_lost()
        finally:
            self.server.systemctl("start", "aclnode")
        self.enforces()
        self.assert_nothing_lost()

    def test_it_starts_although_the_guard_s_unit_fails(self):
        override = "/run/systemd/system/aclnode-guard.service.d"
        script = f"mkdir -p {override} && printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' >{override}/fails.conf"
        self.server.systemctl("stop", "aclnode", "aclnode-guard")
        try:
            self.server.inside("sh", "-c", script)
            self.server.systemctl("daemon-reload")
            self.server.systemctl("start", "aclnode")
            self.assertEqual(self.server.shows("aclnode-guard", "ActiveState"), "failed")
            self.enforces()
        finally:
            self.server.inside("rm", "-r", override)
            self.server.systemctl("daemon-reload")
            self.server.systemctl("start", "aclnode-guard", "aclnode")
        self.assert_nothing_lost()

    def test_a_removal_opens_the_interface_and_a_start_shuts_it(self):
        self.server.systemctl("stop", "aclnode", "aclnode-guard")
        try:
            done = self.server.ask("remove")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(self.denied.passes_again(), "the other tests could not fail")
        finally:
            self.server.systemctl("start", "aclnode-guard", "aclnode")
        type(self).denied_from = self.denied.sent + 1  # what was sent before may still be on its way back
        self.enforces()
        self.assertTrue(wait_for(lambda: self.denied.sent > self.denied_from + 50))

    # --- faults ---

    def test_a_daemon_that_is_killed_is_started_again_without_a_gap(self):
        before, count = self.pid(), self.restarts()
        self.server.inside("kill", "-KILL", str(before))
        self.assertTrue(wait_for(lambda: self.restarts() > count and self.pid() not in (0, before)))
        self.enforces()
        self.assert_nothing_lost()

    def test_a_daemon_that_hangs_is_ended_by_the_watchdog_and_started_again_without_a_gap(self):
        before, count = self.pid(), self.restarts()
        self.server.inside("kill", "-STOP", str(before))
        self.assertTrue(wait_for(lambda: self.restarts() > count, 2 * PATIENCE, every=0.2))
        self.assertTrue(wait_for(lambda: "Watchdog timeout" in self.server.journal()))
        self.enforces()
        self.assert_nothing_lost()

    # --- who may ask ---

    def test_others_may_ask_who_the_node_is_and_nothing_else(self):
        ask = lambda *words: self.server.ask(*words, user=(NOBODY, NOGROUP))
        self.assertEqual(ask("whois", self.server.v4).returncode, 0)
        for question in (["status"], ["whois", self.laptop.v4], ["why", self.laptop.v4, f"self:{ALLOWED}/udp"], ["reload"]):
            done = ask(*question)
            self.assertEqual(done.stdout, "")
            self.assertIn("others only `whois` of this node's own addresses", done.stderr)

    def test_a_member_of_the_group_may_ask_all_but_a_reload(self):
        ask = lambda *words: self.server.ask(*words, user=(NOBODY, NOGROUP, self.server.group("aclnode")))
        self.assertIn("enforcing", ask("status").stdout)
        self.assertEqual(ask("why", self.laptop.v4, f"self:{ALLOWED}/udp").returncode, 0)
        self.assertEqual(ask("why", self.laptop.v4, f"self:{DENIED}/udp").returncode, 1)
        self.assertNotEqual(ask("reload").returncode, 0)

    def test_its_memory_is_nobody_s_not_even_of_root_s_without_the_right_to_trace(self):
        without = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
        opens = lambda pid: self.server.inside(*without, "sh", "-c", f": </proc/{pid}/mem")
        self.assertIn("Permission denied", opens(self.pid()).stderr)
        other = self.server.inside(*without, "sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!").stdout.strip()
        self.assertEqual(opens(other).stderr, "", "it could not fail")
        self.server.inside("kill", other)

    def test_the_state_is_the_daemon_s_alone(self):
        for path, mode in (("/var/lib/aclnode", "700 root"), ("/sys/fs/bpf/aclnode", "700 root"), ("/run/aclnode", "755 root")):
            self.assertEqual(self.server.inside("stat", "-L", "-c", "%a %U", path).stdout.strip(), mode, path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
