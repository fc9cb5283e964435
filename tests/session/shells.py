#!/usr/bin/env python3
"""What a person gets who is let in: shells, commands, terminals, environment, identity. Played neighbours, real processes (lab.py)."""
import fcntl, os, platform, re, socket, struct, subprocess, threading, time, unittest

import lab
from lab import Login, read_all, read_until, wait_for, write

lab.enter()
SUPERVISOR = lab.Supervisor()


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ann = Login(SUPERVISOR).log_in("ann", patterns=["GIT_*", "ANSIBLE_?"])

    @classmethod
    def tearDownClass(cls):
        cls.ann.leave()

    def test_run_by_the_users_shell_and_keep_output_and_error_apart(self):
        self.assertEqual(self.ann.run("echo out; echo err >&2; echo $0"), (0, "out\nbash\n", "err\n"))

    def test_open_their_input_and_output_by_name(self):
        self.assertEqual(self.ann.run("cat /dev/stdin >/dev/stdout; echo err >/dev/stderr", b"given"), (0, "given", "err\n"))

    def test_end_with_their_exit_status(self):
        for status in (0, 1, 127, 255):
            self.assertEqual(self.ann.run(f"exit {status}")[0], status)

    def test_end_with_their_signal(self):
        self.assertEqual(self.ann.run("kill -TERM $$")[0], "TERM")
        self.assertEqual(self.ann.run("kill -KILL $$")[0], "KILL")

    def test_read_to_the_end_of_their_input_and_still_answer(self):
        self.assertEqual(self.ann.run("cat; echo end", b"given"), (0, "givenend\n", ""))

    def test_carry_bytes_unchanged(self):
        channel, (to, output, error) = self.ann.open("exec", "cat")
        data = os.urandom(3_000_000)
        threading.Thread(target=lambda: (os.write(to, data[:1_000_000]), os.write(to, data[1_000_000:]), os.close(to))).start()
        got = b""
        while part := os.read(output, 65536):
            got += part
        self.assertEqual(got, data)
        os.close(output), os.close(error)
        self.ann.ssh.hear("exited")
        self.ann.ssh.say("closed", channel=channel)

    def test_hold_any_bytes_but_zero(self):
        self.assertEqual(self.ann.run("printf '%s' 'a\tb\u00e9 \"$HOME\" `x`'")[1], "a\tb\u00e9 \"$HOME\" `x`")

    def test_a_subsystem_is_a_program_run_by_the_shell(self):
        init = struct.pack(">IBI", 5, 1, 3)  # SSH_FXP_INIT, version 3
        channel, (to, output, error) = self.ann.open("subsystem", "sftp")
        os.write(to, init)
        self.assertEqual(os.read(output, 9)[4], 2)  # SSH_FXP_VERSION
        os.close(to)
        read_all(output), read_all(error)
        self.assertEqual(self.ann.ssh.hear("exited").status, 0)
        self.ann.ssh.say("closed", channel=channel)

    def test_an_unknown_subsystem_is_refused(self):
        with self.assertRaisesRegex(PermissionError, 'no subsystem "netconf"'):
            self.ann.open("subsystem", "netconf")
        self.ann.ssh.say("closed", channel=self.ann.channels - 1)

    def test_a_shell_without_a_terminal_is_a_login_shell_that_reads_its_input(self):
        self.assertEqual(self.ann.run("", b"echo $0; shopt login_shell\nexit 7\n", kind="shell")[:2], (7, "-bash\nlogin_shell    \ton\n"))

    def test_many_run_at_a_time(self):
        opened = [self.ann.open("exec", "read x; echo $x") for _ in range(60)]
        for i, (_, (to, _, _)) in reversed(list(enumerate(opened))):
            os.write(to, b"%d\n" % i), os.close(to)
        self.assertEqual([read_all(output) for _, (_, output, _) in opened], [f"{i}\n" for i in range(60)])
        self.assertEqual(sorted(self.ann.ssh.hear("exited").channel for _ in opened), [channel for channel, _ in opened])
        for channel, fds in opened:
            os.close(fds[2])
            self.ann.ssh.say("closed", channel=channel)

    def test_signals_reach_the_process_group(self):
        channel, (to, output, error) = self.ann.open("exec", "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.05; done")
        read_until(output, b"ready")
        self.ann.ssh.say("signal", channel=channel, name="NOSUCH")
        self.ann.ssh.say("signal", channel=channel, name="USR1")
        self.assertIn("got", read_all(output))
        self.assertEqual(self.ann.ssh.hear("exited").status, 5)
        os.close(to), os.close(error)
        self.ann.ssh.say("closed", channel=channel)


    def test_signals_without_number_are_few_processes_and_none_is_lost(self):
        channel, (to, output, error) = self.ann.open(
            "exec", "trap 'echo usr1' USR1; trap 'echo usr2; exit 6' USR2; echo ready; while :; do sleep 0.05; done")
        read_until(output, b"ready")
        for _ in range(500):
            self.ann.ssh.say("signal", channel=channel, name="USR1")
        self.ann.ssh.say("signal", channel=channel, name="USR2")
        self.assertRegex(read_all(output), "(?s)usr1.*usr2")
        self.assertEqual(self.ann.ssh.hear("exited").status, 6)
        os.close(to), os.close(error)
        self.ann.ssh.say("closed", channel=channel)

    def test_signals_are_delivered_by_one_process_at_a_time(self):
        channel, (to, output, error) = self.ann.open("exec", "trap : USR1; echo ready; while :; do sleep 0.05; done")
        read_until(output, b"ready")
        children = lambda: open(f"/proc/{root}/task/{root}/children").read().split()
        root = int(open(f"/proc/{self.ann.about_ssh['pid']}/stat").read().rpartition(")")[2].split()[1])
        self.assertTrue(wait_for(lambda: len(children()) == 2 + lab.RECORDED))  # what earlier channels had has ended
        most = 0
        for _ in range(300):
            self.ann.ssh.say("signal", channel=channel, name="USR1")
            most = max(most, len(children()))
        self.assertLessEqual(most, 3 + lab.RECORDED)  # aclnode-ssh, the command, and the one that delivers
        self.ann.ssh.say("signal", channel=channel, name="KILL")
        self.assertEqual(self.ann.ssh.hear("exited").signal, "KILL")
        os.close(to), os.close(output), os.close(error)
        self.ann.ssh.say("closed", channel=channel)


