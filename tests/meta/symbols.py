"""What the shared library exports is what the version script lists is what the headers declare; and whatever else has
external linkage inside, in the static library, bears the project's prefix."""
import pathlib
import re
import subprocess
import sys

import public
from tally import Tally

SANITIZER = re.compile(r"^__(odr_)?asan")  # what an instrumented build adds


def symbols(*command):
    """The names of `nm` output in POSIX format: NAME TYPE …"""
    lines = subprocess.run(["nm", "-P", *command], capture_output=True, text=True, check=True).stdout.splitlines()
    names = {line.split()[0] for line in lines if len(line.split()) >= 2 and line.split()[1].isalpha()}
    return {name for name in names if not SANITIZER.match(name)}


def compare(tally, what, names, expected):
    for name in sorted(names - expected):
        tally.bad(f"{what}: {name} is too many")
    for name in sorted(expected - names):
        tally.bad(f"{what}: {name} is missing")
    tally.check(names == expected, f"{what} are the headers' functions")


root, shared, static = sys.argv[1:]
tally = Tally()
declared = public.functions(root)
script = (pathlib.Path(root) / "lib" / "mtlspin.map").read_text(encoding="utf-8")
exported = {name.split("@")[0] for name in symbols("-D", "--defined-only", shared)} - {"MTLSPIN_0"}
inside = symbols("-g", "--defined-only", static)
tally.check(len(declared) > 20, "the headers declare functions", str(len(declared)))
compare(tally, "names of the version script", set(re.findall(r"^ +(mtlspin_\w+);", script, re.MULTILINE)), declared)
compare(tally, "exported symbols", exported, declared)
tally.check(declared <= inside, "the static library has them all", str(declared - inside))
for name in sorted(inside):
    tally.check(name in declared or name.startswith("mtlspin__"),
        f"{name}: public and in a header, or mtlspin__…")
tally.finish()
