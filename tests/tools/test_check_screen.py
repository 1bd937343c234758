"""mtlspin check on a terminal: its width, colours, and progress."""
import fcntl
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
import time
import unicodedata

from cases import COMMAND
from tally import Tally

POLICY = """chain none
allow spki AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA "a label"
allow spki sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "漢字漢字漢字漢字漢字漢字" here
allow wrong
"""


def run(folder, *arguments, columns, env=None):
    """What the command writes to a terminal of that width, and its exit status."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {key: text for key, text in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen([COMMAND, "check", *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=follower,
                               stderr=follower, env={**variables, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})})
    os.close(follower)
    output, end = b"", time.monotonic() + 300
    while time.monotonic() < end and select.select([leader], [], [], 300)[0]:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        output += part
    os.close(leader)
    return output.decode().replace("\r\n", "\n"), process.wait(timeout=60)


def columns_of(text):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def plain(text):
    return re.sub(r"\033\[[0-9;]*m", "", text)


def widths(tally):
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        pathlib.Path(folder, "a.policy").write_text(POLICY, encoding="utf-8")
        for columns in (20, 40, 41, 57, 80, 200):
            text, status = run(folder, "a.policy", columns=columns)
            lines = plain(text).split("\n")
            # A word that is longer than the screen stands as it is: it is copied.
            wide = [line for line in lines if columns_of(line) > columns and " " in line.strip()]
            tally.check(status == 1 and not wide, f"{columns} columns", f"{status} {wide}")
            shown = [(line, lines[i + 1]) for i, line in enumerate(lines[:-1]) if re.fullmatch(r" *\^~*", lines[i + 1])]
            tally.check(len(shown) == 3, f"{columns} columns: marks", text)
            for (line, marks), word in zip(shown, ("AAAA", "here", "wrong")):
                at = columns_of(marks) - len(marks.strip())
                tally.check(plain(line)[len(cut(line, at)):].startswith(word), f"{columns} columns: {word}", f"\n{line}\n{marks}")


def cut(line, columns):
    """The front of the line that takes so many columns."""
    front = ""
    while columns_of(front) < columns:
        front = line[:len(front) + 1]
    return front


def colours(tally):
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        pathlib.Path(folder, "a.policy").write_text(POLICY, encoding="utf-8")
        for env, wanted in (({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            text, _ = run(folder, "a.policy", columns=80, env=env)
            tally.check(("\033[" in text) == wanted, f"colours with {env}", repr(text[:200]))
        text, _ = run(folder, "--json", "a.policy", columns=80)
        tally.check("\033" not in text and text.startswith("["), "JSON has no colours", repr(text[:200]))
        text, _ = run(folder, "--help", columns=40)
        tally.check(text.startswith("usage: mtlspin check"), "help on a terminal", repr(text[:200]))


def escapes(tally):
    """What a policy holds does not reach the terminal."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        pathlib.Path(folder, "a.policy").write_text("chain \033]0;x\a\033[2J\u202e\u0085\n", encoding="utf-8")
        text, status = run(folder, "a.policy", columns=40, env={"NO_COLOR": "1"})
        tally.check(status == 1 and not set(text) & set("\033\a\u202e\u0085\r"), "escapes", repr(text))


def progress(tally):
    """Something that takes long is told while it lasts, and the line is gone in the end."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        with open(pathlib.Path(folder, "a.policy"), "w", encoding="ascii") as out:
            out.write("chain none\n" + "".join(f"allow spki {i:064x} p{i}\n" for i in range(1_500_000)))
        text, status = run(folder, "a.policy", columns=80)
    tally.check(status == 0 and "1500000 allow rules" in plain(text), "a long policy", repr(text[-300:]))
    if "rules read: " not in text:
        tally.skip("progress", "this machine reads 1500000 rules within a second")
        return
    tally.check(text.rfind("\r\033[K") > text.rfind("rules read: "), "progress is taken away", repr(text[:300]))


def main():
    tally = Tally()
    for test in (widths, colours, escapes, progress):
        test(tally)
    tally.finish()


main()
