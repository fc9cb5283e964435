"""A machine that boots: systemd in systemd-nspawn over an overlay of /, with aclnode's programs and units installed in it.

It lives in the network namespace of one of a Lab's nodes. What is written stays in memory and goes with it; of the units of the
machine it runs on, it has those that belong to systemd.
"""
import re

from lab import *

INTERFACE = "wg0"  # its socket is in the machine's own /run
UNITS = ("aclnode-guard.service", "aclnode.service")

# The network of this machine: after network-pre.target like any other, and a witness of what is there by then.
NETWORK = """[Unit]
DefaultDependencies=no
Wants=network-pre.target
After=network-pre.target
Before=network.target
[Service]
Environment=WG_PROCESS_FOREGROUND=1
ExecStartPre=/bin/sh -c 'nft list tables >/run/tables-before-network'
ExecStart=wireguard-go -f {interface}
ExecStartPost=/bin/sh -c 'until [ -S /run/wireguard/{interface}.sock ]; do sleep 0.05; done; {commands}'
[Install]
WantedBy=multi-user.target
"""


def machine_missing():
    """What this machine lacks for another to boot in it; empty if nothing."""
    for tool in ("systemd-nspawn", "systemd-sysusers", "nsenter", "setpriv", "cmake"):
        if shutil.which(tool) is None:
            return tool
    return missing()


