#!/usr/bin/env python3
"""Signatures that the real ssh-keygen makes with a FIDO2 key (tests/authenticator), before aclnode's verifier (check_driver).

usage: ACLNODE_NET=… CHECK_DRIVER=… AUTHENTICATOR=… signatures.py [TEST…]
Exit: 77 (skipped) where ssh-keygen takes no such library.
"""
import os, shutil, subprocess, sys, tempfile, unittest

NET, DRIVER, AUTHENTICATOR = (os.environ.get(name, "") for name in ("ACLNODE_NET", "CHECK_DRIVER", "AUTHENTICATOR"))
USER = "65534:65534" if os.geteuid() == 0 else ""
NAMESPACE = "aclnode-check@example.com"
MESSAGE = b"aclnode check: root@db from laptop, 8f5c"


def keygen(*words, data=None):
    return subprocess.run(["ssh-keygen", *words], input=data, capture_output=True, check=False, env={**os.environ, "SSH_SK_PROVIDER": AUTHENTICATOR})


def make_key(path, kind, *options):
    done = keygen("-q", "-t", kind, "-N", "", "-f", path, *(word for option in options for word in ("-O", option)))
    return done.returncode == 0 and path


class Signatures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="aclc-signatures-")
        cls.keys = {kind: make_key(f"{cls.folder}/{kind}", kind) for kind in ("ed25519-sk", "ecdsa-sk")}
        cls.other = make_key(f"{cls.folder}/other", "ed25519-sk")
        cls.untouched = make_key(f"{cls.folder}/untouched", "ed25519-sk", "no-touch-required")
        cls.file = make_key(f"{cls.folder}/file", "ed25519")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def public(self, key):
        with open(key + ".pub", encoding="utf-8") as file:
            return file.read().strip()

    def sign(self, key, message=MESSAGE, namespace=NAMESPACE, *more):
        done = keygen("-q", "-Y", "sign", "-n", namespace, "-f", key, *more, data=message)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def verify(self, pasted, *keys, message=MESSAGE):
        for name, data in (("pasted", pasted), ("message", message)):
            with open(f"{self.folder}/{name}", "wb") as file:
                file.write(data)
        done = subprocess.run([DRIVER, NET, USER, "signature", f"pasted={self.folder}/pasted", f"message={self.folder}/message",
                               f"namespace={NAMESPACE}", *(f"key={self.public(key)}" for key in keys)], capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.strip()

    def test_of_both_kinds_are_verified(self):
        keys = list(self.keys.values())
        for place, key in enumerate(keys):
            self.assertEqual(self.verify(self.sign(key), *keys), f"verified {place} 0")
            self.assertEqual(self.verify(self.sign(key, MESSAGE, NAMESPACE, "-O", "hashalg=sha256"), *keys), f"verified {place} 0")
            self.assertEqual(self.verify(self.sign(key).replace(b"\n", b""), *keys), f"verified {place} 0")

    def test_for_another_namespace_is_refused(self):
        key = self.keys["ed25519-sk"]
        self.assertIn("refused E1432 the signature is for the namespace", self.verify(self.sign(key, MESSAGE, "file"), key))
        self.assertIn("refused E1432 the signature is for the namespace", self.verify(self.sign(key, MESSAGE, "aclnode-check@example.org"), key))

    def test_over_another_message_is_refused(self):
        for key in self.keys.values():
            self.assertIn("not over the text", self.verify(self.sign(key, b"another login"), key))
            self.assertIn("not over the text", self.verify(self.sign(key, MESSAGE + b"\n"), key))

    def test_by_another_key_is_refused(self):
        self.assertIn("not among this user's", self.verify(self.sign(self.other), *self.keys.values()))

    def test_without_a_touch_is_refused(self):
        self.assertIn("nobody touched", self.verify(self.sign(self.untouched), self.untouched))

    def test_by_a_key_in_a_file_is_refused(self):
        self.assertIn("not by a key on a FIDO2 device", self.verify(self.sign(self.file), self.file))

    def test_that_is_not_whole_is_refused(self):
        key = self.keys["ecdsa-sk"]
        signature = self.sign(key)
        self.assertIn("not a whole signature", self.verify(signature[:-20], key))
        self.assertIn("not a whole signature", self.verify(b"", key))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        if not shutil.which("ssh-keygen") or not make_key(f"{folder}/key", "ed25519-sk"):
            print("skipped: this ssh-keygen makes no keys by a library (SSH_SK_PROVIDER)")
            sys.exit(77)
    unittest.main(verbosity=2)
