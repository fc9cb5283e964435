#!/usr/bin/env python3
"""What the filter costs a TCP stream through the tunnel: pairs of runs, one without and one with it, in turn; the median of their ratios.

usage: throughput.py [PAIRS]      (40; some three seconds a pair)
"""
import os, socket, sys, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import *

POLICY = {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": ["tcp:5201"]}]}


def stream(laptop, server, seconds=1.0):
    """Mbit/s."""
    listener = server.open_socket(socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((server.v4, 5201))
    listener.listen(1)
    near = laptop.open_socket(socket.SOCK_STREAM)
    near.settimeout(10)
    near.connect((server.v4, 5201))
    far, _ = listener.accept()
    done = False

    def send():
        block = bytes(1 << 16)
        while not done:
            try:
                near.sendall(block)
            except OSError:
                return

    thread = threading.Thread(target=send)
    thread.start()
    buffer, got = bytearray(1 << 18), 0
    warm = time.monotonic() + 0.2
    while time.monotonic() < warm:
        far.recv_into(buffer)
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        got += far.recv_into(buffer)
    took = time.monotonic() - began
    done = True
    for s in (far, near, listener):
        s.close()
    thread.join()
    return got * 8 / took / 1e6


def main():
    lacks = missing()
    if lacks:
        print(f"throughput.py: SKIPPED, needs {lacks}", file=sys.stderr)
        return
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with Lab() as lab:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add("server", 2, tags=["tag:srv"])
        lab.up()
        lab.publish(POLICY)
        without, ratios = [], []
        for i in range(pairs):
            order = ("without", "with") if i % 2 == 0 else ("with", "without")
            speeds = {}
            for state in order:
                if state == "with":
                    server.start_daemon()
                    assert server.enforces_generation(1), server.status()
                    server.stop_daemon()  # the filter stays
                speeds[state] = stream(laptop, server)
                if state == "with":
                    done = subprocess.run(["nsenter", f"--net=/run/netns/{server.namespace}", ACLNODE, "remove", "--config", server.config],
                                          capture_output=True, text=True)
                    assert done.returncode == 0, done.stderr
            without.append(speeds["without"])
            ratios.append(speeds["with"] / speeds["without"])
        ratios.sort()
        # The interval of the median that holds it with 95 %, by order statistics (binomial, normal approximation).
        spread = int(0.98 * pairs ** 0.5) + 1
        low, high = ratios[max(0, pairs // 2 - spread)], ratios[min(pairs - 1, pairs // 2 + spread)]
        print(f"throughput: {sorted(without)[pairs // 2]:.0f} Mbit/s without the filter (median); with/without, median of {pairs} pairs: "
              f"{ratios[pairs // 2]:.3f} (95 %: {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
