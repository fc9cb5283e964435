#!/usr/bin/env python3
"""Port 22 of a WireGuard address: which connections come to aclnode, and which to the sshd of the system; what aclnode then decides, and
what becomes of logins when policy changes or aclnode restarts. A stand-in plays aclnode-session, so there is no SSH in it but Debian's
sshd beside it.
"""
import os, shutil, sys, time, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import *

STAND_IN = os.path.join(HERE, "stand_in_session.py")
SSHD = "/usr/sbin/sshd"
SSH_RULES = [
    {"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["root", "deploy"]},
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
        self.assertTrue(wait_for(lambda: self.server.status()["ssh"]["listening"]), self.server.status())

    def start_sshd(self):
        folder = f"{self.server.folder}/sshd"
        os.makedirs(folder)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/key")
        with open(f"{folder}/config", "w") as file:
            file.write(f"ListenAddress 0.0.0.0:22\nListenAddress [::]:22\nHostKey {folder}/key\nPidFile none\nUsePAM no\n")
        script = f"mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec {SSHD} -D -e -f {folder}/config"
        sshd = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.server.namespace}", "unshare", "-m", "sh", "-c", script],
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

    def connect(self, node, address, patience=3.0, source=None):
        s = node.open_socket(socket.SOCK_STREAM, family_of(address))
        if source:
            s.bind((source, 0))
        s.settimeout(patience)
        self.addCleanup(s.close)
        s.connect((address, 22))
        return s

    def answers(self, node, address, patience=3.0, source=None):
        """Who answers at port 22: "sshd", "aclnode", "refused", "nobody"."""
        try:
            s = self.connect(node, address, patience, source)
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "nobody"
        with s:
            try:
                s.settimeout(0.5)
                return "sshd" if s.recv(64).startswith(b"SSH-2.0-OpenSSH") else "refused"
            except TimeoutError:
                return "aclnode" if ask(s, "nobody-at-all") else "nobody"
            except OSError:
                return "refused"

    def login(self, node, user, exists=True, address=None):
        """The answer to one question, and the connection."""
        s = self.connect(node, address or self.server.v4)
        return ask(s, user, exists), s


def ask(s, user, exists=True):
    s.settimeout(10)
    try:
        s.sendall(f"{user} {'exists' if exists else 'missing'} {'root' if user == 'root' else 'other'}\n".encode())
        return event(s)
    except OSError:
        return None


def event(s, patience=10):
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
        self.assertTrue(wait_for(lambda: seen.add(who := self.answers(self.ann, self.server.v4, 1.0)) or who == "aclnode", 20), seen)
        self.assertNotIn("sshd", seen)


class WhoAnswersByRules(WhoAnswers):
    """The same by rules of nftables, for kernels without the program."""
    BY = "nftables"


if __name__ == "__main__":
    unittest.main(verbosity=2)
