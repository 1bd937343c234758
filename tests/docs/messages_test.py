"""docs/mtlspin-policy.5: its policies load, and its DIAGNOSTICS are the messages that the library gives, all of them.

    python3 messages_test.py ROOT CHECK_POLICY CERTIFICATES"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root, check_policy, certificates = pathlib.Path(sys.argv[1]), str(pathlib.Path(sys.argv[2]).resolve()), sys.argv[3]
page = (root / "docs/mtlspin-policy.5").read_text()
passed = failed = 0


def verdict(good, what):
    global passed, failed
    passed += good
    failed += not good
    if not good:
        print("FAILED:", what)


# The page.

def plain(text):
    for escape, character in (("\\(ga", "`"), ("\\(aq", "'"), ("\\(dq", '"'), ("\\-", "-"), ("\\&", ""), ("\\e", "\\")):
        text = text.replace(escape, character)
    return text


def head_pattern(line):
    """The arguments of .It as a regular expression: what .Ar marks varies, all else stands as it is."""
    pattern, kind, glue = "", "Sy", True
    for quoted, bare in re.findall(r'"((?:[^"]|"")*)"|(\S+)', line):
        if bare in ("Sy", "Ar"):
            kind = bare
        elif bare == "Ns":
            glue = True
        else:
            glue |= bare in (":", ";", ")")
            varies = kind == "Ar" and bare not in (":", ";", ")")
            pattern += "" if glue else " "
            pattern += "(.+)" if varies else re.escape(plain(quoted.replace('""', '"') or bare))
            glue = False
    return re.compile(pattern, re.S)


diagnostics = re.search(r"^\.Sh DIAGNOSTICS\n(.*?)^\.Sh ", page, re.M | re.S).group(1)
entries = {line: head_pattern(line) for line in re.findall(r"^\.It (.+)$", diagnostics, re.M)}


def matches(message):
    return {line for line, pattern in entries.items() if pattern.fullmatch(message)}


# The sources.

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
COMMENT = r"/\*.*?\*/"


def literals(path):
    """(text, the status that the same statement names before it) of each string; adjacent ones are one."""
    source = re.sub(rf"({LITERAL})|{COMMENT}", lambda m: m.group(1) or " ", path.read_text(), flags=re.S)
    for group in re.finditer(rf"{LITERAL}(?:\s*{LITERAL})*", source):
        before = re.split(r"[;{}]", re.sub(LITERAL, "", source[:group.start()]))[-1]
        statuses = re.findall(r"MTLSPIN_ERR_(\w+)", before)
        text = "".join(part[1:-1] for part in re.findall(LITERAL, group.group()))
        yield re.sub(r"\\(.)", r"\1", text), statuses[-1] if statuses else None


def filled(text):
    return re.sub(r"%(?:\.\d+)?(?:zu|[sdu])", "1", text)


# What a malformed policy is told.
caused = set()
for policy in sorted((root / "tests/policy/malformed").glob("*.policy")):
    first = policy.read_bytes().split(b"\n", 1)[0].decode("utf-8", "replace")
    found = re.fullmatch(r"# expect ERR_\w+ \d+:(?:\d+:)? (.*)", first)
    verdict(found is not None, f"{policy.name}: {first} is no expectation")
    if found is not None:
        caused |= matches(found.group(1))
        verdict(len(matches(found.group(1))) > 0, f"{policy.name}: not on the page: {found.group(1)}")

# What no file can cause is quoted by a test of the loader, or needs trouble on the system or a program's misuse.
quoted = [filled(text) for name in ("test_crl.c", "test_malformed.c") for text, _ in literals(root / "tests/policy" / name)]
for text in quoted:
    caused |= matches(text) | matches("list: " + text)
BEYOND_FILES = (
    "1: 1; allow more open files (ulimit -n)",
    "1: 1; try again, or take another copy",
    "1: Permission denied; let the user of this program read it, and enter its folder",
    "1: its files change while they are read; try again",
    "out of memory",
    "the policy has `host` domains, which are for clients (TLS_client_method); delete its `host` lines",
    "a policy with `host` is for clients; delete its `host` lines",
    "a policy with `host` is for clients, and this verifier guards servers; delete its `host` lines",
)
sources = "".join(filled(text) + "\n" for path in sorted((root / "lib").glob("*.c")) for text, _ in literals(path))
for message in BEYOND_FILES:
    tail = message.replace("1: Permission denied; ", "").replace("1: 1; ", "")
    verdict(len(matches(message)) > 0 and tail + "\n" in sources, f"neither a message nor an entry: {message}")
    caused |= matches(message)
for line in entries:
    verdict(line in caused, f"nothing is told this: {line}")

# What the library can say of a policy. Strings are whole messages, parts in one of these forms, remedies at the end of
# messages, or stand in the text.
FORMS = ("{}", "1: {}", "this is {}; 1", "this is no {}")
READERS = ("policy_*.c", "builder*.c", "pin_parse.c", "pin_source.c", "anchors.c", "crl.c", "crl_*.c", "file.c")
OTHER_STATUSES = ("ARGUMENT", "MEMORY", "OPENSSL", "STATE", "CONTEXT") # the caller's or the system's fault
NO_MESSAGES = { # and parts that a file of malformed/ shows in its place
    "sha256 fingerprint=", "-----BEGIN CERTIFICATE-----", "revocation list", "not a regular file",
    "this is 1; 1", "this is no 1", ", certificate request or public key", 'a PEM block "1" has no such pin; take the certificate',
    "the serial number has more than 1 bytes", "1: 1", "1: 1; 1", "out of memory", "unknown error",
    "a serial number cannot be hashed", "the digest of this list cannot be made", "an earlier call on this builder failed",
    "the revocation list cannot be copied", "this is no DER of a certificate1; take a whole one",
}
prose = " ".join(plain(line) for line in diagnostics.splitlines() if not line.startswith("."))
readers = {path for pattern in READERS for path in (root / "lib").glob(pattern)}
seen = set()
for path in sorted((root / "lib").glob("*.c")):
    for text, status in literals(path):
        text = filled(text)
        if " " not in text.strip() or status in OTHER_STATUSES or (path not in readers and status != "POLICY"):
            continue
        seen.add(text)
        verdict(text in NO_MESSAGES or text in prose or any(matches(form.format(text)) for form in FORMS)
            or any(plain(line).endswith(f'; {text}"') for line in entries),
            f"{path.name} says what is not on the page: {text}")

# Every literal block is a policy, whole.
with tempfile.TemporaryDirectory() as folder:
    for name in ("root-ca.pem", "clients-ca.pem", "partner-ca.pem", "root.crl", "clients.crl"):
        shutil.copy(pathlib.Path(certificates, name), folder)
    blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", page, re.M | re.S)
    for number, block in enumerate(blocks, 1):
        policy = pathlib.Path(folder, f"example-{number}")
        policy.write_text(plain(block.replace("\\\n", "")))
        done = subprocess.run([check_policy, str(policy)], capture_output=True, text=True)
        verdict(done.returncode == 0, f"example {number} does not load: {done.stderr}{policy.read_text()}")

verdict(NO_MESSAGES <= seen, f"no strings of the library: {NO_MESSAGES - seen}")

print(f"{len(entries)} entries, {len(seen)} strings of the library, {len(blocks)} policies")
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0 or len(entries) < 100 or len(seen) < 100 or len(blocks) < 5)
