"""`mtlspin pin` on a terminal: its width, colours, questions; and output that goes nowhere."""
import fcntl
import os
import pty
import re
import select
import socket
import struct
import subprocess
import termios
import time

from pin_kit import COMMAND, PKI, Tally, WORK, environment, openssl, pin, write

PATIENCE = 60
ESCAPES = re.compile(rb"\x1b\[[0-9;]*[mK]|\r")
LONG = re.compile(r"[\w+/=:.-]{30,}")


def controlling_terminal():
    """In the child: the terminal that it may ask."""
    os.setsid()
    fcntl.ioctl(2, termios.TIOCSCTTY, 0)


def terminal(*arguments, width=40, answers=(), **more):
    """(exit status, what the terminal got); types each answer when its question has come."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, width, 0, 0))
    more = {"TERM": "xterm", **more}
    child = subprocess.Popen([COMMAND, "pin", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                             env={**environment(), **more}, preexec_fn=controlling_terminal)
    os.close(slave)
    shown, waiting, end = b"", list(answers), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        asked = shown.count(b"Passphrase of ") == len(answers) - len(waiting) + 1
        if waiting and asked and not termios.tcgetattr(master)[3] & termios.ECHO:
            os.write(master, waiting.pop(0).encode() + b"\n")
        if not select.select([master], [], [], 0.05)[0]:
            continue
        try:
            step = os.read(master, 65536)
        except OSError:  # the last one has closed it
            break
        if not step:
            break
        shown += step
    status = child.wait(timeout=PATIENCE)
    os.close(master)
    return status, shown


def check_width(tally):
    """Prose is wrapped, values are not."""
    status, shown = terminal(PKI / "alice-chain.pem", PKI / "nothing.pem", NO_COLOR="1")
    tally.check(status == 2 and b"\x1b" not in shown, "NO_COLOR", str(shown[:300]))
    lines = shown.replace(b"\r\n", b"\n").decode().split("\n")
    wide = [line for line in lines if len(line) > 40 and not re.match(r"(?:  \w[\w ]{12}|# |#: |/|mtlspin pin: /)", line)]
    tally.check(not wide, "prose fits 40 columns", str(wide))
    piped = pin(PKI / "alice-chain.pem").stdout.decode()
    values = [word for line in piped.split("\n") for word in LONG.findall(line)]
    missing = [value for value in values if value not in shown.decode()]
    tally.check(len(values) > 10 and not missing, "values are whole", str(missing))
    policy = [line for line in lines if line.startswith("# ")]
    tally.check(policy == [line for line in piped.split("\n") if line.startswith("# ")], "policy lines are whole",
                str(policy))


def check_wrapping(tally):
    """However long a word is: nothing sticks out but a word that is wider than the terminal, and no line ends in a space."""
    for length in (*range(18, 45), 60, 200):
        name = "n" * length
        status, shown = terminal(name, NO_COLOR="1")
        lines = shown.replace(b"\r\n", b"\n").decode().rstrip("\n").split("\n")
        wide = [line for line in lines if len(line) > 40 and max(map(len, line.split(" "))) <= 40]
        tally.check(status == 2 and not wide and not [line for line in lines if line != line.rstrip()]
                    and " ".join(" ".join(lines).split()) == pin(name).stderr.decode().rstrip("\n"),
                    f"a name of {length} letters on 40 columns", str(lines))
        broken = [line.strip() for line in lines if not line.strip() or line.strip() == "mtlspin pin:"]
        tally.check(broken == (["mtlspin pin:"] if 25 < length < 40 else []), f"a name of {length} letters: lines that end "
                    "early", str(lines))


def check_colours(tally):
    coloured = terminal(PKI / "expired.pem")[1]
    tally.check(b"\x1b[1m" in coloured and b"\x1b[33m" in coloured, "colours", str(coloured[:300]))
    for what, more in (("NO_COLOR", {"NO_COLOR": "1"}), ("a dumb terminal", {"TERM": "dumb"})):
        plain = terminal(PKI / "expired.pem", **more)[1]
        tally.check(b"\x1b" not in plain and ESCAPES.sub(b"", coloured) == ESCAPES.sub(b"", plain), f"{what}: no colours",
                    str(plain[:300]))
    tally.check(b"\x1b" not in pin(PKI / "expired.pem", TERM="xterm").stdout, "a pipe: no colours")


def check_questions(tally):
    key = write("secret.key", openssl("pkcs8", "-topk8", "-in", PKI / "alice.key", "-passout", "pass:open sesame"))
    der = write("secret.der", openssl("pkcs8", "-topk8", "-in", PKI / "alice.key", "-outform", "DER", "-passout",
                                      "pass:open sesame"))
    old = write("old.key", openssl("pkey", "-in", PKI / "alice.key", "-traditional", "-aes128", "-passout",
                                   "pass:open sesame"))
    bag = write("secret.p12", openssl("pkcs12", "-export", "-in", PKI / "alice.pem", "-inkey", PKI / "alice.key",
                                      "-passout", "pass:open sesame"))
    for path in (key, der, old, bag, f"file:{key}", f"FILE:{key}", f"FILE:{bag}"):
        status, shown = terminal(path, width=200, answers=["open sesame"])
        tally.check(status == 0 and shown.count(b"Passphrase of ") == 1 and b"SPKI pin" in shown and b"sesame" not in shown,
                    f"{path}: asked once", f"{status} {shown}")
        status, shown = terminal(path, width=200, answers=["wrong"])
        tally.check(status == 2 and shown.count(b"Passphrase of ") == 1 and b"does not open" in shown
                    and b"SPKI pin" not in shown, f"{path}: a wrong answer", f"{status} {shown}")
    status, shown = terminal(key, bag, width=200, answers=["open sesame", "open sesame"])
    tally.check(status == 0 and shown.count(b"Passphrase of ") == 2, "two files, two questions", f"{status} {shown}")
    hostile = write("\x1b[31m\nx.key", key.read_bytes())
    status, shown = terminal(hostile, width=200, answers=["open sesame"], NO_COLOR="1")
    tally.check(status == 0 and b"\x1b[31m" not in shown, "a file's name does not steer the terminal", f"{status} {shown}")


def check_passphrase_files(tally):
    key = write("file.key", openssl("pkcs8", "-topk8", "-in", PKI / "alice.key", "-passout", "pass:open sesame"))
    for content, status in ((b"open sesame", 0), (b"open sesame\n", 0), (b"open sesame\r\nmore\n", 0), (b"", 2), (b"\n", 2),
                            (b"open\nsesame", 2), (b"x" * 100000, 2)):
        done = pin("--passphrase-file", write("words", content), key)
        tally.check(done.returncode == status, f"a passphrase file: {content[:20]}", str(done))
    done = pin("--passphrase-file", WORK / "nothing", key)
    tally.check(done.returncode == 2 and b"/nothing: No such file or directory" in done.stderr, "no passphrase file",
                str(done))


def check_progress(tally):
    """A server that is slow is waited for visibly, and nothing of that is left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        status, shown = terminal("--timeout", "3s", address, width=200, NO_COLOR="1")
        done = pin("--timeout", "3s", address)
    before, found, after = shown.rpartition(b"waiting for the server")
    tally.check(status == 2 and found != b"" and b"\r\x1b[K" in before + after and b"\x1b[Kmtlspin pin: " in after,
                "progress on a terminal", f"{status} {shown}")
    left = [int(number) for number in re.findall(rb"seconds left: (\d+)", shown)]
    tally.check(left and left == sorted(left, reverse=True) and set(left) <= {1, 2, 3} and len(set(left)) > 1,
                "it counts seconds", str(shown))
    tally.check(done.returncode == 2 and b"waiting" not in done.stderr and b"\x1b" not in done.stderr, "none in a file",
                str(done))


def check_ends(tally):
    """Output that does not arrive is a failure."""
    for what, arguments in (("text", ()), ("JSON", ("--json",)), ("lines", ("--as", "allow-spki")), ("help", ("--help",))):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([COMMAND, "pin", *arguments, PKI / "alice.pem"], stdout=full, stderr=subprocess.PIPE,
                                  env=environment(), check=False)
        tally.check(done.returncode == 2 and b"could not be written" in done.stderr and b"make room" in done.stderr,
                    f"/dev/full, {what}", str(done))
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([COMMAND, "pin", *arguments, *[PKI / "alice.pem"] * 50], stdout=writer,
                              stderr=subprocess.PIPE, env=environment(), check=False)
        os.close(writer)
        tally.check(done.returncode == 2 and b"reader went away" in done.stderr and b"make room" not in done.stderr,
                    f"a closed pipe, {what}", str(done))


def main():
    tally = Tally()
    check_width(tally)
    check_wrapping(tally)
    check_colours(tally)
    check_questions(tally)
    check_passphrase_files(tally)
    check_progress(tally)
    check_ends(tally)
    tally.finish()


main()
