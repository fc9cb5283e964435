#!/usr/bin/env python3
"""Forwarding: agents, ports, sockets, displays, by OpenSSH's client; as whom they connect and listen; what takes them away.

Long (argument --long): a thousand connections several times over, bytes by the gigabyte.
"""
import struct, sys, unittest

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from forwarding_lab import *

LONG = "--long" in sys.argv
ANN = ACCOUNTS["ann"][0]

# On the server: what a program of X11 says first, with the cookie that xauth has for $DISPLAY; prints the first byte of the answer.
X_CLIENT = r"""
import os, socket, struct, subprocess, sys
display = os.environ["DISPLAY"]
host, number = display.split(":")
number = int(number.split(".")[0])
words = subprocess.run(["xauth", "list", display], capture_output=True, text=True).stdout.split()
name, cookie = words[1].encode(), bytes.fromhex(words[2])
if len(sys.argv) > 1:
    cookie = bytes.fromhex(sys.argv[1])
for _ in range(int(os.environ.get("TIMES", "1"))):
    try:
        s = socket.create_connection((host, 6000 + number), timeout=60)
    except OSError as error:
        print(error.errno)
        continue
    pad = lambda b: b + bytes(-len(b) % 4)
    s.sendall(struct.pack("<cxHHHHxx", b"l", 11, 0, len(name), len(cookie)) + pad(name) + pad(cookie))
    print(s.recv(1))
"""


def setUpModule():
    skip_where_impossible()
    global lab, laptop, server, ann
    lab = Forwarding().__enter__()
    try:
        lab.begin()
        laptop, server, ann = lab.laptop, lab.server, lab.ann
    except BaseException:
        lab.__exit__()
        raise


def tearDownModule():
    lab.__exit__()


def uid_at(port):
    with contextlib.closing(lab.connect(laptop, port)) as s:
        try:
            return int(s.recv(20) or -1)
        except ConnectionError:
            return -1


def helpers():
    """Processes that forward."""
    return server.runs("^aclnode-session forward")


class Local(unittest.TestCase):
    def test_bytes_go_both_ways_and_so_do_their_ends(self):
        data = some_bytes(8_000_000)
        with lab.local_port(f"127.0.0.1:{ECHO}") as port, contextlib.closing(lab.connect(laptop, port)) as s:
            feeder = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
            feeder.start()
            self.assertEqual(read_all(s), data)
            feeder.join()

    def test_a_service_that_trusts_root_sees_the_user(self):
        for target in (f"127.0.0.1:{TRUSTING}", f"localhost:{TRUSTING}", "/home/services/trusting"):
            with lab.local_port(target) as port:
                self.assertEqual(uid_at(port), ANN, target)
        with lab.local_port("/home/services/trusting", user="root") as port:
            self.assertEqual(uid_at(port), 0)

    def test_a_socket_of_roots_is_refused_to_a_user(self):
        with lab.local_port("/home/services/for-root", user="root") as port:
            self.assertEqual(uid_at(port), 0)
        port = lab.free_port(laptop)
        with lab.forwarded("-o", "LogLevel=INFO", "-L", f"127.0.0.1:{port}:/home/services/for-root", ready=lambda: lab.listens(laptop, port)) as process:
            with contextlib.closing(lab.connect(laptop, port)) as s:
                self.assertEqual(s.recv(10), b"")
            self.assertIn(b"Permission denied", process.stderr.readline())

    def test_what_cannot_be_reached_is_said(self):
        for target, words in ((f"127.0.0.1:{lab.free_port(server)}", b"Connection refused"), ("no-such-host.invalid:1", b"open failed")):
            done = ann.ssh(lab.at(), options=["-o", "LogLevel=INFO", "-W", target])
            self.assertIn(words, done.stderr, target)

    def test_a_look_up_that_hangs_keeps_nobody_waiting(self):
        # Nobody answers at this address, so the resolver waits.
        server.machine.sh("mkdir -p /home/etc; echo 'nameserver 192.0.2.1' >/home/etc/resolv.conf; ip route add blackhole 192.0.2.0/24 || true;"
                          "mount --bind /home/etc/resolv.conf /etc/resolv.conf")
        self.addCleanup(server.machine.sh, "umount /etc/resolv.conf")
        port, slow = lab.free_port(laptop), lab.free_port(laptop)
        with lab.forwarded("-L", f"127.0.0.1:{port}:127.0.0.1:{TRUSTING}", "-L", f"127.0.0.1:{slow}:a.example:1",
                           ready=lambda: lab.listens(laptop, port) and lab.listens(laptop, slow)):
            waiting = [lab.connect(laptop, slow) for _ in range(20)]
            self.assertEqual(uid_at(port), ANN)
            for s in waiting:
                s.close()

    def test_dynamic(self):
        port = lab.free_port(laptop)
        with lab.forwarded("-D", f"127.0.0.1:{port}", ready=lambda: lab.listens(laptop, port)):
            with contextlib.closing(lab.connect(laptop, port)) as s:
                s.sendall(b"\5\1\0")
                self.assertEqual(s.recv(2), b"\5\0")
                s.sendall(b"\5\1\0\1\x7f\0\0\1" + TRUSTING.to_bytes(2, "big"))
                self.assertEqual(s.recv(10)[:2], b"\5\0")
                self.assertEqual(s.recv(10), b"%d\n" % ANN)


