"""Runs the benchmarks and prints their figures, each with its goal.

  figures.py --build BUILD [--quick] [--json FILE] [--from FOLDER]

A benchmark prints lines of a name, a value and a unit, with tabs between; where the value is -, the unit says why it was
skipped. The goals are in goals.txt. FILE is relative to FOLDER. The exit status is 0 if every goal was reached.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SIZES = {"1e3": 1000, "1e4": 10_000, "1e5": 100_000, "1e6": 1_000_000, "1e7": 10_000_000}


def first(path, pattern, otherwise="unknown"):
    """What the first line of a file that matches says."""
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else otherwise


def output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def machine():
    """What the figures depend on."""
    memory = int(first("/proc/meminfo", r"^MemTotal:\s+(\d+)", "0")) / 2**20
    processor = first("/proc/cpuinfo", r"^model name.*: (.*)$", platform.machine())
    system = first("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)', platform.system())
    return {
        "machine": f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "system": f"{system}, {platform.system()} {platform.release()}",
        "OpenSSL": output("pkg-config", "--modversion", "openssl"),
        "compiler": output("gcc", "--version").splitlines()[0],
        "libmtlspin": first(HERE.parent.parent / "include/mtlspin/version.h", r'MTLSPIN_VERSION "(.*)"'),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def read_goals(openssl):
    """[(name, sign, limit)]; those for some versions of OpenSSL only there."""
    goals = []
    for line in (HERE / "goals.txt").read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words and (len(words) == 3 or applies(words[3], openssl)):
            goals.append((words[0], words[1], float(words[2])))
    return goals


def applies(condition, openssl):
    """Whether a version is as it should be: >=3.5, or <3.5."""
    sign, limit = re.fullmatch(r"(>=|<)(.*)", condition).groups()
    later = numbers(openssl) >= numbers(limit)
    return later == (sign == ">=")


def numbers(version):
    return [int(part) for part in version.split(".")[:2]]


class Run:
    """One run of all benchmarks."""

    def __init__(self, build, quick, work):
        self.build, self.quick, self.work = build, quick, work
        self.machine = machine()
        self.goals = read_goals(self.machine["OpenSSL"])
        self.figures, self.failures = [], []

    def size(self, full, quick):
        return quick if self.quick else full

    def program(self, name):
        return str(self.build / "tests" / "bench" / f"bench-{name}")

    def policy(self, size, form="mix"):
        """A policy of so many rules, made when it is first asked for."""
        path = self.work / f"{form}-{size}.policy"
        if not path.exists():
            subprocess.run([self.program("rules"), str(SIZES[size]), form, str(path)], check=True)
        return str(path)

    def take(self, name, value, unit):
        """One more figure."""
        goal, verdict = "-", "-"
        for front, sign, limit in self.goals:
            if name == front or name.startswith((front + "/", front + "-")):
                goal = f"{sign} {limit:g}"
                verdict = "skipped" if value == "-" else "ok" if reached(float(value), sign, limit) else "short"
        value = value if value == "-" else float(value)
        self.figures.append({"name": name, "value": value, "unit": unit, "goal": goal, "verdict": verdict})
        shown = value if value == "-" else f"{value:.6g}"
        print(name, shown, unit, goal, verdict, sep="\t", flush=True)

    def take_lines(self, text):
        for line in text.splitlines():
            self.take(*line.split("\t"))

    def measure(self, *argv, take=None):
        """Runs a benchmark, and takes what it prints; or hands it to `take`."""
        argv = [str(argument) for argument in argv]
        shown = " ".join([pathlib.Path(argv[0]).name] + argv[1:]).replace(str(self.work) + "/", "")
        print(shown, file=sys.stderr, flush=True)
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
        (take or self.take_lines)(done.stdout)
        if done.returncode != 0:
            self.failures.append(shown)
            print(f"FAILED (exit status {done.returncode}): {shown}", file=sys.stderr)


def reached(value, sign, limit):
    return value <= limit if sign == "<=" else value >= limit


def measure_policies(run):
    """Loading, keeping and asking policies of all sizes."""
    for size in run.size(list(SIZES), ["1e3", "1e5", "1e6"]):
        run.measure(run.program("load"), size, run.policy(size), run.size(2 if size == "1e7" else 9, 3))
        run.measure(run.program("decide"), size, run.policy(size), run.size(500_000, 100_000), run.size(9, 3))
    for form in ("bare", "labelled", "options"):
        run.measure(run.program("load"), form, run.policy("1e6", form), 1)
        os.remove(run.policy("1e6", form))


def measure_connections(run):
    """Handshakes, and connections that live."""
    policy = run.policy("1e6")
    run.measure(run.program("handshake"), "time", policy, run.size(400, 20))
    run.measure(run.program("check"), policy, 1_000_000, run.size(20, 5))
    run.measure(run.program("sweep"), 100_000, run.size(1_000_000, 10_000), run.size(2000, 200))
    run.measure(run.program("stall"), policy, run.size(20_000, 1000))
    run.measure(run.program("scaling"), policy, run.size(15, 3), run.size(400, 100))


def count_instructions(run):
    if shutil.which("valgrind") is None:
        run.take("handshake-full-instr-ratio", "-", "skipped: valgrind is not there")
        return
    count = ["sh", HERE / "handshake_count.sh", run.build]
    run.measure(*count, run.policy(run.size("1e6", "1e4")), run.size(5, 1))
    for size in run.size(["1e3", "1e4", "1e5", "1e6", "1e7"], []):
        run.measure(*count, run.policy(size), 1, take=lambda text, size=size: take_added(run, size, text))


def take_added(run, size, text):
    """Of what a count prints, what growth is shown by."""
    for line in text.splitlines():
        name, value, unit = line.split("\t")
        if name == "handshake-full-instr-added/tls1.3-p256":
            run.take(f"handshake-added-{size}", value, unit)


def measure_beside(run):
    """The same work by libmtlspin and by others."""
    run.measure(sys.executable, HERE / "beside.py", "--build", run.build, "--count", run.size(1_000_000, 20_000),
                "--seconds", run.size(10, 1))


def finish(run):
    short = [figure["name"] for figure in run.figures if figure["verdict"] == "short"]
    for name in short:
        print(f"short of its goal: {name}", file=sys.stderr)
    missing = [front for front, _, _ in run.goals if not any(f["name"].startswith(front) for f in run.figures)]
    for front in missing:
        print(f"not measured: {front}", file=sys.stderr)
    return 1 if short or missing or run.failures else 0


def main():
    parser = argparse.ArgumentParser(prog="run.sh", allow_abbrev=False)
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, in a minute")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE, too")
    parser.add_argument("--from", dest="start", type=pathlib.Path, default=pathlib.Path.cwd(), help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtlspin-bench-") as work:
        run = Run(options.build.resolve(), options.quick, pathlib.Path(work))
        for key, value in run.machine.items():
            print(f"# {key}: {value}", flush=True)
        measure_policies(run)
        measure_connections(run)
        count_instructions(run)
        measure_beside(run)
    if options.json:
        content = {"machine": run.machine, "quick": run.quick, "figures": run.figures}
        (options.start / options.json).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return finish(run)


if __name__ == "__main__":
    sys.exit(main())
