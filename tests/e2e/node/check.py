#!/usr/bin/env python3
"""Rules with the action check: who proves that he is there, how, and for how long that counts.

Nodes: ann's laptop, eve's, a tagged one; two servers. Ann and eve have security keys, in software; every client is OpenSSH's at a terminal. With an
argument --long the keys of the other kind, too.
"""
import sys, unittest

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
from check_lab import *

ANN, EVE = "ann@example.com", "eve@example.com"
NETWORK = [{"src": ["*"], "dst": ["tag:srv"], "ip": ["tcp:22", "icmp:*"]}]


def check(src, users, period=None):
    return {"action": "check", "src": src, "dst": ["tag:srv"], "users": users, **({"checkPeriod": period} if period else {})}


SSH = [check([ANN, EVE, "tag:ci"], ["ann", "vinay"]), check([ANN], ["root"], "always"),
       {"action": "accept", "src": [ANN], "dst": ["tag:srv"], "users": ["deploy"]}]


def policy(ssh=SSH):
    return {"tagOwners": {"tag:srv": ["autogroup:admin"], "tag:ci": ["autogroup:admin"]}, "grants": NETWORK, "ssh": ssh}


def setUpModule():
    skip_where_impossible()
    skip_without_authenticator()
    global lab, laptop, other, server, second, ci, ann, eve, bot, key, untouched, eves, generation
    lab = CheckLab().__enter__()
    try:
        laptop = lab.add("laptop", 1, owner=ANN)
        server = lab.add_ssh("server", 2, tags=["tag:srv"])
        other = lab.add("other", 3, owner=EVE)
        second = lab.add_ssh("backup", 4, tags=["tag:srv"])
        ci = lab.add("ci", 5, tags=["tag:ci"])
        key, eves = Key(f"{lab.folder}/key-ann"), Key(f"{lab.folder}/key-eve")
        untouched = Key(f"{lab.folder}/key-untouched", options=["-O", "no-touch-required"])
        lab.keys = {ANN: [key.public, untouched.public], EVE: [eves.public]}
        lab.up()
        for node in (server, second):
            node.enable_ssh()
        configure(server)
        configure(second, wait_s=10)
        generation = lab.publish(policy())
        for node in (server, second):
            node.start_daemon()
        for node in (server, second):
            assert node.takes_logins(generation), node.status()
        ann, eve, bot = lab.client(laptop), lab.client(other), lab.client(ci)
    except BaseException:
        lab.__exit__()
        raise


def tearDownModule():
    lab.__exit__()


def configure(node, **settings):
    node.check_settings = check_settings(**settings)
    node.ssh_settings = node.ssh_settings.split("[check]")[0] + node.check_settings
    node.write_config()


def at(user, node=None):
    return f"{user}@{(node or server).v4}"


def forget():
    """As if nobody had ever been checked."""
    for node in (server, second):
        for one in json.loads(node.ask("check", "list", "--json").stdout)["checks"]:
            node.ask("check", "revoke", one["source"], "--user", one["user"])


def records(event, node=None):
    return [d for d in (node or server).decisions() if d["event"] == event]


class Checks(unittest.TestCase):
    def setUp(self):
        forget()

    def tearDown(self):
        for terminal in lab.terminals:
            terminal.close()
        lab.terminals.clear()
        self.assertTrue(wait_for(lambda: all(node.status()["ssh"]["checking"] == 0 for node in (server, second))))

    def open(self, user="ann", client=None, node=None, command="echo in as $(id -un)", **more):
        return Terminal(client or ann, at(user, node), command, **more)

    def pass_check(self, user="ann", by=None, client=None, node=None):
        terminal = self.open(user, client, node)
        terminal.type((by or key).sign(terminal.line()))
        self.assertIn(f"in as {user}", terminal.rest(), records("check"))
        self.assertEqual(terminal.status, 0)

    def is_let_in(self, user="ann", client=None, node=None):
        """Without anybody being asked."""
        return (client or ann).ssh(at(user, node), "true").returncode == 0


