#!/usr/bin/env python3
"""Nothing gets in by an accident: whatever dies, goes away, lies or runs full, a port that no release allows stays closed.

A laptop sends to a server all the time, datagrams and connections, to one port that no release ever allows and to one that all allow.
What counts is what reaches the server's sockets, and that packets reach its interface meanwhile. Where the filter itself is gone,
the port that is allowed must be closed as well: then the guard is all there is.

--long: 200 daemons killed instead of 25, and what takes a minute.
"""
import contextlib, glob, json, os, random, shutil, signal, socket, ssl, subprocess, sys, threading, time, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import *

LONG = "--long" in sys.argv
if LONG:
    sys.argv.remove("--long")

NEVER, ALWAYS = 9999, 5001  # UDP and TCP


def policy(*ports, always=True):
    """ALWAYS, and these TCP ports."""
    allowed = [f"tcp:{ALWAYS}", f"udp:{ALWAYS}"] if always else ["tcp:1"]
    return {"tagOwners": {"tag:srv": ["autogroup:admin"]},
            "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": [*allowed, *(f"tcp:{port}" for port in ports)]}]}


class Traffic:
    """From the laptop to both ports of the server, both families, datagrams and connections, all the time; and what of it arrives."""

    def __init__(self):
        self.datagrams, self.listeners = {}, {}
        for port in (NEVER, ALWAYS):
            for kind, sockets in ((socket.SOCK_DGRAM, self.datagrams), (socket.SOCK_STREAM, self.listeners)):
                s = server.open_socket(kind, socket.AF_INET6)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                s.setblocking(False)
                s.bind(("::", port))
                if kind == socket.SOCK_STREAM:
                    s.listen(64)
                sockets[port] = s
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.send, daemon=True)
        self.thread.start()

    def send(self):
        senders = {family: laptop.open_socket(socket.SOCK_DGRAM, family) for family in (socket.AF_INET, socket.AF_INET6)}
        opening, turn = [], 0
        with InNamespace(laptop.namespace):  # of this thread alone
            while not self.done.wait(0.004):
                turn += 1
                for port in (NEVER, ALWAYS):
                    for family, address in ((socket.AF_INET, server.v4), (socket.AF_INET6, server.v6)):
                        with contextlib.suppress(OSError):
                            senders[family].sendto(b"x", (address, port))
                        if turn % 16 == 0:
                            s = socket.socket(family, socket.SOCK_STREAM)
                            s.setblocking(False)
                            s.connect_ex((address, port))
                            opening.append(s)
                while len(opening) > 64:
                    opening.pop(0).close()
        for s in [*senders.values(), *opening]:
            s.close()

    def arrived(self, port):
        """Datagrams and connections since the last call."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self.datagrams[port].recv(64)
                count += 1
        with contextlib.suppress(BlockingIOError):
            while True:
                self.listeners[port].accept()[0].close()
                count += 1
        return count

    def stop(self):
        self.done.set()
        self.thread.join()
        for s in [*self.datagrams.values(), *self.listeners.values()]:
            s.close()


def setUpModule():
    reason = missing()
    if not reason and not glob.glob("/usr/lib/*/faketime/libfaketime.so.1"):
        reason = "faketime"
    if reason:
        print(f"SKIPPED: needs {reason}", file=sys.stderr)
        os._exit(SKIPPED)
    global lab, laptop, server, traffic
    lab = Lab().__enter__()
    try:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add("server", 2, tags=["tag:srv"])
        lab.up()
        traffic = Traffic()
        for port in (NEVER, ALWAYS):
            if not wait_for(lambda: traffic.arrived(port)):
                raise RuntimeError(f"without a filter nothing arrives at port {port} either: the lab is broken")
        lab.publish(policy())
    except BaseException:
        lab.__exit__()
        raise


def tearDownModule():
    traffic.stop()
    lab.__exit__()


def received():
    """Packets that the server's interface has received; they are counted before any filter."""
    try:
        return json.loads(server.ip("-s", "-j", "link", "show", server.interface))[0]["stats64"]["rx"]["packets"]
    except (RuntimeError, KeyError):
        return 0


