"""A tailnet on one machine: a network namespace for each node, wireguard-go between them, aclnode on those that enforce.

Everything is the real program; nothing outside the namespaces is touched. Needs root, network namespaces, /dev/net/tun, eBPF,
wireguard-go, wg, ip, nft. Environment: ACLC, ACLNODE, ACLNODE_NET name the programs (default: build/bin beside this tree).
"""
import base64, contextlib, hashlib, json, os, shutil, signal, socket, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(HERE, "..", "..", "..", "build", "bin")
ACLC = os.path.abspath(os.environ.get("ACLC", os.path.join(BIN, "aclc")))
ACLNODE = os.path.abspath(os.environ.get("ACLNODE", os.path.join(BIN, "aclnode")))
ACLNODE_NET = os.path.abspath(os.environ.get("ACLNODE_NET", os.path.join(BIN, "aclnode-net")))
SKIPPED = 77  # ctest's SKIP_RETURN_CODE

PORT = 51820


def missing():
    """What this machine lacks for such a network; empty if nothing."""
    if os.geteuid() != 0:
        return "root"
    for tool in ("ip", "wg", "wireguard-go", "nft", "ping"):
        if shutil.which(tool) is None:
            return tool
    if not os.path.exists("/dev/net/tun"):
        return "/dev/net/tun"
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        return "network namespaces"
    return ""


def skip_where_impossible():
    """Ends a test's program, loudly, on a machine that cannot have such a network."""
    reason = missing()
    if reason:
        print(f"SKIPPED: needs {reason}", file=sys.stderr)
        os._exit(SKIPPED)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


PATIENCE = 60.0  # what is waited for comes at once on a machine that is quiet; on one that is not, it may take its time


def wait_for(what, patience=PATIENCE, every=0.02):
    """The first true value of what(), or its last one when patience is at its end."""
    end = time.monotonic() + patience
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


class Host:
    """A machine: a network namespace, and what runs in it."""

    def __init__(self, lab, namespace):
        self.lab, self.namespace = lab, namespace

    def ip(self, *words):
        return run("ip", "-n", self.namespace, *words)

    def exec(self, *command, **options):
        return run("ip", "netns", "exec", self.namespace, *command, **options)

    def start(self, *command, **options):
        process = subprocess.Popen(["ip", "netns", "exec", self.namespace, *command], **options)
        self.lab.started.append(process)
        return process

    # --- traffic ---

    def serve(self, *ports, udp=(), v6=True):
        """Answers on TCP ports with a line, and UDP datagrams with themselves, on all addresses."""
        code = (
            "import socket,threading,sys,json\n"
            "tcp,udp=json.loads(sys.argv[1])\n"
            "def conn(c):\n"
            "  try:\n"
            "    c.sendall(b'hello\\n')\n"
            "    while True:\n"
            "      d=c.recv(4096)\n"
            "      if not d: break\n"
            "      c.sendall(d)\n"
            "  except OSError: pass\n"
            "  c.close()\n"
            "def accept(s):\n"
            "  while True:\n"
            "    c,_=s.accept(); threading.Thread(target=conn,args=(c,),daemon=True).start()\n"
            "def echo(s):\n"
            "  while True:\n"
            "    d,a=s.recvfrom(65536); s.sendto(d,a)\n"
            "for p in tcp:\n"
            "  s=socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n"
            "  s.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,0); s.bind(('::',p)); s.listen(64)\n"
            "  threading.Thread(target=accept,args=(s,),daemon=True).start()\n"
            "for p in udp:\n"
            "  s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,0); s.bind(('::',p))\n"
            "  threading.Thread(target=echo,args=(s,),daemon=True).start()\n"
            "print('ready',flush=True); threading.Event().wait()\n")
        process = self.start(sys.executable, "-c", code, json.dumps([list(ports), list(udp)]), stdout=subprocess.PIPE)
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"nobody serves {ports} and {udp} in {self.namespace}")
        return process

    def open_socket(self, kind, family=socket.AF_INET):
        """A socket of this node's namespace, in this process."""
        with InNamespace(self.namespace):
            return socket.socket(family, kind)

    def tcp(self, address, port, patience=20.0):
        """Whether a TCP connection opens and the server speaks."""
        s = self.open_socket(socket.SOCK_STREAM, family_of(address))
        s.settimeout(patience)
        try:
            s.connect((address, port))
            return s.recv(64) == b"hello\n"
        except OSError:
            return False
        finally:
            s.close()

    def udp(self, address, port, patience=20.0):
        """Whether a datagram comes back."""
        s = self.open_socket(socket.SOCK_DGRAM, family_of(address))
        s.settimeout(patience / 4)
        try:
            s.connect((address, port))
            for _ in range(4):
                s.send(b"x")
                try:
                    return s.recv(64) == b"x"
                except OSError:
                    pass
            return False
        finally:
            s.close()

    def ping(self, address, patience=20):
        return subprocess.run(["ip", "netns", "exec", self.namespace, "ping", "-c", "1", "-W", str(patience), address],
                              capture_output=True).returncode == 0