class Processes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ann = Login(SUPERVISOR).log_in("ann")

    @classmethod
    def tearDownClass(cls):
        cls.ann.leave()

    def test_are_the_users_with_all_groups_and_no_way_back(self):
        self.assertEqual(self.ann.run("id")[1], "uid=2001(ann) gid=2001(ann) groups=2001(ann),50(staff),3000(project)\n")
        status = self.ann.run("cat /proc/self/status")[1]
        self.assertRegex(status, r"Uid:\t2001\t2001\t2001\t2001\n")
        self.assertRegex(status, r"Gid:\t2001\t2001\t2001\t2001\n")
        for set_ in ("Inh", "Prm", "Eff", "Amb"):
            self.assertRegex(status, rf"Cap{set_}:\t0+\n")
        self.assertRegex(status, r"NoNewPrivs:\t0\n")  # sudo works

    def test_begin_with_usual_signals_and_the_usual_umask(self):
        status = self.ann.run("cat /proc/self/status; umask")[1]
        # 32 and 33 are glibc's own: whoever starts with them ignored cannot change that by its functions, and they do no harm.
        self.assertRegex(status, r"(?s)SigBlk:\t0+\nSigIgn:\t0{7}[01][08]0{7}\nSigCgt:\t0+\n.*\n0022\n$")

    def test_inherit_no_descriptor(self):
        self.assertEqual(self.ann.run("ls /proc/$$/fd; true")[1].split(), ["0", "1", "2"])
        self.assertEqual(self.ann.run_on_terminal("exec 3>&-; ls /proc/self/fd | wc -l")[1].strip(), "4")

    def test_lead_a_session_of_their_own(self):
        pid, session = self.ann.run("echo $$; ps -o sid= -p $$ || awk '{print $6}' /proc/$$/stat")[1].split()
        self.assertEqual(pid, session)

    def test_begin_at_home_or_at_the_root_with_a_word_about_it(self):
        self.assertEqual(self.ann.run("pwd")[1], "/home/ann\n")
        homeless = Login(SUPERVISOR).log_in("homeless")
        self.assertEqual(homeless.run("pwd; echo $HOME"),
                         (0, "/\n/home/gone\n", "Could not chdir to home directory /home/gone: No such file or directory\n"))
        homeless.leave()

    def test_have_a_session_keyring_of_their_logins_own(self):
        if platform.machine() != "x86_64":
            self.skipTest("the number of keyctl(2) is that of x86-64")
        ask = "import ctypes; print(ctypes.CDLL(None).syscall(250, 0, -3, 0))"  # KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING
        ours = subprocess.run(["/usr/bin/python3", "-c", ask], capture_output=True, text=True).stdout
        first, second = Login(SUPERVISOR).log_in("root"), Login(SUPERVISOR).log_in("root")
        rings = [login.run(f"/usr/bin/python3 -c '{ask}'")[1] for login in (first, second)]
        self.assertEqual(len({ours, *rings}), 3, (ours, rings))
        first.leave(), second.leave()

    def test_of_root_are_roots(self):
        root = Login(SUPERVISOR).log_in("root")
        self.assertEqual(root.run("id -u; echo $PATH $HOME")[1], "0\n/usr/sbin:/usr/bin:/sbin:/bin /home/root\n")
        root.leave()

    def test_of_another_shell_run_in_that(self):
        bob = Login(SUPERVISOR).log_in("bob")
        self.assertEqual(bob.run("echo $0; echo $SHELL")[1], "dash\n/bin/dash\n")
        self.assertEqual(bob.run("", b"echo $0\n", kind="shell")[1], "-dash\n")
        bob.leave()

    def test_of_nologin_are_told_so_by_that_shell(self):
        nobody = Login(SUPERVISOR).log_in("nobody")
        self.assertEqual(nobody.run("true")[:2], (1, "This account is currently not available.\n"))
        nobody.leave()

    def test_root_s_process_of_the_login_cannot_be_traced_or_signalled(self):
        script = "for f in /proc/[0-9]*; do grep -qs [s]upervise $f/cmdline && { kill -STOP ${f#/proc/} && echo stopped; cat $f/environ $f/mem >/dev/null && echo read; }; done; true"
        self.assertEqual(self.ann.run(script)[1], "")


