"""What mtlspin check calls dead is dead: in policies by chance, a line that is shadowed, denied or expired decides nothing
about anybody. So that this is no matter of course, other lines are taken away, too, and some of them must matter."""
import datetime
import json
import os
import pathlib
import random
import subprocess
import tempfile

from cases import COMMAND, PKI, value
from tally import Tally

SEED = int(os.environ.get("SEED", "1"))
POLICIES = int(os.environ.get("POLICIES", "80"))
PEERS = ["alice", "alice-renewed", "alice-clone", "kiosk", "build-agent", "other-alice", "other-kiosk", "partner-gateway",
         "deep", "mallory", "scanner", "san-email", "san-dns", "san-uri"]
ISSUERS = {"alice": "clients-ca", "alice-clone": "clients-ca", "kiosk": "clients-ca", "deep": "deep-ca",
           "other-alice": "other-ca"}
CAS = ["root-ca", "clients-ca", "deep-ca", "other-ca", "partner-ca"]
ANCHORS = [["root-ca"], ["root-ca"], ["root-ca"], ["other-ca"], ["root-ca", "other-ca"], ["other-ca", "root-ca"], ["partner-ca"]]
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAYS = [-50, 50, 300, 800]  # where dates of rules lie
TIMES = [0, 100, 400, 900]  # and where decisions are asked for


def day(days):
    return (NOW + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def dates(chance):
    first, last = sorted(chance.sample(DAYS, 2))
    begin, end = f" not-before={day(first)}", f" not-after={day(last)}"
    return chance.choice(["", "", "", "", begin, end, begin + end, f" not-after={day(-50)}"])


def serial(chance):
    name = chance.choice(list(ISSUERS))
    issuer = chance.choice([ISSUERS[name], ISSUERS[name], chance.choice(CAS)])
    return f"serial serial={value('serial', name)}", f" issuer={value('spki', issuer)}"


def subject(chance, pinned):
    names = ["email ops@acme.example", "any", f"ca-spki {value('spki', chance.choice(CAS))}", "".join(serial(chance))]
    pins = [f"spki {value('spki', chance.choice(PEERS))}", f"spki {value('spki', chance.choice(PEERS))}",
            f"thumbprint {value('thumbprint', chance.choice(PEERS))}"]
    return chance.choice(pins if pinned else pins + names)


def settings(chance, pinned):
    lines = ["chain none"] if pinned else [f"ca {PKI}/{name}.pem" for name in chance.choice(ANCHORS)]
    lines += [chance.choice(["security-level 3", f"depth {chance.choice([0, 1, 3, 10])}"])] * (chance.random() < 0.3)
    return lines + ["strict yes"] * (not pinned and chance.random() < 0.1)


def policy(chance):
    denials = [f"spki {value('spki', chance.choice(PEERS + CAS))}", "".join(serial(chance)), serial(chance)[0]]
    lines = [f"deny {one}" for one in chance.sample(denials, chance.choice([0, 0, 1, 2]))]
    for domain in range(chance.randint(1, 4)):
        pinned, labels = chance.random() < 0.2, {}
        lines += [f"[d{domain}]", *settings(chance, pinned)]
        for _ in range(chance.randint(0, 6)):
            rule = subject(chance, pinned)
            label = labels.setdefault(rule, f"{domain}-{len(labels)}")
            lines.append(f"allow {rule} {label}{dates(chance)}")
    return lines


def without(lines, number):
    """The policy without one line; without the rules of a domain, if the line is its anchor."""
    lines, at = list(lines), number - 1
    if not lines[at].startswith("ca "):
        return lines[:at] + ["#"] + lines[at + 1:]
    while at < len(lines) and not lines[at].startswith("["):
        lines[at] = "#" if lines[at].startswith("allow") else lines[at]
        at += 1
    return lines


def decisions(folder, policies):
    """What each policy decides about everybody."""
    for i, lines in enumerate(policies):
        pathlib.Path(folder, f"{i}.policy").write_text("\n".join(lines) + "\n", encoding="ascii")
    times = [str(int((NOW + datetime.timedelta(days=days)).timestamp())) for days in TIMES]
    return subprocess.run([os.environ["DECISIONS"], PKI, ",".join(PEERS), ",".join(times),
                           *(f"{i}.policy" for i in range(len(policies)))], cwd=folder, capture_output=True, text=True,
                          timeout=300, check=True).stdout.splitlines()


def findings(folder, lines):
    pathlib.Path(folder, "a.policy").write_text("\n".join(lines) + "\n", encoding="ascii")
    done = subprocess.run([COMMAND, "check", "--json", "--ignore", "writable", "a.policy"], cwd=folder, capture_output=True,
                          timeout=60, check=False)
    return json.loads(done.stdout)[0]


def main():
    tally, chance = Tally(), random.Random(SEED)
    matter = dead = 0
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        for _ in range(POLICIES):
            lines = policy(chance)
            report = findings(folder, lines)
            if not report["good"]:
                tally.bad("a policy by chance", f"{report}\n" + "\n".join(lines))
                continue
            named = [one["line"] for one in report["findings"] if one["name"] in ("shadowed", "denied", "expired-rule")]
            others = [n + 1 for n, line in enumerate(lines) if line.startswith("allow") and n + 1 not in named]
            whole, *parts = decisions(folder, [lines] + [without(lines, n) for n in named + others])
            for number, part in zip(named, parts):
                tally.check(part == whole, f"line {number} is dead (SEED={SEED})", "\n".join(lines))
            matter += sum(part != whole for part in parts[len(named):])
            dead += len(named)
    tally.check(dead > POLICIES / 4 and matter > POLICIES / 4, "dead lines and others", f"{dead} dead, {matter} matter")
    tally.finish()


main()
