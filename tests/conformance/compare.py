"""Runs the published cases through plain OpenSSL and through the library, and compares case by case.

Per case two checks: the chain verdict is OpenSSL's, and no pin lets in anybody but the peer it names. Two kinds of case
are not comparable in the second: they must then break the runner's expectation in exactly the way that is written here.
"""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))
from tally import Tally, skip_all

# What the library says of the case -> (violations that the runner then reports, why that is right).
BY_DESIGN = {
    "CA_CERTIFICATE": ("right-thumb=0 right-serial=0 right-spki=0", "a CA certificate is no peer, whatever rule names it"),
    "leaf-is-anchor": ("right-serial=0", "the leaf is its own anchor: nobody vouches for the issuer that a serial needs"),
}


# Ways to ask: as each case wants it, and all of them as a server asks about its clients (then mtlspin_evaluate answers).
PROFILES = {
    "as published": [],
    "clients": ["-r", "client", "-f", "none"],
    "clients, strict": ["-r", "client", "-f", "strict"],
    "clients, partial chain": ["-r", "client", "-f", "partial"],
}


def run(runner, subject, options, cases):
    """The runner's table: id -> (verdict, why, pins)."""
    command = [runner, "-s", subject, *options, cases]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stderr.strip())
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or any(len(row) != 7 for row in rows):
        sys.exit(f"{runner} failed with {done.returncode}")
    return {row[0]: (row[3], row[5], row[6].strip()) for row in rows}


def compare_pins(tally, case, why, pins):
    if pins == "pins-ok":
        tally.good()
        return
    for word, (expected, reason) in BY_DESIGN.items():
        if word in why.split() and pins == expected:
            tally.skip(f"{case}: pins", reason)
            return
    tally.bad(f"{case}: pins", f"{pins} ({why})")


def compare(tally, profile, theirs, ours):
    tally.check(theirs and theirs.keys() == ours.keys(), f"{profile}: both subjects answer for the same cases")
    for case, (verdict, why, pins) in ours.items():
        name = f"{case} ({profile})"
        if verdict == "SKIP":
            tally.skip(name, why)
            continue
        expected = theirs.get(case, ("nothing", "", ""))
        tally.check(verdict == expected[0], f"{name}: chain", f"{verdict} ({why}), OpenSSL {expected[0]} ({expected[1]})")
        compare_pins(tally, name, why, pins)


def main():
    if len(sys.argv) == 2:
        skip_all(sys.argv[1])
    runner, reference, subject, cases = sys.argv[1:]
    tally = Tally()
    for profile, options in PROFILES.items():
        theirs, ours = run(runner, reference, options, cases), run(runner, subject, ["-p", *options], cases)
        compare(tally, profile, theirs, ours)
    with open(cases, encoding="utf-8") as file:
        keys = sum(case["peer_certificate_key"] is not None for case in json.load(file)["testcases"])
    if keys == 0:
        tally.skip("the same over handshakes", "no case carries its leaf's key")
    tally.finish()


if __name__ == "__main__":
    main()
