"""The example's command line, its messages and exit statuses, and servers that are not the tests' own."""
import contextlib
import os
import pathlib
import pty
import re
import subprocess
import tempfile
import time
import unittest

from programs import EXAMPLE, FEATURES, environment, example, harness, policy_file, run
import servers

PKI = harness.PKI
POLICY = 'ca @pki@/root-ca.pem\nallow spki @spki:server@ "the server"\n'
OTHER = "ca @pki@/root-ca.pem\nallow spki @spki:server-rsa@ another\n"
FOR_CLIENTS = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n"

# Arguments, exit status, what the output has in it.
USAGE = {
    "help": (["--help"], 0, "usage: libcurl --policy FILE"),
    "nothing": ([], 2, "usage: libcurl"),
    "no URL": (["--policy", "p"], 2, "usage: libcurl"),
    "no policy": (["https://localhost:1/"], 2, "usage: libcurl"),
    "certificate without key": (["--policy", "p", "--cert", "c", "https://localhost:1/"], 2, "usage: libcurl"),
    "key without certificate": (["--policy", "p", "--key", "k", "https://localhost:1/"], 2, "usage: libcurl"),
    "unknown": (["--insecure", "https://localhost:1/"], 2, "unrecognized option '--insecure'"),
    "value missing": (["--policy"], 2, "option '--policy' requires an argument"),
}

# Arguments, with @url@ for a server's URL, and how the message begins; libcurl's own words differ between versions. The
# status is 1, and no handshake is finished.
GOOD = ["--policy", policy_file(POLICY)]
START = {
    "no such policy": (["--policy", "nowhere", "@url@"], "libcurl: nowhere: No such file or directory"),
    "wrong policy": (["--policy", policy_file("ca @pki@/root-ca.pem\npermit any\n"), "@url@"], r"libcurl: \S+:2:1: "),
    "not https": ([*GOOD, "http@rest@"], r"libcurl: http://localhost:\d+/: \w"),
    "no URL at all": ([*GOOD, "https://:/"], r"libcurl: https://:/: \w"),
    "nobody listens": ([*GOOD, "https://localhost:1/"], r"libcurl: https://localhost:1/: \w"),
    "no such certificate": ([*GOOD, "--cert", "nowhere.pem", "--key", PKI / "alice.key", "@url@"],
                            r"libcurl: https://localhost:\d+/: \w"),
    "key of another": ([*GOOD, "--cert", PKI / "alice.pem", "--key", PKI / "kiosk.key", "@url@"],
                       r"libcurl: https://localhost:\d+/: \w"),
}

# The URL of a server of localhost and 127.0.0.1, and the name that its certificate has for it.
FORMS = {
    "name": ("https://localhost:@port@/", "localhost"),
    "no scheme": ("localhost:@port@", "localhost"),
    "capitals": ("HTTPS://LOCALHOST:@port@/", "localhost"),
    "with a user": ("https://127.0.0.1:secret@localhost:@port@/", "localhost"),
    "address": ("https://127.0.0.1:@port@/", ""),
    "address without scheme": ("127.0.0.1:@port@", ""),
    "address, short": ("https://127.1:@port@/", ""),
    "address, one number": ("https://2130706433:@port@/", ""),
    "address, hexadecimal": ("https://0x7f000001:@port@/", ""),
}


