#!/usr/bin/env python3
"""PAM in a login: what its modules set, how its refusals are told, and that modules that hang or crash hurt nobody else (lab.py).

PAM_ODD names the module of pam_odd.c; SHIPPED the service file that is installed.
"""
import os, shutil, unittest

import lab
from lab import Login, wait_for, write

lab.enter()
SUPERVISOR = lab.Supervisor()
ODD = os.environ["PAM_ODD"]
SHIPPED = os.environ["SHIPPED"]


def service(name, *lines):
    """A service of these lines; what is not said is permitted."""
    kinds = {line.split()[0].lstrip("-") for line in lines}
    permit = [f"{kind} required pam_permit.so" for kind in ("auth", "account", "session") if kind not in kinds]
    return write(f"{lab.FOLDER}/pam/{name}", "\n".join([*lines, *permit]) + "\n")


class Refusals(unittest.TestCase):
    def refused(self, user, *lines):
        login = Login(SUPERVISOR, pam_service=service("refuses", *lines))
        verdict = login.decide(login.ask(user))
        self.assertEqual(verdict.accept, 0)
        # Whom policy accepts and this machine does not, policy is not asked for again.
        login.ssh.say("login", request=login.request(), user=user, method=2)
        again = login.ssh.hear("login-verdict")
        self.assertEqual((again.accept, again.tell), (0, verdict.tell))
        login.leave()
        return verdict.tell

    def test_are_told_in_a_line(self):
        self.assertEqual(self.refused("ann", "account required pam_deny.so"),
                         "this account may not be used now: Authentication failure")

    def test_of_a_closed_machine_are_told_in_its_own_words(self):
        notice = write(f"{lab.FOLDER}/nologin", "Going down\nfor repair.\n")
        self.assertEqual(self.refused("ann", f"account required pam_nologin.so file={notice}"),
                         "this account may not be used now: Going down for repair.")

    def test_of_expired_accounts_are_unixs_own(self):
        self.assertRegex(self.refused("expired", "account required pam_unix.so"), "^this account may not be used now: .*expired")

    def test_of_the_session_are_refusals_too(self):
        self.assertEqual(self.refused("ann", "session required pam_deny.so"), "PAM opens no session: Cannot make/remove an entry for the specified session")

    def test_follow_where_a_module_asks_and_nobody_can_answer(self):
        self.assertRegex(self.refused("ann", f"account required {ODD} account prompt"), "^this account may not be used now: ")

    def test_name_a_shell_that_is_not_there(self):
        self.assertEqual(self.refused("oddshell", "account required pam_permit.so"),
                         'the shell "/no/such/shell" of account "oddshell" cannot be used: No such file or directory')

    def test_leave_nothing_open(self):
        login = Login(SUPERVISOR, pam_service=service("half", "session required pam_permit.so", "session required pam_deny.so"))
        login.decide(login.ask("ann"))
        login.ssh.say("open", channel=0, kind=2, command="true")
        self.assertTrue(login.ssh.is_closed())
        self.assertTrue(wait_for(lambda: "a channel before the login" in SUPERVISOR.log()))


class WithoutPam(unittest.TestCase):
    def test_expired_and_locked_accounts_are_refused(self):
        for user, words in (("expired", "has expired"), ("locked", "is locked")):
            login = Login(SUPERVISOR)
            self.assertEqual(login.decide(login.ask(user)).tell, f'the account "{user}" {words}')
            login.leave()

    def test_accounts_that_are_not_there_are_refused_though_policy_accepts_them(self):
        login = Login(SUPERVISOR)
        may = login.ask("no\x1bone")
        self.assertEqual((may.exists, may.is_root), (0, 0))
        self.assertEqual(login.decide(may).tell, r'there is no account "no\x1bone" here')
        login.leave()


