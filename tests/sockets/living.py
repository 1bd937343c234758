"""Clients of a server whose policy changes: their open connections, their saved sessions, and the policy's files.

The three example servers differ in what keeps a connection busy; a Watcher hides that."""
import contextlib
import os
import subprocess
import threading
import time
import unittest

import harness
import stream

SECONDS = 2  # in which a change has to be felt; docs say one, and a sanitizer's build on a busy machine may be slower
POLICY = """
ca @pki@/root-ca.pem
allow spki @spki:alice@ alice
allow spki @spki:mallory@ mallory
allow spki @spki:kiosk@ kiosk
"""
REMOVED = POLICY.replace("allow spki @spki:alice@ alice\n", "")
REQUESTS = {"reload": b"GET / HTTP/1.1\r\n\r\n", "server": b"", "stream-server": b""}


def put(server, text, name="policy"):
    """As editors and config managers do: a whole file, moved into place."""
    path = server.policy.with_name(name)
    aside = path.with_name(name + ".new")
    aside.write_text(harness.policy_text(text), encoding="utf-8")
    os.replace(aside, path)


class Watcher(contextlib.AbstractContextManager):
    """An open connection in a thread of its own, which notes when bytes come and when the end does."""

    def __init__(self, server, name, version="1.3"):
        self.moments, self.end, self.error, self.data = [], None, None, b""
        self.socket = harness.tls(server, name, version)
        self.address = self.socket.getsockname()
        self.socket.settimeout(60)
        self.socket.sendall(REQUESTS[server.program])
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        events = server.events_of(self.address)
        assert events and events[0]["verdict"] == "allow", events

    def read(self):
        try:
            while data := self.socket.recv(65536):
                self.moments.append(time.monotonic())
                self.data += data
        except OSError as error:
            self.error = error
        self.end = time.monotonic()

    def lines(self):
        """Numbers of the lines that reload has sent."""
        words = [line.split() for line in self.data.decode().split("\n")[:-1]]
        return [int(word[1]) for word in words if word[:1] == ["line"]]

    def ended_after(self, moment, seconds=SECONDS):
        return harness.until(lambda: self.end is not None, seconds) and self.end - moment

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.socket.shutdown(2)
        self.thread.join(harness.PATIENCE)
        self.socket.close()


def save_session(server, name, version):
    """Talks to the server, and returns a session to come back with."""
    context = harness.client_context(name, version)
    with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as connection:
        ask(server, connection)
        assert connection.session is not None and connection.session.has_ticket
        return context, connection.session


def ask(server, connection):
    """Makes the server say something, which also brings the tickets of TLS 1.3; returns what it said."""
    if server.program == "stream-server":
        connection.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            return connection.recv(100)
        connection.settimeout(harness.PATIENCE)
        return b""
    connection.sendall(b"GET /0 HTTP/1.1\r\nConnection: close\r\n\r\n")
    return harness.read_all(connection)


def come_back(server, saved):
    """With the session; returns (whether the client takes it for resumed, the server's events about it, what was heard)."""
    context, session = saved
    plain = server.connect()
    address, resumed, heard = plain.getsockname(), False, b""
    try:
        with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as connection:
            resumed = connection.session_reused
            heard = ask(server, connection)
    except OSError:
        plain.close()
    return resumed, server.events_of(address), heard


def s_client(server, name, version, *options):
    """OpenSSL's own client makes one short visit; returns its output."""
    pki = harness.PKI
    command = ["openssl", "s_client", "-connect", harness.address_text(server.address), "-CAfile", pki / "root-ca.pem",
               "-cert", pki / f"{name}.pem", "-key", pki / f"{name}.key", "-cert_chain", pki / "clients-ca.pem",
               "-tls" + version.replace(".", "_"), "-ign_eof", *options]
    done = subprocess.run(list(map(str, command)), input=b"GET /0 HTTP/1.1\r\nConnection: close\r\n\r\n", timeout=30,
                          capture_output=True, check=False)
    return done.stdout.decode(errors="replace")


