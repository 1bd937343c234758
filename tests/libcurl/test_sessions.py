"""libcurl's own cache of TLS sessions: a program that turns it on again resumes nothing past the policy."""
import unittest

from programs import ROOT, drive, harness, policy_file
import servers

POLICY = policy_file("ca @pki@/root-ca.pem\nallow spki @spki:server@ server not-after=2099-12-31\n")
OTHER = policy_file("ca @pki@/root-ca.pem\nallow spki @spki:server-rsa@ another\n")

PLAIN = ["policy=", f"cainfo={ROOT}", "fresh=1", "get=URL"]
PINNED = ["caches=0", f"policy={POLICY}", f"cainfo={ROOT}", "fresh=1", "get=URL"]
CACHED = ["caches=1", f"policy={POLICY}", f"cainfo={ROOT}", "fresh=1", "get=URL"]
OTHER_CACHED = ["caches=1", f"policy={OTHER}", f"cainfo={ROOT}", "fresh=1", "get=URL"]
OFF = ["sessions=0"]
PREPARED = ["prepares=1"]
SHARE, HANDLE = ["share="], ["handle="]

# What a transfer ends in. "mixed up" is OpenSSL's refusal to resume a session that an unprepared connection offers.
FULL, RESUMED, REFUSED, MIXED_UP = "full", "resumed", "NO_RULE", "mixed up"
PLAIN_FULL, PLAIN_RESUMED = "plain", "plain, resumed"

# Steps of the driver, and what its transfers end in.
CASES = {
    "control: libcurl alone resumes": (PLAIN + PLAIN, [PLAIN_FULL, PLAIN_RESUMED]),
    "control: handles of libcurl alone share": (SHARE + PLAIN + HANDLE + PLAIN, [PLAIN_FULL, PLAIN_RESUMED]),
    "attach leaves the cache empty": (PINNED + PINNED, [FULL, FULL]),
    "attach leaves a shared cache empty": (SHARE + PINNED + HANDLE + PINNED, [FULL, FULL]),
    "cache turned on again": (CACHED + CACHED, [FULL, MIXED_UP]),
    "cache turned on, shared": (SHARE + CACHED + HANDLE + CACHED, [FULL, MIXED_UP]),
    "cache turned on, shared with another policy": (SHARE + CACHED + HANDLE + OTHER_CACHED, [FULL, MIXED_UP]),
    "cache turned on, but the option is off": (CACHED + OFF + CACHED, [FULL, FULL]),
    "session of libcurl alone": (SHARE + PLAIN + HANDLE + PINNED, [PLAIN_FULL, MIXED_UP]),
    "session of libcurl alone, in the same handle": (PLAIN + PINNED, [PLAIN_FULL, MIXED_UP]),
    "session of libcurl alone, but the option is off": (SHARE + PLAIN + HANDLE + OFF + PINNED, [PLAIN_FULL, FULL]),
    "prepared": (PREPARED + CACHED + CACHED + CACHED, [FULL, RESUMED, RESUMED]),
    "prepared, shared": (PREPARED + SHARE + CACHED + HANDLE + CACHED, [FULL, RESUMED]),
    "prepared, another policy": (PREPARED + CACHED + OTHER_CACHED + CACHED, [FULL, REFUSED, RESUMED]),
    "prepared, session of libcurl alone": (PREPARED + PLAIN + CACHED, [PLAIN_FULL, FULL]),
    "prepared, a day later": (PREPARED + CACHED + ["clock=86500"] + CACHED, [FULL, FULL]),
}


def ending(transfer, heard):
    """One of the words above, or all that is known. A transfer counts as refused only if the server heard nothing."""
    allowed = [(transfer["allowed"], transfer["status"], transfer["checks"]), bool(heard.bytes)]
    if allowed == [(True, 200, 1), True]:
        event, = transfer["events"]
        if event["resumed"] == heard.resumed and event["reason"] == "RULE":
            return RESUMED if heard.resumed else FULL
    if allowed == [(False, 200, 0), True]:
        return PLAIN_RESUMED if heard.resumed else PLAIN_FULL
    if allowed == [(False, 0, 0), False]:
        if transfer["events"]:
            return transfer["events"][-1]["reason"]
        if "attempt to reuse session in different context" in transfer["words"]:
            return MIXED_UP
    return transfer, vars(heard)


class Sessions(unittest.TestCase):
    def endings(self, version, steps):
        with servers.Server("server", version) as server:
            url = f"https://localhost:{server.port}/"
            transfers = drive(*[step.replace("URL", url) for step in steps])
            heard = server.finish()
        self.assertEqual(len(heard), len(transfers))
        return [ending(*pair) for pair in zip(transfers, heard)]

    def check(self, version, steps, endings):
        self.assertEqual(self.endings(version, steps), endings)

    def check_goes_on(self, version):
        """A session fails once and is gone; libcurl 8.14 has kept a second one of TLS 1.3. Then a full one."""
        found = self.endings(version, CACHED * 4)
        self.assertEqual(found[:2], [FULL, MIXED_UP])
        self.assertIn(found[2:], ([FULL, MIXED_UP], [MIXED_UP, FULL]))


def add(name, version, case):
    setattr(Sessions, f"test_{name}_{version}".replace(" ", "_"), lambda self: case(self, version))


for tls in harness.VERSIONS:
    add("cache turned on again, four times", tls, Sessions.check_goes_on)
    for title, row in CASES.items():
        add(title, tls, lambda self, version, row=row: self.check(version, *row))
harness.main()
