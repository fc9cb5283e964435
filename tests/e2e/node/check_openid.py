#!/usr/bin/env python3
"""Checks by OpenID Connect: device authorization at oidc-provider, and each thing that an ID token may have wrong.

The provider listens on the loopback of the server's network; the person at the browser is oidc_lab's. Ann logs in from a terminal, without a key but
where a test gives her one.
"""
import sys, unittest

sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(__file__)))
import oidc_lab
from check_lab import *

ANN, EVE = "ann@example.com", "eve@example.com"
PEOPLE = {ANN: {"email": ANN, "email_verified": True}, EVE: {"email": EVE, "email_verified": True}}
POLICY = {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": [{"src": ["*"], "dst": ["tag:srv"], "ip": ["tcp:22"]}],
          "ssh": [{"action": "check", "src": [ANN, EVE], "dst": ["tag:srv"], "users": ["ann"]},
                  {"action": "check", "src": [ANN], "dst": ["tag:srv"], "users": ["root"], "checkPeriod": "always"}]}


def setUpModule():
    skip_where_impossible()
    if oidc_lab.missing():
        print(f"SKIPPED: {oidc_lab.missing()}", file=sys.stderr)
        os._exit(SKIPPED)
    global lab, laptop, other, server, ann, eve, provider
    lab, provider = CheckLab().__enter__(), None
    try:
        laptop = lab.add("laptop", 1, owner=ANN)
        server = lab.add_ssh("server", 2, tags=["tag:srv"])
        other = lab.add("other", 3, owner=EVE)
        lab.up()
        server.enable_ssh()
        provider = oidc_lab.Provider(oidc_lab.installed(), namespace=server.namespace, people=PEOPLE).__enter__()
        secret = f"{lab.folder}/secret"
        with open(secret, "w") as file:
            file.write(provider.client_secret + "\n")
        server.ssh_settings += check_settings(openid={"issuer": provider.issuer, "client_id": provider.client_id, "client_secret_file": secret,
                                                      "keys_file": provider.key_set, "ca_file": provider.ca})
        server.write_config()
        number = lab.publish(POLICY)
        server.start_daemon()
        assert server.takes_logins(number), server.status()
        ann, eve = lab.client(laptop), lab.client(other)
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    if provider:
        provider.__exit__()
    lab.__exit__()


def records(event):
    return [d for d in server.decisions() if d["event"] == event]


class Openid(unittest.TestCase):
    def setUp(self):
        for one in json.loads(server.ask("check", "list", "--json").stdout)["checks"]:
            server.ask("check", "revoke", one["source"], "--user", one["user"])

    def tearDown(self):
        provider.lie()
        for terminal in lab.terminals:
            terminal.close()
        lab.terminals.clear()
        self.assertTrue(wait_for(lambda: server.status()["ssh"]["checking"] == 0))

    def open(self, user="ann", client=None):
        return Terminal(client or ann, f"{user}@{server.v4}", "echo in as $(id -un)")

    def code(self, terminal):
        """Where to go, and what to enter."""
        match = terminal.expect(r"Open (https://\S+) and enter the code (\S+)\n")
        return match[1], match[2]

    def is_let_in(self, user="ann", client=None):
        """Without anybody being asked: with what is remembered, or not at all."""
        return "allow" in json.loads(server.ask("why", (client or ann).node.name, "ssh", user, "--json").stdout)["verdict"]


