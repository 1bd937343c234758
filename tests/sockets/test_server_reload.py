"""What is particular to the two other servers when the policy changes: threads that are blocked, anonymous clients, queues."""
import concurrent.futures
import contextlib
import signal
import time

import harness
import living
from living import POLICY, REMOVED, SECONDS


class Threads(living.Case):
    def test_does_not_read(self):
        """Her thread waits in SSL_write; she asks and asks, but does not take the answers."""
        server = self.serve("server")
        alice, witness = self.enter(harness.tls(server, "alice")), living.Witness(self, server)
        alice.settimeout(1)
        with self.assertRaises(TimeoutError):
            while True:
                alice.sendall(b"GET /" + 1000 * b"x" + b" HTTP/1.1\r\n\r\n")
        moment = time.monotonic()
        living.put(server, REMOVED)
        server.process.send_signal(signal.SIGHUP)
        swept = harness.until(lambda: [event for event in server.events_of(alice.getsockname()) if "event" in event])
        self.assertEqual([event["reason"] for event in swept], ["NO_RULE"])
        self.assertTrue(harness.until(lambda: ", 1 connected, " in server.statistics()[0]), "her thread is still there")
        self.assertLess(time.monotonic() - moment, 2 * SECONDS)
        witness.check()

    def test_anonymous(self):
        """Who has shown no certificate has nothing to lose; but for alice the public page is no refuge."""
        server = self.serve("server", options=["--optional"])
        for version in harness.VERSIONS:
            nobody, alice = (self.enter(harness.tls(server, name, version)) for name in ("none", "alice"))
            self.assertEqual(harness.get(nobody, "/")[2], "this page is for everybody (path: /)\n")
            self.assertEqual(harness.get(alice, "/")[2], "hello, alice! (path: /)\n")
            saved = living.save_session(server, "alice", version)
            number = len(server.reloads())
            living.put(server, REMOVED)
            server.process.send_signal(signal.SIGHUP)
            self.wait_for_reload(server, number + 1)
            self.assertEqual(harness.read_all(alice), b"")
            self.assertEqual(harness.get(nobody, "/on")[2], "this page is for everybody (path: /on)\n")
            self.check_kept_out(server, saved, version)
            living.put(server, POLICY)
            server.process.send_signal(signal.SIGHUP)
            self.wait_for_reload(server, number + 2)

    def test_removed_in_the_middle(self):
        """Of a request: what arrives of it later is not answered."""
        server = self.serve("server")
        alice = self.enter(harness.tls(server, "alice"))
        alice.sendall(b"GET / HT")
        living.put(server, REMOVED)
        server.process.send_signal(signal.SIGHUP)
        self.wait_for_reload(server, 1)
        with contextlib.suppress(OSError):
            alice.sendall(b"TP/1.1\r\n\r\n")
        self.assertEqual(harness.read_all(alice), b"")

    def test_reloads_under_load(self):
        """No handshake of those who are allowed all the time is lost, and none of alice's succeeds while she is removed."""
        server = self.serve("server")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            going = True

            def visit():
                count = 0
                while going:
                    self.assertEqual(harness.greeting(server, "mallory"), "hello, mallory! (path: /)\n")
                    count += 1
                return count

            visits = [pool.submit(visit) for _ in range(3)]
            for number in range(1, 21):
                living.put(server, REMOVED if number % 2 else POLICY)
                server.process.send_signal(signal.SIGHUP)
                self.wait_for_reload(server, number)
                heard = b""
                with contextlib.suppress(OSError), harness.tls(server, "alice") as connection:
                    connection.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
                    heard = harness.read_all(connection)
                self.assertEqual(b"hello, alice!" in heard, number % 2 == 0)
            going = False
            self.assertGreater(sum(task.result() for task in visits), 10)


class Streams(living.Case):
    def test_hears_no_more(self):
        """What was said before arrives, and nothing of what is said after."""
        server = self.serve("stream-server")
        for version in harness.VERSIONS:
            number = len(server.reloads())
            alice, witness = self.enter(living.Watcher(server, "alice", version)), living.Witness(self, server, version)
            witness.members[0].say(b"before\n")
            self.assertEqual(witness.members[1].line(), b"mallory: before")
            self.assertTrue(harness.until(lambda: alice.data))
            moment = time.monotonic()
            living.put(server, REMOVED)
            server.process.send_signal(signal.SIGHUP)
            self.wait_for_reload(server, number + 1)
            witness.members[0].say(b"after\n")
            self.assertEqual(witness.members[1].line(), b"mallory: after")
            self.check_cut_off(server, alice, moment)
            self.assertEqual((alice.data, alice.error), (b"mallory: before\n", None))
            living.put(server, POLICY)
            server.process.send_signal(signal.SIGHUP)
            self.wait_for_reload(server, number + 2)
            for member in witness.members:
                member.socket.close()

    def test_half_a_line(self):
        """What alice has said of a line is not relayed when she is removed."""
        server = self.serve("stream-server")
        alice, witness = self.enter(harness.tls(server, "alice")), living.Witness(self, server)
        alice.sendall(b"half")
        living.put(server, REMOVED)
        server.process.send_signal(signal.SIGHUP)
        self.wait_for_reload(server, 1)
        with contextlib.suppress(OSError):
            alice.sendall(b" a line\n")
        self.assertEqual(harness.read_all(alice), b"")
        witness.check()


harness.main()
