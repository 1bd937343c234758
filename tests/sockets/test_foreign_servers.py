"""Which servers, of programs that nobody here wrote, our clients talk to: the cases of foreign_servers.txt, and more."""
import collections
import functools
import pathlib
import subprocess
import tempfile
import threading
import unittest

import client
import foreign
import harness

policy_text = functools.cache(harness.policy_text)  # pins take a process each
STREAM_CLIENT = harness.EXAMPLES / "stream-client"
ANYBODY = "ca @pki@/root-ca.pem\nallow any\n"
ANOTHER = "ca @pki@/root-ca.pem\nallow spki @spki:server-rsa@ another\n"

# What our client says when a server that demands a certificate refuses it. The alerts differ: GnuTLS has one for all that
# is wrong with a certificate, and under TLS 1.2 no good one for none at all. nginx answers with a status instead.
NONE = "the server wants a client certificate.*: use --cert and --key|no handshake: .*alert decode error"
WRONG = "the server .* our certificate( has expired| in)?: is --cert the right one"
REFUSED = {"none": NONE, "expired": WRONG, "other-alice": WRONG}


class Servers(unittest.TestCase):
    """The tests of one running server."""
    KIND, VERSION, CERTIFICATE, DEMAND = None, "", "server", False

    @classmethod
    def setUpClass(cls):
        cls.server = cls.KIND(cls.CERTIFICATE, cls.VERSION, cls.DEMAND)
        cls.addClassCleanup(cls.server.__exit__)

    def setUp(self):
        self.requests, self.refusals = self.heard()

    def heard(self):
        return self.server.count(self.KIND.REQUEST), self.server.count(self.KIND.REFUSAL)

    def policy(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "policy"
        path.write_text(policy_text(text), encoding="utf-8")
        return path

    def ask(self, policy, *options, host="localhost"):
        done = client.run("--connect", f"{host}:{self.server.port}", "--path", "/page", "--policy", self.policy(policy),
                          *options)
        for event in done.events:
            self.assertEqual((event["protocol"], event["host"]), ("TLSv" + self.VERSION, host))
        return done

    def assert_requests(self, number):
        """So many requests have come through. If none has, then there is the end of a handshake in the server's log."""
        if number == 0:
            self.assertTrue(harness.until(lambda: self.heard()[1] > self.refusals), self.server.log())
        harness.until(lambda: self.heard()[0] >= self.requests + number)
        self.assertEqual(self.heard()[0], self.requests + number, self.server.log())

    def check(self, policy, host, what, value):
        done = self.ask(policy, host=host)
        self.assertEqual(len(done.events), 1, done)
        event = done.events[0]
        if what == "answered":
            self.assertEqual((done.status, done.output, done.words), (0, foreign.PAGE, []), done)
            self.assertEqual((event["verdict"], event["reason"], event["label"]), ("allow", "RULE", value))
            self.assert_requests(1)
        else:
            self.assertEqual(what, "refused")
            self.assertEqual((done.status, done.output, len(done.words)), (1, "", 1), done)
            self.assertEqual((event["verdict"], event["reason"]), ("deny", value))
            self.assertRegex(done.words[0], rf"^client: {host}:\d+ is refused: .+ \({value}\)$")
            self.assert_requests(0)


class Plain:
    """A server for everybody."""

    def test_resume(self):
        """The second connection rests on the first one's session, which the policy has judged."""
        done = self.ask(ANYBODY, "--resume")
        self.assertEqual((done.status, done.output), (0, 2 * foreign.PAGE), done)
        self.assertEqual(done.words, ["client: the session was resumed"])
        self.assertEqual([(event["verdict"], event["resumed"]) for event in done.events],
                         [("allow", False), ("allow", True)])
        self.assert_requests(2)

    def stream(self, policy):
        """What comes back for a request on standard input, which stays open until there is a whole page, or the end."""
        command = [STREAM_CLIENT, "--connect", f"localhost:{self.server.port}", "--policy", self.policy(policy)]
        with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, env=harness.environment()) as process:
            timer = threading.Timer(client.SECONDS, process.kill)
            timer.start()
            self.addCleanup(timer.cancel)
            process.stdin.write("GET /page HTTP/1.0\r\n\r\n")
            process.stdin.flush()
            output = [process.stdout.readline()]
            while output[-1] not in ("", foreign.PAGE):
                output.append(process.stdout.readline())
            output.append(process.communicate()[0])
        return process.returncode, "".join(output)

    def test_stream(self):
        """A server that is refused hears nothing of what the user types."""
        if not STREAM_CLIENT.exists():
            self.skipTest("the stream client is not built")
        self.assertIn(foreign.PAGE, self.stream(ANYBODY)[1])
        self.assert_requests(1)
        self.setUp()
        self.assertEqual(self.stream(ANOTHER), (1, ""))
        self.assert_requests(0)


class Demanding:
    """A server that wants certificates."""
    DEMAND = True

    def test_alice(self):
        done = self.ask(ANYBODY, *client.identity("alice"), "--resume")
        self.assertEqual((done.status, done.output), (0, 2 * foreign.PAGE), done)
        self.assertEqual(done.words, ["client: the session was resumed"])
        self.assert_requests(2)

    def check_refused(self, name, words):
        """The server is the right one, and so says our policy; but there is no success without an answer."""
        done = self.ask(ANYBODY, *client.identity(name))
        answered = self.KIND is foreign.Nginx
        self.assertEqual((done.status, len(done.events), len(done.words)), (1, 1, 1), done)
        self.assertNotIn(foreign.PAGE, done.output)
        words = "the server answers with status: 400" if answered else words
        self.assertRegex(done.words[0], rf"^client: localhost:\d+: ({words})")
        after_handshake = answered or self.VERSION == "1.3"
        self.assertEqual(done.events[0]["reason"], "RULE" if after_handshake else "HANDSHAKE_FAILED")


for who, said in REFUSED.items():
    setattr(Demanding, "test_" + who, lambda self, who=who, said=said: self.check_refused(who, said))


def cases_of_certificates(path):
    """{certificate: {name of a test: a policy's text, the host, what, value}}"""
    found = collections.defaultdict(dict)
    for number, (policy, cases) in enumerate(harness.load_cases(path), 1):
        for server, what, value in cases:
            certificate, _, host = server.partition("@")
            found[certificate][f"test_policy_{number}_{server}"] = (policy, host or "localhost", what, value)
    return found


def add(kind, version, name, mixin, **members):
    """A class, whose name says what to look at when one of its tests fails."""
    name = f"{name}_{kind.__name__}_{version}"
    globals()[name] = type(name, (*mixin, Servers), members | {"KIND": kind, "VERSION": version})


def add_all(kind, version, cases):
    add(kind, version, "Plain", (Plain,))
    add(kind, version, "Demanding", (Demanding,))
    for certificate, tests in cases.items():
        methods = {name: lambda self, case=case: self.check(*case) for name, case in tests.items()}
        add(kind, version, certificate, (), CERTIFICATE=certificate, **methods)


def add_skip(kind):
    reason = f"{kind.PROGRAM} is not installed"
    globals()[kind.__name__] = type(kind.__name__, (unittest.TestCase,), {"test_all": lambda self: self.skipTest(reason)})


for kind in foreign.KINDS:
    if foreign.find(kind.PROGRAM) is None:
        add_skip(kind)
        continue
    for version in harness.VERSIONS:
        add_all(kind, version, cases_of_certificates(pathlib.Path(__file__).with_name("foreign_servers.txt")))
harness.main()