class Environment(unittest.TestCase):
    def environment(self, login, **more):
        return dict(line.split("=", 1) for line in login.run("env -0 | tr '\\n\\0' ' \\n'", **more)[1].splitlines())

    def test_is_what_the_machine_says_and_what_policy_lets_through(self):
        ann = Login(SUPERVISOR).log_in("ann", patterns=["GIT_*", "A?C", "LD_*", "PATH", "SSH_*"])
        sent = [("LANG", "de_DE"), ("LC_TIME", "C"), ("GIT_AUTHOR_NAME", "Ann \u00c4"), ("ABC", "1"), ("ABBC", "no"), ("LD_PRELOAD", "/x"),
                ("LD_LIBRARY_PATH", "/x"), ("PATH", "/evil"), ("TERM", "evil"), ("OTHER", "no"), ("GIT_$(x)", "no"), ("GIT_A=B", "no"),
                ("SSH_CONNECTION", "evil"), ("SSH_TTY", "evil"), ("GOTRACEBACK", "no"), ("DYLD_X", "no")]
        got = self.environment(ann, environment=sent)
        for known in ("SHLVL", "_", "PWD", "OLDPWD"):
            got.pop(known, None)
        self.assertEqual(got, {"USER": "ann", "LOGNAME": "ann", "HOME": "/home/ann", "SHELL": "/bin/bash", "MAIL": "/var/mail/ann",
                               "PATH": "/usr/local/bin:/usr/bin:/bin", "FROM_FILE": "a b", "LANG": "de_DE", "LC_TIME": "C",
                               "GIT_AUTHOR_NAME": "Ann \u00c4", "ABC": "1",
                               "SSH_CONNECTION": f"{lab.SOURCE} {ann.source_port} {lab.OWN} {ann.own_port}",
                               "SSH_CLIENT": f"{lab.SOURCE} {ann.source_port} {ann.own_port}"})
        ann.leave()

    def test_is_on_no_command_line(self):
        ann = Login(SUPERVISOR).log_in("ann", patterns=["*"])
        listed = ann.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '", environment=[("SECRET", "hush-hush")])[1]
        self.assertNotIn("hush", listed)
        ann.leave()

    def test_names_addresses_of_ipv6(self):
        ann = Login(SUPERVISOR, family=socket.AF_INET6).log_in("ann")
        self.assertEqual(self.environment(ann)["SSH_CONNECTION"], f"{lab.SOURCE6} {ann.source_port} {lab.OWN6} {ann.own_port}")
        ann.leave()


