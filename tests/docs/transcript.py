"""Sessions on a page: commands behind "$ " and what they print, tried with the certificates of docs/certificates.md.

A command may go on in further lines behind a backslash. In what is printed, pins, serial numbers and dates are compared by
their form only; "..." stands for any words of a line, and alone for any number of lines.
"""
import os
import pathlib
import re
import subprocess

# Whatever differs from one run of the recipe to the next.
FORMS = (
    (re.compile(r"sha256/[A-Za-z0-9+/]{43}="), "PIN"),
    (re.compile(r"\b(?:[0-9A-F]{2}:){7,}[0-9A-F]{2}\b"), "HEX"),
    (re.compile(r"\b(?:0x)?[0-9A-F]{36,40}\b"), "SERIAL"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?"), "DATE"),
)


def recipe(root, folder):
    """Makes the certificates of docs/certificates.md in the folder."""
    page = (root / "docs" / "certificates.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S))
    subprocess.run(["sh", "-eu"], input=blocks, text=True, cwd=folder, check=True, capture_output=True)


def session(text):
    """(command, what it prints) of each command."""
    steps = []
    for line in text.splitlines():
        if line.startswith("$ "):
            steps.append([line[2:], []])
        elif steps and not steps[-1][1] and steps[-1][0].endswith("\\"):
            steps[-1][0] += "\n" + line
        elif steps:
            steps[-1][1].append(line)
    return steps


def form(line):
    for pattern, name in FORMS:
        line = pattern.sub(name, line)
    return line.rstrip()


def matches(expected, output):
    """Whether lines are what the page says."""
    pattern = ""
    for line in expected:
        words = re.escape(form(line)).replace(re.escape("..."), ".*")
        pattern += r"(?:.*\n)*" if line.strip() == "..." else words + r"\n"
    return re.fullmatch(pattern, "".join(form(line) + "\n" for line in output.splitlines())) is not None


def environment(*programs):
    """A shell's environment in which these programs are found, and nothing is coloured or translated."""
    folders = [str(pathlib.Path(program).resolve().parent) for program in programs]
    return {**os.environ, "PATH": os.pathsep.join([*folders, os.environ["PATH"]]), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}


def run(tally, what, text, folder, env, status=0):
    """Tries a session. The last command ends with `status`, the others with 0; standard error counts as printed."""
    steps = session(text)
    tally.check(len(steps) > 0, f"{what}: has commands", text)
    for number, (command, expected) in enumerate(steps, 1):
        wanted = status if number == len(steps) else 0
        done = subprocess.run(["sh", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        about = f"{what}: {command}"
        tally.check(done.returncode == wanted, f"{about}: exit status {wanted}", f"{done.returncode}\n{done.stdout}")
        tally.check(matches(expected, done.stdout), f"{about}: prints what the page says", f"\n{done.stdout}")
