"""aclnode-ssh itself, over a socket pair, with a client that says what nobody should say: mutated conversations, for so many seconds.

    ssh_hostile.py before|after SECONDS [--seed N] [--runs N]

before: up to the login. Half of the conversations are in the clear, of mutated identifications, exchanges of keys and what may come before
        them; half are well enciphered up to a place of chance and mutate what is said there: services, logins, second exchanges.
after:  a login, then mutated packets of channels and of everything else inside the ciphers, through exchanges of keys from either side.

A finding is a report of a sanitizer (a build of the preset `asan` is what this is for; any other works), another exit status than 0, a
connection that is neither served nor ended, a program that outlives its connection, a login that nobody allowed. Each run has a seed of
its own, which is told with the finding: `--seed N --runs 1` repeats it but for keys and time. The other side of the program is played
(played_session.py), and none of what a client asks to be run is run. Environment: ACLNODE_SSH names the program.
"""
import argparse
import os
import random
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.abspath(os.environ.get("ACLNODE_SSH", os.path.join(HERE, "..", "..", "..", "build", "bin", "aclnode-ssh")))
SKIPPED = 77
PATIENCE = 20.0  # a sanitized program on a busy machine

try:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    import played_session as played
    from ssh_wire import *
except ImportError as error:
    print(f"SKIPPED: {error}")
    sys.exit(SKIPPED)


class Finding(Exception):
    pass


class Host(played.Host):
    """Runs nothing of what it is asked for but `cat`, and connects to nothing but that."""

    def process(self, kind, command):
        return (None if command == b"none" else ["yes" if command == b"yes" else "cat"]), None

    def environment(self, term, variables):
        return {"PATH": os.environ["PATH"]}

    def connect(self, name, port):
        near, far = socket.socketpair()
        with far:
            process = subprocess.Popen(["cat"], stdin=far, stdout=far, start_new_session=True)
        threading.Thread(target=process.wait, daemon=True).start()
        return near


# --- mutations --------------------------------------------------------------------------------------------------------------

ODD_NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 35, 255, 256, 32767, 32768, 65535, 1 << 18, (1 << 18) + 1, 1 << 20, 1 << 21, 1 << 24, 0x7fffffff, 0x80000000,
               0xfffffffe, 0xffffffff)


def mutate(chance, data):
    """One change of a few bytes."""
    data = bytearray(data)
    at = chance.randrange(len(data) + 1)
    kind = chance.randrange(9)
    if kind == 0 and data:
        data[at % len(data)] ^= 1 << chance.randrange(8)
    elif kind == 1 and data:
        data[at % len(data)] = chance.randrange(256)
    elif kind == 2:
        data[at:at] = chance.randbytes(chance.choice((1, 1, 2, 4, 40)))
    elif kind == 3:
        del data[at:at + chance.choice((1, 1, 2, 4, 40))]
    elif kind == 4:
        data[at:at] = data[at:at + chance.choice((4, 16, 200))] * chance.choice((1, 1, 30))
    elif kind == 5:
        del data[at:]
    elif kind == 6:
        data[at:at + 4] = number(chance.choice(ODD_NUMBERS))
    elif kind == 7 and len(data) >= 5:  # where a length may be
        at = chance.randrange(1, len(data) - 3)
        data[at:at + 4] = number(int.from_bytes(data[at:at + 4], "big") + chance.choice((-1, 1, 4, -4, 1 << 16)))
    else:
        data += bytes(chance.choice((1, 100, 5000)))
    return bytes(data)


def mutated(chance, data, rate):
    while chance.random() < rate:
        data = mutate(chance, data)
        rate /= 2
    return data


def reordered(chance, packets, rate):
    """Lost, twice, or at another place."""
    packets = list(packets)
    while packets and chance.random() < rate:
        at, kind = chance.randrange(len(packets)), chance.randrange(3)
        if kind == 0:
            del packets[at]
        elif kind == 1:
            packets.insert(chance.randrange(len(packets) + 1), packets[at])
        else:
            packets.insert(chance.randrange(len(packets)), packets.pop(at))
        rate *= 0.7
    return packets


