#!/usr/bin/env python3
"""Port 22 of a WireGuard address: which connections come to aclnode, and which to the sshd of the system; what aclnode then decides, and
what becomes of logins when policy changes or aclnode restarts. A stand-in plays aclnode-session, so there is no SSH in it but Debian's
sshd beside it.
"""
import os, resource, shutil, sys, time, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import *

STAND_IN = os.path.join(HERE, "stand_in_session.py")
SSHD = "/usr/sbin/sshd"
SSH_RULES = [
    {"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["root", "deploy", "daemon"]},
    {"action": "check", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["careful"]},
]
GRANTS = [{"src": ["ann@example.com", "bob@example.com"], "dst": ["tag:srv"], "ip": ["tcp:22", "tcp:8000"]}]


def policy(ssh=SSH_RULES, grants=GRANTS):
    return {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": grants, "ssh": ssh}


class Steer(unittest.TestCase):
    BY = "program"

    def setUp(self):
        reason = missing() or ("" if os.path.exists(SSHD) else "openssh-server")
        if reason:
            print(f"SKIPPED: needs {reason}", file=sys.stderr)
            os._exit(SKIPPED)
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.ann = self.lab.add("annlaptop", 1, owner="ann@example.com")
        self.bob = self.lab.add("boblaptop", 4, owner="bob@example.com")
        self.server = self.lab.add("server", 2, tags=["tag:srv"])
        self.stranger = self.lab.add("stranger", 3, enforces=None)
        self.lab.up()
        self.socket = f"{self.server.folder}/session/socket"
        self.addCleanup(self.end_supervisor)

    # --- the server ---

    def configure(self, tail="", **ssh):
        settings = {"enabled": True, "session_program": STAND_IN, "session_socket": self.socket, "steer_by": self.BY, **ssh}
        text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        self.server.write_config(break_glass=f"\n[ssh]\n{text}{tail}")

    def start(self, ssh=SSH_RULES, **settings):
        self.configure(**settings)
        number = self.lab.publish(policy(ssh))
        self.server.start_daemon()
        self.assertTrue(self.server.enforces_generation(number), self.server.status())
        self.listens()

    def listens(self):
        self.assertTrue(wait_for(lambda: (s := self.server.status()) and s["ssh"]["listening"]), self.server.status())

    def has_sessions(self, count):
        self.assertTrue(wait_for(lambda: self.server.status()["ssh"]["sessions"] == count), self.server.status())

    def is_troubled(self, words):
        self.assertTrue(wait_for(lambda: words in (self.server.status()["ssh"]["trouble"] or "")), self.server.status())

    def start_sshd(self):
        folder = f"{self.server.folder}/sshd"
        os.makedirs(folder)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/key")
        with open(f"{folder}/config", "w") as file:
            file.write(f"ListenAddress 0.0.0.0:22\nListenAddress [::]:22\nHostKey {folder}/key\nPidFile none\nUsePAM no\n")
        script = f"mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec {SSHD} -D -e -f {folder}/config"
        sshd = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.server.namespace}", "unshare", "--mount", "--propagation", "slave", "sh", "-c", script],
                                stderr=open(f"{folder}/log", "w"))
        self.lab.started.append(sshd)
        self.assertTrue(wait_for(lambda: self.answers(self.server, "127.0.0.1") == "sshd"), open(f"{folder}/log").read())

    def end_supervisor(self):
        try:
            with open(self.socket + ".pid") as file:
                os.kill(int(file.read()), signal.SIGKILL)
        except (OSError, ValueError):
            pass

    # --- clients ---

    def connect(self, node, address, patience=PATIENCE, source=None):
        s = node.open_socket(socket.SOCK_STREAM, family_of(address))
        if source:
            s.bind((source, 0))
        s.settimeout(patience)
        self.addCleanup(s.close)
        s.connect((address, 22))
        return s

    def answers(self, node, address, patience=10.0, source=None):
        """Who answers at port 22: "sshd", "aclnode", "refused", "nobody". An sshd says who it is, the stand-in answers what it is asked."""
        try:
            s = self.connect(node, address, patience, source)
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "nobody"
        with s:
            try:
                s.settimeout(PATIENCE)
                s.sendall(question("nobody-at-all"))
                first = s.recv(1)
                return {b"S": "sshd", b"{": "aclnode"}.get(first, "refused")
            except TimeoutError:
                return "nobody"
            except OSError:
                return "refused"

    def answers_while_it_starts(self, seconds=3):
        """Who answers from the start of a daemon on, before and after it has a table."""
        self.configure()
        self.lab.publish(policy())
        self.server.start_daemon()
        end, seen = time.monotonic() + seconds, set()
        while time.monotonic() < end:
            seen.add(self.answers(self.ann, self.server.v4, 0.3))
        return seen

    def login(self, node, user, exists=True, address=None):
        """The answer to one question, and the connection."""
        s = self.connect(node, address or self.server.v4)
        return ask(s, user, exists), s