class Remote(unittest.TestCase):
    def remote_port(self, *options, user="ann", wanted=0):
        """ssh with -R to a port of the laptop, and the port at the server."""
        target = lab.listen(laptop)
        self.addCleanup(target.close)
        process = ann.start_ssh(lab.at(user), "echo ready; cat", options=[*options, "-o", "ExitOnForwardFailure=yes", "-o", "LogLevel=INFO", "-R",
                                f"{wanted}:127.0.0.1:{target.getsockname()[1]}"])
        self.addCleanup(end, process, 1)
        self.assertEqual(process.stdout.readline(), b"ready\n", process.poll() is not None and process.stderr.read())
        if wanted:
            return process, target, wanted
        said = process.stderr.readline()
        return process, target, int(re.search(rb"Allocated port (\d+)", said)[1])

    def test_any_port_is_told_and_listens_on_loopback_alone(self):
        for wanted in ("0", "*:0", "0.0.0.0:0", "127.0.0.1:0", ":0"):
            process, target, port = self.remote_port() if wanted == "0" else self.at_address(wanted)
            self.assertEqual(lab.listens(server, port), ["127.0.0.1", "[::1]"], wanted)
            for address in ("127.0.0.1", "::1"):
                with contextlib.closing(lab.connect(server, port, address)) as there:
                    here, _ = target.accept()
                    with here:
                        there.sendall(b"question")
                        self.assertEqual(here.recv(10), b"question")
                        here.sendall(b"answer")
                        here.shutdown(socket.SHUT_WR)
                        self.assertEqual(read_all(there), b"answer")
            end(process)
            self.assertTrue(wait_for(lambda: not lab.listens(server, port)), "it goes with the login")

    def at_address(self, wanted):
        target = lab.listen(laptop)
        self.addCleanup(target.close)
        process = ann.start_ssh(lab.at(), "echo ready; cat", options=["-o", "LogLevel=INFO", "-R", f"{wanted}:127.0.0.1:{target.getsockname()[1]}"])
        self.addCleanup(end, process, 1)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process, target, int(re.search(rb"Allocated port (\d+)", process.stderr.readline())[1])

    def test_port_80_is_refused_for_a_user_and_said_why(self):
        done = ann.ssh(lab.at(), "echo goes on", options=["-R", "80:127.0.0.1:1", "-o", "LogLevel=INFO"])
        self.assertIn(b"remote port forwarding failed for listen port 80", done.stderr)
        self.assertIn(b"cannot listen on port 80: Permission denied", done.stderr)
        self.assertEqual(done.stdout, b"goes on\n")
        done = ann.ssh(lab.at(), options=["-N", "-v", "-R", "80:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes", "-o", "LogLevel=DEBUG1"])
        self.assertIn(b"cannot listen on port 80: Permission denied", done.stderr)
        _, target, _ = self.remote_port(user="root", wanted=80)

    def test_a_port_that_is_taken_is_refused(self):
        with contextlib.closing(lab.listen(server)) as s:
            done = ann.ssh(lab.at(), "true", options=["-R", f"{s.getsockname()[1]}:127.0.0.1:1", "-o", "LogLevel=INFO"])
            self.assertIn(b"Address already in use", done.stderr)

    def test_many_listeners_are_told_in_their_order_and_cancelled_one_by_one(self):
        path = f"{ann.home}/control-{os.getpid()}"
        control = ["-o", f"ControlPath={path}"]
        master = ann.start_ssh(lab.at(), options=["-M", "-N", *control])
        self.addCleanup(end, master, 1)
        self.assertTrue(wait_for(lambda: os.path.exists(path)))
        ports = []
        for i in range(10):
            done = ann.ssh(lab.at(), options=[*control, "-O", "forward", "-R", f"0:127.0.0.1:{i + 1}"])
            ports.append(int(done.stdout))
        self.assertEqual(len(set(ports)), 10)
        for port in ports:
            self.assertEqual(len(lab.listens(server, port)), 2)
        for i in range(0, 10, 2):
            ann.ssh(lab.at(), options=[*control, "-O", "cancel", "-R", f"0:127.0.0.1:{i + 1}"])
        there = lambda: [len(lab.listens(server, port)) for port in ports]
        self.assertTrue(wait_for(lambda: there() == [0, 2] * 5), there())

    def test_a_named_port_is_cancelled_and_free_again(self):
        path = f"{ann.home}/named-{os.getpid()}"
        control = ["-o", f"ControlPath={path}"]
        master = ann.start_ssh(lab.at(), options=["-M", "-N", *control])
        self.addCleanup(end, master, 1)
        self.assertTrue(wait_for(lambda: os.path.exists(path)))
        port = lab.free_port(server)
        for _ in range(3):
            self.assertEqual(ann.ssh(lab.at(), options=[*control, "-O", "forward", "-R", f"{port}:127.0.0.1:1"]).returncode, 0)
            self.assertEqual(len(lab.listens(server, port)), 2)
            self.assertEqual(ann.ssh(lab.at(), options=[*control, "-O", "cancel", "-R", f"{port}:127.0.0.1:1"]).returncode, 0)
            self.assertTrue(wait_for(lambda: not lab.listens(server, port)))

    def test_a_socket_is_the_users_and_goes_with_the_login(self):
        target = lab.listen(laptop)
        self.addCleanup(target.close)
        there = "/home/ann/forwarded"
        option = ["-R", f"{there}:127.0.0.1:{target.getsockname()[1]}"]
        process = ann.start_ssh(lab.at(), "echo ready; cat", options=option)
        self.addCleanup(end, process, 1)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.assertEqual(server.machine.sh(f"stat -c '%U %a %F' {there}"), "ann 600 socket\n")
        asks = "import socket; s=socket.socket(socket.AF_UNIX); s.connect('%s'); s.sendall(b'hello'); print(s.recv(10))" % there
        asking = ann.start_ssh(lab.at(), f'{sys.executable} -c "{asks}"')
        here, _ = target.accept()
        with here:
            self.assertEqual(here.recv(10), b"hello")
            here.sendall(b"well")
        self.assertEqual(asking.communicate(timeout=PATIENCE)[0], b"b'well'\n")
        again = ann.ssh(lab.at(), "true", options=[*option, "-o", "LogLevel=INFO"])
        self.assertIn(b"Address already in use", again.stderr)
        end(process)
        self.assertTrue(wait_for(lambda: not server.machine.sh(f"ls {there} 2>/dev/null || true")), "it is still there")

    def test_where_the_user_may_not_write_there_is_no_socket(self):
        done = ann.ssh(lab.at(), "true", options=["-R", "/root/x:127.0.0.1:1", "-o", "LogLevel=INFO"])
        self.assertIn(b"Permission denied", done.stderr)


