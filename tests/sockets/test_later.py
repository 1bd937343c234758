"""A server that asks for certificates after the handshake (TLS 1.3), and clients that nobody here wrote."""
import os
import pathlib
import subprocess
import threading
import unittest

import foreign
import harness

DRIVER = pathlib.Path(os.environ["DRIVER"])
POLICY = """
ca @pki@/root-ca.pem
allow spki @spki:alice@ alice
allow spki @spki:expired@ expired
allow spki @spki:other-alice@ stranger
"""

# Who is asked, whether a certificate is demanded, and what the audit log says next after ANONYMOUS; None: nothing new.
CASES = {
    "allowed": ("alice", False, "RULE"),
    "allowed on demand": ("alice", True, "RULE"),
    "no rule": ("mallory", False, "NO_RULE"),
    "wrong ca": ("other-alice", False, "UNKNOWN_CA"),
    "expired": ("expired", False, "EXPIRED"),
    "empty": ("none", False, None),
    "empty on demand": ("none", True, "NO_CERTIFICATE"),
}


def by_python(server, name, willing=True):
    """Everything that the client hears after its first words."""
    context = harness.client_context(name)
    context.post_handshake_auth = willing
    with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as connection:
        connection.sendall(b"good morning\n")
        return harness.read_all(connection)


def by_gnutls(server, name):
    identity = ["--x509certfile", harness.PKI / f"{name}-chain.pem", "--x509keyfile", harness.PKI / f"{name}.key"]
    command = ["gnutls-cli", "--port", server.address[1], "--logfile", os.devnull, "--post-handshake-auth",
               "--x509cafile", harness.PKI / "root-ca.pem", *([] if name == "none" else identity), "127.0.0.1"]
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        timer = threading.Timer(2 * harness.PATIENCE, process.kill)
        timer.start()
        process.stdin.write(b"good morning\n")
        process.stdin.flush()
        heard = process.stdout.read()  # up to the end of the connection: the input stays open
        timer.cancel()
    return heard


class Later(unittest.TestCase):
    def check(self, ask, name, demand, reason):
        with harness.Server(POLICY, program=DRIVER, options=["--demand"] if demand else []) as server:
            heard = ask(server, name)
            expected = ["ANONYMOUS", reason] if reason else ["ANONYMOUS"]
            harness.until(lambda: len(server.events()) >= len(expected))
            self.assertEqual([event["reason"] for event in server.events()], expected)
            self.assertEqual(heard, b"hello, alice\n" if reason == "RULE" else b"")
            self.assertEqual({event["protocol"] for event in server.events()}, {"TLSv1.3"})

    def test_unwilling(self):
        """A client that cannot be asked stays anonymous."""
        self.check(lambda server, name: by_python(server, name, False), "alice", False, None)


for label, case in CASES.items():
    setattr(Later, "test_python_" + label, lambda self, case=case: self.check(by_python, *case))
    setattr(Later, "test_gnutls_" + label, unittest.skipUnless(foreign.find("gnutls-cli"), "gnutls-cli is not installed")(
        lambda self, case=case: self.check(by_gnutls, *case)))
harness.main()
