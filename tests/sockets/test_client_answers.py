"""What the example client makes of answers, and of servers that give none, or something else."""
import concurrent.futures
import contextlib
import socket
import ssl
import subprocess
import time
import unittest

import client
import fake
import harness

ROOT = ["--ca", harness.PKI / "root-ca.pem"]
HANDSHAKE_SECONDS, ANSWER_SECONDS = 10, 30  # as in client.c

# A server's alert in place of its first message, and what our client says.
ALERTS = {
    40: "the server wants a client certificate, or other ciphers: use --cert and --key",
    42: "the server does not accept our certificate: use --cert and --key",
    43: "the server does not take client certificates of this kind: use --cert and --key",
    44: "the server says that our certificate is revoked: use --cert and --key",
    45: "the server says that our certificate has expired: use --cert and --key",
    46: "the server cannot accept our certificate: use --cert and --key",
    48: "the server does not know the CA of our certificate: use --cert and --key",
    49: "the server does not let the owner of our certificate in: use --cert and --key",
    116: "the server wants a client certificate: use --cert and --key",
    70: "no handshake: tlsv1 alert protocol version",
    80: "no handshake: tlsv1 alert internal error",
    112: "no handshake: tlsv1 unrecognized name",
    255: "no handshake: ",
}

# What a server says to a request, whether it announces the end of it (close_notify), and what becomes of it: the output,
# and what our client says. Without words the status is 0.
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ANSWERS = {
    "length": (HEAD + b"Content-Length: 5\r\n\r\nhello", True, "hello", ""),
    "length, end not announced": (HEAD + b"Content-Length: 5\r\n\r\nhello", False, "hello", ""),
    "length in small letters": (HEAD + b"content-length:5\r\n\r\nhello", False, "hello", ""),
    "nothing": (HEAD + b"Content-Length: 0\r\n\r\n", False, "", ""),
    "up to the end": (HEAD + b"\r\nhello", True, "hello", ""),
    "old": (b"HTTP/1.0 200 ok\r\nContent-type: text/plain\r\n\r\nhello", True, "hello", ""),
    "chunks": (CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", False, "hello world", ""),
    "chunks and a trailer": (CHUNKED + b"00a\r\n0123456789\r\n000\r\nX: y\r\n\r\n", False, "0123456789", ""),
    "zero bytes": (HEAD + b"Content-Length: 3\r\n\r\na\0b", False, "a\0b", ""),
    "large": (HEAD + b"Content-Length: 1000000\r\n\r\n" + bytes(1000000), False, 1000000 * "\0", ""),
    "created": (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nab", False, "ab", ""),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", True, "", ""),
    "not found": (b"HTTP/1.1 404 \x1b[31m\r\nContent-Length: 2\r\n\r\nno", False, "no", "the server answers with status"),
    "moved": (b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", True, "", "the server answers with status: 301"),
    "broken": (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", True, "", "the server answers with status: 500"),
    "more to come": (b"HTTP/1.1 100 Continue\r\n\r\n", True, "", "the server answers with status: 100"),
    "no bytes": (b"", True, "", "no answer: "),
    "no bytes, end not announced": (b"", False, "", "no answer: unexpected eof while reading"),
    "half a head": (HEAD + b"Content-Length: 5\r\n", True, "", "no answer: "),
    "short": (HEAD + b"Content-Length: 6\r\n\r\nhello", True, "", "not the whole answer: "),
    "short, not announced": (HEAD + b"Content-Length: 6\r\n\r\nhello", False, "", "not the whole answer: unexpected eof"),
    "up to the end, not announced": (HEAD + b"\r\nhello", False, "", "not the whole answer: unexpected eof while reading"),
    "no last chunk": (CHUNKED + b"5\r\nhello\r\n", True, "", "not the whole answer: "),
    "half a chunk": (CHUNKED + b"5\r\nhel", True, "", "not the whole answer: "),
    "no end of the last chunk": (CHUNKED + b"5\r\nhello\r\n0\r\n", True, "", "not the whole answer: "),
    "chunk without a size": (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", True, "", "not the whole answer: "),
    "negative chunk": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", True, "", "not the whole answer: "),
    "huge chunk": (CHUNKED + b"7fffffffffffffff\r\nhello\r\n0\r\n\r\n", True, "", "not the whole answer: "),
    "negative length": (HEAD + b"Content-Length: -5\r\n\r\nhello", True, "", "not the whole answer: "),
    "huge length": (HEAD + b"Content-Length: 99999999999999999999\r\n\r\nhello", True, "", "not the whole answer: "),
    "too long": (HEAD + b"\r\n" + bytes(1 << 20), True, "", "no answer: it is too long"),
    "garbage": (bytes(range(1, 256)), True, "", "no answer: this is not HTTP"),
    "zeros": (bytes(100), True, "", "no answer: this is not HTTP"),
    "no status": (b"HTTP/1.1\r\n\r\n", True, "", "no answer: this is not HTTP"),
    "shortest": (b"HTTP/1.\r\n\r\n", True, "", "no answer: this is not HTTP"),
    "escape sequence": (b"HTTP/1.1 \x1b[2J\r\n\r\n", True, "", "no answer: this is not HTTP"),
}

# What a server may send instead of a handshake.
NO_TLS = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "nothing": b"",
    "zeros": bytes(1000),
    "garbage": bytes(range(255, 0, -1)) * 100,
    "half a record": b"\x16\x03\x03\x04\x00\x02",
}


def ask(server, *options, host="localhost"):
    return client.run("--connect", f"{host}:{server.port}", *ROOT, *options)


class Answers(unittest.TestCase):
    def check_answer(self, answer, announced, output, words):
        with fake.Fake(fake.answering(answer, announced)) as server:
            done = ask(server)
        self.assertEqual((done.status, done.output), (1 if words else 0, output), done.words)
        self.assertEqual(len(done.words), 1 if words else 0, done.words)
        for line in done.words:
            self.assertTrue(line.startswith(f"client: localhost:{server.port}: {words}"), line)
            self.assertTrue(line.isprintable(), line)

    def check_alert(self, number, words):
        with fake.Fake(lambda plain: plain.recv(1000) and plain.sendall(bytes([21, 3, 3, 0, 2, 2, number]))) as server:
            done = ask(server)
        self.assertEqual((done.status, done.output, len(done.words)), (1, "", 1), done)
        self.assertTrue(done.words[0].startswith(f"client: localhost:{server.port}: {words}"), done.words)
        self.assertEqual([event["reason"] for event in done.events], ["HANDSHAKE_FAILED"])

    def test_full_disk(self):
        """What cannot be written is no success."""
        with fake.Fake(fake.answering(*ANSWERS["length"][:2])) as server, open("/dev/full", "wb") as full:
            command = [client.CLIENT, "--connect", f"localhost:{server.port}", *map(str, ROOT)]
            status = subprocess.call(command, stdout=full, stderr=subprocess.DEVNULL, env=harness.environment())
        self.assertEqual(status, 1)

    def test_request(self):
        for host, path in ("localhost", "/a?b=%20c"), ("127.0.0.1", "/"):
            requests = []
            with fake.Fake(fake.answering(*ANSWERS["length"][:2], requests=requests)) as server:
                self.assertEqual(ask(server, "--path", path, host=host).status, 0)
            self.assertEqual(requests, [f"GET {path} HTTP/1.1\r\nHost: {host}:{server.port}\r\n"
                                        "Connection: close\r\n\r\n".encode()])

    def test_server_name(self):
        """RFC 6066, 3: names alone."""
        names = []
        context = fake.server_context()
        context.sni_callback = lambda connection, name, _: names.append(name)

        def treat(plain):
            context.wrap_socket(plain, server_side=True).close()
        with fake.Fake(treat) as server:
            for host in "localhost", "127.0.0.1":
                self.assertEqual(ask(server, host=host).status, 1)
        self.assertEqual(names, ["localhost", None])


class Handshakes(unittest.TestCase):
    def failed(self, done, words):
        self.assertEqual((done.status, done.output, len(done.words)), (1, "", 1), done)
        self.assertRegex(done.words[0], rf"^client: localhost:\d+: {words}")

    def check_no_tls(self, sent):
        def treat(plain):
            plain.recv(1000)
            plain.sendall(sent)
        with fake.Fake(treat) as server:
            done = ask(server)
        self.failed(done, "no handshake: ")
        self.assertEqual([event["reason"] for event in done.events], ["HANDSHAKE_FAILED"])

    def test_reset(self):
        with fake.Fake(lambda plain: plain.recv(1000) and fake.reset(plain)) as server:
            self.failed(ask(server), "no handshake: the connection has ended")

    def test_not_a_byte(self):
        """A server that we refuse gets nothing that it could decrypt."""
        heard = []

        def treat(plain):
            context = fake.server_context(certificate="other-server")
            with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as connection:
                try:
                    connection.do_handshake()
                    heard.append(connection.recv(1000))
                except ssl.SSLError as error:
                    heard.append(error.reason)
        with fake.Fake(treat) as server:
            done = ask(server)
        self.assertEqual((done.status, [event["reason"] for event in done.events]), (1, ["UNKNOWN_CA"]))
        self.assertEqual(heard, ["TLSV1_ALERT_UNKNOWN_CA"])

    def test_alert_and_reset(self):
        """The server may reset the connection before our request is written; its alert is understood all the same."""
        def treat(plain):
            context = fake.server_context(demand=True)
            with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as connection:
                try:
                    connection.do_handshake()
                finally:
                    fake.reset(connection)
        with fake.Fake(treat) as server:
            for _ in range(20):
                done = ask(server)
                self.failed(done, "the server wants a client certificate: use --cert and --key")
                self.assertEqual([event["verdict"] for event in done.events], ["allow"])


def silent(plain):
    while plain.recv(1000):
        pass


def drip(connection, data):
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(0.5)


def slow_handshake(plain):
    plain.recv(1000)
    drip(plain, b"\x16\x03\x03\x04\x00\x02\x00\x03\xfc\x03\x03" + bytes(200))


def slow_body(connection):
    connection.sendall(HEAD + b"\r\n")
    drip(connection, bytes(300))


def after_handshake(treat):
    return lambda plain: treat(fake.server_context().wrap_socket(plain, server_side=True))


class Time(unittest.TestCase):
    """All these servers keep their clients waiting at the same time."""

    SERVERS = {
        "silent": (silent, HANDSHAKE_SECONDS, "no handshake: the time is up"),
        "slow handshake": (slow_handshake, HANDSHAKE_SECONDS, "no handshake: the time is up"),
        "no answer": (after_handshake(silent), ANSWER_SECONDS, "no answer: the time is up"),
        "slow head": (after_handshake(lambda c: drip(c, HEAD + 300 * b"x")), ANSWER_SECONDS, "no answer: the time is up"),
        "slow body": (after_handshake(slow_body), ANSWER_SECONDS, "not the whole answer: the time is up"),
    }

    def wait(self, treat):
        with fake.Fake(treat) as server:
            begun = time.monotonic()
            done = ask(server)
            return time.monotonic() - begun, done

    def test_deadlines(self):
        with concurrent.futures.ThreadPoolExecutor(len(self.SERVERS)) as pool:
            waiting = {name: pool.submit(self.wait, treat) for name, (treat, _, _) in self.SERVERS.items()}
        for name, (_, limit, words) in self.SERVERS.items():
            with self.subTest(name):
                seconds, done = waiting[name].result()
                self.assertEqual((done.status, done.output, len(done.words)), (1, "", 1), done)
                self.assertIn(words, done.words[0])
                self.assertGreater(seconds, limit - 1)
                self.assertLess(seconds, limit + 5)

    def test_no_connection(self):
        """A queue that is full, so that the kernel answers nobody."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            begun = time.monotonic()
            done = client.run("--connect", harness.address_text(full.getsockname()), *ROOT)
            seconds = time.monotonic() - begun
        self.assertEqual((done.status, done.output, done.events, len(done.words)), (1, "", [], 1), done)
        self.assertIn("no connection: the time is up", done.words[0])
        self.assertGreater(seconds, HANDSHAKE_SECONDS - 1)
        self.assertLess(seconds, HANDSHAKE_SECONDS + 5)


for name, case in ANSWERS.items():
    setattr(Answers, "test_answer_" + name, lambda self, case=case: self.check_answer(*case))
for number, words in ALERTS.items():
    setattr(Answers, f"test_alert_{number}", lambda self, number=number, words=words: self.check_alert(number, words))
for name, sent in NO_TLS.items():
    setattr(Handshakes, "test_no_tls_" + name, lambda self, sent=sent: self.check_no_tls(sent))
harness.main()