class Agent(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(dir=ann.home)
        cls.environment = {"SSH_AUTH_SOCK": f"{folder}/agent"}
        cls.agent = subprocess.Popen(["ssh-agent", "-D", "-a", f"{folder}/agent"], stdout=subprocess.DEVNULL)
        lab.started.append(cls.agent)
        wait_for(lambda: os.path.exists(f"{folder}/agent"))
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "key-of-ann", "-f", f"{folder}/key")
        run("ssh-add", "-q", f"{folder}/key", env={**os.environ, **cls.environment})

    @classmethod
    def tearDownClass(cls):
        end(cls.agent)

    def test_it_is_reached_from_the_server_and_signs(self):
        done = ann.ssh(lab.at(), "ssh-add -l; stat -c '%U %a' $SSH_AUTH_SOCK $(dirname $SSH_AUTH_SOCK)", options=["-A"], env=self.environment)
        self.assertIn(b"key-of-ann", done.stdout, done.stderr)
        self.assertIn(b"ann 600\nann 700\n", done.stdout)
        done = ann.ssh(lab.at(), "ssh-add -L >k.pub; echo data | ssh-keygen -q -Y sign -n test -f k.pub 2>&1", options=["-A"], env=self.environment)
        self.assertIn(b"BEGIN SSH SIGNATURE", done.stdout, done.stderr)

    def test_nothing_of_it_stays(self):
        done = ann.ssh(lab.at(), "dirname $SSH_AUTH_SOCK", options=["-A"], env=self.environment)
        folder = done.stdout.decode().strip()
        self.assertRegex(folder, r"^/tmp/ssh-\w{10}$")
        self.assertTrue(wait_for(lambda: not os.path.exists(folder)), os.path.exists(folder) and os.listdir(folder))
        self.assertTrue(wait_for(lambda: not helpers()))

    def test_without_the_wish_there_is_none(self):
        self.assertEqual(ann.ssh(lab.at(), "echo $SSH_AUTH_SOCK", env=self.environment).stdout, b"\n")

    def test_sessions_of_one_connection_share_it(self):
        path = f"{ann.home}/agents"
        control = ["-A", "-o", f"ControlPath={path}"]
        master = ann.start_ssh(lab.at(), options=["-M", "-N", *control], env=self.environment)
        self.addCleanup(end, master, 1)
        self.assertTrue(wait_for(lambda: os.path.exists(path)))
        runs = [ann.start_ssh(lab.at(), "ssh-add -l", options=control, env=self.environment) for _ in range(10)]
        for each in runs:
            self.assertIn(b"key-of-ann", each.communicate(timeout=PATIENCE)[0])

    def test_another_user_does_not_reach_it(self):
        process = ann.start_ssh(lab.at(), "echo $SSH_AUTH_SOCK; cat", options=["-A"], env=self.environment)
        self.addCleanup(end, process, 1)
        path = process.stdout.readline().decode().strip()
        done = subprocess.run([*server.inside(), "setpriv", "--reuid", "5003", "--clear-groups", "env", f"SSH_AUTH_SOCK={path}", "ssh-add", "-l"],
                              capture_output=True)
        self.assertEqual(done.returncode, 2, done.stdout)


