"""aclnode-session with both its neighbours played: aclnode, which hands connections over and decides, and aclnode-ssh, which asks.

enter() puts the test into namespaces of its own (mounts, network, processes) and gives it accounts, PAM services, homes, terminals and
records of its own; nothing of the machine is changed, and all that was started ends with the test. A second network
namespace is where clients are. Needs root, namespaces, ip, unshare. Environment: ACLNODE_SESSION names the program.
"""
import array, atexit, ctypes, fcntl, glob, json, os, select, shutil, signal, socket, struct, subprocess, sys, termios, time

import wire

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.abspath(os.environ.get("ACLNODE_SESSION", os.path.join(HERE, "..", "..", "build", "bin", "aclnode-session")))
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
OWN, SOURCE = "100.64.0.2", "100.64.0.1"
OWN6, SOURCE6 = "fd7a:115c:a1e0::2", "fd7a:115c:a1e0::1"
PATIENCE = 60.0  # what is waited for comes at once on a machine that is quiet; on one that is not, it may take its time

PASSWD = """root:x:0:0:root:/home/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
ann:x:2001:2001:Ann:/home/ann:/bin/bash
bob:x:2002:2002:Bob:/home/bob:/bin/dash
homeless:x:2003:2003::/home/gone:/bin/bash
oddshell:x:2004:2004::/home/ann:/no/such/shell
expired:x:2005:2005::/home/ann:/bin/bash
locked:x:2006:2006::/home/ann:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = "root:x:0:\ntty:x:5:\nann:x:2001:\nbob:x:2002:\nstaff:x:50:ann\nproject:x:3000:ann,bob\nutmp:x:43:\nnogroup:x:65534:\n"
SHADOW = "root:*:19000:0:99999:7:::\nann:*:19000:0:99999:7:::\nbob:*:19000:0:99999:7:::\nhomeless:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n" \
         "oddshell:*:19000:0:99999:7:::\nexpired:*:19000:0:99999:7::1:\nlocked:!*:19000:0:99999:7:::\n"

# aclnode-ssh of these tests: gives its conversation to the test, and tells how it was started.
SSH = """#!/usr/bin/python3 -IS
import array, json, os, socket, sys
about = {"arguments": sys.argv[1:], "environment": dict(os.environ), "uid": os.getuid(), "pid": os.getpid(),
         "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd))}
test = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
test.connect("@FOLDER@/ssh.sock")
test.sendmsg([json.dumps(about).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [3, 4]))])
os.close(3), os.close(4)
sys.stderr.write("words\\x1b of ssh\\n"), sys.stderr.flush()
test.recv(1)
"""


def missing():
    if os.geteuid() != 0:
        return "root"
    for tool in ("ip", "unshare", "mount"):
        if shutil.which(tool) is None:
            return tool
    if subprocess.run(["unshare", "-m", "-n", "-p", "-f", "true"], capture_output=True).returncode != 0:
        return "namespaces"
    return ""


def enter():
    """Once in the namespaces, returns; before, this program is run again in them, and its exit status is the test's."""
    if os.environ.get("ACL_SESSION_LAB") == "1":
        return _furnish()
    lacking = missing()
    if lacking:
        print(f"skipped: these tests need {lacking}")
        sys.exit(SKIPPED)
    environment = dict(os.environ, ACL_SESSION_LAB="1")
    command = ["unshare", "-m", "-n", "-p", "-f", "--mount-proc", "--kill-child", sys.executable, "-B", *sys.argv]
    status = subprocess.run(command, env=environment).returncode
    for group in _groups_left():  # of logins that were killed with their supervisor
        try:
            os.rmdir(group)
        except OSError:
            pass  # another test's
    sys.exit(status)


def _groups_left():
    with open("/proc/self/mountinfo") as mounts:
        folders = [line.split()[4] for line in mounts if " - cgroup2 " in line]
    with open("/proc/self/cgroup") as file:
        own = "".join(line[3:].strip() for line in file if line.startswith("0::"))
    return glob.glob(f"{folders[0]}{own}/aclnode-login-*") if folders else []


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


FOLDER = None


