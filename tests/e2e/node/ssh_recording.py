#!/usr/bin/env python3
"""Recordings of logins over real WireGuard by real clients: which sessions are recorded by whose word, what is kept over a restart and an end,
and `aclnode sessions`.

Two servers, of which one has the recorders' tag. With --speed alone: 100 MB of output, recorded and not, in turns; prints, asserts nothing about time.
"""
import statistics, sys, unittest

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from ssh_lab import *

NETWORK = [{"src": ["*"], "dst": ["tag:srv", "tag:rec"], "ip": ["tcp:22"]}]
BOTH = ["tag:srv", "tag:rec"]


def rule(users, **more):
    return {"action": "accept", "src": ["ann@example.com"], "dst": BOTH, "users": users, **more}


SSH = [rule(["ann"], recorder=["tag:rec"]), rule(["deploy"], recorder=["tag:rec"], enforceRecorder=True), rule(["root", "vinay"])]


def policy(ssh=SSH):
    return {"tagOwners": {"tag:srv": ["autogroup:admin"], "tag:rec": ["autogroup:admin"]}, "grants": NETWORK, "ssh": ssh}


def write_settings(node, keep=0, **recording):
    node.enable_ssh()
    keys = {"user": "65533:65533", "keep_free_mb": keep, **recording}
    node.ssh_settings += "[recording]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    node.write_config()


def setUpModule():
    skip_where_impossible()
    global lab, laptop, server, recorder, ann
    lab = SshLab().__enter__()
    try:
        laptop = lab.add("laptop", 1, owner="ann@example.com")
        server = lab.add_ssh("server", 2, tags=["tag:srv"])
        recorder = lab.add_ssh("recorder", 3, tags=["tag:rec"])
        lab.up()
        for node in (server, recorder):
            write_settings(node)
        number = lab.publish(policy())
        for node in (server, recorder):
            node.start_daemon()
        for node in (server, recorder):
            assert node.takes_logins(number), node.status()
        ann = lab.client(laptop)
    except BaseException:
        lab.__exit__()
        raise


def tearDownModule():
    lab.__exit__()


def at(user, node):
    return f"{user}@{node.v4}"


def folder(node):
    return f"{node.folder}/state/recordings"


def recordings(node):
    try:
        return sorted(os.listdir(folder(node)))
    except FileNotFoundError:
        return []


def listed(node, *words):
    return json.loads(node.ask("sessions", "list", "--json", *words).stdout)


def said(path):
    with open(path) as file:
        _, *events = [json.loads(line) for line in file]
    return "".join(text for _, code, text in events if code == "o")


def records(node, event, count=1, before=0):
    """Records of that event, when there are so many after the first `before`."""
    found = lambda: [d for d in node.decisions()[before:] if d["event"] == event]
    wait_for(lambda: len(found()) >= count)
    return found()


class WhatIsRecorded(unittest.TestCase):
    def test_a_session_of_a_rule_with_recorders_on_a_node_that_is_one(self):
        before, old = len(recorder.decisions()), recordings(recorder)
        done = ann.ssh(at("ann", recorder), "echo hello")
        self.assertEqual((done.returncode, done.stdout), (0, b"hello\n"), done.stderr)
        file = records(recorder, "recording", before=before)[0]["file"]
        self.assertEqual([os.path.join(folder(recorder), name) for name in recordings(recorder) if name not in old], [file])
        self.assertEqual(said(file), "hello\n")
        login = records(recorder, "login", before=before)[0]
        self.assertIn("it is recorded", login["reason"])
        self.assertIn(login["connection"], file)

    def test_elsewhere_it_goes_on_unrecorded_and_the_record_says_so(self):
        before = len(server.decisions())
        self.assertEqual(ann.ssh(at("ann", server), "true").returncode, 0)
        self.assertIn("not recorded", records(server, "login", before=before)[0]["reason"])
        self.assertEqual(recordings(server), [])

    def test_a_rule_that_demands_it_lets_in_on_a_recorder_alone(self):
        self.assertEqual(ann.ssh(at("deploy", recorder), "id -un").stdout, b"deploy\n")
        done = ann.ssh(at("deploy", server), "true", options=["-o", "LogLevel=INFO"])
        self.assertEqual(done.returncode, 255)
        self.assertIn(b"policy demands that this session is recorded", done.stderr)
        self.assertEqual(server.ask("why", "laptop", "ssh", "deploy").returncode, 1)

    def test_a_rule_without_recorders_is_not_recorded(self):
        old = recordings(recorder)
        self.assertEqual(ann.ssh(at("vinay", recorder), "true").returncode, 0)
        self.assertEqual(recordings(recorder), old)

    def test_by_local_settings(self):
        def again(**settings):
            write_settings(server, **settings)
            self.assertEqual(server.ask("reload").returncode, 0)
        try:
            again(accept_local=True)
            self.assertEqual(ann.ssh(at("deploy", server), "echo local").stdout, b"local\n")
            self.assertEqual(len(recordings(server)), 1)
            again(sessions="all")
            self.assertEqual(ann.ssh(at("vinay", server), "echo all").stdout, b"all\n")
            self.assertEqual(len(recordings(server)), 2)
            self.assertEqual(ann.ssh(at("deploy", server), "true").returncode, 255)  # its file is not the recording
            again(sessions="off", accept_local=True)
            self.assertEqual(ann.ssh(at("ann", server), "true").returncode, 0)
            self.assertEqual(len(recordings(server)), 2)
        finally:
            shutil.rmtree(folder(server), ignore_errors=True)
            again()