def peer_again():
    """After the server's interface was made anew. It begins the handshake: the laptop would take 15 s to see that it has to."""
    server.add_peer(laptop)
    server.set_wireguard("peer", laptop.public, "persistent-keepalive", "1")


class FailClosed(unittest.TestCase):
    def setUp(self):
        self.fresh()

    def fresh(self, **config):
        """A daemon that has fetched the newest release, whatever the test before has left."""
        self.end_daemon()
        self.empty_state()
        server.write_config(**config)
        self.start()
        self.enforces(lab.generation())

    def end_daemon(self):
        if server.daemon is not None and server.daemon.poll() is None:
            server.kill_daemon()

    def empty_state(self):
        shutil.rmtree(f"{server.folder}/state", ignore_errors=True)

    def start(self, wait=True):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{server.folder}/run/control")
        server.start_daemon(wait)

    def restart(self):
        self.end_daemon()
        self.start()

    # --- what must hold ---

    def enforces(self, generation):
        self.assertTrue(server.enforces_generation(generation), server.status())
        self.assertEqual(server.status()["generation"], generation)

    def reachable(self):
        """The port that is allowed."""
        traffic.arrived(ALWAYS)
        self.assertTrue(wait_for(lambda: traffic.arrived(ALWAYS)), server.status())

    @contextlib.contextmanager
    def closed(self, *ports, packets=100):
        """Nothing arrives at these ports, in what is done and then until so many packets have come in. NEVER by itself: as long as a
        release is in force."""
        ports = ports or (NEVER,)
        for port in ports:
            traffic.arrived(port)
        yield
        self.more_packets(packets)
        for port in ports:
            self.assertEqual(traffic.arrived(port), 0, f"port {port} was open")

    def more_packets(self, count):
        before = received()
        self.assertTrue(wait_for(lambda: received() >= before + count), "no packets come in, so nothing is tested")

    def complains(self, *words):
        """The last error, once it has one of these in it."""
        said = wait_for(lambda: (e := (server.status() or {}).get("last_error")) and any(w in e for w in words) and e)
        self.assertTrue(said, f"{server.status()} has none of {words}")
        return said

    def events_of(self, event):
        return [one for one in server.decisions() if one["event"] == event]

    def found_and_mended(self, before):
        """The daemon has found the filter displaced and put it right again."""
        self.assertTrue(wait_for(lambda: [e for e in self.events_of("filter")[before:] if "found" in e]), self.events_of("filter"))
        self.assertTrue(wait_for(lambda: (s := server.status()) and s["attached"] and not s["last_error"]), server.status())


