"""Adds up what the programs of one `meson test` run said of themselves.

  results.py TESTLOG.json

Shows each program's own closing lines, failures and skips with their reasons; the last line is the sum. Closing lines are
Check's `100%: Checks: A, Failures: B, Errors: C` and the scripts' `A passed, B failed, C skipped`. A program that ends
badly without having counted a failure (a crash, a timeout, a leak at its end) is one failure; one that says only that it
was skipped is one skip; one that says nothing and ends well has passed once.
"""
import json
import re
import sys

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)
SCRIPT = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
NOTE = re.compile(r"^(?:FAILED|skipped): .*$", re.MULTILINE)
LINES_SHOWN = 60  # of the output of a program that failed


def count(test):
    """(passed, failed, skipped) of one program."""
    output = test.get("stdout", "")
    passed = failed = skipped = 0
    for checks, failures, errors in CHECK.findall(output):
        failed += int(failures) + int(errors)
        passed += int(checks) - int(failures) - int(errors)
    for line in SCRIPT.findall(output):
        passed, failed, skipped = (a + int(b) for a, b in zip((passed, failed, skipped), line))
    if test["result"] == "SKIP":
        skipped = max(skipped, 1)
    elif test["result"] != "OK":
        failed = max(failed, 1)
    elif passed + failed + skipped == 0:
        passed = 1
    return passed, failed, skipped


def show(test, counted):
    output = test.get("stdout", "")
    closing = [line.group() for pattern in (CHECK, SCRIPT) for line in pattern.finditer(output)]
    name = test["name"].split(" / ")[-1]
    print(f"  {name:20} {'; '.join(closing) or test['result'].lower()}")
    if counted[1]:
        lines = (output + test.get("stderr", "")).strip().splitlines()
        print(f"    {name}: {test['result']}, exit code {test.get('returncode')}")
        print("\n".join("    | " + line for line in lines[-LINES_SHOWN:]))
        return
    for note in NOTE.findall(output):
        print(f"    {note}")


def main():
    total = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8") as log:
        for test in map(json.loads, log):
            counted = count(test)
            show(test, counted)
            total = [a + b for a, b in zip(total, counted)]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")


main()