class Sessions(unittest.TestCase):
    def start(self, user="ann", command="echo ready; cat", **more):
        process = ann.start_ssh(at(user, recorder), command, **more)
        self.assertEqual(process.stdout.readline().strip(), b"ready")
        return process

    def ended(self, process):
        """What it says at its end, which is not its input's."""
        process.wait(60)
        return process.stderr.read()

    def live(self, user="ann"):
        return [one for one in listed(recorder)["live"] if one["account"] == user]

    def test_are_listed_with_their_recordings(self):
        process = self.start()
        one, = self.live()
        self.assertEqual((one["node"], one["identity"], one["rule"], one["recorded"], len(one["recordings"])), ("laptop", "ann@example.com", "ssh[0]", True, 1))
        text = recorder.ask("sessions", "list").stdout
        self.assertIn(f"{one['id']}  ", text)
        self.assertIn("echo ready; cat", text)
        mine = [r for r in listed(recorder)["recordings"] if r["file"] == one["recordings"][0]]
        self.assertEqual((mine[0]["id"], mine[0]["account"], mine[0]["command"]), (f"{one['id']}.0", "ann", "echo ready; cat"))
        process.stdin.close()
        process.wait(60)
        self.assertTrue(wait_for(lambda: not self.live()))

    def test_are_killed_by_root_and_the_person_is_told(self):
        process = self.start(command="echo ready; exec sleep 1000")
        one, = self.live()
        self.assertEqual(recorder.ask("sessions", "kill", "12345").returncode, 1)
        self.assertEqual(recorder.ask("sessions", "kill", one["id"]).returncode, 0)
        errors = self.ended(process)
        self.assertIn(b"ended by an administrator", errors)
        self.assertTrue(wait_for(lambda: not self.live()))
        self.assertEqual(said(one["recordings"][0]), "ready\n")

    def test_are_nobody_elses_to_ask_for(self):
        socket_path = f"{recorder.folder}/run/control"
        for words in (["sessions", "kill", "1"],):
            done = subprocess.run(["setpriv", "--reuid=5001", "--regid=5001", "--clear-groups", ACLNODE, *words, "--socket", socket_path], capture_output=True, text=True)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("may ask this", done.stderr)

    def test_play_shows_what_was_said(self):
        before = len(recorder.decisions())
        ann.ssh(at("ann", recorder), "echo one; sleep 0.3; printf 'tw\\303\\266'")
        file = records(recorder, "recording", before=before)[0]["file"]
        done = recorder.ask("sessions", "play", file)
        self.assertEqual((done.returncode, done.stdout), (0, "one\ntwö"), done.stderr)
        connection = os.path.basename(file).split("-")[-1].split(".")[0]
        for name in (connection, f"{connection}.0"):
            self.assertEqual(recorder.ask("sessions", "play", name, "--speed", "100").stdout, "one\ntwö")
        self.assertEqual(recorder.ask("sessions", "play", "nothing").returncode, 1)
        with open(f"{recorder.folder}/no.cast", "w") as bad:
            bad.write("hello\n")
        self.assertIn("E1453", recorder.ask("sessions", "play", f"{recorder.folder}/no.cast").stderr)

    def test_are_recorded_whole_over_a_restart_of_the_daemon_and_a_revocation(self):
        process = self.start()
        file = self.live()[0]["recordings"][0]
        recorder.stop_daemon()
        process.stdin.write(b"while it is away\n"), process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"while it is away\n")
        recorder.start_daemon()
        self.assertTrue(wait_for(lambda: self.live()))
        self.assertTrue(self.live()[0]["recorded"])
        process.stdin.write(b"and back\n"), process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"and back\n")
        number = lab.publish(policy(SSH[1:]))
        try:
            errors = self.ended(process)
            self.assertIn(b"no longer allowed", errors)
            self.assertTrue(wait_for(lambda: not self.live()))
            self.assertEqual(said(file), "ready\nwhile it is away\nand back\n")
        finally:
            number = lab.publish(policy())
            self.assertTrue(recorder.takes_logins(number))

    def test_one_that_is_not_recorded_ends_when_policy_demands_it(self):
        process = self.start("vinay")
        lab.publish(policy([rule(["vinay"], recorder=["tag:rec"], enforceRecorder=True), *SSH]))
        try:
            errors = self.ended(process)
            self.assertIn(b"policy now demands that this session is recorded", errors)
            self.assertEqual(ann.ssh(at("vinay", recorder), "echo again").stdout, b"again\n")
        finally:
            self.assertTrue(recorder.takes_logins(lab.publish(policy())))


