#!/usr/bin/env python3
"""Who logs in as whom: policy's answer, by real clients over real WireGuard.

Three nodes: ann's laptop, vinay's laptop, and a server that takes logins; and a stranger whom WireGuard lets in and the inventory
does not have.
"""
import sys, unittest

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from ssh_lab import *

NETWORK = [{"src": ["*"], "dst": ["tag:srv"], "ip": ["tcp:22", "tcp:8000", "icmp:*"]}]
SSH = [{"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["ann", "deploy", "root", "locked", "expired", "nobody-here"],
        "acceptEnv": ["GIT_*", "FOO?"]},
       {"action": "accept", "src": ["vinay@example.com"], "dst": ["tag:srv"], "users": ["autogroup:nonroot"]},
       {"action": "check", "src": ["vinay@example.com"], "dst": ["tag:srv"], "users": ["root"]}]


def policy(ssh=SSH, network=NETWORK):
    return {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": network, "ssh": ssh,
            "nodeAttrs": [{"target": ["*"], "attr": ["ssh-env-vars"]}]}


def setUpModule():
    reason = missing()
    if reason:
        print(f"SKIPPED: needs {reason}", file=sys.stderr)
        os._exit(SKIPPED)
    global lab, laptop, other, server, ann, vinay
    lab = SshLab().__enter__()
    try:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add_ssh("server", 2, tags=["tag:srv"])
        other = lab.add("other", 3, owner="vinay@example.com")
        lab.up()
        server.enable_ssh()
        server.write_config()
        number = lab.publish(policy())
        server.start_daemon()
        assert server.takes_logins(number), server.status()
        ann, vinay = lab.client(laptop), lab.client(other)
    except BaseException:
        lab.__exit__()
        raise


def tearDownModule():
    lab.__exit__()


def at(user, address=None):
    return f"{user}@{address or server.v4}"


class Accepted(unittest.TestCase):
    def test_a_command_runs_as_the_account_and_its_status_comes_back(self):
        for user in ("ann", "root"):
            done = ann.ssh(at(user), "id -un; exit 7")
            self.assertEqual((done.stdout, done.returncode), (user.encode() + b"\n", 7), done.stderr)

    def test_over_ipv6_too(self):
        self.assertEqual(ann.ssh(at("ann", server.v6), "id -un").stdout, b"ann\n")

    def test_groups_home_and_umask_are_the_accounts(self):
        done = ann.ssh(at("ann"), "id -Gn; pwd; umask")
        self.assertEqual(done.stdout, b"ann wheelers\n/home/ann\n0022\n", done.stderr)

    def test_standard_error_and_input_are_their_own(self):
        done = ann.ssh(at("ann"), "cat; echo to-stderr >&2", input=b"to-stdout")
        self.assertEqual((done.stdout, done.stderr), (b"to-stdout", b"to-stderr\n"))

    def test_a_signal_is_told(self):
        self.assertEqual(ann.ssh(at("ann"), "kill -TERM $$").returncode, 255)


class Refused(unittest.TestCase):
    def said(self, client, user):
        """The banner, which the client shows at this log level."""
        done = client.ssh(at(user), "true", options=["-o", "LogLevel=INFO"])
        self.assertEqual(done.returncode, 255)
        return done.stderr.decode().split("Permission denied")[0]

    def test_an_account_that_policy_does_not_give(self):
        self.assertIn("vinay", self.said(ann, "vinay"))

    def test_root_where_only_others_are_given(self):
        self.assertIn("check", self.said(vinay, "root"))

    def test_an_account_that_does_not_exist(self):
        self.assertIn("no-such", self.said(vinay, "no-such"))

    def test_an_expired_account(self):
        self.assertIn("expired", self.said(ann, "expired"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
