#!/usr/bin/env python3
"""The clients that people use, each with the same list: OpenSSH, dropbear, PuTTY, paramiko; and what rides on them: scp in both
protocols, sftp, rsync, git, Ansible. A client that is not installed is named, and its part skipped.

Long (argument --long): Ansible with 20 hosts at once, 200 logins at a time.
"""
import filecmp, hashlib, re, shlex, sys, unittest

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from ssh_lab import *

LONG = "--long" in sys.argv
USERS = ("ann", "deploy", "root")
POLICY = {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": [{"src": ["*"], "dst": ["tag:srv"], "ip": ["tcp:22"]}],
          "ssh": [{"action": "accept", "src": ["ann@example.com", "tag:srv"], "dst": ["tag:srv"], "users": ["ann", "deploy", "root"]}]}


def setUpModule():
    skip_where_impossible()
    global lab, laptop, server, second, ann
    lab = SshLab().__enter__()
    try:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add_ssh("server", 2, tags=["tag:srv"])
        second = lab.add_ssh("second", 3, tags=["tag:srv"])
        lab.up()
        for node in (server, second):
            node.enable_ssh()
            node.write_config()
        number = lab.publish(POLICY)
        for node in (server, second):
            node.start_daemon()
            assert node.takes_logins(number), node.status()
        ann = lab.client(laptop)
    except BaseException:
        lab.__exit__()
        raise


def tearDownModule():
    lab.__exit__()


def needs(*programs):
    lacking = [p for p in programs if shutil.which(p) is None]
    return unittest.skipIf(lacking, f"needs {', '.join(lacking)}")


def some_bytes(size, seed=b"x"):
    """As good as random, and the same each time."""
    out = bytearray()
    block = hashlib.sha256(seed).digest()
    while len(out) < size:
        block = hashlib.sha512(block).digest()
        out += block * 64
    return bytes(out[:size])


# --- one list for each client ---

class EachClient:
    """What a client is asked to do; `call(user, command, input, terminal)` gives (status, stdout, stderr)."""

    def test_it_is_who_it_logs_in_as(self):
        for user in USERS:
            self.assertEqual(self.call(user, "id -un")[:2], (0, user.encode() + b"\n"), user)

    def test_exit_statuses_come_back(self):
        for status in (0, 1, 7, 127, 255):
            self.assertEqual(self.call("ann", f"exit {status}")[0], status)

    def test_what_goes_in_comes_out(self):
        data = some_bytes(3_000_000)
        status, out, _ = self.call("ann", "cat", input=data)
        self.assertEqual((status, len(out), out == data), (0, len(data), True))

    def test_standard_error_is_its_own(self):
        status, out, error = self.call("ann", "echo out; echo error >&2")
        self.assertEqual((status, out), (0, b"out\n"))
        self.assertIn(b"error", error)

    def test_much_output_is_whole(self):
        out = self.call("deploy", "seq 1 300000")[1]
        self.assertEqual(hashlib.md5(out).hexdigest(), hashlib.md5("".join(f"{i}\n" for i in range(1, 300001)).encode()).hexdigest())

    def test_a_terminal_is_one(self):
        status, out, _ = self.call("ann", "tty; stty size; echo done", terminal=True)
        self.assertEqual(status, 0, out)
        self.assertRegex(out, rb"/dev/pts/\d+")
        self.assertIn(b"done", out)

    def test_without_a_terminal_there_is_none(self):
        self.assertIn(b"not a tty", self.call("ann", "tty")[1])


class OpenSsh(EachClient, unittest.TestCase):
    def call(self, user, command, input=b"", terminal=False):
        done = ann.ssh(f"{user}@{server.v4}", command, options=["-tt"] if terminal else [], input=input)
        return done.returncode, done.stdout, done.stderr


@needs("dbclient")
class Dropbear(EachClient, unittest.TestCase):
    def call(self, user, command, input=b"", terminal=False):
        words = ["dbclient", "-y", "-y", "-T" if not terminal else "-t", f"{user}@{server.v4}", command]
        if terminal:  # it asks for one only where it has one itself
            words = ["script", "-qec", shlex.join(words), "/dev/null"]
        done = ann.run(*words, input=input)
        return done.returncode, done.stdout, done.stderr


@needs("plink")
class Putty(EachClient, unittest.TestCase):
    key = None

    def host_key(self):
        if not Putty.key:
            said = ann.run("plink", "-batch", "-ssh", f"ann@{server.v4}", "true").stderr.decode()
            Putty.key = re.search(r"SHA256:\S+", said)[0]
        return Putty.key

    def call(self, user, command, input=b"", terminal=False):
        done = ann.run("plink", "-batch", "-ssh", "-no-antispoof", "-hostkey", self.host_key(), *(["-t"] if terminal else ["-T"]),
                       f"{user}@{server.v4}", command, input=input)
        return done.returncode, done.stdout, done.stderr


