#!/usr/bin/env python3
"""Recordings of sessions: what is in them, whose they are, and what happens where they cannot be made. Played neighbours, real processes
(lab.py); a terminal emulator (python3-pyte) compares what was shown with what a recording shows."""
import codecs, glob, json, os, random, re, signal, socket, subprocess, time, unittest

import lab
from lab import Login, read_all, read_until, wait_for, write

lab.enter()
SUPERVISOR = lab.Supervisor()
FOLDER = f"{lab.FOLDER}/recordings"
TERMINAL = dict(term="xterm-256color", columns=80, rows=24)

try:
    import pyte
except ImportError:
    pyte = None
else:
    class Screen(pyte.Screen):
        def select_graphic_rendition(self, *attributes, private=False):
            if not private:  # what vi asks of keyboards
                super().select_graphic_rendition(*attributes)



def log_in(user="ann", enforce=False, begin=None, **settings):
    login = Login(SUPERVISOR, **(begin or {}))
    may = login.ask(user)
    login.record(enforce=enforce, **settings)
    verdict = login.decide(may)
    assert verdict.accept, verdict.tell
    login.daemon.hear("logged-in")
    return login


def end(login, channel):
    """The end of a channel, after its output was read."""
    exited = login.ssh.hear("exited")
    login.ssh.say("closed", channel=channel)
    return exited


def recording(login):
    return login.daemon.hear("recording").file