class ByKey(Checks):
    def test_a_touch_lets_in_and_is_remembered_for_the_period(self):
        self.assertFalse(self.is_let_in())
        self.pass_check()
        passed = records("check")[-1]
        self.assertEqual((passed["state"], passed["words"], passed["identity"], passed["account"]), ("passed", "fido2", ANN, "ann"))
        self.assertRegex(records("login")[-1]["check"], r"^fido2 at \d")
        self.assertTrue(self.is_let_in())
        self.assertIn("checked by fido2", server.ask("why", "laptop", "ssh", "ann").stdout)
        self.assertFalse(self.is_let_in(node=second), "another node has checked nobody")

    def test_always_asks_each_time(self):
        self.pass_check("root")
        self.assertFalse(self.is_let_in("root"))
        self.assertTrue(self.is_let_in("ann"), "a rule with a period counts it")
        self.pass_check("root")

    def test_a_restart_remembers_and_a_damaged_file_does_not(self):
        self.pass_check()
        server.stop_daemon()
        server.start_daemon()
        self.assertTrue(server.takes_logins(generation))
        self.assertTrue(self.is_let_in())
        server.stop_daemon()
        with open(f"{server.folder}/state/checks", "a") as file:
            file.write("more\n")
        server.start_daemon()
        self.assertTrue(server.takes_logins(generation))
        self.assertFalse(self.is_let_in())
        self.assertTrue(any("E1423" in d.get("error", "") for d in records("check")))

    def test_without_a_touch_it_does_not_count(self):
        terminal = self.open()
        terminal.type(untouched.sign(terminal.line()))
        terminal.expect("touch")
        terminal.type(key.sign(terminal.line()))
        self.assertIn("in as ann", terminal.rest())

    def test_a_signature_of_another_session_does_not_count(self):
        first, later = self.open(), self.open()
        signature = key.sign(first.line())
        line = later.line()
        later.type(signature)
        again = later.line()
        self.assertNotEqual(again, line, "each line is for one answer")
        later.type(key.sign(line))
        later.type(key.sign(later.line()))
        self.assertIn("in as ann", later.rest())
        # The one that it was made for, once the person has been checked elsewhere.
        first.type(signature)
        self.assertIn("in as ann", first.rest())

    def test_a_signature_for_another_host_does_not_count(self):
        here, there = self.open(), self.open(node=second)
        signature = key.sign(there.line())
        here.line()
        here.type(signature)
        here.type(key.sign(here.line()))
        self.assertIn("in as ann", here.rest())
        there.type(signature)
        self.assertIn("in as ann", there.rest())

    def test_a_signature_of_another_account_or_person_does_not_count(self):
        root, mine, hers = self.open("root"), self.open(), self.open(client=eve)
        signature = key.sign(root.line())
        mine.line()
        mine.type(signature)
        mine.line()
        line = hers.line()
        hers.type(key.sign(line))
        hers.type(eves.sign(hers.line()))
        self.assertIn("in as ann", hers.rest())
        self.assertFalse(self.is_let_in(), "that was eve")

    def test_the_same_signature_counts_once(self):
        first = self.open("root")
        signature = key.sign(first.line())
        first.type(signature)
        self.assertIn("in as root", first.rest())
        again = self.open("root")
        again.line()
        again.type(signature)
        again.line()
        self.assertEqual(records("check")[-1]["state"], "asked")

    def test_several_lines_are_told_from_one(self):
        terminal = self.open()
        terminal.type(key.sign(terminal.line().replace(" | xargs", "")))
        terminal.expect("Only the first of several lines")
        terminal.type(key.sign(terminal.line()))
        self.assertIn("in as ann", terminal.rest())

    def test_five_wrong_answers_are_all_there_are(self):
        terminal = self.open()
        for _ in range(5):
            terminal.line()
            terminal.type("anything")
        self.assertIn("denied", terminal.rest())
        self.assertEqual(terminal.status, 255)
        self.assertEqual(records("check")[-1]["state"], "failed")

    def test_whom_nobody_can_ask_is_told_what_to_do(self):
        done = ann.ssh(at("ann"), "true", options=["-o", "LogLevel=INFO"])
        self.assertEqual(done.returncode, 255)
        self.assertIn("log in now: do it once from a terminal", done.stderr.decode())

    def test_a_tagged_node_is_refused_at_once(self):
        done = bot.ssh(at("ann"), "true", options=["-o", "LogLevel=INFO"])
        self.assertIn("takes a check of a person, and this node is nobody's", done.stderr.decode())
        self.assertEqual(records("login")[-1]["verdict"], "deny")

    def test_the_wait_ends(self):
        terminal = self.open(node=second)
        terminal.line()
        self.assertTrue(wait_for(lambda: any(d["state"] == "failed" and "within 10 s" in d["words"] for d in records("check", second))))
        terminal.type("")
        self.assertIn("nobody was checked within 10 s", terminal.rest())
        self.assertEqual(terminal.status, 255)