class Display(unittest.TestCase):
    """The client's display is played by a listener that looks at the cookie."""
    COOKIE = "00112233445566778899aabbccddeeff"

    def setUp(self):
        self.server = lab.listen(laptop, 6005)
        self.addCleanup(self.server.shutdown, socket.SHUT_RDWR)
        self.environment = {"DISPLAY": "127.0.0.1:5", "XAUTHORITY": f"{ann.home}/.Xauthority"}
        run("xauth", "-f", f"{ann.home}/.Xauthority", "add", "127.0.0.1:5", "MIT-MAGIC-COOKIE-1", self.COOKIE)
        server.machine.sh("cat >/home/services/x.py <<'EOF'\n" + X_CLIENT + "\nEOF")
        self.cookies = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.server.accept()
            except OSError:
                return self.server.close()
            with s:
                head = s.recv(12, socket.MSG_WAITALL)
                if len(head) < 12:
                    continue
                name, data = struct.unpack("<HH", head[6:10])
                rest = s.recv(name + -name % 4 + data, socket.MSG_WAITALL)
                self.cookies.append(rest[-data:].hex())
                s.sendall(b"\1")

    def ask(self, *words, options=("-Y",), command="", times=1):
        return ann.ssh(lab.at(), f"{command} TIMES={times} {sys.executable} /home/services/x.py {' '.join(words)}", options=list(options),
                       env=self.environment)

    def test_a_program_shows_itself_with_the_clients_cookie(self):
        done = self.ask(command="echo $DISPLAY;")
        self.assertRegex(done.stdout, rb"^localhost:1\d\.0\nb'\\x01'\n", done.stderr)
        self.assertEqual(self.cookies, [self.COOKIE])
        self.assertTrue(wait_for(lambda: not lab.listens(server, 6010)))

    def test_a_wrong_cookie_reaches_nobody(self):
        done = self.ask("ff" * 16)
        self.assertIn(done.stdout, (b"b''\n", b"b'\\x00'\n"), done.stderr)  # nothing, or a failure
        self.assertEqual(self.cookies, [])

    def test_displays_have_numbers_of_their_own_and_listen_on_loopback(self):
        first = ann.start_ssh(lab.at(), "echo $DISPLAY; cat", options=["-Y"], env=self.environment)
        self.addCleanup(end, first, 1)
        self.assertEqual(first.stdout.readline(), b"localhost:10.0\n")
        self.assertEqual(ann.ssh(lab.at(), "echo $DISPLAY", options=["-Y"], env=self.environment).stdout, b"localhost:11.0\n")
        self.assertEqual(lab.listens(server, 6010), ["127.0.0.1", "[::1]"])
        self.assertNotIn(self.COOKIE, server.machine.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))

    def test_where_xauth_is_missing_it_is_said(self):
        server.machine.sh("mount --bind /dev/null /usr/bin/xauth")
        self.addCleanup(server.machine.sh, "umount /usr/bin/xauth")
        done = ann.ssh(lab.at(), "echo =$DISPLAY=", options=["-Y"], env=self.environment)
        self.assertEqual(done.stdout, b"==\n")
        self.assertIn(b"xauth, which is not on this machine", done.stderr)