class AFullDisk(unittest.TestCase):
    """A folder of 64 KiB."""

    def test_ends_what_must_be_recorded_and_lets_others_go_on(self):
        place = f"{recorder.folder}/small"
        os.makedirs(place)
        # In the node's own mount namespace, where the login's process writes.
        recorder.machine.sh(f"mount -t tmpfs -o size=64k,mode=700 tmpfs {place}")
        write_settings(recorder, dir=place)
        self.assertEqual(recorder.ask("reload").returncode, 0)
        try:
            done = ann.ssh(at("deploy", recorder), "head -c 1000000 /dev/zero | tr '\\0' x; sleep 100")
            self.assertEqual(done.returncode, 255)
            self.assertIn(b"No space left", done.stderr)
            self.assertLess(len(done.stdout), 1_000_000)
            recorder.machine.sh(f"rm -f {place}/*")
            done = ann.ssh(at("ann", recorder), "head -c 1000000 /dev/zero | tr '\\0' x")
            self.assertEqual((done.returncode, len(done.stdout)), (0, 1_000_000))
            self.assertIn(b"no longer recorded: No space left", done.stderr)
        finally:
            write_settings(recorder)
            self.assertEqual(recorder.ask("reload").returncode, 0)

    def test_locks_nobody_out_who_comes_by_break_glass(self):
        glass = f'\n[[break_glass]]\nfrom = "{laptop.v4}"\nkey = "{laptop.public}"\nlogin = "root"\n'
        place = f"{server.folder}/small"
        os.makedirs(place)
        server.machine.sh(f"mount -t tmpfs -o size=4k,mode=700 tmpfs {place}; head -c 4096 /dev/zero >{place}/full || true")
        write_settings(server, sessions="all", dir=place)
        server.write_config(break_glass=glass, trust=f"{server.folder}/no-trust-set")
        server.stop_daemon()
        shutil.move(f"{server.folder}/state", f"{server.folder}/state.away")
        server.start_daemon()
        try:
            self.assertEqual(server.status()["state"], "break-glass")
            self.assertTrue(wait_for(lambda: server.status()["ssh"]["listening"]), server.status())
            options = ["-o", f"UserKnownHostsFile={ann.home}/known-glass"]
            done = ann.ssh(at("root", server), "id -un", options=options)
            self.assertEqual((done.returncode, done.stdout), (0, b"root\n"), done.stderr)
            self.assertTrue(records(server, "not-recorded"))
        finally:
            server.stop_daemon()
            shutil.rmtree(f"{server.folder}/state")
            shutil.move(f"{server.folder}/state.away", f"{server.folder}/state")
            write_settings(server)
            server.start_daemon()
            self.assertTrue(server.takes_logins(1), server.status())


def speed():
    """The same command, the same account; the rule alone differs."""
    setUpModule()
    try:
        size = 100_000_000
        with open(f"{lab.folder}/text", "w") as file:
            while file.tell() < size:
                file.write("".join(f"{i:8} the quick brown fox jumps over the lazy dog\n" for i in range(10_000)))
        os.truncate(f"{lab.folder}/text", size)
        os.chmod(f"{lab.folder}/text", 0o644)
        def took(user, *options):
            began = time.monotonic()
            done = ann.ssh(at(user, recorder), f"cat {lab.folder}/text", options=list(options), capture_output=False, stdout=subprocess.DEVNULL, timeout=300)
            assert done.returncode == 0
            shutil.rmtree(folder(recorder), ignore_errors=True)
            return time.monotonic() - began
        print(f"load {os.getloadavg()[0]:.1f}")
        for name, options in (("command", []), ("terminal", ["-tt"])):
            times = {"vinay": [], "ann": []}
            for _ in range(7):
                for user in times:
                    times[user].append(took(user, *options))
            plain, recorded = (statistics.median(times[user]) for user in times)
            print(f"100 MB by a {name}: {plain:.2f} s, recorded {recorded:.2f} s: {recorded / plain:.2f} x (least {min(times['vinay']):.2f}, {min(times['ann']):.2f})")
    finally:
        tearDownModule()


if __name__ == "__main__":
    if "--speed" in sys.argv:
        speed()
    else:
        unittest.main(verbosity=1)
