#!/usr/bin/env python3
"""Logins on a machine that boots (machine.py), installed below /usr with systemd-logind, PAM and sudo as Debian has them.

What a person starts in a login has a scope of his own and nothing of the sandbox of the daemon that let him in; units may be started
anew under it. All tests share the machine, each leaves it taking logins.
"""
import os, sys, unittest

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


def setUpModule():
    reason = machine_missing() or next((tool for tool in ("ssh", "sudo", "loginctl", "who", "last") if shutil.which(tool) is None), "")
    if reason:
        print(f"SKIPPED: needs {reason}", file=sys.stderr)
        os._exit(SKIPPED)
    global lab, server, ann
    lab = unittest.enterModuleContext(Lab())
    laptop = lab.add("laptop", 1, owner="ann@example.com")
    server = lab.nodes["server"] = LoginMachine(lab, "server", 2, tags=["tag:srv"])
    unittest.addModuleCleanup(server.shut_down)
    lab.up()
    lab.publish(POLICY)
    server.install()
    server.boot()
    ann = Client(lab, laptop)


def status_of(text):
    """Of /proc/PID/status what a sandbox leaves behind."""
    got = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: got[name].strip() for name in ("NoNewPrivs", "Seccomp", "Seccomp_filters", "CapBnd")}


class UnitsSsh(unittest.TestCase):
    def setUp(self):
        self.takes_logins()

    def takes_logins(self, generation=0, patience=30):
        def does():
            said = server.ask("status", "--json").stdout
            status = json.loads(said) if said else None
            return status and status["state"] == "enforcing" and status["ssh"]["listening"] and (status["generation"] or 0) >= generation
        self.assertTrue(wait_for(does, patience, every=0.1), server.ask("status").stdout + server.journal())

    def said(self, command, user="ann", options=()):
        done = ann.ssh(f"{user}@{server.v4}", command, options=options, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + server.journal())
        return done.stdout

    def test_a_login_runs_in_a_scope_of_its_own(self):
        group, number, folder = self.said("grep ^0:: /proc/self/cgroup; echo $XDG_SESSION_ID; echo $XDG_RUNTIME_DIR").split()
        self.assertEqual((group, folder), (f"0::/user.slice/user-{UID}.slice/session-{number}.scope", f"/run/user/{UID}"))

    def test_nothing_of_a_sandbox_is_left(self):
        mine, first = (status_of(text) for text in (self.said("cat /proc/self/status"), server.inside("cat", "/proc/1/status").stdout))
        self.assertEqual(mine, first)


if __name__ == "__main__":
    unittest.main(verbosity=2)
