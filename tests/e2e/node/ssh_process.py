"""aclnode-ssh with real clients, on loopback: what a person does with ssh, scp and sftp, and what a hostile client does. Its other side is
played (played_session.py), so that neither accounts nor a network are needed; as root it gives up its privileges as it does on a node.

Environment: ACLNODE_SSH names the program, ACLNODE_SSH_ESCAPE its flavour with a planted escape. Clients that are not installed are
passed over, loudly; without OpenSSH's, all is skipped. With --long the transfers are larger, and done again and again.
"""
import fcntl, hashlib, os, shutil, signal, socket, struct, subprocess, sys, tempfile, termios, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(HERE, "..", "..", "..", "build", "bin")
PROGRAM = os.path.abspath(os.environ.get("ACLNODE_SSH", os.path.join(BIN, "aclnode-ssh")))
ESCAPE = os.path.abspath(os.environ.get("ACLNODE_SSH_ESCAPE", os.path.join(BIN, "aclnode-ssh-escape")))
SKIPPED = 77
LONG = "--long" in sys.argv

try:
    import played_session as played
except ImportError as error:
    print(f"SKIPPED: {error}")
    sys.exit(SKIPPED)

PATIENCE = 60.0  # what is waited for comes at once on a machine that is quiet; on one that is not, it may take its time
checks = []


def check(function):
    checks.append(function)
    return function


class Lab:
    """A host, and a folder with what OpenSSH's client is to know of it."""

    def __init__(self, **settings):
        self.folder = tempfile.mkdtemp(prefix="ssh-process-")
        self.host = played.Host(PROGRAM, **settings)
        with open(self.path("known_hosts"), "w") as known:
            known.write(self.host.keys.known_hosts(self.host.port))
        with open(self.path("config"), "w") as config:
            config.write(f"Host *\n HostName 127.0.0.1\n Port {self.host.port}\n User ann\n"
                         f" UserKnownHostsFile {self.path('known_hosts')}\n GlobalKnownHostsFile none\n"
                         " StrictHostKeyChecking yes\n IdentityFile none\n IdentityAgent none\n LogLevel ERROR\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.host.close()
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def command(self, *arguments, program="ssh"):
        return [program, "-F", self.path("config"), *arguments]

    def ssh(self, *arguments, **options):
        return run(self.command(*arguments), **options)

    def heard(self, kind):
        return [one for one in self.host.heard if one[0] == kind]


def run(command, seconds=2 * PATIENCE, **options):
    options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
    if options["stdin"] is None:
        del options["stdin"]
    return subprocess.run(command, capture_output=True, timeout=seconds, **options)


def wait_for(what, patience=PATIENCE):
    end = time.monotonic() + patience
    while not what() and time.monotonic() < end:
        time.sleep(0.01)
    return what()


def same(got, wanted, what=""):
    assert got == wanted, f"{what}: {got!r} instead of {wanted!r}"


def random_file(path, size):
    with open(path, "wb") as out, open("/dev/urandom", "rb") as chance:
        while size > 0:
            size -= out.write(chance.read(min(size, 1 << 20)))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(file.read()).hexdigest()


def raw_client(port):
    """A connection that has said who it is, and nothing more."""
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    assert client.recv(100).startswith(b"SSH-2.0-OpenSSH_aclnode"), "no identification"
    client.sendall(b"SSH-2.0-test\r\n")
    return client


def unread(port, client_port):
    """Bytes that came for the connection of these two ports and that its program has not read: proc(5), rx_queue."""
    for line in open("/proc/net/tcp").read().splitlines()[1:]:
        _, local, remote, _, queues = line.split()[:5]
        if (int(local.split(":")[1], 16), int(remote.split(":")[1], 16)) == (port, client_port):
            return int(queues.split(":")[1], 16)
    raise AssertionError("there is no such connection")


def ends(client, patience=PATIENCE):
    """The other side closes the connection: what it said until then."""
    said = b""
    client.settimeout(patience)
    try:
        while more := client.recv(1 << 16):
            said += more
    except ConnectionResetError:
        pass
    except TimeoutError:
        return None
    return said


# --- what a person does -----------------------------------------------------------------------------------------------------

@check
def a_command_has_its_output_its_errors_and_its_status():
    with Lab() as lab:
        done = lab.ssh("h", "echo out; echo err >&2; exit 7")
        same((done.stdout, done.stderr, done.returncode), (b"out\n", b"err\n", 7))
        same(lab.heard(played.LOGIN), [(played.LOGIN, b"ann", 1)], "asked once, method none")
        assert wait_for(lambda: lab.host.statuses), "aclnode-ssh goes on"
        same(lab.host.statuses, [0])


@check
def a_signal_that_ends_a_command_is_told():
    with Lab() as lab:
        done = lab.ssh("-v", "h", "kill -TERM $$")
        same(done.returncode, 255)
        assert b"rtype exit-signal" in done.stderr, done.stderr


@check
def both_kinds_of_host_key_sign_through_the_session():
    with Lab() as lab:
        for kind, place in (("ssh-ed25519", 0), ("ecdsa-sha2-nistp256", 1)):
            lab.host.heard.clear()
            same(lab.ssh("-o", f"HostKeyAlgorithms={kind}", "h", "true").returncode, 0, kind)
            same(lab.heard(played.SIGN), [(played.SIGN, place)], kind)


@check
def every_key_exchange_cipher_and_compression_that_is_offered_works():
    with Lab() as lab:
        for option, values in (
                ("KexAlgorithms", ("curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
                                   "diffie-hellman-group16-sha512", "diffie-hellman-group14-sha256")),
                ("Ciphers", ("chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com",
                             "aes128-ctr", "aes256-ctr")),
                ("Compression", ("yes",))):
            for value in values:
                done = lab.ssh("-o", f"{option}={value}", "h", "head -c 300000 /dev/zero | tr '\\0' x")
                same(done.stdout, b"x" * 300000, value)


@check
def a_terminal_has_its_size_its_name_and_its_modes():
    with Lab() as lab:
        near, far = os.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        client = subprocess.Popen(lab.command("-tt", "h", "stty size; until stty size | grep 44; do sleep 0.05; done"), stdin=far,
                                  stdout=subprocess.PIPE, env=dict(os.environ, TERM="vt220"))
        first = client.stdout.readline()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 122, 0, 0))
        client.send_signal(signal.SIGWINCH)
        out, _ = client.communicate(timeout=PATIENCE)
        assert b"33 111" in first and b"44 122" in out, first + out
        os.close(near)
        os.close(far)
        (_, _, kind, _, term, size, modes, _), = lab.heard(played.OPEN)
        same((kind, term, size), (played.EXEC, "vt220", (111, 33)))
        assert 128 in modes and 53 in modes, f"no speed, no ECHO in {modes}"  # RFC 4254 section 8