class Terminals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ann = Login(SUPERVISOR).log_in("ann")

    @classmethod
    def tearDownClass(cls):
        cls.ann.leave()

    def test_have_the_size_and_the_modes_of_the_client(self):
        modes = b"\x35\0\0\0\0" + b"\x03\0\0\0\x08" + b"\x2a\0\0\0\1" + b"\x81\0\0\x96\0" + b"\x80\0\0\x96\0" + b"\0"  # ECHO off, VERASE ^H, IUTF8, 38400
        text = self.ann.run_on_terminal("stty -a; echo $TERM; tty; echo $SSH_TTY", dict(term="screen", columns=101, rows=33, modes=modes))[1]
        self.assertRegex(text, r"speed 38400 baud; rows 33; columns 101;")
        self.assertRegex(text, r"erase = \^H")
        self.assertRegex(text, r"[ \n]-echo ")
        self.assertRegex(text, r"[ \n]iutf8")
        self.assertRegex(text, r"screen\r\n(/dev/pts/\d+)\r\n\1\r\n$")

    def test_take_any_bytes_for_modes(self):
        for modes in (b"", b"\x35", b"\x35\0\0", b"\xff" * 50, os.urandom(1024)):
            self.assertEqual(self.ann.run_on_terminal("exit 3", dict(modes=modes))[0], 3)

    def test_belong_to_the_user_and_group_tty(self):
        self.assertEqual(self.ann.run_on_terminal("stat -c '%U %G %a' $(tty)")[1], "ann tty 620\r\n")

    def test_are_the_controlling_ones_and_follow_the_window(self):
        channel, (master,) = self.ann.open("shell", terminal=dict(term="xterm", columns=80, rows=24))
        os.write(master, b"PS1=; trap 'stty size' WINCH; echo re''ady\n")
        read_until(master, b"ready\r\n")
        self.ann.resize(channel, master, 40, 120)
        os.write(master, b"\n")  # a shell that is between two commands runs its traps with the next
        if lab.RECORDED:
            # A size goes another way than what is typed, and may come after it.
            out, until = b"", time.monotonic() + lab.PATIENCE
            while b"40 120" not in out and time.monotonic() < until:
                os.write(master, b"\n")
                while lab.readable(master, 0.2):
                    out += os.read(master, 65536)
            self.assertIn(b"40 120", out)
        else:
            read_until(master, b"40 120")
        os.write(master, b"sleep 100\n")
        self.assertTrue(wait_for(lambda: lab.processes("sleep\x00100")))
        os.write(master, b"\x03")  # Ctrl-C
        os.write(master, b"echo af''ter $?\n")
        read_until(master, b"after 130")
        os.write(master, b"exit 0\n")
        read_all(master)
        self.ann.ssh.hear("exited")
        self.ann.ssh.say("closed", channel=channel)

    def test_signals_reach_the_foreground(self):
        channel, (master,) = self.ann.open("shell", terminal=dict(term="xterm", columns=80, rows=24))
        os.write(master, b"PS1=; bash -c 'trap \"echo fore''ground; exit 9\" TERM; echo re''ady; while :; do sleep 0.05; done'; echo st''atus $?\n")
        read_until(master, b"ready\r\n")
        self.ann.ssh.say("signal", channel=channel, name="TERM")
        read_until(master, b"status 9")
        os.write(master, b"exit 0\n")
        read_all(master)
        self.ann.ssh.hear("exited")
        self.ann.ssh.say("closed", channel=channel)

    def test_hang_up_when_the_channel_is_closed(self):
        channel, (master,) = self.ann.open("exec", "trap 'echo hup >~/hup; exit' HUP; echo ready; while :; do sleep 0.05; done",
                                           terminal=dict(term="xterm", columns=80, rows=24))
        read_until(master, b"ready")
        self.ann.ssh.say("closed", channel=channel)  # before the master is closed, which hangs up as well, and an end would be told
        os.close(master)
        self.assertTrue(wait_for(lambda: os.path.exists("/home/ann/hup")))

    def test_are_recorded_from_their_beginning_to_their_end(self):
        def who():
            return subprocess.run(["who", "/run/utmp"], capture_output=True, text=True).stdout
        with open("/run/utmp") as utmp, open("/var/log/wtmp") as wtmp:  # both can be read by all, and a login does not wait for them
            for each in (utmp, wtmp):
                fcntl.lockf(each, fcntl.LOCK_SH)
            self.ann.ssh.end.settimeout(8)
            channel, (master,) = self.ann.open("exec", "read x", terminal=dict(term="xterm", columns=80, rows=24))
            self.ann.ssh.end.settimeout(lab.PATIENCE)
        self.assertTrue(wait_for(lambda: re.search(r"ann +pts/\d+ .*\(100\.64\.0\.1\)", who())), who())
        os.write(master, b"\n")
        read_all(master)
        self.ann.ssh.hear("exited")
        self.assertTrue(wait_for(lambda: who() == ""))
        self.assertTrue(wait_for(lambda: re.search(r"ann +pts/\d+ +100\.64\.0\.1", subprocess.run(
            ["last", "-f", "/var/log/wtmp"], capture_output=True, text=True).stdout)))
        self.ann.ssh.say("closed", channel=channel)


