"""A client's half of SSH's transport (RFC 4253, 5647, 8731; PROTOCOL and PROTOCOL.chacha20poly1305 of OpenSSH) for tests that break the
rules: it says what it is told to say, well enciphered, in any order, and what it would say by itself is the caller's to change.

One method of each kind is exchanged: curve25519-sha256, one of CIPHERS, one of COMPRESSIONS. The server's host key is not checked.
"""
import hashlib
import hmac
import os
import select
import struct
import time
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT = range(1, 7)
KEXINIT, NEWKEYS, KEX_INIT, KEX_REPLY = 20, 21, 30, 31
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS = range(50, 53)
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = range(80, 83)

COMPRESSIONS = ("none", "zlib@openssh.com")  # the second from the login on
IDENTIFICATION = b"SSH-2.0-OpenSSH_hostile"
MOST = 1 << 18  # of a packet


class Ended(Exception):
    """The server closed the connection."""


class Silent(Exception):
    """The server does not say what it should have said by now."""


def number(value):
    return struct.pack(">I", value & 0xffffffff)


def string(value):
    value = value.encode() if isinstance(value, str) else value
    return number(len(value)) + value


def mpint(value):
    value = value if isinstance(value, int) else int.from_bytes(value, "big")
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


def take_string(data, at):
    size, = struct.unpack_from(">I", data, at)
    return data[at + 4:at + 4 + size], at + 4 + size


def padded(payload, block, counted, padding=None):
    """padding_length, payload, padding; `counted` bytes before them are part of the block."""
    least = block - (counted + 1 + len(payload)) % block
    least = least if least >= 4 else least + block
    return bytes([least]) + payload + (os.urandom(least) if padding is None else bytes(padding)[:least].ljust(least, b"\0"))


class Clear:
    ahead, tag = 4, 0  # bytes that tell how long a packet is; those of its sum

    def seal(self, payload, sequence):
        body = padded(payload, 8, 4)
        return number(len(body)) + body

    def length(self, head, sequence):
        return struct.unpack(">I", head)[0]

    def open(self, head, body, sequence):
        return body


class Gcm:
    ahead, tag, sizes = 4, 16, (16, 12)

    def __init__(self, key, iv, mac):
        self.key, self.fixed, self.count = AESGCM(key), iv[:4], int.from_bytes(iv[4:], "big")

    def nonce(self):
        self.count += 1
        return self.fixed + struct.pack(">Q", (self.count - 1) & (1 << 64) - 1)

    def seal(self, payload, sequence):
        body = padded(payload, 16, 0)
        return number(len(body)) + self.key.encrypt(self.nonce(), body, number(len(body)))

    def length(self, head, sequence):
        return struct.unpack(">I", head)[0]

    def open(self, head, body, sequence):
        return self.key.decrypt(self.nonce(), body, head)


class ChaCha:
    ahead, tag, sizes = 4, 16, (64, 0)

    def __init__(self, key, iv, mac):
        self.main, self.head = key[:32], key[32:]

    def stream(self, key, block, sequence, data):
        nonce = struct.pack("<Q", block) + struct.pack(">Q", sequence)
        return Cipher(algorithms.ChaCha20(key, nonce), None).encryptor().update(data)

    def seal(self, payload, sequence):
        body = padded(payload, 8, 0)
        sealed = self.stream(self.head, 0, sequence, number(len(body))) + self.stream(self.main, 1, sequence, body)
        return sealed + Poly1305.generate_tag(self.stream(self.main, 0, sequence, bytes(32)), sealed)

    def length(self, head, sequence):
        return struct.unpack(">I", self.stream(self.head, 0, sequence, head))[0]

    def open(self, head, body, sequence):
        if Poly1305.generate_tag(self.stream(self.main, 0, sequence, bytes(32)), head + body[:-16]) != body[-16:]:
            raise InvalidTag()
        return self.stream(self.main, 1, sequence, body[:-16])


class Ctr:
    """With the MAC of the text."""
    ahead, tag, sizes, etm = 16, 32, (16, 16), False

    def __init__(self, key, iv, mac):
        self.cipher, self.mac = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor(), mac

    def sum(self, sequence, data):
        return hmac.digest(self.mac, number(sequence) + data, "sha256")

    def seal(self, payload, sequence):
        if self.etm:
            body = padded(payload, 16, 0)
            sealed = number(len(body)) + self.cipher.update(body)
            return sealed + self.sum(sequence, sealed)
        body = padded(payload, 16, 4)
        clear = number(len(body)) + body
        return self.cipher.update(clear) + self.sum(sequence, clear)

    def length(self, head, sequence):
        self.first = head if self.etm else self.cipher.update(head)
        return struct.unpack(">I", self.first[:4])[0] - (self.ahead - 4)

    def open(self, head, body, sequence):
        text = body[:-32] if self.etm else self.first + self.cipher.update(body[:-32])
        if self.sum(sequence, (head if self.etm else b"") + text) != body[-32:]:
            raise InvalidTag()
        return self.cipher.update(text) if self.etm else text[4:]


