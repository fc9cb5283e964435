#!/usr/bin/env python3
"""Logins on a machine that boots (machine.py), installed below /usr with systemd-logind, PAM and sudo as Debian has them.

What a person starts in a login has a scope of his own and nothing of the sandbox of the daemon that let him in; units may be started
anew under it. All tests share the machine, each leaves it taking logins.
"""
import os, select, sys, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ssh_lab import Client
from machine import *

UID = 5001
SERVICES = ("aclnode-guard.service", "aclnode-session.service", "aclnode.service")


def policy(*users):
    return {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": [{"src": ["*"], "dst": ["tag:srv"], "ip": ["tcp:22"]}],
            "ssh": [{"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": list(users)}]}


POLICY = policy("ann", "root")


class LoginMachine(Machine):
    prefix = "/usr"  # where PAM's service is found without an entry in /etc
    system_units = ("dbus.service", "systemd-logind.service", "systemd-user-sessions.service")
    enabled_units = SERVICES

    def install(self):
        super().install("[ssh]\nenabled = true\n")
        for file, line in (("passwd", f"ann:x:{UID}:{UID}:ann:/home/ann:/bin/bash"), ("group", f"ann:x:{UID}:"), ("shadow", "ann:*:20000:0:99999:7:::"),
                           ("hosts", f"127.0.0.1 {self.lab.prefix}"), ("sudoers.d/ann", "ann ALL=(ALL) NOPASSWD: ALL")):
            with open(self.path("etc", file), "a") as text:
                text.write(line + "\n")
        os.chmod(self.path("etc/sudoers.d/ann"), 0o440)
        os.mkdir(self.path("home/ann"), 0o700)
        os.chown(self.path("home/ann"), UID, UID)


def logins_missing():
    for tool in ("ssh", "sudo", "loginctl", "dbus-daemon", "who", "last"):
        if shutil.which(tool) is None:
            return tool
    return "" if "pam_systemd.so" in read("/etc/pam.d/common-session") else "libpam-systemd"


def setUpModule():
    reason = machine_missing() or logins_missing()
    if reason:
        print(f"SKIPPED: needs {reason}", file=sys.stderr)
        os._exit(SKIPPED)
    global lab, server, laptop, ann
    lab = unittest.enterModuleContext(Lab())
    laptop = lab.add("laptop", 1, owner="ann@example.com")
    server = lab.nodes["server"] = LoginMachine(lab, "server", 2, tags=["tag:srv"])
    unittest.addModuleCleanup(server.shut_down)
    lab.up()
    lab.publish(POLICY)
    server.install()
    server.boot()
    ann = Client(lab, laptop)


def sandbox_of(text):
    """What a sandbox leaves behind: of /proc/PID/status, and which mounts."""
    got = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: got[name].strip() for name in ("NoNewPrivs", "Seccomp_filters", "CapBnd", "mnt")}


def read_until(stream, word, patience=PATIENCE):
    """What comes up to a word, or up to the end of patience."""
    got, last = b"", time.monotonic() + patience
    while word not in got and select.select([stream], [], [], max(0, last - time.monotonic()))[0]:
        piece = os.read(stream.fileno(), 4096)
        if not piece:
            break
        got += piece
    return got