def question(user, exists=True):
    return f"{user} {'exists' if exists else 'missing'} {'root' if user == 'root' else 'other'}\n".encode()


def ask(s, user, exists=True):
    s.settimeout(PATIENCE)
    try:
        s.sendall(question(user, exists))
        return event(s)
    except OSError:
        return None


def event(s, patience=PATIENCE):
    """The next line of JSON."""
    s.settimeout(patience)
    line = b""
    while not line.endswith(b"\n"):
        byte = s.recv(1)
        if not byte:
            return None
        line += byte
    return json.loads(line)


class WhoAnswers(Steer):
    def check_who_answers(self):
        for address in (self.server.v4, self.server.v6):
            self.assertEqual(self.answers(self.ann, address), "aclnode")
            # A process of this machine, whoever runs it, is nobody's identity.
            self.assertEqual(self.answers(self.server, address), "sshd")
        for address in (self.server.underlay, "127.0.0.1", "::1"):
            self.assertEqual(self.answers(self.server, address), "sshd")
        self.assertEqual(self.answers(self.ann, self.server.underlay), "sshd")
        self.assertEqual(self.answers(self.stranger, self.server.v4, 0.6), "nobody")

    def test_beside_an_sshd_that_was_first(self):
        self.start_sshd()
        self.start()
        self.check_who_answers()

    def test_beside_an_sshd_that_came_later(self):
        self.start()
        self.start_sshd()
        self.check_who_answers()

    def test_an_unprivileged_local_user_meets_the_sshd_of_the_system(self):
        self.start()
        self.start_sshd()
        words = self.server.exec("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c",
                                 "import socket,sys; print(socket.create_connection((sys.argv[1], 22)).recv(64))", self.server.v4)
        self.assertIn("SSH-2.0-OpenSSH", words)

    def test_an_address_that_comes_later_is_this_hosts_too(self):
        self.start()
        self.start_sshd()
        self.server.ip("addr", "add", "198.51.100.7/32", "dev", "lo")
        self.assertNotEqual(self.answers(self.server, self.server.v4, 0.5, source="198.51.100.7"), "aclnode")
        self.assertTrue(wait_for(lambda: self.answers(self.server, self.server.v4, 1.0, source="198.51.100.7") == "sshd"))

    def test_while_aclnode_is_gone_nobody_else_answers(self):
        self.start_sshd()
        self.start()
        self.server.kill_daemon()
        self.assertIn(self.answers(self.ann, self.server.v4, 1.0), ("refused", "nobody"))
        self.server.start_daemon()
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v4) == "aclnode"))

    def test_switched_off_or_removed_the_sshd_of_the_system_has_the_port(self):
        self.start_sshd()
        self.start()
        self.assertEqual(self.answers(self.ann, self.server.v4), "aclnode")
        self.configure(enabled=False)
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertEqual(self.answers(self.ann, self.server.v4), "sshd")
        self.configure()
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v4) == "aclnode"))
        self.server.stop_daemon()
        run("nsenter", f"--net=/run/netns/{self.server.namespace}", ACLNODE, "remove", "--config", self.server.config)
        self.assertEqual(self.answers(self.ann, self.server.v4), "sshd")

    def test_an_interface_that_is_made_anew(self):
        self.start_sshd()
        self.start()
        self.server.stop_wireguard()
        self.server.start_wireguard()
        for other in (self.ann, self.bob, self.stranger):
            self.server.add_peer(other)
        seen = set()
        self.assertTrue(wait_for(lambda: seen.add(who := self.answers(self.ann, self.server.v4, 1.0)) or who == "aclnode"), seen)
        self.assertNotIn("sshd", seen)


    def test_from_a_cold_start_on_nobody_meets_the_sshd_of_the_system(self):
        self.start_sshd()
        self.assertNotIn("sshd", self.answers_while_it_starts())

    def test_where_logins_cannot_be_served_the_port_is_not_anothers(self):
        self.start_sshd()
        os.makedirs(f"{self.server.folder}/run/logins")  # where the socket would be
        self.assertNotIn("sshd", self.answers_while_it_starts(1.5))
        self.is_troubled("logins")
        os.rmdir(f"{self.server.folder}/run/logins")
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v4) == "aclnode"), self.server.status())


