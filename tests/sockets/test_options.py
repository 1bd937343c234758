"""The example server's command line, and what it says when it cannot start."""
import os
import pathlib
import re
import shutil
import socket
import tempfile
import unittest

import harness

PKI = harness.PKI
POLICY = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n"
GOOD = {"--listen": "127.0.0.1:0", "--cert": PKI / "server-chain.pem", "--key": PKI / "server.key", "--policy": "policy"}

# Arguments, exit status, what the output has in it.
USAGE = {
    "help": (["--help"], 0, "usage: server [--listen ADDRESS:PORT]"),
    "unknown": (["--bogus"], 2, "unrecognized option '--bogus'"),
    "unknown, again": (["--bogus"], 2, "usage: server"),
    "short": (["-x"], 2, "invalid option -- 'x'"),
    "argument": (["policy"], 2, "usage: server"),
    "value missing": (["--listen"], 2, "option '--listen' requires an argument"),
    "help with a value": (["--help=me"], 2, "usage: server"),
    "optional with a value": (["--optional=yes"], 2, "usage: server"),
}

# One option that differs from GOOD, and the whole message; the status is 1.
START = {
    "no policy": ({"--policy": "nowhere"}, "server: nowhere: No such file or directory"),
    "no certificate": ({"--cert": "nowhere.pem"}, "server: nowhere.pem: "),
    "no key": ({"--key": "nowhere.key"}, "server: nowhere.key: "),
    "key of another": ({"--key": PKI / "alice.key"}, f"{PKI}/alice.key: the key does not belong to the certificate"),
    "certificate as key": ({"--key": PKI / "alice.pem"}, f"server: {PKI}/alice.pem: no private key in it"),
    "key as certificate": ({"--cert": PKI / "alice.key"}, f"server: {PKI}/alice.key: "),
    "unknown scheme": ({"--key": "nosuch:thing"}, "server: nosuch:thing: the key cannot be opened"),
    "no address": ({"--listen": "127.0.0.300:0"}, "cannot listen on 127.0.0.300:0: Name or service not known"),
    "unbracketed": ({"--listen": "::1:0"}, "cannot listen on ::1:0: not ADDRESS:PORT"),
    "no port": ({"--listen": "127.0.0.1"}, "cannot listen on 127.0.0.1: not ADDRESS:PORT"),
    "port alone": ({"--listen": "8443"}, "cannot listen on 8443: not ADDRESS:PORT"),
    "words": ({"--listen": "127.0.0.1:nonsense"}, "cannot listen on 127.0.0.1:nonsense: Servname not supported"),
    "port too big": ({"--listen": "127.0.0.1:99999"}, "cannot listen on 127.0.0.1:99999: not ADDRESS:PORT"),
    "not ours": ({"--listen": "192.0.2.254:0"}, "cannot listen on 192.0.2.254:0: Cannot assign requested address"),
}

# A policy that is wrong, and the place that the message names.
POLICIES = {
    "word": ("ca root-ca.pem\npermit any\n", "2:1:"),
    "pin": ("ca root-ca.pem\n\nallow spki sha256/short alice\n", "3:12:"),
    "file": ("ca nowhere.pem\nallow any\n", "1:4:"),
    "no ca": ("allow any all\n", r"1:\d+:"),
    "no newline": ("ca root-ca.pem\nallow any all", r"2:\d+:"),
    "empty": ("", ""),
}


class Options(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(os.chdir, os.getcwd())
        self.addCleanup(folder.cleanup)
        os.chdir(folder.name)
        shutil.copy(PKI / "root-ca.pem", "root-ca.pem")
        self.write(harness.policy_text(POLICY))

    def write(self, text):
        pathlib.Path("policy").write_text(text, encoding="utf-8")

    def run_with(self, changes):
        done = harness.run_server(*(word for pair in (GOOD | changes).items() for word in pair))
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, r"\A[^\n]+\n\Z", "one line")
        return done.stderr

    def check_usage(self, arguments, status, text):
        done = harness.run_server(*arguments)
        said, silent = (done.stdout, done.stderr) if status == 0 else (done.stderr, done.stdout)
        self.assertEqual((done.returncode, silent), (status, ""))
        self.assertIn(text, said)

    def check_start(self, changes, message):
        self.assertIn(message, self.run_with(changes))

    def check_policy(self, text, place):
        self.write(text)
        self.assertRegex(self.run_with({}), rf"^server: policy:{place} ")

    def test_defaults(self):
        """Those that --help tells are those that are used."""
        told = dict(re.findall(r"(--\w+) (\S+)", harness.run_server("--help").stdout.partition("The defaults:")[2]))
        self.assertEqual(told.keys(), GOOD.keys())
        self.assertEqual(told.pop("--listen"), "127.0.0.1:8443")
        for name, value in told.items():
            done = harness.run_server(*(word for pair in GOOD.items() if pair[0] != name for word in pair))
            self.assertEqual(done.returncode, 1)
            self.assertTrue(done.stderr.startswith(f"server: {value}: "), done.stderr)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = harness.address_text(other.getsockname())
            self.assertEqual(self.run_with({"--listen": address}),
                             f"server: cannot listen on {address}: Address already in use\n")

    def test_key_as_uri(self):
        """What a token's URI goes through as well: OpenSSL's store."""
        with harness.Server(POLICY, cert=f"file:{PKI}/server-chain.pem", key=f"file:{PKI}/server.key") as server:
            self.assertEqual(harness.greeting(server, "alice"), "hello, alice! (path: /)\n")

    def test_kinds_of_keys(self):
        for name in "server-rsa", "server-ed25519":
            with harness.Server(POLICY, cert=PKI / f"{name}-chain.pem", key=PKI / f"{name}.key") as server:
                for version in harness.VERSIONS:
                    self.assertEqual(harness.greeting(server, "alice", version), "hello, alice! (path: /)\n")

    def test_same_port_again(self):
        """Connections of the last server in TIME_WAIT do not keep the next one from starting."""
        with harness.Server(POLICY) as first:
            address = harness.address_text(first.address)
            idle = harness.tls(first, "alice")
            self.assertEqual(harness.get(idle, "/")[0], 200)
        with harness.Server(POLICY, listen=address) as second:
            self.assertEqual(harness.greeting(second, "alice"), "hello, alice! (path: /)\n")
        idle.close()


def add(check, name, case):
    setattr(Options, f"{check.__name__.replace('check', 'test')}_{name}", lambda self: check(self, *case))


for table, check in (USAGE, Options.check_usage), (START, Options.check_start), (POLICIES, Options.check_policy):
    for name, case in table.items():
        add(check, name, case)
harness.main()