try:
    import paramiko
except ImportError:
    paramiko = None


@unittest.skipIf(paramiko is None, "needs paramiko")
class Paramiko(EachClient, unittest.TestCase):
    def transport(self, user):
        s = laptop.open_socket(socket.SOCK_STREAM)
        s.settimeout(PATIENCE)
        s.connect((server.v4, 22))
        transport = paramiko.Transport(s)
        transport.banner_timeout = transport.auth_timeout = PATIENCE
        self.addCleanup(transport.close)
        transport.start_client(timeout=PATIENCE)
        transport.auth_none(user)
        return transport

    def call(self, user, command, input=b"", terminal=False):
        channel = self.transport(user).open_session(timeout=PATIENCE)
        channel.settimeout(PATIENCE)
        if terminal:
            channel.get_pty()
        channel.exec_command(command)
        def feed():
            channel.sendall(input)
            channel.shutdown_write()
        feeder = threading.Thread(target=feed)
        if not terminal:
            feeder.start()
        out, error = bytearray(), bytearray()
        while True:
            piece = channel.recv(65536)
            if not piece:
                break
            out += piece
        while channel.recv_stderr_ready():
            error += channel.recv_stderr(65536)
        status = channel.recv_exit_status()
        while piece := channel.recv_stderr(65536):
            error += piece
        if not terminal:
            feeder.join()
        return status, bytes(out), bytes(error)

    def test_its_sftp(self):
        sftp = paramiko.SFTPClient.from_transport(self.transport("ann"))
        with sftp.open("by-paramiko", "wb") as file:
            file.write(some_bytes(400_000))
        self.assertEqual(sftp.stat("by-paramiko").st_size, 400_000)
        with sftp.open("by-paramiko", "rb") as file:
            file.prefetch()
            self.assertEqual(file.read(), some_bytes(400_000))


# --- what rides on OpenSSH's client ---