class Provider(Openid):
    def test_whoever_logs_in_there_is_let_in_here_for_the_period(self):
        terminal = self.open()
        provider.log_in(*self.code(terminal), ANN)
        self.assertIn("in as ann", terminal.rest())
        self.assertRegex(records("login")[-1]["check"], "^openid at ")
        self.assertTrue(self.is_let_in())
        self.assertEqual(ann.ssh(f"ann@{server.v4}", "true").returncode, 0)

    def test_ten_connections_share_one_prompt(self):
        terminals = [self.open() for _ in range(10)]
        codes = [self.code(terminal) for terminal in terminals]
        self.assertEqual(len(set(codes)), 1, codes)
        provider.log_in(*codes[0], ANN)
        for terminal in terminals:
            self.assertIn("in as ann", terminal.rest())
        self.assertEqual(server.status()["ssh"]["checking"], 0)

    def test_always_asks_each_connection_by_itself(self):
        first, second = self.open("root"), self.open("root")
        code, other_code = self.code(first), self.code(second)
        self.assertNotEqual(code, other_code)
        provider.log_in(*code, ANN)
        self.assertIn("in as root", first.rest())
        self.assertIsNone(second.has_ended())
        self.assertFalse(self.is_let_in("root"))
        self.assertTrue(self.is_let_in("ann"), "a rule with a period counts it")
        provider.log_in(*other_code, ANN)
        self.assertIn("in as root", second.rest())

    def test_two_people_have_two_codes(self):
        hers, mine = self.open(client=eve), self.open()
        codes = self.code(hers), self.code(mine)
        self.assertNotEqual(*codes)
        provider.log_in(*codes[0], EVE)
        self.assertIn("in as ann", hers.rest())
        self.assertFalse(self.is_let_in())
        self.assertIsNone(mine.has_ended())

    def test_whoever_refuses_is_refused(self):
        terminal = self.open()
        provider.log_in(*self.code(terminal), ANN, agree=False)
        self.assertIn("access denied", terminal.rest())
        self.assertEqual(terminal.status, 255)
        self.assertIn("E1435", records("check")[-1]["words"])


class Tokens(Openid):
    def refused(self, who=ANN, **lies):
        """What the record says of a token that is wrong in this."""
        provider.lie(**lies) if lies else None
        terminal = self.open()
        provider.log_in(*self.code(terminal), who)
        self.assertIn("access denied", terminal.rest())
        self.assertEqual(terminal.status, 255)
        self.assertFalse(self.is_let_in())
        failed = records("check")[-1]
        self.assertEqual(failed["state"], "failed")
        self.assertIn("E1433", failed["words"])
        return failed["words"]

    def test_wrong_audience(self):
        self.assertIn("not for the client", self.refused(aud="somebody-else"))

    def test_wrong_issuer(self):
        self.assertIn("issuer", self.refused(iss="https://id.example.org"))

    def test_expired(self):
        self.assertIn("expired", self.refused(exp=int(time.time()) - 3600, iat=int(time.time()) - 7200))

    def test_unverified_email(self):
        self.assertIn("not verified", self.refused(email_verified=False))

    def test_old_auth_time(self):
        self.assertIn("logged in", self.refused(auth_time=int(time.time()) - 3600))

    def test_swapped_keys(self):
        self.assertIn("key", self.refused(signed_by=oidc_lab.new_key("ES256")))

    def test_another_person(self):
        self.assertIn("is about", self.refused(who=EVE))


class WithAKey(Openid):
    """Where the person has a security key, too, either way does."""

    def settle(self):
        self.assertTrue(server.takes_logins(lab.publish(POLICY)))

    def test_either_way_does(self):
        skip_without_authenticator()
        key = Key(f"{lab.folder}/key")
        lab.keys[ANN] = [key.public]
        self.addCleanup(lambda: (lab.keys.clear(), self.settle()))
        self.settle()
        terminal = self.open("root")
        code = self.code(terminal)
        terminal.line()
        terminal.type("")
        terminal.expect("is not known yet")
        terminal.line()
        provider.log_in(*code, ANN)
        self.assertTrue(wait_for(lambda: self.is_let_in("ann")))
        terminal.type("")
        self.assertIn("in as root", terminal.rest())
        terminal = self.open("root")
        terminal.type(key.sign(terminal.line()))
        self.assertIn("in as root", terminal.rest())


class Subject(Openid):
    def test_a_sub_that_the_inventory_has_is_who_it_is(self):
        self.addCleanup(lambda: (lab.subs.clear(), self.assertTrue(server.takes_logins(lab.publish(POLICY)))))
        lab.subs = {ANN: "somebody-else"}
        self.assertTrue(server.takes_logins(lab.publish(POLICY)))
        terminal = self.open()
        provider.log_in(*self.code(terminal), ANN)
        self.assertIn("access denied", terminal.rest())
        lab.subs = {ANN: ANN}
        self.assertTrue(server.takes_logins(lab.publish(POLICY)))
        terminal = self.open()
        provider.log_in(*self.code(terminal), ANN)
        self.assertIn("in as ann", terminal.rest())


if __name__ == "__main__":
    unittest.main(verbosity=1)
