#!/usr/bin/env python3
"""Break-glass: who gets in while there is no valid table, and that nobody does by it once there is one."""
import os, sys, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import *

POLICY = {"tagOwners": {"tag:srv": ["autogroup:admin"]}, "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": ["tcp:8000"]}]}


class BreakGlass(unittest.TestCase):
    def setUp(self):
        reason = missing()
        if reason:
            print(f"SKIPPED: needs {reason}", file=sys.stderr)
            os._exit(SKIPPED)

    def test_it_holds_until_there_is_a_table_and_not_longer(self):
        with Lab() as lab:
            laptop = lab.add("laptop", 1, owner="ann@example.com")
            server = lab.add("server", 2, tags=["tag:srv"])
            stranger = lab.add("stranger", 3, enforces=None)
            lab.up()
            server.serve(22, 23, 8000)
            lab.publish(POLICY)
            os.rename(lab.trust_file, lab.trust_file + ".away")
            entry = lambda who, source: f'\n[[break_glass]]\nfrom = "{source}"\nkey = "{who.public}"\nports = ["22/tcp"]\nlogin = "root"\n'
            # The second entry's address is WireGuard's at another key: it must not open anything.
            server.write_config(break_glass=entry(laptop, laptop.v4) + entry(laptop, stranger.v4))
            server.start_daemon()
            status = server.status()
            self.assertEqual((status["state"], status["generation"]), ("break-glass", None))
            self.assertIn("E1303", status["last_error"])
            self.assertEqual(server.ask("status").returncode, 1)
            self.assertTrue(laptop.tcp(server.v4, 22))
            self.assertFalse(laptop.tcp(server.v4, 23, 0.4))
            self.assertFalse(laptop.tcp(server.v6, 22, 0.4))
            self.assertFalse(laptop.tcp(server.v4, 8000, 0.4))
            self.assertFalse(stranger.tcp(server.v4, 22, 0.4))
            self.assertTrue(wait_for(lambda: "break-glass" in [d["event"] for d in server.decisions()]))

            os.rename(lab.trust_file + ".away", lab.trust_file)
            self.assertEqual(server.ask("reload").returncode, 0)
            self.assertTrue(server.enforces_generation(1), server.status())
            self.assertFalse(laptop.tcp(server.v4, 22, 0.4))
            self.assertTrue(laptop.tcp(server.v4, 8000))

    def test_without_entries_all_is_denied(self):
        with Lab() as lab:
            laptop = lab.add("laptop", 1, owner="ann@example.com")
            server = lab.add("server", 2, tags=["tag:srv"])
            lab.up()
            server.serve(22)
            os.unlink(lab.trust_file)
            server.start_daemon()
            self.assertEqual(server.status()["state"], "deny-all")
            for address in (server.v4, server.v6):
                self.assertFalse(laptop.tcp(address, 22, 0.4))
                self.assertFalse(laptop.ping(address, 1))
            self.assertIn("no valid table", server.ask("why", laptop.v4, "self:22").stderr)
            # A misspelled configuration does not replace the one that holds.
            with open(server.config, "a") as file:
                file.write("sorce = 1\n")
            done = server.ask("reload")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn('unknown key "sorce"', done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
