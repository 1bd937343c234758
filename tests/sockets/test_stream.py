"""The example stream server: who hears whom, and what becomes of those who disturb the others."""
import concurrent.futures
import os
import resource
import signal
import socket
import struct
import time
import unittest

import harness
import stream

POLICY = """
ca @pki@/root-ca.pem
allow spki @spki:alice@ alice
allow thumbprint @thumbprint:build-agent@ "build agent 7"
allow serial @serial:kiosk@ kiosk issuer=@pki@/clients-ca.pem
allow spki @spki:client-p384@
allow spki @spki:expired@ expired
"""
LABELS = {"alice": b"alice", "kiosk": b"kiosk", "build-agent": b"build agent 7", "client-p384": b"?"}
SERVERS = "ca @pki@/root-ca.pem\nallow spki @spki:server@ server\n"
LINE_SIZE, MAX_CLIENTS, HANDSHAKE_SECONDS = 4096, 256, 10  # as in stream-server.c
LATE = 4  # seconds that may be added: the server looks once a second, and says goodbye for one or two

# What alice sends, each part by itself, and the lines that the others get.
LINES = {
    "one": ([b"hello\n"], [b"hello"]),
    "two in one record": ([b"one\ntwo\n"], [b"one", b"two"]),
    "one and a half": ([b"one\ntw", b"o\n"], [b"one", b"two"]),
    "byte by byte": ([bytes([byte]) for byte in b"slowly\n"], [b"slowly"]),
    "empty": ([b"\n"], [b""]),
    "many empty": ([b"\n" * 1000], [b""] * 1000),
    "crlf": ([b"one\r\ntwo\r\n"], [b"one", b"two"]),
    "cr and lf apart": ([b"one\r", b"\n"], [b"one"]),
    "cr alone": ([b"\r\n"], [b""]),
    "cr within": ([b"over\rwritten\n"], [b"over?written"]),
    "two cr": ([b"two\r\r\n"], [b"two?"]),
    "nul": ([b"be\0fore\n"], [b"be?fore"]),
    "percent": ([b"%s%n%100000d\n"], [b"%s%n%100000d"]),
    "escape": ([b"\x1b[2J\x1b]0;title\x07\n"], [b"?[2J?]0;title?"]),
    "all controls": ([bytes(range(10)) + bytes(range(11, 32)) + b"\x7f\n"], [b"?" * 32]),
    "utf-8": (["grüße, \u4f60\u597d \U0001f600\n".encode()], ["grüße, \u4f60\u597d \U0001f600".encode()]),
    "c1 in utf-8": (["\x80 \x9b31m \x9f \xa0\n".encode()], ["?? ??31m ?? \xa0".encode()]),
    "no utf-8": ([b"\xff\xfe\xc2\n"], [b"\xff\xfe\xc2"]),
    "another label": ([b"kiosk: I am kiosk\n"], [b"kiosk: I am kiosk"]),
    "longest": ([b"x" * LINE_SIZE + b"\n"], [b"x" * LINE_SIZE]),
    "longest in parts": ([b"x" * (LINE_SIZE - 1), b"y", b"\n"], [b"x" * (LINE_SIZE - 1) + b"y"]),
    "longest twice": ([2 * (b"z" * LINE_SIZE + b"\n")], [b"z" * LINE_SIZE] * 2),
}

# Who must not come in, and why.
STRANGERS = {"mallory": "NO_RULE", "none": "NO_CERTIFICATE", "other-alice": "UNKNOWN_CA", "expired": "EXPIRED"}


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def plain_socket(member):
    """The connection below TLS."""
    return socket.socket(fileno=member.socket.detach())


def silence(connection):
    """Whether nothing has arrived, nor the end."""
    connection.settimeout(0.2)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    return False


class Case(unittest.TestCase, stream.Help):
    def serve(self, policy=POLICY, **more):
        return self.enter(harness.Server(policy, program="stream-server", **more))

    def join(self, server, name, version="1.3"):
        return self.enter(stream.Member(server, name, version))

    def join_program(self, server, program):
        self.enter(program)
        self.assertTrue(harness.until(lambda: len(server.events()) == self.count + 1), program.messages())
        self.count += 1
        return program

    def check_talk(self, first, second, label=b"alice"):
        """What `first` says arrives, and is the next thing that arrives."""
        word = os.urandom(8).hex().encode()
        first.say(word + b"\n")
        self.assertEqual(second.line(), label + b": " + word)