@check
def an_interactive_shell_is_a_login_shell():
    with Lab() as lab:
        done = lab.ssh("h", input=b"echo $0; exit 3\n")
        same((done.stdout, done.returncode), (b"-sh\n", 3))


@check
def variables_of_the_client_reach_the_session():
    with Lab() as lab:
        done = lab.ssh("-o", "SendEnv=LC_TEST", "h", "echo $LC_TEST", env=dict(os.environ, LC_TEST="one two"))
        same(done.stdout, b"one two\n")


@check
def the_end_of_input_closes_that_alone():
    with Lab() as lab:
        done = lab.ssh("h", "cat; sleep 0.2; echo afterwards", input=b"before ")
        same(done.stdout, b"before afterwards\n")


@check
def what_nobody_reads_does_not_hang():
    with Lab() as lab:
        same(lab.ssh("h", "exec <&-; sleep 0.3; echo done", input=b"x" * 5_000_000).stdout, b"done\n")
        same(run(["sh", "-c", " ".join(lab.command("h", "yes")) + " | head -1"]).stdout, b"y\n")


@check
def a_command_that_leaves_something_in_a_terminal_ends_all_the_same():
    with Lab() as lab:
        done = lab.ssh("-tt", "h", "sh -c 'trap \"\" HUP; sleep 30' & echo gone", seconds=25)
        assert b"gone" in done.stdout, done.stdout


