#!/usr/bin/env python3
"""Logins and streams side by side in one run: aclnode's, OpenSSH's sshd (public key, curve25519), dropbear (public key); the same client, the
same account, PAM on, over the same WireGuard tunnel, in turns. Prints medians and ratios, asserts nothing about time.

usage: ssh_speed.py [ROUNDS] [MEGABYTES]      (needs what ssh.py needs; sshd, dropbear)
"""
import statistics, sys

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from ssh_lab import *

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
MEGABYTES = int(sys.argv[2]) if len(sys.argv) > 2 else 256
POLICY = {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": [{"src": ["*"], "dst": ["tag:srv"], "ip": ["tcp:*"]}],
          "ssh": [{"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["ann"]}]}
FAST = ["-o", "KexAlgorithms=curve25519-sha256"]


def start_others(lab, server, client):
    """sshd on port 2022, dropbear on 2023, which take the client's key for ann."""
    key = f"{client.home}/id"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    public = open(f"{key}.pub").read()
    server.machine.sh(f"mkdir -m 700 -p /home/ann/.ssh /run/sshd; echo '{public.strip()}' >/home/ann/.ssh/authorized_keys; chown -R ann:ann /home/ann")
    host_key = f"{server.folder}/sshd_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key)
    config = f"{server.folder}/sshd_config"
    with open(config, "w") as file:
        file.write(f"Port 2022\nHostKey {host_key}\nUsePAM yes\nPasswordAuthentication no\nMaxStartups 500\nPidFile none\n"
                   "Subsystem sftp internal-sftp\n")
    shutil.copy("/etc/pam.d/sshd", f"{server.machine.folder}/pam.d/sshd")
    for words in (["/usr/sbin/sshd", "-D", "-f", config],
                  ["dropbear", "-F", "-E", "-s", "-R", "-p", "2023", "-r", make_dropbear_key(server)]):
        log = open(f"{server.folder}/{os.path.basename(words[0])}.log", "w")
        lab.started.append(subprocess.Popen([*server.inside(), *words], stdout=log, stderr=log))
    return key


def make_dropbear_key(server):
    path = f"{server.folder}/dropbear_key"
    run("dropbearkey", "-t", "ed25519", "-f", path)
    return path


def seconds(work):
    began = time.monotonic()
    done = work()
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    return took


def memory_of(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass
    return total


def main():
    lacks = missing() or next((p for p in ("/usr/sbin/sshd", "dropbear") if shutil.which(p) is None), "")
    if lacks:
        print(f"SKIPPED: needs {lacks}", file=sys.stderr)
        sys.exit(SKIPPED)
    with SshLab() as lab:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add_ssh("server", 2, tags=["tag:srv"])
        lab.up()
        server.enable_ssh(max_starting=256, max_starting_per_source=256)
        server.write_config()
        number = lab.publish(POLICY)
        server.start_daemon()
        assert server.takes_logins(number), server.status()
        client = lab.client(laptop)
        key = start_others(lab, server, client)
        target = f"ann@{server.v4}"
        ways = {"aclnode": [*FAST], "sshd": ["-p", "2022", "-i", key, *FAST], "dropbear": ["-p", "2023", "-i", key, *FAST]}

        def ssh(way, *command, **more):
            return client.ssh(target, *command, options=["-o", f"UserKnownHostsFile={client.home}/known-{way}", *ways[way]], **more)

        for way in ways:
            wait_for(lambda: ssh(way, "true").returncode == 0)
        print(f"load {os.getloadavg()[0]:.1f}")
        took = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way in ways:
                took[way].append(seconds(lambda: ssh(way, "true")))
        reference = statistics.median(took["sshd"])
        for way in ways:
            times = sorted(took[way])
            print(f"ssh host true   {way:<9} median {1000 * statistics.median(times):6.1f} ms  least {1000 * times[0]:6.1f}  "
                  f"most {1000 * times[-1]:6.1f}   {statistics.median(times) / reference:.2f} x sshd")

        data = f"{client.home}/data"
        with open(data, "wb") as file:
            for _ in range(MEGABYTES):
                file.write(os.urandom(1 << 20))
        for name, command, ends in (("up", "cat >/dev/null", "stdin"), ("down", f"head -c {MEGABYTES << 20} /dev/zero", "stdout")):
            rates = {way: [] for way in ways}
            for _ in range(5):
                for way in ways:
                    options = {"stdin": open(data, "rb")} if ends == "stdin" else {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
                    if ends == "stdin":
                        options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    took_ = seconds(lambda: ssh(way, command, timeout=300, capture_output=False, **options))
                    rates[way].append(MEGABYTES / took_)
            reference = statistics.median(rates["sshd"])
            for way in ways:
                print(f"stream {name:<8} {way:<9} median {statistics.median(rates[way]):6.1f} MiB/s  best {max(rates[way]):6.1f}   "
                      f"{statistics.median(rates[way]) / reference:.2f} x sshd")

        began = time.monotonic()
        many = [client.start_ssh(target, "true", options=["-o", f"UserKnownHostsFile={client.home}/known-aclnode", *FAST]) for _ in range(200)]
        failed = sum(process.wait(120) != 0 for process in many)
        print(f"200 at once: {failed} failed, {time.monotonic() - began:.1f} s")

        idle = [client.start_ssh(target, "echo ready; sleep 1000", options=["-o", f"UserKnownHostsFile={client.home}/known-aclnode", *FAST]) for _ in range(20)]
        for process in idle:
            process.stdout.read(6)
        ours = server.processes("aclnode-ssh") + server.processes("aclnode-session")
        print(f"memory of 20 idle logins: {memory_of(ours) / 20 / 1024:.2f} MiB each, proportional, of {len(ours)} processes")


if __name__ == "__main__":
    main()
