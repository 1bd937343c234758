"""A client that sets no host, or offers a session that was made under another policy, and servers of others."""
import os
import subprocess
import unittest

import client
import foreign
import harness
import stream

ANYBODY = "ca @pki@/root-ca.pem\nallow any\n"
SAME = "# in other words\n" + ANYBODY
PIN = "ca @pki@/root-ca.pem\nallow spki @spki:server@ web\n"
ANOTHER = "ca @pki@/root-ca.pem\nallow spki @spki:server-rsa@ another\n"
PAST = "RESUMED resumed 0"  # the server knows the session, but there is no success

# The host, the policies of the connections one after the other (with "!", not prepared), and what comes of each. A number
# is that of the bytes that were read.
CASES = {
    "host": ("localhost", [ANYBODY], [r"RULE full [1-9]\d*"]),
    "no host": ("-", [ANYBODY], ["ERR_STATE NO_HOST full 0"]),
    "no host, not prepared": ("-", ["!" + ANYBODY], ["NO_HOST full 0"]),
    "no host, pinned key": ("-", ["!" + PIN], ["NO_HOST full 0"]),
    "same policy": ("localhost", [ANYBODY, SAME], [r"RULE full \d+", r"RULE resumed [1-9]\d*"]),
    "other policy that allows": ("localhost", [ANYBODY, PIN], [r"RULE full \d+", r"RULE full [1-9]\d*"]),
    "other policy that refuses": ("localhost", [ANYBODY, ANOTHER], [r"RULE full \d+", "NO_RULE full 0"]),
    "same policy, not prepared": ("localhost", [ANYBODY, "!" + SAME], [r"RULE full \d+", PAST]),
    "other policy, not prepared": ("localhost", [ANYBODY, "!" + ANOTHER], [r"RULE full \d+", PAST]),
}


class Forgetful(unittest.TestCase, stream.Help):
    server = None

    def arguments(self, policies):
        return [("unprepared:" if text.startswith("!") else "") + str(self.policy(text.lstrip("!"))) for text in policies]

    def check(self, host, policies, expected):
        """A server that was not allowed has heard nothing, which is what the bytes of an answer count for, too."""
        served = self.server.count(self.server.REQUEST)
        command = [os.environ["DRIVER"], f"127.0.0.1:{self.server.port}", host, *self.arguments(policies)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=client.SECONDS,
                              env=harness.environment())
        lines = done.stdout.splitlines()
        self.assertEqual((done.returncode, len(lines)), (0, len(expected)), done)
        for line, pattern in zip(lines, expected):
            self.assertRegex(line, rf"^{pattern}$", done)
        answers = sum(not line.endswith(" 0") for line in lines)
        harness.until(lambda: self.server.count(self.server.REQUEST) >= served + answers)
        self.assertEqual(self.server.count(self.server.REQUEST), served + answers, self.server.log())


def add(kind, version):
    def set_up(cls):
        cls.server = kind("server", version)
        cls.addClassCleanup(cls.server.__exit__)

    members = {f"test_{name}": lambda self, case=case: self.check(*case) for name, case in CASES.items()}
    name = f"{kind.__name__}_{version}"
    made = type(name, (Forgetful,), members | {"setUpClass": classmethod(set_up)})
    missing = foreign.find(kind.PROGRAM) is None
    globals()[name] = unittest.skip(f"{kind.PROGRAM} is not installed")(made) if missing else made


for kind in foreign.KINDS:
    for version in harness.VERSIONS:
        add(kind, version)
harness.main()