def _furnish():
    global FOLDER, PROGRAM
    FOLDER = "/run/lab"
    run("mount", "--make-rprivate", "/")
    for place in ("/run", "/var/log", "/home"):
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
    run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620,gid=5", "devpts", "/dev/pts")
    run("mount", "--bind", "/dev/pts/ptmx", "/dev/ptmx")
    os.makedirs(FOLDER + "/pam")
    for name, text, mode in (("passwd", PASSWD, 0o644), ("group", GROUP, 0o644), ("shadow", SHADOW, 0o600),
                             ("environment", "FROM_FILE=\"a b\"\n", 0o644), ("motd", "static motd\n", 0o644),
                             ("login.defs", "ENV_PATH PATH=/usr/local/bin:/usr/bin:/bin\nENV_SUPATH PATH=/usr/sbin:/usr/bin:/sbin:/bin\n",
                              0o644)):
        write(f"{FOLDER}/{name}", text, mode)
        if not os.path.exists(f"/etc/{name}"):
            continue
        run("mount", "--bind", f"{FOLDER}/{name}", f"/etc/{name}")
    for name, uid in (("root", 0), ("ann", 2001), ("bob", 2002)):
        os.makedirs(f"/home/{name}")
        os.chown(f"/home/{name}", uid, uid)
    for record in ("/run/utmp", "/var/log/wtmp", "/var/log/lastlog"):
        write(record, "")
    PROGRAM = shutil.copy(PROGRAM, FOLDER + "/aclnode-session")
    os.chmod(PROGRAM, 0o711)  # as it is installed
    write(FOLDER + "/aclnode-ssh", SSH.replace("@FOLDER@", FOLDER), 0o755)
    run("ip", "link", "set", "lo", "up")
    run("ip", "netns", "add", "client")
    run("ip", "link", "add", "wg0", "type", "veth", "peer", "name", "wg0", "netns", "client")
    for words, own, own6 in (([], OWN, OWN6), (["-n", "client"], SOURCE, SOURCE6)):
        run("ip", *words, "addr", "add", f"{own}/10", "dev", "wg0")
        run("ip", *words, "addr", "add", f"{own6}/48", "dev", "wg0", "nodad")
        run("ip", *words, "link", "set", "wg0", "up")
    run(PROGRAM, "make-host-keys", FOLDER + "/keys")


def client_socket(family=socket.AF_INET):
    """A socket of the clients' network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, away = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/run/netns/client", os.O_RDONLY)
    try:
        assert libc.setns(away, 0x40000000) == 0
        return socket.socket(family, socket.SOCK_STREAM)
    finally:
        assert libc.setns(home, 0x40000000) == 0
        os.close(home), os.close(away)


def readable(fd, left):
    """Whether there is something to read, or an end, within so many seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0, left) * 1000))


def wait_for(what, patience=PATIENCE, every=0.01):
    end = time.monotonic() + patience
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