class Curl(contextlib.AbstractContextManager):
    """Downloads for ever."""

    def __init__(self, server, name, version="1.3"):
        pki = harness.PKI
        command = ["curl", "--disable", "--noproxy", "*", "--silent", "--show-error", "--no-buffer", "--tlsv" + version,
                   "--tls-max", version, "--cacert", pki / "root-ca.pem", "--cert", pki / f"{name}-chain.pem",
                   "--key", pki / f"{name}.key", f"https://{harness.address_text(server.address)}/"]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.data = b""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while data := self.process.stdout.read1(65536):
            self.data += data

    def lines(self):
        return self.data.count(b"\nline ")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join(harness.PATIENCE)
        self.process.stdout.close()


class Witness:
    """Mallory, who must not notice what happens to alice; over a stream he needs somebody to talk to."""

    def __init__(self, case, server, version="1.3"):
        self.case, self.server = case, server
        if server.program == "reload":
            self.watcher = case.enter(Watcher(server, "mallory", version))
        elif server.program == "server":
            self.connection = case.enter(harness.tls(server, "mallory", version))
        else:
            self.members = [case.enter(stream.Member(server, name, version)) for name in ("mallory", "kiosk")]

    def check(self):
        """His connection works, and has worked all the time."""
        if self.server.program == "server":
            self.case.assertEqual(harness.get(self.connection, "/on")[2], "hello, mallory! (path: /on)\n")
        elif self.server.program == "stream-server":
            for speaker, listener, label in (*self.members, b"mallory"), (*self.members[::-1], b"kiosk"):
                speaker.say(b"still here\n")
                self.case.assertEqual(listener.line(), label + b": still here")
        else:
            before = len(self.watcher.lines())
            self.case.assertTrue(harness.until(lambda: len(self.watcher.lines()) >= before + 3), "the lines have ended")
            lines, moments = self.watcher.lines(), self.watcher.moments
            self.case.assertEqual(lines, list(range(1, len(lines) + 1)))
            self.case.assertLess(max(later - sooner for sooner, later in zip(moments, moments[1:])), SECONDS)


class Case(unittest.TestCase):
    def enter(self, context):
        """Until the end of the test."""
        self.addCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def serve(self, program, policy=POLICY, **more):
        return self.enter(harness.Server(policy, program=program, **more))

    def wait_for_reload(self, server, number, status="OK"):
        """That many reloads are in the log, and the last one had this status."""
        reloads = harness.until(lambda: server.reloads()[number - 1:] and server.reloads())
        self.assertTrue(reloads, "no reload")
        self.assertEqual((len(reloads), reloads[-1]["status"]), (number, status), reloads)
        return reloads[-1]

    def check_cut_off(self, server, watcher, moment, reason="NO_RULE"):
        """In time, in good order, and with a record."""
        self.assertTrue(watcher.ended_after(moment), "the connection stays")
        self.assertLess(watcher.ended_after(moment), SECONDS)
        events = [(event["reason"], event.get("event")) for event in server.events_of(watcher.address)]
        self.assertEqual(events, [("RULE", None), (reason, "sweep")])

    def check_kept_out(self, server, saved, version, reason="NO_RULE"):
        """Neither the session nor the certificate helps, and nothing is heard."""
        resumed, events, heard = come_back(server, saved)
        self.assertEqual((resumed, heard, [event["reason"] for event in events]), (False, b"", [reason]), events)
        plain, heard = server.connect(), b""
        address = plain.getsockname()
        try:
            with saved[0].wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                heard = ask(server, connection)
        except OSError:
            plain.close()
        events = server.events_of(address)
        self.assertEqual((heard, [(event["reason"], event["resumed"]) for event in events]), (b"", [(reason, False)]))
        self.assertEqual(events[0]["protocol"], "TLSv" + version)

    def check_resumes(self, server, saved):
        resumed, events, _ = come_back(server, saved)
        self.assertEqual((resumed, [(event["reason"], event["resumed"]) for event in events]), (True, [("RULE", True)]))
