#!/usr/bin/env python3
"""From publishing to enforcing, with the real stores: a folder, nginx with TLS, etcd; what it costs, and that no packet is lost by it.

Prints its figures. The test fails only where something does not work at all, never for being slow.
"""
import os, shutil, socket, subprocess, sys, threading, time, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import *

LONG = "--long" in sys.argv
if LONG:
    sys.argv.remove("--long")


def policy(port):
    return {"tagOwners": {"tag:srv": ["autogroup:admin"]},
            "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": ["tcp:22", "udp:5001", f"tcp:{port}"]}]}


def setUpModule():
    skip_where_impossible()
    global lab, laptop, server
    lab = Lab().__enter__()
    try:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add("server", 2, tags=["tag:srv"])
        lab.up()
        server.serve(22)
    except BaseException:
        lab.__exit__()
        raise


def tearDownModule():
    lab.__exit__()


def quantiles(values):
    values = sorted(values)
    return f"median {values[len(values) // 2]:.0f} ms, 9 of 10 below {values[len(values) * 9 // 10]:.0f} ms, most {values[-1]:.0f} ms"


def fill(path, text):
    with open(path, "w") as file:
        file.write(text)


class Stores(unittest.TestCase):
    def fresh(self, source, **more):
        """The daemon begins anew, from this source."""
        server.stop_daemon()
        shutil.rmtree(f"{server.folder}/state", ignore_errors=True)
        server.write_config(source=source, **more)
        server.start_daemon()

    def latencies(self, to, publish_options=(), rounds=10):
        """Milliseconds from the moment `latest` has moved (aclc publish has ended) until status says so, and from its start."""
        after, whole = [], []
        for i in range(rounds):
            number = lab.compile(policy(6000 + i))
            begun = time.monotonic()
            run(ACLC, "publish", lab.release, to, *publish_options)
            ended = time.monotonic()
            self.assertTrue(server.enforces_generation(number), server.status())
            after.append((time.monotonic() - ended) * 1000)
            whole.append((time.monotonic() - begun) * 1000)
            took = wait_for(lambda: [int(d["took_ms"]) for d in server.decisions() if d["event"] == "release" and d["generation"].endswith(f".{number}")])[-1]
        print(f"  {to.split(':')[0] if '://' in to else 'folder'}: published → enforced {quantiles(after)}; with `aclc publish` itself {quantiles(whole)}; "
              f"putting it in force took {took} ms", file=sys.stderr)

    def test_a_folder(self):
        lab.publish(policy(6100))
        self.fresh(lab.store)
        self.latencies(lab.store)

    @unittest.skipUnless(shutil.which("nginx") or os.path.exists("/usr/sbin/nginx"), "nginx is not installed")
    def test_nginx_with_tls(self):
        folder = f"{lab.folder}/web"
        os.makedirs(folder)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=store.test",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key", "-out", f"{folder}/cert")
        os.chmod(f"{folder}/cert", 0o644)
        fill(f"{folder}/nginx.conf", f"""
daemon off; pid {folder}/pid; error_log {folder}/error; worker_processes 1; user root;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:8443 ssl; ssl_certificate {folder}/cert; ssl_certificate_key {folder}/key; root {lab.store}; }} }}
""")
        server.start("nginx", "-c", f"{folder}/nginx.conf", stderr=subprocess.DEVNULL)
        lab.publish(policy(6200))
        os.chmod(folder, 0o755)
        self.fresh("https://127.0.0.1:8443", ca_file=f"{folder}/cert", interval=1)
        self.assertTrue(server.enforces_generation(lab.generation()), server.status())
        number = lab.publish(policy(6201))
        self.assertTrue(server.enforces_generation(number), server.status())
        # Another authority's server is not believed, and what was in force stays.
        os.chmod(folder, 0o755)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=other",
            "-keyout", f"{folder}/key2", "-out", f"{folder}/cert2")
        os.chmod(f"{folder}/cert2", 0o644)
        server.write_config(source="https://127.0.0.1:8443", ca_file=f"{folder}/cert2", interval=1)
        self.assertEqual(server.ask("reload").returncode, 0)
        self.assertTrue(wait_for(lambda: (s := server.status()) and s["last_error"]))
        self.assertEqual(server.status()["generation"], number)
        self.assertTrue(laptop.tcp(server.v4, 22))

    @unittest.skipUnless(shutil.which("etcd"), "etcd is not installed")
    def test_etcd(self):
        data = f"{lab.folder}/etcd"
        etcd = server.start("etcd", "--data-dir", data, "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
                            "--listen-peer-urls", "http://127.0.0.1:0", "--unsafe-no-fsync", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        etcdctl = lambda: subprocess.run(["nsenter", f"--net=/run/netns/{server.namespace}", "etcdctl", "--endpoints", "http://127.0.0.1:2379", "endpoint", "health"],
                                         capture_output=True).returncode == 0
        self.assertTrue(wait_for(etcdctl, every=0.2), "etcd did not start")
        lab.compile(policy(6300))
        url = "etcd://127.0.0.1:2379/acl"
        publish = lambda: run("nsenter", f"--net=/run/netns/{server.namespace}", ACLC, "publish", lab.release, url)
        publish()
        self.fresh(url)
        self.assertTrue(server.enforces_generation(lab.generation()), server.status())
        after = []
        for i in range(10):
            number = lab.compile(policy(6301 + i))
            publish()
            ended = time.monotonic()
            self.assertTrue(server.enforces_generation(number), server.status())
            after.append((time.monotonic() - ended) * 1000)
        print(f"  etcd: published → enforced {quantiles(after)}", file=sys.stderr)
        # Without etcd what is in force stays; with it again, the next release comes.
        end(etcd)
        self.assertTrue(wait_for(lambda: (s := server.status()) and s["last_error"]))
        self.assertTrue(laptop.tcp(server.v4, 22))
        server.stop_daemon()


class Swaps(unittest.TestCase):
    def test_no_packet_of_an_allowed_flow_is_lost(self):
        """Datagrams sent while releases come and go; counted at the far side's socket."""
        lab.publish(policy(6400))
        server.stop_daemon()
        shutil.rmtree(f"{server.folder}/state", ignore_errors=True)
        server.write_config()
        server.start_daemon()
        self.assertTrue(server.enforces_generation(lab.generation()))
        far = server.open_socket(socket.SOCK_DGRAM)
        far.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        far.bind((server.v4, 5001))
        near = laptop.open_socket(socket.SOCK_DGRAM)
        near.connect((server.v4, 5001))
        # Room for what is sent while wireguard-go waits for a processor, and its handshake is made: nobody but the filter is to lose anything.
        for node in (laptop, server):
            node.ip("link", "set", node.interface, "txqueuelen", "20000")
        near.send(b"first")
        far.settimeout(PATIENCE)
        far.recv(64)
        sent = received = 0
        rounds, done, last = (60 if LONG else 12), False, 0.0

        def send():
            nonlocal sent
            while not done:
                near.send(sent.to_bytes(8, "big"))
                sent += 1
                time.sleep(0.002)

        def receive():
            nonlocal received
            far.settimeout(1)
            while True:
                try:
                    far.recv(64)
                    received += 1
                except OSError:
                    pass
                if done and (received == sent or time.monotonic() > last):
                    return

        threads = [threading.Thread(target=f) for f in (send, receive)]
        for thread in threads:
            thread.start()
        for i in range(rounds):
            number = lab.publish(policy(6500 + i))
            self.assertTrue(server.enforces_generation(number))
        last = time.monotonic() + PATIENCE
        done = True
        for thread in threads:
            thread.join()
        print(f"  {rounds} releases under traffic: {sent} datagrams sent, {received} arrived", file=sys.stderr)
        self.assertEqual(sent, received)


class Cost(unittest.TestCase):
    def processes(self):
        parent = server.daemon.pid
        children = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True).stdout.split()
        return [parent, *map(int, children)]

    def test_memory_and_idle_time(self):
        if not server.daemon or server.daemon.poll() is not None:
            lab.publish(policy(6600))
            server.write_config()
            server.start_daemon()
        self.assertTrue(server.enforces_generation(lab.generation()))
        time.sleep(2)

        def pss(pid):
            with open(f"/proc/{pid}/smaps_rollup") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))

        def seconds_of(pid):
            """Of all its threads, on a processor."""
            total = 0
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                    total += int(file.read().split()[0])
            return total / 1e9

        self.assertTrue(wait_for(lambda: len(self.processes()) == 2), "aclnode and aclnode-net")
        pids = self.processes()
        sizes = [pss(pid) for pid in pids]
        seconds = 60 if LONG else 10
        before = [seconds_of(pid) for pid in pids]
        time.sleep(seconds)
        used = [max(0.0, now - then) for then, now in zip(before, map(seconds_of, pids))]
        print(f"  aclnode {sizes[0]} KiB, aclnode-net {sizes[1]} KiB proportional; {1000 * used[0]:.1f} + {1000 * used[1]:.1f} ms of processor in {seconds} idle seconds "
              f"({100 * sum(used) / seconds:.3f} %)", file=sys.stderr)
        self.assertLess(sum(sizes), 20 * 1024)


if __name__ == "__main__":
    unittest.main(verbosity=2)