class Approvals(Checks):
    def test_root_approves_lists_and_revokes(self):
        self.assertEqual(server.ask("check", "approve", "laptop", "--user", ANN, "--for", "1h").returncode, 0)
        self.assertTrue(self.is_let_in())
        self.assertTrue(self.is_let_in("root"), "always, too")
        self.assertFalse(self.is_let_in("vinay", client=eve), "whom nobody approved")
        listed = json.loads(server.ask("check", "list", "--json").stdout)["checks"]
        self.assertEqual([(one["node"], one["user"], one["approved"]["by"]) for one in listed], [("laptop", ANN, "root")])
        self.assertIn("approved", server.ask("check", "list").stdout)
        self.assertEqual(server.ask("check", "revoke", "laptop").returncode, 0)
        self.assertFalse(self.is_let_in())

    def test_what_cannot_be_meant_is_refused(self):
        for words, said in ((("laptop", "--user", EVE, "--for", "1h"), "ann@example.com"), (("ci", "--for", "1h"), "tagged node"),
                            (("nobody", "--for", "1h"), "nobody"), (("laptop", "--for", "200h"), "168h"), (("laptop",), "--for")):
            done = server.ask("check", "approve", *words)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stderr)
        self.assertEqual(server.ask("check", "revoke", "laptop").returncode, 3)

    def test_a_signer_approves_by_a_token_that_is_for_one_node(self):
        token = f"{lab.folder}/approval"
        with open(token, "w") as file:
            file.write(server.ask("check", "request", "laptop", "--user", ANN, "--for", "1h").stdout)
        def sign():
            run("minisign", "-S", "-s", f"{lab.folder}/key.key", "-m", token, "-x", f"{token}.minisig", input="\n")
        sign()
        done = second.ask("check", "approve", "--token", token)
        self.assertIn("another node", done.stderr)
        self.assertEqual(server.ask("check", "approve", "--token", token).returncode, 0)
        self.assertTrue(self.is_let_in())
        self.assertFalse(self.is_let_in(node=second))
        forget()
        with open(token) as file:
            text = file.read()
        with open(token, "w") as file:
            file.write(text.replace(ANN, EVE))
        self.assertIn("another text", server.ask("check", "approve", "--token", token).stderr)
        self.assertFalse(self.is_let_in())

    def test_only_root_approves(self):
        done = subprocess.run([*server.inside(), "setpriv", "--reuid=5001", "--regid=5001", "--clear-groups", ACLNODE, "check", "approve", "laptop",
                               "--for", "1h", "--socket", f"{server.folder}/run/control"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertFalse(self.is_let_in())


class WhileSomebodyWaits(Checks):
    def settle(self, wanted):
        global generation
        generation = lab.publish(wanted)
        for node in (server, second):
            self.assertTrue(node.takes_logins(generation))

    def test_a_policy_that_goes_refuses_him_and_one_that_accepts_lets_him_in(self):
        self.addCleanup(self.settle, policy())
        before = len(records("login"))
        terminal = self.open()
        line = terminal.line()
        self.settle(policy(SSH[1:]))
        self.assertTrue(wait_for(lambda: [d["verdict"] for d in records("login")[before:]] == ["deny"]))
        terminal.type(key.sign(line))
        self.assertIn("does not let", terminal.rest())
        waits = self.open("root")
        waits.line()
        self.settle(policy([{"action": "accept", "src": [ANN], "dst": ["tag:srv"], "users": ["root"]}]))
        waits.type("")
        self.assertIn("in as root", waits.rest())

    def test_a_session_that_a_check_let_in_lives_and_ends_with_its_rule(self):
        self.addCleanup(self.settle, policy())
        terminal = self.open("root", command="echo in; sleep 1000")
        terminal.type(key.sign(terminal.line()))
        terminal.expect("in")
        server.stop_daemon()
        server.start_daemon()
        self.assertTrue(wait_for(lambda: any(d["event"] == "session-resumed" for d in server.decisions())))
        self.settle(policy([*SSH, check([EVE], ["root"])]))
        self.assertIsNone(terminal.has_ended())
        self.settle(policy(SSH[:1]))
        self.assertIn("no longer allowed", terminal.rest())

    def test_there_are_so_many_of_one_source(self):
        self.addCleanup(lambda: (configure(server), server.ask("reload")))
        configure(server, max_waiting_per_source=2)
        self.assertEqual(server.ask("reload").returncode, 0)
        waiting = [self.open(), self.open()]
        for terminal in waiting:
            terminal.line()
        self.assertIn("too many logins wait for a check", self.open().rest())
        self.assertEqual(server.status()["ssh"]["checking"], 2)
        waiting[0].close()
        self.assertTrue(wait_for(lambda: server.status()["ssh"]["checking"] == 1))
        self.open(client=eve).line()
        self.open().line()
        self.assertTrue(self.is_let_in("deploy"), "who needs no check has room of his own")


class KeyChange(Checks):
    def test_another_wireguard_key_is_another_source(self):
        global generation
        self.pass_check()
        self.assertTrue(self.is_let_in())
        old, before = laptop.public, generation
        laptop.private = run("wg", "genkey").strip()
        laptop.public = run("wg", "pubkey", input=laptop.private).strip()
        laptop.set_wireguard("private-key", "/dev/stdin", input=laptop.private)
        for node in lab.nodes.values():
            if node is not laptop:
                node.set_wireguard("peer", old, "remove")
                node.add_peer(laptop)
        generation = lab.publish(policy())
        self.assertGreater(generation, before)
        self.assertTrue(server.takes_logins(generation))
        self.assertTrue(wait_for(lambda: self.is_let_in("deploy")))
        self.assertFalse(self.is_let_in())
        self.assertEqual(json.loads(server.ask("check", "list", "--json").stdout)["checks"], [], "forgotten")


class OtherKeys(Checks):
    """With --long."""

    def test_an_ecdsa_key_counts_as_well(self):
        global generation
        ecdsa = Key(f"{lab.folder}/key-ecdsa", "ecdsa-sk")
        lab.keys[ANN] = [key.public, untouched.public, ecdsa.public]
        generation = lab.publish(policy())
        for node in (server, second):
            self.assertTrue(node.takes_logins(generation))
        self.pass_check(by=ecdsa)


if __name__ == "__main__":
    if "--long" in sys.argv:
        sys.argv.remove("--long")
    else:
        del OtherKeys
    unittest.main(verbosity=1)