@check
def a_command_that_has_nothing_more_to_say_still_has_its_status():
    quiet = "exec </dev/null >/dev/null 2>&1; sleep 0.6; exit 4"
    deaf = f"trap '' HUP; {quiet}"  # a terminal hangs up when the client closes
    with Lab() as lab:
        shares = ("-S", lab.path("socket"))
        master = subprocess.Popen(lab.command("-M", *shares, "-N", "h"), stderr=subprocess.DEVNULL)
        assert wait_for(lambda: os.path.exists(lab.path("socket")))
        for options, command in (((), quiet), (("-tt",), quiet), (shares, quiet), ((*shares, "-tt"), deaf)):
            same(lab.ssh(*options, "h", command).returncode, 4, options)
        lab.ssh(*shares, "-O", "exit", "h")
        master.wait(timeout=10)


@check
def transfers_are_equal_through_rekeys_from_either_side():
    size, rounds = (1 << 30, 20) if LONG else (60 << 20, 1)  # of five ways: a hundred gigabytes in each direction
    for settings, options in (({}, ()), ({}, ("-o", "RekeyLimit=3M")), ({"rekey_bytes": 4_000_000}, ()),
                              ({"rekey_bytes": 2_500_000}, ("-o", "RekeyLimit=3M")),
                              ({"rekey_bytes": 4_000_000}, ("-c", "aes128-gcm@openssh.com"))):
        with Lab(**settings) as lab:
            random_file(lab.path("file"), size)
            began = time.monotonic()
            one_way = ("cat > {0}/up", "cat {0}/file > {0}/up; cat {0}/up")
            for command in (*one_way, *["cat"] * rounds):
                with open(lab.path("file")) as source, open(lab.path("down"), "wb") as target:
                    done = subprocess.run(lab.command(*options, "h", command.format(lab.folder)), stdin=source, stdout=target, timeout=300)
                same(done.returncode, 0, f"{settings} {options} {command}")
                compared = "up" if command.startswith("cat >") else "down"
                same(run(["cmp", lab.path(compared), lab.path("file")], seconds=120).stdout, b"", f"{settings} {options} {command}")
            if LONG:
                print(f"  {settings} {options}: there, back, and {rounds} times both at once; {time.monotonic() - began:.0f} s", flush=True)


@check
def the_end_of_a_stream_survives_a_rekey_at_it():
    # libssh's own channels lost the last 100 KB here now and then.
    with Lab(rekey_bytes=1_000_000) as lab:
        for size in range(990_000, 1_060_000, 3_500 if not LONG else 250):
            done = lab.ssh("h", f"head -c {size} /dev/zero; exit 5")
            same((len(done.stdout), done.returncode), (size, 5))


@check
def a_stalled_reader_holds_the_process_back_and_gets_everything():
    with Lab() as lab:
        client = subprocess.Popen(lab.command("h", "seq 1 3000000"), stdout=subprocess.PIPE)
        assert wait_for(lambda: lab.host.opened)
        time.sleep(1)
        (program,) = [connection.program.pid for connection in lab.host.connections]
        with open(f"/proc/{program}/statm") as statm:
            assert int(statm.read().split()[1]) * 4096 < 24 << 20, "memory has no bound"
        out = client.stdout.read()
        same(client.wait(), 0)
        same(hashlib.sha256(out).digest(),
             hashlib.sha256(b"".join(b"%d\n" % number for number in range(1, 3000001))).digest())


@check
def many_sessions_share_a_connection():
    with Lab() as lab:
        master = subprocess.Popen(lab.command("-M", "-S", lab.path("socket"), "-N", "h"))
        assert wait_for(lambda: os.path.exists(lab.path("socket")))
        stalled = subprocess.Popen(lab.command("-S", lab.path("socket"), "h", "yes"), stdout=subprocess.PIPE)
        sessions = [subprocess.Popen(lab.command("-S", lab.path("socket"), "h", f"head -c 500000 /dev/zero | wc -c; exit {number}"),
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) for number in range(9)]
        for number, session in enumerate(sessions):
            out, error = session.communicate(timeout=PATIENCE)
            same((out.strip(), session.returncode), (b"500000", number), f"{error!r}, and heard {[one for one in lab.host.heard if one[0] == played.CLOSED]}")
        stalled.kill()
        stalled.stdout.close()
        stalled.wait()
        lab.ssh("-S", lab.path("socket"), "-O", "exit", "h")
        master.wait(timeout=PATIENCE)
        same(len(lab.heard(played.LOGIN)), 1)


