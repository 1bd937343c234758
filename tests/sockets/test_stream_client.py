"""The example stream client: against `openssl s_server`, servers in Python that end in all ways, and the stream server."""
import contextlib
import socket
import ssl
import threading
import time
import unittest

import foreign
import harness
import stream

CA = "ca @pki@/root-ca.pem\n"
POLICY = CA + "allow spki @spki:server@ server\n"
ANYBODY = CA + "allow any\n"
HANDSHAKE_SECONDS, GOODBYE_SECONDS = 10, 5  # as in stream-client.c
SECRET = b"the password is swordfish\n"

# The server's certificate, the host that is asked for, the policy, the reason. None: the control.
SERVERS = {
    "right pin": ("server", "127.0.0.1", POLICY, None),
    "right name": ("server", "localhost", POLICY, None),
    "renewed": ("server-renewed", "127.0.0.1", POLICY, None),
    "self-signed": ("self-server", "localhost", "host localhost\nchain none\nallow spki @spki:self-server@ self\n", None),
    "wrong pin": ("server", "127.0.0.1", CA + "allow spki @spki:server-rsa@ other\n", "NO_RULE"),
    "pin denied": ("server", "127.0.0.1", "deny spki @spki:server@\n" + POLICY, "DENIED_SPKI"),
    "rule has ended": ("server", "127.0.0.1", CA + "allow spki @spki:server@ a not-after=2020-01-01\n", "RULE_EXPIRED"),
    "wrong name": ("server-db", "localhost", ANYBODY, "HOST_MISMATCH"),
    "wrong address": ("server-name-only", "127.0.0.1", ANYBODY, "HOST_MISMATCH"),
    "name of another": ("server-db", "localhost", CA + "allow spki @spki:server-db@ db\n", "HOST_MISMATCH"),
    "common name": ("server-cn-only", "localhost", ANYBODY, "HOST_MISMATCH"),
    "wildcard": ("server-wildcard-hex", "0x7f.0.1", ANYBODY, None),
    "partial wildcard": ("server-part-hex", "0x7f.0.1", ANYBODY, "HOST_MISMATCH"),
    "expired": ("server-expired", "127.0.0.1", ANYBODY, "EXPIRED"),
    "unknown ca": ("other-server", "127.0.0.1", ANYBODY, "UNKNOWN_CA"),
    "unknown ca, right pin": ("other-server", "127.0.0.1", CA + "allow spki @spki:other-server@ other\n", "UNKNOWN_CA"),
    "right ca pin": ("server-deep", "localhost", CA + "allow ca-spki @spki:upper-ca@ upper\n", None),
    "ca only presented": ("server-with-upper", "localhost", CA + "allow ca-spki @spki:upper-ca@ upper\n", "NO_RULE"),
    "unknown ca, right ca pin": ("other-server", "localhost", CA + "allow ca-spki @spki:other-ca@ other\n", "UNKNOWN_CA"),
    "for clients": ("server-as-client", "127.0.0.1", ANYBODY, "PURPOSE"),
    "domain of the host": ("server", "localhost", "[a]\nhost localhost\nca @pki@/partner-ca.pem\nallow any\n"
                           "[b]\n" + ANYBODY, "UNKNOWN_CA"),
}

# What the user reads when the server refuses him: the alert's own words differ between TLS 1.2 and 1.3.
REFUSALS = {
    "none": "the server wants a client certificate(, or other ciphers)?: use --cert and --key",
    "mallory": "the server does not accept our certificate: is --cert the right one\\?",
    "other-alice": "the server does not know the CA of our certificate: is --cert the right one\\?",
    "expired": "the server says that our certificate has expired: is --cert the right one\\?",
    "server-eku": "the server does not take client certificates of this kind: is --cert the right one\\?",
}


