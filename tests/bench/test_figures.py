"""The benchmarks, in sizes that measure nothing: that they run, say what they should, and that goals are judged rightly.

  test_figures.py BUILD
"""
import contextlib
import io
import pathlib
import sys
import tempfile

import figures

# name, value, and what the last two columns are to say; OpenSSL 3.0 and 3.5
JUDGED = [
    ("load-1e6", 0.25, ("<= 0.25", "ok"), ("<= 0.25", "ok")),
    ("load-1e6", 0.2501, ("<= 0.25", "short"), ("<= 0.25", "short")),
    ("load-1e5", 9.0, ("-", "-"), ("-", "-")),
    ("decide-1e6/spki-hit", 151, ("<= 150", "short"), ("<= 150", "short")),
    ("decide-1e7/spki-hit", 151, ("-", "-"), ("-", "-")),
    ("parallel-scaling", 0.97, (">= 0.97", "ok"), (">= 0.97", "ok")),
    ("parallel-scaling", 0.96, (">= 0.97", "short"), (">= 0.97", "short")),
    ("handshake-full-instr-ratio/tls1.2-rsa", 1.02, ("<= 1.01", "short"), ("<= 1.01", "short")),
    ("handshake-resumed-instr-ratio/tls1.3-p256", 1.02, ("<= 1.02", "ok"), ("<= 1.02", "ok")),
    ("handshake-resumed-instr-ratio/tls1.2-p256", 1.02, ("<= 1.01", "short"), ("-", "-")),
    ("handshake-resumed-instr-added/tls1.2-p256", 20001, ("-", "-"), ("<= 20000", "short")),
    ("handshake-full-instr-ratio", "-", ("<= 1.01", "skipped"), ("<= 1.01", "skipped")),
]


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def check(self, good, what):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"FAILED: {what}")


def tiny(build, work):
    """A run in which every policy has a thousand rules, and everything else is as small as it may be."""
    figures.SIZES.update({size: 1000 for size in figures.SIZES})
    run = figures.Run(build, True, work)
    run.size = lambda full, quick: min(quick, 50) if isinstance(quick, int) else quick
    return run


def judge(tally, build, work):
    for column, version in ((2, "3.0.11"), (3, "3.5.4")):
        for case in JUDGED:
            run = figures.Run(build, True, work)
            run.goals = figures.read_goals(version)
            with contextlib.redirect_stdout(io.StringIO()) as lines:
                run.take(case[0], case[1], "unit")
            found = tuple(lines.getvalue().rstrip("\n").split("\t")[3:])
            tally.check(found == case[column], f"{case[0]} {case[1]} on {version}: {found}, not {case[column]}")
    run = figures.Run(build, True, work)
    with contextlib.redirect_stderr(io.StringIO()):
        tally.check(figures.finish(run) == 1, "a run that measured nothing ends well")


def smoke(tally, build, work):
    run = tiny(build, work)
    with contextlib.redirect_stdout(io.StringIO()):
        figures.measure_policies(run)
        figures.measure_connections(run)
    for failure in run.failures:
        tally.check(False, failure)
    measured = {figure["name"] for figure in run.figures}
    for front, _, _ in run.goals:
        if "-instr-" not in front:  # callgrind is not for programs with sanitizers
            tally.check(any(name.startswith(front) for name in measured), f"nothing measures {front}")
    for figure in run.figures:
        if figure["value"] == "-":
            tally.skipped += 1
            print(f"{figure['unit']} ({figure['name']})")
            continue
        tally.check(isinstance(figure["value"], float) and figure["value"] > 0, f"{figure['name']} is {figure['value']}")


def main():
    build, tally = pathlib.Path(sys.argv[1]), Tally()
    with tempfile.TemporaryDirectory(prefix="mtlspin-bench-") as work:
        judge(tally, build, pathlib.Path(work))
        smoke(tally, build, pathlib.Path(work))
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
