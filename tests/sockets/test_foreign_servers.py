"""Which servers, of programs that nobody here wrote, our clients talk to: the cases of foreign_servers.txt, and more."""
import collections
import contextlib
import functools
import pathlib
import tempfile
import unittest

import client
import foreign
import harness
import stream

policy_text = functools.cache(harness.policy_text)  # pins take a process each
STREAM_CLIENT = harness.EXAMPLES / "stream-client"
ANYBODY = "ca @pki@/root-ca.pem\nallow any\n"
ANOTHER = "ca @pki@/root-ca.pem\nallow spki @spki:server-rsa@ another\n"

# What our client says when a server that demands a certificate refuses it. The alerts differ: GnuTLS has one for all that
# is wrong with a certificate, and under TLS 1.2 no good one for none at all. nginx answers with a status instead.
NONE = "the server wants a client certificate.*: use --cert and --key|no handshake: .*alert decode error"
WRONG = "the server .* our certificate( has expired| in)?: is --cert the right one"
NGINX_STATUS = "the server answers with status: 400"
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


class Streaming:
    """The stream client, with a request as its standard input."""

    def stream(self, policy, name="none"):
        """How it ends, what it prints, and what it says. Its input stays open until there is a whole page, or the end."""
        if not STREAM_CLIENT.exists():
            self.skipTest("the stream client is not built")
        with stream.start_client(f"localhost:{self.server.port}", self.policy(policy), name) as program:
            with contextlib.suppress(BrokenPipeError):  # a client that refuses its server may be gone already
                program.say(b"GET /page HTTP/1.0\r\n\r\n")
            while foreign.PAGE.encode() not in program.heard and (part := program.receive()):
                program.heard += part
            program.end_input()
            return program.status(), program.rest().decode(), program.messages()


class Plain(Streaming):
    """A server for everybody."""

    def test_resume(self):
        """The second connection rests on the first one's session, which the policy has judged."""
        done = self.ask(ANYBODY, "--resume")
        self.assertEqual((done.status, done.output), (0, 2 * foreign.PAGE), done)
        self.assertEqual(done.words, ["client: the session was resumed"])
        self.assertEqual([(event["verdict"], event["resumed"]) for event in done.events],
                         [("allow", False), ("allow", True)])
        self.assert_requests(2)

    def test_stream(self):
        """A server that is refused hears nothing of what the user types."""
        self.assertIn(foreign.PAGE, self.stream(ANYBODY)[1])
        self.assert_requests(1)
        self.setUp()
        status, output, (events, words) = self.stream(ANOTHER)
        self.assertEqual((status, output, len(words)), (1, "", 1))
        self.assertRegex(words[0], r"^stream-client: localhost:\d+ is refused: .+ \(NO_RULE\)$")
        self.assertEqual([(event["verdict"], event["reason"]) for event in events], [("deny", "NO_RULE")])
        self.assert_requests(0)


class Demanding(Streaming):
    """A server that wants certificates."""
    DEMAND = True

    def test_alice(self):
        done = self.ask(ANYBODY, *client.identity("alice"), "--resume")
        self.assertEqual((done.status, done.output), (0, 2 * foreign.PAGE), done)
        self.assertEqual(done.words, ["client: the session was resumed"])
        self.assert_requests(2)

    def test_stream_alice(self):
        self.assertIn(foreign.PAGE, self.stream(ANYBODY, "alice")[1])
        self.assert_requests(1)

    def assert_judged(self, events):
        """The server is the right one, and so says our policy; nginx refuses behind every handshake."""
        late = self.KIND is foreign.Nginx or self.VERSION == "1.3"
        self.assertEqual([event["reason"] for event in events], ["RULE" if late else "HANDSHAKE_FAILED"])

    def check_refused(self, name, words):
        """There is no success without an answer."""
        done = self.ask(ANYBODY, *client.identity(name))
        words = NGINX_STATUS if self.KIND is foreign.Nginx else words
        self.assertEqual((done.status, len(done.words)), (1, 1), done)
        self.assertNotIn(foreign.PAGE, done.output)
        self.assertRegex(done.words[0], rf"^client: localhost:\d+: ({words})")
        self.assert_judged(done.events)
        self.assert_requests(0)

    def check_stream_refused(self, name, words):
        """To a stream the words of nginx are data like any other."""
        status, output, (events, said) = self.stream(ANYBODY, name)
        self.assert_judged(events)
        self.assert_requests(0)
        if self.KIND is foreign.Nginx:
            self.assertRegex(output, r"^HTTP/1\.1 400 ")
            self.assertNotIn(foreign.PAGE, output)
            return
        self.assertEqual((status, output, len(said)), (1, "", 1), said)
        self.assertRegex(said[0], rf"^stream-client: localhost:\d+: ({words})")


for who, said in REFUSED.items():
    setattr(Demanding, "test_" + who, lambda self, case=(who, said): self.check_refused(*case))
    setattr(Demanding, "test_stream_" + who, lambda self, case=(who, said): self.check_stream_refused(*case))


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
