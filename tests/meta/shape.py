"""Short functions, short files, and lines that fit; tables of test cases may be wider.

A function runs from a line `{` at the left margin to the line `}`; its length is what stands between them.
"""
import pathlib
import re
import sys

from tally import Tally

FILE_MAX, LINE_MAX, FUNCTION_P50, FUNCTION_P90, FUNCTION_MAX = 400, 124, 14, 40, 60


def functions(path):
    """(length, where) of each function of a C file."""
    start = None
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield number - start - 1, f"{path.name}:{start}"
            start = None


def check_file(tally, root, path):
    name = path.relative_to(root)
    lines = path.read_text(encoding="utf-8").splitlines()
    long = [number for number, line in enumerate(lines, 1) if len(line) > LINE_MAX]
    tally.check(len(lines) <= FILE_MAX, f"{name} has at most {FILE_MAX} lines", str(len(lines)))
    if name.parts[0] != "tests":
        tally.check(not long, f"{name}: no line above {LINE_MAX} columns", str(long))
    for length, where in functions(path):
        tally.check(length <= FUNCTION_MAX, f"{where}: at most {FUNCTION_MAX} lines a function", str(length))


def check_library(tally, paths):
    lengths = sorted(length for path in paths for length, _ in functions(path))
    starts = sum(len(re.findall(r"^\{$", path.read_text(encoding="utf-8"), re.MULTILINE)) for path in paths)
    tally.check(len(lengths) == starts > 100, "every function has been measured", f"{len(lengths)} of {starts}")
    p50, p90 = lengths[len(lengths) // 2], lengths[len(lengths) * 9 // 10]
    print(f"lib: {len(lengths)} functions, p50 {p50}, p90 {p90}, max {lengths[-1]}")
    tally.check(p50 <= FUNCTION_P50, f"lib: half of the functions have at most {FUNCTION_P50} lines", str(p50))
    tally.check(p90 <= FUNCTION_P90, f"lib: 90 % of the functions have at most {FUNCTION_P90} lines", str(p90))


def main():
    root = pathlib.Path(sys.argv[1])
    tally = Tally()
    for folder in ("include", "lib", "examples", "tests", "tools"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            check_file(tally, root, path)
    check_library(tally, sorted((root / "lib").glob("*.c")))
    tally.finish()


main()
