"""Plays aclnode-session for aclnode-ssh, without policy, accounts or PAM: a listener on loopback, and for each connection a real
aclnode-ssh whose questions are answered here (docs/protocol.md, node/protocol/login_message.h). Processes run as whoever runs this.

A Host says what is answered: the verdict, the forwardings, the limits. Everything that aclnode-ssh says is kept in `heard`, so that a
test can look at it.
"""
import array
import fcntl
import os
import pty
import selectors
import signal
import socket
import struct
import subprocess
import termios
import threading

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

WELCOME, SIGNATURE, VERDICT, OPENED, REFUSED, EXITED, END = range(32, 39)
SIGN, LOGIN, OPEN, SIGNAL, CLOSED, CONNECT, OVER = range(48, 55)
LISTENING, ACCEPTED = 40, 41
LISTEN, UNLISTEN, CONNECT_PATH, TAKEN = range(56, 60)
TERMINAL, PIPES, SOCKET = 1, 2, 3
SHELL, EXEC, SUBSYSTEM = 1, 2, 3


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<H", len(value)) + value


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, count):
        taken, self.data = self.data[:count], self.data[count:]
        assert len(taken) == count, "a short message"
        return taken

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def text(self):
        return self.take(self.number("H"))


def ssh_string(value):
    return struct.pack(">I", len(value)) + value


def modes_of(encoded):
    """RFC 4254 section 8: opcode -> value."""
    modes = {}
    while encoded and 0 < encoded[0] < 160:
        modes[encoded[0]] = struct.unpack(">I", encoded[1:5])[0]
        encoded = encoded[5:]
    return modes


def signal_group(process, number):
    if process.poll() is None:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:  # it ended just now
            pass


class HostKeys:
    """An Ed25519 and an ECDSA key, of this process alone."""

    def __init__(self):
        self.ed25519 = ed25519.Ed25519PrivateKey.generate()
        self.ecdsa = ec.generate_private_key(ec.SECP256R1())

    def public(self):
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        first = self.ed25519.public_key().public_bytes(*raw)
        second = self.ecdsa.public_key().public_bytes(*point)
        return [("ssh-ed25519", ssh_string(b"ssh-ed25519") + ssh_string(first)),
                ("ecdsa-sha2-nistp256",
                 ssh_string(b"ecdsa-sha2-nistp256") + ssh_string(b"nistp256") + ssh_string(second))]

    def sign(self, key, data):
        if key == 0:
            return self.ed25519.sign(data)
        return self.ecdsa.sign(data, ec.ECDSA(hashes.SHA256()))

    def known_hosts(self, port, name="127.0.0.1"):
        import base64
        return "".join(f"[{name}]:{port} {kind} {base64.b64encode(blob).decode()}\n" for kind, blob in self.public())