class Greetings(unittest.TestCase):
    def test_are_shown_in_interactive_shells_alone_and_not_to_those_who_hush_them(self):
        bob = Login(SUPERVISOR).log_in("bob")
        greeted = bob.run_on_terminal("", kind="shell", given=b"exit\n")[1]
        self.assertIn("static motd", greeted)
        self.assertNotIn("Last login", greeted)
        again = bob.run_on_terminal("", kind="shell", given=b"exit\n")[1]
        self.assertRegex(again, r"Last login: .* from 100\.64\.0\.1")
        self.assertNotIn("motd", bob.run_on_terminal("true")[1])
        self.assertNotIn("motd", bob.run("", b"exit\n", kind="shell")[1])
        write("/home/bob/.hushlogin", "")
        self.assertNotIn("motd", bob.run_on_terminal("", kind="shell", given=b"exit\n")[1])
        os.unlink("/home/bob/.hushlogin")
        bob.leave()


class Connections(unittest.TestCase):
    def connect(self, login, host, port):
        channel, login.channels = login.channels, login.channels + 1
        login.ssh.say("connect", channel=channel, host=host, port=port)
        answer = login.ssh.hear()
        login.ssh.say("closed", channel=channel)
        return answer

    def test_are_made_by_the_user(self):
        server = socket.create_server(("127.0.0.1", 0))
        ann = Login(SUPERVISOR).log_in("ann", local=1)
        answer = self.connect(ann, "127.0.0.1", server.getsockname()[1])
        self.assertEqual((answer.name, answer.kind, len(answer.fds)), ("opened", 3, 1))
        with socket.socket(fileno=answer.fds[0]) as ours:
            theirs, peer = server.accept()
            rows = [row.split() for row in open("/proc/net/tcp").read().splitlines()[1:]]
            owner = [row[7] for row in rows if row[1].endswith(f":{peer[1]:04X}")]
            self.assertEqual(owner, ["2001"])
            ours.send(b"through")
            self.assertEqual(theirs.recv(10), b"through")
        ann.leave()

    def test_are_made_by_a_process_that_the_user_cannot_trace(self):
        ann = Login(SUPERVISOR).log_in("ann", local=1)
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        waiting = [socket.socket() for _ in range(4)]  # who is not taken in, and fills the queue
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        ann.ssh.say("connect", channel=0, host="127.0.0.1", port=full.getsockname()[1])
        (helper,) = wait_for(lambda: lab.processes("aclnode-session\0forward"))
        self.assertEqual(os.stat(f"/proc/{helper}/environ").st_uid, 0)
        for each in waiting:
            each.close()
        ann.leave()

    def test_that_fail_are_refused_with_the_reason(self):
        ann = Login(SUPERVISOR).log_in("ann", local=1)
        self.assertEqual(self.connect(ann, "127.0.0.1", 1).words, "Connection refused")
        self.assertEqual(self.connect(ann, "no.such.name.invalid", 1).name, "refused")
        ann.leave()

    def test_are_refused_where_policy_allows_none(self):
        ann = Login(SUPERVISOR).log_in("ann", local=0, remote=1, agent=1)
        self.assertEqual(self.connect(ann, "127.0.0.1", 22).words, "forwarding to what this machine reaches is not allowed: policy does not give it to this login")
        ann.leave()


class Ssh(unittest.TestCase):
    def test_is_started_with_a_conversation_a_connection_and_nothing_else(self):
        login = Login(SUPERVISOR)
        about = login.about_ssh
        self.assertEqual(about["arguments"], ["65534:65534"])
        self.assertEqual(set(about["environment"]) - {"LC_CTYPE"}, set())  # Python's own
        self.assertEqual(about["descriptors"], [0, 1, 2, 3, 4])
        self.assertEqual(os.fstat(login.connection).st_mode & 0o170000, 0o140000)
        login.leave()

    def test_has_its_words_logged_printable(self):
        login = Login(SUPERVISOR)
        self.assertTrue(wait_for(lambda: r"aclnode-ssh says: words\x1b of ssh" in SUPERVISOR.log()))
        login.leave()


if __name__ == "__main__":
    unittest.main(warnings="ignore")