class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=ann.home)
        self.data = f"{self.folder}/data"
        with open(self.data, "wb") as file:
            file.write(some_bytes(5_000_000))
        self.back = f"{self.folder}/back"

    def ok(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def same(self):
        self.assertTrue(filecmp.cmp(self.data, self.back, shallow=False))

    def test_scp_in_both_protocols(self):
        for protocol in ("-O", "-s"):
            for user in USERS:
                self.ok(ann.run("scp", "-q", protocol, *ann.options, self.data, f"{user}@{server.v4}:there"))
                self.ok(ann.run("scp", "-q", protocol, *ann.options, f"{user}@{server.v4}:there", self.back))
                self.same()

    def test_sftp(self):
        self.ok(ann.run("sftp", "-q", "-b", "-", *ann.options, f"ann@{server.v4}",
                        input=f"put {self.data} by-sftp\nget by-sftp {self.back}\nrename by-sftp renamed\nls -l\n".encode()))
        self.same()
        self.assertEqual(ann.ssh(f"ann@{server.v4}", "stat -c %U renamed").stdout, b"ann\n")

    @needs("psftp", "pscp")
    def test_psftp_and_pscp(self):
        key = Putty().host_key()
        script = f"{self.folder}/script"
        with open(script, "w") as file:
            file.write(f"put {self.data} by-psftp\nget by-psftp {self.back}\n")
        self.ok(ann.run("psftp", "-batch", "-hostkey", key, "-b", script, f"ann@{server.v4}"))
        self.same()
        self.ok(ann.run("pscp", "-batch", "-q", "-hostkey", key, self.data, f"ann@{server.v4}:by-pscp"))
        self.assertEqual(ann.ssh(f"ann@{server.v4}", "cmp by-psftp by-pscp && echo same").stdout, b"same\n")

    @needs("rsync")
    def test_rsync(self):
        shell = " ".join(["ssh", *ann.options])
        os.makedirs(f"{self.folder}/tree/deep")
        for i in range(50):
            with open(f"{self.folder}/tree/deep/{i}", "wb") as file:
                file.write(some_bytes(10_000, str(i).encode()))
        self.ok(ann.run("rsync", "-a", "-e", shell, f"{self.folder}/tree/", f"ann@{server.v4}:tree/"))
        self.ok(ann.run("rsync", "-a", "-e", shell, f"ann@{server.v4}:tree/", f"{self.folder}/tree2/"))
        self.assertEqual(subprocess.run(["diff", "-r", f"{self.folder}/tree", f"{self.folder}/tree2"]).returncode, 0)

    @needs("git")
    def test_git(self):
        environment = {"GIT_SSH_COMMAND": " ".join(["ssh", *ann.options]), "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
                       "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
        self.assertEqual(ann.ssh(f"ann@{server.v4}", "git init -q --bare repository").returncode, 0)
        work = f"{self.folder}/work"
        self.ok(ann.run("git", "clone", "-q", f"ann@{server.v4}:repository", work, env=environment))
        shutil.copy(self.data, work)
        for words in (["add", "data"], ["commit", "-q", "-m", "data"], ["push", "-q", "origin", "HEAD"]):
            self.ok(ann.run("git", "-C", work, *words, env=environment))
        self.ok(ann.run("git", "clone", "-q", f"ann@{server.v4}:repository", f"{work}2", env=environment))
        self.assertTrue(filecmp.cmp(self.data, f"{work}2/data", shallow=False))


class ManyAtOnce(unittest.TestCase):
    def test_one_connection_carries_many_sessions(self):
        path = f"{ann.home}/master"
        options = ["-o", f"ControlPath={path}"]
        master = ann.start_ssh(f"ann@{server.v4}", options=[*options, "-M", "-N"])
        self.assertTrue(wait_for(lambda: os.path.exists(path)))
        stalled = ann.start_ssh(f"ann@{server.v4}", "yes", options=options)
        stalled.stdout.read(100)
        runs = [ann.start_ssh(f"ann@{server.v4}", f"echo {i}; exit {i}", options=options) for i in range(8)]
        for i, run_ in enumerate(runs):
            out, error = run_.communicate(timeout=PATIENCE)
            self.assertEqual((run_.returncode, out), (i, f"{i}\n".encode()), error)
        stalled.kill()
        end(master)

    def test_a_jump_host_is_passed(self):
        proxy = " ".join(["ssh", *ann.options, "-W", "%h:%p", f"ann@{server.v4}"])
        done = ann.ssh(f"ann@{second.v4}", "id -un; hostname -I", options=["-o", f"ProxyCommand={proxy}"])
        self.assertEqual(done.stdout.split()[:1], [b"ann"], done.stderr)

    def test_many_connections_at_once(self):
        count = 200 if LONG else 40
        runs = [ann.start_ssh(f"ann@{server.v4}", f"echo {i}", options=["-o", "ConnectTimeout=120"]) for i in range(count)]
        for i, run_ in enumerate(runs):
            out, error = run_.communicate(timeout=240)
            self.assertEqual((run_.returncode, out), (0, f"{i}\n".encode()), error)


@needs("ansible")
class Ansible(unittest.TestCase):
    def play(self, hosts, pipelining):
        lines = "".join(f"h{i} ansible_host={node.v4}\n" for i, node in enumerate(hosts))
        inventory = f"{ann.home}/hosts"
        with open(inventory, "w") as file:
            file.write("[all]\n" + lines)
        environment = {"ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_PIPELINING": str(pipelining), "ANSIBLE_LOCAL_TEMP": f"{ann.home}/tmp",
                       "ANSIBLE_HOME": ann.home, "ANSIBLE_SSH_ARGS": " ".join(ann.options), "ANSIBLE_REMOTE_USER": "root",
                       "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3", "ANSIBLE_FORKS": "20", "ANSIBLE_SSH_TRANSFER_METHOD": "piped" if pipelining else "smart",
                       "LC_ALL": "C.UTF-8"}
        for module, argument, wanted in (("ping", "", "pong"), ("copy", f"content=hello dest=/root/by-ansible-{pipelining}", "checksum"),
                                         ("command", "id -un", "root")):
            done = ann.run("ansible", "all", "-i", inventory, "-m", module, *(["-a", argument] if argument else []), env=environment, timeout=300)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertGreaterEqual(done.stdout.decode().count(wanted), len(hosts), done.stdout)
        become = ann.run("ansible", "all", "-i", inventory, "-m", "command", "-a", "id -un", "--become", "--become-user", "deploy",
                         "--become-method", "su", env={**environment, "ANSIBLE_ALLOW_WORLD_READABLE_TMPFILES": "True"}, timeout=300)
        self.assertEqual(become.returncode, 0, become.stdout + become.stderr)
        self.assertGreaterEqual(become.stdout.decode().count("deploy"), len(hosts), become.stdout)

    def test_with_pipelining(self):
        self.play([server] * (20 if LONG else 2), True)

    def test_without(self):
        self.play([server] * (20 if LONG else 2), False)


if __name__ == "__main__":
    unittest.main(argv=[a for a in sys.argv if a != "--long"], verbosity=1)