# --- what a client says -----------------------------------------------------------------------------------------------------

def of_the_transport(chance):
    return chance.choice((
        bytes([IGNORE]) + string(chance.randbytes(chance.randrange(60))), bytes([DEBUG, 1]) + string("x") + string(""),
        bytes([UNIMPLEMENTED]) + number(chance.choice(ODD_NUMBERS)), bytes([DISCONNECT]) + number(11) + string("bye") + string(""),
        bytes([7]) + number(1) + string("server-sig-algs") + string("ssh-ed25519"), bytes([NEWKEYS]),
        bytes([SERVICE_REQUEST]) + string("ssh-userauth"), bytes([SERVICE_ACCEPT]) + string("ssh-userauth"),
        bytes([chance.randrange(256)]) + chance.randbytes(chance.randrange(100))))


def of_logins(chance):
    user = chance.choice((b"ann", b"ann", b"ann", b"bob", b"", b"a\0b", b"x" * 300, "jürg".encode()))
    service = chance.choice((b"ssh-connection",) * 5 + (b"ssh-userauth", b""))
    head = bytes([USERAUTH_REQUEST]) + string(user) + string(service)
    blob = string("ssh-ed25519") + string(bytes(32))
    return chance.choice((
        bytes([SERVICE_REQUEST]) + string(chance.choice(("ssh-userauth", "ssh-connection"))), head + string("none"), head + string("none"),
        head + string("password") + b"\0" + string("secret"), head + string("password") + b"\1" + string("old") + string("new"),
        head + string("keyboard-interactive") + string("") + string(""), bytes([61]) + number(1) + string("answer"),
        head + string("publickey") + b"\0" + string("ssh-ed25519") + string(blob),
        head + string("publickey") + b"\1" + string("ssh-ed25519") + string(blob) + string(string("ssh-ed25519") + string(bytes(64))),
        head + string("hostbased") + string("ssh-ed25519") + string(blob) + string("h") + string("u") + string("s"),
        head + string("gssapi-with-mic") + number(1) + string(b"\6\1\1"), bytes([63]) + b"", bytes([66]) + string("mic"),
        bytes([51]) + string("none") + b"\0", bytes([52]), bytes([53]) + string("banner") + string(""), bytes([60]) + string("x")))


