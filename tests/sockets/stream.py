"""Those who talk over a stream: connections of this process's own, and programs with pipes on both sides."""
import contextlib
import json
import os
import pathlib
import select
import ssl
import subprocess
import tempfile

import client
import harness

LIMIT = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = limit
[limit]
MinProtocol = TLSv{version}
MaxProtocol = TLSv{version}
"""


class Talker(contextlib.AbstractContextManager):
    """What it hears, line by line."""
    heard = b""

    def receive(self):
        """Some bytes, or none at the end."""
        raise NotImplementedError

    def line(self):
        while b"\n" not in self.heard:
            part = self.receive()
            assert part, f"the end in place of a line, after {self.heard}"
            self.heard += part
        line, _, self.heard = self.heard.partition(b"\n")
        return line

    def rest(self):
        """Everything up to the end."""
        while part := self.receive():
            self.heard += part
        return self.heard


class Member(Talker):
    """A connection of ours to a server that lets NAME in."""

    def __init__(self, server, name, version="1.3"):
        self.socket = harness.tls(server, name, version)
        self.socket.suppress_ragged_eofs = False  # an end without close_notify is an error
        self.address = self.socket.getsockname()
        events = server.events_of(self.address)
        assert events and events[0]["verdict"] == "allow", events

    def __exit__(self, *_):
        self.socket.close()

    def say(self, data):
        self.socket.sendall(data)

    def receive(self):
        return self.socket.recv(65536)


class Program(Talker):
    """A process, which is killed if it has not ended by itself."""

    def __init__(self, *command, env=None):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, bufsize=0, env=harness.environment() | (env or {}))

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        for pipe in self.process.stdin, self.process.stdout:
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.wait()
        self.errors.close()

    def say(self, data):
        with memoryview(data) as rest:
            while rest:
                rest = rest[self.process.stdin.write(rest):]

    def receive(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 2 * harness.PATIENCE)
        assert ready, f"silence: {self.messages()}"
        return os.read(self.process.stdout.fileno(), 65536)

    def end_input(self):
        self.process.stdin.close()

    def status(self, seconds=2 * harness.PATIENCE):
        return self.process.wait(seconds)

    def messages(self):
        """Standard error: the audit log, and all other lines."""
        lines = os.pread(self.errors.fileno(), 1 << 20, 0).decode().splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        for event in events:
            client.check_event(event)
        return events, [line for line in lines if not line.startswith("{")]


def client_hello():
    """The first message of a real client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = harness.client_context("alice").wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


class Help:
    """For unittest.TestCase."""

    def enter(self, context):
        """Until the end of the test."""
        self.addCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def policy(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "policy"
        path.write_text(harness.policy_text(text), encoding="utf-8")
        return path

    def protocol(self, version):
        """The environment that limits a program of OpenSSL's to one version of TLS."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "openssl.cnf"
        path.write_text(LIMIT.format(version=version), encoding="ascii")
        return {"OPENSSL_CONF": str(path)}


def start_client(address, policy, name="none", env=None):
    command = ["--connect", address, "--policy", policy, *client.identity(name)]
    return Program(harness.EXAMPLES / "stream-client", *command, env=env)


def start_s_client(address, name, version, *options):
    identity = ["-cert", harness.PKI / f"{name}.pem", "-key", harness.PKI / f"{name}.key",
                "-cert_chain", harness.PKI / "clients-ca.pem"]
    return Program("openssl", "s_client", "-connect", address, *identity, "-tls" + version.replace(".", "_"), *options)