class Connection:
    """One connection and its aclnode-ssh."""

    def __init__(self, host, client):
        self.host = host
        self.selector = selectors.DefaultSelector()
        self.processes = {}  # channel -> Popen
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.conversation = ours
        self.program = start(host.program, theirs, client, host.user, host.errors)
        theirs.close()
        client.close()
        self.send(WELCOME, struct.pack("<H", 2) + b"".join(text(kind) + text(blob) for kind, blob in host.keys.public()) +
                  struct.pack("<IIQB", host.keepalive_s, host.keepalive_count, host.rekey_bytes, host.formality))
        self.wake, wakes = socket.socketpair()
        self.wakes = wakes
        self.selector.register(ours, selectors.EVENT_READ)
        self.selector.register(self.wake, selectors.EVENT_READ)

    def send(self, kind, body, descriptors=()):
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
            self.conversation.sendmsg([bytes([kind]) + body], rights)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def serve(self):
        while True:
            for key, _ in self.selector.select(0.5):
                if key.fileobj is self.wake:
                    self.wake.recv(1000)
                elif not self.hear():
                    return self.end()
            self.reap()

    def end(self):
        self.conversation.close()
        for process in self.processes.values():
            signal_group(process, signal.SIGHUP)
        self.status = self.program.wait()
        self.host.statuses.append(self.status)

    def hear(self):
        try:
            message = self.conversation.recv(1 << 18)
        except ConnectionResetError:
            return False
        if not message:
            return False
        kind, reader = message[0], Reader(message[1:])
        if kind == SIGN:
            request, key = reader.number("I"), reader.number("B")
            data = reader.text()
            self.host.heard.append((SIGN, key))
            self.send(SIGNATURE, struct.pack("<I", request) + text(self.host.keys.sign(key, data)))
        elif kind == LOGIN:
            request, user, method = reader.number("I"), reader.text(), reader.number("B")
            self.host.heard.append((LOGIN, user, method))
            self.host.before_verdict(self)
            self.send(VERDICT, struct.pack("<IBBBB", request, self.host.accepts(user), 0, self.host.forwarding, 0) +
                      text(self.host.tell))
        elif kind == OPEN:
            self.open(reader)
        elif kind == SIGNAL:
            channel, name = reader.number("I"), reader.text().decode(errors="replace")
            self.host.heard.append((SIGNAL, name))
            self.host.before_signal()
            if channel in self.processes:
                signal_group(self.processes[channel], getattr(signal, "SIG" + name, 0))
        elif kind == CLOSED:
            channel = reader.number("I")
            self.host.heard.append((CLOSED, channel))
            process = self.processes.get(channel)
            if process is not None:
                signal_group(process, signal.SIGHUP)
        elif kind == CONNECT:
            self.connect(reader)
        elif kind == CONNECT_PATH:
            self.send(REFUSED, struct.pack("<I", reader.number("I")) + text("there are no sockets here"))
        elif kind == LISTEN:
            listener, what = reader.number("I"), reader.number("B")
            self.host.heard.append((LISTEN, what))
            self.send(LISTENING, struct.pack("<IBH", listener, 0, 0) + text("there are no listeners here"))
        elif kind in (UNLISTEN, TAKEN):
            pass
        elif kind == OVER:
            self.host.heard.append((OVER, reader.text().decode(errors="replace")))
            return False
        else:
            raise AssertionError(f"a message of kind {kind}")
        return True

    def open(self, reader):
        channel, kind, has_terminal = reader.number("I"), reader.number("B"), reader.number("B")
        term = reader.text().decode(errors="replace")
        columns, rows, _, _ = (reader.number("I") for _ in range(4))
        modes = reader.text()
        for _ in range(2):  # listeners of an agent, of a display
            if reader.number("B"):
                reader.number("I")
        variables = {reader.text(): reader.text() for _ in range(reader.number("H"))}
        command = reader.take(reader.number("I"))
        self.host.heard.append((OPEN, channel, kind, command, term, (columns, rows), modes_of(modes), variables))
        if self.host.refuses:
            return self.send(REFUSED, struct.pack("<I", channel) + text(self.host.refuses))
        arguments, program = self.host.process(kind, command)
        if not arguments:
            return self.send(REFUSED, struct.pack("<I", channel) + text("there is no such subsystem"))
        environment = self.host.environment(term, variables)
        if has_terminal:
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

            def take_terminal():
                os.setsid()
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)

            process = subprocess.Popen(arguments, executable=program, stdin=slave, stdout=slave, stderr=slave,
                                       env=environment, cwd="/", preexec_fn=take_terminal)
            os.close(slave)
            given, form = [master], TERMINAL
        else:
            process = subprocess.Popen(arguments, executable=program, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, env=environment, cwd="/", start_new_session=True, bufsize=0)
            given, form = [process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno()], PIPES
        self.processes[channel] = process
        self.send(OPENED, struct.pack("<IB", channel, form), given)
        self.host.opened.append(channel)
        if form == TERMINAL:
            os.close(master)
        else:
            for end in (process.stdin, process.stdout, process.stderr):
                end.close()
        process.told = False
        threading.Thread(target=self.wait_for, args=(process,), daemon=True).start()

    def wait_for(self, process):
        process.wait()
        self.wakes.send(b".")

    def reap(self):
        for channel, process in self.processes.items():
            if process.told or process.poll() is None:
                continue
            process.told = True
            status = process.returncode
            name = signal.Signals(-status).name[3:] if status < 0 else ""
            self.send(EXITED, struct.pack("<IBI", channel, status < 0, max(status, 0)) + text(name) + b"\0")

    def connect(self, reader):
        channel, name, port = reader.number("I"), reader.text().decode(errors="replace"), reader.number("H")
        self.host.heard.append((CONNECT, name, port))
        if not self.host.forwarding:
            return self.send(REFUSED, struct.pack("<I", channel) + text("forwarding is not allowed"))
        try:
            made = self.host.connect(name, port)
        except OSError as error:
            return self.send(REFUSED, struct.pack("<I", channel) + text(str(error)))
        made.setblocking(True)
        self.send(OPENED, struct.pack("<IB", channel, SOCKET), [made.fileno()])
        made.close()

    def say_end(self, words):
        self.send(END, text(words))


def start(program, conversation, client, user, errors=None):
    """aclnode-ssh with descriptors 3 and 4, and no environment; its standard error goes to `errors`."""

    def place():
        high = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 100) for one in (conversation, client)]
        for wanted, one in zip((3, 4), high):
            os.dup2(one, wanted)
            os.set_inheritable(wanted, True)

    arguments = [program] + ([user] if os.geteuid() == 0 else [])
    return subprocess.Popen(arguments, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                            close_fds=False, preexec_fn=place)


class Host:
    """Listens on loopback."""

    def __init__(self, program, **settings):
        self.program = program
        self.keys = HostKeys()
        self.user, self.errors = "65534:65534", None
        self.keepalive_s, self.keepalive_count, self.rekey_bytes, self.formality = 0, 3, 0, 1
        self.forwarding = 1
        self.tell = ""
        self.refuses = ""
        self.accepts = lambda user: True
        self.before_verdict = lambda connection: None
        self.before_signal = lambda: None
        self.heard, self.opened, self.statuses, self.connections = [], [], [], []
        for name, value in settings.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def process(self, kind, command):
        """What runs for a channel, and as which program; nothing where it is refused."""
        if kind == SUBSYSTEM:
            return (["/usr/lib/openssh/sftp-server"] if command == b"sftp" else None), None
        return (["-sh"] if kind == SHELL else ["sh", "-c", command]), "/bin/sh"

    def environment(self, term, variables):
        return dict(os.environb, TERM=term, **{name.decode(): value for name, value in variables.items()})

    def connect(self, name, port):
        if name != "127.0.0.1":  # names may be any, as tests mutate them; nothing leaves this machine, or waits for a name
            raise OSError("there is no such host here")
        return socket.create_connection((name, port), timeout=5)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection(self, client)
            self.connections.append(connection)
            threading.Thread(target=connection.serve, daemon=True).start()

    def close(self):
        # Nobody waits at it any more, or that thread would take the connections of who gets the descriptor's number next.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.listener.close()
        for connection in self.connections:
            if connection.program.poll() is None:
                connection.program.kill()


if __name__ == "__main__":
    import sys
    host = Host(sys.argv[1], **{name: int(value) for name, value in (one.split("=") for one in sys.argv[2:])})
    print(host.port, flush=True)
    while True:
        signal.pause()
