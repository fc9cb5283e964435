"""Checks of logins between real nodes: people with security keys that are software (tests/authenticator), clients at terminals.

What a person does is done as he would: what the client shows is read from its terminal, the line for the shell is run by a shell, and what that
prints is pasted.
"""
import os, pty, re, select, signal, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ssh_lab import *

AUTHENTICATOR = os.path.abspath(os.environ.get("ACL_AUTHENTICATOR", os.path.join(BIN, "authenticator.so")))


class Key:
    """A security key, in a home of its own: there it is ~/.ssh/id_ed25519_sk, as the line for the shell has it."""

    def __init__(self, folder, kind="ed25519-sk", options=()):
        self.home = folder
        os.makedirs(f"{folder}/.ssh", mode=0o700)
        self.environment = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "SSH_SK_PROVIDER": AUTHENTICATOR}
        self.path = f"{folder}/.ssh/id_ed25519_sk"
        run("ssh-keygen", "-q", "-t", kind, "-w", AUTHENTICATOR, "-N", "", *options, "-f", self.path, env=self.environment)
        with open(f"{self.path}.pub") as file:
            self.public = " ".join(file.read().split()[:2])

    def sign(self, line, **environment):
        """What the line of the instruction prints."""
        line = line.replace("~/", f"{self.home}/")
        done = subprocess.run(["sh", "-c", line], env={**self.environment, **environment}, capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout


class Terminal:
    """ssh at a terminal of its own: what it shows, and what is typed. In a session of its own, so that it asks there."""

    def __init__(self, client, target, *command, options=()):
        pairs = [client.options[at:at + 2] for at in range(0, len(client.options), 2)]
        plain = [word for pair in pairs if pair[1] not in ("BatchMode=yes", "LogLevel=ERROR") for word in pair]
        words = client.command("ssh", *options, "-o", "LogLevel=INFO", *plain, target, *command)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(words[0], words, client.environment)
            finally:
                os._exit(127)
        self.shown, self.status = "", None
        client.lab.terminals.append(self)

    def read_on(self, patience):
        if not select.select([self.fd], [], [], patience)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the other end is closed
            return None
        self.shown += data.decode(errors="replace").replace("\r\n", "\n").replace("\r", "")
        return bool(data) or None

    def expect(self, pattern, patience=PATIENCE):
        """Waits until it is shown; the match. What was shown before it is taken off."""
        end = time.monotonic() + patience
        while True:
            match = re.search(pattern, self.shown, re.S)
            if match:
                self.shown = self.shown[match.end():]
                return match
            left = end - time.monotonic()
            if left <= 0 or self.read_on(left) is None:
                raise AssertionError(f"{pattern!r} is not shown:\n{self.shown}")

    def line(self, patience=PATIENCE):
        """The line for the shell, once it is asked for its output."""
        line = self.expect(r"(printf %s '[^\n]*)\n.*?Signature[^\n:]*: ", patience)[1]
        return line

    def type(self, text):
        os.write(self.fd, text.encode() + b"\n")

    def rest(self, patience=PATIENCE):
        """All that is shown until it ends; its exit status is in `status` then."""
        end = time.monotonic() + patience
        while self.read_on(max(0, end - time.monotonic())):
            pass
        self.wait(max(1.0, end - time.monotonic()))
        return self.shown

    def wait(self, patience=PATIENCE):
        if self.status is None and wait_for(self.has_ended, patience) is None:
            self.close()
            raise AssertionError(f"the client does not end:\n{self.shown}")
        return self.status

    def has_ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None or None

    def close(self):
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -9
        with contextlib.suppress(OSError):
            os.close(self.fd)


class CheckLab(SshLab):
    """Users of the inventory have security keys: self.keys[login] = [public keys]; and subjects: self.subs[login]."""

    def __init__(self, *what, **more):
        super().__init__(*what, **more)
        self.keys, self.subs, self.terminals = {}, {}, []

    def inventory(self):
        inventory = super().inventory()
        for user in inventory["users"]:
            if self.keys.get(user["login"]):
                user["securityKeys"] = self.keys[user["login"]]
            if user["login"] in self.subs:
                user["sub"] = self.subs[user["login"]]
        return inventory

    def __exit__(self, *what):
        for terminal in self.terminals:
            terminal.close()
        return super().__exit__(*what)


def check_settings(wait_s=120, openid=None, **more):
    """The tables [check] of aclnode.toml."""
    out = "[check]\ntailnet = \"example.com\"\n" + f"wait_s = {wait_s}\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    if openid:
        out += "[check.openid]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in openid.items())
    return out


def skip_without_authenticator():
    if not os.path.exists(AUTHENTICATOR):
        print(f"SKIPPED: there is no {AUTHENTICATOR}: build authenticator", file=sys.stderr)
        os._exit(SKIPPED)
