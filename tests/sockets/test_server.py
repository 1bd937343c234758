"""What the example server does with its clients once they are let in, and with those that speak no TLS."""
import calendar
import concurrent.futures
import signal
import socket
import ssl
import struct
import time
import unittest

import harness

POLICY = """
ca @pki@/root-ca.pem
allow spki @spki:alice@ alice
allow thumbprint @thumbprint:build-agent@ "build agent 7"
allow serial @serial:kiosk@ kiosk issuer=@pki@/clients-ca.pem
"""

# (request, status of the answer, whether the connection is kept)
REQUESTS = {
    "get": (b"GET / HTTP/1.1\r\n\r\n", 200, True),
    "headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n", 200, True),
    "connection close": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 200, False),
    "other case": (b"GET / HTTP/1.1\r\nCONNECTION: CLOSE\r\n\r\n", 200, False),
    "body": (b"GET / HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n", 200, False),
    "chunked": (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n12\r\nGET / HTTP/1.1\r\n\r\n", 200, False),
    "longest path": (b"GET /" + 1022 * b"x" + b" HTTP/1.1\r\n\r\n", 200, True),
    "path too long": (b"GET /" + 1023 * b"x" + b" HTTP/1.1\r\n\r\n", 400, False),
    "head too long": (b"GET / HTTP/1.1\r\nCookie: " + 9000 * b"x" + b"\r\n\r\n", 400, False),
    "zero byte": (b"GET / HTTP/1.1\r\nCookie: \0\r\n\r\n", 400, False),
    "zero byte in the path": (b"GET /\0 HTTP/1.1\r\n\r\n", 400, False),
    "escape sequence": (b"GET /\x1b[31m HTTP/1.1\r\n\r\n", 400, False),
    "not ASCII": ("GET /ä HTTP/1.1\r\n\r\n".encode(), 400, False),
    "no path": (b"GET HTTP/1.1\r\n\r\n", 400, False),
    "no slash": (b"GET http://localhost/ HTTP/1.1\r\n\r\n", 400, False),
    "no version": (b"GET /\r\n\r\n", 400, False),
    "other version": (b"GET / HTTP/2.0\r\n\r\n", 400, False),
    "longer version": (b"GET / HTTP/1.10\r\n\r\n", 400, False),
    "two spaces": (b"GET  / HTTP/1.1\r\n\r\n", 400, False),
    "small letters": (b"get / HTTP/1.1\r\n\r\n", 400, False),
    "garbage": (b"\xff\xfe\0garbage%s%n\r\n\r\n", 400, False),
    "empty": (b"\r\n\r\n", 400, False),
    "post": (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", 405, False),
    "options": (b"OPTIONS / HTTP/1.1\r\n\r\n", 405, False),
}

# What a client may send instead of a handshake, and what the audit log then says, if it says anything.
NO_TLS = {
    "http": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HANDSHAKE_FAILED"),
    "zeros": (bytes(1000), "HANDSHAKE_FAILED"),
    "garbage": (bytes(range(255, 0, -1)) * 100, "HANDSHAKE_FAILED"),
    "broken client hello": (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff", "HANDSHAKE_FAILED"),
    "alert": (b"\x15\x03\x01\x00\x02\x02\x28", "HANDSHAKE_FAILED"),
}


def client_hello():
    """The first message of a real client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = harness.client_context("alice").wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without a server")


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Serving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server(POLICY)
        cls.addClassCleanup(cls.server.__exit__, None)

    def alive(self):
        self.assertEqual(harness.greeting(self.server, "alice"), "hello, alice! (path: /)\n")

    def check_request(self, request, status, kept):
        with harness.tls(self.server, "alice") as connection:
            connection.sendall(request)
            got, headers, body = harness.response(connection)
            self.assertEqual((got, headers["Connection"]), (status, "keep-alive" if kept else "close"))
            path = request.split(b" ")[1].decode() if status == 200 else ""
            self.assertEqual(body, f"hello, alice! (path: {path})\n" if status == 200 else "")
            self.assertEqual(headers["Allow"], "GET, HEAD" if status == 405 else None)
            if kept:
                self.assertEqual(harness.get(connection, "/again")[2], "hello, alice! (path: /again)\n")
            else:
                self.assertEqual(harness.read_all(connection), b"")

    def check_no_tls(self, sent, reason):
        with self.server.connect() as connection:
            peer = connection.getsockname()
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            self.assertNotIn(b"hello", harness.read_all(connection))
            events = self.server.events_of(peer)
        self.assertEqual([event["reason"] for event in events], [reason])
        self.assertTrue(events[0]["tls_error"], events)
        self.alive()

    def test_keep_alive(self):
        for version in harness.VERSIONS:
            with harness.tls(self.server, "alice", version) as connection:
                peer = connection.getsockname()
                for path in "/one", "/two", "/three":
                    self.assertEqual(harness.get(connection, path)[2], f"hello, alice! (path: {path})\n")
            self.assertEqual(len(self.server.events_of(peer)), 1, "an unchanged decision is reported once")

    def test_pipelined(self):
        with harness.tls(self.server, "alice") as connection:
            connection.sendall(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"
                               b"GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n")
            bodies = [line for line in harness.read_all(connection).split(b"\n") if line.startswith(b"hello")]
        self.assertEqual(bodies, [b"hello, alice! (path: /%d)" % n for n in (1, 2, 3)])

    def test_byte_by_byte(self):
        with harness.tls(self.server, "alice") as connection:
            for byte in b"GET /slow HTTP/1.1\r\n\r\n":
                connection.sendall(bytes([byte]))
            self.assertEqual(harness.response(connection)[2], "hello, alice! (path: /slow)\n")

    def test_head(self):
        with harness.tls(self.server, "kiosk") as connection:
            connection.sendall(b"HEAD /x HTTP/1.1\r\n\r\n")
            status, headers, body = harness.response(connection, "HEAD")
            self.assertEqual((status, headers["Content-Length"], body), (200, str(len("hello, kiosk! (path: /x)\n")), ""))
            self.assertEqual(harness.get(connection, "/y")[2], "hello, kiosk! (path: /y)\n")

    def test_half_a_client_hello(self):
        """Closed, reset, or silent until the server's next client is through: none of them gets a word."""
        hello = client_hello()
        for size in 1, 5, 6, len(hello) // 2, len(hello) - 1:
            silent = self.server.connect()
            silent.sendall(hello[:size])
            with self.server.connect() as closed:
                closed.sendall(hello[:size])
                closed.shutdown(socket.SHUT_WR)
                self.assertNotIn(b"hello", harness.read_all(closed))
            broken = self.server.connect()
            broken.sendall(hello[:size])
            reset(broken)
            self.alive()
            silent.close()

    def test_reset_after_request(self):
        for _ in range(20):
            connection = harness.tls(self.server, "alice")
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 50)
            reset(connection)
        self.alive()

    def test_garbage_inside_a_connection(self):
        connection = harness.tls(self.server, "alice")
        self.assertEqual(harness.get(connection, "/")[0], 200)
        with socket.socket(fileno=connection.detach()) as plain:
            plain.settimeout(harness.PATIENCE)
            plain.sendall(bytes(1000))
            self.assertNotIn(b"hello", harness.read_all(plain))
        self.alive()

    def test_fifty_at_once(self):
        labels = {"alice": "alice", "build-agent": "build agent 7", "kiosk": "kiosk"}
        clients = (list(labels) * 17)[:50]
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(lambda client: harness.greeting(self.server, client), clients))
        self.assertEqual(answers, [f"hello, {labels[client]}! (path: /)\n" for client in clients])

    def test_event(self):
        with harness.tls(self.server, "alice") as connection:
            self.assertEqual(harness.get(connection, "/")[0], 200)
            event = self.server.events_of(connection.getsockname())[0]
        self.assertEqual(event["thumbprint"].replace(":", "").lower(), harness.thumbprint("alice"))
        self.assertEqual(event["spki"], harness.spki("alice"))
        self.assertEqual("serial=" + event["serial"].removeprefix("0x"), harness.serial("alice"))
        self.assertEqual((event["subject"], event["issuer"]), ("CN=alice,O=Example", "CN=Example Clients CA,O=Example"))
        logged = calendar.timegm(time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ"))
        self.assertLess(abs(time.time() - logged), 60)


for name, case in REQUESTS.items():
    setattr(Serving, "test_request_" + name, lambda self, case=case: self.check_request(*case))
for name, case in NO_TLS.items():
    setattr(Serving, "test_no_tls_" + name, lambda self, case=case: self.check_no_tls(*case))


class Living(unittest.TestCase):
    def test_rule_ends(self):
        """An open connection is asked about again before each answer: this one's rule ends meanwhile."""
        end = int(time.time()) + 3
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        policy = f"ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice not-after={moment}\n"
        with harness.Server(policy) as server, harness.tls(server, "alice") as connection:
            self.assertEqual(harness.get(connection, "/")[2], "hello, alice! (path: /)\n")
            time.sleep(end + 1.5 - time.time())
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertEqual(harness.read_all(connection), b"")
            events = server.events_of(connection.getsockname())
        self.assertEqual([event["reason"] for event in events], ["RULE", "RULE_EXPIRED"])


class Ending(unittest.TestCase):
    """The exit status 0 also says that the sanitizers have found no leak."""

    def end(self, number):
        with harness.Server(POLICY) as server, harness.tls(server, "alice") as idle, harness.tls(server, "kiosk") as busy, \
                server.connect() as silent, server.connect() as half:
            self.assertEqual(harness.get(idle, "/")[0], 200)
            busy.sendall(b"GET /unfinished HT")
            half.sendall(client_hello()[:50])
            begun = time.monotonic()
            self.assertEqual(server.stop(number), 0)
            self.assertLess(time.monotonic() - begun, 5)
            for connection in idle, busy, silent, half:
                self.assertEqual(harness.read_all(connection), b"")
            with self.assertRaises(OSError):
                server.connect()

    def test_sigterm(self):
        self.end(signal.SIGTERM)

    def test_sigint(self):
        self.end(signal.SIGINT)

    def test_at_once(self):
        with harness.Server(POLICY) as server:
            self.assertEqual(server.stop(signal.SIGTERM), 0)


class Names(unittest.TestCase):
    def test_hostile_subject(self):
        """What a client calls itself cannot break the line, the JSON, a terminal or a web page."""
        hostile = 'say "hi"\\ </script>\n\x1b[31m\u202e&\x7f'
        with harness.Server(POLICY) as server:
            context = harness.client_context("none")
            harness.load_self_signed(context, hostile)
            with server.connect() as plain:
                peer = plain.getsockname()
                try:
                    with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                        self.assertEqual(harness.read_all(connection), b"")
                except OSError:
                    pass
                event = server.events_of(peer)[0]
            line = [line for line in server.lines() if harness.address_text(peer) in line][0]
        self.assertEqual(event["reason"], "UNKNOWN_CA")
        self.assertEqual(event["subject"], r'CN=say \"hi\"\\ \</script\>\0A\1B[31m' + '\u202e&\\7F')
        self.assertNotIn("\u202e", line)
        self.assertRegex(line, r"^\{[ -~]*\}$")
        self.assertNotRegex(line, r"[<>&]")


class Addresses(unittest.TestCase):
    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            self.skipTest(f"no ::1 here: {error}")
        with harness.Server(POLICY, listen="[::1]:0") as server:
            with harness.tls(server, "alice") as connection:
                self.assertEqual(harness.get(connection, "/six")[2], "hello, alice! (path: /six)\n")
                self.assertEqual(len(server.events_of(connection.getsockname())), 1)


harness.main()
