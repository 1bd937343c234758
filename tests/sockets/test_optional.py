"""The example server with --optional: a public page for whoever shows no certificate, the private one for allowed clients."""
import concurrent.futures
import unittest

import harness

POLICY = """
deny spki @spki:client-p521@ stolen
ca @pki@/root-ca.pem
allow spki @spki:alice@ alice
allow spki @spki:kiosk@ kiosk
allow spki @spki:expired@ expired
allow spki @spki:server-eku@ eku
allow spki @spki:other-alice@ stranger
"""
PUBLIC, ALICE = "this page is for everybody (path: {})\n", "hello, alice! (path: {})\n"

# Client, and the page that it gets, or the reason for which it gets nothing at all.
SERVED = {"none": ("ANONYMOUS", PUBLIC), "alice": ("RULE", ALICE)}
REFUSED = {"mallory": "NO_RULE", "other-alice": "UNKNOWN_CA", "expired": "EXPIRED", "server-eku": "PURPOSE",
           "client-p521": "DENIED_SPKI"}

# An anonymous client's request, the status of the answer, whether the connection is kept.
REQUESTS = {
    "get": (b"GET /x HTTP/1.1\r\n\r\n", 200, True),
    "connection close": (b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", 200, False),
    "body": (b"GET /x HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n", 200, False),
    "longest path": (b"GET /" + 1022 * b"x" + b" HTTP/1.1\r\n\r\n", 200, True),
    "path too long": (b"GET /" + 1023 * b"x" + b" HTTP/1.1\r\n\r\n", 400, False),
    "format": (b"GET /%s%n HTTP/1.1\r\n\r\n", 200, True),
    "garbage": (b"\xff\xfe\0garbage\r\n\r\n", 400, False),
    "post": (b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", 405, False),
}


class Case(unittest.TestCase):
    """Of one server for all tests of the class."""
    options = ()
    server = None

    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server(POLICY, options=cls.options)
        cls.addClassCleanup(cls.server.__exit__, None)

    def reasons(self, peer):
        return [event["reason"] for event in self.server.events_of(peer)]

    def check_served(self, client, version, reason, page):
        """Several requests on one connection, which is reported once."""
        with harness.tls(self.server, client, version) as connection:
            peer = connection.getsockname()
            for path in "/one", "/two", "/three":
                self.assertEqual(harness.get(connection, path)[::2], (200, page.format(path)))
        events = self.server.events_of(peer)
        self.assertEqual([event["reason"] for event in events], [reason])
        self.assertEqual(events[0]["protocol"], "TLSv" + version)
        self.assertEqual(events[0]["subject"], "" if client == "none" else f"CN={client},O=Example")

    def check_refused(self, client, version, reason):
        """The handshake ends, and not one byte comes back."""
        plain = self.server.connect()
        peer, heard = plain.getsockname(), b""
        with plain:
            try:
                context = harness.client_context(client, version)
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                    connection.sendall(b"GET /case HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    heard = harness.read_all(connection)
            except OSError:  # refused within the handshake
                pass
        self.assertEqual(self.reasons(peer), [reason])
        self.assertEqual(heard, b"")


class Required(Case):
    """The control: without the option there is no public page."""


class Optional(Case):
    options = ("--optional",)

    def check_request(self, request, status, kept):
        with harness.tls(self.server, "none") as connection:
            connection.sendall(request)
            got, headers, body = harness.response(connection)
            self.assertEqual((got, headers["Connection"]), (status, "keep-alive" if kept else "close"))
            self.assertEqual(body, PUBLIC.format(request.split(b" ")[1].decode()) if status == 200 else "")
            if kept:
                self.assertEqual(harness.get(connection, "/again")[2], PUBLIC.format("/again"))
            else:
                self.assertEqual(harness.read_all(connection), b"")

    def test_head(self):
        with harness.tls(self.server, "none") as connection:
            connection.sendall(b"HEAD /x HTTP/1.1\r\n\r\n")
            status, headers, body = harness.response(connection, "HEAD")
            self.assertEqual((status, headers["Content-Length"], body), (200, str(len(PUBLIC.format("/x"))), ""))

    def test_side_by_side(self):
        """Connections that are open at the same time, in turn: each keeps to its own page."""
        for version in harness.VERSIONS:
            with harness.tls(self.server, "alice", version) as alice, harness.tls(self.server, "none", version) as nobody:
                for path in "/1", "/2", "/3":
                    self.assertEqual(harness.get(nobody, path)[2], PUBLIC.format(path))
                    self.assertEqual(harness.get(alice, path)[2], ALICE.format(path))
                peers = nobody.getsockname(), alice.getsockname()
            self.assertEqual([self.reasons(peer) for peer in peers], [["ANONYMOUS"], ["RULE"]])

    def test_fifty_at_once(self):
        pages = {"alice": ALICE, "none": PUBLIC, "kiosk": "hello, kiosk! (path: {})\n"}
        clients = (list(pages) * 17)[:50]
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(lambda client: harness.greeting(self.server, client), clients))
        self.assertEqual(answers, [pages[client].format("/") for client in clients])

    def test_nothing_resumes(self):
        for version in harness.VERSIONS:
            context = harness.client_context("none", version)
            session = None
            for _ in range(2):
                with context.wrap_socket(self.server.connect(), server_hostname="127.0.0.1", session=session) as connection:
                    self.assertEqual(harness.get(connection, "/")[2], PUBLIC.format("/"))
                    self.assertFalse(connection.session_reused)
                    session = connection.session
                    self.assertEqual(self.reasons(connection.getsockname()), ["ANONYMOUS"])


def add(kind, check, name, *case):
    setattr(kind, f"{check.__name__.replace('check', 'test')}_{name}", lambda self: check(self, *case))


for version in harness.VERSIONS:
    for client, case in SERVED.items():
        add(Optional, Case.check_served, f"{client}_{version}", client, version, *case)
    for client, reason in REFUSED.items():
        add(Optional, Case.check_refused, f"{client}_{version}", client, version, reason)
        add(Required, Case.check_refused, f"{client}_{version}", client, version, reason)
    add(Required, Case.check_refused, f"none_{version}", "none", version, "NO_CERTIFICATE")
    add(Required, Case.check_served, f"alice_{version}", "alice", version, *SERVED["alice"])
for name, case in REQUESTS.items():
    add(Optional, Optional.check_request, name, *case)
harness.main()
