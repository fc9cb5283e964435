"""Logins between real nodes: accounts, homes and PAM of a node's own, real clients, and what they shall see.

The accounts are in copies of /etc/passwd, group and shadow that are mounted over the machine's in a mount namespace of the node; nothing
of the machine itself is changed. Needs what lab.py needs, and the clients that a test names.
"""
import os, shutil, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import *

ACLNODE_SSH = os.path.abspath(os.environ.get("ACLNODE_SSH", os.path.join(BIN, "aclnode-ssh")))
ACLNODE_SESSION = os.path.abspath(os.environ.get("ACLNODE_SESSION", os.path.join(BIN, "aclnode-session")))

# name → (uid, shell, further shadow fields)
ACCOUNTS = {"ann": (5001, "/bin/bash"), "vinay": (5002, "/bin/sh"), "deploy": (5003, "/bin/bash"),
            "locked": (5004, "/usr/sbin/nologin"), "expired": (5005, "/bin/bash")}

PAM = """account required pam_unix.so
session required pam_loginuid.so
session required pam_limits.so
session required pam_env.so
session optional pam_mkhomedir.so umask=0077
session required pam_unix.so
"""


class Machine:
    """The files of one node: its own /etc/passwd, group, shadow, PAM, /home, /root, login records."""

    def __init__(self, node):
        self.node, self.folder = node, os.path.join(node.folder, "machine")
        os.makedirs(self.folder)
        for name in ("passwd", "group", "shadow", "gshadow"):
            shutil.copy(f"/etc/{name}", f"{self.folder}/{name}")
        day = int(time.time() / 86400)
        for name, (uid, shell) in ACCOUNTS.items():
            self.append("passwd", f"{name}:x:{uid}:{uid}:{name}:/home/{name}:{shell}")
            self.append("group", f"{name}:x:{uid}:")
            self.append("shadow", f"{name}:*:{day - 10}:0:99999:7::{day - 1 if name == 'expired' else ''}:")
        self.append("group", "wheelers:x:6001:ann,vinay")
        shutil.copytree("/etc/pam.d", f"{self.folder}/pam.d")
        with open(f"{self.folder}/pam.d/aclnode", "w") as file:
            file.write(PAM)
        for name in ("utmp", "wtmp", "lastlog", "btmp"):
            open(f"{self.folder}/{name}", "w").close()
        self.process = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sleep", "infinity"])
        node.lab.started.append(self.process)
        self.mounts = f"/proc/{self.process.pid}/ns/mnt"
        here = os.readlink("/proc/self/ns/mnt")
        wait_for(lambda: os.readlink(self.mounts) != here)
        script = "set -e\n"
        for name in ("passwd", "group", "shadow", "gshadow"):
            script += f"mount --bind {self.folder}/{name} /etc/{name}\n"
        script += f"mount --bind {self.folder}/pam.d /etc/pam.d\nmount -t tmpfs -o mode=755 tmpfs /home\nmount -t tmpfs -o mode=700 tmpfs /root\n"
        script += f"mount -t tmpfs tmpfs /var/log\nfor f in wtmp lastlog btmp; do cp {self.folder}/$f /var/log/; done\n"
        script += f"touch /run/utmp; mount --bind {self.folder}/utmp /run/utmp\n"
        for name, (uid, _) in ACCOUNTS.items():
            script += f"mkdir -m 700 /home/{name}; chown {uid}:{uid} /home/{name}\n"
        run("nsenter", f"--mount={self.mounts}", "sh", "-c", script)
        node.mounts = self.mounts

    def append(self, name, line):
        with open(f"{self.folder}/{name}", "a") as file:
            file.write(line + "\n")

    def sh(self, script):
        return run(*self.node.inside(), "sh", "-c", script)


class SshNode(Node):
    """A node that takes logins."""

    def enable_ssh(self, **more):
        self.machine = self.machine if hasattr(self, "machine") else Machine(self)
        keys = {"enabled": True, "session_program": ACLNODE_SESSION, "ssh_program": ACLNODE_SSH, "ssh_user": "65534:65534",
                "session_socket": f"{self.folder}/session", **more}
        def word(value):
            return json.dumps(value)
        self.ssh_settings = "[ssh]\n" + "".join(f"{key} = {word(value)}\n" for key, value in keys.items())

    def ask(self, *words, check=False):
        """Of this node's machine: accounts and the interface are looked up there."""
        return subprocess.run([*self.inside(), ACLNODE, *words, "--config", self.config], capture_output=True, text=True, timeout=PATIENCE)

    def processes(self, name):
        """Those of this program in this node's network; one that ends meanwhile is none."""
        def network(pid):
            try:
                return os.readlink(f"/proc/{pid}/ns/net")
            except OSError:
                return None
        here = network(self.daemon.pid)
        pids = subprocess.run(["pgrep", "-x", name[:15]], capture_output=True, text=True).stdout.split()
        return [pid for pid in pids if network(pid) == here]

    def runs(self, words):
        """Whether a process with these words in its command line lives in this node's network."""
        def here(pid):
            try:
                return os.readlink(f"/proc/{pid}/ns/net") == network
            except OSError:
                return False
        network = os.readlink(f"/proc/{self.wireguard.pid}/ns/net")
        return [pid for pid in subprocess.run(["pgrep", "-f", words], capture_output=True, text=True).stdout.split() if here(pid)]

    def takes_logins(self, generation, patience=PATIENCE):
        """Host keys are made at the first start, which takes a moment."""
        return self.enforces_generation(generation, patience) and \
            bool(wait_for(lambda: (s := self.status()) and s["ssh"]["listening"], patience))

    def write_config(self, source=None, break_glass="", **more):
        super().write_config(source, break_glass=break_glass + getattr(self, "ssh_settings", ""), **more)


class SshLab(Lab):
    def add_ssh(self, name, number, **what):
        self.nodes[name] = SshNode(self, name, number, **what)
        return self.nodes[name]

    def client(self, node):
        return Client(self, node)


class Client:
    """OpenSSH's client (and others) at a node, with a home of its own. Host keys are learnt at the first use and checked after."""

    def __init__(self, lab, node):
        self.lab, self.node, self.home = lab, node, tempfile.mkdtemp(prefix="home-", dir=lab.folder)
        self.known = f"{self.home}/known_hosts"
        self.options = ["-F", "none", "-o", f"UserKnownHostsFile={self.known}", "-o", "StrictHostKeyChecking=accept-new",
                        "-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-o", "LogLevel=ERROR", "-o", "IdentityFile=none"]
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "LANG": "C.UTF-8"}

    def command(self, *words):
        return ["ip", "netns", "exec", self.node.namespace, *words]

    def run(self, *words, timeout=120, **options):
        """Any program at this node: the CompletedProcess."""
        options.setdefault("capture_output", True)
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.run(self.command(*words), timeout=timeout, env=environment, **options)

    def ssh(self, target, *command, options=(), timeout=120, **more):
        return self.run("ssh", *options, *self.options, target, *command, timeout=timeout, **more)  # the first of an option counts

    def start_ssh(self, target, *command, options=(), env=(), **more):
        process = subprocess.Popen(self.command("ssh", *options, *self.options, target, *command), env={**self.environment, **dict(env)},
                                   **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})
        self.lab.started.append(process)
        return process