class Example(unittest.TestCase):
    def check_usage(self, arguments, status, text):
        done = run(EXAMPLE, arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(text, done.stdout if status == 0 else done.stderr)
        self.assertEqual(done.stderr if status == 0 else done.stdout, "")

    def check_start(self, arguments, message):
        with servers.Server() as server:
            rest = f"://localhost:{server.port}/"
            words = [str(word).replace("@url@", "https" + rest).replace("@rest@", rest) for word in arguments]
            done = run(EXAMPLE, words)
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
            self.assertRegex(done.stderr, "^" + message)
            self.assertNotIn(True, [heard.finished for heard in server.finish()])

    def check_form(self, url, name):
        with servers.Server() as server:
            url = url.replace("@port@", str(server.port))
            done = example(POLICY, url)
        certified = f", certified as {name}" if name else ""
        self.assertEqual(done.stderr, f'libcurl: {url}: status 200 from "the server"{certified}\n')
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))

    def test_ipv6_address(self):
        try:
            server = servers.Server(address="::1")
        except OSError as error:
            self.skipTest(f"no IPv6 on this machine: {error}")
        with server:
            done = example(POLICY, f"https://[::1]:{server.port}/")
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"), done.stderr)

    def test_status(self):
        """Answers of an allowed server that are no success. A redirection is not followed."""
        with servers.Server() as server:
            for path, status in ("404", 404), (f"to?https://localhost:{server.port}/", 302):
                done = example(POLICY, f"https://localhost:{server.port}/{path}")
                self.assertEqual((done.returncode, done.stdout), (1, "hello\n"))
                self.assertIn(f": status {status} from ", done.stderr)
            self.assertEqual([heard.bytes.count(b"GET /") for heard in server.finish()], [1, 1])

    def test_several(self):
        """One connection for all that goes to the same server; one failure is enough for the exit status."""
        with servers.Server() as server, servers.Server("server-rsa") as other:
            good, bad = (f"https://localhost:{place.port}/" for place in (server, other))
            self.assertEqual(example(POLICY, good, good, good).returncode, 0)
            for urls in (good, bad), (bad, good):
                done = example(POLICY, *urls)
                self.assertEqual((done.returncode, done.stdout), (1, "hello\n"))
                self.assertIn(f"{bad}: the server is refused: no rule allows the peer (NO_RULE)\n", done.stderr)
            self.assertEqual([heard.bytes.count(b"GET /") for heard in server.finish()], [3, 1, 1])
            self.assertEqual([heard.bytes for heard in other.finish()], [b"", b""])

    @unittest.skipUnless("HTTP2" in FEATURES, "this libcurl has no HTTP/2")
    def test_rule_expires(self):
        """Between two requests: the kept connection is given up, and the next one refused in its handshake. libcurl would
        give up one of HTTP/1.1 by itself, and keep one of HTTP/2."""
        end = int(time.time()) + 5
        policy = f"ca @pki@/root-ca.pem\nallow spki @spki:server@ server not-after={rfc3339(end)}\n"
        with servers.Server() as old, servers.Http2Server() as new:
            urls = [f"https://localhost:{server.port}/" for server in (old, new)]
            done = example(policy, urls[1], f"{urls[0]}until?{end + 1.5}", *urls, *urls)
            self.assertEqual((done.returncode, done.stdout), (1, "hello\n"), done.stderr)
            refused = [f"libcurl: {url}: the server is refused: the rule that names the peer has expired (RULE_EXPIRED)"
                       for url in urls]
            self.assertEqual(done.stderr.splitlines()[2:], [*refused, *refused])
            for server in old, new:
                self.assertEqual([heard.bytes.count(b"GET /") for heard in server.finish()], [1, 0])

    def test_no_question_on_the_terminal(self):
        """A key with a passphrase is an error. OpenSSL would ask on the controlling terminal, so there is one."""
        with tempfile.TemporaryDirectory() as folder, servers.Server() as server:
            key = pathlib.Path(folder, "key")
            harness.openssl("pkey", "-in", str(PKI / "alice.key"), "-aes256", "-passout", "pass:x", "-out", str(key))
            command = [EXAMPLE, "--policy", policy_file(POLICY), "--cert", PKI / "alice-chain.pem", "--key", key,
                       f"https://localhost:{server.port}/"]
            try:
                child, terminal = pty.fork()
            except OSError as error:
                self.skipTest(f"no terminal to be had: {error}")
            if child == 0:
                os.execve(EXAMPLE, [str(word) for word in command], environment())
            said = b""
            with contextlib.suppress(OSError), open(terminal, "rb", buffering=0) as screen:
                while b"pass phrase" not in said and (part := screen.read(1024)):
                    said += part
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 1, said)
            self.assertTrue(said.startswith(b"libcurl: https://localhost:"), said)

    def test_example_server(self):
        """Both ends judge the other. Under TLS 1.3 a client hears of its refusal when it reads."""
        with harness.Server(FOR_CLIENTS) as server:
            url = f"https://localhost:{server.address[1]}/libcurl"
            for name in "alice", "mallory":
                done = example(POLICY, "--cert", PKI / f"{name}-chain.pem", "--key", PKI / f"{name}.key", url)
                if name == "alice":
                    greeting = "hello, alice! (path: /libcurl)\n"
                    self.assertEqual((done.returncode, done.stdout), (0, greeting), done.stderr)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(f"libcurl: {url}: the server is allowed, but the transfer failed: ", done.stderr)
            wrong = example(OTHER, "--cert", PKI / "alice-chain.pem", "--key", PKI / "alice.key", url)
            self.assertEqual((wrong.returncode, wrong.stdout), (1, ""))
            self.assertIn("(NO_RULE)", wrong.stderr)
            harness.until(lambda: len(server.events()) == 3)
            reasons = [event["reason"] for event in server.events()]
            self.assertEqual(reasons, ["RULE", "NO_RULE", "HANDSHAKE_FAILED"])

    def test_openssl_server(self):
        for version in harness.VERSIONS:
            for policy, status, words in (POLICY, 0, '200 from "the server"'), (OTHER, 1, "(NO_RULE)"):
                with openssl_server(version) as port:
                    done = example(policy, "--cert", PKI / "alice-chain.pem", "--key", PKI / "alice.key",
                                   f"https://localhost:{port}/")
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(re.search("CN ?= ?alice", done.stdout) is not None, status == 0, done.stdout)

    def test_page(self):
        """What docs/libcurl.md shows of the example is in it, word for word."""
        root = pathlib.Path(__file__).parent.parent.parent
        page, source = ((root / name).read_text(encoding="utf-8") for name in ("docs/libcurl.md", "examples/libcurl.c"))
        blocks = re.findall(r"^```c\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        self.assertEqual([block in source for block in blocks], [True, True])

    def test_libcurl_of_another_library(self):
        """The example, linked with Debian's libcurl that uses GnuTLS: such an SSL_CTX would be none of ours."""
        program = os.environ.get("LIBCURL_GNUTLS", "")
        if not program:
            self.skipTest("there is no libcurl-gnutls.so.4")
        with servers.Server() as server:
            done = run(program, ["--policy", policy_file(POLICY), f"https://localhost:{server.port}/"])
            self.assertEqual((done.returncode, done.stdout, server.finish()), (1, "", []))
        self.assertRegex(done.stderr, r"^libcurl: this libcurl uses GnuTLS/[0-9.]+, and libmtlspin OpenSSL/[0-9.]+\n$")


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@contextlib.contextmanager
def openssl_server(version):
    """`openssl s_server`, which demands a client's certificate and shows a page with its subject. Yields the port."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", PKI / "server.pem", "-cert_chain",
               PKI / "servers-ca.pem", "-key", PKI / "server.key", "-www", "-tls" + version.replace(".", "_"),
               "-Verify", "4", "-verify_return_error", "-CAfile", PKI / "root-ca.pem"]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, text=True) as process:
        try:
            for line in process.stdout:
                if found := re.match(r"ACCEPT .*:([1-9][0-9]*)$", line):
                    yield found[1]
                    return
            raise AssertionError("openssl s_server does not start")
        finally:
            process.kill()


def add(check, name, case):
    method = f"{check.__name__.replace('check', 'test')}_{name.replace(' ', '_')}"
    setattr(Example, method, lambda self: check(self, *case))


for table, checker in (USAGE, Example.check_usage), (START, Example.check_start), (FORMS, Example.check_form):
    for title, row in table.items():
        add(checker, title, row)
harness.main()