class Relay(Case):
    def setUp(self):
        self.server = self.serve()
        self.address = harness.address_text(self.server.address)
        self.count = 0

    def check_three(self, version):
        """Three programs, and both ends judge each other. Nobody hears himself: he would hear that first."""
        ours = stream.start_client(self.address, self.policy(SERVERS), "alice", self.protocol(version))
        members = [(self.join_program(self.server, ours), b"alice")]
        s_client = stream.start_s_client(self.address, "kiosk", version, "-quiet")
        members.append((self.join_program(self.server, s_client), b"kiosk"))
        members += [(self.join(self.server, name, version), LABELS[name]) for name in ("build-agent", "client-p384")]
        self.assertEqual({event["protocol"] for event in self.server.events()}, {"TLSv" + version})
        for speaker, label in members + members:
            speaker.say(b"one\ntwo\n")
            for listener, _ in members:
                if listener is not speaker:
                    self.assertEqual([listener.line(), listener.line()], [label + b": one", label + b": two"])
        ours.end_input()
        self.assertEqual(ours.status(), 0, ours.messages())
        self.assertEqual([event["label"] for event in ours.messages()[0]], ["server"])

    def check_lines(self, sent, expected):
        alice, kiosk = self.join(self.server, "alice"), self.join(self.server, "kiosk", "1.2")
        for part in [*sent, b"end\n"]:
            alice.say(part)
        lines = [kiosk.line() for _ in range(len(expected) + 1)]
        self.assertEqual(lines, [b"alice: " + line for line in [*expected, b"end"]])

    def test_too_long(self):
        """The line and what follows are lost; whoever talks like that has to go."""
        for sent in [b"x" * (LINE_SIZE + 1), b"\n"], [b"x" * (LINE_SIZE + 1) + b"\nlater\n"], [b"x" * 100000]:
            alice, kiosk = self.join(self.server, "alice"), self.join(self.server, "kiosk")
            witness = self.join(self.server, "build-agent")
            for part in sent:
                alice.say(part)
            self.assertEqual(alice.rest(), b"")
            self.check_talk(kiosk, witness, b"kiosk")
            kiosk.socket.close()
            witness.socket.close()

    def test_no_newline(self):
        """An end that is announced ends the line, too; that of a broken connection does not, since bytes may be missing."""
        kiosk = self.join(self.server, "kiosk")
        for name, leave in ("alice", lambda member: member.socket.unwrap()), \
                ("build-agent", lambda member: plain_socket(member).close()), \
                ("build-agent", lambda member: reset(plain_socket(member))), \
                ("client-p384", lambda member: member.socket.unwrap()):
            member = self.join(self.server, name)
            member.say(b"whole\nhalf")
            self.assertEqual(kiosk.line(), LABELS[name] + b": whole")
            leave(member)
            if name != "build-agent":
                self.assertEqual(kiosk.line(), LABELS[name] + b": half")

    def test_key_update(self):
        """TLS 1.3 may change its keys at any time, and both sides go on."""
        kiosk, s_client = self.join(self.server, "kiosk"), stream.start_s_client(self.address, "alice", "1.3")
        self.count = 1
        self.join_program(self.server, s_client)
        for command in b"K\n", b"k\n", b"K\n":
            s_client.say(command)
            time.sleep(0.2)
            self.check_talk(s_client, kiosk)
            kiosk.say(b"yes\n")
            while not s_client.line().endswith(b"kiosk: yes"):  # which may come in the middle of a line of its own
                pass
        self.assertEqual(len(self.server.events()), 2, self.server.events())

    def test_fifty_at_once(self):
        names = (list(LABELS) * 13)[:50]
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            members = list(pool.map(lambda name: self.join(self.server, name), names))
            members[0].say(b"hello\n")
            self.assertEqual(set(pool.map(lambda member: member.line(), members[1:])), {b"alice: hello"})
            list(pool.map(lambda member: member.say(b"x\n"), members[1:]))
            heard = list(pool.map(lambda member: sorted(member.line() for _ in range(48)), members[1:]))
        said = [LABELS[name] + b": x" for name in names[1:]]
        for name, lines in zip(names[1:], heard):
            others = list(said)
            others.remove(LABELS[name] + b": x")
            self.assertEqual(lines, sorted(others))

    def test_reset(self):
        kiosk, witness = self.join(self.server, "kiosk"), self.join(self.server, "client-p384")
        for _ in range(20):
            alice = self.join(self.server, "alice")
            alice.say(b"lost" * 100)
            reset(plain_socket(alice))
            self.check_talk(kiosk, witness, b"kiosk")

    def test_garbage_inside_a_connection(self):
        alice, kiosk, witness = (self.join(self.server, name) for name in ("alice", "kiosk", "client-p384"))
        with plain_socket(alice) as plain:
            plain.sendall(bytes(1000))
            harness.read_all(plain)
        self.check_talk(kiosk, witness, b"kiosk")

    def test_control(self):
        """What the strangers do works where somebody like them is allowed."""
        server = self.serve("ca @pki@/root-ca.pem\nallow any\n")
        alice = self.join(server, "alice")
        with harness.client_context("mallory").wrap_socket(server.connect(), server_hostname="127.0.0.1") as connection:
            connection.sendall(b"I am not here\n")
            self.assertEqual(alice.line(), b"?: I am not here")
            alice.say(b"hello\n")
            self.assertEqual(connection.recv(100), b"?: hello\n")

    def check_stranger(self, stranger, version):
        """He sees and says nothing, though the others talk before, meanwhile and after."""
        alice, kiosk = self.join(self.server, "alice", version), self.join(self.server, "kiosk", version)
        plain = self.enter(self.server.connect())
        self.check_talk(alice, kiosk)
        context, heard = harness.client_context(stranger, version), b""
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                connection.sendall(b"I am not here\n" * 3)
                self.check_talk(alice, kiosk)
                heard = harness.read_all(connection)
        except OSError:
            pass  # refused within the handshake
        self.check_talk(alice, kiosk)
        self.check_talk(kiosk, alice, b"kiosk")
        self.assertEqual(heard, b"")
        refused = [event for event in self.server.events() if event["verdict"] == "deny"]
        self.assertEqual([event["reason"] for event in refused], [STRANGERS[stranger]])


