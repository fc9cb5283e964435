#!/usr/bin/env python3
"""The system's sshd under policy: AuthorizedKeysCommand, AuthorizedPrincipalsCommand and pam_aclnode.so with the real sshd, over real WireGuard.

Logins of aclnode's own are off. Needs what ssh_lab.py needs, and sshd. Environment: PAM_ACLNODE names the module.
"""
import base64, sys, unittest

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from ssh_lab import *

SSHD = "/usr/sbin/sshd"
PAM_ACLNODE = os.path.abspath(os.environ.get("PAM_ACLNODE", os.path.join(BIN, "pam_aclnode.so")))
PORT_OF_SSHD = 2222
GHOSTS = 700  # nodes of one tag: their addresses are more than one line has

CONFIG = """Port {port}
ListenAddress {v4}
ListenAddress {v6}
HostKey {folder}/sshd_key
PidFile none
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
Subsystem sftp internal-sftp
{more}
"""
PAM_SSHD = """auth required pam_deny.so
account required {module} socket={socket}
account required pam_unix.so
session required pam_unix.so
"""


def rule(src, users, action="accept", **more):
    return {"action": action, "src": src, "dst": ["tag:srv"], "users": users, **more}


SSH = [rule(["ann@example.com", "tag:ghost"], ["deploy", "ann"]), rule(["ann@example.com"], ["vinay"], recorder=["tag:srv"], enforceRecorder=True),
       rule(["vinay@example.com"], ["autogroup:nonroot"], action="check"), rule(["ann@example.com"], ["root"])]
NETWORK = [{"src": ["*"], "dst": ["tag:srv"], "ip": [f"tcp:{PORT_OF_SSHD}", "icmp:*"]}]


def policy(ssh=SSH, network=NETWORK):
    return {"tagOwners": {"tag:srv": ["autogroup:admin"], "tag:ghost": ["autogroup:admin"]}, "grants": network, "ssh": ssh}


class GhostLab(SshLab):
    def inventory(self):
        made = super().inventory()
        made["nodes"] += [{"name": f"ghost-{i}", "addresses": [address], "key": key, "tags": ["tag:ghost"]} for i, (address, key) in enumerate(self.ghosts)]
        return made


def setUpModule():
    skip_where_impossible()
    if not os.path.exists(SSHD):
        print(f"SKIPPED: needs {SSHD}", file=sys.stderr)
        os._exit(SKIPPED)
    global lab, laptop, other, stranger, server, ann, vinay, made_folder
    made_folder = not os.path.exists("/run/sshd")
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # its empty root, which its unit makes elsewhere
    lab = GhostLab()
    lab.ghosts = [(f"100.65.{i // 200}.{i % 200 + 1}", base64.b64encode(os.urandom(31) + b"\0").decode()) for i in range(GHOSTS)]
    lab.__enter__()
    try:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add_ssh("server", 2, tags=["tag:srv"])
        other = lab.add("other", 3, owner="vinay@example.com")
        stranger = lab.add("stranger", 4, enforces=None)
        lab.up()
        server.set_wireguard(*[word for address, key in lab.ghosts for word in ("peer", key, "allowed-ips", f"{address}/32")])
        server.enable_ssh(enabled=False)
        server.ssh_settings += f"[sshd]\nport = {PORT_OF_SSHD}\n"
        server.write_config(group="wheelers")
        number = lab.publish(policy())
        server.start_daemon()
        assert server.enforces_generation(number), server.status()
        machine = server.machine
        machine.append("passwd", "aclnode-sshd:x:5100:6001::/nonexistent:/usr/sbin/nologin")
        machine.append("shadow", "aclnode-sshd:*:19000:0:99999:7:::")
        server.socket = f"{server.folder}/run/control"
        with open(f"{machine.folder}/pam.d/sshd-tailnet", "w") as file:
            file.write(PAM_SSHD.format(module=PAM_ACLNODE, socket=server.socket))
        # A program whose folders are root's alone to write in, as sshd wants it.
        machine.sh(f"mkdir /home/bin; cp {ACLNODE} /home/bin/aclnode; ln -s {SSHD} /home/bin/sshd-tailnet; touch {machine.folder}/hosts; cp /etc/hosts {machine.folder}/hosts; "
                   f"echo '{laptop.v4} laptop.example.com' >>{machine.folder}/hosts; mount --bind {machine.folder}/hosts /etc/hosts")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{server.folder}/sshd_key")
        ann, vinay = lab.client(laptop), lab.client(other)
        for client in (ann, vinay):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{client.home}/id")
        ensure_reachable()
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    lab.__exit__()
    if made_folder:
        os.rmdir("/run/sshd")


