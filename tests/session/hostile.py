#!/usr/bin/env python3
"""What aclnode-session does not put up with: an aclnode-ssh that was taken over, connections that are not what they should be (lab.py)."""
import array, os, socket, tempfile, unittest

import lab, wire
from lab import Login, wait_for

lab.enter()
SUPERVISOR = lab.Supervisor()


class TakenOver(unittest.TestCase):
    def ends(self, login, fault):
        self.assertTrue(login.ssh.is_closed())
        self.assertTrue(login.daemon.is_closed())
        self.assertTrue(wait_for(lambda: fault in SUPERVISOR.log()), SUPERVISOR.log())

    def test_ssh_opens_nothing_before_the_login(self):
        for message in (dict(name="open", kind=2, command="touch /run/lab/planted"), dict(name="connect", host="127.0.0.1", port=22)):
            login = Login(SUPERVISOR)
            login.ssh.say(message.pop("name"), channel=0, **message)
            self.ends(login, "a channel before the login")
        self.assertFalse(os.path.exists("/run/lab/planted"))

    def test_ssh_opens_nothing_while_the_login_is_asked_for(self):
        login = Login(SUPERVISOR)
        login.ask("ann")
        login.ssh.say("open", channel=0, kind=2, command="true")
        self.ends(login, "a channel before the login")

    def test_ssh_sends_nothing_that_is_no_message(self):
        for data in (b"\0", b"\xff" * 100, bytes([49]), bytes([33]) + bytes(6), os.urandom(1000) , b"x" * 200_000):
            login = Login(SUPERVISOR)
            login.ssh.end.send(data)
            self.assertTrue(login.ssh.is_closed())
            self.assertTrue(login.daemon.is_closed())

    def test_ssh_asks_for_few_accounts(self):
        login = Login(SUPERVISOR)
        for _ in range(20):
            self.assertEqual(login.decide(login.ask("ann"), accept=False, tell="no").tell, "no")
        login.ssh.say("login", request=login.request(), user="ann", method=1)
        self.ends(login, "more than 20 logins")

    def test_ssh_answers_no_check_that_is_not_asked(self):
        login = Login(SUPERVISOR)
        may = login.ask("ann")
        login.ssh.say("answer", request=may.request, text="unasked")
        self.ends(login, "an answer to a check that nobody waits for")
        login = Login(SUPERVISOR)
        may = login.ask("ann")
        login.daemon.say("session-challenge", wait_s=60, request=may.request, text="look", asks=0)
        login.ssh.hear("challenge")
        login.ssh.say("answer", request=may.request, text="to one that does not ask")
        self.ends(login, "an answer to a check that nobody waits for")

    def test_ssh_answers_few_checks(self):
        login = Login(SUPERVISOR)
        may = login.ask("ann")
        for i in range(6):
            login.daemon.say("session-challenge", wait_s=60, request=may.request, asks=1)
            login.ssh.hear("challenge")
            login.ssh.say("answer", request=may.request, text="wrong")
            if i < 5:
                self.assertEqual(login.daemon.hear("session-answer").text, "wrong")
        self.ends(login, "more than 5 answers to checks")

    def test_ssh_has_few_hashes_signed_before_the_login(self):
        login = Login(SUPERVISOR)
        for size in (20, 32, 48, 64):
            login.ssh.say("sign", request=login.request(), key=0, data=bytes(size))
            self.assertEqual(len(login.ssh.hear("signature").bytes), 64)
        login.ssh.say("sign", request=login.request(), key=0, data=bytes(32))
        self.ends(login, "too much to sign")

    def test_ssh_has_nothing_but_hashes_signed(self):
        for key, size in ((0, 0), (0, 19), (0, 33), (0, 63), (1, 31), (2, 32), (255, 32)):
            login = Login(SUPERVISOR)
            login.ssh.say("sign", request=1, key=key, data=bytes(size))
            self.assertEqual(login.ssh.hear("signature").bytes, b"")
            login.leave()

    def test_ssh_opens_few_channels_at_a_time_and_each_number_once(self):
        ann = Login(SUPERVISOR).log_in("ann")
        for _ in range(64):
            ann.open("exec", "sleep 100")
        ann.ssh.say("open", channel=64, kind=2, command="true")
        self.ends(ann, "more than 64 sessions at a time")
        again = Login(SUPERVISOR).log_in("ann")
        again.run("true")
        again.ssh.say("open", channel=0, kind=2, command="true")
        self.ends(again, "channel 0 again")

    def test_ssh_that_does_not_read_is_not_read_from_and_ends_all_the_same(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.ssh.end.setblocking(False)
        with self.assertRaises(BlockingIOError):
            for _ in range(100_000):
                ann.ssh.say("sign", request=ann.request(), key=0, data=bytes(32))
        ann.daemon.say("end-session", words="no longer allowed")
        self.assertEqual(ann.daemon.hear("session-over").words, "no longer allowed")
        self.assertTrue(ann.daemon.is_closed())

    def test_descriptors_from_ssh_are_not_taken(self):
        ann = Login(SUPERVISOR).log_in("ann")
        planted = os.open("/etc/passwd", os.O_RDONLY)
        ann.ssh.end.sendmsg([wire.encode("sign", request=ann.request(), key=0, data=bytes(32))],
                            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [planted]))])
        self.assertEqual(ann.ssh.hear("signature").fds, [])
        ann.leave()