class Quiet(foreign.OpenSSL):
    """What a client says is its standard output."""

    def command(self):
        return [*super().command()[:-1], "-quiet"]

    def heard(self):
        return (self.folder / "output.log").read_bytes()

    def say(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()


class Case(unittest.TestCase, stream.Help):
    def start(self, address, policy=POLICY, name="none", version="1.3"):
        return self.enter(stream.start_client(address, self.policy(policy), name, self.protocol(version)))

    def assert_end(self, program, status, words):
        self.assertEqual(program.status(), status, program.messages())
        self.assertEqual(len(program.messages()[1]), 1 if words else 0, program.messages())
        if words:
            self.assertRegex(program.messages()[1][0], f"^stream-client: {words}$")


class OpenSSLServer(Case):
    def check_server(self, case, version):
        certificate, host, policy, reason = case
        with Quiet(certificate, version) as server:
            program = self.start(f"{host}:{server.port}", policy, version=version)
            with contextlib.suppress(BrokenPipeError):
                program.say(SECRET)
            if reason is None:
                self.check_talk(server, program)
            else:
                address = f"{host}:{server.port}"
                self.assert_end(program, 1, rf"{address} is refused: [a-z][^()]+ \({reason}\)")
                self.assertTrue(harness.until(lambda: ":error:" in server.log()), "the handshake ends for the server, too")
                self.assertEqual((program.rest(), server.heard()), (b"", b""))
        events = [(event["verdict"], event["reason"], event["host"]) for event in program.messages()[0]]
        self.assertEqual(events, [("deny", reason, host) if reason else ("allow", "RULE", host)])
        self.assertEqual(program.messages()[0][0]["protocol"], "TLSv" + version)

    def check_talk(self, server, program):
        self.assertTrue(harness.until(lambda: server.heard() == SECRET), server.heard())
        server.say(b"hello from the server\n")
        self.assertEqual(program.line(), b"hello from the server")
        program.say(b"no newline")
        self.assertTrue(harness.until(lambda: server.heard() == SECRET + b"no newline"), server.heard())
        program.end_input()
        self.assert_end(program, 0, None)

    def test_partial_wildcard_control(self):
        """OpenSSL alone takes it."""
        words = harness.openssl("x509", "-in", str(harness.PKI / "server-part-hex.pem"), "-noout", "-checkhost", "0x7f.0.1")
        self.assertIn(b" does match certificate", words)

    def test_end_at_once(self):
        for version in harness.VERSIONS:
            with Quiet("server", version) as server:
                program = self.start(f"127.0.0.1:{server.port}", version=version)
                program.end_input()
                self.assert_end(program, 0, None)
                self.assertEqual((server.heard(), len(program.messages()[0])), (b"", 1))

    def test_much(self):
        """In both directions, more than any buffer holds."""
        data = b"".join(b"%d\n" % number for number in range(1000000))
        with Quiet("server") as server:
            program = self.start(f"127.0.0.1:{server.port}")
            threads = [threading.Thread(target=say, args=[data]) for say in (program.say, server.say)]
            for thread in threads:
                thread.start()
            while len(program.heard) < len(data):
                program.heard += program.receive()
            for thread in threads:
                thread.join()
            self.assertEqual(program.heard, data)
            program.end_input()
            self.assert_end(program, 0, None)
            self.assertEqual(server.heard(), data)

    def test_rule_ends(self):
        """A server that may not be talked to any more hears nothing more, and the user is told why."""
        end = int(time.time()) + 3
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        with Quiet("server") as server:
            address = f"127.0.0.1:{server.port}"
            program = self.start(address, CA + f"allow spki @spki:server@ server not-after={moment}\n")
            program.say(b"in time\n")
            self.assertTrue(harness.until(lambda: server.heard() == b"in time\n"))
            time.sleep(end + 1.05 - time.time())
            with contextlib.suppress(BrokenPipeError):
                program.say(SECRET)
            self.assert_end(program, 1, rf"{address} is refused: the rule .* has expired \(RULE_EXPIRED\)")
            self.assertEqual((program.rest(), server.heard()), (b"", b"in time\n"))
        self.assertEqual([event["reason"] for event in program.messages()[0]], ["RULE", "RULE_EXPIRED"])

    def check_refusal(self, name, version, words):
        """The server wants a certificate, and not this one. That is never success, even if nobody wanted to talk."""
        with Quiet("server", version, clients=True) as server:
            for said in b"", SECRET:
                program = self.start(f"127.0.0.1:{server.port}", name=name, version=version)
                with contextlib.suppress(BrokenPipeError):
                    program.say(said)
                program.end_input()
                self.assert_end(program, 1, f"127.0.0.1:{server.port}: {words}")
                self.assertEqual((program.rest(), server.heard()), (b"", b""))
            program = self.start(f"127.0.0.1:{server.port}", name="alice", version=version)
            program.say(SECRET)
            program.end_input()
            self.assert_end(program, 0, None)
            self.assertEqual(server.heard(), SECRET)


for version in harness.VERSIONS:
    for name, case in SERVERS.items():
        setattr(OpenSSLServer, f"test_{name}_{version}",
                lambda self, arguments=(case, version): self.check_server(*arguments))
    for name in REFUSALS.keys() - {"mallory"}:  # it has a certificate of the right CA, which is enough there
        setattr(OpenSSLServer, f"test_refused_{name}_{version}",
                lambda self, arguments=(name, version, REFUSALS[name]): self.check_refusal(*arguments))


class OurServer(Case):
    """Both ends are judged, by one policy each."""
    CLIENTS = CA + "allow spki @spki:alice@ alice\nallow spki @spki:kiosk@ kiosk\nallow spki @spki:expired@ expired\n"

    def setUp(self):
        self.server = self.enter(harness.Server(self.CLIENTS, program="stream-server"))
        self.address = harness.address_text(self.server.address)
        self.witness = self.enter(stream.Member(self.server, "kiosk"))

    def assert_silence(self):
        """Nobody has said anything to the witness before alice does."""
        alice = self.start(self.address, name="alice")
        alice.say(b"hello\n")
        self.assertEqual(self.witness.line(), b"alice: hello")

    def test_client_refuses(self):
        program = self.start(self.address, CA + "allow spki @spki:server-rsa@ other\n", "alice")
        with contextlib.suppress(BrokenPipeError):
            program.say(SECRET)
        self.assert_end(program, 1, rf"{self.address} is refused: .+ \(NO_RULE\)")
        self.assert_silence()

    def check_refusal(self, name, version, words):
        for said in b"", SECRET:
            program = self.start(self.address, name=name, version=version)
            with contextlib.suppress(BrokenPipeError):
                program.say(said)
            program.end_input()
            self.assert_end(program, 1, f"{self.address}: {words}")
            self.assertEqual(program.rest(), b"")
        self.assert_silence()

    def test_server_ends(self):
        """With standard input still open; so it is not a failure."""
        program = self.start(self.address, name="alice")
        program.say(b"hello\n")
        self.assertEqual(self.witness.line(), b"alice: hello")
        self.assertEqual(self.server.stop(15), 0)
        self.assert_end(program, 0, None)


for version in harness.VERSIONS:
    for name, words in REFUSALS.items():
        setattr(OurServer, f"test_refused_{name}_{version}",
                lambda self, arguments=(name, version, words): self.check_refusal(*arguments))


class Python(Case):
    """Servers that behave in their own ways, each for one connection."""

    def serve(self, behave, family=socket.AF_INET, host="127.0.0.1"):
        """`behave` gets the accepted socket, in a thread; returns the address."""
        listener = self.enter(socket.create_server((host, 0), family=family))

        def run():
            with listener.accept()[0] as connection, contextlib.suppress(OSError):
                behave(connection)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return harness.address_text(listener.getsockname())

    def serve_tls(self, behave, **where):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(harness.PKI / "server-chain.pem", harness.PKI / "server.key")
        self.names = []
        context.sni_callback = lambda connection, name, _: self.names.append(name)

        def shake_hands(plain):
            plain.settimeout(3 * harness.PATIENCE)
            with context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as connection:
                behave(connection)
        return self.serve(shake_hands, **where)

    def test_after_our_end(self):
        """What comes after the end of standard input is still printed."""
        heard = []

        def behave(connection):
            heard.append(harness.read_all(connection))
            for number in range(5):
                connection.sendall(b"late %d\n" % number)
                time.sleep(0.2)
            connection.unwrap()
        program = self.start(self.serve_tls(behave))
        program.say(b"hello")
        program.end_input()
        self.assertEqual(program.rest(), b"".join(b"late %d\n" % number for number in range(5)))
        self.assert_end(program, 0, None)
        self.assertEqual(heard, [b"hello"])

    def check_end(self, behave, words, said=b"", least=0, most=3):
        begun = time.monotonic()
        address = self.serve_tls(behave)
        program = self.start(address)
        with contextlib.suppress(BrokenPipeError):
            program.say(said)
        if least > 0:
            program.end_input()
        self.assert_end(program, 1 if words else 0, words and f"{address}: {words}")
        self.assertGreater(time.monotonic() - begun, least)
        self.assertLess(time.monotonic() - begun, most + 3)
        return program

    def test_server_ends(self):
        def behave(connection):
            connection.sendall(b"goodbye\n")
            connection.unwrap()
        self.assertEqual(self.check_end(behave, None).rest(), b"goodbye\n")

    def test_server_ends_within(self):
        """A server that takes no more has not got everything."""
        def behave(connection):
            time.sleep(1)
            with contextlib.suppress(ssl.SSLError):
                connection.unwrap()
            time.sleep(1)
        self.check_end(behave, "not everything was sent: the server has ended the connection", b"x" * 8000000)

    def test_cut_off(self):
        def behave(connection):
            connection.sendall(b"half a sen")
            socket.socket(fileno=connection.detach()).close()
        self.assertEqual(self.check_end(behave, "the connection is broken: .+").rest(), b"half a sen")

    def test_never_ends(self):
        """A server that says nothing after our end, nor ends: this is no success, and no reason to wait for ever."""
        def behave(connection):
            harness.read_all(connection)
            time.sleep(GOODBYE_SECONDS + 4)
        self.check_end(behave, "the server does not end the connection: the time is up", b"x\n", GOODBYE_SECONDS - 1,
                       GOODBYE_SECONDS)

    def test_names(self):
        """The SNI is for names alone."""
        def behave(connection):
            connection.unwrap()
        for host, expected in ("localhost", ["localhost"]), ("127.0.0.1", [None]):
            address = self.serve_tls(behave)
            program = self.start(f"{host}:{address.rpartition(':')[2]}")
            self.assert_end(program, 0, None)
            self.assertEqual(self.names, expected)
            self.assertEqual(program.messages()[0][0]["host"], host)

    def test_ipv6(self):
        try:
            address = self.serve_tls(lambda connection: connection.unwrap(), family=socket.AF_INET6, host="::1")
        except OSError as error:
            self.skipTest(f"no ::1 here: {error}")
        program = self.start(address)
        self.assert_end(program, 0, None)
        self.assertEqual(program.messages()[0][0]["host"], "::1")

    def check_no_tls(self, behave, words):
        address = self.serve(behave)
        program = self.start(address)
        with contextlib.suppress(BrokenPipeError):
            program.say(SECRET)
        self.assert_end(program, 1, f"{address}: no handshake: {words}")
        self.assertEqual([event["reason"] for event in program.messages()[0]], ["HANDSHAKE_FAILED"])
        self.assertEqual(program.rest(), b"")

    def test_no_tls(self):
        self.check_no_tls(lambda plain: plain.sendall(b"220 mail.example ESMTP\r\n"), ".+")
        self.check_no_tls(lambda plain: plain.shutdown(socket.SHUT_WR), ".+")

    def test_silent(self):
        begun = time.monotonic()
        self.check_no_tls(lambda plain: time.sleep(HANDSHAKE_SECONDS + 4), "the time is up")
        self.assertGreater(time.monotonic() - begun, HANDSHAKE_SECONDS - 1)


harness.main()