class Node(Host):
    def __init__(self, lab, name, number, owner=None, tags=(), routes=(), enforces=True):
        super().__init__(lab, f"{lab.prefix}-{name}")
        self.name, self.number, self.owner, self.tags, self.routes = name, number, owner, tags, list(routes)
        self.enforces = enforces
        self.v4, self.v6 = f"100.64.0.{number}", f"fd7a:115c:a1e0::{number:x}"
        self.interface = f"wt{os.getpid() % 100000}{name[:3]}"[:15]
        self.private = run("wg", "genkey").strip()
        self.public = run("wg", "pubkey", input=self.private).strip()
        self.underlay = f"192.0.2.{number}"
        self.folder = os.path.join(lab.folder, name)
        self.config = os.path.join(self.folder, "aclnode.toml")
        self.daemon = self.wireguard = None
        self.mounts = None  # a mount namespace (/proc/PID/ns/mnt) that the daemon and what it starts live in; this one if None

    # --- the machine ---

    def make(self):
        os.makedirs(self.folder)
        run("ip", "netns", "add", self.namespace)
        veth = f"v{os.getpid() % 100000}{self.number}"
        run("ip", "link", "add", veth, "netns", self.lab.bridge, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        run("ip", "-n", self.lab.bridge, "link", "set", veth, "master", "br0", "up")
        self.ip("addr", "add", f"{self.underlay}/24", "dev", "eth0")
        self.ip("link", "set", "eth0", "up")
        self.ip("link", "set", "lo", "up")
        self.start_wireguard()

    def start_wireguard(self):
        # One that was killed has left its socket, which says nothing of the next.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"/var/run/wireguard/{self.interface}.sock")
        environment = dict(os.environ, WG_PROCESS_FOREGROUND="1", LOG_LEVEL="error")
        self.wireguard = subprocess.Popen(["ip", "netns", "exec", self.namespace, "wireguard-go", "-f", self.interface],
                                          env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.lab.started.append(self.wireguard)
        if not wait_for(lambda: os.path.exists(f"/var/run/wireguard/{self.interface}.sock")):
            raise RuntimeError("wireguard-go did not start")
        self.set_wireguard("private-key", "/dev/stdin", "listen-port", str(PORT), input=self.private)
        self.set_addresses()

    def set_addresses(self):
        self.ip("addr", "add", f"{self.v4}/10", "dev", self.interface)
        self.ip("addr", "add", f"{self.v6}/48", "dev", self.interface, "nodad")
        self.ip("link", "set", self.interface, "mtu", "1420", "up")
        for route in self.lab.routes_of_others(self):
            self.ip("route", "replace", route, "dev", self.interface)

    def stop_wireguard(self):
        end(self.wireguard)
        # Its socket may be gone before its interface is.
        wait_for(lambda: not subprocess.run(["ip", "-n", self.namespace, "link", "show", self.interface], capture_output=True).stdout)

    def set_wireguard(self, *words, **options):
        run("ip", "netns", "exec", self.namespace, "wg", "set", self.interface, *words, **options)

    def add_peer(self, other):
        allowed = ",".join([f"{other.v4}/32", f"{other.v6}/128", *other.routes])
        self.set_wireguard("peer", other.public, "endpoint", f"{other.underlay}:{PORT}", "allowed-ips", allowed)

    # --- aclnode ---

    def write_config(self, source=None, **more):
        settings = {"interface": self.interface, "source": source or self.lab.store, "trust": self.lab.trust_file,
                    "state_dir": f"{self.folder}/state", "run_dir": f"{self.folder}/run", "bpffs_dir": f"{self.lab.bpffs}/{self.name}",
                    "net_program": ACLNODE_NET, "net_user": "65534:65534", "decisions": f"{self.folder}/decisions", **more}
        glass = settings.pop("break_glass", "")
        text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        with open(self.config, "w") as file:
            file.write(text + glass)

    def inside(self):
        """How a command gets into this node: its network, and its files if they are its own."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *([f"--mount={self.mounts}"] if self.mounts else [])]

    def start_daemon(self, wait=True):
        # ip netns exec unmounts what other mount namespaces would not see; nsenter leaves bpffs where it is.
        with open(f"{self.folder}/stderr", "a") as errors:
            self.daemon = subprocess.Popen([*self.inside(), ACLNODE, "run", "--config", self.config], stderr=errors)
        self.lab.started.append(self.daemon)
        if wait and not wait_for(lambda: os.path.exists(f"{self.folder}/run/control") and self.status()):
            raise RuntimeError(f"aclnode of {self.name} did not start:\n" + open(f"{self.folder}/stderr").read())

    def stop_daemon(self):
        end(self.daemon)

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.wait()

    def ask(self, *words, check=False):
        return subprocess.run([ACLNODE, *words, "--config", self.config], capture_output=True, text=True, timeout=PATIENCE)

    def status(self):
        """What the daemon says; None where there is none, or none that can be asked yet."""
        # One that is too busy to answer in time is asked again.
        done = wait_for(lambda: (answer := self.ask("status", "--json")) and ("Connection timed out" not in answer.stderr) and answer)
        return json.loads(done.stdout) if done and done.stdout else None

    def enforces_generation(self, number, patience=PATIENCE):
        return bool(wait_for(lambda: (s := self.status()) and s["state"] == "enforcing" and (s["generation"] or 0) >= number, patience))

    def decisions(self):
        """The records so far. The last may be on its way: only what has its end is one."""
        try:
            with open(f"{self.folder}/decisions") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class InNamespace:
    """This thread in another network namespace."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        import ctypes
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        if self.libc.setns(there, 0x40000000) != 0:
            raise OSError("setns")
        os.close(there)

    def __exit__(self, *_):
        self.libc.setns(self.back, 0x40000000)
        os.close(self.back)


def stop(pid):
    """SIGSTOP, and that it is in force: the signal is on its way when kill(2) returns."""
    os.kill(pid, signal.SIGSTOP)

    def state():
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    if not wait_for(lambda: state() == "T"):
        raise RuntimeError(f"process {pid} does not stop")


def end(process, patience=10):
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Lab:
    """with Lab() as lab: lab.add(…); lab.up(); lab.publish(policy)"""

    made = 0

    def __init__(self, store=None):
        Lab.made += 1
        self.prefix = f"acl{os.getpid()}{'' if Lab.made == 1 else f'x{Lab.made}'}"
        self.bridge = f"{self.prefix}-net"
        self.folder = tempfile.mkdtemp(prefix="aclnode-lab-")
        os.chmod(self.folder, 0o755)
        self.release, self.store = f"{self.folder}/release", store or f"{self.folder}/store"
        self.trust_file, self.bpffs = f"{self.folder}/trust", f"{self.folder}/bpf"
        self.nodes, self.hosts, self.started = {}, [], []
        self.host_keys = None  # a file of aclnode host-keys --json, for the inventory

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.__exit__()  # of a lab that is half there nothing stays either
            raise
        return self

    def make(self):
        run("ip", "netns", "add", self.bridge)
        run("ip", "-n", self.bridge, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.bridge, "link", "set", "br0", "up")
        os.makedirs(self.bpffs)
        run("mount", "-t", "bpf", "bpf", self.bpffs)
        os.makedirs(f"{self.folder}/store")
        os.chdir(self.folder)
        run(ACLC, "keygen", "--out", f"{self.folder}/key", "--passphrase-fd", "0", stdin=subprocess.DEVNULL)
        os.makedirs(self.release)
        run(ACLC, "trust", "init", self.release, "--pub", f"{self.folder}/key.pub", "--key", f"{self.folder}/key.key",
            "--passphrase-fd", "0", stdin=subprocess.DEVNULL)
        shutil.copy(f"{self.release}/trust/1", self.trust_file)

    def __exit__(self, *_):
        for process in reversed(self.started):
            end(process, 3)
        # And what those have left behind.
        namespaces = [self.bridge, *(node.namespace for node in self.nodes.values()), *(host.namespace for host in self.hosts)]
        for name in namespaces:
            for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split():
                with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                    os.kill(int(pid), signal.SIGKILL)
        for name in reversed(namespaces):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["umount", "-R", "-l", self.bpffs], capture_output=True)
        os.chdir("/")
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, name, number, **what):
        self.nodes[name] = Node(self, name, number, **what)
        return self.nodes[name]

    def add_host(self, router, addresses, mtu=1500):
        """A machine behind the router, at these addresses of the router's /24 and /64 routes; the router has the .1 of each."""
        host = Host(self, f"{self.prefix}-host{len(self.hosts)}")
        self.hosts.append(host)
        run("ip", "netns", "add", host.namespace)
        run("ip", "-n", router.namespace, "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        router.ip("link", "set", "eth1", "mtu", str(mtu), "up")
        host.ip("link", "set", "lo", "up")
        host.ip("link", "set", "eth0", "up")
        for address in addresses:
            v6 = ":" in address
            length, nodad = (64, ["nodad"]) if v6 else (24, [])
            gateway = address[:address.rindex(":" if v6 else ".") + 1] + "1"
            router.ip("addr", "add", f"{gateway}/{length}", "dev", "eth1", *nodad)
            host.ip("addr", "add", f"{address}/{length}", "dev", "eth0", *nodad)
            host.ip("-6" if v6 else "-4", "route", "add", "default", "via", gateway)
            router.exec("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1" if v6 else "net.ipv4.ip_forward=1")
        return host

    def routes_of_others(self, node):
        return [route for other in self.nodes.values() if other is not node for route in other.routes]

    def up(self):
        for node in self.nodes.values():
            node.make()
        for node in self.nodes.values():
            for other in self.nodes.values():
                if other is not node:
                    node.add_peer(other)
            node.write_config()

    def inventory(self):
        users = sorted({n.owner for n in self.nodes.values() if n.owner})
        return {"tailnet": "example.com", "users": [{"login": user} for user in users],
                "nodes": [{"name": n.name, "addresses": [n.v4, n.v6], "key": n.public, **({"user": n.owner} if n.owner else {}),
                           **({"tags": list(n.tags)} if n.tags else {}),
                           **({"advertisedRoutes": n.routes, "approvedRoutes": n.routes} if n.routes else {})}
                          for n in self.nodes.values() if n.enforces is not None]}

    def compile(self, policy):
        with open(f"{self.folder}/policy.hujson", "w") as file:
            file.write(policy if isinstance(policy, str) else json.dumps(policy))
        with open(f"{self.folder}/inventory.hujson", "w") as file:
            json.dump(self.inventory(), file)
        if self.host_keys:
            merged = run(ACLC, "import", f"{self.folder}/inventory.hujson", self.host_keys)
            with open(f"{self.folder}/inventory.hujson", "w") as file:
                file.write(merged)
        run(ACLC, "compile", f"{self.folder}/policy.hujson", "--out", self.release)
        run(ACLC, "sign", self.release, "--key", f"{self.folder}/key.key", "--passphrase-fd", "0", stdin=subprocess.DEVNULL)
        return self.generation()

    def generation(self):
        with open(f"{self.release}/latest") as file:
            return int(file.read().split()[1])

    def publish(self, policy, to=None):
        """Compiles, signs, publishes; the generation."""
        number = self.compile(policy)
        self.publish_compiled(to)
        return number

    def publish_compiled(self, to=None):
        run(ACLC, "publish", self.release, to or self.store)
        os.system(f"chmod -R a+rX {self.folder}/store")
