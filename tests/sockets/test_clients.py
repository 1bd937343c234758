"""Who may connect to the example server: the cases of cases.txt."""
import pathlib
import unittest

import harness


class Case(unittest.TestCase):
    server = None

    def connect(self, client, version):
        """Everything that the client hears after its request, and its own address."""
        plain = self.server.connect()
        address = plain.getsockname()
        context = harness.client_context(client, version)
        with plain:
            try:
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                    connection.sendall(b"GET /case HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    return harness.read_all(connection), address
            except OSError:  # refused within the handshake
                return b"", address

    def check(self, client, version, what, value):
        heard, address = self.connect(client, version)
        events = self.server.events_of(address)
        self.assertEqual(len(events), 1, events)
        self.assertEqual(events[0]["protocol"], "TLSv" + version)
        if what == "greeted":
            self.assertEqual(heard.decode().rpartition("\r\n\r\n")[2], f"hello, {value}! (path: /case)\n")
            self.assertEqual((events[0]["verdict"], events[0]["label"]), ("allow", value))
        else:
            self.assertEqual(what, "refused")
            self.assertEqual(heard, b"")
            self.assertEqual((events[0]["verdict"], events[0]["reason"]), ("deny", value))


def suite(number, policy, cases):
    """A class for each policy, whose server runs as long as its tests."""
    def set_up(cls):
        cls.server = harness.Server(policy)
        cls.addClassCleanup(cls.server.__exit__, None)

    members = {"setUpClass": classmethod(set_up)}
    for client, what, value in cases:
        for version in harness.VERSIONS:
            def method(self, arguments=(client, version, what, value)):
                self.check(*arguments)
            members[f"test_{client}_{version}"] = method
    return type(f"Policy{number}", (Case,), members)


for number, (policy, cases) in enumerate(harness.load_cases(pathlib.Path(__file__).with_name("cases.txt")), 1):
    globals()[f"Policy{number}"] = suite(number, policy, cases)
harness.main()
