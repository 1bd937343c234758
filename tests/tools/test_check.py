"""mtlspin check against what the library's own tests know to be wrong or right, and against the world around it."""
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import tempfile

from cases import COMMAND, PKI, value
from tally import Tally

POLICIES = pathlib.Path(__file__).resolve().parent.parent / "policy"


def fill(content):
    content = content.replace(b"@pki@", os.fsencode(PKI))
    return re.sub(rb"@(spki|thumbprint|serial):([\w-]+)@",
                  lambda found: value(found.group(1).decode(), found.group(2).decode()).encode(), content)


def check(folder, *arguments, **more):
    return subprocess.run([COMMAND, "check", *arguments], cwd=folder, capture_output=True, timeout=300, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8", **more.pop("env", {})}, **more)


def write(folder, name, content):
    path = pathlib.Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# What a policy of wellformed/ has besides itself.
LINKS = {"root-ca.pem": "root-ca.pem", "clients-ca.pem": "clients-ca.pem", "partner-ca.pem": "partner-ca.pem",
         "clients ca.pem": "clients-ca.pem", "anchors/root.pem": "root-ca.pem", "anchors/partner.crt": "partner-ca.pem"}


def malformed(tally):
    """The mistake that loading reports is among those that check reports, and the line is shown."""
    for path in sorted((POLICIES / "malformed").glob("*.policy")):
        content = fill(path.read_bytes())
        status, place, message = re.match(rb"# expect (\S+) (\d+(?::\d+)?): (.*)", content).groups()
        with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
            os.symlink(POLICIES / "malformed" / "data", pathlib.Path(folder, "data"))
            write(folder, path.name, content)
            done = check(folder, path.name)
        expected = os.fsencode(path.name) + b":" + place + b": " + message
        lines = done.stdout.split(b"\n")
        tally.check(done.returncode == 1 and expected in lines, f"malformed {path.name}", f"{done.returncode} {done.stdout}")
        follows = lines[lines.index(expected) + 2] if expected in lines else b""
        tally.check(b":" not in place or re.fullmatch(rb" *\^~*", follows) is not None, f"mark of {path.name}", f"{follows}")
        tally.check(status.startswith(b"ERR_") and done.stderr == b"", f"standard error of {path.name}", f"{done.stderr}")


def wellformed(tally):
    for path in sorted((POLICIES / "wellformed").glob("*.policy")):
        with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
            os.mkdir(pathlib.Path(folder, "anchors"))
            for name, certificate in LINKS.items():
                os.symlink(f"{PKI}/{certificate}", pathlib.Path(folder, name))
            write(folder, path.name, fill(path.read_bytes()))
            done = check(folder, path.name)
        tally.check(done.returncode == 0 and b": good: " in done.stdout, f"wellformed {path.name}", f"{done.stdout}")


def unreadable(tally):
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        write(folder, "a.policy", b"chain none\n")
        done = check(folder, "a.policy/b.policy")
        tally.check(done.returncode == 2 and b"Not a directory" in done.stderr, "below a file", f"{done}")
        done = check(folder, "-", stdin=os.open(folder, os.O_RDONLY))
        tally.check(done.returncode == 2 and b"Is a directory" in done.stderr, "standard input is a folder", f"{done}")
        if os.geteuid() == 0:
            tally.skip("a file without permission", "root may read everything")
            return
        os.chmod(pathlib.Path(folder, "a.policy"), 0)
        done = check(folder, "a.policy")
        tally.check(done.returncode == 2 and b"Permission denied" in done.stderr, "a file without permission", f"{done}")


def no_output(tally):
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        write(folder, "a.policy", b"chain none\n")
        write(folder, "long.policy", b"nonsense\n" * 5000)
        for name in ("a.policy", "long.policy"):
            for options in ([], ["--json"]):
                with open("/dev/full", "wb") as full:
                    done = subprocess.run([COMMAND, "check", *options, name], cwd=folder, stdout=full,
                                          stderr=subprocess.PIPE, timeout=60, check=False)
                tally.check(done.returncode == 2 and b"No space left" in done.stderr, f"{name} {options}: full", f"{done}")
                reader, writer = os.pipe()
                os.close(reader)
                done = subprocess.run([COMMAND, "check", *options, name], cwd=folder, stdout=writer, stderr=subprocess.PIPE,
                                      timeout=60, check=False, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL))
                os.close(writer)
                tally.check(done.returncode == 2 and b"its reader went away" in done.stderr, f"{name} {options}: closed", f"{done}")