class Narrowed(unittest.TestCase):
    def setUp(self):
        self.addCleanup(lab.settings)

    def test_each_setting_takes_one_away_and_says_so(self):
        wishes = {"allow_agent": (["-A"], b"agent forwarding is not allowed"), "allow_remote": (["-R", "0:127.0.0.1:1"], b"forwarding of ports of this machine is not allowed"),
                  "allow_x11": (["-Y"], b"X11 forwarding is not allowed")}
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", f"{ann.home}/some-agent"], stdout=subprocess.DEVNULL)
        lab.started.append(agent)
        self.addCleanup(end, agent, 1)
        wait_for(lambda: os.path.exists(f"{ann.home}/some-agent"))
        environment = {"SSH_AUTH_SOCK": f"{ann.home}/some-agent", "DISPLAY": "127.0.0.1:5"}
        command = "echo ${SSH_AUTH_SOCK:+agent} ${DISPLAY:+display}"
        for setting, (_, words) in wishes.items():
            lab.settings(**{setting: False})
            for other, (options, _) in wishes.items():
                done = ann.ssh(lab.at(), command, options=[*options, "-o", "LogLevel=INFO"], env=environment)
                self.assertEqual(words in done.stderr, other == setting, (setting, other, done.stderr))
                self.assertEqual(b"%s is false" % setting.encode() in done.stderr, other == setting)
                self.assertEqual(done.stdout.split(), [b"agent"] * (other == "allow_agent" != setting) + [b"display"] * (other == "allow_x11" != setting))
        lab.settings(allow_local=False)
        done = ann.ssh(lab.at(), options=["-o", "LogLevel=INFO", "-W", f"127.0.0.1:{TRUSTING}"])
        self.assertIn(b"administratively prohibited: forwarding to what this machine reaches is not allowed: allow_local is false", done.stderr)
        said = server.ask("why", "laptop", "ssh", "ann")
        self.assertIn("allow_local", said.stdout)

    def test_a_login_that_lives_ends_when_a_setting_takes_away_what_it_has(self):
        process = ann.start_ssh(lab.at(), "echo ready; cat")
        self.addCleanup(end, process, 1)
        process.stdout.readline()
        lab.settings(allow_remote=False)
        self.assertTrue(wait_for(lambda: process.poll() is not None), "it goes on")
        self.assertIn(b"aclnode.toml of this machine no longer gives forwarding of ports", process.stderr.read())