for version in harness.VERSIONS:
    setattr(Relay, f"test_three_{version}", lambda self, version=version: self.check_three(version))
    for name in STRANGERS:
        setattr(Relay, f"test_stranger_{name}_{version}",
                lambda self, arguments=(name, version): self.check_stranger(*arguments))
for name, case in LINES.items():
    setattr(Relay, "test_lines_" + name, lambda self, case=case: self.check_lines(*case))


class Disturbance(Case):
    def test_deadline(self):
        """Whoever does not finish the handshake has to go, the idle may stay, and meanwhile nobody waits for anybody."""
        server = self.serve()
        alice, kiosk, idle = (self.join(server, name) for name in ("alice", "kiosk", "build-agent"))
        begun = time.monotonic()
        silent, half, drip = (self.enter(server.connect()) for _ in range(3))
        names = [connection.getsockname() for connection in (silent, half, drip)]
        hello = stream.client_hello()
        half.sendall(hello[:len(hello) // 2])
        for byte in hello[:HANDSHAKE_SECONDS * 5 - 5]:
            sent = time.monotonic()
            drip.sendall(bytes([byte]))
            self.check_talk(alice, kiosk)
            self.assertLess(time.monotonic() - sent, 1)
            time.sleep(max(0, sent + 0.2 - time.monotonic()))
        self.assertTrue(silence(silent) and silence(half))
        for connection in silent, half, drip:
            connection.settimeout(harness.PATIENCE)
            self.assertEqual(harness.read_all(connection), b"")
            self.assertGreater(time.monotonic() - begun, HANDSHAKE_SECONDS - 1)
            self.assertLess(time.monotonic() - begun, HANDSHAKE_SECONDS + LATE)
        self.assertEqual([server.events_of(name)[0]["reason"] for name in names], ["HANDSHAKE_FAILED"] * 3)
        for _ in range(HANDSHAKE_SECONDS * 5 - 5):
            self.assertTrue(idle.line().startswith(b"alice: "))
        self.check_talk(idle, alice, b"build agent 7")

    def test_does_not_read(self):
        """A client that takes nothing is disconnected, and the others get every line."""
        server = self.serve()
        alice, kiosk, deaf = (self.join(server, name) for name in ("alice", "kiosk", "build-agent"))
        before, number = server.descriptors(), 0
        while server.descriptors() == before and number < 100:
            number += 1
            alice.say((b"%d " % number + b"x" * 1000 + b"\n") * 200)
            for _ in range(200):
                self.assertEqual(kiosk.line().split()[1], b"%d" % number)
        harness.until(lambda: server.descriptors() < before, 2 * harness.PATIENCE)  # the server's goodbye takes its time
        self.assertEqual(server.descriptors(), before - 1, "20 MB are too much for a queue")
        self.assertIn(b"x", deaf.receive())
        harness.read_all(plain_socket(deaf))
        self.check_talk(alice, kiosk)
        self.assertEqual(len(server.events()), 3)

    def test_descriptors(self):
        """Out of descriptors the server neither ends nor spins, and those who are in go on talking."""
        few = 24
        server = self.serve(limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (few, few)))
        alice, kiosk = self.join(server, "alice"), self.join(server, "kiosk")
        connections = [server.connect() for _ in range(2 * few)]
        time.sleep(1)
        before = server.processor_seconds()
        time.sleep(2)
        self.assertLess(server.processor_seconds() - before, 0.5)
        self.check_talk(alice, kiosk)
        for connection in connections:
            connection.close()
        self.check_talk(self.join(server, "client-p384"), kiosk, b"?")

    def test_clients(self):
        """One client too many is disconnected at once; there is room again when another one has gone."""
        server = self.serve()
        alice, kiosk = self.join(server, "alice"), self.join(server, "kiosk")
        connections = [self.enter(server.connect()) for _ in range(MAX_CLIENTS - 2)]
        with server.connect() as one_more:
            self.assertEqual(harness.read_all(one_more), b"")
        self.assertTrue(silence(connections[0]) and silence(connections[-1]))
        self.check_talk(alice, kiosk)
        before = server.descriptors()
        connections.pop().close()
        self.assertTrue(harness.until(lambda: server.descriptors() < before))
        self.check_talk(self.join(server, "client-p384"), kiosk, b"?")


class Living(Case):
    def test_rule_ends(self):
        """Those whose rule has ended are not heard, hear nothing, and have to go."""
        end = int(time.time()) + 3
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        server = self.serve("ca @pki@/root-ca.pem\nallow spki @spki:kiosk@ kiosk\nallow spki @spki:client-p384@ late\n"
                            f"allow spki @spki:alice@ alice not-after={moment}\n"
                            f"allow spki @spki:build-agent@ agent not-after={moment}\n")
        alice, agent, kiosk = (self.join(server, name) for name in ("alice", "build-agent", "kiosk"))
        self.check_talk(alice, kiosk)
        self.assertTrue(agent.line().startswith(b"alice: "))
        time.sleep(end + 1.05 - time.time())
        alice.say(b"too late\n")
        kiosk.say(b"for those who may\n")
        self.assertEqual((alice.rest(), agent.rest()), (b"", b""))
        self.check_talk(self.join(server, "client-p384"), kiosk, b"late")
        reasons = [event["reason"] for event in server.events()]
        self.assertEqual((reasons.count("RULE"), reasons.count("RULE_EXPIRED")), (4, 2), server.events())


class Ending(Case):
    """The exit status 0 also says that the sanitizers have found no leak."""

    def end(self, number):
        server = self.serve()
        alice, kiosk = self.join(server, "alice"), self.join(server, "kiosk", "1.2")
        silent, half = (self.enter(server.connect()) for _ in range(2))
        half.sendall(stream.client_hello()[:50])
        kiosk.say(b"unfinished")
        begun = time.monotonic()
        self.assertEqual(server.stop(number), 0)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual((alice.rest(), kiosk.rest()), (b"", b""))
        self.assertEqual((harness.read_all(silent), harness.read_all(half)), (b"", b""))
        with self.assertRaises(OSError):
            server.connect()

    def test_sigterm(self):
        self.end(signal.SIGTERM)

    def test_sigint(self):
        self.end(signal.SIGINT)

    def test_at_once(self):
        self.assertEqual(self.serve().stop(signal.SIGTERM), 0)


class Addresses(Case):
    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            self.skipTest(f"no ::1 here: {error}")
        server = self.serve(listen="[::1]:0")
        self.check_talk(self.join(server, "alice"), self.join(server, "kiosk"))
        self.assertTrue(server.events()[0]["peer_address"].startswith("[::1]:"))


harness.main()