class Sshd:
    """A real sshd at the server's WireGuard addresses."""

    def __init__(self, more=None):
        if more is None:
            more = (f"AuthorizedKeysFile none\nAuthorizedKeysCommand /home/bin/aclnode authorized-keys %u %t %k --socket {server.socket}\n"
                    "AuthorizedKeysCommandUser aclnode-sshd")
        self.config = f"{server.folder}/sshd_config"
        with open(self.config, "w") as file:
            file.write(CONFIG.format(port=PORT_OF_SSHD, v4=server.v4, v6=server.v6, folder=server.folder, more=more))

    def __enter__(self):
        self.log = open(f"{server.folder}/sshd.log", "w")
        self.process = subprocess.Popen([*server.inside(), "/home/bin/sshd-tailnet", "-D", "-e", "-f", self.config], stdout=self.log, stderr=self.log)
        lab.started.append(self.process)
        def listens():
            return f"{server.v4}:{PORT_OF_SSHD}" in server.exec("ss", "-Hltn")
        assert wait_for(lambda: self.process.poll() is not None or listens()) and self.process.poll() is None, self.said()
        return self

    def __exit__(self, *_):
        end(self.process)
        self.log.close()

    def said(self):
        with open(f"{server.folder}/sshd.log") as file:
            return file.read()


def ensure_reachable():
    assert wait_for(lambda: laptop.ping(server.v4, 2))


def ssh(client, user, *command, options=(), address=None, key=None):
    options = [*options, "-p", str(PORT_OF_SSHD), "-i", key or f"{client.home}/id", "-o", "IdentitiesOnly=yes"]
    return client.ssh(f"{user}@{address or server.v4}", *command, options=options)


def refused(done):
    """By sshd: what PAM refuses is cut off, of which the client says nothing at its log level."""
    return done.returncode == 255 and not done.stdout and (not done.stderr or any(words in done.stderr for words in (b"Permission denied", b"closed by", b"Connection reset")))