def read_recording(path):
    """Header and events; the file is whole lines of JSON."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert text.endswith("\n")
    header, *events = [json.loads(line) for line in text.splitlines()]
    return header, events


def said(events):
    return "".join(text for _, code, text in events if code == "o")


def is_done(path):
    """No recorder has it open any more."""
    return not any(target == path for link in glob.glob("/proc/[0-9]*/fd/*") if (target := os.readlink(link) if os.path.islink(link) else "") == path)


def finished(path):
    def done():
        try:
            return is_done(path)
        except FileNotFoundError:
            return None  # a process that ended meanwhile
    assert wait_for(done)
    return read_recording(path)


def recorders():
    return lab.processes("aclnode-session\x00record\x00")


class Files(unittest.TestCase):
    def test_are_roots_alone_and_named_after_start_connection_and_channel(self):
        ann = log_in()
        self.assertEqual(ann.run("true")[0], 0)
        file = recording(ann)
        self.assertRegex(file, rf"^{FOLDER}/\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ-{ann.number}\.0\.cast$")
        about, folder = os.stat(file), os.stat(FOLDER)
        self.assertEqual((about.st_uid, about.st_gid, about.st_mode & 0o777), (0, 0, 0o600))
        self.assertEqual((folder.st_uid, folder.st_mode & 0o777), (0, 0o700))
        ann.leave()

    def test_say_what_they_are_of(self):
        ann = log_in()
        ann.run("printf 'a\"b'")
        header, events = finished(recording(ann))
        self.assertEqual((header["version"], header["width"], header["height"], header["command"], header["env"]),
                         (2, 80, 24, "printf 'a\"b'", {"SHELL": "/bin/bash"}))
        self.assertLess(abs(header["timestamp"] - time.time()), 100)
        self.assertEqual(header["aclnode"]["connection"], str(ann.number))
        self.assertEqual((header["aclnode"]["account"], header["aclnode"]["kind"]), ("ann", "exec"))
        self.assertEqual(said(events), 'a"b')
        ann.leave()

    def test_of_a_terminal_have_its_size_and_each_new_one(self):
        ann = log_in()
        channel, (stream,) = ann.open("exec", "echo re''ady; until [ \"$(stty size)\" = '40 120' ]; do sleep 0.02; done; stty size", terminal={**TERMINAL, "columns": 100, "rows": 30})
        read_until(stream, b"ready\r\n")
        ann.ssh.say("resize", channel=channel, columns=120, rows=40)
        read_all(stream)
        self.assertEqual(end(ann, channel).status, 0)
        header, events = finished(recording(ann))
        self.assertEqual((header["width"], header["height"], header["env"]["TERM"]), (100, 30, "xterm-256color"))
        self.assertEqual([text for _, code, text in events if code == "r"], ["120x40"])
        before = [i for i, (_, code, _) in enumerate(events) if code == "r"][0]
        self.assertIn("ready", said(events[:before]))
        self.assertNotIn("40 120", said(events[:before]))
        ann.leave()

    def test_of_commands_have_output_and_errors_and_no_input(self):
        ann = log_in()
        self.assertEqual(ann.run("read x; echo out; echo err >&2", b"secret\n"), (0, "out\n", "err\n"))
        _, events = finished(recording(ann))
        self.assertEqual(sorted(said(events).split()), ["err", "out"])
        ann.leave()

    def test_have_no_input_that_a_terminal_does_not_show(self):
        ann = log_in()
        channel, (stream,) = ann.open("exec", "stty -echo; echo re''ady; read x; echo got $x | tr a-z A-Z", terminal=TERMINAL)
        read_until(stream, b"ready")
        os.write(stream, b"secret\n")
        read_all(stream)
        end(ann, channel)
        path = recording(ann)
        finished(path)
        with open(path) as file:
            self.assertNotIn("secret", file.read())
        ann.leave()

    def test_of_a_subsystem_say_that_it_was_there(self):
        ann = log_in()
        channel, (to, output, error) = ann.open("subsystem", "sftp")
        os.close(to), read_all(output), read_all(error)
        end(ann, channel)
        header, events = finished(recording(ann))
        self.assertEqual((header["command"], header["aclnode"]["kind"]), ("sftp", "subsystem"))
        self.assertEqual([code for _, code, _ in events], ["m"])
        ann.leave()

    def test_a_subsystem_is_that_one_whatever_the_users_shell_would_make_of_it(self):
        # bash reads it for a command, too, where SSH_CLIENT is set and its input is no terminal.
        write("/home/ann/.bashrc", "touch /tmp/not-recorded-$USER\n")
        marker = "/tmp/not-recorded-ann"
        self.addCleanup(lambda: [os.unlink(path) for path in ("/home/ann/.bashrc", marker) if os.path.exists(path)])
        for recorded in (True, False):
            ann = log_in() if recorded else Login(SUPERVISOR).log_in("ann")
            if not recorded and lab.RECORDED:
                continue
            channel, (to, output, error) = ann.open("subsystem", "sftp")
            os.close(to), read_all(output), read_all(error)
            end(ann, channel)
            self.assertEqual(os.path.exists(marker), not recorded)
            ann.leave()

    def test_sizes_that_come_in_a_flood_leave_no_session_unrecorded(self):
        ann = log_in()
        channel, (stream,) = ann.open("exec", "yes", terminal=TERMINAL)
        for i in range(3000):
            ann.resize(channel, None, 24 + i % 7, 80) if lab.RECORDED else ann.ssh.say("resize", channel=channel, rows=24 + i % 7, columns=80)
        self.assertIn(".cast", recording(ann))
        self.assertEqual(ann.run("echo this"), (0, "this\n", ""))
        self.assertEqual(said(finished(recording(ann))[1]), "this\n")
        os.close(stream)
        ann.leave()

    def test_are_one_for_each_channel(self):
        ann = log_in()
        opened = [ann.open("exec", f"read x; echo $x") for _ in range(50)]
        files = [recording(ann) for _ in opened]
        self.assertEqual(len(set(files)), 50)
        self.assertEqual(len(recorders()), 1)
        for i, (_, (to, _, _)) in enumerate(opened):
            os.write(to, b"%d\n" % i), os.close(to)
        self.assertEqual([read_all(output) for _, (_, output, _) in opened], [f"{i}\n" for i in range(50)])
        for channel, fds in opened:
            os.close(fds[2])
        for _ in opened:
            ann.ssh.say("closed", channel=ann.ssh.hear("exited").channel)
        self.assertEqual([said(finished(file)[1]) for file in files], [f"{i}\n" for i in range(50)])
        ann.leave()

    def test_hold_any_bytes_as_a_terminal_of_utf8_shows_them(self):
        data = bytes(random.Random(7).choice(b"ab\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xff\x80\x00\x1b\n\\\"") for _ in range(200_000))
        write(f"{lab.FOLDER}/bytes", "")
        with open(f"{lab.FOLDER}/bytes", "wb") as file:
            file.write(data)
        ann = log_in()
        channel, (to, output, error) = ann.open("exec", f"cat {lab.FOLDER}/bytes")
        os.close(to)
        got = b""
        while part := os.read(output, 65536):
            got += part
        os.close(output), os.close(error)
        end(ann, channel)
        self.assertEqual(got, data)
        _, events = finished(recording(ann))
        self.assertEqual(said(events), codecs.decode(data, "utf-8", "replace"))
        ann.leave()


@unittest.skipIf(pyte is None, "needs python3-pyte")
class FullScreen(unittest.TestCase):
    """A program that fills the screen: what a terminal shows of it, and of its recording."""

    def play(self, command, steps):
        """`steps`: (keys to send, size to set or None, a text that the screen has then)."""
        ann = log_in()
        channel, (stream,) = ann.open("exec", command, terminal=TERMINAL, environment=[("LANG", "C.UTF-8")])
        screen, shown, sizes = Screen(80, 24), [], []
        bytes_in = pyte.ByteStream(screen)

        def take():
            try:
                more = os.read(stream, 4096)
            except OSError:
                more = b""
            shown.append(more)
            bytes_in.feed(more)
            return more

        def read_until_shown(text):
            until = time.monotonic() + lab.PATIENCE
            while not any(text in line for line in screen.display):
                self.assertTrue(lab.readable(stream, until - time.monotonic()), (text, screen.display))
                take()
        for keys, size, text in steps:
            if size:
                screen.resize(*size)
                sizes.append(f"{size[1]}x{size[0]}")
                ann.ssh.say("resize", channel=channel, rows=size[0], columns=size[1])
            os.write(stream, keys)
            if text is not None:
                read_until_shown(text)
        while take():
            pass
        os.close(stream)
        end(ann, channel)
        header, events = finished(recording(ann))
        ann.leave()
        self.assertEqual([text for _, code, text in events if code == "r"], sizes)
        self.assertEqual(said(events), codecs.decode(b"".join(shown), "utf-8", "replace"))
        # A terminal that got its sizes where the program's did, and one that shows the recording.
        again, screen = Screen(header["width"], header["height"]), Screen(80, 24)
        text_in, bytes_in, left = pyte.Stream(again), pyte.ByteStream(screen), b"".join(shown)
        for _, code, text in events:
            if code == "o":
                text_in.feed(text)
                bytes_in.feed(left[:len(text.encode())])
                left = left[len(text.encode()):]
                continue
            columns, rows = map(int, text.split("x"))
            again.resize(rows, columns)
            screen.resize(rows, columns)
        self.assertEqual(left, b"")
        return screen, again

    def same(self, screen, again):
        self.assertEqual(again.display, screen.display)
        self.assertEqual((again.cursor.x, again.cursor.y, again.lines, again.columns), (screen.cursor.x, screen.cursor.y, screen.lines, screen.columns))
        def cells(of):  # with colours; what was never written is blank
            return [[of.buffer[y][x] for x in range(of.columns)] for y in range(of.lines)]
        self.assertEqual(cells(again), cells(screen))

    def test_less_with_other_sizes_replays_equal(self):
        write(f"{lab.FOLDER}/text", "".join(f"line {i} ä€😀 {'x' * (i % 60)}\n" for i in range(500)))
        self.same(*self.play(f"TERM=xterm LESSUTFCHARDEF=e000:p less -X {lab.FOLDER}/text; tput cup 5 5; echo over",
                             [(b"", None, "line 20"), (b" ", None, "line 40"), (b"G", None, "line 499"), (b"g", None, "line 20"), (b"", (30, 100), "line 28"),
                              (b"/line 333\n", None, "line 333"), (b"q", None, "over")]))

    def test_an_editor_replays_equal(self):
        if not os.path.exists("/usr/bin/vim") and not os.path.exists("/usr/bin/vi"):
            self.skipTest("no vi")
        self.same(*self.play(f"TERM=xterm vi -u NONE -n {lab.FOLDER}/new; tput clear; echo ended",
                             [(b"ihello world\x1b", None, "hello world"), (b"yy20p", None, None), (b"", (40, 120), None),
                              (b":s/hello/goodbye/\r", None, "goodbye"), (b":q!\r", None, "ended")]))


class Ends(unittest.TestCase):
    def test_the_recorder_is_nobody_who_logs_in_and_has_nothing(self):
        ann = log_in()
        channel, (to, output, error) = ann.open("exec", "echo ready; read x")
        read_until(output, b"ready")
        pid, = recorders()
        status = open(f"/proc/{pid}/status").read()
        self.assertRegex(status, r"Uid:\t65533\t65533\t65533\t65533")
        self.assertRegex(status, r"Seccomp:\t2")
        self.assertRegex(status, r"CapEff:\t0+\n")
        self.assertEqual(os.listdir(f"/proc/{pid}/root"), [])
        code, _, _ = ann.run(f"kill -9 {pid}")
        self.assertEqual(code, 1)
        os.close(to), read_all(output), os.close(error)
        ann.ssh.hear("exited")
        ann.leave()

    def test_ends_with_its_login(self):
        ann = log_in()
        ann.run("true")
        pid, = recorders()
        ann.leave()
        self.assertTrue(wait_for(lambda: not os.path.exists(f"/proc/{pid}")))

    def test_what_a_login_said_until_it_was_ended_is_recorded(self):
        ann = log_in()
        _, (stream,) = ann.open("exec", "echo before; while :; do sleep 100; done", terminal=TERMINAL)
        read_until(stream, b"before\r\n")
        file = recording(ann)
        ann.daemon.say("end-session", words="no longer allowed")
        self.assertEqual(ann.ssh.hear("end").words, "no longer allowed")
        self.assertTrue(ann.daemon.is_closed())
        self.assertEqual(said(finished(file)[1]), "before\r\n")
        self.assertEqual(recorders(), [])

    def test_a_channel_that_the_client_closes_hangs_up_its_terminal(self):
        ann = log_in()
        channel, (stream,) = ann.open("exec", "echo re''ady; sleep 1234", terminal=TERMINAL)
        read_until(stream, b"ready\r\n")
        os.close(stream)
        self.assertTrue(wait_for(lambda: not lab.processes("sleep\x001234")))
        ann.ssh.hear("exited")
        ann.leave()

    def test_a_command_whose_output_nobody_reads_finds_that_out(self):
        ann = log_in()
        channel, (to, output, error) = ann.open("exec", "yes")
        os.read(output, 100)
        os.close(output)
        self.assertEqual(ann.ssh.hear("exited").signal, "PIPE")
        ann.leave()

    def test_a_reader_that_pauses_pauses_the_program(self):
        ann = log_in()
        channel, (to, output, error) = ann.open("exec", "head -c 6000000 /dev/zero | tr '\\0' x")
        file = recording(ann)
        sizes = []
        self.assertTrue(wait_for(lambda: (sizes.append(os.path.getsize(file)) or len(sizes) > 20 and len(set(sizes[-20:])) == 1), every=0.02))
        self.assertLess(sizes[-1], 1_000_000)
        self.assertEqual(len(read_all(output)), 6_000_000)
        os.close(to), os.close(error)
        end(ann, channel)
        self.assertEqual(len(said(finished(file)[1])), 6_000_000)
        ann.leave()


class Failures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.small = f"{lab.FOLDER}/small"
        os.makedirs(cls.small)
        lab.run("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", cls.small)

    @classmethod
    def tearDownClass(cls):
        lab.run("umount", "-l", cls.small)

    def setUp(self):
        for file in glob.glob(f"{self.small}/*"):
            os.unlink(file)

    def test_a_full_disk_ends_a_session_that_must_be_recorded_with_words(self):
        ann = log_in(enforce=True, folder=self.small)
        channel, (to, output, error) = ann.open("exec", "echo begin; sleep 0.1; head -c 3000000 /dev/zero | tr '\\0' x; sleep 1000")
        file = recording(ann)
        self.assertRegex(ann.daemon.hear("not-recorded").words, "cannot be written.*No space left")
        self.assertRegex(ann.ssh.hear("end").words, "policy demands that this session is recorded.*No space left")
        self.assertTrue(ann.daemon.is_closed())
        # What was shown was recorded.
        shown = b""
        while part := os.read(output, 65536):
            shown += part
        _, events = finished(file)
        self.assertGreaterEqual(len(said(events)), len(shown))
        self.assertGreater(len(shown), 0)

    def test_a_full_disk_lets_another_session_go_on_and_says_so(self):
        ann = log_in(folder=self.small)
        channel, (stream,) = ann.open("exec", "head -c 3000000 /dev/zero | tr '\\0' x; echo; read x; echo got $x", terminal=TERMINAL)
        file = recording(ann)
        text = read_until(stream, b"no longer recorded: No space left on device")
        self.assertRegex(ann.daemon.hear("not-recorded").words, "No space left")
        os.write(stream, b"on\n")
        text += read_all(stream)
        self.assertEqual(text.count("x"), 3_000_000)
        self.assertIn("got on", text)
        end(ann, channel)
        finished(file)  # to its last whole line
        ann.leave()

    def test_a_disk_that_is_nearly_full_is_full(self):
        ann = log_in(keep_free=1 << 50)
        self.assertEqual(ann.run("echo hi")[1], "hi\n")
        self.assertRegex(ann.daemon.hear("not-recorded").words, "No space left")
        self.assertEqual(ann.run("echo hi")[1], "hi\n")
        ann.leave()
        bob = log_in("bob", enforce=True, keep_free=1 << 50)
        with self.assertRaisesRegex(PermissionError, "policy demands that this session is recorded.*No space left"):
            bob.open("exec", "echo hi")
        bob.leave()

    def test_a_folder_that_others_can_enter_is_none(self):
        folder = f"{lab.FOLDER}/open"
        os.makedirs(folder, mode=0o755)
        login = Login(SUPERVISOR)
        may = login.ask("ann")
        login.record(enforce=True, folder=folder)
        self.assertRegex(login.decide(may).tell, "policy demands that this session is recorded, and it cannot be")
        login.leave()
        ann = log_in(folder=folder)
        self.assertRegex(ann.daemon.hear("not-recorded").words, "is not root's alone")
        self.assertEqual(ann.run("echo hi")[1], "hi\n")
        ann.leave()

    def test_a_link_in_the_place_of_the_folder_is_not_followed(self):
        os.symlink(FOLDER, f"{lab.FOLDER}/link")
        ann = log_in(folder=f"{lab.FOLDER}/link")
        self.assertIn("cannot open the folder", ann.daemon.hear("not-recorded").words)
        ann.leave()

    def test_without_a_user_for_the_recorder_there_is_none(self):
        login = Login(SUPERVISOR)
        may = login.ask("ann")
        login.record(enforce=True, user="no-such-user")
        self.assertRegex(login.decide(may).tell, "the recorder does not start as \"no-such-user\"")
        login.leave()
        other = Login(SUPERVISOR)
        may = other.ask("ann")
        other.record(user="no-such-user")
        self.assertTrue(other.decide(may).accept)
        other.daemon.hear("logged-in")
        self.assertRegex(other.daemon.hear("not-recorded").words, "the recorder does not start")
        self.assertEqual(other.run("echo hi")[1], "hi\n")
        other.leave()

    def test_a_recorder_that_is_killed_ends_a_session_that_must_be_recorded(self):
        ann = log_in(enforce=True)
        channel, fds = ann.open("exec", "sleep 1000")
        os.kill(recorders()[0], signal.SIGKILL)
        self.assertRegex(ann.ssh.hear("end").words, "the recorder ended before the login did")
        self.assertTrue(ann.daemon.is_closed())

    def test_a_recorder_that_is_killed_leaves_others_without(self):
        ann = log_in()
        recorder, = recorders()
        channel, (stream,) = ann.open("exec", "echo re''ady; sleep 1000", terminal=TERMINAL)
        read_until(stream, b"ready\r\n")
        recording(ann)
        os.kill(recorder, signal.SIGKILL)
        self.assertRegex(ann.daemon.hear("not-recorded").words, "the recorder ended")
        read_all(stream)
        ann.ssh.hear("exited")  # hung up
        self.assertEqual(ann.run("echo on")[1], "on\n")
        ann.leave()


if __name__ == "__main__":
    unittest.main()