class CtrEtm(Ctr):
    """With the MAC of what is sent."""
    ahead, etm = 4, True


CIPHERS = {"chacha20-poly1305@openssh.com": ChaCha, "aes128-gcm@openssh.com": Gcm, "aes128-ctr hmac-sha2-256": Ctr,
           "aes128-ctr hmac-sha2-256-etm@openssh.com": CtrEtm}


class Direction:
    def __init__(self):
        self.cipher, self.sequence, self.zip = Clear(), 0, None


class Wire:
    """What is sent and heard on one socket. `heard` has every payload of the server's that nobody has asked for yet."""

    def __init__(self, sock, patience=20.0, cipher="aes128-gcm@openssh.com", compression="none"):
        self.sock, self.patience, self.cipher, self.compression = sock, patience, cipher, compression
        self.sock.setblocking(False)
        self.out, self.data = bytearray(), bytearray()
        self.sending, self.receiving = Direction(), Direction()
        self.identification, self.session, self.strict = b"", None, False
        self.own_kexinit = self.private = None
        self.awaits_keys = False  # of NEWKEYS
        self.heard, self.over, self.logged_in = [], False, False
        self.deaf = False  # packets are not looked at

    # --- bytes ---

    def say(self, data):
        self.out += data

    def move(self, wait=0.0, writes=True):
        """What can be sent and read now, or within `wait`; False where neither happens."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN | (select.POLLOUT if self.out and writes else 0))
        ready = poll.poll(wait * 1000)
        if not ready or self.over:
            return False
        try:
            if ready[0][1] & select.POLLOUT:
                del self.out[:self.sock.send(self.out[:1 << 16])]
            if ready[0][1] & ~select.POLLOUT:
                more = self.sock.recv(1 << 16)
                self.data += more
                self.over = self.over or not more
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.over = True
        return True

    def flush(self):
        """All that was said is sent; what comes meanwhile is kept. Silent where the server does not take it."""
        end = time.monotonic() + self.patience
        while self.out and not self.over:
            if not self.move(0.2) and time.monotonic() > end:
                raise Silent("takes nothing more")
            self.parse()
        if self.over:
            self.out.clear()

    # --- packets ---

    def seal(self, payload):
        """A packet as it goes over the wire, of which the next is counted from here on."""
        direction = self.sending
        if direction.zip:
            payload = direction.zip[0].compress(payload) + direction.zip[0].flush(zlib.Z_SYNC_FLUSH)
        return self.seal_raw(payload)

    def seal_raw(self, payload):
        """Not compressed, whatever was agreed."""
        sealed = self.sending.cipher.seal(payload, self.sending.sequence)
        self.sending.sequence = self.sending.sequence + 1 & 0xffffffff
        return sealed

    def send(self, payload):
        self.say(self.seal(payload))

    def parse(self):
        """Packets out of what was read, into `heard`; exchanges that the server begins are joined."""
        if self.deaf:
            return self.data.clear()
        while not self.identification:
            line, found, rest = bytes(self.data).partition(b"\n")
            if not found:
                return
            self.data = bytearray(rest)
            if line.startswith(b"SSH-"):
                self.identification = line.rstrip(b"\r")
        while (payload := self.next_packet()) is not None:
            if payload[:1] == b"\x14":
                self.join(payload)
            elif payload[:1] == b"\x1f" and self.private is not None:
                self.finish(payload)
            elif payload[:1] == b"\x15" and self.awaits_keys:
                self.switch(self.receiving, "BDF")
                self.awaits_keys = False
            else:
                if payload[:1] == b"\x34":
                    self.logged_in = True
                    for direction in (self.sending, self.receiving):
                        self.start_zip(direction)
                self.heard.append(payload)

    def next_packet(self):
        direction = self.receiving
        cipher = direction.cipher
        if not hasattr(direction, "head"):
            if len(self.data) < cipher.ahead:
                return None
            direction.head = bytes(self.data[:cipher.ahead])
            direction.left = cipher.length(direction.head, direction.sequence)
            del self.data[:cipher.ahead]
            assert 0 <= direction.left <= MOST, f"a packet of {direction.left} bytes"
        if len(self.data) < direction.left + cipher.tag:
            return None
        body = bytes(self.data[:direction.left + cipher.tag])
        del self.data[:direction.left + cipher.tag]
        text = cipher.open(direction.head, body, direction.sequence)
        del direction.head
        direction.sequence = direction.sequence + 1 & 0xffffffff
        payload = text[1:len(text) - text[0]]
        return direction.zip[1].decompress(payload) if direction.zip else payload

    def expect(self, *kinds):
        """The first packet of such a number, and those before it are dropped."""
        end = time.monotonic() + self.patience
        while True:
            self.parse()
            while self.heard:
                payload = self.heard.pop(0)
                if payload[0] in kinds:
                    return payload
            if self.over:
                raise Ended()
            if not self.move(0.2) and time.monotonic() > end:
                raise Silent(f"none of {kinds}")

    # --- exchanges of keys ---

    def kexinit(self):
        names = ["curve25519-sha256,ext-info-c" + (",kex-strict-c-v00@openssh.com" if self.session is None else ""), "ssh-ed25519"]
        cipher, _, mac = self.cipher.partition(" ")
        names += [cipher] * 2 + [mac or "hmac-sha2-256"] * 2 + [self.compression] * 2 + [""] * 2
        return bytes([KEXINIT]) + os.urandom(16) + b"".join(map(string, names)) + b"\0" + number(0)

    def begin(self, kexinit=None):
        """Sends a KEXINIT; the rest happens in parse(), when the server's has come."""
        self.own_kexinit = kexinit or self.kexinit()
        self.send(self.own_kexinit)

    def join(self, theirs):
        self.their_kexinit = theirs
        names, _ = take_string(theirs, 17)
        if self.session is None:
            self.strict = b"kex-strict-s-v00@openssh.com" in names.split(b",")
        if self.own_kexinit is None:
            self.begin()
        self.private = x25519.X25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.send(bytes([KEX_INIT]) + string(self.public))

    def finish(self, reply):
        host_key, at = take_string(reply, 1)
        theirs, _ = take_string(reply, at)
        shared = self.private.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        parts = [IDENTIFICATION, self.identification, self.own_kexinit, self.their_kexinit, host_key, self.public, theirs]
        self.shared = mpint(shared)
        self.hash = hashlib.sha256(b"".join(map(string, parts)) + self.shared).digest()
        self.session = self.session or self.hash
        self.own_kexinit = self.private = None
        self.awaits_keys = True
        self.send(bytes([NEWKEYS]))
        self.switch(self.sending, "ACE")

    def switch(self, direction, letters):
        """New keys for one direction (RFC 4253 section 7.2)."""
        make = CIPHERS[self.cipher]

        def derive(letter, size):
            made = hashlib.sha256(self.shared + self.hash + letter.encode() + self.session).digest()
            while len(made) < size:
                made += hashlib.sha256(self.shared + self.hash + made).digest()
            return made[:size]

        iv, key, mac = (derive(letter, size) for letter, size in zip(letters, (make.sizes[1], make.sizes[0], 32)))
        direction.cipher = make(key, iv, mac)
        if self.strict:
            direction.sequence = 0
        if direction.zip:
            self.start_zip(direction)

    def start_zip(self, direction):
        if self.compression != "none":
            direction.zip = zlib.compressobj(), zlib.decompressobj()

    def idle(self):
        """No exchange is under way, and new keys are in force both ways."""
        return self.own_kexinit is None and self.private is None and not self.awaits_keys

    def settle(self):
        """Until no exchange is under way any more."""
        end = time.monotonic() + self.patience
        while not self.idle() and not self.over:
            self.parse()
            if not self.move(0.2) and time.monotonic() > end:
                raise Silent("no exchange of keys")
            self.parse()

    def connect(self):
        """Identification and the first exchange."""
        self.say(IDENTIFICATION + b"\r\n")
        self.begin()
        self.settle()
        if self.over:
            raise Ended()
        self.flush()

    def log_in(self, user="ann"):
        self.send(bytes([SERVICE_REQUEST]) + string("ssh-userauth"))
        self.send(bytes([USERAUTH_REQUEST]) + string(user) + string("ssh-connection") + string("none"))
        return self.expect(USERAUTH_SUCCESS, USERAUTH_FAILURE)[0] == USERAUTH_SUCCESS