def modes(tally):
    """Who may write: (path that is changed, mode, the warning's words or None)."""
    table = [
        ("a.policy", 0o644, None), ("a.policy", 0o666, "everybody can write a.policy"), ("a.policy", 0o600, None),
        ("ca/root.pem", 0o646, "everybody can write ca/root.pem"), ("ca/root.pem", 0o444, None),
        ("ca", 0o777, "everybody can exchange files in ca"), ("ca", 0o1777, None),
        (".", 0o777, "everybody can exchange files in ."), ("real", 0o777, "/real"), ("real/issuer.pem", 0o666, "issuer.pem"),
        (".", 0o1777, None),
    ]
    for path, mode, words in table:
        with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
            write(folder, "ca/root.pem", pathlib.Path(PKI, "root-ca.pem").read_bytes())
            write(folder, "real/issuer.pem", pathlib.Path(PKI, "clients-ca.pem").read_bytes())
            os.symlink("real/issuer.pem", pathlib.Path(folder, "issuer.pem"))
            write(folder, "a.policy", b"deny serial 0x12ab issuer=issuer.pem\nca ca\nallow any\n")
            os.chmod(pathlib.Path(folder, path), mode)
            done = check(folder, "--json", "a.policy")
        found = [one["message"] for one in json.loads(done.stdout)[0]["findings"] if one["name"] == "writable"]
        good = not found if words is None else len(found) == 1 and words in found[0] and "chmod" in found[0]
        tally.check(good and done.returncode == 0, f"{path} {mode:o}", f"{done.stdout}")


def groups(tally):
    """A group of one's own is nobody else; another group and another owner are. Only root can make them."""
    if os.geteuid() != 0:
        tally.skip("files of other users and groups", "only root can make them")
        return
    for owner, group, mode, words in ((0, 0, 0o664, None), (0, 1, 0o664, "group "), (0, 1, 0o644, None), (1, 1, 0o644, "user ")):
        with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
            path = write(folder, "a.policy", b"chain none\n")
            os.chown(path, owner, group)
            os.chmod(path, mode)
            done = check(folder, "a.policy")
        text = done.stdout.decode()
        good = "[writable]" not in text if words is None else f"warning: {words}" in text and "a.policy" in text
        tally.check(good, f"owner {owner}, group {group}, mode {mode:o}", text)


def system(tally):
    """The system's anchors are the system's affair, however old and weak."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        write(folder, "a.policy", b"ca system\nallow dns www.acme.example\n")
        done = check(folder, "--at", "2199-01-01", "--ignore", "writable", "a.policy")
    if b"ca system" in done.stdout:
        tally.skip("ca system", "this system has no trust store")
    else:
        tally.check(done.returncode == 0 and done.stdout.count(b"\n") == 1, "ca system", f"{done.stdout}")


def million(tally):
    """A million rules in three domains, with one of each kind of trouble at the far end."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        path = pathlib.Path(folder, "million.policy")
        with open(path, "w", encoding="ascii") as out:
            for domain, certificate in enumerate(("root-ca", "partner-ca", "other-ca")):
                out.write(f"[d{domain}]\nca {PKI}/{certificate}.pem\n")
                for i in range(domain, 999_999, 3):
                    out.write(f"allow spki {i:064x} peer-{i}\n" if i % 2 else f"allow uri spiffe://acme.example/{i} peer-{i}\n")
            out.write(f"allow spki {1:064x} peer-again\nallow uri spiffe://acme.example/2 peer-2 not-after=2020-01-01\n")
        good = check(folder, "--json", path.name)
        report = json.loads(good.stdout)[0]
        tally.check(report["counts"]["allow"]["all"] == 1_000_001 and report["good"], "a million rules", f"{good.stdout[:2000]}")
        names = [(one["name"], one["line"]) for one in report["findings"]]
        tally.check(names == [("two-labels", 1_000_006), ("expired-rule", 1_000_007)], "among a million", f"{names}")
        with open(path, "ab") as out:
            out.write(b"allow spki nothing\n")
        bad = check(folder, path.name)
        tally.check(bad.returncode == 1 and b"million.policy:1000008:12: " in bad.stdout, "an error behind a million",
                    f"{bad.stdout[-2000:]}")


def hostile(tally):
    """Much of one thing."""
    pin = "sha256/" + "A" * 43 + "="
    table = [("identical", "chain none\n" + f"allow spki {pin} a\n" * 20000, 0, b"19999 warnings"),
             ("denials", "".join(f"deny serial 0x{i:x}a\n" for i in range(20000)) + "chain none\n", 0, b"20000 denials"),
             ("errors", "allow nobody\n" * 20000, 1, b"20000 errors"),
             ("domains", "[a]\n" * 20000 + "chain none\n", 1, b"error"),
             ("one-line", "chain none\nallow spki " + "x" * 10_000_000 + "\n", 1, b"1 error"),
             ("quotes", "chain none\nallow spki " + "\"" * 1_000_000 + "\n", 1, b"1 error")]
    for name, text, status, words in table:
        with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
            write(folder, "a.policy", text.encode())
            done = check(folder, "a.policy")
        last = done.stdout.rstrip().split(b"\n")[-1]
        tally.check(done.returncode == status and words in last, f"much: {name}", f"{done.returncode} {last}")
        tally.check(max(map(len, done.stdout.split(b"\n"))) < 2000, f"much: {name}: short lines")


def main():
    os.umask(0o022)
    tally = Tally()
    for test in (malformed, wellformed, unreadable, no_output, modes, groups, system, million, hostile):
        test(tally)
    tally.finish()


main()
