"""The three example servers when their policy changes: who is cut off, who is not, and what they say about it."""
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import harness
import living
from living import POLICY, REMOVED, SECONDS

PROGRAMS = "reload", "server", "stream-server"
CONNECTIONS = 300

# What is wrong with a policy, and the place that the log names.
MISTAKES = {
    "word": (POLICY + "alow any\n", "policy:6:1: "),
    "pin": (POLICY.replace("@spki:alice@", "sha256/short"), "policy:3:12: "),
    "file": (POLICY.replace("@pki@/root-ca.pem", "nowhere.pem"), "policy:2:4: "),
    "half": (POLICY[:-9], "policy:5:"),
    "empty": ("", "policy:"),
}

BOOK = """
[ca]
default_ca = clients
[clients]
database = {folder}/revoked.txt
crlnumber = {folder}/crlnumber
default_md = sha256
default_crl_days = 3
"""


class Book:
    """What the clients' CA has revoked, as docs/revocation.md has it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name, text in ("crl.conf", BOOK.format(folder=folder)), ("revoked.txt", ""), ("crlnumber", "01\n"):
            (self.folder / name).write_text(text, encoding="ascii")
        self.publish()

    def ca(self, *arguments):
        pki = harness.PKI
        subprocess.run(["openssl", "ca", "-config", self.folder / "crl.conf", "-cert", pki / "clients-ca.pem", "-keyfile",
                        pki / "clients-ca.key", *arguments], capture_output=True, check=True)

    def revoke(self, name):
        self.ca("-revoke", harness.PKI / f"{name}.pem")

    def publish(self):
        self.ca("-gencrl", "-out", self.folder / "clients.crl.new")
        os.replace(self.folder / "clients.crl.new", self.folder / "clients.crl")


class Living(living.Case):
    def check_story(self, program, version):
        """Somebody deletes alice's line."""
        server = self.serve(program)
        alice, witness = self.enter(living.Watcher(server, "alice", version)), living.Witness(self, server, version)
        saved = {name: living.save_session(server, name, version) for name in ("alice", "mallory")}
        for session in saved.values():
            self.check_resumes(server, session)
        witness.check()
        moment = time.monotonic()
        living.put(server, REMOVED)
        server.process.send_signal(signal.SIGHUP)
        self.check_cut_off(server, alice, moment)
        self.check_kept_out(server, saved["alice"], version)
        witness.check()
        self.check_resumes(server, saved["mallory"])
        self.assertEqual(self.wait_for_reload(server, 1)["generation"], 2)
        living.put(server, POLICY)
        server.process.send_signal(signal.SIGHUP)
        self.wait_for_reload(server, 2)
        self.check_resumes(server, saved["alice"])

    def check_mistake(self, program, text, place):
        """Nothing changes, and a good file is taken later."""
        server = self.serve(program)
        alice, saved = self.enter(living.Watcher(server, "alice")), living.save_session(server, "alice", "1.3")
        living.put(server, text)
        server.process.send_signal(signal.SIGHUP)
        event = harness.until(server.reloads)[0]
        self.assertEqual((event["generation"], event["status"] == "OK"), (1, False), event)
        self.assertIn(place, event["error"])
        self.check_resumes(server, saved)
        self.assertFalse(alice.ended_after(0, 0.5), "she is cut off")
        moment = time.monotonic()
        living.put(server, REMOVED)
        server.process.send_signal(signal.SIGHUP)
        self.check_cut_off(server, alice, moment)
        self.check_kept_out(server, saved, "1.3")
        self.assertEqual(self.wait_for_reload(server, 2)["generation"], 2)

    def check_list(self, program, version):
        """The CA revokes alice; a new list is moved into place."""
        book = Book(self.enter(tempfile.TemporaryDirectory()))
        server = self.serve(program, f"ca @pki@/root-ca.pem\ncrl @pki@/root.crl\ncrl {book.folder}/clients.crl\n"
                            + POLICY.partition("\n")[2].partition("\n")[2])
        alice, witness = self.enter(living.Watcher(server, "alice", version)), living.Witness(self, server, version)
        saved = {name: living.save_session(server, name, version) for name in ("alice", "mallory")}
        book.revoke("alice")
        moment = time.monotonic()
        book.publish()
        server.process.send_signal(signal.SIGHUP)
        self.check_cut_off(server, alice, moment, "REVOKED")
        self.check_kept_out(server, saved["alice"], version, "REVOKED")
        witness.check()
        self.check_resumes(server, saved["mallory"])

    def check_rule_ends(self, program):
        """By itself: nobody reloads, and alice says nothing."""
        last = int(time.time()) + 4
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(last))
        server = self.serve(program, POLICY.replace("@ alice\n", f"@ alice not-after={moment}\n"))
        alice, witness = self.enter(living.Watcher(server, "alice")), living.Witness(self, server)
        time.sleep(max(0, last - time.time()))
        self.assertIsNone(alice.end, "too early")
        self.check_cut_off(server, alice, time.monotonic() + 1, "RULE_EXPIRED")
        witness.check()
        self.assertEqual(server.reloads(), [])

    def expect_statistics(self, server, first, *others):
        found = harness.until(lambda: (lines := server.statistics()) and lines[0].startswith(first) and lines)
        self.assertTrue(found, server.statistics())
        for line in others:
            self.assertIn("  " + line, found)
        return found

    def check_statistics(self, program):
        server = self.serve(program)
        saved = living.save_session(server, "alice", "1.2")
        self.check_resumes(server, saved)
        for name in "other-alice", "none", "none":
            with server.connect() as plain:
                try:
                    harness.client_context(name, "1.2").wrap_socket(plain, server_hostname="127.0.0.1").close()
                except OSError:
                    continue
                self.fail("not refused")
        alice = self.enter(living.Watcher(server, "alice"))
        lines = self.expect_statistics(server, "generation 1, 1 connected, 2 full handshakes and 1 resumed", "RULE: 3",
                                       "UNKNOWN_CA: 1", "NO_CERTIFICATE: 2")
        self.assertNotIn("NO_RULE", "".join(lines))
        if program == "server":
            self.assertRegex("\n".join(lines), r"  domain \[\]: 3 allowed, \d refused\n  rule next to expire: no\n"
                             r"  CA next to expire: 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n  CRL next to expire: no$")
        living.put(server, REMOVED)
        server.process.send_signal(signal.SIGHUP)
        self.check_cut_off(server, alice, time.monotonic())
        self.expect_statistics(server, "generation 2, 0 connected, 2 full handshakes and 1 resumed", "RULE: 3", "NO_RULE: 1")

    def check_descriptors(self, program):
        """However connections end, nothing stays open; meanwhile the policy is reloaded again and again."""
        server = self.serve(program)
        harness.tls(server, "alice").close()
        before = harness.until(lambda: (count := server.descriptors(), time.sleep(2))[0] == server.descriptors() and count)
        for number in range(CONNECTIONS):
            if number % 30 == 0:
                living.put(server, POLICY + f"# {number}\n")
                server.process.send_signal(signal.SIGHUP)
            if number % 3 == 0:
                with server.connect() as plain:
                    plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
                continue
            with harness.tls(server, ("mallory", "other-alice")[number % 3 - 1]) as connection:
                connection.sendall(b"GET /0 HTTP/1.1\r\n\r\n")
        self.assertTrue(harness.until(lambda: server.descriptors() <= before, 20), (before, server.descriptors()))
        self.assertEqual({event["status"] for event in server.reloads()}, {"OK"})

    def check_signals(self, program):
        """None is late, though there are many threads or much to do: a signal wakes the loop up, and alice is cut off at once."""
        server = self.serve(program)
        for _ in range(20):
            self.enter(living.Watcher(server, "mallory"))
        delays = []
        for number in range(1, 17, 2):
            alice = self.enter(living.Watcher(server, "alice"))
            living.put(server, REMOVED)
            moment = time.monotonic()
            server.process.send_signal(signal.SIGHUP)
            delays.append(alice.ended_after(moment))
            self.wait_for_reload(server, number)
            living.put(server, POLICY)
            server.process.send_signal(signal.SIGHUP)
            self.wait_for_reload(server, number + 1)
        self.assertTrue(all(delays), delays)
        self.assertLess(sorted(delays)[-2], SECONDS / 4, delays)  # one of eight may have bad luck


for program in PROGRAMS:
    def add(check, name, *arguments, program=program):
        setattr(Living, f"{check.__name__.replace('check', 'test')}_{program}_{name}",
                lambda self: check(self, program, *arguments))
    for version in harness.VERSIONS:
        add(Living.check_story, version, version)
        add(Living.check_list, version, version)
    for name, case in MISTAKES.items():
        add(Living.check_mistake, name, *case)
    for check in Living.check_rule_ends, Living.check_statistics, Living.check_descriptors, Living.check_signals:
        add(check, "all")
harness.main()
