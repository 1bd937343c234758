"""cases.txt: the example, a driver whose libcurl verifies nothing by itself, and as a control libcurl alone."""
import pathlib
import unittest

from programs import drive, example, harness, policy_file, resolve
import servers


def load(path):
    """(policy, certificate, host, what, value) for each case of the file."""
    policy = ""
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line == "policy":
            policy = ""
        elif line.startswith("  "):
            policy += line[2:] + "\n"
        elif line and not line.startswith("#"):
            cases.append((policy, *line.split(maxsplit=3)))
    return cases


class Cases(unittest.TestCase):
    def check_example(self, policy, version, certificate, host, what, value):
        with servers.Server(certificate, version) as server:
            url = f"https://{host}:{server.port}/"
            done = example(policy, "--resolve", resolve(host, server.port), url)
            heard = server.finish()
        if what == "allowed":
            self.assertEqual((done.returncode, done.stdout), (0, "hello\n"), done.stderr)
            self.assertTrue(done.stderr.startswith(f'libcurl: {url}: status 200 from "{value}"'), done.stderr)
        else:
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
            self.assertTrue(done.stderr.startswith(f"libcurl: {url}: the server is refused: "), done.stderr)
            self.assertTrue(done.stderr.endswith(f" ({value})\n"), done.stderr)
            self.assertEqual([connection.bytes for connection in heard], [b""])

    def check_alone(self, policy, version, certificate, host, what, value):
        """CURLOPT_SSL_VERIFYPEER and _VERIFYHOST are 0, so that libcurl alone would talk to everybody, and does."""
        address = [f"address={host}"] if host == "127.0.0.1" else []
        with servers.Server(certificate, version) as server:
            get = f"get=https://{host}:{server.port}/"
            options = [f"resolve={resolve(host, server.port)}", "verifypeer=0", "verifyhost=0", "forbid=1"]
            pinned, = drive(*options, *address, f"policy={policy_file(policy)}", get)
            alone, = drive(*options, get)
            heard = server.finish()
        self.assertEqual(alone["status"], 200)
        self.assertIn(b"GET / ", heard[1].bytes)
        self.assertEqual([event["protocol"] for event in pinned["events"]], ["TLSv" + version])
        self.assertEqual((pinned["events"][0]["role"], pinned["events"][0]["host"]), ("client", host))
        if what == "allowed":
            self.assertEqual((pinned["allowed"], pinned["label"], pinned["status"]), (True, value, 200))
        else:
            self.assertEqual(what, "refused")
            self.assertEqual((pinned["allowed"], pinned["status"], heard[0].bytes), (False, 0, b""))
            self.assertEqual((pinned["events"][0]["verdict"], pinned["events"][0]["reason"]), ("deny", value))


def add(check, number, case):
    policy, certificate, host, what, value = case
    for version in harness.VERSIONS:
        def method(self):
            check(self, policy, version, certificate, host, what, value)
        test = check.__name__.replace("check", "test")
        setattr(Cases, f"{test}_{number:02}_{certificate}_at_{host}_{version}", method)


for place, row in enumerate(load(pathlib.Path(__file__).with_name("cases.txt")), 1):
    add(Cases.check_example, place, row)
    add(Cases.check_alone, place, row)
harness.main()