class Daemon(FailClosed):
    def test_a_killed_daemon_leaves_all_as_it_was(self):
        with self.closed():
            server.kill_daemon()
            self.reachable()
            self.more_packets(300)
            self.reachable()

    def test_without_a_trust_file_all_is_denied(self):
        self.end_daemon()
        self.empty_state()
        os.rename(lab.trust_file, lab.trust_file + ".away")
        try:
            self.start()
            self.assertEqual(server.status()["state"], "deny-all")
            with self.closed(NEVER, ALWAYS):
                self.assertIn("E1303", self.complains("no trust set"))
        finally:
            os.rename(lab.trust_file + ".away", lab.trust_file)
        with self.closed():
            self.assertEqual(server.ask("reload").returncode, 0)
            self.enforces(lab.generation())
            self.reachable()

    def test_killed_at_any_moment_while_releases_come(self):
        """Also while a table is being put in force or written to the disk, and while a daemon starts."""
        rounds, seed = (200 if LONG else 25), random.randrange(1 << 32)
        chance, stop, faults = random.Random(seed), threading.Event(), []
        self.addCleanup(stop.set)

        def publish():
            turn = 0
            try:
                while not stop.wait(0.1):
                    turn += 1
                    lab.publish(policy(*range(7000, 7001 + turn % 5)))
            except Exception as fault:  # shown by the test's thread
                faults.append(fault)

        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            with self.closed():
                for i in range(rounds):
                    self.end_daemon()
                    traffic.arrived(ALWAYS)
                    self.start(wait=False)
                    time.sleep(chance.uniform(0, 0.6))
                    self.reachable()
                    self.assertEqual(traffic.arrived(NEVER), 0, f"seed {seed}, round {i}: open")
                    self.assertEqual(faults, [])
        finally:
            stop.set()
            publisher.join()
        self.restart()
        self.enforces(lab.generation())
        releases = len({e["generation"] for e in self.events_of("release")})
        print(f"  {rounds} daemons killed; {releases} of {lab.generation()} releases were put in force meanwhile or before", file=sys.stderr)
        self.assertGreater(releases, rounds // 10)


class Interface(FailClosed):
    def remake(self):
        server.stop_wireguard()
        server.start_wireguard()
        peer_again()

    def test_made_again_under_a_running_daemon(self):
        with self.closed():
            self.remake()
            self.assertTrue(wait_for(lambda: (s := server.status()) and s["attached"]))
            self.enforces(lab.generation())
            self.reachable()

    def test_made_again_while_no_daemon_runs(self):
        """No filter is there then: the guard holds, also for the port that is allowed."""
        self.end_daemon()
        with self.closed(NEVER, ALWAYS):
            server.stop_wireguard()
            traffic.arrived(ALWAYS)
            server.start_wireguard()
            peer_again()
            self.more_packets(100)
        with self.closed():
            self.start()
            self.reachable()

    def test_boot_the_guard_stands_before_there_is_an_interface(self):
        self.end_daemon()
        server.stop_wireguard()
        server.exec(ACLNODE, "remove", "--config", server.config)
        self.assertNotIn("aclnode", server.exec("nft", "list", "tables"))
        run("nsenter", f"--net=/run/netns/{server.namespace}", ACLNODE, "guard", "--config", server.config)
        with self.closed(NEVER, ALWAYS):
            server.start_wireguard()
            peer_again()
        with self.closed():
            self.start()
            self.enforces(lab.generation())
            self.reachable()

    def test_boot_with_a_configuration_that_is_no_toml(self):
        """What was guarded last is known from the state folder."""
        self.end_daemon()
        server.exec(ACLNODE, "remove", "--config", server.config)
        with open(server.config, "a") as file:
            file.write("\ninterface = [\n")
        done = subprocess.run(["nsenter", f"--net=/run/netns/{server.namespace}", ACLNODE, "guard", "--config", server.config],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 3)
        self.assertIn("E1301", done.stderr)
        with self.closed(NEVER, ALWAYS):
            pass

    def test_wireguard_that_does_not_answer_binds_nobody(self):
        """What it does not confirm is not believed."""
        stop(server.wireguard.pid)
        try:
            self.assertTrue(wait_for(lambda: (s := server.status()) and (s["state"] == "deny-all" or s["admitted_sources"] == 0)), server.status())
        finally:
            os.kill(server.wireguard.pid, signal.SIGCONT)
        with self.closed():
            self.enforces(lab.generation())
            self.reachable()


class Clsact(FailClosed):
    """Where the kernel has no TCX, or somebody wants it so."""

    @unittest.skipUnless(shutil.which("tc") or os.path.exists("/usr/sbin/tc"), "tc is not installed")
    def test_the_queueing_discipline_removed(self):
        self.fresh(backend="clsact")
        self.assertEqual(server.status()["backend"], "eBPF (clsact)")
        before = len(self.events_of("filter"))
        remove = lambda: server.exec("tc", "qdisc", "del", "dev", server.interface, "clsact")
        with self.closed():
            stop(server.daemon.pid)
            try:
                remove()
                with self.closed(ALWAYS):  # by the guard alone
                    pass
            finally:
                os.kill(server.daemon.pid, signal.SIGCONT)
            self.found_and_mended(before)
            self.reachable()
        with self.closed():  # and while no daemon runs
            self.end_daemon()
            remove()
            with self.closed(ALWAYS):
                pass
            self.start()
            self.reachable()
        with self.closed():  # back to TCX, without a gap
            server.write_config()
            self.restart()
            self.assertEqual(server.status()["backend"], "eBPF (TCX)")
            self.reachable()


class Kernel(FailClosed):
    """Somebody takes away what the daemon has put into the kernel."""

    def pins(self):
        return f"{lab.bpffs}/{server.name}/{server.interface}"

    def after(self, deed):
        before = len(self.events_of("filter"))
        with self.closed():
            deed()
            self.found_and_mended(before)
            self.reachable()

    @unittest.skipUnless(shutil.which("bpftool") or os.path.exists("/usr/sbin/bpftool"), "bpftool is not installed")
    def test_links_detached(self):
        def detach():
            stop(server.daemon.pid)
            try:
                for link in ("link_in", "link_out"):
                    run("bpftool", "link", "detach", "pinned", f"{self.pins()}/{link}")
                with self.closed(ALWAYS):  # by the guard alone
                    pass
            finally:
                os.kill(server.daemon.pid, signal.SIGCONT)
        self.after(detach)

    def test_pins_of_links_removed(self):
        self.after(lambda: [os.unlink(f"{self.pins()}/{link}") for link in ("link_in", "link_out")])

    def test_all_pins_removed(self):
        self.after(lambda: [os.unlink(pin) for pin in glob.glob(f"{self.pins()}/*")])

    def test_pins_removed_and_the_daemon_killed(self):
        """The links die with the daemon that held them."""
        with self.closed(NEVER):
            stop(server.daemon.pid)
            for pin in glob.glob(f"{self.pins()}/*"):
                os.unlink(pin)
            self.end_daemon()
            self.links_are_gone()
            with self.closed(ALWAYS):
                pass
            self.start()
            self.enforces(lab.generation())
            self.reachable()

    def test_the_bpf_file_system_unmounted(self):
        self.addCleanup(self.mount_again)
        self.after(self.unmount)

    def test_the_bpf_file_system_unmounted_while_no_daemon_runs(self):
        self.end_daemon()
        self.addCleanup(self.mount_again)
        with self.closed():
            self.unmount()
            self.links_are_gone()
        with self.closed(NEVER, ALWAYS):
            pass
        with self.closed():
            self.start()
            self.enforces(lab.generation())
            self.reachable()

    def links_are_gone(self):
        """The kernel takes them away when it has the time; then the guard is all there is."""
        self.assertTrue(wait_for(lambda: (traffic.arrived(ALWAYS), self.more_packets(50), traffic.arrived(ALWAYS) == 0)[-1]))

    def unmount(self):
        """Everywhere: what `ip netns exec` starts, here or in another test, has copies of the mounts, and may give them on meanwhile."""
        run("umount", "-l", lab.bpffs)
        self.assertTrue(wait_for(lambda: not self.unmount_copies()))

    def unmount_copies(self):
        """How many there were."""
        count = 0
        for path in glob.glob("/proc/[0-9]*/mountinfo"):
            with contextlib.suppress(OSError), open(path) as file:
                if f" {lab.bpffs} " in file.read():
                    count += 1
                    subprocess.run(["nsenter", f"--mount={os.path.dirname(path)}/ns/mnt", "umount", "-l", lab.bpffs], capture_output=True)
        return count

    def mount_again(self):
        self.end_daemon()
        subprocess.run(["umount", self.pins()], capture_output=True)
        run("mount", "-t", "bpf", "bpf", lab.bpffs)

    def test_the_guard_removed(self):
        before = len(self.events_of("guard"))
        with self.closed():
            server.exec("nft", "delete", "table", "inet", f"aclnode_{server.interface}")
            self.assertTrue(wait_for(lambda: f"aclnode_{server.interface}" in server.exec("nft", "list", "tables")))
            self.assertTrue(wait_for(lambda: len(self.events_of("guard")) > before and (s := server.status()) and s["guarded"]))
            self.reachable()


class Store(FailClosed):
    """The last good release stays, and status says why there is no newer one."""

    def setUp(self):
        super().setUp()
        self.good = lab.generation()
        self.store = f"{lab.folder}/bad"
        shutil.rmtree(self.store, ignore_errors=True)

    def source(self, source, **more):
        server.write_config(source=source, **more)
        self.assertEqual(server.ask("reload").returncode, 0)

    def spoiled(self, spoil, *words):
        """A store whose newest release is not what it should be."""
        shutil.copytree(lab.store, self.store)
        before = set(glob.glob(f"{self.store}/**", recursive=True))
        number = lab.publish(policy(7100 + self.good), to=self.store)
        spoil([path for path in glob.glob(f"{self.store}/**", recursive=True) if path not in before and os.path.isfile(path)], number)
        run("chmod", "-R", "a+rX", self.store)
        with self.closed():
            self.source(self.store)
            said = self.complains(*words)
            self.enforces(self.good)
            self.reachable()
        # A restart changes nothing.
        with self.closed():
            self.restart()
            self.enforces(self.good)
            self.complains(*words)
        # And once the release is whole the node goes on.
        run(ACLC, "publish", "--whole", lab.release, lab.store)
        run("chmod", "-R", "a+rX", lab.store)
        self.source(lab.store)
        self.enforces(number)
        return said

    def test_latest_is_garbage(self):
        self.spoiled(lambda _, __: write(f"{self.store}/latest", os.urandom(64)), "latest")

    def test_latest_is_empty(self):
        self.spoiled(lambda _, __: write(f"{self.store}/latest", b""), "latest")

    def test_the_head_is_garbage(self):
        def spoil(fresh, number):
            heads = [path for path in fresh if os.path.basename(os.path.dirname(path)) != "blob" and str(number) in os.path.relpath(path, self.store)]
            self.assertTrue(heads, fresh)
            for path in heads:
                write(path, os.urandom(700))
        self.spoiled(spoil, "E1")

    def test_blobs_are_truncated(self):
        def spoil(fresh, _):
            blobs = [path for path in fresh if "/blob/" in path]
            self.assertTrue(blobs, fresh)
            for path in blobs:
                os.truncate(path, os.path.getsize(path) // 2)
        self.spoiled(spoil, "E1")

    def test_blobs_are_other_bytes(self):
        def spoil(fresh, _):
            for path in [path for path in fresh if "/blob/" in path]:
                write(path, os.urandom(os.path.getsize(path)))
        self.spoiled(spoil, "E1")

    def test_an_older_release_is_replayed(self):
        """Whole and signed, but of yesterday, when another port was allowed."""
        lab.publish(policy(NEVER))
        shutil.copytree(lab.store, self.store)
        number = lab.publish(policy())
        self.enforces(number)
        with self.closed():
            self.source(self.store)
            self.assertIn("rollback", self.complains("rollback"))
            self.enforces(number)
            self.restart()
            self.enforces(number)
            self.complains("rollback")
            self.reachable()

    def test_a_pipe_that_nobody_writes_to(self):
        shutil.copytree(lab.store, self.store)
        os.unlink(f"{self.store}/latest")
        os.mkfifo(f"{self.store}/latest", 0o644)
        with self.closed():
            self.source(self.store)
            self.complains("latest")
            self.enforces(self.good)
            self.reachable()

    def bad_server(self, says, tls=None, **more):
        """A server at which each connection gets these bytes, and then nothing more."""
        listener = server.open_socket(socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        held = []

        def serve():
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return
                with contextlib.suppress(OSError):
                    if tls:
                        held[-1] = tls.wrap_socket(held[-1], server_side=True)
                    if says:
                        held[-1].sendall(says)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            with self.closed():
                self.source(f"https://127.0.0.1:{listener.getsockname()[1]}", interval=1, **more)
                self.assertTrue(wait_for(lambda: held and (s := server.status()) and s["last_error"]), server.status())
                self.enforces(self.good)
                self.reachable()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for s in [listener, *held]:
                s.close()

    def test_a_server_that_says_nonsense(self):
        self.bad_server(b"HTTP/1.1 200 OK\r\n\r\n1 99999\n")

    @unittest.skipUnless(LONG, "waits for the limits of connections")
    def test_a_server_that_says_nothing(self):
        self.bad_server(b"")

    @unittest.skipUnless(LONG, "waits for the limits of connections")
    def test_a_server_that_stalls(self):
        certificate, key = f"{lab.folder}/stall.pem", f"{lab.folder}/stall.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=store.test",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)
        os.chmod(certificate, 0o644)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self.bad_server(b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n1", tls, ca_file=certificate)

    def test_nobody_is_there(self):
        with self.closed():
            self.source("https://127.0.0.1:9", interval=1)
            self.complains("E1")
            self.enforces(self.good)
            self.reachable()
            self.restart()  # without network it begins with what is on its disk
            self.enforces(self.good)
            self.reachable()


class Disk(FailClosed):
    def state(self, *words):
        return os.path.join(server.folder, "state", *words)

    def next_release(self):
        return lab.publish(policy(7200 + lab.generation()))

    def unmount(self):
        self.end_daemon()
        subprocess.run(["umount", "-l", self.state()], capture_output=True)

    def in_force_though_not_stored(self):
        """The newest release, allowing a new port; and status goes on saying that it is not on the disk, as long as that is so."""
        blobs = lambda: sorted(os.listdir(self.state("blob")))
        stored = blobs()
        number = self.next_release()
        with self.closed():
            self.enforces(number)
            self.complains("cannot be stored")
            self.assertTrue(wait_for(lambda: blobs() == stored), "what did not fit is gone again")  # it is tried again now and then
            run("touch", f"{lab.store}/latest")  # looked at again, found unchanged
            self.more_packets(300)
            self.complains("cannot be stored")
            self.reachable()
        return number

    def test_full(self):
        self.end_daemon()
        self.empty_state()
        os.makedirs(self.state())
        run("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", self.state())
        self.addCleanup(self.unmount)
        self.start()
        stored = lab.generation()
        self.enforces(stored)
        self.assertTrue(wait_for(lambda: os.path.exists(self.state("state"))))
        with contextlib.suppress(OSError):
            with open(self.state("filler"), "wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 512)
        newest = self.in_force_though_not_stored()
        with self.closed():
            self.restart()
            self.enforces(newest)
            self.reachable()
        if LONG:
            self.room_again(newest)
            return
        # Without the store it begins with the one that is on the disk.
        server.write_config(source=f"{lab.folder}/none")
        with self.closed():
            self.restart()
            self.enforces(stored)
            self.reachable()

    def room_again(self, newest):
        """It is stored then, without a newer release."""
        self.complains("cannot be stored")
        os.unlink(self.state("filler"))
        self.assertTrue(wait_for(lambda: (s := server.status()) and not s["last_error"], 2 * PATIENCE), server.status())
        server.write_config(source=f"{lab.folder}/none")
        with self.closed():
            self.restart()
            self.enforces(newest)
            self.reachable()

    def test_read_only(self):
        stored = lab.generation()
        self.assertTrue(wait_for(lambda: os.path.exists(self.state("state"))))
        run("mount", "--bind", self.state(), self.state())
        self.addCleanup(self.unmount)
        # Not while something in it is being written.
        self.assertTrue(wait_for(lambda: subprocess.run(["mount", "-o", "remount,bind,ro", self.state()]).returncode == 0))
        newest = self.in_force_though_not_stored()
        with self.closed():
            self.restart()
            self.enforces(newest)
            self.reachable()
        server.write_config(source=f"{lab.folder}/none")
        with self.closed():
            self.restart()
            self.enforces(stored)
            self.reachable()

    def test_the_state_is_damaged(self):
        """It says how far the node has come; without it an older release could be taken for new. A person must look."""
        for damage in (b"", os.urandom(300), None):
            with self.subTest(damage=damage):
                self.fresh()
                self.end_daemon()
                with open(self.state("state"), "rb") as file:
                    good = file.read()
                write(self.state("state"), good.replace(b"head", b"heap", 1) if damage is None else damage)
                self.start()
                self.assertEqual(server.status()["state"], "deny-all")
                with self.closed(NEVER, ALWAYS):
                    self.complains("E1302")
                # As the error says: the node begins anew from its trust file.
                os.unlink(self.state("state"))
                with self.closed():
                    self.restart()
                    self.enforces(lab.generation())
                    self.reachable()

    def test_the_stored_release_is_damaged(self):
        """Nothing of it is used; it is fetched again."""
        blobs = lambda: glob.glob(self.state("blob", "*"))
        for files, spoil in ((blobs, lambda path: os.truncate(path, os.path.getsize(path) // 2)),
                             (blobs, lambda path: write(path, os.urandom(os.path.getsize(path)))),
                             (blobs, os.unlink),
                             (lambda: glob.glob(self.state("release", "*")), lambda path: write(path, os.urandom(300)))):
            self.end_daemon()
            self.assertTrue(files())
            for path in files():
                spoil(path)
            server.write_config(source=f"{lab.folder}/none")
            self.start()
            self.assertEqual(server.status()["state"], "deny-all")
            with self.closed(NEVER, ALWAYS):
                pass
            server.write_config()
            with self.closed():
                self.assertEqual(server.ask("reload").returncode, 0)
                self.enforces(lab.generation())
                self.reachable()
            self.assertTrue(wait_for(lambda: blobs() and os.path.exists(self.state("state"))))


class Clock(FailClosed):
    """The wall clock alone jumps, as by a bad time server."""

    def tearDown(self):
        self.end_daemon()
        self.empty_state()  # it has seen the future
        lab.publish(policy())

    def release(self, on_expiry):
        with open(f"{lab.folder}/policy.hujson", "w") as file:
            json.dump(policy(), file)
        run(ACLC, "compile", f"{lab.folder}/policy.hujson", "--out", lab.release, "--valid", "30d", "--grace", "1h", "--on-expiry", on_expiry)
        run(ACLC, "sign", lab.release, "--key", f"{lab.folder}/key.key", "--passphrase-fd", "0", stdin=subprocess.DEVNULL)
        run(ACLC, "publish", lab.release, lab.store)
        run("chmod", "-R", "a+rX", lab.store)
        return lab.generation()

    def set_clock(self, text):
        write(f"{server.folder}/clock.new", text.encode())
        os.rename(f"{server.folder}/clock.new", f"{server.folder}/clock")

    def start_with_clock(self):
        environment = {"LD_PRELOAD": glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0], "DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1",
                       "FAKETIME_TIMESTAMP_FILE": f"{server.folder}/clock"}
        os.environ.update(environment)
        try:
            self.start()
        finally:
            for name in environment:
                del os.environ[name]

    def begin(self, on_expiry):
        self.end_daemon()
        self.empty_state()
        number = self.release(on_expiry)
        self.set_clock("+0")
        self.start_with_clock()
        self.enforces(number)
        self.reachable()
        return number

    def stands(self, standing):
        self.assertTrue(wait_for(lambda: (s := server.status()) and s["standing"] == standing), server.status())

    def test_expired_and_deny(self):
        self.begin("deny")
        with self.closed():
            self.set_clock("+365d")
            self.stands("expired")
            self.assertTrue(wait_for(lambda: (s := server.status()) and s["state"] == "deny-all"), server.status())
        with self.closed(NEVER, ALWAYS):
            self.more_packets(300)
            # Back again, and further: what was expired stays so.
            for time_ in ("+0", "@1970-01-02 00:00:00"):
                self.set_clock(time_)
                self.more_packets(1000)
                self.stands("expired")
                self.assertEqual(server.status()["state"], "deny-all")
        with self.closed(NEVER, ALWAYS):
            self.end_daemon()
            self.start_with_clock()
            self.assertEqual(server.status()["state"], "deny-all")

    def test_expired_and_keep(self):
        number = self.begin("keep")
        with self.closed():
            self.set_clock("+365d")
            self.stands("expired")
            self.reachable()
            self.enforces(number)
            self.end_daemon()
            self.start_with_clock()
            self.enforces(number)
            self.stands("expired")
            self.reachable()

    def test_a_clock_of_1970_changes_nothing(self):
        number = self.begin("deny")
        with self.closed():
            self.set_clock("@1970-01-02 00:00:00")
            self.more_packets(1000)
            self.enforces(number)
            self.stands("current")
            self.end_daemon()
            self.start_with_clock()
            self.enforces(number)
            self.stands("current")
            self.reachable()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)



if __name__ == "__main__":
    unittest.main(verbosity=2)