class TooManyAddresses(Steer):
    def test_with_more_addresses_than_can_be_steered_the_interface_stays_shut(self):
        self.start_sshd()
        for i in range(300):
            self.server.ip("addr", "add", f"fd7a::9:{i:x}/128", "dev", self.server.interface, "nodad")
        self.assertEqual(self.answers_while_it_starts(1.5), {"nobody"})
        self.is_troubled("E1401")
        for i in range(300):
            self.server.ip("addr", "del", f"fd7a::9:{i:x}/128", "dev", self.server.interface)
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v4) == "aclnode"), self.server.status())


class LaterIpv6(Steer):
    def test_where_ipv6_comes_later_it_is_listened_to_then(self):
        """Without ::1 there is no listener of IPv6; until there is one, its connections are refused and nobody else's."""
        self.start_sshd()
        ipv6 = lambda off: self.server.exec("sysctl", "-qw", f"net.ipv6.conf.lo.disable_ipv6={off}")
        ipv6(1)
        self.start()
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v4) == "aclnode"))
        self.assertIn(self.answers(self.ann, self.server.v6, 1.0), ("refused", "nobody"))
        ipv6(0)
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v6, 1.0) == "aclnode"))


class Enslaved(Steer):
    """An interface that is enslaved: sockets see what comes in by it come in by its master."""

    def refuses(self, name):
        self.is_troubled(f'is enslaved to "{name}"')
        self.assertIn("E1401", self.server.status()["ssh"]["trouble"])
        self.assertFalse(self.server.status()["ssh"]["listening"])

    def test_of_an_interface_with_a_master_no_logins_are_taken_until_it_has_none(self):
        """Here a veth, as a TUN device takes no master but a VRF, which not all kernels have."""
        self.server.ip("link", "add", "veth-wg", "type", "veth", "peer", "name", "veth-far", "netns", self.ann.namespace)
        self.server.ip("link", "add", "red", "type", "bridge")
        self.server.ip("link", "set", "veth-wg", "master", "red")
        for name in ("veth-wg", "red"):
            self.server.ip("link", "set", name, "up")
        self.ann.ip("link", "set", "veth-far", "up")
        self.ann.ip("route", "add", f"{self.server.v4}/32", "dev", "veth-far")  # what comes back may come by WireGuard
        self.start_sshd()
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v4, 1.0) == "sshd"))
        number = self.lab.publish(policy())
        settings = {"interface": "veth-wg", "wireguard_socket": f"/var/run/wireguard/{self.server.interface}.sock"}
        ssh = {"enabled": True, "session_program": STAND_IN, "session_socket": self.socket, "steer_by": self.BY}
        text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in ssh.items())
        self.server.write_config(break_glass=f"\n[ssh]\n{text}", **settings)
        self.server.start_daemon()
        self.refuses("red")
        self.assertTrue(self.server.enforces_generation(number))
        self.assertIn(self.answers(self.ann, self.server.v4, 1.0), ("refused", "nobody"))
        self.server.ip("link", "set", "veth-wg", "nomaster")
        self.listens()
        self.server.ip("link", "set", "veth-wg", "master", "red")
        self.refuses("red")

    def test_in_a_vrf_nobody_answers(self):
        if subprocess.run(["ip", "-n", self.server.namespace, "link", "add", "blue", "type", "vrf", "table", "100"], capture_output=True).returncode != 0:
            self.skipTest("this kernel has no VRF (CONFIG_NET_VRF)")
        self.server.ip("link", "set", "blue", "up")
        self.server.exec("sysctl", "-qw", "net.ipv4.tcp_l3mdev_accept=1")  # the sshd of the system would take it
        self.start_sshd()
        self.start()
        self.assertEqual(self.answers(self.ann, self.server.v4), "aclnode")
        self.server.ip("link", "set", self.server.interface, "master", "blue")
        self.refuses("blue")
        self.assertIn(self.answers(self.ann, self.server.v4, 1.0), ("refused", "nobody"))
        self.server.ip("link", "set", self.server.interface, "nomaster")
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v4) == "aclnode"))