class Revoked(unittest.TestCase):
    def test_connections_and_listeners_end_with_the_rule(self):
        self.addCleanup(lambda: self.assertTrue(server.takes_logins(lab.publish(POLICY))))
        local, remote, target = lab.free_port(laptop), lab.free_port(server), lab.listen(laptop)
        self.addCleanup(target.close)
        with lab.forwarded("-L", f"127.0.0.1:{local}:127.0.0.1:{ECHO}", "-R", f"{remote}:127.0.0.1:{target.getsockname()[1]}",
                           ready=lambda: lab.listens(laptop, local) and lab.listens(server, remote)):
            out, back = lab.connect(laptop, local), lab.connect(server, remote)
            self.addCleanup(out.close)
            self.addCleanup(back.close)
            here, _ = target.accept()
            self.addCleanup(here.close)
            out.sendall(b"x")
            self.assertEqual(out.recv(1), b"x")
            lab.publish({**POLICY, "ssh": []})
            self.assertEqual(out.recv(1), b"")
            self.assertEqual(back.recv(1), b"")
            self.assertTrue(wait_for(lambda: not lab.listens(server, remote)), "it still listens")
            self.assertTrue(wait_for(lambda: not helpers()), "the process that forwards goes on")

    def test_what_the_user_does_to_the_process_that_forwards_is_no_way_to_stay(self):
        self.addCleanup(lambda: self.assertTrue(server.takes_logins(lab.publish(POLICY))))
        remote = lab.free_port(server)
        with lab.forwarded("-R", f"{remote}:127.0.0.1:1", ready=lambda: lab.listens(server, remote)):
            stop(int(helpers()[0]))
            lab.publish({**POLICY, "ssh": []})
            self.assertTrue(wait_for(lambda: not lab.listens(server, remote)), "it still listens")

    def test_a_process_that_was_killed_is_made_again(self):
        port = lab.free_port(laptop)
        with lab.forwarded("-L", f"127.0.0.1:{port}:127.0.0.1:{TRUSTING}", ready=lambda: lab.listens(laptop, port)):
            for _ in range(3):
                self.assertTrue(wait_for(lambda: uid_at(port) == ANN))  # what was asked of it at its end is refused
                os.kill(int(helpers()[0]), 9)
                self.assertTrue(wait_for(lambda: not helpers()))

    def test_it_goes_when_the_client_goes_also_where_it_was_stopped(self):
        remote = lab.free_port(server)
        with lab.forwarded("-R", f"{remote}:127.0.0.1:1", ready=lambda: lab.listens(server, remote)):
            stop(int(helpers()[0]))
        self.assertTrue(wait_for(lambda: not lab.listens(server, remote)), "it still listens")


def memory():
    """KiB of the programs of a login, each page once for whoever shares it."""
    pids = server.processes("aclnode-ssh") + server.processes("aclnode-session")
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass
    return total


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Many(unittest.TestCase):
    COUNT = 1000

    def setUp(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, before[1])))  # of the client, too, which inherits it
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)

    def carry(self, sockets):
        for i, s in enumerate(sockets):
            s.sendall(b"%d\n" % i)
        for i, s in enumerate(sockets):
            self.assertEqual(s.recv(100), b"%d\n" % i)

    def test_a_thousand_connections_at_once_take_little(self):
        with lab.local_port(f"127.0.0.1:{ECHO}") as port:
            with contextlib.closing(lab.connect(laptop, port)) as s:
                self.carry([s])
            for _ in range(5 if LONG else 1):
                before = memory()
                sockets = [lab.connect(laptop, port) for _ in range(self.COUNT)]
                try:
                    self.carry(sockets)
                    grown = memory() - before
                    print(f"{self.COUNT} connections: {grown / self.COUNT:.1f} KiB each", file=sys.stderr)
                    self.assertLess(grown, 64 * self.COUNT)
                finally:
                    for s in sockets:
                        s.close()
                self.assertTrue(wait_for(lambda: max(map(descriptors, server.processes("aclnode-ssh"))) < 50), "they are not closed")

    def test_more_than_there_may_be_are_refused_and_the_login_goes_on(self):
        with lab.local_port(f"127.0.0.1:{ECHO}") as port:
            sockets = [lab.connect(laptop, port) for _ in range(1100)]
            self.carry(sockets[:1000])
            for s in sockets:
                s.close()
            def works():
                try:
                    with contextlib.closing(lab.connect(laptop, port)) as s:
                        s.sendall(b"x")
                        return s.recv(1) == b"x"
                except OSError:
                    return False
            self.assertTrue(wait_for(works))

    def test_a_flood_of_connections_to_a_listener_waits_its_turn(self):
        target, remote = lab.listen(laptop), lab.free_port(server)
        self.addCleanup(target.close)
        with lab.forwarded("-R", f"{remote}:127.0.0.1:{target.getsockname()[1]}", ready=lambda: lab.listens(server, remote)):
            count = 300
            def ask(i):
                s = lab.connect(server, remote)
                s.sendall(b"%d\n" % i)
                return s
            sockets = []
            def take():
                for _ in range(count):
                    here, _ = target.accept()
                    sockets.append(here)
                    here.sendall(here.recv(10))
            taker = threading.Thread(target=take)
            taker.start()
            self.carry_back([ask(i) for i in range(count)])
            taker.join()

    def carry_back(self, asked):
        for i, s in enumerate(asked):
            self.assertEqual(s.recv(10), b"%d\n" % i)
            s.close()

    def test_fifty_sessions_on_one_connection(self):
        path = f"{ann.home}/fifty"
        control = ["-o", f"ControlPath={path}"]
        master = ann.start_ssh(lab.at(), options=["-M", "-N", *control])
        self.addCleanup(end, master, 1)
        self.assertTrue(wait_for(lambda: os.path.exists(path)))
        runs = [ann.start_ssh(lab.at(), f"echo {i}; cat", options=control) for i in range(50)]
        for i, each in enumerate(runs):
            self.assertEqual(each.stdout.readline(), b"%d\n" % i)
        for i, each in enumerate(runs):
            self.assertEqual(each.communicate(b"bye", timeout=PATIENCE)[0], b"bye")
            self.assertEqual(each.returncode, 0)


