"""The example client: its command line, servers that it refuses, and a server that refuses it."""
import socket
import subprocess
import tempfile
import unittest

import client
import foreign
import harness

PKI = harness.PKI
ROOT = ["--ca", PKI / "root-ca.pem"]
POLICY = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n"
NO_KEY = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
HERE = ["--connect", "localhost:1"]

# Arguments, exit status, what the output has in it.
USAGE = {
    "help": (["--help"], 0, "usage: client --connect HOST:PORT"),
    "help says the defaults": (["--help"], 0, "PATH is / by default"),
    "nothing": ([], 2, "client: --connect is HOST:PORT"),
    "unknown": ([*HERE, "--bogus"], 2, "unrecognized option '--bogus'"),
    "short": ([*HERE, "-x"], 2, "invalid option -- 'x'"),
    "argument": ([*HERE, "page"], 2, "usage: client"),
    "value missing": (["--connect"], 2, "option '--connect' requires an argument"),
    "resume with a value": ([*HERE, "--resume=twice"], 2, "doesn't allow an argument"),
    "no port": (["--connect", "localhost"], 2, "client: --connect is HOST:PORT"),
    "empty port": (["--connect", "localhost:"], 2, "client: --connect is HOST:PORT"),
    "port too big": (["--connect", "localhost:65536"], 2, "client: --connect is HOST:PORT"),
    "no host": (["--connect", ":443"], 2, "client: --connect is HOST:PORT"),
    "any host": (["--connect", "*:443"], 2, "client: --connect is HOST:PORT"),
    "empty host": (["--connect", "[]:443"], 2, "client: --connect is HOST:PORT"),
    "unbracketed": (["--connect", "::1:443"], 2, "an IPv6 address stands in brackets"),
    "bracket open": (["--connect", "[::1:443"], 2, "client: --connect is HOST:PORT"),
    "very long": (["--connect", 1000 * "x" + ":443"], 2, "client: --connect is HOST:PORT"),
    "policy and ca": ([*HERE, "--policy", "p", *ROOT], 2, "client: --policy replaces --ca and --pin"),
    "policy and pin": ([*HERE, "--policy", "p", "--pin", NO_KEY], 2, "client: --policy replaces --ca and --pin"),
    "no key": ([*HERE, "--cert", PKI / "alice.pem"], 2, "client: --cert and --key belong together"),
    "no certificate": ([*HERE, "--key", PKI / "alice.key"], 2, "client: --cert and --key belong together"),
    "path": ([*HERE, "--path", "page"], 2, "client: --path begins with /"),
    "path with a space": ([*HERE, "--path", "/a b"], 2, "client: --path begins with /"),
    "path with a line break": ([*HERE, "--path", "/ HTTP/1.1\r\nX: y"], 2, "client: --path begins with /"),
    "path too long": ([*HERE, "--path", "/" + 5000 * "x"], 2, "client: --path begins with /"),
    "too many pins": ([*HERE, *(17 * ["--pin", NO_KEY])], 2, "client: too many --ca or --pin"),
}