class Modules(unittest.TestCase):
    def log_in(self, *lines, user="ann"):
        return Login(SUPERVISOR, pam_service=service("sets", *lines)).log_in(user)

    def test_set_the_environment(self):
        env = write(f"{lab.FOLDER}/pam_env.conf", "FROM_PAM DEFAULT=yes\n")
        ann = self.log_in(f"session required pam_env.so conffile={env} envfile=/etc/environment")
        self.assertEqual(ann.run("echo $FROM_PAM $FROM_FILE")[1], "yes a b\n")
        ann.leave()

    def test_set_limits_umask_and_login_uid(self):
        limits = write(f"{lab.FOLDER}/limits.conf", "ann hard nofile 77\nann soft fsize 0\n")
        ann = self.log_in(f"session required pam_limits.so conf={limits}", "session required pam_umask.so umask=027",
                          "session optional pam_loginuid.so")
        self.assertEqual(ann.run("ulimit -n; ulimit -f; umask; cat /proc/self/loginuid; echo")[1], "77\n0\n0027\n2001\n")
        self.assertEqual(ann.run_on_terminal("echo still")[1], "still\r\n")
        ann.leave()

    def test_make_homes(self):
        homeless = self.log_in("session required pam_mkhomedir.so", user="homeless")
        self.assertEqual(homeless.run("pwd"), (0, "/home/gone\n", ""))
        homeless.leave()
        shutil.rmtree("/home/gone")

    def test_know_the_source(self):
        out = f"{lab.FOLDER}/pam_exec.out"
        ann = self.log_in(f"session required pam_exec.so log={out} /usr/bin/env")
        text = open(out).read()
        for line in ("PAM_USER=ann", f"PAM_RHOST={lab.SOURCE}", "PAM_TTY=ssh", "PAM_TYPE=open_session", "PAM_SERVICE=sets"):
            self.assertIn(line, text.splitlines())
        ann.leave()
        self.assertTrue(wait_for(lambda: "PAM_TYPE=close_session" in open(out).read().splitlines()))

    def test_have_their_texts_shown_to_interactive_shells(self):
        motd = write(f"{lab.FOLDER}/motd.pam", "from the module\n")
        ann = self.log_in(f"session optional pam_motd.so motd={motd} noupdate", "session required pam_permit.so")
        self.assertIn("from the module", ann.run_on_terminal("", kind="shell", given=b"exit\n")[1])
        self.assertNotIn("from the module", ann.run("true")[1])
        ann.leave()


class Misbehaviour(unittest.TestCase):
    def test_a_module_that_hangs_ends_with_the_time_for_the_login_and_holds_up_nobody(self):
        hanging = Login(SUPERVISOR, grace_s=6, pam_service=service("hangs", f"session required {ODD} session hang"))
        may = hanging.ask("ann")
        hanging.daemon.say("decision", request=may.request, accept=1)
        other = Login(SUPERVISOR).log_in("ann")
        self.assertEqual(other.run("echo here")[1], "here\n")
        other.leave()
        self.assertTrue(hanging.ssh.is_closed())
        self.assertTrue(hanging.daemon.is_closed())
        self.assertTrue(wait_for(lambda: "was killed by signal 9" in SUPERVISOR.log()))

    def test_a_module_that_crashes_ends_its_login_alone(self):
        crashing = Login(SUPERVISOR, pam_service=service("crashes", f"account required {ODD} account crash"))
        may = crashing.ask("ann")
        crashing.daemon.say("decision", request=may.request, accept=1)
        self.assertTrue(crashing.ssh.is_closed())
        self.assertTrue(crashing.daemon.is_closed())
        other = Login(SUPERVISOR).log_in("ann")
        self.assertEqual(other.run("echo here")[1], "here\n")
        other.leave()
        self.assertTrue(wait_for(lambda: "was killed by signal 6" in SUPERVISOR.log()))

    def test_a_module_that_hangs_at_the_end_does_not_hang_for_ever(self):
        ann = Login(SUPERVISOR, pam_service=service("lingers", f"session required {ODD} close hang")).log_in("ann")
        killed = lambda: SUPERVISOR.log().count("was killed by signal 9")
        before = killed()
        self.assertEqual(ann.run("echo here; nohup sleep 3333 >/dev/null 2>&1 </dev/null &")[1], "here\n")
        ann.leave()
        # Though the login's process was killed for it, what the user wanted to stay does.
        self.assertTrue(wait_for(lambda: killed() > before))
        self.assertTrue(lab.processes("sleep\x003333"))
        lab.kill_all("sleep\x003333")


class Shipped(unittest.TestCase):
    """The file that is installed, among Debian's common ones."""
    def test_opens_a_session_with_what_it_promises(self):
        lab.run("mount", "--bind", SHIPPED, "/etc/pam.d/sshd")  # the one name that is there
        try:
            ann = Login(SUPERVISOR, pam_service="sshd").log_in("ann")
            self.assertEqual(ann.run("echo $FROM_FILE; cat /proc/self/loginuid; echo; umask"), (0, "a b\n2001\n0022\n", ""))
            self.assertIn("static motd", ann.run_on_terminal("", kind="shell", given=b"exit\n")[1])
            ann.leave()
            write("/run/nologin", "closed today\n")
            closed = Login(SUPERVISOR, pam_service="sshd")
            self.assertIn("closed today", closed.decide(closed.ask("ann")).tell)
            closed.leave()
            root = Login(SUPERVISOR, pam_service="sshd").log_in("root")
            root.leave()
        finally:
            if os.path.exists("/run/nologin"):
                os.unlink("/run/nologin")
            lab.run("umount", "/etc/pam.d/sshd")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