class Channels:
    """What is said of channels, mostly of those that there are: one of another number ends the connection."""

    def __init__(self, chance):
        self.chance = chance
        self.live, self.next = [], 0  # the server's numbers, as it counts them

    def __call__(self, chance):
        if not self.live or chance.random() < 0.08:
            return self.opening()
        channel = chance.choice(self.live) if chance.random() < 0.998 else chance.choice(ODD_NUMBERS)
        packet = chance.choice((self.request, self.request, self.data, self.data, self.odd))(number(channel))
        if packet[0] == 0x61 and channel in self.live:
            self.live.remove(channel)
        return packet

    def opening(self):
        chance = self.chance
        port = chance.choice((1, 22, 0, 65536))
        place = string("127.0.0.1") + number(port) + string("::1") + number(9)
        kind, rest = chance.choice((("session", b""),) * 5 + (("direct-tcpip", place),) * 2 + (
            ("x11", place[:13]), ("direct-streamlocal@openssh.com", string("/x") + string("") + number(0)), ("forwarded-tcpip", place)))
        if kind in ("session", "direct-streamlocal@openssh.com") or (kind == "direct-tcpip" and 0 < port < 65536):
            if kind == "session" or chance.random() < 0.2:  # one that the client does not know of yet is not to be spoken of
                self.live.append(self.next)
            self.next += 1
        window, piece = chance.choice((0, 1, 1 << 16, 1 << 21, 1 << 30)), chance.choice((1, 100, 32768, 0xffffffff))
        return b"\x5a" + string(kind) + number(chance.randrange(5)) + number(window) + number(piece) + rest

    def request(self, channel):
        chance = self.chance
        terminal = string("xterm") + number(80) + number(24) + number(0) * 2 + string(b"\x80\0\0\x96\0\x35\0\0\0\1\0")
        name, rest = chance.choice((
            ("exec", string(chance.choice(("cat", "yes", "none")))), ("shell", b""), ("subsystem", string(chance.choice(("sftp", "none")))),
            ("pty-req", terminal), ("env", string("LANG") + string("C")), ("window-change", number(100) + number(30) + number(0) * 2),
            ("signal", string(chance.choice(("WINCH", "USR1", "KILL", "TERM@x")))), ("break", number(500)), ("eow@openssh.com", b""),
            ("x11-req", b"\0" + string("MIT-MAGIC-COOKIE-1") + string("00") + number(0)), ("auth-agent-req@openssh.com", b""),
            ("xon-xoff", b"\1"), ("exit-status", number(0)), ("keepalive@openssh.com", b"")))
        return b"\x62" + channel + string(name) + bytes([chance.randrange(2)]) + rest

    def data(self, channel):
        chance = self.chance
        some = chance.randbytes(chance.choice((0, 1, 100, 30000, 32768)))
        return chance.choice((b"\x5e" + channel + string(some), b"\x5e" + channel + string(some), b"\x5f" + channel + number(1) + string(some[:9]),
                              b"\x5d" + channel + number(1 << 16), b"\x5d" + channel + number(chance.choice((0, 1, 100)))))

    def odd(self, channel):
        chance = self.chance
        everywhere = chance.choice(("keepalive@openssh.com", "tcpip-forward", "cancel-tcpip-forward", "hostkeys-prove-00@openssh.com", "x"))
        ends_the_connection = chance.choice((b"\x5b" + channel + number(0) + number(1 << 20) + number(32768),
                                             b"\x5c" + channel + number(1) + string("") * 2, b"\x5d" + channel + number(chance.choice(ODD_NUMBERS))))
        return chance.choice((
            b"\x60" + channel, b"\x61" + channel, bytes([chance.choice((99, 100))]) + channel,
            bytes([chance.choice((REQUEST_SUCCESS, REQUEST_FAILURE))]), ends_the_connection if chance.random() < 0.1 else b"\x60" + channel,
            *(bytes([GLOBAL_REQUEST]) + string(everywhere) + bytes([chance.randrange(2)]) + string("") + number(0),) * 3))


