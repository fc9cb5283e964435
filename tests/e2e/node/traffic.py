#!/usr/bin/env python3
"""What passes and what does not, between real nodes: one table of expectations, then what becomes of flows when grants change.

Four nodes: ann's laptop, a server, a router with a host behind it, and a stranger whom WireGuard lets in and the inventory does not
have. Laptop, server and router enforce.
"""
import errno, os, select, socket, struct, sys, threading, time, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import *

ROUTE4, ROUTE6 = "10.55.0.0/24", "fd55::/64"
HOST4, HOST6 = "10.55.0.9", "fd55::9"
GRANTS = [
    {"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": ["tcp:22", "tcp:8000-8010", "udp:53", "icmp:*", "ipv6-icmp:*"]},
    {"src": ["ann@example.com"], "dst": ["behind4", "behind6"], "ip": ["tcp:80", "udp:53"]},
    {"src": ["tag:srv"], "dst": ["ann@example.com"], "ip": ["tcp:9000"]},
]


def policy(grants=GRANTS):
    return {"tagOwners": {"tag:srv": ["autogroup:admin"], "tag:router": ["autogroup:admin"]},
            "hosts": {"behind4": ROUTE4, "behind6": ROUTE6}, "grants": grants}


def setUpModule():
    skip_where_impossible()
    global lab, laptop, server, router, stranger
    lab = Lab().__enter__()
    try:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add("server", 2, tags=["tag:srv"])
        router = lab.add("router", 3, tags=["tag:router"], routes=[ROUTE4, ROUTE6])
        stranger = lab.add("stranger", 4, enforces=None)
        lab.up()
        server.write_config(flow_marks=1024)
        lab.add_host(router, [HOST4, HOST6], mtu=1300).serve(80, 81, udp=[53, 54])
        server.serve(22, 23, 8000, 8005, 8010, 8011, 9000, udp=[53, 54])
        laptop.serve(9000, 9001)
        number = lab.publish(policy())
        for node in (laptop, server, router):
            node.start_daemon()
        for node in (laptop, server, router):
            assert node.enforces_generation(number), (node.name, node.status())
    except BaseException:
        lab.__exit__()
        raise


def tearDownModule():
    lab.__exit__()


def publish(grants, *nodes):
    """In force at the nodes (the server, if none is named) when it returns; the seconds from publishing to that."""
    number = lab.compile(policy(grants))
    began = time.monotonic()
    run(ACLC, "publish", lab.release, lab.store)
    for node in nodes or (server,):
        assert node.enforces_generation(number), (node.name, node.status())
    return time.monotonic() - began