def processes(words):
    """Numbers of the living processes whose command line holds these words."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline") as line, open(f"/proc/{entry}/stat") as stat:
                if entry.isdigit() and words in line.read() and stat.read().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(entry))
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError, IndexError):
            continue
    return found


def kill_all(words):
    """Until none is left: a shell's process that is about to become another program has the shell's command line."""
    def none_left():
        for pid in processes(words):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not processes(words)
    assert wait_for(none_left), words


# With RECORDED in the environment every login is: all else is to be the same.
RECORDED = bool(os.environ.get("RECORDED"))


class Closed(Exception):
    pass


class Conversation:
    """One end of a SEQPACKET pair."""
    def __init__(self, end):
        self.end = end
        self.end.settimeout(PATIENCE)
        self.news = []  # of recordings

    def say(self, message, /, **values):
        self.end.send(wire.encode(message, **values))

    def hear(self, name=None):
        """The next message and its descriptors; of another name it is a failure. News of recordings are kept for who asks for them."""
        kept = next((one for one in self.news if one.name == name), None)
        if kept is not None:
            self.news.remove(kept)
            return kept
        data, ancillary, _, _ = self.end.recvmsg(200_000, socket.CMSG_SPACE(16))
        if not data:
            raise Closed()
        message = wire.decode(data)
        if message.name in ("recording", "not-recorded") and name not in ("recording", "not-recorded"):
            self.news.append(message)
            return self.hear(name)
        message["fds"] = [fd for _, _, fds in ancillary for fd in array.array("i", fds[:len(fds) // 4 * 4])]
        if name is not None and message.name != name:
            raise AssertionError(f"{name} was awaited, and this came: {message.name} {dict(message)}")
        return message

    def is_closed(self, patience=PATIENCE):
        """Whether it closes in time; messages before that are passed over."""
        end = time.monotonic() + patience
        while True:
            if not readable(self.end, end - time.monotonic()):
                return False
            try:
                if not self.end.recv(200_000):
                    return True
            except ConnectionResetError:
                return True

    def close(self):
        self.end.close()


class Supervisor:
    def __init__(self, *options, socket_name="session.sock"):
        self.path = f"{FOLDER}/{socket_name}"
        self.log_path = f"{FOLDER}/{socket_name}.log"
        self.process = subprocess.Popen([PROGRAM, "supervise", self.path, *options], stderr=open(self.log_path, "a"), stdin=subprocess.DEVNULL)
        self.connection = wait_for(self._connect)
        atexit.register(self.stop)

    def _connect(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(self.path)
            return connection
        except OSError:
            connection.close()
            return None

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)


class Login:
    """A connection that is handed over, and both conversations of the login that it becomes."""
    counter = 0

    def __init__(self, supervisor, family=socket.AF_INET, claim=None, start=True, **settings):
        Login.counter += 1
        self.number = Login.counter
        own, source = (OWN, SOURCE) if family == socket.AF_INET else (OWN6, SOURCE6)
        listener = socket.create_server((own, 0), family=family)
        self.client = client_socket(family)
        self.client.bind((source, 0))
        self.client.connect(listener.getsockname()[:2])
        connection, peer = listener.accept()
        self.own_port, self.source_port = listener.getsockname()[1], peer[1]
        listener.close()
        self.begin = dict(number=self.number, source=socket.inet_pton(family, claim or source), source_port=self.source_port,
                          own=socket.inet_pton(family, own), own_port=self.own_port, grace_s=30, keepalive_s=15, keepalive_count=3,
                          formality=1, ssh_program=f"{FOLDER}/aclnode-ssh", ssh_user="65534:65534", key_folder=f"{FOLDER}/keys",
                          sftp_server="/usr/lib/openssh/sftp-server", resume_socket=f"{FOLDER}/logins")
        self.begin.update(settings)
        self.requests = self.channels = 0
        self.ssh_listener = self._listen()
        self.daemon = self._hand_over(supervisor, connection)
        connection.close()
        if start:
            self.meet_ssh()

    def _listen(self):
        path = f"{FOLDER}/ssh.sock"
        if os.path.exists(path):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen()
        listener.settimeout(PATIENCE)
        return listener

    def _hand_over(self, supervisor, connection):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptors = array.array("i", [connection.fileno(), theirs.fileno()])
        supervisor.connection.sendmsg([wire.encode("begin", **self.begin)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        theirs.close()
        return Conversation(ours)

    def meet_ssh(self):
        self.ssh_process, _ = self.ssh_listener.accept()
        data, ancillary, _, _ = self.ssh_process.recvmsg(100_000, socket.CMSG_SPACE(8))
        self.about_ssh = json.loads(data)
        conversation, self.connection = array.array("i", ancillary[0][2])
        self.ssh = Conversation(socket.socket(fileno=conversation))
        self.welcome = self.ssh.hear("welcome")

    # --- steps ---

    def request(self):
        self.requests += 1
        return self.requests

    def ask(self, user, method=1):
        self.ssh.say("login", request=self.request(), user=user, method=method)
        return self.daemon.hear("may")

    def record(self, **settings):
        """Of the decision that follows."""
        self.daemon.say("record", **{"folder": f"{FOLDER}/recordings", "user": "65533:65533", **settings})

    def resize(self, channel, descriptor, rows, columns):
        if RECORDED:
            return self.ssh.say("resize", channel=channel, rows=rows, columns=columns)
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def decide(self, may, accept=True, patterns=(), **more):
        if RECORDED and accept:
            self.record()
        self.daemon.say("decision", request=may.request, accept=accept, patterns=[(each,) for each in patterns], **more)
        return self.ssh.hear("login-verdict")

    def log_in(self, user, **more):
        verdict = self.decide(self.ask(user), **more)
        assert verdict.accept == 1, verdict.tell
        self.daemon.hear("logged-in")
        return self

    def open(self, kind, command="", terminal=None, environment=()):
        """Channel number, and descriptors as they came."""
        channel, self.channels = self.channels, self.channels + 1
        fields = dict(terminal, has_terminal=1) if terminal is not None else {}
        self.ssh.say("open", channel=channel, kind={"shell": 1, "exec": 2, "subsystem": 3}[kind], command=command,
                     environment=list(environment), **fields)
        answer = self.ssh.hear()
        if answer.name == "refused":
            raise PermissionError(answer.words)
        assert answer.name == "opened" and answer.channel == channel, dict(answer)
        return channel, answer.fds

    def run(self, command, given=b"", kind="exec", **more):
        """A command on pipes to its end: exit status or signal, output, error."""
        channel, (to, output, error) = self.open(kind, command, **more)
        if given:
            os.write(to, given)
        os.close(to)
        texts = [read_all(output), read_all(error)]
        exited = self.ssh.hear("exited")
        assert exited.channel == channel
        self.ssh.say("closed", channel=channel)
        return (exited.signal if exited.signalled else exited.status), *texts

    def run_on_terminal(self, command, terminal=None, kind="exec", given=b"", **more):
        channel, (master,) = self.open(kind, command, terminal={**dict(term="xterm", columns=80, rows=24), **(terminal or {})}, **more)
        if given:
            os.write(master, given)
        text = read_all(master)
        exited = self.ssh.hear("exited")
        self.ssh.say("closed", channel=channel)
        return (exited.signal if exited.signalled else exited.status), text

    def process(self):
        """Of root's, the parent of aclnode-ssh."""
        with open(f"/proc/{self.about_ssh['pid']}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])

    def leave(self):
        """As when the client closes its connection."""
        self.ssh.close()
        self.client.close()
        os.close(self.connection)
        self.ssh_process.close()
        over = self.daemon.hear("session-over")
        assert self.daemon.is_closed()
        return over.words


def read_all(fd, patience=PATIENCE):
    """To the end, in text; a terminal's end is an error of input."""
    out = b""
    end = time.monotonic() + patience
    while True:
        if not readable(fd, end - time.monotonic()):
            raise TimeoutError(out.decode(errors="replace"))
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            os.close(fd)
            return out.decode(errors="replace")
        out += data


def read_until(fd, wanted, patience=PATIENCE):
    out = b""
    end = time.monotonic() + patience
    while wanted not in out:
        if not readable(fd, end - time.monotonic()):
            raise TimeoutError(out.decode(errors="replace"))
        out += os.read(fd, 65536)
    return out.decode(errors="replace")