class KeysByPolicy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sshd = Sshd().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.sshd.__exit__()

    def test_whom_policy_lets_in_gets_in_with_any_key(self):
        for address in (server.v4, server.v6):
            done = ssh(ann, "deploy", "id -un; exit 7", address=address)
            self.assertEqual((done.stdout, done.returncode), (b"deploy\n", 7), (done.stderr, self.sshd.said()))
        self.assertEqual(ssh(ann, "root", "id -un").stdout, b"root\n")

    def test_whom_it_does_not_is_refused(self):
        self.assertTrue(refused(ssh(ann, "expired", "true")))
        self.assertTrue(refused(ssh(vinay, "root", "true")))

    def test_a_check_is_refused_as_nobody_is_asked(self):
        self.assertTrue(refused(ssh(vinay, "vinay", "true")))

    def test_what_must_be_recorded_is_refused_as_nothing_is(self):
        self.assertTrue(refused(ssh(ann, "vinay", "true")))

    def test_the_hosts_own_address_is_nobodys(self):
        inside = Client(lab, server)
        shutil.copy(f"{ann.home}/id", f"{inside.home}/id")
        done = inside.run("ssh", "-p", str(PORT_OF_SSHD), "-i", f"{inside.home}/id", *inside.options, f"deploy@{server.v4}", "true")
        self.assertTrue(refused(done), done.stderr)

    def test_an_unknown_source_does_not_reach_it_and_would_be_refused(self):
        self.assertFalse(stranger.tcp(server.v4, PORT_OF_SSHD, 1.0))
        self.assertNotIn(stranger.v4, server.ask("authorized-keys", "deploy", "ssh-ed25519", "AAAA").stdout)

    def test_a_revoked_rule_refuses_the_next_and_the_packet_rule_cuts_the_open_one(self):
        process = ann.start_ssh(f"deploy@{server.v4}", "echo ready; cat", options=["-p", str(PORT_OF_SSHD), "-i", f"{ann.home}/id", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2"])
        self.assertEqual(process.stdout.readline(), b"ready\n")
        try:
            self.assertTrue(server.enforces_generation(lab.publish(policy(ssh=SSH[1:]))))
            self.assertTrue(refused(ssh(ann, "deploy", "true")))
            process.stdin.write(b"still\n"), process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"still\n")  # as the documentation says
            self.assertTrue(server.enforces_generation(lab.publish(policy(ssh=SSH[1:], network=[{"src": ["vinay@example.com"], "dst": ["tag:srv"], "ip": [f"tcp:{PORT_OF_SSHD}"]}]))))
            self.assertEqual(process.wait(60), 255)
        finally:
            self.assertTrue(server.enforces_generation(lab.publish(policy())))

    def test_without_the_daemon_nobody_gets_in(self):
        server.stop_daemon()
        try:
            done = server.ask("authorized-keys", "deploy", "ssh-ed25519", "AAAA")
            self.assertEqual((done.stdout, done.returncode), ("", 3))
            self.assertTrue(refused(ssh(ann, "deploy", "true")))
        finally:
            server.start_daemon()
        self.assertTrue(wait_for(lambda: ssh(ann, "deploy", "true").returncode == 0))

    def test_each_answer_is_a_record(self):
        before = len(server.decisions())
        ssh(ann, "deploy", "true")
        found = lambda: [d for d in server.decisions()[before:] if d["event"] == "sshd-login"]
        self.assertTrue(wait_for(found))
        self.assertEqual([(d["verdict"], d["node"], d["account"], d["rule"]) for d in found()], [("accept", "laptop", "deploy", "ssh[0]")])


class Lines(unittest.TestCase):
    def keys(self, *words):
        return server.ask("authorized-keys", *words)

    def test_have_all_sources_that_may_and_are_short(self):
        done = self.keys("deploy", "ssh-ed25519", "AAAAC3Nz")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertGreater(len(lines), 1)
        found = []
        for line in lines:
            self.assertLess(len(line), 8192)
            before, key = line.split('" ', 1)
            self.assertEqual(key, "ssh-ed25519 AAAAC3Nz")
            found += before.removeprefix('from="').split(",")
        self.assertEqual(sorted(found), sorted([laptop.v4, laptop.v6, *(address for address, _ in lab.ghosts)]))

    def test_have_only_those_whose_key_wireguard_has_at_the_address(self):
        address, key = lab.ghosts[0]
        server.set_wireguard("peer", key, "remove")
        try:
            self.assertNotIn(f'"{address},', self.keys("deploy", "ssh-ed25519", "AAAA").stdout.replace("from=", ""))
        finally:
            server.set_wireguard("peer", key, "allowed-ips", f"{address}/32")

    def test_are_none_for_accounts_that_nobody_may_become(self):
        for user in ("expired", "no-such-account", "vinay"):
            done = self.keys(user, "ssh-ed25519", "AAAA")
            self.assertEqual((done.stdout, done.returncode), ("", 1), user)

    def test_have_further_options_and_nothing_that_ends_them(self):
        line = self.keys("ann", "ssh-ed25519", "AAAA", "--options", 'restrict,command="echo x"').stdout.splitlines()[-1]
        self.assertTrue(line.endswith('",restrict,command="echo x" ssh-ed25519 AAAA'), line)
        for bad in (["a b", "AAAA"], ["ssh-ed25519", "A\nB"], ["ssh-ed25519", 'A"'], ["ssh-ed25519", "AAAA", "--options", 'from="*"'],
                    ["ssh-ed25519", "AAAA", "--options", "no-pty x"]):
            done = self.keys("ann", *bad)
            self.assertEqual((done.stdout, done.returncode), ("", 2), bad)

    def test_are_nothing_for_whoever_may_not_ask(self):
        done = subprocess.run(["setpriv", "--reuid=5003", "--regid=5003", "--clear-groups", ACLNODE, "authorized-keys", "deploy", "ssh-ed25519", "AAAA", "--socket", server.socket],
                              capture_output=True, text=True)
        self.assertEqual((done.stdout, done.returncode), ("", 3))


class OtherWays(unittest.TestCase):
    def test_restrictions_in_the_files_of_accounts_are_untouched_and_pam_asks_all_the_same(self):
        public = open(f"{ann.home}/id.pub").read().strip()
        others = open(f"{vinay.home}/id.pub").read().strip()
        server.machine.sh(f"mkdir -p -m 700 /home/deploy/.ssh; printf '%s\\n' 'command=\"echo forced\",no-pty {public}' '{others}' >/home/deploy/.ssh/authorized_keys; chown -R deploy:deploy /home/deploy/.ssh")
        try:
            with Sshd("AuthorizedKeysFile .ssh/authorized_keys") as sshd:
                done = ssh(ann, "deploy", "echo other")
                self.assertEqual(done.stdout, b"forced\n", (done.stderr, sshd.said()))
                self.assertTrue(refused(ssh(vinay, "deploy", "true")))
                server.stop_daemon()
                try:
                    self.assertTrue(refused(ssh(ann, "deploy", "true")))
                finally:
                    server.start_daemon()
        finally:
            server.machine.sh("rm -r /home/deploy/.ssh")
        self.assertTrue(wait_for(lambda: server.enforces_generation(1)))

    def test_a_host_name_in_pam_rhost_is_refused(self):
        more = ("UseDNS yes\nAuthorizedKeysFile none\n"
                f"AuthorizedKeysCommand /home/bin/aclnode authorized-keys %u %t %k --socket {server.socket}\nAuthorizedKeysCommandUser aclnode-sshd")
        before = len(server.decisions())
        with Sshd(more) as sshd:
            self.assertTrue(refused(ssh(ann, "deploy", "true")))
            self.assertRegex(sshd.said(), "Access denied for user deploy by PAM account configuration")
        # It was not even asked.
        self.assertEqual([d for d in server.decisions()[before:] if d["event"] == "sshd-login"], [])

    def test_certificates_count_from_where_policy_says(self):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{server.folder}/ca")
        for client in (ann, vinay):
            run("ssh-keygen", "-q", "-s", f"{server.folder}/ca", "-I", "test", "-n", "deploy", "-V", "-5m:+1d", f"{client.home}/id.pub")
        more = (f"AuthorizedKeysFile none\nTrustedUserCAKeys {server.folder}/ca.pub\n"
                f"AuthorizedPrincipalsCommand /home/bin/aclnode authorized-principals %u --socket {server.socket}\nAuthorizedPrincipalsCommandUser aclnode-sshd")
        try:
            with Sshd(more) as sshd:
                done = ssh(ann, "deploy", "id -un")
                self.assertEqual(done.stdout, b"deploy\n", (done.stderr, sshd.said()))
                self.assertTrue(refused(ssh(ann, "ann", "true")))  # the certificate names deploy alone
                self.assertTrue(refused(ssh(vinay, "deploy", "true")))
        finally:
            for client in (ann, vinay):
                os.unlink(f"{client.home}/id-cert.pub")


if __name__ == "__main__":
    unittest.main(verbosity=1)