class Signatures(unittest.TestCase):
    def test_are_those_of_the_public_keys(self):
        login = Login(SUPERVISOR)
        data = os.urandom(32)
        with tempfile.TemporaryDirectory() as folder:
            for key, name, more in ((0, "ed25519", ["-rawin"]), (1, "ecdsa", ["-rawin", "-digest", "sha256"])):
                login.ssh.say("sign", request=login.request(), key=key, data=data)
                for file, content in (("data", data), ("signature", login.ssh.hear("signature").bytes)):
                    with open(f"{folder}/{file}", "wb") as out:
                        out.write(content)
                lab.run("openssl", "pkey", "-in", f"{lab.FOLDER}/keys/ssh_host_{name}_key", "-pubout", "-out", f"{folder}/public")
                lab.run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{folder}/public", "-in", f"{folder}/data", "-sigfile",
                        f"{folder}/signature", *more)
        login.leave()


class Connections(unittest.TestCase):
    def test_from_elsewhere_than_is_said_are_refused(self):
        for more in (dict(claim="100.64.0.9"), dict(source_port=1), dict(own=bytes([100, 64, 0, 9])), dict(own_port=1)):
            login = Login(SUPERVISOR, start=False, **more)
            self.assertIn("aclnode says", login.daemon.hear("session-over").words)

    def test_from_this_host_are_refused(self):
        for address in (lab.OWN, "127.0.0.1"):
            listener = socket.create_server((lab.OWN if address == lab.OWN else "127.0.0.1", 0))
            client = socket.create_connection(listener.getsockname()[:2], source_address=(address, 0))
            connection, peer = listener.accept()
            login = Login.__new__(Login)
            Login.counter += 1
            login.begin = dict(number=Login.counter, source=socket.inet_aton(peer[0]), source_port=peer[1], own=socket.inet_aton(address),
                               own_port=listener.getsockname()[1], grace_s=5, ssh_program=f"{lab.FOLDER}/aclnode-ssh",
                               key_folder=f"{lab.FOLDER}/keys")
            login.daemon = login._hand_over(SUPERVISOR, connection)
            self.assertIn("it comes from this host", login.daemon.hear("session-over").words)
            client.close(), connection.close(), listener.close()

    def test_without_host_keys_or_without_ssh_are_refused(self):
        login = Login(SUPERVISOR, start=False, key_folder="/run/lab/none")
        self.assertIn("there is no host key", login.daemon.hear("session-over").words)
        login = Login(SUPERVISOR, start=False, ssh_program="/run/lab/none")
        self.assertTrue(login.daemon.is_closed())

    def test_with_keys_that_others_can_read_are_refused(self):
        lab.run("cp", "-a", f"{lab.FOLDER}/keys", f"{lab.FOLDER}/open-keys")
        os.chmod(f"{lab.FOLDER}/open-keys/ssh_host_ecdsa_key", 0o644)
        login = Login(SUPERVISOR, start=False, key_folder=f"{lab.FOLDER}/open-keys")
        self.assertIn("others may use it (mode 644)", login.daemon.hear("session-over").words)


class Aclnode(unittest.TestCase):
    def test_that_answers_what_was_not_asked_ends_the_login(self):
        for answer in (dict(request=99, accept=1), dict(request=0, accept=1)):
            login = Login(SUPERVISOR)
            login.ask("ann")
            login.daemon.say("decision", **answer)
            self.assertEqual(login.ssh.hear("end").words, "aclnode and aclnode-session do not understand each other")

    def test_whose_answer_comes_twice_ends_the_login(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.daemon.say("decision", request=1, accept=1)
        self.assertEqual(ann.ssh.hear("end").words, "aclnode and aclnode-session do not understand each other")

    def test_that_hands_over_no_begin_is_hung_up(self):
        other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        other.connect(SUPERVISOR.path)
        other.send(wire.encode("begin", source=bytes(4), own=bytes(4)))  # without descriptors
        other.settimeout(lab.PATIENCE)
        self.assertEqual(other.recv(10), b"")
        other.close()
        Login(SUPERVISOR).leave()


if __name__ == "__main__":
    unittest.main(warnings="ignore")