class EnslavedByRules(Enslaved):
    BY = "nftables"


class WhoAnswersByRules(WhoAnswers):
    """The same by rules of nftables, for kernels without the program."""
    BY = "nftables"

    def test_rules_that_were_flushed_come_back(self):
        self.start_sshd()
        self.start()
        tables = [line.split()[-1] for line in self.server.exec("nft", "list", "tables").splitlines() if line.endswith("_ssh")]
        self.server.exec("nft", "flush", "table", "inet", tables[0])
        self.assertTrue(wait_for(lambda: self.answers(self.ann, self.server.v4) == "aclnode"))


class Logins(Steer):
    def records(self, event):
        return [d for d in self.server.decisions() if d["event"] == event]

    def wait_for_records(self, event, count=1):
        """Once there are so many; they follow what they tell of."""
        self.assertTrue(wait_for(lambda: len(self.records(event)) >= count), self.server.decisions())
        return self.records(event)

    def test_what_is_decided_and_what_is_told(self):
        self.start(deny_users=["deploy"])
        accepted, s = self.login(self.ann, "root")
        self.assertEqual((accepted["event"], accepted["accept"], accepted["tell"]), ("decision", True, ""))
        for node, user, exists, tell in (
                (self.ann, "deploy", True, 'this machine takes no logins as "deploy" by SSH'),
                (self.ann, "careful", True, "this machine has no way to check ann@example.com"),
                (self.ann, "backup", True, 'policy does not let ann@example.com become "backup" here'),
                (self.ann, "root", False, 'there is no account "root" on this machine'),
                (self.bob, "root", True, 'policy does not let bob@example.com become "root" here')):
            answer, _ = self.login(node, user, exists)
            self.assertFalse(answer["accept"], (node.name, user))
            self.assertTrue(answer["tell"].startswith("access denied: "), answer)
            self.assertIn(tell, answer["tell"])
        self.login(self.ann, "root", address=self.server.v6)
        logins = self.wait_for_records("login", 7)
        first = logins[0]
        self.assertEqual({k: first[k] for k in ("verdict", "source", "node", "identity", "account", "rule", "line", "generation")},
                         {"verdict": "accept", "source": self.ann.v4, "node": "annlaptop", "identity": "ann@example.com",
                          "account": "root", "rule": "ssh[0]", "line": "policy.hujson:1", "generation": "1.1"})
        self.assertEqual(logins[-1]["source"], self.ann.v6)
        self.has_sessions(2)
        s.close()
        self.has_sessions(1)
        start, over = self.wait_for_records("session-start", 2)[0], self.wait_for_records("session-end")[0]
        self.assertEqual(start["connection"], over["connection"])
        self.assertEqual(over["words"], "the client has closed")
        self.assertGreaterEqual(float(over["duration_s"]), 0)

    def test_a_source_that_moves_to_another_key_is_nobody(self):
        self.start()
        answer, s = self.login(self.ann, "root")
        self.assertTrue(answer["accept"])
        self.server.set_wireguard("peer", self.stranger.public, "allowed-ips", f"{self.stranger.v4}/32,{self.ann.v4}/32")
        self.wait_for_records("session-end")
        again = self.wait_for_records("login-again")[0]
        self.assertEqual(again["verdict"], "deny")
        self.assertIn(f"WireGuard's allowed-ips give {self.ann.v4} to {self.stranger.public}", again["reason"])

    def test_a_wireguard_that_is_silent_for_a_while_ends_no_login(self):
        self.start()
        s = self.login(self.ann, "root")[1]
        silent = lambda: self.server.status()["admitted_sources"] == 0
        for patience, ends in ((1, False), (PATIENCE, True)):
            self.addCleanup(self.server.wireguard.send_signal, signal.SIGCONT)
            stop(self.server.wireguard.pid)
            self.assertTrue(wait_for(silent), self.server.status())
            self.assertEqual(bool(wait_for(lambda: self.records("session-end"), patience)), ends)
            self.server.wireguard.send_signal(signal.SIGCONT)
            self.assertTrue(wait_for(lambda: not silent()), self.server.status())
        self.assertIn("no longer allowed", event(s)["words"])

    def test_a_session_that_was_stopped_is_cut_off_and_not_told_to_have_ended(self):
        self.start()
        s = self.login(self.ann, "root")[1]
        started = self.wait_for_records("session-start")[0]
        session = self.session()
        stop(session)
        self.configure(deny_users=["root"])
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertIsNone(event(s))
        self.wait_for_records("session-stays")
        self.assertEqual(self.to_be_killed(), [f"{started['connection']} 0"])
        self.assertEqual(self.records("session-end"), [])
        self.assertEqual(self.server.status()["ssh"]["sessions"], 1)
        os.kill(session, signal.SIGKILL)
        self.wait_for_records("session-end")

    def test_a_session_that_says_that_it_ends_and_does_not_is_cut_off_and_to_be_killed(self):
        self.start([dict(SSH_RULES[0], users=["lingers"])])
        s = self.login(self.ann, "lingers")[1]
        self.wait_for_records("session-start")
        session = self.session()
        self.configure(deny_users=["lingers"])
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertEqual(event(s)["event"], "end")
        self.assertEqual(s.recv(1), b"", "it goes on")
        self.assertEqual(self.to_be_killed(), [], "it has no time for PAM")
        self.assertTrue(wait_for(self.to_be_killed))
        os.kill(session, signal.SIGKILL)
        self.wait_for_records("session-end")

    def test_a_session_that_was_stopped_is_cut_off_and_to_be_killed_though_logins_are_switched_off(self):
        self.start()
        s = self.login(self.ann, "root")[1]
        self.wait_for_records("session-start")
        session = self.session()
        stop(session)
        self.configure(enabled=False)
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertIsNone(event(s))
        self.assertTrue(wait_for(self.to_be_killed))
        # No session can come back, and when that one has gone, nothing of logins is left; and then they can be switched on.
        self.assertFalse(os.path.exists(f"{self.server.folder}/run/logins"))
        os.kill(session, signal.SIGKILL)
        self.wait_for_records("session-end")
        self.configure()
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.listens()
        self.assertTrue(self.login(self.ann, "root")[0]["accept"])

    def test_logins_that_are_switched_on_again_while_one_still_ends_are_taken(self):
        self.start()
        s = self.login(self.ann, "root")[1]
        self.wait_for_records("session-start")
        session = self.session()
        stop(session)
        for on in (False, True):
            self.configure(enabled=on)
            self.assertEqual(self.server.ask("reload").returncode, 0)
        self.listens()
        self.assertTrue(self.login(self.ann, "deploy")[0]["accept"])
        self.assertIsNone(event(s))
        self.assertTrue(wait_for(self.to_be_killed))
        os.kill(session, signal.SIGKILL)
        self.wait_for_records("session-end")

    def session(self):
        """The process of the one login."""
        with open(self.socket + ".pid") as file:
            supervisor = file.read().strip()
        with open(f"/proc/{supervisor}/task/{supervisor}/children") as file:
            (session,) = map(int, file.read().split())
        return session

    def to_be_killed(self):
        """Which logins the supervisor was to kill, and with how many descriptors that was said."""
        try:
            with open(self.socket + ".kill") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def check_cut_off_though_it_came_back(self, address):
        """Its connection is another process's alone; the kernel ends it."""
        self.start()
        s = self.login(self.ann, "root", address=address)[1]
        started = self.wait_for_records("session-start")[0]
        self.server.kill_daemon()
        self.assertEqual(event(s)["event"], "alone")
        self.server.start_daemon()
        self.assertEqual(event(s)["event"], "go-on")
        session = self.session()
        stop(session)
        self.configure(deny_users=["root"])
        self.assertEqual(self.server.ask("reload").returncode, 0)
        with self.assertRaises(ConnectionResetError):
            s.recv(1)
        self.assertTrue(wait_for(self.to_be_killed))
        self.assertEqual(self.to_be_killed(), [f"{started['connection']} 1"])
        os.kill(session, signal.SIGKILL)
        self.wait_for_records("session-end")

    def test_a_session_that_came_back_and_was_stopped_is_cut_off_and_to_be_killed(self):
        self.check_cut_off_though_it_came_back(self.server.v4)

    def test_so_is_one_over_ipv6(self):
        self.check_cut_off_though_it_came_back(self.server.v6)

    def test_a_new_table_ends_what_it_does_not_allow_within_a_second(self):
        self.start()
        gone, stays = self.login(self.ann, "root")[1], self.login(self.ann, "deploy")[1]
        rules = [dict(SSH_RULES[0], users=["deploy"])]
        number = self.lab.compile(policy(rules))
        began = time.monotonic()
        run(ACLC, "publish", self.lab.release, self.lab.store)
        os.system(f"chmod -R a+rX {self.lab.folder}/store")
        ended = event(gone)
        print(f"ended {time.monotonic() - began:.3f} s after publishing began", flush=True)
        self.assertEqual(ended["event"], "end")
        self.assertIn('this login is no longer allowed: policy does not let ann@example.com become "root" here', ended["words"])
        self.assertTrue(self.server.enforces_generation(number))
        with self.assertRaises(TimeoutError):
            event(stays, 0.5)
        again = self.wait_for_records("login-again")
        self.assertEqual([(d["verdict"], d["account"]) for d in again], [("deny", "root")])

    def test_a_reload_that_denies_an_account_ends_its_logins(self):
        self.start()
        s = self.login(self.ann, "root")[1]
        self.configure(deny_users=["root"])
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertIn("takes no logins", event(s)["words"])
        s = self.login(self.ann, "deploy")[1]
        self.configure(enabled=False)
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertIn("takes no logins by policy any more", event(s)["words"])

    def test_sessions_outlive_the_daemon_and_are_decided_again(self):
        self.start()
        root, deploy = self.login(self.ann, "root")[1], self.login(self.ann, "deploy")[1]
        self.server.kill_daemon()
        for s in (root, deploy):
            self.assertEqual(event(s)["event"], "alone")
        self.configure(deny_users=["root"])
        self.server.start_daemon()
        self.assertEqual(event(deploy)["event"], "go-on")
        self.assertEqual(event(root)["event"], "end")
        self.has_sessions(1)
        self.assertEqual([d["account"] for d in self.wait_for_records("session-resumed")], ["deploy"])
        # A table that comes later counts for it, too.
        self.lab.publish(policy([]))
        self.assertEqual(event(deploy)["event"], "end")

    def test_without_descriptors_it_waits_and_does_not_spin(self):
        self.start()
        process = f"/proc/{self.server.daemon.pid}"

        def busy():
            with open(f"{process}/stat") as file:
                return sum(int(n) for n in file.read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")
        limit = resource.prlimit(self.server.daemon.pid, resource.RLIMIT_NOFILE)
        # As many as there are, if the kernel gives the lowest that is free.
        free = next(n for n in range(1024) if not os.path.exists(f"{process}/fd/{n}"))
        resource.prlimit(self.server.daemon.pid, resource.RLIMIT_NOFILE, (free, limit[1]))
        s = self.connect(self.ann, self.server.v4)
        before = busy()
        time.sleep(2)
        self.assertLess(busy() - before, 0.7, "seconds of the processor within two")
        resource.prlimit(self.server.daemon.pid, resource.RLIMIT_NOFILE, limit)
        s.close()
        self.assertTrue(wait_for(lambda: (self.login(self.ann, "root")[0] or {}).get("accept")))

    def test_a_table_that_gives_less_ends_what_has_more(self):
        """Also where aclnode was started anew meanwhile, and knows of the right by the session alone."""
        rule = {**SSH_RULES[0], "acceptEnv": ["GIT_*"]}
        self.start([rule])
        accepted, s = self.login(self.ann, "root")
        self.assertEqual(accepted["patterns"], ["GIT_*"])
        self.assertTrue(accepted["local"], accepted)
        self.lab.publish(policy([{**rule, "acceptEnv": ["GIT_*", "LANG"]}]))
        with self.assertRaises(TimeoutError):
            event(s, 1.5)
        self.lab.publish(policy([SSH_RULES[0]]))
        self.assertIn("policy no longer gives variables of the environment", event(s)["words"])
        kept = self.login(self.ann, "root")[1]
        self.server.kill_daemon()
        self.assertEqual(event(kept)["event"], "alone")
        # Break-glass gives accounts and no forwarding.
        self.configure(tail=f'\n[[break_glass]]\nfrom = "{self.ann.v4}"\nkey = "{self.ann.public}"\nlogin = "root"\n')
        os.rename(self.lab.trust_file, self.lab.trust_file + ".away")
        self.server.start_daemon()
        self.assertIn("policy no longer gives agent forwarding", event(kept)["words"])

    def test_who_says_nothing_keeps_only_himself_out(self):
        self.start(max_starting=6, max_starting_per_source=3, login_grace_s=8)
        silent = [self.connect(self.ann, self.server.v4) for _ in range(5)]
        self.assertTrue(wait_for(lambda: self.server.status()["ssh"]["starting"] == 3), self.server.status())
        self.assertIsNotNone(self.login(self.bob, "root")[0])
        # Those wait their turn, and the grace is theirs.
        self.assertTrue(wait_for(lambda: self.login(self.ann, "deploy")[0]))
        del silent

    def test_break_glass_names_who_may_become_whom(self):
        entry = f'\n[[break_glass]]\nfrom = "{self.ann.v4}"\nkey = "{self.ann.public}"\nlogin = "root"\n'
        self.configure(tail=entry)
        self.lab.publish(policy())
        os.rename(self.lab.trust_file, self.lab.trust_file + ".away")
        self.server.start_daemon()
        self.assertEqual(self.server.status()["state"], "break-glass")
        self.listens()
        answer, s = self.login(self.ann, "root")
        self.assertTrue(answer["accept"], answer)
        self.assertFalse(self.login(self.ann, "deploy")[0]["accept"])
        self.assertEqual(self.answers(self.bob, self.server.v4, 0.6), "nobody")
        # Once there is a table it holds, and not a moment longer break-glass.
        self.lab.publish(policy(SSH_RULES, grants=[]))
        os.rename(self.lab.trust_file + ".away", self.lab.trust_file)
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertEqual(event(s)["event"], "end")

    def test_why_walks_through_a_login(self):
        """The accounts are this machine's: root, daemon (whose shell is nologin), and no deploy."""
        self.start(deny_users=["games"])
        why = lambda source, user: self.server.ask("why", source, "ssh", user, "--json")
        last = lambda done: json.loads(done.stdout)["layers"][-1]
        yes = why("annlaptop", "root")
        self.assertEqual(yes.returncode, 0, yes.stdout + yes.stderr)
        self.assertEqual([layer["name"] for layer in json.loads(yes.stdout)["layers"]],
                         ["mode", "known", "bound", "here", "packet", "ssh", "account", "shell"])
        self.assertEqual(json.loads(yes.stdout)["rule"], "ssh[0]")
        for source, user, layer, reason in (
                (self.ann.v6, "daemon", "shell", "nologin"), (self.ann.v4, "deploy", "account", "there is no account"),
                ("annlaptop", "games", "ssh", "no rule lets"), ("annlaptop", "careful", "account", "there is no account"),
                ("boblaptop", "root", "ssh", "no rule lets bob@example.com"), (self.stranger.v4, "root", "known", "no node"),
                (self.server.v4, "root", "known", "an address of this host")):
            done = why(source, user)
            self.assertEqual((done.returncode, last(done)["name"], last(done)["ok"]), (1, layer, False), done.stdout)
            self.assertIn(reason, last(done)["reason"])
        for words in (("annlaptop", "ssh"), ("annlaptop", "self:22", "root"), ("nobody-here", "ssh", "root")):
            self.assertEqual(self.server.ask("why", *words).returncode, 2, words)
        text = self.server.ask("why", "annlaptop", "ssh", "careful").stdout
        self.assertIn("  account  NO  there is no account \"careful\" on this machine", text)

    def test_host_keys_are_made_once_and_told_and_made_anew(self):
        self.start()
        first = self.server.ask("host-keys").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in first], ["ssh-ed25519", "ssh-ecdsa"])
        json_text = self.server.exec(ACLNODE, "host-keys", "--json", "--config", self.server.config)
        self.assertEqual(json.loads(json_text), {"hostKeys": [{"key": self.server.public, "sshHostKeys": first}]})
        self.server.stop_daemon()
        self.server.start_daemon()
        self.assertEqual(self.server.ask("host-keys").stdout.splitlines(), first)
        self.assertEqual(self.server.ask("rotate-host-key").returncode, 0)
        again = self.server.ask("host-keys").stdout.splitlines()
        self.assertEqual(len(set(first + again)), 4)
        # Those of another program are told, and left alone.
        self.configure(host_keys=f"{self.server.folder}/state")
        self.assertEqual(self.server.ask("reload").returncode, 0)
        self.assertIn("WARNING: host keys of another program", self.server.ask("status").stdout)
        self.assertEqual(self.server.ask("rotate-host-key").returncode, 1)
        self.assertEqual(self.server.ask("host-keys").stdout.splitlines(), again)

    def test_a_session_program_that_is_not_there_is_told_and_comes_back(self):
        self.start()
        self.assertTrue(self.login(self.ann, "root")[0]["accept"])
        self.end_supervisor()
        self.assertTrue(wait_for(lambda: self.login(self.ann, "deploy")[0]))

    def test_nothing_but_roots_own_supervisor_is_believed(self):
        folder = os.path.dirname(self.socket)
        os.makedirs(folder)
        code = ("import os,socket,sys; os.setuid(65534); s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.bind(sys.argv[1]);"
                "s.listen(8); print('ready',flush=True); s.accept()[0].recv(9)")
        os.chmod(folder, 0o777)
        os.chmod(self.server.folder, 0o755)
        impostor = self.server.start(sys.executable, "-c", code, self.socket, stdout=subprocess.PIPE)
        impostor.stdout.readline()
        self.start()
        self.is_troubled("not of this user")


if __name__ == "__main__":
    unittest.main(verbosity=2)
