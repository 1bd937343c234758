"""The command lines of the example stream server and client, and what they say when they cannot start."""
import socket
import unittest

import foreign
import harness
import stream

POLICY = "ca @pki@/root-ca.pem\nallow spki @spki:server@ server\nallow spki @spki:alice@ alice\n"

# Arguments, exit status, how the output begins. The server gets good ones before.
SERVER = {
    "help": (["--help"], 0, r"usage: stream-server \[--listen ADDRESS:PORT\]"),
    "unknown": (["--bogus"], 2, ".*unrecognized option '--bogus'\nusage: stream-server"),
    "argument": (["policy"], 2, "usage: stream-server"),
    "value missing": (["--policy"], 2, ".*option '--policy' requires an argument\nusage: stream-server"),
    "no policy": (["--policy", "nowhere"], 1, "stream-server: nowhere: No such file or directory; put it there"),
    "no certificate": (["--cert", "nowhere"], 1, "stream-server: nowhere: .+$"),
    "key of another": (["--key", harness.PKI / "alice.key"], 1, "stream-server: .+alice.key: the key does not belong"),
    "no port": (["--listen", "127.0.0.1"], 1, "stream-server: cannot listen on 127.0.0.1: not ADDRESS:PORT$"),
    "no address": (["--listen", "127.0.0.300:0"], 1, "stream-server: cannot listen on 127.0.0.300:0: Name or service"),
    "not ours": (["--listen", "192.0.2.254:0"], 1, "stream-server: cannot listen on 192.0.2.254:0: Cannot assign"),
}

USAGE = "usage: stream-client --connect HOST:PORT"
CLIENT = {
    "help": (["--help"], 0, USAGE),
    "none": ([], 2, USAGE),
    "unknown": (["--bogus"], 2, ".*unrecognized option '--bogus'\n" + USAGE),
    "no policy": (["--connect", "localhost:1"], 2, USAGE),
    "no server": (["--policy", "p"], 2, USAGE),
    "argument": (["--connect", "localhost:1", "--policy", "p", "more"], 2, USAGE),
    "certificate without key": (["--connect", "localhost:1", "--policy", "p", "--cert", "c"], 2, USAGE),
    "key without certificate": (["--connect", "localhost:1", "--policy", "p", "--key", "k"], 2, USAGE),
    "no port": (["--connect", "localhost", "--policy", "p"], 2, USAGE),
    "no host": (["--connect", ":443", "--policy", "p"], 2, USAGE),
    "port too big": (["--connect", "localhost:65536", "--policy", "p"], 2, USAGE),
    "empty": (["--connect", "", "--policy", "p"], 2, USAGE),
    "policy missing": (["--connect", "localhost:1", "--policy", "nowhere"], 1, "stream-client: nowhere: No such file"),
}


class Options(unittest.TestCase, stream.Help):
    def run_program(self, name, *arguments):
        """(exit status, standard output, standard error)"""
        with stream.Program(harness.EXAMPLES / name, *arguments) as program:
            status = program.status()
            return status, program.rest().decode(), "\n".join(program.messages()[1])

    def check(self, name, arguments, status, text):
        got, output, messages = self.run_program(name, *arguments)
        said, silent = (output, messages) if status == 0 else (messages, output)
        self.assertEqual((got, silent), (status, ""))
        self.assertRegex(said, f"^{text}")

    def check_server(self, arguments, status, text):
        good = ["--listen", "127.0.0.1:0", "--cert", harness.PKI / "server-chain.pem", "--key", harness.PKI / "server.key",
                "--policy", self.policy(POLICY)]
        self.check("stream-server", good + arguments, status, text)

    def check_client(self, arguments, status, text):
        self.check("stream-client", arguments, status, text)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = harness.address_text(other.getsockname())
            self.check_server(["--listen", address], 1,
                              f"stream-server: cannot listen on {address}: Address already in use$")

    def test_nobody_there(self):
        with foreign.reserve() as held:
            address = harness.address_text(held.getsockname())
            self.check_client(["--connect", address, "--policy", self.policy(POLICY)], 1,
                              f"stream-client: {address}: no connection: Connection refused$")

    def test_no_such_host(self):
        self.check_client(["--connect", "127.0.0.300:1", "--policy", self.policy(POLICY)], 1,
                          "stream-client: 127.0.0.300:1: no connection: Name or service not known$")

    def test_keys_as_uris(self):
        server = self.enter(harness.Server(POLICY, program="stream-server", cert=f"file:{harness.PKI}/server-chain.pem",
                                           key=f"file:{harness.PKI}/server.key"))
        command = ["--connect", harness.address_text(server.address), "--policy", self.policy(POLICY),
                   "--cert", f"file:{harness.PKI}/alice-chain.pem", "--key", f"file:{harness.PKI}/alice.key"]
        program = self.enter(stream.Program(harness.EXAMPLES / "stream-client", *command))
        program.end_input()
        self.assertEqual((program.status(), program.messages()[1]), (0, []))
        self.assertEqual([event["label"] for event in server.events()], ["alice"])


for table, check in (SERVER, Options.check_server), (CLIENT, Options.check_client):
    for name, case in table.items():
        setattr(Options, f"{check.__name__.replace('check', 'test')}_{name}",
                lambda self, check=check, case=case: check(self, *case))
harness.main()