class UnitsSsh(unittest.TestCase):
    def setUp(self):
        self.takes_logins()

    def tearDown(self):
        self.assertEqual(server.inside("systemctl", "--failed", "--plain", "--no-legend").stdout, "", server.journal())

    def takes_logins(self, generation=0, patience=2 * PATIENCE):
        def does():
            said = server.ask("status", "--json").stdout
            status = json.loads(said) if said else None
            return status and status["state"] == "enforcing" and status["ssh"]["listening"] and (status["generation"] or 0) >= generation
        self.assertTrue(wait_for(does, patience, every=0.1), server.ask("status").stdout + server.journal())

    def said(self, command, user="ann", options=()):
        done = ann.ssh(f"{user}@{server.v4}", command, options=options, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + server.journal())
        return done.stdout

    def session(self, *command, options=()):
        """A live login that says what it is told."""
        process = ann.start_ssh(f"ann@{server.v4}", *command, options=options)
        self.addCleanup(end, process)
        return process

    def echoes(self, process, word):
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        return word in read_until(process.stdout, word)

    def main_pid(self, unit):
        return int(server.shows(unit, "MainPID"))

    def restart(self, *units):
        before = [self.main_pid(unit) for unit in units]
        server.systemctl("restart", *units)
        for unit, pid in zip(units, before):
            self.assertNotIn(self.main_pid(unit), (0, pid))
        self.takes_logins()

    def count_of_sessions(self):
        said = server.ask("status", "--json").stdout
        return json.loads(said)["ssh"]["sessions"] if said else None

    # --- what a login is ---

    def test_a_login_runs_in_a_scope_of_its_own(self):
        group, number, folder = self.said("grep ^0:: /proc/self/cgroup; echo $XDG_SESSION_ID; echo $XDG_RUNTIME_DIR").split()
        self.assertEqual((group, folder), (f"0::/user.slice/user-{UID}.slice/session-{number}.scope", f"/run/user/{UID}"))
        other = self.said("echo $XDG_SESSION_ID").strip()
        self.assertNotEqual(number, other)

    def test_logind_knows_who_came_and_from_where_and_that_he_left(self):
        process = self.session("echo $XDG_SESSION_ID; exec cat")
        number = process.stdout.readline().decode().strip()
        shown = server.inside("loginctl", "show-session", number).stdout.splitlines()
        for wanted in ("Name=ann", f"User={UID}", "Remote=yes", f"RemoteHost={laptop.v4}", "Service=aclnode", "Active=yes"):
            self.assertIn(wanted, shown)
        process.stdin.close()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertTrue(wait_for(lambda: server.inside("loginctl", "show-session", number).returncode != 0), "the scope stays")

    def test_the_runtime_folder_is_the_person_s_and_his_own_systemd_answers(self):
        said = self.said("stat -c '%a %u' $XDG_RUNTIME_DIR; systemctl --user is-system-running --wait; true").splitlines()
        self.assertEqual(said, [f"700 {UID}", "running"])

    def test_the_kernel_knows_whose_login_it_is(self):
        if not os.path.exists("/proc/self/loginuid"):
            self.skipTest("this kernel has no loginuid")
        self.assertEqual(self.said("cat /proc/self/loginuid"), str(UID))
        self.assertEqual(self.said("sudo -n cat /proc/self/loginuid"), str(UID))

    def test_nothing_of_a_sandbox_is_left(self):
        """As the machine's process 1 has it, which the daemon has not."""
        asked = "cat /proc/self/status; readlink /proc/self/ns/mnt"
        first = server.inside("sh", "-c", asked.replace("self", "1")).stdout
        daemon = server.inside("sh", "-c", asked.replace("self", str(self.main_pid("aclnode")))).stdout
        for user in ("ann", "root"):
            self.assertEqual(sandbox_of(self.said(asked, user)), sandbox_of(first))
        self.assertEqual(sandbox_of(first)["NoNewPrivs"], "0")
        for name, value in sandbox_of(daemon).items():
            self.assertNotEqual(value, sandbox_of(first)[name], f"{name} could not fail")

    def test_sudo_makes_him_root_who_may(self):
        self.assertEqual(self.said("sudo -n id -u"), "0\n")
        self.assertEqual(self.said("sudo -n mount -t tmpfs tmpfs /mnt && sudo -n umount /mnt && echo mounted"), "mounted\n")

    def test_who_and_last_show_a_terminal_s_login(self):
        process = self.session(options=["-tt"])
        process.stdin.write(b"echo ${SSH_TTY#/dev/}\"=\"\n")
        process.stdin.flush()
        tty = re.search(rb"(pts/\d+)=\r", read_until(process.stdout, b"=\r"))[1].decode()
        # Records are written beside the login, which does not wait for them.
        shows = lambda words, *command: wait_for(lambda: re.search(words, server.inside(*command).stdout), every=0.1)
        self.assertTrue(shows(rf"(?m)^ann +{tty} .*\({laptop.v4}\)$", "who"), server.inside("who").stdout)
        self.assertTrue(shows(rf"^ann +{tty} +{laptop.v4} .* still logged in\n", "last", "-n", "1", "ann"))
        process.stdin.write(b"exit\n")
        process.stdin.flush()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertTrue(wait_for(lambda: not server.inside("who").stdout))
        ended = rf"^ann +{tty} +{laptop.v4} .* - \d\d:\d\d +\(\d\d:\d\d\)\n"  # what ended in this very second is "still running" to last
        self.assertTrue(shows(ended, "last", "-n", "1", "ann"))

    def test_who_administers_the_machine_ends_it_with_loginctl(self):
        process = self.session("echo $XDG_SESSION_ID; exec cat")
        number = process.stdout.readline().decode().strip()
        self.assertEqual(server.inside("loginctl", "terminate-session", number).returncode, 0)
        self.assertTrue(wait_for(lambda: process.poll() is not None), "it goes on")
        self.assertTrue(wait_for(lambda: self.count_of_sessions() == 0))

    def test_nobody_comes_while_the_machine_says_nologin(self):
        server.inside("sh", "-c", "echo at noon again >/run/nologin")
        try:
            done = ann.ssh(f"ann@{server.v4}", "true", options=["-o", "LogLevel=INFO"])
            self.assertEqual(done.returncode, 255)
            self.assertIn(b"at noon again", done.stderr)
        finally:
            server.inside("rm", "/run/nologin")

    def test_an_sshd_may_take_port_22_beside_it(self):
        process = self.session("exec cat")
        self.assertTrue(self.echoes(process, b"before"))
        other = server.serve(22)
        self.addCleanup(end, other)
        self.assertTrue(server.tcp("127.0.0.1", 22))
        self.assertTrue(self.echoes(process, b"after"))

    # --- units ---

    def test_the_units_are_well_formed(self):
        done = server.inside("systemd-analyze", "verify", *SERVICES)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_a_live_login_goes_on_when_units_are_restarted_and_is_still_policy_s(self):
        process = self.session("exec cat")
        self.assertTrue(self.echoes(process, b"before"))
        for units in (["aclnode"], ["aclnode-session"], ["aclnode", "aclnode-session"]):
            with self.subTest(units):
                self.restart(*units)
                self.assertTrue(self.echoes(process, b"after " + units[0].encode()))
                self.assertTrue(wait_for(lambda: self.count_of_sessions() == 1))
                self.assertEqual(self.said("id -un"), "ann\n")
        self.addCleanup(lab.publish, POLICY)
        generation = lab.publish(policy("root"))
        self.takes_logins(generation)
        self.assertTrue(wait_for(lambda: process.poll() is not None), "it goes on although no rule allows it")
        self.takes_logins(lab.publish(POLICY))

    def test_a_login_whose_process_was_stopped_is_ended_all_the_same_with_all_that_it_has_started(self):
        """By who may be root here; also after aclnode was started anew, and with a supervisor that knows nothing of it."""
        process = self.session("(setsid sh -c 'trap \"\" HUP; exec sleep 4444' &) ; echo $PPID; exec cat")
        login = int(process.stdout.readline())
        self.assertTrue(wait_for(lambda: "sleep 4444" in server.inside("ps", "-eo", "args").stdout))
        self.restart("aclnode", "aclnode-session")
        self.assertTrue(wait_for(lambda: self.count_of_sessions() == 1))
        server.inside("kill", "-STOP", str(login))
        self.addCleanup(lambda: self.takes_logins(lab.publish(POLICY)))
        self.takes_logins(lab.publish(policy("root")))
        self.assertTrue(wait_for(lambda: process.poll() is not None), "it goes on although no rule allows it")
        self.assertTrue(wait_for(lambda: "sleep 4444" not in server.inside("ps", "-eo", "args").stdout), "it has left something")
        self.assertTrue(wait_for(lambda: self.count_of_sessions() == 0))

    def test_pam_systemd_s_session_is_closed_by_who_opened_it(self):
        """However it ended: by the person, or by policy."""
        journal = lambda: server.inside("journalctl", "--no-pager", "--boot").stdout
        left_open = lambda: sum(1 if word == "opened" else -1 for word in re.findall(r"pam_unix\(aclnode:session\): session (\w+) for user ann", journal()))
        before = left_open()
        self.said("true")
        process = self.session("exec cat")
        self.assertTrue(self.echoes(process, b"here"))
        self.assertTrue(wait_for(lambda: left_open() == before + 1), journal())
        self.addCleanup(lambda: self.takes_logins(lab.publish(POLICY)))
        self.takes_logins(lab.publish(policy("root")))
        self.assertTrue(wait_for(lambda: process.poll() is not None), "it goes on although no rule allows it")
        self.assertTrue(wait_for(lambda: self.count_of_sessions() == 0))
        # That logind has the session, too, then is no matter: by policy all of its scope is killed first, and logind may have seen that it is empty.
        self.assertTrue(wait_for(lambda: left_open() == before), journal())

    def test_host_keys_are_the_same_after_a_restart_and_a_boot_which_tells_people_that_it_ends_their_logins(self):
        keys = lambda: server.ask("host-keys").stdout
        before = keys()
        self.assertIn("ssh-ed25519", before)
        self.said("true")
        self.restart("aclnode", "aclnode-session")
        self.assertEqual(keys(), before)
        process = self.session("trap '' TERM; while read word; do echo $word; done")  # all that are in the scope get SIGTERM at once
        self.assertTrue(self.echoes(process, b"before"))
        server.reboot()
        server.ping(laptop.v4)  # a handshake: by itself the laptop goes on for 15 seconds with keys that the machine has no more
        self.assertEqual(process.wait(PATIENCE), 255)
        self.assertIn(b"this machine ends the login", process.stderr.read())
        self.takes_logins()
        self.assertEqual(keys(), before)
        self.said("true", options=["-o", "StrictHostKeyChecking=yes"])

    def test_a_removal_leaves_port_22_to_others_and_a_start_takes_it_again(self):
        server.systemctl("stop", *SERVICES)
        try:
            done = server.ask("remove")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            other = server.serve(22)
            self.assertTrue(laptop.tcp(server.v4, 22))
            end(other)
        finally:
            server.systemctl("start", *SERVICES)
        self.takes_logins()
        self.assertEqual(self.said("id -un"), "ann\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