# Arguments besides --connect, and what the one line says; the exit status is 1.
START = {
    "policy": (["--policy", "nowhere"], "client: nowhere: No such file or directory"),
    "ca": (["--ca", "nowhere.pem"], "client: nowhere.pem: No such file or directory"),
    "second ca": ([*ROOT, "--ca", "nowhere.pem"], "client: nowhere.pem: No such file or directory"),
    "key as ca": (["--ca", PKI / "alice.key"], "no PEM certificate in it"),
    "intermediate as ca": (["--ca", PKI / "servers-ca.pem"], "is not self-signed"),
    "short pin": ([*ROOT, "--pin", "sha256/short"], "client: sha256/short: this is base64 of a wrong length"),
    "pin in sha1": ([*ROOT, "--pin", "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
                    "client: sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAA=: this is a SHA-1 value"),
    "second pin": ([*ROOT, "--pin", NO_KEY, "--pin", "sha256/short"],
                   "client: sha256/short: this is base64 of a wrong length"),
    "certificate": ([*ROOT, "--cert", "nowhere.pem", "--key", PKI / "alice.key"], "client: nowhere.pem: "),
    "key": ([*ROOT, "--cert", PKI / "alice.pem", "--key", "nowhere.key"], "client: nowhere.key: "),
    "key of another": ([*ROOT, "--cert", PKI / "alice.pem", "--key", PKI / "mallory.key"], "does not belong to the cert"),
    "nobody listens": (ROOT, "client: localhost:1: no connection: Connection refused"),
    "unknown host": ([*ROOT, "--connect", "nowhere.invalid:443"], "client: nowhere.invalid:443: no connection: Name or "),
    "unknown port": ([*ROOT, "--connect", "localhost:nowhere"], "client: localhost:nowhere: no connection: Servname "),
    "unknown address": ([*ROOT, "--connect", "[::1%nowhere]:443"], "client: [::1%nowhere]:443: no connection: Name or "),
}

# A server's certificate, the host that it is asked for as, pins, and the reason; RULE lets it in.
PINS = {
    "none": ("server", "localhost", [], "RULE"),
    "address": ("server", "127.0.0.1", [], "RULE"),
    "key": ("server", "localhost", ["server"], "RULE"),
    "renewed": ("server-renewed", "localhost", ["server"], "RULE"),
    "backup": ("server-rsa", "localhost", ["server", "server-rsa"], "RULE"),
    "ca": ("server", "localhost", ["servers-ca"], "RULE"),
    "root": ("server", "localhost", ["root-ca"], "RULE"),
    "upper ca": ("server-deep", "localhost", ["upper-ca"], "RULE"),
    "wrong": ("server", "localhost", ["server-rsa"], "NO_RULE"),
    "all wrong": ("server", "localhost", ["server-rsa", "server-ed25519", "upper-ca"], "NO_RULE"),
    "ca that is only presented": ("server-with-upper", "localhost", ["upper-ca"], "NO_RULE"),
    "certificate that is only presented": ("server-with-db", "localhost", ["server-db"], "NO_RULE"),
    "stranger's key": ("other-server", "localhost", ["other-server"], "UNKNOWN_CA"),
    "stranger's ca": ("other-server", "localhost", ["other-ca"], "UNKNOWN_CA"),
    "self-signed": ("self-server", "localhost", ["self-server"], "UNKNOWN_CA"),
    "expired": ("server-expired", "localhost", ["server-expired"], "EXPIRED"),
    "a client's": ("server-as-client", "localhost", ["server-as-client"], "PURPOSE"),
    "another host": ("server-db", "localhost", ["server-db"], "HOST_MISMATCH"),
    "a name for an address": ("server-name-only", "127.0.0.1", [], "HOST_MISMATCH"),
    "common name": ("server-cn-only", "localhost", [], "HOST_MISMATCH"),
}

# Clients whom our server refuses, and what they are told.
REFUSED = {
    "none": "the server wants a client certificate: use --cert and --key",
    "mallory": "the server does not accept our certificate: is --cert the right one?",
    "expired": "the server says that our certificate has expired: is --cert the right one?",
    "other-alice": "the server does not know the CA of our certificate: is --cert the right one?",
    "server-eku": "the server does not take client certificates of this kind: is --cert the right one?",
}


class Options(unittest.TestCase):
    def check_usage(self, arguments, status, text):
        done = subprocess.run([client.CLIENT, *map(str, arguments)], capture_output=True, text=True, check=False,
                              timeout=harness.PATIENCE, env=harness.environment())
        said, silent = (done.stdout, done.stderr) if status == 0 else (done.stderr, done.stdout)
        self.assertEqual((done.returncode, silent), (status, ""))
        self.assertIn(text, said)

    def check_start(self, arguments, message):
        done = client.run(*HERE, *arguments)
        self.assertEqual((done.status, done.output, done.events, len(done.words)), (1, "", [], 1), done)
        self.assertIn(message, done.words[0])


class Judging(unittest.TestCase):
    """Our own server, with other certificates."""

    def refused(self, done, reason):
        self.assertEqual((done.status, done.output, len(done.words)), (1, "", 1), done)
        self.assertRegex(done.words[0], rf"^client: .*:\d+ is refused: .* \({reason}\)$")
        self.assertEqual([(event["verdict"], event["reason"]) for event in done.events], [("deny", reason)])

    def check_pins(self, certificate, host, pins, reason):
        chain, key = foreign.files_of(certificate)
        with harness.Server(POLICY, cert=chain, key=key) as server:
            pins = [word for name in pins for word in ("--pin", harness.spki(name))]
            done = client.run("--connect", f"{host}:{server.address[1]}", *ROOT, *pins, *client.identity("alice"))
            if reason != "RULE":
                self.refused(done, reason)
                heard = harness.until(lambda: [event["reason"] for event in server.events()])
                self.assertEqual(heard, ["HANDSHAKE_FAILED"], "our server has not let the client in")
                return
        self.assertEqual((done.status, done.output, done.words), (0, "hello, alice! (path: /)\n", []), done)
        self.assertEqual([(event["verdict"], event["reason"]) for event in done.events], [("allow", "RULE")])
        self.assertEqual(done.events[0]["host"], host)

    def test_system(self):
        """Without --ca the system's CAs count, and ours is none of them."""
        with harness.Server(POLICY) as server:
            self.refused(client.run("--connect", harness.address_text(server.address)), "UNKNOWN_CA")

    def test_two_cas(self):
        with harness.Server(POLICY, cert=PKI / "other-server.pem", key=PKI / "other-server.key") as server:
            done = client.run("--connect", f"localhost:{server.address[1]}", *ROOT, "--ca", PKI / "other-ca.pem",
                              *client.identity("alice"), "--path", "/two")
            self.assertEqual((done.status, done.output), (0, "hello, alice! (path: /two)\n"), done)

    def test_policy(self):
        """A policy file's label is in the audit log, and its domains are for hosts."""
        policy = "host localhost\nca @pki@/root-ca.pem\nallow spki @spki:server@ \"our server\"\n"
        with harness.Server(POLICY) as server, tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(harness.policy_text(policy))
            file.flush()
            options = "--policy", file.name, *client.identity("alice")
            done = client.run("--connect", f"localhost:{server.address[1]}", *options)
            self.assertEqual((done.status, done.output), (0, "hello, alice! (path: /)\n"), done)
            self.assertEqual([(event["verdict"], event["label"]) for event in done.events], [("allow", "our server")])
            self.refused(client.run("--connect", f"127.0.0.1:{server.address[1]}", *options), "NO_DOMAIN")

    def test_key_as_uri(self):
        """What a token's URI goes through as well: OpenSSL's store."""
        with harness.Server(POLICY) as server:
            done = client.run("--connect", f"localhost:{server.address[1]}", *ROOT,
                              "--cert", f"file:{PKI}/alice-chain.pem", "--key", f"file:{PKI}/alice.key")
            self.assertEqual((done.status, done.output), (0, "hello, alice! (path: /)\n"), done)

    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            self.skipTest(f"no ::1 here: {error}")
        with harness.Server(POLICY, listen="[::1]:0") as server:
            done = client.run("--connect", harness.address_text(server.address), *ROOT, *client.identity("alice"))
            self.assertEqual((done.status, done.output), (0, "hello, alice! (path: /)\n"), done)
            self.assertEqual(done.events[0]["host"], "::1")
        with harness.Server(POLICY, listen="[::1]:0", cert=PKI / "server-name-only-chain.pem",
                            key=PKI / "server-name-only.key") as server:
            self.refused(client.run("--connect", harness.address_text(server.address), *ROOT), "HOST_MISMATCH")


class Refused(unittest.TestCase):
    """By our own server, under TLS 1.3: after a handshake that went well."""
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server(POLICY)
        cls.addClassCleanup(cls.server.__exit__, None)

    def ask(self, *options):
        return client.run("--connect", f"localhost:{self.server.address[1]}", *ROOT, *options)

    def check_refused(self, name, words):
        done = self.ask(*client.identity(name), "--resume")
        self.assertEqual((done.status, done.output), (1, ""), done)
        self.assertEqual(done.words, [f"client: localhost:{self.server.address[1]}: {words}"])
        self.assertEqual([(event["verdict"], event["protocol"]) for event in done.events], [("allow", "TLSv1.3")])

    def test_resume(self):
        """The second visit is a resumed session on both sides."""
        done = self.ask(*client.identity("alice"), "--resume", "--path", "/again")
        self.assertEqual((done.status, done.output), (0, 2 * "hello, alice! (path: /again)\n"), done)
        self.assertEqual(done.words, ["client: the session was resumed"])
        self.assertEqual([(event["verdict"], event["resumed"]) for event in done.events], [("allow", False), ("allow", True)])

    def test_status(self):
        """A path that our server does not take."""
        done = self.ask(*client.identity("alice"), "--path", "/" + 2000 * "x")
        self.assertEqual((done.status, done.output), (1, ""), done)
        self.assertEqual(done.words, [f"client: localhost:{self.server.address[1]}: the server answers with status: 400"])


def add(where, check, name, case):
    setattr(where, f"{check.__name__.replace('check', 'test')}_{name}", lambda self: check(self, *case))


for name, case in USAGE.items():
    add(Options, Options.check_usage, name, case)
for name, case in START.items():
    add(Options, Options.check_start, name, case)
for name, case in PINS.items():
    add(Judging, Judging.check_pins, name, case)
for name, words in REFUSED.items():
    add(Refused, Refused.check_refused, name, (name, words))
harness.main()
