#!/usr/bin/python3
"""A stand-in for aclnode-session, without SSH: what aclnode does with a login can be seen in the clear.

Whoever connects writes a line "USER exists|missing root|other\n"; it is asked of aclnode, and the answer comes back as a line of JSON, up to
twenty times. After an accepted one the session lives until aclnode ends it, or the client closes. That of a user "lingers" says then that it ends, and
does not.

usage: stand_in_session.py supervise SOCKET [--linger SECONDS] | make-host-keys FOLDER
"""
import array, base64, json, os, signal, socket, struct, sys, threading, time

KINDS_TO = {64: "begin", 65: "decision", 66: "end", 67: "go-on", 68: "kill"}
RESUMES_FOR = 60


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def blob(self):
        size = self.number("H")
        self.at += size
        return self.data[self.at - size:self.at]

    def text(self):
        return self.blob().decode()


def read_begin(r):
    begin = {"number": r.number("Q")}
    for side in ("source", "own"):
        address = r.blob()
        begin[side] = (address, r.number("H"))
    for name, form in (("grace_s", "I"), ("keepalive_s", "I"), ("keepalive_count", "I"), ("rekey_bytes", "Q"), ("formality", "B")):
        begin[name] = r.number(form)
    for name in ("ssh_program", "ssh_user", "key_folder", "pam_service", "sftp_server", "resume_socket"):
        begin[name] = r.text()
    assert r.at == len(r.data)
    return begin


def read_message(data):
    r = Reader(data)
    kind = KINDS_TO[r.number("B")]
    if kind == "begin":
        return kind, read_begin(r)
    if kind == "decision":
        out = {"request": r.number("I")}
        for name in ("accept", "agent", "local", "remote", "x11"):
            out[name] = bool(r.number("B"))
        out["narrowed"] = r.number("B")
        out["tell"] = r.text()
        out["patterns"] = [r.text() for _ in range(r.number("H"))]
        return kind, out
    if kind == "kill":
        return kind, {"number": r.number("Q")}
    return kind, {"words": r.text()} if kind == "end" else {}


def text(value):
    return struct.pack("<H", len(value.encode())) + value.encode()


def endpoint(place):
    return struct.pack("<H", len(place[0])) + place[0] + struct.pack("<H", place[1])


def may(request, user, exists, is_root):
    return struct.pack("<BI", 80, request) + text(user) + struct.pack("<BBB", exists, is_root, 1)


def logged_in(user):
    return struct.pack("<B", 81) + text(user)


def resume(begin, user, is_root, since, rights):
    return (struct.pack("<BQ", 82, begin["number"]) + endpoint(begin["source"]) + endpoint(begin["own"]) + text(user) +
            struct.pack("<BQ", is_root, since) + struct.pack("<BBBB", *rights) + text("") + b"\0")


def over(words):
    return struct.pack("<B", 83) + text(words)


def say(client, **what):
    client.sendall(json.dumps(what).encode() + b"\n")


def come_back(begin, user, is_root, since, rights):
    """Another daemon's conversation, or nothing."""
    end = time.monotonic() + RESUMES_FOR
    while time.monotonic() < end:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            s.connect(begin["resume_socket"])
            s.send(resume(begin, user, is_root, since, rights))
            return s
        except OSError:
            time.sleep(0.1)
    return None


def live(begin, aclnode, client, user, is_root, rights):
    try:
        aclnode.send(logged_in(user))
    except OSError:
        pass  # it may be gone already: then it is asked again below
    since, alone = int(time.time()), False

    def goodbye():
        try:
            aclnode.send(over("the client has closed"))
        except OSError:
            pass
    if user != "lingers":
        threading.Thread(target=lambda: (wait_for_end(client), goodbye(), os._exit(0)), daemon=True).start()
    while True:
        try:
            data = aclnode.recv(65536)
        except OSError:
            data = b""
        if not data:
            # Once, although the listener of a daemon that dies may have been there a moment longer than the conversation.
            if not alone:
                say(client, event="alone")
            alone = True
            aclnode = come_back(begin, user, is_root, since, rights)
            if aclnode is None:
                return say(client, event="given up")
            continue
        alone = False
        kind, what = read_message(data)
        say(client, event=kind, **what)
        if kind == "end":
            aclnode.send(over("it was ended"))
            if user == "lingers":
                threading.Event().wait()
            return


def wait_for_end(client):
    try:
        while client.recv(4096):
            pass
    except OSError:
        pass


def serve(begin, client, aclnode):
    signal.alarm(begin["grace_s"])
    client.setblocking(True)
    aclnode.setblocking(True)
    lines = client.makefile("r")
    for request, line in enumerate(lines, 1):
        user, exists, root = line.rstrip("\n").split(" ")
        aclnode.send(may(request, user, exists == "exists", root == "root"))
        kind, what = read_message(aclnode.recv(65536))
        say(client, event=kind, **{k: v for k, v in what.items()})
        if what.get("accept"):
            signal.alarm(0)
            return live(begin, aclnode, client, user, root == "root", [what[name] for name in ("agent", "local", "remote", "x11")])
    aclnode.send(over("the client has given up"))


def take(peer):
    """One begin with its two sockets."""
    fds = array.array("i")
    data, control, flags, _ = peer.recvmsg(1 << 17, socket.CMSG_LEN(4 * fds.itemsize))
    for level, kind, bytes_ in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(bytes_[:len(bytes_) - len(bytes_) % fds.itemsize])
    return data, list(fds)


def hear_daemon(peer, listener, path):
    while True:
        data, fds = take(peer)
        if not data:
            return
        kind, begin = read_message(data)
        if kind == "kill":  # which it does not: a test looks at what is left
            with open(path + ".kill", "a") as file:
                file.write(f"{begin['number']} {len(fds)}\n")
            for fd in fds:
                os.close(fd)
            continue
        if os.fork() == 0:
            peer.close()
            listener.close()
            client, aclnode = socket.socket(fileno=fds[0]), socket.socket(fileno=fds[1])
            try:
                serve(begin, client, aclnode)
            except (OSError, ValueError):
                pass
            os._exit(0)
        for fd in fds:
            os.close(fd)


def supervise(path):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        s.connect(path)
        return  # one is there already
    except OSError:
        pass
    if os.path.exists(path):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(path)
    s.listen(8)
    with open(path + ".pid", "w") as file:
        file.write(str(os.getpid()))
    while True:
        peer, _ = s.accept()
        hear_daemon(peer, s, path)


def make_host_keys(folder):
    for kind in ("ed25519", "ecdsa"):
        path = os.path.join(folder, f"ssh_host_{kind}_key")
        if not os.path.exists(path):
            key = base64.b64encode(os.urandom(32)).decode()
            with open(path + ".pub", "w") as file:
                file.write(f"ssh-{kind} {key} root@stand-in\n")
            with open(path, "w") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write("no key\n")


if __name__ == "__main__":
    if sys.argv[1] == "supervise":
        supervise(sys.argv[2])
    elif sys.argv[1] == "make-host-keys":
        make_host_keys(sys.argv[2])
    else:
        sys.exit(2)