class Expectations(unittest.TestCase):
    #    from        to                what    port   passes
    TABLE = [
        ("laptop", "server", "tcp", 22, True),
        ("laptop", "server", "tcp", 23, False),
        ("laptop", "server", "tcp", 8000, True),
        ("laptop", "server", "tcp", 8005, True),
        ("laptop", "server", "tcp", 8010, True),
        ("laptop", "server", "tcp", 8011, False),
        ("laptop", "server", "udp", 53, True),
        ("laptop", "server", "udp", 54, False),
        ("laptop", "server", "ping", None, True),
        ("laptop", "router", "tcp", 22, False),
        ("laptop", "router", "ping", None, False),
        ("laptop", "host", "tcp", 80, True),
        ("laptop", "host", "tcp", 81, False),
        ("laptop", "host", "udp", 53, True),
        ("laptop", "host", "udp", 54, False),
        ("laptop", "host", "ping", None, False),
        ("server", "laptop", "tcp", 9000, True),
        ("server", "laptop", "tcp", 9001, False),
        ("server", "host", "tcp", 80, False),
        ("server", "router", "ping", None, False),
        ("router", "server", "tcp", 22, False),
        ("router", "laptop", "tcp", 9000, False),
        ("stranger", "server", "tcp", 22, False),
        ("stranger", "server", "udp", 53, False),
        ("stranger", "server", "ping", None, False),
        ("stranger", "host", "tcp", 80, False),
        ("stranger", "laptop", "tcp", 9000, False),
    ]

    def test_the_table_of_expectations(self):
        addresses = {node.name: (node.v4, node.v6) for node in lab.nodes.values()}
        addresses["host"] = (HOST4, HOST6)
        wrong = []
        for source, target, what, port, passes in self.TABLE:
            for address in addresses[target]:
                node = lab.nodes[source]
                patience = 20.0 if passes else 0.4
                got = {"tcp": lambda: node.tcp(address, port, patience), "udp": lambda: node.udp(address, port, patience),
                       "ping": lambda: node.ping(address, 20 if passes else 1)}[what]()
                if got != passes:
                    wrong.append(f"{source} -> {address} {what} {port}: {'passed' if got else 'dropped'}")
        self.assertEqual(wrong, [])

    def test_why_says_the_same_as_the_filter(self):
        addresses = {node.name: (node.v4, node.v6) for node in lab.nodes.values()}
        addresses["host"] = (HOST4, HOST6)
        asked = 0
        for source, target, what, port, passes in self.TABLE:
            at = lab.nodes["router" if target == "host" else target]
            if what == "ping":
                continue
            for mine, address in zip((lab.nodes[source].v4, lab.nodes[source].v6), addresses[target]):
                text = f"[{address}]:{port}/{what}" if ":" in address else f"{address}:{port}/{what}"
                answer = at.ask("why", mine, text, "--json")
                self.assertEqual(answer.returncode, 0 if passes else 1, (mine, text, answer))
                said = json.loads(answer.stdout)
                self.assertEqual(said["verdict"], "allow" if passes else "deny")
                if passes:
                    self.assertEqual((said["file"], said["line"]), ("policy.hujson", 1))
                    self.assertRegex(said["rule"], r"grants\[\d\]")
                asked += 1
        self.assertGreater(asked, 40)

    def test_path_mtu_is_found(self):
        """The router's "too big" reaches the laptop, whose table has no rule that lets the router in."""
        for family, address, option, level, known in ((socket.AF_INET, HOST4, 10, socket.IPPROTO_IP, 14),
                                                      (socket.AF_INET6, HOST6, 23, socket.IPPROTO_IPV6, 24)):
            s = laptop.open_socket(socket.SOCK_DGRAM, family)
            s.setsockopt(level, option, 2)  # IP_MTU_DISCOVER, IPV6_MTU_DISCOVER: IP_PMTUDISC_DO
            s.connect((address, 53))

            def mtu():
                try:
                    s.send(b"x" * 1360)
                except OSError as error:
                    if error.errno != errno.EMSGSIZE:
                        raise
                return s.getsockopt(level, known) == 1300  # IP_MTU, IPV6_MTU

            self.assertTrue(wait_for(mtu), address)
            s.close()


