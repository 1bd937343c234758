"""examples/reload.c: its files are watched, and one thread serves all; no client holds up the others, and no reload."""
import contextlib
import os
import select
import signal
import socket
import ssl
import tempfile
import time

import harness
import living
import stream
from living import POLICY, REMOVED, SECONDS

CLIENTS, HANDSHAKE_SECONDS, REQUEST_SECONDS, LATE = 200, 10, 30, 4  # the second and third as in reload.c
GET = b"GET / HTTP/1.1\r\n\r\n"
LONG = POLICY + "".join(f"allow thumbprint {number:064x}\n" for number in range(200000))


def in_place(server, text):
    server.policy.write_text(harness.policy_text(text), encoding="utf-8")


def in_two_parts(server, text):
    """A slow editor; no half of a policy allows more than the whole."""
    text = harness.policy_text(text)
    with open(server.policy, "w", encoding="utf-8") as file:
        for part in text[:len(text) // 2], text[len(text) // 2:]:
            file.write(part)
            file.flush()
            time.sleep(0.1)


def through_another_name(server, text):
    """The old file goes first."""
    aside = server.policy.with_name("aside")
    aside.write_text(harness.policy_text(text), encoding="utf-8")
    server.policy.unlink()
    aside.rename(server.policy)


WAYS = {"moved into place": living.put, "in place": in_place, "in two parts": in_two_parts, "unlinked first": through_another_name}

# What alice sends after her handshake, each part by itself; what she hears begins so, and then comes the end.
REQUESTS = {
    "three lines": ([b"GET /3 HTTP/1.1\r\n\r\n"], b"hello, alice!\nline 1\nline 2\nline 3\n"),
    "none": ([b"GET /0 HTTP/1.1\r\n\r\n"], b"hello, alice!\n"),
    "byte by byte": ([bytes([byte]) for byte in b"GET /1 HTTP/1.1\r\n\r\n"], b"hello, alice!\nline 1\n"),
    "longest": ([b"GET /1 HTTP/1.1\r\nCookie: " + b"x" * 4066 + b"\r\n\r\n"], b"hello, alice!\nline 1\n"),
    "too long": ([b"GET /1 HTTP/1.1\r\nCookie: " + b"x" * 4067 + b"\r\n\r\n"], b""),
    "post": ([b"POST / HTTP/1.1\r\n\r\n"], b""),
    "nothing": ([b"\r\n\r\n"], b""),
    "garbage": ([b"\xff\0\xfe%s%n\r\n\r\n"], b""),
    "no number": ([GET, 0.5, b"x"], b"hello, alice!\nline 1\n"),
    "minus": ([b"GET /-1 HTTP/1.1\r\n\r\n", 0.5, b"x"], b"hello, alice!\nline 1\n"),
    "out of turn": ([b"GET /1000 HTTP/1.1\r\n\r\n", 0.5, b"GET /1 HTTP/1.1\r\n\r\n"], b"hello, alice!\nline 1\n"),
}


class Watching(living.Case):
    """Nobody sends a signal."""

    def check_way(self, put):
        server = self.serve("reload")
        alice, witness = self.enter(living.Watcher(server, "alice")), living.Witness(self, server)
        saved = {name: living.save_session(server, name, "1.3") for name in ("alice", "mallory")}
        put(server, REMOVED)
        self.check_cut_off(server, alice, time.monotonic())
        self.check_kept_out(server, saved["alice"], "1.3")
        witness.check()
        self.check_resumes(server, saved["mallory"])
        self.wait_for_reload(server, 1)
        put(server, REMOVED + "alow any\n")
        self.assertIn("policy:5:1: ", self.wait_for_reload(server, 2, "ERR_SYNTAX")["error"])
        witness.check()
        put(server, POLICY)
        self.assertEqual(self.wait_for_reload(server, 3)["generation"], 3)
        self.check_resumes(server, saved["alice"])

    def test_symlinks(self):
        """As Kubernetes does: policy -> ..data/policy, ..data -> a folder with a date, and `..data` is swapped."""
        folder = self.enter(tempfile.TemporaryDirectory())

        def swap(version, text):
            os.mkdir(f"{folder}/{version}")
            with open(f"{folder}/{version}/policy", "w", encoding="utf-8") as file:
                file.write(harness.policy_text(text))
            os.symlink(version, f"{folder}/..data_tmp")
            os.rename(f"{folder}/..data_tmp", f"{folder}/..data")

        swap("..2026_01", POLICY)
        os.symlink("..data/policy", f"{folder}/policy")
        server = self.serve("reload", options=["--policy", f"{folder}/policy"])
        alice, witness = self.enter(living.Watcher(server, "alice")), living.Witness(self, server)
        for version, text in ("..2026_02", REMOVED), ("..2026_03", POLICY), ("..2026_04", REMOVED):
            moment = time.monotonic()
            swap(version, text)
            self.check_cut_off(server, alice, moment) if text == REMOVED else time.sleep(SECONDS / 2)
            if text == POLICY:
                alice = self.enter(living.Watcher(server, "alice"))
        witness.check()
        self.wait_for_reload(server, 3)

    def test_foreign_clients(self):
        """curl downloads, and OpenSSL's client comes back with a session that it has kept in a file."""
        for version in harness.VERSIONS:
            server, folder = self.serve("reload"), self.enter(tempfile.TemporaryDirectory())
            alice, mallory = (self.enter(living.Curl(server, name, version)) for name in ("alice", "mallory"))
            for name in "alice", "mallory":
                output = living.s_client(server, name, version, "-sess_out", f"{folder}/{name}")
                self.assertRegex(output, rf"New, TLSv{version}.*(?s:.*)\nhello, {name}!\n")
                output = living.s_client(server, name, version, "-sess_in", f"{folder}/{name}")
                self.assertRegex(output, rf"Reused, TLSv{version}.*(?s:.*)\nhello, {name}!\n")
            self.assertTrue(harness.until(lambda: min(alice.lines(), mallory.lines()) > 3))
            living.put(server, REMOVED)
            self.assertTrue(harness.until(lambda: alice.process.poll() is not None, SECONDS), "her download goes on")
            for name, heard in ("alice", False), ("mallory", True):
                output = living.s_client(server, name, version, "-sess_in", f"{folder}/{name}")
                self.assertEqual(("\nReused, " in output, f"hello, {name}!" in output), (heard, heard), output)
            self.assertEqual([event["reason"] for event in server.events() if event.get("verdict") == "deny"], 2 * ["NO_RULE"])
            before = mallory.lines()
            self.assertTrue(harness.until(lambda: mallory.lines() > before + 3))

    def test_many(self):
        """200 clients, one of whom is removed."""
        server = self.serve("reload")
        names = ["alice"] + ["mallory", "kiosk"] * (CLIENTS // 2)
        data = {self.enter(harness.tls(server, name)): b"" for name in names[:CLIENTS]}
        ends = {}
        for connection in data:
            connection.sendall(GET)
            connection.setblocking(False)

        def collect(seconds):
            last = time.monotonic() + seconds
            while time.monotonic() < last:
                for connection in select.select([each for each in data if each not in ends], [], [], 0.1)[0]:
                    try:
                        while part := connection.recv(65536):
                            data[connection] += part
                        ends[connection] = time.monotonic()
                    except ssl.SSLWantReadError:
                        pass

        collect(1)
        self.assertEqual(ends, {})
        self.assertIn(f", {CLIENTS} connected, ", server.statistics()[0])
        before = {connection: heard.count(b"\n") for connection, heard in data.items()}
        living.put(server, REMOVED)
        collect(SECONDS)
        self.assertEqual(list(ends), [next(iter(data))])
        for connection, heard in data.items():
            lines = heard.partition(b"!\n")[2].splitlines()
            self.assertEqual(lines, [b"line %d" % number for number in range(1, len(lines) + 1)])
            self.assertTrue(connection in ends or heard.count(b"\n") > before[connection] + 5)
        self.assertIn(f", {CLIENTS - 1} connected, ", server.statistics()[0])


class Reloading(living.Case):
    def test_long(self):
        """Clients that come while a long policy is read are served under the one before: seen in one of three reloads, since
        the reader may be quicker than a client."""
        server, generations = self.serve("reload", LONG), []
        for number in range(1, 4):
            server.process.send_signal(signal.SIGHUP)
            with harness.tls(server, "alice") as connection:
                event = server.events_of(connection.getsockname())[0]
            generations.append(event["generation"] - number)
            self.wait_for_reload(server, number)
        self.assertIn(0, generations)


class Serving(living.Case):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server(POLICY, program="reload")
        cls.addClassCleanup(cls.server.__exit__, None)

    def check_request(self, parts, expected):
        for version in harness.VERSIONS:
            with harness.tls(self.server, "alice", version) as connection:
                for part in parts:
                    if isinstance(part, float):
                        time.sleep(part)
                    else:
                        connection.sendall(part)
                connection.suppress_ragged_eofs = False  # an end without close_notify is an error
                data = b""
                while part := connection.recv(65536):
                    data += part
            self.assertTrue(data.partition(b"\r\n\r\n")[2].startswith(expected) if expected else data == b"", data)

    def test_half_closed(self):
        """A client that closes its half has to go, and nobody else."""
        witness = living.Witness(self, self.server)
        for version in harness.VERSIONS:
            connection = harness.tls(self.server, "alice", version)
            connection.sendall(GET)
            self.assertTrue(connection.recv(100))
            with socket.socket(fileno=connection.detach()) as plain:
                plain.settimeout(harness.PATIENCE)
                plain.shutdown(socket.SHUT_WR)
                harness.read_all(plain)
            with harness.tls(self.server, "alice", version) as connection:
                connection.sendall(GET)
                self.assertTrue(connection.recv(100))
                with contextlib.suppress(OSError):  # lines are under way
                    connection.unwrap()
            witness.check()

    def test_garbage(self):
        """In place of a handshake, or within a connection."""
        witness = living.Witness(self, self.server)
        with self.server.connect() as plain:
            plain.sendall(bytes(1000))
            self.assertNotIn(b"hello", harness.read_all(plain))
            self.assertEqual([event["reason"] for event in self.server.events_of(plain.getsockname())], ["HANDSHAKE_FAILED"])
        connection = harness.tls(self.server, "alice")
        connection.sendall(GET)
        with socket.socket(fileno=connection.detach()) as plain:
            plain.settimeout(harness.PATIENCE)
            plain.sendall(bytes(1000))
            harness.read_all(plain)
        witness.check()

    def test_flood(self):
        """A refused client that goes on sending is not listened to for longer than a goodbye takes."""
        witness, begun = living.Witness(self, self.server), time.monotonic()
        connection = harness.tls(self.server, "other-alice")
        with socket.socket(fileno=connection.detach()) as plain:
            plain.settimeout(harness.PATIENCE)
            with self.assertRaises(OSError):
                while time.monotonic() < begun + harness.PATIENCE:
                    plain.sendall(bytes(65536))
        self.assertLess(time.monotonic() - begun, 3 * SECONDS)
        witness.check()

    def test_slow(self):
        """Slow: half a minute. Whoever is silent has to go in time, and meanwhile nobody waits."""
        witness, begun, hello = living.Witness(self, self.server), time.monotonic(), stream.client_hello()
        silent, half, drip = (self.enter(self.server.connect()) for _ in range(3))
        idle = self.enter(harness.tls(self.server, "alice"))
        names = [connection.getsockname() for connection in (silent, half, drip)]
        half.sendall(hello[:len(hello) // 2])
        for byte in hello[:HANDSHAKE_SECONDS * 2 - 2]:
            drip.sendall(bytes([byte]))
            time.sleep(0.5)
        witness.check()
        for connection in silent, half, drip:
            self.assertEqual(harness.read_all(connection), b"")
            self.assertGreater(time.monotonic() - begun, HANDSHAKE_SECONDS - 1)
            self.assertLess(time.monotonic() - begun, HANDSHAKE_SECONDS + LATE)
        for name in names:
            self.assertEqual([event["reason"] for event in self.server.events_of(name)], ["HANDSHAKE_FAILED"])
        idle.settimeout(REQUEST_SECONDS)
        self.assertEqual(idle.recv(1), b"")
        self.assertGreater(time.monotonic() - begun, REQUEST_SECONDS - 1)
        self.assertLess(time.monotonic() - begun, REQUEST_SECONDS + LATE)
        witness.check()


class Ending(living.Case):
    def check_end(self, number):
        server = self.serve("reload")
        alice, idle = self.enter(living.Watcher(server, "alice")), self.enter(harness.tls(server, "mallory"))
        silent, begun = self.enter(server.connect()), time.monotonic()
        self.assertEqual(server.stop(number), 0)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertTrue(alice.ended_after(begun))
        self.assertEqual((harness.read_all(idle), harness.read_all(silent)), (b"", b""))

    def test_at_once(self):
        self.assertEqual(self.serve("reload").stop(signal.SIGTERM), 0)


for name, way in WAYS.items():
    setattr(Watching, "test_" + name, lambda self, way=way: self.check_way(way))
for name, case in REQUESTS.items():
    setattr(Serving, "test_request_" + name, lambda self, case=case: self.check_request(*case))
for number in signal.SIGTERM, signal.SIGINT:
    setattr(Ending, "test_" + number.name, lambda self, number=number: self.check_end(number))
harness.main()
