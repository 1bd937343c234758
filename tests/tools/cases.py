"""Runs the command mtlspin as an operator would: cases from a file, each with arguments, input, output and exit status.

    case NAME
      file PATH            its lines follow, each behind "| " (in the case's own folder, where the command runs)
      env NAME=VALUE
      args WORD…           split as a shell would, without a shell
      in LINE              a line of standard input; "in-hex BYTES" for bytes as they are
      status N             0 without this line
      out LINE             a line of standard output; "out~ REGEX" matches a whole line; "out*" any number of lines
      err LINE             the same of standard error

What is not expected must not come: without `out` lines standard output is empty. In all of these @pki@ is the folder of test
certificates, and @spki:NAME@, @thumbprint:NAME@, @serial:NAME@ are of its NAME.pem, computed by openssl alone. A backslash, u
and four hexadecimal digits are that character.
"""
import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))
from tally import Tally  # noqa: E402

COMMAND, PKI = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


@functools.lru_cache(maxsize=None)
def value(what, name):
    certificate = f"{PKI}/{name}.pem"
    if what == "thumbprint":
        return openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256").decode().split("=")[1].strip()
    if what == "serial":
        return openssl("x509", "-in", certificate, "-noout", "-serial").decode().split("=")[1].strip()
    key = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    digest = openssl("dgst", "-sha256", "-binary", data=openssl("pkey", "-pubin", "-outform", "DER", data=key))
    return "sha256/" + openssl("base64", "-A", data=digest).decode()


def fill(text):
    text = text.replace("@pki@", PKI)
    text = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found.group(1), 16)), text)
    return re.sub(r"@(spki|thumbprint|serial):([\w-]+)@", lambda found: value(*found.groups()), text)


class Case:
    def __init__(self, name):
        self.name, self.args, self.status, self.env = name, [], 0, {}
        self.input, self.files, self.lines = b"", {}, {"out": [], "err": []}

    def take(self, word, rest):
        if word == "file":
            self.files[rest] = []
        elif word == "|":
            self.files[list(self.files)[-1]].append(rest)
        elif word == "env":
            key, _, self.env[key] = rest.partition("=")
        elif word == "args":
            self.args = shlex.split(fill(rest))
        elif word == "in":
            self.input += (fill(rest) + "\n").encode()
        elif word == "in-hex":
            self.input += bytes.fromhex(rest)
        elif word == "status":
            self.status = int(rest)
        elif word.rstrip("~*") in self.lines:
            pattern = r"(?:.*\n)*" if word.endswith("*") else (rest if word.endswith("~") else re.escape(fill(rest))) + "\n"
            self.lines[word.rstrip("~*")].append(pattern)
        else:
            sys.exit(f"case {self.name}: unknown word {word}")

    def run(self, tally):
        with tempfile.TemporaryDirectory(prefix="mtlspin-tools-") as folder:
            for path, lines in self.files.items():
                target = pathlib.Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(fill("".join(line + "\n" for line in lines)), encoding="utf-8")
            done = subprocess.run([COMMAND, *self.args], input=self.input, capture_output=True, cwd=folder, timeout=120,
                                  env={**os.environ, "LC_ALL": "C.UTF-8", **self.env}, check=False)
        tally.check(done.returncode == self.status, f"{self.name}: exit status {self.status}",
                    f"{done.returncode}\n{done.stderr.decode(errors='replace')}")
        for name, output in (("out", done.stdout), ("err", done.stderr)):
            text = output.decode(errors="backslashreplace")
            tally.check(re.fullmatch("".join(self.lines[name]), text) is not None, f"{self.name}: standard {name}", "\n" + text)


def read(path):
    cases = []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        word, _, rest = line.strip().partition(" ")
        if line.startswith("case "):
            cases.append(Case(rest))
        elif word and not line.startswith("#"):
            cases[-1].take(word, rest)
    return cases


def main():
    tally = Tally()
    os.umask(0o022)  # a policy that others may write is a finding of its own
    for path in sys.argv[3:]:
        cases = read(path)
        tally.check(len(cases) > 0, f"{path} has cases")
        for case in cases:
            case.run(tally)
    tally.finish()


if __name__ == "__main__":
    main()