def in_the_clear(chance):
    """Identification, KEXINIT, what belongs to its method, NEWKEYS: as bytes, with nothing mutated yet but the choice."""
    method = chance.choice(("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
                            "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512",
                            "diffie-hellman-group-exchange-sha256", "diffie-hellman-group1-sha1", "sntrup761x25519-sha512@openssh.com"))
    guess = chance.random() < 0.2
    names = [",".join(chance.sample((method, "ext-info-c", "kex-strict-c-v00@openssh.com", "curve25519-sha256"), 4 if guess else 3)),
             chance.choice(("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256,ssh-ed25519", "ssh-dss"))]
    names += [chance.choice((*(one.split()[0] for one in CIPHERS), "aes256-ctr,3des-cbc", "none"))] * 2
    names += [chance.choice(("hmac-sha2-256", "hmac-sha2-512-etm@openssh.com,hmac-sha1", "hmac-md5"))] * 2
    names += [chance.choice(("none", "none,zlib@openssh.com", "zlib"))] * 2 + [chance.choice(("", "de,en"))] * 2
    kexinit = bytes([KEXINIT]) + chance.randbytes(16) + b"".join(map(string, names)) + bytes([guess]) + number(0)
    if method.startswith("ecdh"):
        curve = {"256": ec.SECP256R1, "384": ec.SECP384R1, "521": ec.SECP521R1}[method[-3:]]()
        value = string(ec.generate_private_key(curve).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    elif method.startswith("diffie"):
        size = 4096 if "16" in method else 2048
        value = mpint(chance.choice((chance.getrandbits(size - 1), chance.getrandbits(size - 1), 0, 1, (1 << size) - 1, 1 << size + 9)))
    else:
        value = string(chance.choice((chance.randbytes(32), chance.randbytes(32), bytes(32), b"\1" + bytes(31), chance.randbytes(1190))))
    exchange = bytes([chance.choice((KEX_INIT,) * 5 + (32, 34))]) + value
    return [IDENTIFICATION + b"\r\n", kexinit, exchange, bytes([NEWKEYS])]


# --- runs -------------------------------------------------------------------------------------------------------------------

class Run:
    """One conversation with a program of its own."""

    def __init__(self, host, chance):
        self.host, self.chance = host, chance
        self.said, self.lasted = 0, False
        self.in_step = True  # what is said is enciphered as it should be, and no exchange of keys is left open
        host.heard.clear()
        self.sock, far = socket.socketpair()
        self.errors, host.errors = os.pipe()  # the program may write no files
        self.connection = played.Connection(host, far)
        os.close(host.errors)
        self.serving = threading.Thread(target=self.connection.serve, daemon=True)
        self.serving.start()
        self.wire = Wire(self.sock, PATIENCE, chance.choice(tuple(CIPHERS)), chance.choice(COMPRESSIONS))

    def plain(self):
        """All in the clear, at once or bit by bit, whatever the server answers."""
        chance, self.wire.deaf = self.chance, True
        first, *packets = in_the_clear(chance)
        for _ in range(chance.randrange(3)):
            packets.insert(chance.randrange(len(packets) + 1), chance.choice((of_the_transport, of_logins, Channels(chance)))(chance))
        packets = [mutated(chance, one, 0.3) for one in reordered(chance, packets, 0.3)]
        data = mutated(chance, first, 0.15) + b"".join(mutated(chance, Clear().seal(one, 0), 0.1) for one in packets)
        if chance.random() < 0.3:
            data += chance.randbytes(chance.choice((20, 500, 40000)))
        while data and not self.wire.over:
            size = chance.choice((1, 7, 40, 1000, len(data), len(data)))
            self.wire.say(data[:size])
            self.said += 1
            data = data[size:]
            self.wire.flush()
        self.in_step = False

    def packet(self, payload):
        """One packet, seldom with bytes changed that the ciphers guard."""
        chance, wire = self.chance, self.wire
        self.said += 1
        if not payload:
            payload = b"\0"
        if payload[0] in (KEXINIT, NEWKEYS, *range(30, 50)):
            self.in_step = False
        if chance.random() < 0.001:
            wire.say(mutate(chance, wire.seal(payload)))
            self.in_step = False
        elif wire.sending.zip and chance.random() < 0.001:
            wire.say(wire.seal_raw(mutate(chance, payload)))
            self.in_step = False
        else:
            wire.send(payload)

    def exchange(self):
        """New keys, once more: mutated seldom, and then nothing is sure any more."""
        if not self.wire.idle():
            return
        if self.chance.random() < 0.2:
            self.packet(mutate(self.chance, self.wire.kexinit()))
            self.in_step = False
        else:
            self.wire.begin()
        self.wire.flush()

    def say_all(self, kinds, count, rate):
        packets = [self.chance.choice(kinds)(self.chance) for _ in range(count)]
        for payload in packets:
            if self.wire.over:
                break
            if self.chance.random() < 0.02:
                self.exchange()
            if self.in_step:
                self.wire.settle()  # nothing else may come between (RFC 4253 section 7.1)
            self.packet(mutated(self.chance, payload, rate))
            if self.chance.random() < 0.1:
                self.wire.flush()
        self.wire.flush()

    def before(self):
        if self.chance.random() < 0.5:
            return self.plain()
        self.wire.connect()
        if self.chance.random() < 0.7:
            self.wire.send(bytes([SERVICE_REQUEST]) + string("ssh-userauth"))
        kinds = (of_logins,) * 6 + (of_the_transport, Channels(self.chance))
        self.say_all(kinds, self.chance.randrange(1, 12), 0.3)

    def after(self):
        self.wire.connect()
        if not self.wire.log_in():
            raise Finding("a login that was allowed is refused")
        channels = Channels(self.chance)
        kinds = (channels,) * self.chance.choice((40, 1000)) + (of_the_transport, of_logins)
        rate = self.chance.choice((0.0, 0.002, 0.02, 0.2))
        if self.chance.random() < 0.8:  # something to talk about
            channels.live, channels.next = [0], 1
            self.wire.send(b"\x5a" + string("session") + number(0) + number(1 << 20) + number(32768))
            self.wire.send(b"\x62" + number(0) + string("exec") + b"\1" + string(self.chance.choice(("cat", "yes"))))
        self.say_all(kinds, self.chance.randrange(1, 300), rate)

    def is_served(self):
        """Whoever is still connected gets an answer."""
        if not self.in_step or self.wire.over:
            return
        try:
            self.wire.settle()
            if not self.wire.logged_in:
                self.wire.send(bytes([SERVICE_REQUEST]) + string("no-such-service"))  # a reason to disconnect
            else:
                self.wire.send(bytes([GLOBAL_REQUEST]) + string("ping@test") + b"\1")
            self.wire.flush()
            self.lasted = self.wire.expect(DISCONNECT, REQUEST_FAILURE, REQUEST_SUCCESS, USERAUTH_FAILURE)[0] != DISCONNECT
        except Ended:
            pass

    def finish(self):
        """The connection ends, and the program with it: how."""
        if self.chance.random() < 0.5:
            try:
                self.sock.shutdown(socket.SHUT_WR)
                end = time.monotonic() + PATIENCE
                while not self.wire.over:
                    self.wire.data.clear()
                    if not self.wire.move(0.2) and time.monotonic() > end:
                        raise Finding("the connection does not end when the client has said all")
            except OSError:
                pass
        self.sock.close()
        self.serving.join(PATIENCE)
        if self.serving.is_alive():
            raise Finding("the program outlives its connection")
        if self.connection.status != 0:
            raise Finding(f"exit status {self.connection.status}")

    def check(self):
        with os.fdopen(self.errors, "rb") as errors:
            said = errors.read().decode(errors="replace")
        if said:
            raise Finding(f"it complains:\n{said}")
        allowed = self.host.accepts(b"ann")
        if not allowed and (self.wire.logged_in or any(one[0] in (played.OPEN, played.CONNECT) for one in self.host.heard)):
            raise Finding("a login that nobody allowed")

    def carry_out(self, phase):
        try:
            try:
                self.before() if phase == "before" else self.after()
                self.is_served()
            except Ended:
                if self.wire.session is None:
                    raise Finding("the first exchange of keys is refused")
            except Silent as silent:
                raise Finding(f"a hang: {silent}")
            self.finish()
        except Finding as finding:
            self.connection.program.kill()
            try:
                self.check()
            except Finding as report:
                raise Finding(f"{finding}; {report}")
            raise
        finally:
            self.sock.close()
        self.check()


def hosts_of(phase):
    if phase == "before":
        nobody = lambda user: False
        settings = (dict(accepts=nobody), dict(accepts=nobody, tell="no rule lets you in", formality=0),
                    dict(accepts=nobody, before_verdict=lambda connection: time.sleep(0.05)))
    else:
        settings = ({}, dict(rekey_bytes=20_000), dict(rekey_bytes=1_000_000, forwarding=0))
    return [Host(PROGRAM, **each) for each in settings]


def main():
    words = argparse.ArgumentParser()
    words.add_argument("phase", choices=("before", "after"))
    words.add_argument("seconds", type=float)
    words.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(6), "big"))
    words.add_argument("--runs", type=int)
    asked = words.parse_args()
    hosts = hosts_of(asked.phase)
    began, runs, said, lasted = time.monotonic(), 0, 0, 0
    while time.monotonic() - began < asked.seconds and runs != asked.runs:
        seed = asked.seed + runs
        chance = random.Random(seed)
        run = Run(chance.choice(hosts), chance)
        try:
            run.carry_out(asked.phase)
        except Exception as error:  # noqa: whatever it is, it is to be told with the seed
            print(f"FAILED  {asked.phase} the login, seed {seed}: {type(error).__name__}: {error}", flush=True)
            return 1
        runs += 1
        said += run.said
        lasted += run.lasted
    print(f"ok      {runs} conversations {asked.phase} the login in {time.monotonic() - began:.0f} s, seeds from {asked.seed}; "
          f"{said} packets, {lasted} conversations lasted to the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