@check
def forwarding_and_jumping_work_where_they_are_allowed():
    with Lab() as lab:
        same(lab.ssh("-o", f"ProxyCommand=ssh -F {lab.path('config')} -W 127.0.0.1:{lab.host.port} h", "h", "echo jumped").stdout,
             b"jumped\n")
        refused = lab.ssh("-o", "LogLevel=INFO", "-W", "127.0.0.1:1", "h")
        assert b"open failed" in refused.stderr and b"refused" in refused.stderr, refused.stderr
    with Lab(forwarding=0) as lab:
        refused = lab.ssh("-o", "LogLevel=INFO", "-W", f"127.0.0.1:{lab.host.port}", "h")
        assert b"administratively prohibited" in refused.stderr, refused.stderr
        assert b"forwarding is not allowed" in refused.stderr, refused.stderr


@check
def what_is_not_there_is_refused_cleanly():
    with Lab() as lab:
        done = lab.ssh("-o", "ExitOnForwardFailure=no", "-R", "0:127.0.0.1:1", "-A", "h", "echo works; echo $SSH_AUTH_SOCK")
        same((done.stdout, done.returncode), (b"works\n\n", 0))


@check
def scp_and_sftp_copy():
    with Lab() as lab:
        random_file(lab.path("file"), 5_000_000)
        for extra in ((), ("-O",)):
            lab_copy = lab.path("copy" + "".join(extra))
            same(run(lab.command(*extra, lab.path("file"), f"h:{lab_copy}", program="scp")).returncode, 0, f"scp {extra}")
            same(run(lab.command(*extra, f"h:{lab_copy}", lab_copy + "2", program="scp")).returncode, 0, f"scp {extra}")
            same(digest(lab_copy + "2"), digest(lab.path("file")))
        done = run(lab.command("-b", "-", "h", program="sftp"), input=f"get {lab.path('file')} {lab.path('got')}\n".encode())
        same((done.returncode, digest(lab.path("got"))), (0, digest(lab.path("file"))))
        if shutil.which("rsync"):
            done = run(["rsync", "-e", f"ssh -F {lab.path('config')}", lab.path("file"), f"h:{lab.path('rsynced')}"])
            same((done.returncode, digest(lab.path("rsynced"))), (0, digest(lab.path("file"))))


@check
def dropbears_client_works():
    if not shutil.which("dbclient"):
        return print("  passed over: no dbclient")
    with Lab() as lab:
        done = run(["dbclient", "-y", "-y", "-p", str(lab.host.port), "ann@127.0.0.1", "echo works; exit 4"],
                   env=dict(os.environ, HOME=lab.folder))
        same((done.stdout, done.returncode), (b"works\n", 4), done.stderr)


@check
def plink_works():
    if not shutil.which("plink"):
        return print("  passed over: no plink")
    with Lab() as lab:
        with open(lab.path("key"), "w") as key:
            key.write(lab.host.keys.known_hosts(lab.host.port).splitlines()[0].split(" ", 1)[1] + "\n")
        fingerprint = run(["ssh-keygen", "-lf", lab.path("key")]).stdout.split()[1].decode()
        done = run(["plink", "-batch", "-P", str(lab.host.port), "-hostkey", fingerprint, "ann@127.0.0.1", "echo works; exit 5"],
                   env=dict(os.environ, HOME=lab.folder))
        same((done.stdout, done.returncode), (b"works\n", 5), done.stderr)


@check
def paramiko_logs_in_with_a_password_a_key_or_nothing_as_a_formality():
    try:
        import paramiko
    except ImportError:
        return print("  passed over: no paramiko")
    ways = (lambda t: t.auth_none("ann"), lambda t: t.auth_password("ann", "any"),
            lambda t: t.auth_interactive("ann", lambda *_: []), lambda t: t.auth_publickey("ann", paramiko.ECDSAKey.generate()))
    with Lab() as lab:
        for way in ways:
            transport = paramiko.Transport(("127.0.0.1", lab.host.port))
            transport.start_client(timeout=PATIENCE)
            way(transport)
            channel = transport.open_session()
            channel.exec_command("echo works; exit 6")
            same((channel.makefile().read(), channel.recv_exit_status()), (b"works\n", 6))
            transport.close()
    with Lab(formality=0) as lab:
        for way in ways[1:]:
            transport = paramiko.Transport(("127.0.0.1", lab.host.port))
            transport.start_client(timeout=PATIENCE)
            try:
                way(transport)
                raise AssertionError("let in")
            except paramiko.AuthenticationException:
                pass
            transport.close()