class EachClient:
    """What other clients forward: `start(options…)` gives a process with -L, -R as they all have them, and a command or none."""

    def start(self, *words, command=None, env=()):
        process = subprocess.Popen(ann.command(*self.words(words, command)), env={**ann.environment, **dict(env)}, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lab.started.append(process)
        self.addCleanup(end, process, 1)
        return process

    def test_a_local_port(self):
        port = lab.free_port(laptop)
        self.start("-L", f"127.0.0.1:{port}:127.0.0.1:{TRUSTING}")
        self.assertTrue(wait_for(lambda: lab.listens(laptop, port)))
        self.assertEqual([uid_at(port) for _ in range(5)], [ANN] * 5)

    def test_a_remote_port(self):
        port, target = lab.free_port(server), lab.listen(laptop)
        self.addCleanup(target.close)
        process = self.start("-R", f"{port}:127.0.0.1:{target.getsockname()[1]}")
        self.assertTrue(wait_for(lambda: lab.listens(server, port)))
        for _ in range(5):
            with contextlib.closing(lab.connect(server, port)) as there, target.accept()[0] as here:
                there.sendall(b"question")
                self.assertEqual(here.recv(10), b"question")
                here.sendall(b"answer")
                self.assertEqual(there.recv(10), b"answer")
        end(process)
        self.assertTrue(wait_for(lambda: not lab.listens(server, port)))

    def test_an_agent(self):
        folder = tempfile.mkdtemp(dir=ann.home)
        environment = {"SSH_AUTH_SOCK": f"{folder}/agent"}
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", f"{folder}/agent"], stdout=subprocess.DEVNULL)
        lab.started.append(agent)
        self.addCleanup(end, agent, 1)
        wait_for(lambda: os.path.exists(f"{folder}/agent"))
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "key-of-ann", "-f", f"{folder}/key")
        run("ssh-add", "-q", f"{folder}/key", env={**os.environ, **environment})
        out, error = self.start("-A", command="ssh-add -l", env=environment).communicate(timeout=PATIENCE)
        self.assertIn(b"key-of-ann", out, error)


def needs(*programs):
    lacking = [p for p in programs if shutil.which(p) is None]
    return unittest.skipIf(lacking, f"needs {', '.join(lacking)}")


@needs("dbclient")
class Dropbear(EachClient, unittest.TestCase):
    def words(self, options, command):
        return ["dbclient", "-y", "-y", "-T", *([] if command else ["-N"]), *options, lab.at(), *([command] if command else [])]