class Machine(Node):
    """A node whose WireGuard and aclnode are started by its own systemd."""

    prefix = "/usr/local"  # as `make install` has it
    system_units = ()  # further ones of systemd's that it starts at boot
    enabled_units = UNITS

    @property
    def program(self):
        return f"{self.prefix}/sbin/aclnode"

    def start_wireguard(self):
        self.interface = INTERFACE
        self.memory, self.nspawn, self.init = os.path.join(self.folder, "memory"), None, None
        self.root = os.path.join(self.memory, "root")

    def set_wireguard(self, *words, **options):
        pass  # at boot

    def write_config(self, **more):
        pass  # aclnode enroll does

    # --- making it ---

    def install(self, settings=""):
        os.makedirs(self.memory)
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.memory)
        for folder in ("upper", "work", "root"):
            os.mkdir(os.path.join(self.memory, folder))
        layers = ",".join(f"{name}={self.memory}/{folder}" for name, folder in (("upperdir", "upper"), ("workdir", "work")))
        run("mount", "-t", "overlay", "-o", f"lowerdir=/,{layers}", "overlay", self.root)
        self.remove_units()
        build = os.path.dirname(os.path.dirname(ACLNODE))
        run("cmake", "--install", build, "--prefix", self.prefix, env=dict(os.environ, DESTDIR=self.root))
        run("systemd-sysusers", f"--root={self.root}", "aclnode.conf")
        shutil.rmtree(self.path("etc/aclnode"), ignore_errors=True)
        shutil.copy(self.lab.trust_file, self.path("root/trust-1"))
        run("chroot", self.root, self.program, "enroll", "--trust", "/root/trust-1", "--source", "/srv/release", "--interface", INTERFACE)
        with open(self.path("etc/aclnode/aclnode.toml"), "a") as file:
            file.write(settings)
        run("systemctl", f"--root={self.root}", "enable", "network-of-test.service", *self.enabled_units)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def remove_units(self):
        """Those that somebody enabled, and those that only wait for devices, terminals and people."""
        shutil.rmtree(self.path("etc/systemd/system"))
        os.mkdir(self.path("etc/systemd/system"))
        library = self.path("usr/lib/systemd/system")
        for target in ("multi-user", "timers", "getty"):
            shutil.rmtree(os.path.join(library, f"{target}.target.wants"), ignore_errors=True)
        for unit in ("systemd-udev-trigger", "systemd-udevd", "systemd-firstboot", "systemd-repart", "systemd-update-utmp", "console-getty"):
            os.symlink("/dev/null", self.path(f"etc/systemd/system/{unit}.service"))
        os.symlink("/usr/lib/systemd/system/multi-user.target", self.path("etc/systemd/system/default.target"))
        wanted = self.path("etc/systemd/system/multi-user.target.wants")
        os.mkdir(wanted)
        for unit in self.system_units:
            os.symlink(f"/usr/lib/systemd/system/{unit}", f"{wanted}/{unit}")
        with open(self.path("etc/systemd/system/network-of-test.service"), "w") as file:
            file.write(NETWORK.format(interface=INTERFACE, commands="; ".join(self.network_commands())))
        key = self.path("etc/wireguard.key")
        with open(key, "w") as file:
            os.chmod(key, 0o600)
            file.write(self.private)

    def network_commands(self):
        yield f"wg set {INTERFACE} private-key /etc/wireguard.key listen-port {PORT}"
        for other in self.lab.nodes.values():
            if other is not self:
                allowed = ",".join([f"{other.v4}/32", f"{other.v6}/128"])
                yield f"wg set {INTERFACE} peer {other.public} endpoint {other.underlay}:{PORT} allowed-ips {allowed}"
        yield f"ip addr add {self.v4}/10 dev {INTERFACE}"
        yield f"ip addr add {self.v6}/48 dev {INTERFACE} nodad"
        yield f"ip link set {INTERFACE} mtu 1420 up"

    # --- running it ---

    def boot(self, patience=2 * PATIENCE):
        os.makedirs(self.path("srv/release"), exist_ok=True)
        console = open(os.path.join(self.folder, "console"), "w")
        self.nspawn = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", f"--directory={self.root}", "--console=pipe",
             f"--machine={self.lab.prefix}", f"--network-namespace-path=/run/netns/{self.namespace}", "--capability=all",
             "--system-call-filter=bpf", "--bind=/dev/net/tun", f"--bind={self.lab.bpffs}:/sys/fs/bpf",
             f"--bind-ro={self.lab.store}:/srv/release", "--resolv-conf=off",
             "--timezone=off", "--link-journal=no"],
            env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1", SYSTEMD_NSPAWN_API_VFS_WRITABLE="1"),
            stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        self.lab.started.append(self.nspawn)
        if not wait_for(self.find_init, patience) or not wait_for(self.is_up, patience, every=0.1):
            raise RuntimeError("the machine did not boot:\n" + open(console.name).read())

    def reboot(self):
        """By its own systemd; systemd-nspawn, which shares its unit with us, ends and says that it would."""
        self.systemctl("reboot")
        if self.nspawn.wait(120) != 133:
            raise RuntimeError("the machine does not want to boot again")
        self.init = None
        self.boot()

    def find_init(self):
        """The machine's process 1, by its number out here."""
        for child in children_of(self.nspawn.pid):
            for name in [child, *children_of(child)]:
                if re.search(r"^NSpid:.*\t1$", read(f"/proc/{name}/status"), re.M) and read(f"/proc/{name}/comm").startswith("systemd"):
                    self.init = name
        return self.init

    def is_up(self):
        return self.inside("systemctl", "is-active", "multi-user.target").stdout.strip() == "active"

    def inside(self, *command, user=None):
        """A command in the machine, as root or as UID, GID and groups."""
        if user:
            uid, gid, *groups = (str(number) for number in user)
            command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--groups=" + ",".join(groups) if groups else "--clear-groups", *command]
        return subprocess.run(["nsenter", f"--target={self.init}", "--all", *command], capture_output=True, text=True, timeout=120)

    def systemctl(self, *words):
        done = self.inside("systemctl", *words)
        if done.returncode != 0:
            raise RuntimeError(f"systemctl {' '.join(words)}: {done.stderr}\n{self.journal()}")
        return done.stdout.strip()

    def journal(self):
        return self.inside("journalctl", "--no-pager", "--boot", "--lines=60", *(f"--unit={unit}" for unit in self.enabled_units)).stdout

    def shows(self, unit, name):
        return self.systemctl("show", "--property", name, "--value", unit)

    def ask(self, *words, user=None):
        return self.inside(self.program, *words, user=user)

    def group(self, name):
        return int(re.search(rf"^{name}:[^:]*:(\d+):", read(self.path("etc/group")), re.M)[1])

    def shut_down(self):
        if self.init:
            try:
                os.kill(self.init, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.nspawn:
            end(self.nspawn)
        for place in ("payload", "supervisor"):  # cgroups that systemd-nspawn leaves behind
            for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
                remove_cgroup(os.path.join(root, place))
        for place in (self.root, self.memory):
            subprocess.run(["umount", "--recursive", "--lazy", place], capture_output=True)


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def children_of(pid):
    return [int(word) for word in read(f"/proc/{pid}/task/{pid}/children").split()]


def remove_cgroup(path):
    """If nobody is in it."""
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass
