"""What the example server does about clients that want too much of it: its time, its connections, its descriptors."""
import concurrent.futures
import resource
import socket
import time
import unittest

import harness

POLICY = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n"
MAX_CONNECTIONS, HANDSHAKE_SECONDS, REQUEST_SECONDS = 1000, 10, 30  # as in server.c
LATE = 6  # seconds that may be added: the server looks once a second, and a refused client gets one more to say goodbye


def seconds_until_end(connection, drip=b""):
    """How long the server keeps the connection, with a byte of `drip` every half second."""
    begun = time.monotonic()
    connection.settimeout(0.5)
    drip = list(drip)
    while time.monotonic() - begun < 2 * REQUEST_SECONDS:
        try:
            if connection.recv(1000) == b"":
                break
        except TimeoutError:
            if drip:
                connection.sendall(bytes([drip.pop(0)]))
        except OSError:
            break
    return time.monotonic() - begun


class Time(unittest.TestCase):
    """All these clients wait at the same time, while another one is served."""

    CLIENTS = {
        "silent": HANDSHAKE_SECONDS,
        "slow handshake": HANDSHAKE_SECONDS,
        "idle": REQUEST_SECONDS,
        "slow request": REQUEST_SECONDS,
        "slow second request": REQUEST_SECONDS,
    }

    def connect(self, client):
        drip = b""
        if client in ("silent", "slow handshake"):
            connection = self.server.connect()
            if client == "slow handshake":
                drip = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400)
        else:
            connection = harness.tls(self.server, "alice")
            if client == "slow second request":
                self.assertEqual(harness.get(connection, "/")[0], 200)
            if client.startswith("slow"):
                drip = b"GET /" + 500 * b"x"
        with connection:
            return seconds_until_end(connection, drip)

    def keep_busy(self):
        """A connection in use outlives the deadline of its first request."""
        with harness.tls(self.server, "alice") as connection:
            begun = time.monotonic()
            while time.monotonic() - begun < REQUEST_SECONDS + 3:
                self.assertEqual(harness.get(connection, "/")[0], 200)
                time.sleep(1)

    def test_deadlines(self):
        with harness.Server(POLICY) as self.server, concurrent.futures.ThreadPoolExecutor(8) as pool:
            waiting = {client: pool.submit(self.connect, client) for client in self.CLIENTS}
            busy = pool.submit(self.keep_busy)
            while not all(task.done() for task in waiting.values()):
                self.assertEqual(harness.greeting(self.server, "alice"), "hello, alice! (path: /)\n")
                time.sleep(0.5)
            busy.result()
        for client, limit in self.CLIENTS.items():
            with self.subTest(client):
                self.assertGreater(waiting[client].result(), limit - 1)
                self.assertLess(waiting[client].result(), limit + LATE)


class Numbers(unittest.TestCase):
    def test_descriptors(self):
        """Out of descriptors the server neither ends nor spins; it goes on when there are some again."""
        few = 24

        def limits():
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))

        with harness.Server(POLICY, limits=limits) as server:
            connections = [server.connect() for _ in range(2 * few)]
            time.sleep(1)
            before = server.processor_seconds()
            time.sleep(2)
            self.assertLess(server.processor_seconds() - before, 0.5)
            for connection in connections:
                connection.close()
            self.assertEqual(harness.greeting(server, "alice"), "hello, alice! (path: /)\n")

    def test_connections(self):
        """One connection too many is closed at once; there is room again when another one has gone."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * MAX_CONNECTIONS
        if hard != resource.RLIM_INFINITY and hard < wanted:
            self.skipTest(f"only {hard} descriptors are permitted")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        with harness.Server(POLICY) as server:
            connections = [server.connect() for _ in range(MAX_CONNECTIONS)]
            begun = time.monotonic()
            with server.connect() as one_more:
                self.assertEqual(harness.read_all(one_more), b"")
            self.assertLess(time.monotonic() - begun, HANDSHAKE_SECONDS / 2)
            for connection in connections:
                self.assertFalse(has_ended(connection))
            connections.pop().close()

            def greeted():
                try:
                    return harness.greeting(server, "alice") == "hello, alice! (path: /)\n"
                except OSError:
                    return False
            self.assertTrue(harness.until(greeted))
            for connection in connections:
                connection.close()


def has_ended(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


harness.main()
