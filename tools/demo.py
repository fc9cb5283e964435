#!/usr/bin/env python3
"""What `make demo` shows: a tailnet of four nodes on this machine, a policy published and enforced, changed, and explained.

Laptop, server, a router with a host behind it, and a stranger, each a network namespace with wireguard-go; nothing outside of them
is touched, and all of it is gone at the end. Needs root, network namespaces, /dev/net/tun and eBPF.
"""
import os, subprocess, sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e", "node"))
from ssh_lab import *

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
HOST = "10.55.0.9"

POLICY = """{
  "tagOwners": {"tag:server": ["autogroup:admin"], "tag:router": ["autogroup:admin"]},
  "hosts": {"office": "10.55.0.0/24"},
  "grants": [
    {"src": ["ann@example.com"], "dst": ["tag:server"], "ip": ["tcp:22", "icmp:*"]},
    {"src": ["ann@example.com"], "dst": ["office"],     "ip": ["tcp:80"]},%s
  ],
  "ssh": [%s],
}
"""
LOGINS = """
    {"action": "accept", "src": ["ann@example.com"], "dst": ["tag:server"], "users": ["ann"]},
  """
MORE = """
    {"src": ["ann@example.com"], "dst": ["tag:server"], "ip": ["tcp:5432"]},"""


def say(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def expect(right, what):
    if not right:
        print(f"tools/demo.py: this should have been otherwise: {what}", file=sys.stderr)
        sys.exit(1)


def show_traffic(expected):
    for source, target, address, port, passes in expected:
        got = source.ping(address) if port is None else source.tcp(address, port, 5.0 if passes else 0.6)
        what = "ping" if port is None else f"tcp {port}"
        print(f"  {source.name:<9} → {target:<7} {what:<9} {'passes' if got else 'is dropped'}", flush=True)
        expect(got == passes, f"{source.name} → {target} {what}")


def show(node, *words):
    print(f"\n  {node.name}$ aclnode {' '.join(words)}")
    done = node.ask(*words)
    print("".join(f"    {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="", flush=True)
    return done.returncode


def show_login(client, target, allowed):
    done = client.ssh(target, "id", options=["-o", "LogLevel=INFO"])
    print(f"\n  laptop$ ssh {target} id")
    said = [line for line in (done.stdout + done.stderr).decode().replace("\r", "").splitlines() if "Permanently added" not in line]
    print("".join(f"    {line}\n" for line in said), end="", flush=True)
    expect((done.returncode == 0) == allowed, f"ssh {target}")


def demo(lab):
    say("1. Four nodes: ann's laptop, a server, a router to the office, and a stranger whom the inventory does not have")
    laptop = lab.add("laptop", 1, owner="ann@example.com")
    server = lab.add_ssh("server", 2, tags=["tag:server"])
    router = lab.add("router", 3, tags=["tag:router"], routes=["10.55.0.0/24"])
    stranger = lab.add("stranger", 4, enforces=None)
    lab.up()
    lab.add_host(router, [HOST]).serve(80)
    listener = server.serve(22, 5432)
    print("\n  WireGuard is up between all of them, and nothing enforces a policy yet:\n")
    show_traffic([(laptop, "server", server.v4, 5432, True), (stranger, "server", server.v4, 22, True)])

    say("2. The policy, compiled, proved, signed and published")
    print("\n" + "".join(f"    {line}\n" for line in (POLICY % ("", "")).splitlines()))
    lab.publish(POLICY % ("", ""))
    print(f"  release {lab.generation()} is in the store")

    say("3. aclnode on server and router: each finds its own table by its WireGuard key, and enforces it in the kernel")
    for node in (server, router):
        node.start_daemon()
        expect(node.enforces_generation(1), f"{node.name} enforces release 1")
    show(server, "status")
    print()
    allowed = [(laptop, "server", server.v4, 22, True), (laptop, "server", server.v4, None, True), (laptop, "server", server.v4, 5432, False),
               (laptop, "office", HOST, 80, True), (laptop, "router", router.v4, 22, False), (stranger, "server", server.v4, 22, False),
               (stranger, "office", HOST, 80, False)]
    show_traffic(allowed)

    say("4. Why was that dropped?")
    expect(show(server, "why", "laptop", "self:5432") == 1, "why says no")
    expect(show(server, "why", stranger.v4, "self:22") == 1, "why says no")

    say("5. A grant more: the database's port. Published, and in force")
    lab.publish(POLICY % (MORE, ""))
    began = time.monotonic()
    expect(server.enforces_generation(2), "the server enforces release 2")
    print(f"\n  release 2 is enforced, {1000 * (time.monotonic() - began):.0f} ms after it was published\n")
    show_traffic([(laptop, "server", server.v4, 5432, True)])
    expect(show(server, "why", "laptop", "self:5432") == 0, "why says yes")

    say("6. The daemon is killed. The filter stays in the kernel")
    server.kill_daemon()
    print()
    show_traffic([(laptop, "server", server.v4, 22, True), (stranger, "server", server.v4, 22, False)])

    say("7. Logins: no keys on the server, no passwords. The policy says who may become whom")
    server.stop_daemon()
    listener.kill()  # what stood in for an sshd
    server.enable_ssh()
    server.write_config()
    server.start_daemon()
    print("\n" + "".join(f"    {line}\n" for line in LOGINS.strip("\n ").splitlines()))
    lab.publish(POLICY % (MORE, LOGINS))
    expect(server.takes_logins(3), "the server takes logins")
    client = lab.client(laptop)
    show_login(client, f"ann@{server.v4}", True)
    show_login(client, f"root@{server.v4}", False)
    expect(show(server, "why", "laptop", "ssh", "root") == 1, "why says no")

    say("8. A session lives, and its rule goes")
    session = client.start_ssh(f"ann@{server.v4}", "echo; while sleep 0.2; do echo still here; done", stderr=subprocess.STDOUT)
    session.stdout.readline()
    lab.compile(POLICY % (MORE, ""))
    lab.publish_compiled()
    began = time.monotonic()
    said = session.communicate(timeout=10)[0].decode().replace("\r", "")
    print(f"\n  it ended {1000 * (time.monotonic() - began):.0f} ms after the release was published; the person sees:\n")
    print("".join(f"    {line}\n" for line in said.splitlines()[-3:]), flush=True)
    expect("no longer allowed" in said, "the session ends with a message")

    say("Everything is taken away again.")


def main():
    lacks = missing()
    if lacks:
        print(f"make demo needs {lacks}, which this machine does not have or does not give you", file=sys.stderr)
        sys.exit(1)
    with SshLab() as lab:
        demo(lab)


if __name__ == "__main__":
    main()
