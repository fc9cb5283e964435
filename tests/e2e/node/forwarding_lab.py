"""What tests of forwarding have in common: one laptop, one server that takes logins, and services there that say who speaks to them."""
import contextlib, re, resource, sys

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from ssh_lab import *

POLICY = {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": [{"src": ["*"], "dst": ["tag:srv"], "ip": ["tcp:*"]}],
          "ssh": [{"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["ann", "root"]}]}
TRUSTING, ECHO = 7001, 7002  # ports of the services

# On the server, as root: says the number of the user at the other end, of TCP by the kernel's list of connections; or sends back what it gets.
SERVICES = r"""
import os, socket, struct, sys, threading
folder, trusting, echo = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
threading.stack_size(256 << 10)

def uid_of(c):
    if c.family == socket.AF_UNIX:
        return struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    here, there = "%04X" % c.getsockname()[1], "%04X" % c.getpeername()[1]
    for line in open("/proc/net/tcp").readlines()[1:]:
        field = line.split()
        if field[1].endswith(":" + there) and field[2].endswith(":" + here):
            return int(field[7])

def tell(c):
    c.sendall(b"%d\n" % uid_of(c))
    c.recv(1)

def back(c):
    while data := c.recv(65536):
        c.sendall(data)
    c.shutdown(socket.SHUT_WR)

def conn(c, what):
    try:
        what(c)
    except OSError:
        pass
    c.close()

def serve(s, what):
    s.listen(1024)
    def run():
        while True:
            c, _ = s.accept()
            threading.Thread(target=conn, args=(c, what), daemon=True).start()
    threading.Thread(target=run, daemon=True).start()

def at_path(name, mode, what):
    s = socket.socket(socket.AF_UNIX)
    s.bind(f"{folder}/{name}")
    os.chmod(f"{folder}/{name}", mode)
    serve(s, what)

def at_port(port, what):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    serve(s, what)

at_path("trusting", 0o666, tell)
at_path("for-root", 0o600, tell)
at_port(trusting, tell)
at_port(echo, back)
print("ready", flush=True)
threading.Event().wait()
"""


class Forwarding(SshLab):
    """laptop (ann's) and server, up, with the services."""

    def begin(self):
        self.laptop = self.add("laptop", 1, owner="ann@example.com")
        self.server = self.add_ssh("server", 2, tags=["tag:srv"])
        self.up()
        self.server.enable_ssh()
        self.server.write_config()
        number = self.publish(POLICY)
        self.server.start_daemon()
        assert self.server.takes_logins(number), self.server.status()
        self.ann = self.client(self.laptop)
        for host in (self.laptop, self.server):
            host.ip("link", "set", "lo", "up")
        self.server.machine.sh("mkdir -p /home/services; chmod 755 /home/services")
        services = subprocess.Popen([*self.server.inside(), sys.executable, "-c", SERVICES, "/home/services", str(TRUSTING), str(ECHO)],
                                    stdout=subprocess.PIPE)
        self.started.append(services)
        assert services.stdout.readline() == b"ready\n"
        return self

    def at(self, user="ann"):
        return f"{user}@{self.server.v4}"

    def settings(self, **more):
        self.server.enable_ssh(**more)
        self.server.write_config()
        done = self.server.ask("reload")
        assert done.returncode == 0, done.stderr

    # --- sockets of either machine ---

    def connect(self, node, port, address="127.0.0.1"):
        s = node.open_socket(socket.SOCK_STREAM, family_of(address))
        s.settimeout(PATIENCE)
        try:
            s.connect((address, port))
        except OSError:
            s.close()
            raise
        return s

    def listen(self, node, port=0, address="127.0.0.1"):
        s = node.open_socket(socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(PATIENCE)
        s.bind((address, port))
        s.listen(64)
        return s

    def listens(self, node, port):
        """The addresses at which somebody listens on that port."""
        out = node.exec("ss", "-Hltn", f"sport = :{port}")
        return sorted(line.split()[3].rsplit(":", 1)[0] for line in out.splitlines())

    def free_port(self, node):
        with contextlib.closing(self.listen(node)) as s:
            return s.getsockname()[1]

    @contextlib.contextmanager
    def forwarded(self, *options, user="ann", ready, client=None):
        """ssh -N with these options, until ready() is true; its process."""
        process = (client or self.ann).start_ssh(self.at(user), options=[*options, "-N", "-o", "ExitOnForwardFailure=yes"])
        try:
            if not wait_for(lambda: ready() or process.poll() is not None) or process.poll() is not None:
                raise RuntimeError(f"not forwarded: {process.communicate(timeout=PATIENCE)}")
            yield process
        finally:
            end(process, 1)  # a signal can pass OpenSSH's client by just before it waits

    @contextlib.contextmanager
    def local_port(self, target, user="ann"):
        """A port of the laptop that leads to `target` from the server."""
        port = self.free_port(self.laptop)
        with self.forwarded("-L", f"127.0.0.1:{port}:{target}", user=user, ready=lambda: self.listens(self.laptop, port)):
            yield port


def read_all(s):
    out = bytearray()
    while data := s.recv(65536):
        out += data
    return bytes(out)


def some_bytes(size):
    return (b"".join(i.to_bytes(4, "big") for i in range(min(size // 4 + 1, 1 << 16))) * (size // (4 << 16) + 1))[:size]