class Flow:
    """A flow of datagrams or of a TCP connection from the laptop to a port of the server, both sides in this process.

    What is sent is counted, in datagrams or bytes, and what arrives says which of it that was: what comes late has not been sent late.
    """

    def __init__(self, kind, port, server_sends=False):
        self.kind, self.server_sends = kind, server_sends
        listener = server.open_socket(kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((server.v4, port))
        self.client = laptop.open_socket(kind)
        self.client.settimeout(PATIENCE)
        listener.settimeout(PATIENCE)
        if kind == socket.SOCK_STREAM:
            listener.listen(4)
            self.client.connect((server.v4, port))
            self.far, _ = listener.accept()
            listener.close()
        else:
            self.client.connect((server.v4, port))
            self.client.send(bytes(8))
            _, self.peer = listener.recvfrom(64)
            self.far = listener
        self.client.setblocking(False)
        self.far.setblocking(False)
        self.lock = threading.Lock()
        self.sent = self.arrived = 0  # by the laptop, and of that at the server
        self.answers = 0              # that the laptop got
        self.running, self.talking = True, True
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while self.running:
            if self.talking:
                self.quietly(self.send)
            if self.server_sends:
                self.quietly(lambda: self.far.send(b"s" * 16) if self.kind == socket.SOCK_STREAM else self.far.sendto(b"s" * 16, self.peer))
            time.sleep(0.005)
            self.quietly(self.read_far)
            self.quietly(self.read_answers)

    def send(self):
        with self.lock:
            if self.kind == socket.SOCK_STREAM:
                self.sent += self.client.send(b"c" * 16)
            else:
                self.sent += 1
                self.client.send(self.sent.to_bytes(8, "big"))

    def read_far(self):
        while data := self.far.recv(65536):
            self.arrived = self.arrived + len(data) if self.kind == socket.SOCK_STREAM else max(self.arrived, int.from_bytes(data, "big"))

    def read_answers(self):
        while self.client.recv(65536):
            self.answers += 1

    @staticmethod
    def quietly(what):
        try:
            what()
        except OSError:
            pass

    def mark(self):
        """What was sent until now."""
        with self.lock:
            return self.sent

    def flows(self):
        """What is sent from now on arrives."""
        mark = self.mark()
        return bool(wait_for(lambda: self.arrived > mark))

    def goes_on_without_arriving(self, mark, seconds):
        """More is sent, and nothing of what was sent after the mark comes in so many seconds."""
        sends = wait_for(lambda: self.mark() > mark)
        time.sleep(seconds)
        return bool(sends) and self.arrived <= mark

    def close(self):
        self.running = False
        self.thread.join()
        self.client.close()
        self.far.close()


class Labs(unittest.TestCase):
    def test_one_that_cannot_be_made_leaves_nothing(self):
        broken = Lab()
        broken.trust_file = "/nowhere/trust"
        with self.assertRaises(OSError):
            broken.__enter__()
        self.assertFalse(os.path.exists(broken.folder))
        self.assertNotIn(broken.prefix + "-", run("ip", "netns", "list"))
        with open("/proc/self/mounts") as file:
            self.assertNotIn(broken.folder, file.read())


WITHOUT_SERVER = GRANTS[1:]


class Revocation(unittest.TestCase):
    """What a grant had opened ends with it, within a second of publishing."""

    def setUp(self):
        publish(GRANTS)

    def check_ends(self, flow):
        self.assertTrue(flow.flows())
        took = publish(WITHOUT_SERVER)
        print(f"  in force as status says {took * 1000:.0f} ms after publishing began", file=sys.stderr)
        self.assertTrue(flow.goes_on_without_arriving(flow.mark(), 1.5))
        publish(GRANTS)
        self.assertTrue(flow.flows(), "and goes on when it is granted again")
        flow.close()

    def test_tcp_with_the_server_still_sending(self):
        self.check_ends(Flow(socket.SOCK_STREAM, 8001, server_sends=True))

    def test_a_udp_server_that_keeps_sending(self):
        # udp:53 is taken by the echo server on ::, which leaves the specific address free.
        grants = [{**GRANTS[0], "ip": GRANTS[0]["ip"] + ["udp:5301"]}, *GRANTS[1:]]
        publish(grants)
        flow = Flow(socket.SOCK_DGRAM, 5301, server_sends=True)
        self.assertTrue(flow.flows())
        publish(WITHOUT_SERVER)
        answers = flow.answers
        self.assertTrue(flow.goes_on_without_arriving(flow.mark(), 2))
        self.assertTrue(wait_for(lambda: flow.answers > answers), "the server does keep sending")
        flow.close()

    def test_an_idle_flow(self):
        flow = Flow(socket.SOCK_STREAM, 8002)
        self.assertTrue(flow.flows())
        flow.talking = False
        self.assertTrue(wait_for(lambda: flow.arrived == flow.mark()))
        publish(WITHOUT_SERVER)
        mark = flow.mark()
        flow.talking = True
        self.assertTrue(flow.goes_on_without_arriving(mark, 1))
        flow.close()

    def test_a_new_grant_disturbs_nobody(self):
        flow = Flow(socket.SOCK_STREAM, 8003)
        self.assertTrue(flow.flows())
        self.assertFalse(laptop.tcp(server.v4, 23, 0.3))
        for _ in range(5):
            publish([{**GRANTS[0], "ip": GRANTS[0]["ip"] + ["tcp:23"]}, *GRANTS[1:]])
            self.assertTrue(laptop.tcp(server.v4, 23))
            self.assertTrue(flow.flows())
            publish(GRANTS)
            self.assertFalse(laptop.tcp(server.v4, 23, 0.3))
        flow.close()

    def test_syn_to_a_listening_port_that_was_a_source_port(self):
        out = server.open_socket(socket.SOCK_STREAM)
        out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        out.bind((server.v4, 7777))
        out.settimeout(PATIENCE)
        out.connect((laptop.v4, 9000))
        self.assertEqual(out.recv(64), b"hello\n")
        out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        out.close()
        listener = server.open_socket(socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((server.v4, 7777))
        listener.listen(4)
        listener.settimeout(1.5)
        back = laptop.open_socket(socket.SOCK_STREAM)
        back.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        back.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        back.settimeout(1.2)
        try:
            back.bind((laptop.v4, 9000))
        except OSError:
            back.bind((laptop.v4, 0))  # the echo server has it; any port is refused alike
        with self.assertRaises(OSError):
            back.connect((server.v4, 7777))
        with self.assertRaises(OSError):
            listener.accept()
        back.close()
        listener.close()

    def test_map_of_marks_full_then_revoked(self):
        """More flows than there is room for marks (1,024 at this server), then the rule goes and the server keeps sending."""
        grants = [{**GRANTS[0], "ip": GRANTS[0]["ip"] + ["udp:5302"]}, *GRANTS[1:]]
        publish(grants)
        far = server.open_socket(socket.SOCK_DGRAM)
        far.bind((server.v4, 5302))
        far.settimeout(2)
        clients, peers = [], set()
        for _ in range(1500):
            s = laptop.open_socket(socket.SOCK_DGRAM)
            s.connect((server.v4, 5302))
            s.send(b"before")
            clients.append(s)
            try:
                peers.add(far.recvfrom(64)[1])
            except OSError:
                pass
        self.assertGreater(len(peers), 1400)
        publish(WITHOUT_SERVER)
        for round_ in range(3):
            for peer in peers:
                far.sendto(b"s", peer)
            for s in clients:
                s.send(b"after")
        far.settimeout(0.5)
        with self.assertRaises(OSError):
            while far.recv(64) == b"before":
                pass
        for s in clients:
            s.close()
        far.close()


class Identity(unittest.TestCase):
    """Who is gone from the inventory, or has another key, is not let in by what was there before."""

    def tearDown(self):
        laptop.enforces = True
        publish(GRANTS)
        self.assertTrue(laptop.tcp(server.v4, 22, PATIENCE))

    def started_by_server(self):
        """A UDP flow that the server started: the laptop's answers come by a record alone."""
        echo = laptop.open_socket(socket.SOCK_DGRAM)
        echo.bind((laptop.v4, 9700))
        echo.settimeout(PATIENCE)
        s = server.open_socket(socket.SOCK_DGRAM)
        s.connect((laptop.v4, 9700))
        publish([*GRANTS, {"src": ["tag:srv"], "dst": ["ann@example.com"], "ip": ["udp:9700"]}], server, laptop)
        s.settimeout(PATIENCE)
        s.send(b"x")
        _, peer = echo.recvfrom(64)
        echo.sendto(b"y", peer)
        self.assertEqual(s.recv(64), b"y")
        return echo, peer, s

    def test_a_removed_laptop(self):
        echo, peer, s = self.started_by_server()
        laptop.enforces = None  # not in the inventory
        publish([{"src": ["tag:srv"], "dst": ["tag:srv"], "ip": ["*"]}])
        for _ in range(5):
            echo.sendto(b"z", peer)
        s.settimeout(1)
        with self.assertRaises(OSError):
            s.recv(64)
        self.assertFalse(laptop.tcp(server.v4, 22, 0.5))
        self.assertIn("nobody that this node knows", server.ask("whois", laptop.v4).stdout)
        echo.close()
        s.close()

    def test_an_address_given_to_another_key(self):
        echo, peer, s = self.started_by_server()
        old, laptop.public = laptop.public, stranger.public
        try:
            publish(GRANTS)
            # The table says the stranger's key, WireGuard still the laptop's: nobody has the address.
            self.assertFalse(laptop.tcp(server.v4, 22, 0.5))
            for _ in range(5):
                echo.sendto(b"z", peer)
            s.settimeout(1)
            with self.assertRaises(OSError):
                s.recv(64)
            status = wait_for(lambda: (s := server.status()) and s["binding_failures"] > 0 and s)
            self.assertTrue(status, server.status())
            self.assertIn("NO: WireGuard has it at another peer", server.ask("whois", laptop.v4).stdout)
            # And WireGuard follows: the old key cannot send from it, the new one is admitted, without the old one's records.
            server.set_wireguard("peer", stranger.public, "allowed-ips", f"{laptop.v4}/32,{stranger.v4}/32")
            self.assertTrue(wait_for(lambda: (s := server.status()) and s["binding_failures"] < status["binding_failures"]))
            self.assertFalse(laptop.tcp(server.v4, 22, 0.5))
        finally:
            laptop.public = old
            server.set_wireguard("peer", stranger.public, "allowed-ips", f"{stranger.v4}/32,{stranger.v6}/128")
            server.add_peer(laptop)
            echo.close()
            s.close()

    def test_wireguard_taking_the_address_away_is_enough(self):
        self.assertTrue(laptop.tcp(server.v4, 22))
        server.set_wireguard("peer", stranger.public, "allowed-ips", f"{stranger.v4}/32,{stranger.v6}/128,{laptop.v4}/32")
        try:
            self.assertTrue(wait_for(lambda: (s := server.status()) and s["binding_failures"] > 0))
            stranger.ip("addr", "add", f"{laptop.v4}/32", "dev", stranger.interface)
            s = stranger.open_socket(socket.SOCK_STREAM)
            s.settimeout(1)
            s.bind((laptop.v4, 0))
            with self.assertRaises(OSError):
                s.connect((server.v4, 22))
            s.close()
        finally:
            stranger.ip("addr", "del", f"{laptop.v4}/32", "dev", stranger.interface)
            server.set_wireguard("peer", stranger.public, "allowed-ips", f"{stranger.v4}/32,{stranger.v6}/128")
            server.add_peer(laptop)


if __name__ == "__main__":
    unittest.main(verbosity=2)
