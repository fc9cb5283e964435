#!/usr/bin/env python3
"""How logins end: by the client, by a policy that no longer allows them, with the machine; and how they outlive aclnode (lab.py)."""
import array, fcntl, os, signal, socket, subprocess, time, unittest

import lab, wire
from lab import Conversation, Login, Supervisor, processes, wait_for

lab.enter()
SUPERVISOR = Supervisor()
TERMINAL = dict(term="xterm", columns=80, rows=24)
LOOP = "while :; do sleep 0.05; done"


def gone(words):
    return wait_for(lambda: not processes(words))


def living(words):
    return wait_for(lambda: processes(words))


class ByTheClient(unittest.TestCase):
    def test_processes_of_open_channels_with_a_terminal_are_hung_up(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.open("exec", f": marked-a; {LOOP}")
        ann.open("exec", f": marked-b; {LOOP}", terminal=TERMINAL)
        self.assertTrue(living("marked-a") and living("marked-b"))
        self.assertEqual(ann.leave(), "the connection is closed")
        self.assertTrue(gone("marked-b"))
        self.assertTrue(processes("marked-a"))
        lab.kill_all("marked-a")

    def test_what_has_left_its_session_stays(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.run("setsid sleep 1111 >/dev/null 2>&1 </dev/null & nohup sleep 2222 >/dev/null 2>&1 </dev/null &")
        ann.leave()
        self.assertTrue(living("sleep\x001111") and living("sleep\x002222"))
        lab.kill_all("sleep\x001111"), lab.kill_all("sleep\x002222")

    def test_its_words_for_the_record_are_handed_on_printable(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.ssh.say("over", words="bye\x1b[2J")
        self.assertEqual(ann.daemon.hear("session-over").words, r"bye\x1b[2J")

    def test_a_closed_channel_hangs_its_process_up_and_no_other(self):
        ann = Login(SUPERVISOR).log_in("ann")
        first, _ = ann.open("exec", f": marked-c; {LOOP}", terminal=TERMINAL)
        ann.open("exec", f": marked-d; {LOOP}", terminal=TERMINAL)
        second, _ = ann.open("exec", f": marked-n; {LOOP}")
        self.assertTrue(living("marked-n"))
        ann.ssh.say("closed", channel=second)
        self.assertTrue(living("marked-c") and living("marked-d"))
        ann.ssh.say("closed", channel=first)
        self.assertTrue(gone("marked-c"))
        self.assertTrue(processes("marked-d") and processes("marked-n"))
        lab.kill_all("marked-n")
        ann.leave()


    def test_one_closed_at_once_hangs_up_what_has_hardly_begun(self):
        ann = Login(SUPERVISOR).log_in("ann")
        for channel in range(20):
            ann.ssh.say("open", channel=channel, kind=2, command=f": marked-m; {LOOP}", has_terminal=1, **TERMINAL)
            ann.ssh.say("closed", channel=channel)
        for _ in range(20):
            ann.ssh.hear("opened")
        self.assertTrue(gone("marked-m"))
        ann.leave()


class ByPolicy(unittest.TestCase):
    def test_everything_the_login_has_started_is_killed_after_its_words(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.open("exec", f"trap '' HUP TERM; : marked-e; {LOOP}", terminal=TERMINAL)
        ann.run("setsid bash -c 'trap \"\" HUP; : marked-f; while :; do sleep 0.05; done' >/dev/null 2>&1 </dev/null &")
        self.assertTrue(living("marked-e") and living("marked-f"))
        ann.daemon.say("end-session", words="the policy has changed")
        self.assertEqual(ann.ssh.hear("end").words, "the policy has changed")
        self.assertTrue(ann.ssh.is_closed())
        self.assertEqual(ann.daemon.hear("session-over").words, "the policy has changed")
        self.assertTrue(ann.daemon.is_closed())
        self.assertTrue(gone("marked-e") and gone("marked-f"))

    def test_another_login_of_the_same_user_goes_on(self):
        first, second = Login(SUPERVISOR).log_in("ann"), Login(SUPERVISOR).log_in("ann")
        second.open("exec", f": marked-g; {LOOP}")
        self.assertTrue(living("marked-g"))
        first.daemon.say("end-session", words="no more")
        self.assertTrue(first.daemon.is_closed())
        self.assertTrue(processes("marked-g"))
        second.leave()

    def test_an_ssh_process_that_does_not_go_is_killed(self):
        ann = Login(SUPERVISOR).log_in("ann")
        os.kill(ann.about_ssh["pid"], signal.SIGSTOP)
        ann.daemon.say("end-session", words="no more")
        self.assertTrue(ann.daemon.is_closed())
        self.assertTrue(wait_for(lambda: not os.path.exists(f"/proc/{ann.about_ssh['pid']}")))

    def test_a_process_that_is_stopped_or_floods_or_fills_its_pipe_is_killed_too(self):
        ann = Login(SUPERVISOR).log_in("ann")
        _, stopped = ann.open("exec", ": marked-h; kill -STOP $$; :")
        _, full = ann.open("exec", "exec cat /dev/zero")
        self.assertTrue(living("marked-h") and living("cat\x00/dev/zero"))
        ann.daemon.say("end-session", words="no more")
        self.assertTrue(ann.daemon.is_closed())
        self.assertTrue(gone("marked-h") and gone("cat\x00/dev/zero"))

    def test_one_that_makes_processes_without_end_is_killed_with_all_of_them(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.open("exec", "trap '' HUP; f() { setsid bash -c ': marked-i; sleep 0.02; \"$0\" \"$@\"' bash -c \"$1\" \"$1\" & sleep 0.01; }; while :; do f ': marked-i'; done >/dev/null 2>&1")
        self.assertTrue(living("marked-i"))
        ann.daemon.say("end-session", words="no more")
        self.assertTrue(ann.daemon.is_closed())
        self.assertTrue(gone("marked-i"))

    def test_a_fork_bomb_and_a_daemon_are_killed_as_well(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.run("(setsid bash -c 'trap \"\" HUP; : marked-p; while :; do sleep 0.05; done' >/dev/null 2>&1 </dev/null &) &")
        ann.open("exec", "ulimit -u 300; trap '' HUP TERM; bomb() { : marked-q; bomb | bomb & }; bomb >/dev/null 2>&1; sleep 1000")
        self.assertTrue(living("marked-p") and wait_for(lambda: len(processes("marked-q")) > 50))
        ann.daemon.say("end-session", words="no more")
        self.assertTrue(ann.daemon.is_closed())
        self.assertTrue(gone("marked-p") and gone("marked-q"))

    def test_whoever_locks_the_records_of_terminals_saves_nothing(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.open("exec", f"trap '' HUP TERM; : marked-l; {LOOP}", terminal=TERMINAL)
        self.assertTrue(living("marked-l"))
        with open("/run/utmp") as utmp, open("/var/log/wtmp") as wtmp:  # both can be read by all
            for each in (utmp, wtmp):
                fcntl.lockf(each, fcntl.LOCK_SH)
            ann.daemon.say("end-session", words="no more")
            self.assertTrue(gone("marked-l"))

    def test_one_whose_orphans_end_without_end_is_heard_and_ended(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.open("exec", "trap '' HUP; : marked-o; while :; do (true & true &) done >/dev/null 2>&1")
        self.assertTrue(living("marked-o"))
        self.assertEqual(ann.run("echo here")[1], "here\n")
        ann.daemon.say("end-session", words="no more")
        self.assertTrue(ann.daemon.is_closed())
        self.assertTrue(gone("marked-o"))

    def test_before_the_login_is_complete_it_ends_the_connection(self):
        login = Login(SUPERVISOR)
        login.ask("ann")
        login.daemon.say("end-session", words="going")
        self.assertEqual(login.ssh.hear("end").words, "going")
        self.assertTrue(login.ssh.is_closed())


def groups_or_skip(test, login):
    """Where this machine has control groups, a login has one of its own (cgroup v2)."""
    with open(f"/proc/{login.process()}/cgroup") as file:
        own = [line for line in file if line.startswith("0::")]
    if not own or "/aclnode-login-" not in own[0]:
        test.skipTest("needs cgroup2, writable")
    return own[0]


class Groups(unittest.TestCase):
    """What a login has started is known by its control group, whatever becomes of its own process."""

    def begin(self, words):
        """A login of root, and something that it has left behind."""
        login = Login(SUPERVISOR).log_in("root")
        groups_or_skip(self, login)
        login.run(f"(setsid bash -c 'trap \"\" HUP; : {words}; while :; do sleep 0.05; done' >/dev/null 2>&1 </dev/null &) &")
        self.assertTrue(living(words))
        return login

    def test_each_login_has_one_and_its_processes_are_in_it(self):
        first, second = Login(SUPERVISOR).log_in("ann"), Login(SUPERVISOR).log_in("ann")
        own = groups_or_skip(self, first)
        self.assertEqual(first.run("grep ^0:: /proc/self/cgroup")[1], own)
        self.assertNotEqual(second.run("grep ^0:: /proc/self/cgroup")[1], own)
        first.leave(), second.leave()

    def test_one_whose_process_is_killed_takes_all_that_it_has_started_along(self):
        login = self.begin("marked-r")
        os.kill(login.process(), signal.SIGKILL)
        self.assertTrue(gone("marked-r"))

    def test_one_that_was_stopped_is_killed_with_all_that_it_has_started_when_aclnode_says_so(self):
        login = self.begin("marked-s")
        os.kill(login.process(), signal.SIGSTOP)
        login.daemon.say("end-session", words="no more")
        SUPERVISOR.connection.send(wire.encode("kill", number=login.number))
        self.assertTrue(login.daemon.is_closed())
        self.assertTrue(gone("marked-s"))
        Login(SUPERVISOR).log_in("ann").leave()

    def test_one_of_another_supervisor_is_known_by_a_descriptor_of_its_process(self):
        login = self.begin("marked-t")
        os.kill(login.process(), signal.SIGSTOP)
        other = Supervisor(socket_name="another.sock")
        process = array.array("i", [os.pidfd_open(login.process())])
        other.connection.sendmsg([wire.encode("kill", number=login.number)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, process)])
        self.assertTrue(login.daemon.is_closed())
        self.assertTrue(gone("marked-t"))
        os.close(process[0])
        other.stop()

    def test_one_that_nobody_knows_is_nobody_s(self):
        SUPERVISOR.connection.send(wire.encode("kill", number=99999))
        self.assertTrue(wait_for(lambda: "login 99999 is to be killed, and is not here" in SUPERVISOR.log()))
        Login(SUPERVISOR).log_in("ann").leave()


class InTime(unittest.TestCase):
    def test_a_client_that_does_not_log_in_is_let_go(self):
        login = Login(SUPERVISOR, grace_s=6)
        self.assertEqual(login.daemon.hear("session-over").words, "the login was not complete in time")
        self.assertTrue(login.ssh.is_closed())

    def test_who_waits_for_a_check_has_that_time_too_and_no_more(self):
        login = Login(SUPERVISOR, grace_s=2)
        may = login.ask("ann")
        began = time.monotonic()
        login.daemon.say("session-challenge", wait_s=3, request=may.request, text="look", asks=1, instruction="sign", prompt="> ")
        shown = login.ssh.hear("challenge")
        self.assertEqual((shown.text, shown.instruction, shown.prompt), ("look", "sign", "> "))
        self.assertIn("in time", login.daemon.hear("session-over").words)
        self.assertGreater(time.monotonic() - began, 3, "sooner than the wait")

    def test_one_that_did_is_not(self):
        ann = Login(SUPERVISOR, grace_s=6).log_in("ann")
        time.sleep(7.2)
        self.assertEqual(ann.run("echo here")[1], "here\n")
        ann.leave()


class Resuming(unittest.TestCase):
    def listen(self):
        path = f"{lab.FOLDER}/logins"
        if os.path.exists(path):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        listener.listen()
        listener.settimeout(lab.PATIENCE)
        self.addCleanup(listener.close)
        return listener

    def resume(self, listener, login):
        login.daemon = Conversation(listener.accept()[0])
        return login.daemon.hear("resume")

    def test_a_login_goes_on_without_aclnode_and_asks_the_next_one(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.daemon.close()
        self.assertEqual(ann.run("echo still")[1], "still\n")
        resume = self.resume(self.listen(), ann)
        self.assertEqual((resume.number, resume.user, resume.is_root, resume.source_port, resume.own_port),
                         (ann.number, "ann", 0, ann.source_port, ann.own_port))
        self.assertEqual((resume.source, resume.own), (ann.begin["source"], ann.begin["own"]))
        self.assertLess(abs(resume.since - time.time()), 60)
        ann.daemon.say("go-on")
        self.assertEqual(ann.run("echo still")[1], "still\n")
        ann.daemon.say("end-session", words="later")
        self.assertEqual(ann.ssh.hear("end").words, "later")

    def test_a_login_can_be_resumed_again_and_again(self):
        ann = Login(SUPERVISOR).log_in("ann")
        listener = self.listen()
        for _ in range(3):
            ann.daemon.close()
            self.resume(listener, ann)
            ann.daemon.say("go-on")
        self.assertEqual(ann.run("echo still")[1], "still\n")
        ann.leave()

    def test_the_next_aclnode_can_say_no(self):
        ann = Login(SUPERVISOR).log_in("ann")
        ann.daemon.close()
        self.resume(self.listen(), ann)
        ann.daemon.say("end-session", words="not any more")
        self.assertEqual(ann.ssh.hear("end").words, "not any more")
        self.assertTrue(ann.ssh.is_closed())

    def test_a_login_that_finds_none_in_time_ends(self):
        impatient = Supervisor("--patience", "1", socket_name="impatient.sock")
        for answers in (False, True):
            listener = self.listen() if answers else None
            ann = Login(impatient).log_in("ann")
            ann.open("exec", f": marked-j; {LOOP}")
            self.assertTrue(living("marked-j"))
            ann.daemon.close()
            if answers:
                self.resume(listener, ann)  # and no word more
            self.assertEqual(ann.ssh.hear("end").words, "aclnode has not answered for 1 s; this login ends")
            self.assertTrue(gone("marked-j"))
        impatient.stop()

    def test_a_listener_of_another_user_is_not_believed(self):
        path = f"{lab.FOLDER}/logins"
        if os.path.exists(path):
            os.unlink(path)
        impatient = Supervisor("--patience", "2", socket_name="impatient.sock")
        script = f"import socket,time; s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.bind('{path}'); s.listen(); print(1,flush=True)\n" \
                 "while 1: c=s.accept()[0]; c.send(bytes([67])) if c.recv(9999) else None"
        os.chmod(lab.FOLDER, 0o777)
        evil = subprocess.Popen(["/usr/bin/python3", "-c", script], user=2002, group=2002, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        evil.stdout.readline()
        ann = Login(impatient).log_in("ann")
        ann.daemon.close()
        self.assertEqual(ann.ssh.hear("end").words, "aclnode has not answered for 2 s; this login ends")
        evil.kill(), evil.wait()
        os.chmod(lab.FOLDER, 0o755)
        impatient.stop()

    def test_a_login_that_is_not_complete_ends_with_aclnode(self):
        login = Login(SUPERVISOR)
        login.ask("ann")
        login.daemon.close()
        self.assertEqual(login.ssh.hear("end").words, "aclnode ended before the login was complete")
        self.assertTrue(login.ssh.is_closed())


class Supervisors(unittest.TestCase):
    def test_end_without_their_logins_and_give_way_to_the_next(self):
        first = Supervisor(socket_name="own.sock")
        ann = Login(first).log_in("ann")
        first.stop()
        self.assertEqual(first.process.returncode, 0)
        self.assertEqual(ann.run("echo still")[1], "still\n")
        second = Supervisor(socket_name="own.sock")
        bob = Login(second).log_in("bob")
        for login in (ann, bob):
            login.leave()
        second.stop()

    def test_that_find_another_one_have_nothing_to_do(self):
        done = subprocess.run([lab.PROGRAM, "supervise", SUPERVISOR.path], timeout=lab.PATIENCE)
        self.assertEqual(done.returncode, 0)
        Login(SUPERVISOR).leave()

    def test_that_linger_end_when_nobody_needs_them(self):
        lingering = Supervisor("--linger", "3", socket_name="linger.sock")
        ann = Login(lingering).log_in("ann")
        lingering.connection.close()
        time.sleep(3.5)
        self.assertIsNone(lingering.process.poll())
        ann.leave()
        self.assertEqual(lingering.process.wait(lab.PATIENCE), 0)

    def test_do_without_standard_descriptors_and_without_a_reader_of_their_log(self):
        path = f"{lab.FOLDER}/bare.sock"
        reading, writing = os.pipe()
        os.close(reading)
        bare = subprocess.Popen(["/bin/sh", "-c", 'exec "$0" supervise "$1" <&- >&-', lab.PROGRAM, path], stderr=writing)
        self.addCleanup(lambda: (bare.kill(), bare.wait()))
        os.close(writing)

        def connected():
            end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            return end if end.connect_ex(path) == 0 else end.close()
        end = wait_for(connected)
        self.assertEqual([os.readlink(f"/proc/{bare.pid}/fd/{fd}") for fd in (0, 1)], ["/dev/null"] * 2)
        end.send(b"no message")  # which it logs
        self.assertTrue(Conversation(end).is_closed())
        end.close()
        again = wait_for(connected)
        self.assertIsNone(bare.poll())
        again.close()

    def test_hear_root_alone(self):
        os.chmod(SUPERVISOR.path, 0o666)
        script = f"import socket; s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.connect('{SUPERVISOR.path}'); print(s.recv(10))"
        done = subprocess.run(["/usr/bin/python3", "-c", script], user=2001, group=2001, capture_output=True, text=True, timeout=lab.PATIENCE)
        self.assertTrue(done.stdout == "b''\n" or "ConnectionReset" in done.stderr, done)

    def test_of_wrong_words_end_with_2(self):
        for words in ((), ("supervise",), ("supervise", "x", "--linger"), ("supervise", "x", "--linger", "-1"), ("nonsense",)):
            self.assertEqual(subprocess.run([lab.PROGRAM, *words], stderr=subprocess.DEVNULL).returncode, 2)


class TheMachine(unittest.TestCase):
    def test_ends_a_login_by_sigterm_to_its_process(self):
        ann = Login(SUPERVISOR).log_in("ann")
        parent = int(open(f"/proc/{ann.about_ssh['pid']}/stat").read().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGTERM)
        self.assertEqual(ann.ssh.hear("end").words, "this machine ends the login")
        self.assertTrue(ann.ssh.is_closed())


if __name__ == "__main__":
    unittest.main(warnings="ignore")
