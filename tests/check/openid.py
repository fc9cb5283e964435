#!/usr/bin/env python3
"""Device authorization by the real aclnode-net with a real provider (tests/e2e/node/oidc_lab.py), and what aclnode's verifier says of its tokens.

usage: ACLNODE_NET=… CHECK_DRIVER=… [ACL_OIDC_FOLDER=…] openid.py [TEST…]
Exit: 77 (skipped) without Node.js and npm, or where npm installs nothing.
"""
import json, os, socket, subprocess, sys, time, unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e", "node"))
import oidc_lab

NET, DRIVER = (os.environ.get(name, "") for name in ("ACLNODE_NET", "CHECK_DRIVER"))
USER = "65534:65534" if os.geteuid() == 0 else ""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Authorization:
    """One run of check_driver; `more` are its settings beside the provider's."""

    def __init__(self, provider, **more):
        settings = {"issuer": provider.issuer, "client_id": provider.client_id, "client_secret": provider.client_secret or "", "ca": provider.ca,
                    "keys": provider.key_set, "email": "ana@example.com", **more}
        self.process = subprocess.Popen([DRIVER, NET, USER, "openid", *(f"{name}={value}" for name, value in settings.items())],
                                        stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def line(self):
        return self.process.stdout.readline().strip()

    def code(self):
        """(address, code, address with the code)"""
        words = self.line().split(" ")
        assert words[0] == "code", words
        return words[2], words[3], words[4]


class Openid(unittest.TestCase):
    algorithm, secret = "ES256", "test secret: +/%"

    @classmethod
    def setUpClass(cls):
        cls.provider = oidc_lab.Provider(oidc_lab.installed(), port=free_port(), algorithm=cls.algorithm, client_secret=cls.secret).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.provider.__exit__()

    def setUp(self):
        self.provider.lie()

    def outcome(self, login="ana@example.com", lies=None, browser=None, agree=True, **more):
        """What comes of an authorization in which that person logs in, and the provider lies so."""
        with Authorization(self.provider, **more) as one:
            address, code, complete = one.code()
            if lies:
                self.provider.lie(**lies)
            self.provider.log_in(complete, code, login, agree, browser)
            return one.line()


class AuthorizationTest(Openid):
    def test_of_the_right_person_is_verified_and_says_when(self):
        before = int(time.time())
        words = self.outcome().split()
        self.assertEqual(words[:2], ["verified", "0"])
        self.assertTrue(before - 1 <= int(words[2]) <= time.time() + 1, words)

    def test_takes_the_code_by_hand(self):
        with Authorization(self.provider) as one:
            address, code, complete = one.code()
            self.assertEqual(address, self.provider.issuer + "/device")
            self.assertRegex(code, "^[A-Z]{4}-[A-Z]{4}$")
            self.provider.log_in(address, code, "ana@example.com")
            self.assertIn("verified", one.line())

    def test_by_the_subject_is_verified(self):
        self.assertIn("verified", self.outcome("new@example.com", sub="new@example.com"))
        self.assertIn("not about this user's", self.outcome("eve@example.com", sub="new@example.com"))

    def test_several_at_once(self):
        with Authorization(self.provider, times=3) as several:
            codes = [several.code() for _ in range(3)]
            self.assertEqual(len({code for _, code, _ in codes}), 3)
            for _, code, complete in codes:
                self.provider.log_in(complete, code, "ana@example.com")
            self.assertEqual([several.line().split()[0] for _ in range(3)], ["verified"] * 3)

    def test_asks_for_a_new_login_where_the_provider_takes_that(self):
        def when(browser, **more):
            return int(self.outcome(browser=browser, **more).split()[2])
        browser = self.provider.browser()
        first = when(browser)
        self.assertEqual(when(browser), first)  # the provider knows the browser
        # 0 is prompt=login to this provider, which it does not know in device authorization.
        self.assertGreater(when(browser, max_age="1"), first)

    def test_that_the_person_refuses_is_refused(self):
        self.assertEqual(self.outcome(agree=False), "refused E1435 the person has refused (access_denied)")

    def test_that_nobody_answers_ends(self):
        with Authorization(self.provider, bound_ms=1500) as one:
            one.code()
            self.assertIn("in time", one.line())

    def test_with_an_unknown_client_or_secret_or_CA_or_issuer_is_refused(self):
        os.mkdir(f"{self.provider.folder}/other")
        oidc_lab.make_certificates(f"{self.provider.folder}/other", "127.0.0.1", "another CA")
        for more, words in (({"client_id": "other"}, "invalid_client"), ({"client_secret": "wrong"}, "invalid_client"),
                            ({"ca": f"{self.provider.folder}/other/ca.pem"}, "certificate is not believed"),
                            ({"issuer": self.provider.issuer + "/"}, "calls itself")):
            with Authorization(self.provider, **more) as one:
                self.assertRegex(one.line(), f"refused E1435 .*{words}")


class Token(Openid):
    def test_for_the_wrong_audience_is_refused(self):
        self.assertIn('refused E1433 the token is for "other"', self.outcome(lies={"aud": "other"}))

    def test_from_the_wrong_issuer_is_refused(self):
        self.assertIn('refused E1433 the token is from the issuer "https://login.example.org"', self.outcome(lies={"iss": "https://login.example.org"}))

    def test_that_has_expired_is_refused(self):
        self.assertIn("refused E1433 the token expired", self.outcome(lies={"exp": int(time.time()) - 1}))
        self.assertIn("refused E1433 the token expired", self.outcome(ahead=301))

    def test_with_an_unverified_email_is_refused(self):
        self.assertIn('refused E1433 the provider has not verified the e-mail address "new@example.com"',
                      self.outcome("new@example.com", email="new@example.com"))

    def test_about_another_person_is_refused(self):
        self.assertIn('refused E1433 the token is about "eve@example.com", not about "ana@example.com"', self.outcome("eve@example.com"))

    def test_with_an_old_auth_time_is_refused(self):
        # The provider knows the browser, and asks for nothing the second time, which takes a second at least.
        browser = self.provider.browser()
        self.assertIn("verified", self.outcome(browser=browser))
        self.assertIn("refused E1433 the person logged in", self.outcome(browser=browser, oldest=0))

    def test_without_an_auth_time_is_refused(self):
        self.assertIn("(auth_time)", self.outcome(lies={"auth_time": None}))

    def test_by_swapped_keys_is_refused(self):
        self.assertIn("refused E1433 the token is signed by none of the pinned keys", self.outcome(lies={"signed_by": oidc_lab.new_key("ES256")}))
        with open(self.provider.key_set + ".other", "w", encoding="utf-8") as file:
            json.dump({"keys": [oidc_lab.new_key("ES256")]}, file)
        self.assertIn("refused E1433 the token is signed by none", self.outcome(keys=file.name))


class Rs256(Openid):
    algorithm = "RS256"

    def test_is_verified(self):
        self.assertIn("verified", self.outcome())


class EdDsaPublicClient(Openid):
    algorithm, secret = "EdDSA", ""

    def test_is_verified(self):
        self.assertIn("verified", self.outcome())


if __name__ == "__main__":
    why = oidc_lab.missing()
    if why:
        print("skipped:", why)
        sys.exit(77)
    unittest.main(verbosity=2)