@needs("plink")
class Putty(EachClient, unittest.TestCase):
    key = None

    def words(self, options, command):
        if not Putty.key:
            said = ann.run("plink", "-batch", "-ssh", lab.at(), "true").stderr.decode()
            Putty.key = re.search(r"SHA256:\S+", said)[0]
        return ["plink", "-batch", "-ssh", "-no-antispoof", "-T", "-hostkey", Putty.key, *([] if command else ["-N"]), *options, lab.at(),
                *([command] if command else [])]


@needs("plink")
class PuttyDisplay(Display):
    """The same display, by plink."""

    def ask(self, *words, options=(), command="", times=1):
        return ann.run(*Putty().words(["-X"], f"{command} TIMES={times} {sys.executable} /home/services/x.py {' '.join(words)}"), env=self.environment)

    test_displays_have_numbers_of_their_own_and_listen_on_loopback = test_where_xauth_is_missing_it_is_said = None


class Libssh2(unittest.TestCase):
    """Of libssh2, as curl has it."""

    def test_files_come_and_go(self):
        if "libssh2" not in subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout:
            self.skipTest("needs curl with libssh2")
        data = f"{ann.home}/by-curl"
        with open(data, "wb") as file:
            file.write(some_bytes(3_000_000))
        for scheme in ("sftp", "scp"):
            there = f"{scheme}://{lab.at()}/home/ann/{scheme}-by-curl"
            done = ann.run("curl", "-sS", "-k", "-T", data, there)
            self.assertEqual(done.returncode, 0, done.stderr)
            done = ann.run("curl", "-sS", "-k", there)
            self.assertEqual((done.returncode, done.stdout == some_bytes(3_000_000)), (0, True), done.stderr)


class Editors(unittest.TestCase):
    def test_the_way_of_vs_code(self):
        """A shell without a terminal that starts a server and tells its port; then everything by SOCKS, many channels at once."""
        port = lab.free_port(laptop)
        process = ann.start_ssh(lab.at(), "sh", options=["-T", "-D", f"127.0.0.1:{port}"])
        self.addCleanup(end, process, 1)
        code = ("import socketserver as s\\nclass H(s.StreamRequestHandler):\\n def handle(self):\\n  for l in self.rfile: self.wfile.write(l)\\n"
                "t=s.ThreadingTCPServer((\\'127.0.0.1\\',0),H); print(t.server_address[1],flush=True); t.serve_forever()")
        process.stdin.write(b"echo started; " + sys.executable.encode() + b" -c \"exec('" + code.encode() + b"')\"\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"started\n")
        there = int(process.stdout.readline())
        self.assertTrue(wait_for(lambda: lab.listens(laptop, port)))
        sockets = []
        for _ in range(30):
            s = lab.connect(laptop, port)
            s.sendall(b"\5\1\0")
            self.assertEqual(s.recv(2), b"\5\0")
            s.sendall(b"\5\1\0\3\x09localhost" + there.to_bytes(2, "big"))
            self.assertEqual(s.recv(10)[:2], b"\5\0")
            sockets.append(s)
        for i, s in enumerate(sockets):
            s.sendall(b"%d\n" % i)
        for i, s in enumerate(sockets):
            self.assertEqual(s.recv(10), b"%d\n" % i)
            s.close()

    def test_the_way_of_jetbrains(self):
        """Files by sftp, a server by exec on one connection, its port and its socket forwarded on the same."""
        path = f"{ann.home}/jetbrains"
        control = ["-o", f"ControlPath={path}"]
        master = ann.start_ssh(lab.at(), options=["-M", "-N", *control])
        self.addCleanup(end, master, 1)
        self.assertTrue(wait_for(lambda: os.path.exists(path)))
        done = ann.run("sftp", "-q", "-b", "-", *control, *ann.options, lab.at(), input=b"mkdir ide\nls\n")
        self.assertIn(b"ide", done.stdout, done.stderr)
        port = lab.free_port(laptop)
        for target in (f"127.0.0.1:{TRUSTING}", "/home/services/trusting"):
            self.assertEqual(ann.ssh(lab.at(), options=[*control, "-O", "forward", "-L", f"127.0.0.1:{port}:{target}"]).returncode, 0)
            self.assertEqual(uid_at(port), ANN)
            self.assertEqual(ann.ssh(lab.at(), options=[*control, "-O", "cancel", "-L", f"127.0.0.1:{port}:{target}"]).returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=[a for a in sys.argv if a != "--long"], verbosity=1)