@check
def whoever_is_refused_is_told_why_and_asked_for_nothing():
    with Lab(accepts=lambda user: False, tell="no rule lets you in as that user") as lab:
        done = lab.ssh("-o", "LogLevel=INFO", "h", "true")
        same(done.returncode, 255)
        same(done.stderr.count(b"no rule lets you in"), 1, done.stderr)
        assert b"Permission denied (publickey)" in done.stderr, done.stderr
        same(len(lab.heard(played.LOGIN)), 1)


@check
def a_refused_process_says_why():
    with Lab(refuses="there is no such shell") as lab:
        done = lab.ssh("h", "true")
        same(done.returncode, 255)
        assert b"there is no such shell" in done.stderr, done.stderr


@check
def the_end_of_a_login_is_told_and_comes_at_once():
    for command, arguments in (("sleep 60", ()), ("yes", ()), ("sleep 60", ("-tt",))):
        with Lab() as lab:
            client = subprocess.Popen(lab.command(*arguments, "h", command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            assert wait_for(lambda: lab.host.opened)
            lab.host.connections[0].say_end("policy no longer allows this login")
            assert b"policy no longer allows this login" in client.communicate(timeout=PATIENCE)[1]
            same(client.returncode, 255)
            assert wait_for(lambda: lab.host.statuses), "aclnode-ssh goes on"


@check
def a_client_that_is_gone_is_noticed():
    with Lab(keepalive_s=1, keepalive_count=3) as lab:
        client = subprocess.Popen(lab.command("h", "sleep 600"))
        assert wait_for(lambda: lab.host.opened)
        time.sleep(5)
        same(lab.host.statuses, [], "answered keepalives")
        client.send_signal(signal.SIGSTOP)
        try:
            assert wait_for(lambda: lab.host.statuses), "nobody noticed"
        finally:
            client.kill()
            client.wait()
        same(lab.heard(played.OVER), [(played.OVER, "the client does not answer any more")])


@check
def a_session_that_ends_takes_the_connection_with_it():
    with Lab() as lab:
        client = subprocess.Popen(lab.command("h", "sleep 60"), stderr=subprocess.PIPE)
        assert wait_for(lambda: lab.host.opened)
        lab.host.connections[0].conversation.shutdown(socket.SHUT_RDWR)
        client.communicate(timeout=PATIENCE)
        same(client.returncode, 255)


# --- what a hostile client does ---------------------------------------------------------------------------------------------

@check
def clients_that_are_no_ssh_are_let_go():
    with Lab() as lab:
        nobody = (b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000, b"SSH-1.5-old\r\n", b"\n", b"\0" * 300)
        somebody = (b"", b"\xff" * 4000, struct.pack(">IB", 1 << 18, 4), struct.pack(">IBB", 12, 4, 50) + b"\0" * 10)
        for said in (*nobody, *(b"SSH-2.0-x\r\n" + more for more in somebody)):
            client = socket.create_connection(("127.0.0.1", lab.host.port), timeout=PATIENCE)
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            heard = ends(client)
            assert heard is not None, said[:20]
            same(b"Invalid SSH identification string.\r\n" in heard, said in nobody, said[:20])
        assert wait_for(lambda: len(lab.host.statuses) == 9), lab.host.statuses
        same(set(lab.host.statuses), {0})
        same(lab.ssh("h", "echo well").stdout, b"well\n")


@check
def a_client_that_says_nothing_keeps_nobody_waiting():
    with Lab() as lab:
        silent = [raw_client(lab.host.port) for _ in range(20)]
        same(lab.ssh("h", "echo well").stdout, b"well\n")
        for client in silent:
            client.close()
        assert wait_for(lambda: len(lab.host.statuses) == 21), "some stay"


@check
def packets_of_a_later_time_end_the_connection():
    try:
        import paramiko
    except ImportError:
        return print("  passed over: no paramiko")

    def message(number, *strings):
        made = paramiko.Message()
        made.add_byte(bytes([number]))
        for one in strings:
            made.add_string(one)
        return made

    with Lab(accepts=lambda user: False) as lab:
        for number in (52, 60, 61, 80, 81, 90, 91, 94, 96, 97, 98, 99, 100):
            transport = paramiko.Transport(("127.0.0.1", lab.host.port))
            transport.start_client(timeout=PATIENCE)
            transport._send_message(message(number, "session", "x", "y"))
            assert wait_for(lambda: not transport.is_active()), f"packet {number} before the login"
        same([one for one in lab.host.heard if one[0] not in (played.SIGN, played.OVER)], [])
    assert set(lab.host.statuses) == {0}, lab.host.statuses


@check
def a_flood_of_requests_waits_where_the_session_is_slow():
    try:
        import paramiko
    except ImportError:
        return print("  passed over: no paramiko")
    flood = 5000
    goes_on = threading.Event()
    with Lab(before_signal=goes_on.wait) as lab:
        try:
            transport = paramiko.Transport(("127.0.0.1", lab.host.port))
            transport.start_client(timeout=PATIENCE)
            transport.auth_none("ann")
            transport.open_session().exec_command("exec sleep 60")
            request = paramiko.Message()
            request.add_bytes(b"\x62" + struct.pack(">I", 0))
            request.add_string("signal")
            request.add_boolean(False)
            request.add_string("WINCH")
            for _ in range(flood):
                transport._send_message(request)
            # Whoever reads on has nothing left soon; whoever does not, never.
            assert not wait_for(lambda: unread(lab.host.port, transport.sock.getsockname()[1]) == 0, 1), "it is all read"
            goes_on.set()
            assert wait_for(lambda: len(lab.heard(played.SIGNAL)) == flood), len(lab.heard(played.SIGNAL))
            transport.close()
        finally:
            goes_on.set()


@check
def mutated_packets_of_channels_do_no_harm():
    try:
        import paramiko
    except ImportError:
        return print("  passed over: no paramiko")
    import random
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"  seed {seed}")
    chance = random.Random(seed)
    end = time.monotonic() + (600 if LONG else 5)
    string = lambda value: struct.pack(">I", len(value)) + value
    number = lambda value: struct.pack(">I", value & 0xffffffff)
    made = lambda: chance.choice((
        b"\x5a" + string(b"session") + number(chance.randrange(4)) + number(1 << 20) + number(32768),
        b"\x5a" + string(b"direct-tcpip") + number(9) + number(1 << 20) + number(100) + string(b"127.0.0.1") + number(1) +
        string(b"x") + number(1),
        b"\x62" + number(chance.randrange(4)) + string(chance.choice((b"shell", b"x11-req", b"eow@openssh.com"))) + b"\1",
        b"\x62" + number(chance.randrange(4)) + string(chance.choice((b"exec", b"subsystem", b"signal"))) + b"\1" +
        string(chance.choice((b"cat", b"true", b"sftp", b"TERM"))),
        b"\x62" + number(chance.randrange(4)) + string(b"env") + b"\1" + string(b"A") + string(b"b"),
        b"\x62" + number(chance.randrange(4)) + string(b"pty-req") + b"\1" + string(b"vt100") + number(80) * 4 + string(b"\0"),
        b"\x5e" + number(chance.randrange(4)) + string(b"d" * chance.randrange(2000)),
        b"\x5f" + number(chance.randrange(4)) + number(1) + string(b"d"),
        b"\x5d" + number(chance.randrange(4)) + number(1 << chance.randrange(33)),
        b"\x60" + number(chance.randrange(4)), b"\x61" + number(chance.randrange(4)),
        b"\x50" + string(b"keepalive@openssh.com") + b"\1", b"\x50" + string(b"tcpip-forward") + b"\1"))
    with Lab() as lab:
        while time.monotonic() < end:
            transport = paramiko.Transport(("127.0.0.1", lab.host.port))
            transport.start_client(timeout=PATIENCE)
            transport.auth_none("ann")
            for _ in range(chance.randrange(200)):
                packet = bytearray(made())
                if chance.random() < 0.05:
                    packet[chance.randrange(1, len(packet))] = chance.randrange(256)
                if chance.random() < 0.02:
                    del packet[chance.randrange(1, len(packet)):]
                message = paramiko.Message()
                message.add_bytes(bytes(packet))
                try:
                    transport._send_message(message)
                except (EOFError, OSError):  # it was disconnected, as it should be now and then
                    break
            transport.close()
        assert wait_for(lambda: len(lab.host.statuses) == len(lab.host.connections)), \
            f"some stay: {[one.program.poll() for one in lab.host.connections if one.program.poll() != 0]}"
        same(set(lab.host.statuses), {0}, "how they ended")
        same(lab.ssh("h", "echo well").stdout, b"well\n")


# --- what it has given up ---------------------------------------------------------------------------------------------------

@check
def a_running_one_owns_nothing():
    if os.geteuid() != 0:
        return print("  passed over: not root")
    with Lab() as lab:
        client = raw_client(lab.host.port)
        assert wait_for(lambda: lab.host.connections)  # it may have spoken before it is in the list
        program = lab.host.connections[0].program.pid
        folder = f"/proc/{program}"
        status = dict(line.split(":\t", 1) for line in open(f"{folder}/status").read().splitlines() if ":\t" in line)
        same(status["Uid"].split(), ["65534"] * 4)
        same(status["Gid"].split(), ["65534"] * 4)
        same(status["Groups"].split(), [])
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            same(int(status[name], 16), 0, name)
        # Sanitizers make system calls of their own, so a build with them has no filter.
        same((status["NoNewPrivs"], status["Seccomp"]), ("1", "2" if os.path.exists(ESCAPE) else "0"))
        same(os.listdir(f"{folder}/root/"), [], "its root")
        assert os.readlink(f"{folder}/root").endswith("(deleted)"), os.readlink(f"{folder}/root")
        same(sorted(map(int, os.listdir(f"{folder}/fd"))), [0, 1, 2, 3, 4])
        same(os.stat(f"{folder}/mem").st_uid, 0, "whom its memory belongs to")  # not dumpable
        same(open(f"{folder}/environ", "rb").read(), b"")
        client.close()


@check
def a_planted_escape_gets_nowhere():
    if os.geteuid() != 0 or not os.path.exists(ESCAPE):
        return print("  passed over: not root, or no flavour with a planted escape (sanitizers)")
    with Lab() as lab:
        client = raw_client(lab.host.port)
        assert wait_for(lambda: lab.host.connections)
        sibling = lab.host.connections[0].program
        for attempt in ("open", "write", "socket", "connect", "exec", "fork", "kill", "ptrace", "memory", "user", "unconfined"):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            near, far = socket.socketpair()
            program = played.start(ESCAPE, theirs, far, "65534:65534")
            ours.send(f"{attempt} {sibling.pid}".encode())
            same(program.wait(timeout=PATIENCE), 0 if attempt == "unconfined" else -signal.SIGSYS, attempt)
        same(sibling.poll(), None, "the sibling")
        client.close()


@check
def a_planted_escape_does_not_outlive_its_session():
    if os.geteuid() != 0 or not os.path.exists(ESCAPE):
        return print("  passed over: not root, or no flavour with a planted escape (sanitizers)")
    near, far = socket.socketpair()
    session = os.fork()
    if session == 0:
        near.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        far.send(struct.pack("I", played.start(ESCAPE, theirs, far, "65534:65534").pid))
        ours.send(b"stay 0")
        signal.pause()
    far.close()
    near.settimeout(PATIENCE)
    (program,) = struct.unpack("I", near.recv(4))
    same(near.recv(1), b"s", "taken over")
    os.kill(session, signal.SIGKILL)
    os.waitpid(session, 0)
    try:
        same(near.recv(1), b"", "what it still says")  # nobody holds the other end any more
    except TimeoutError:
        os.kill(program, signal.SIGKILL)
        raise


def main():
    for tool in ("ssh", "scp", "sftp", "ssh-keygen"):
        if shutil.which(tool) is None:
            print(f"SKIPPED: no {tool}")
            return SKIPPED
    wanted = [one for one in sys.argv[1:] if not one.startswith("-")]
    failed = 0
    for one in checks:
        if wanted and one.__name__ not in wanted:
            continue
        began = time.monotonic()
        try:
            one()
            print(f"ok      {one.__name__.replace('_', ' ')} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as error:  # every check is to be run
            failed += 1
            print(f"FAILED  {one.__name__.replace('_', ' ')}: {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
