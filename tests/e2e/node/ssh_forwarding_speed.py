#!/usr/bin/env python3
"""Forwarded streams side by side in one run: aclnode's and OpenSSH's sshd (public key, curve25519), -L and -R, both directions, in turns; the
same client, the same account, over the same WireGuard tunnel. Prints medians and ratios, asserts nothing about time.

usage: ssh_forwarding_speed.py [ROUNDS] [MEGABYTES]      (needs what ssh.py needs; sshd, dropbear)
"""
import statistics, sys

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from forwarding_lab import *
from ssh_speed import start_others, FAST

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
MEGABYTES = int(sys.argv[2]) if len(sys.argv) > 2 else 128
PIECE = bytes(1 << 20)


def move(sender, receiver):
    """Seconds that so many megabytes take."""
    def feed():
        for _ in range(MEGABYTES):
            sender.sendall(PIECE)
        sender.shutdown(socket.SHUT_WR)
    feeder = threading.Thread(target=feed)
    buffer, got = bytearray(1 << 20), 0
    began = time.monotonic()
    feeder.start()
    while count := receiver.recv_into(buffer):
        got += count
    took = time.monotonic() - began
    feeder.join()
    assert got == MEGABYTES << 20, got
    return took


def main():
    lacks = missing() or next((p for p in ("/usr/sbin/sshd", "dropbear") if shutil.which(p) is None), "")
    if lacks:
        print(f"SKIPPED: needs {lacks}", file=sys.stderr)
        sys.exit(SKIPPED)
    with Forwarding() as lab:
        lab.begin()
        key = start_others(lab, lab.server, lab.ann)
        known = lambda way: ["-o", f"UserKnownHostsFile={lab.ann.home}/known-{way}"]
        ways = {"aclnode": [*known("aclnode"), *FAST], "sshd": [*known("sshd"), "-p", "2022", "-i", key, *FAST]}
        for way, options in ways.items():
            assert wait_for(lambda: lab.ann.ssh(lab.at(), "true", options=options).returncode == 0)
        target = {"-L": lab.listen(lab.server), "-R": lab.listen(lab.laptop)}
        ends, rates = {}, {}
        for way, options in ways.items():
            for kind in ("-L", "-R"):
                near, far = (lab.laptop, lab.server) if kind == "-L" else (lab.server, lab.laptop)
                port = lab.free_port(near)
                lab.ann.start_ssh(lab.at(), options=[*options, "-N", kind, f"{port}:127.0.0.1:{target[kind].getsockname()[1]}"])
                assert wait_for(lambda: lab.listens(near, port)), (way, kind)
                ends[way, kind] = (near, port)
        print(f"load {os.getloadavg()[0]:.1f}")
        for _ in range(ROUNDS):
            for (way, kind), (near, port) in ends.items():
                for direction in ("out", "back"):
                    with contextlib.closing(lab.connect(near, port)) as one, contextlib.closing(target[kind].accept()[0]) as other:
                        took = move(one, other) if direction == "out" else move(other, one)
                    rates.setdefault((kind, direction), {}).setdefault(way, []).append(MEGABYTES / took)
        for (kind, direction), each in rates.items():
            reference = statistics.median(each["sshd"])
            for way in ways:
                print(f"{kind} {direction:<5} {way:<9} median {statistics.median(each[way]):6.1f} MiB/s  best {max(each[way]):6.1f}   "
                      f"{statistics.median(each[way]) / reference:.2f} x sshd")


if __name__ == "__main__":
    main()
