"""`mtlspin explain` beyond what cases.py can say: the lines that come near (near.txt), hostile names, damaged files, terminals."""
import json
import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile

from places import Places, openssl
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))
from tally import Tally  # noqa: E402

COMMAND, PKI = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
NEAR = pathlib.Path(__file__).resolve().parent / "near.txt"
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}, "LC_ALL": "C.UTF-8", "TERM": "xterm"}
BEGIN = "-----BEGIN CERTIFICATE-----"


def run(*arguments, data=b"", **options):
    """The command's exit status, standard output and standard error."""
    done = subprocess.run([COMMAND, "explain", *map(str, arguments)], input=data, timeout=300, check=False, env=ENVIRONMENT,
                          **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})
    return done.returncode, (done.stdout or b"").decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape")


def make_certificate(path, subject, *extensions, serial="0x5a17"):
    """Self-signed, for a client."""
    added = [word for text in ("basicConstraints=CA:FALSE", "keyUsage=digitalSignature", "extendedKeyUsage=clientAuth", *extensions)
             for word in ("-addext", text)]
    openssl("req", "-x509", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", subject,
            "-set_serial", serial, "-keyout", f"{path}.key", "-out", str(path), "-config", "/dev/null", *added)


# --- near.txt ---

def read_near(path):
    """(name, policy's lines, the asks with their line numbers) of each policy."""
    policies = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("policy "):
            policies.append((line.split()[1], [], []))
        elif line.startswith("  "):
            policies[-1][1].append(line.strip())
        elif line.startswith("ask "):
            policies[-1][2].append((number, line[4:]))
        elif line and not line.startswith("#"):
            sys.exit(f"{path}:{number}: not understood")
    return policies


def fill(places, own, text):
    text = text.replace("@own@", str(own))
    text = re.sub("@own-(thumbprint):([a-z-]+)@", lambda found: Places(own).value(*found.groups()), text)
    return places.fill(text)


def check_near(tally, folder, places, own, policy, ask):
    name, lines, (number, text) = policy[0], policy[1], ask
    file = folder / f"{name}.policy"
    file.write_text(fill(places, own, "".join(line + "\n" for line in lines)), encoding="utf-8")
    question, _, wanted = text.partition(" = ")
    certificate, *options = fill(places, own, question).split()
    verdict, reason, *near = wanted.split()
    alert = int(near.pop(0).partition("=")[2]) if near and near[0].startswith("alert=") else None
    status, out, err = run("--json", *options, file, PKI / f"{certificate}.pem")
    where = f"near.txt:{number} ({name})"
    tally.check(status == (verdict == "deny"), f"{where}: exit status", f"{status} {err}")
    answer = json.loads(out) if out else {"reason": "", "near": [], "advice": ""}
    tally.check(answer["reason"] == reason, f"{where}: reason", answer["reason"])
    tally.check(alert is None or answer["alert"]["number"] == alert, f"{where}: alert", str(answer["alert"]))
    got = [f"{near['missing']}:{near['line']}" for near in answer["near"]]
    tally.check(got == near, f"{where}: what came near", str(got))
    check_near_members(tally, where, lines, places, own, answer["near"])
    return {word.partition(":")[0] for word in near}


def check_near_members(tally, where, lines, places, own, near):
    for entry in near:
        line = fill(places, own, lines[entry["line"] - 1])
        tally.check(entry["text"] == line, f"{where}: the text of line {entry['line']}", entry["text"])
        tally.check(entry["kind"] == line.split()[1], f"{where}: kind", entry["kind"])
        tally.check(entry["denial"] == line.startswith("deny") == (entry["domain"] is None), f"{where}: denial")
        tally.check(len(entry["missing_text"]) > 20, f"{where}: a sentence", entry["missing_text"])


def test_near(tally, folder, places):
    make_certificate(folder / "mail.pem", "/CN=ops/emailAddress=ops@acme.example")
    make_certificate(folder / "mail-san.pem", "/CN=ops", "subjectAltName=email:ops@acme.example")
    make_certificate(folder / "long-serial.pem", "/CN=long", serial="0x5a" + 32 * "17")
    words = set()
    for policy in read_near(NEAR):
        for ask in policy[2]:
            words |= check_near(tally, folder, places, folder, policy, ask)
    source = pathlib.Path(__file__).resolve().parents[2] / "tools" / "account_why.c"
    known = set(re.findall(r'say\(&?q, (?:ca \? )?"([a-z-]+)"(?: : "([a-z-]+)")?', source.read_text(encoding="utf-8")))
    known = {word for pair in known for word in pair if word}
    tally.check(len(known) > 25 and words == known, "near.txt has a case for every word", str(known ^ words))


# --- what others wrote ---

HARMFUL = ("\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\r", "\x7f")


def test_hostile(tally, folder):
    """A subject, alternative names and a policy's comment steer no terminal, and break no line."""
    subject = "/O=a\x1b[31mb\u202ec\u200bd/CN=x\x07\nVERDICT: allowed\x9b"
    make_certificate(folder / "hostile.pem", subject, "subjectAltName=DNS:\x1b[2J.example,email:a\x07\x1b]0;b@c.example")
    policy = folder / "hostile\x1b[32m.policy"
    pin = Places(folder).value("spki", "hostile")
    policy.write_text(f"ca hostile.pem\nallow spki {pin} x not-after=2020-01-01 # \u202e\u200b\n", encoding="utf-8")
    for option in ([], ["--json"]):
        status, out, err = run(*option, policy, folder / "hostile.pem")
        tally.check(status == 1 and err == "", f"hostile {option}: refused", f"{status} {err!r}")
        found = [c for c in HARMFUL if c in out]
        tally.check(not found, f"hostile {option}: nothing harmful in the output", repr(found))
        tally.check(not re.search("^ *VERDICT: allowed", out, re.MULTILINE), f"hostile {option}: no line of its own", out)
        tally.check("VERDICT: allowed?" in out, f"hostile {option}: the subject is there", out)
    for arguments in ([policy, "no\x1b[31m.pem"], ["no\x1b[31m.policy", folder / "hostile.pem"], ["--at", "\x1b[31m", "a", "b"],
                      ["--\x1b[31m"], ["--host"], ["--host", "\x1b[31m", "no.policy", folder / "hostile.pem"], ["--role", "\x1b[31m", policy, folder / "hostile.pem"]):
        status, out, err = run(*arguments)
        tally.check(status == 2 and out == "" and "\x1b" not in err, f"hostile {arguments}: a message", repr(err))
    (folder / "broken\x1b[31m").write_text("\x1b[31m x\nallow \u202e\n", encoding="utf-8")
    status, out, err = run(folder / "broken\x1b[31m", folder / "hostile.pem")
    tally.check(status == 2 and out == "" and not [c for c in HARMFUL if c in err], "hostile mistakes", repr(err))


def test_leaf(tally, folder):
    """The first certificate of the file is the peer's, in whatever block it stands; and a name holds no other name."""
    policy = folder / "leaf.policy"
    policy.write_text("chain none\n", encoding="utf-8")
    trusted = openssl("x509", "-in", str(PKI / "mallory.pem"), "-trustout", "-addtrust", "clientAuth").decode()
    plain, alice = (PKI / "mallory.pem").read_text(encoding="utf-8"), (PKI / "alice-chain.pem").read_text(encoding="utf-8")
    for text in (plain, plain.replace("CERTIFICATE", "X509 CERTIFICATE"), trusted):
        _, out, _ = run("--json", policy, "-", data=(text + alice).encode())
        found = json.loads(out)["certificate"]["subject"]
        tally.check("CN=mallory" in found, f"the leaf in {text.splitlines()[0]}", found)
    make_certificate(folder / "names.pem", "/CN=x", "subjectAltName=@n", "[n]\nURI=x:y, DNS:admin.example, IP Address:10.0.0.1")
    _, out, _ = run("--json", policy, folder / "names.pem")
    names = json.loads(out)["certificate"]["names"]
    tally.check([name["type"] for name in names] == ["uri"], "one name is one name", str(names))
    _, out, _ = run(policy, folder / "names.pem")
    tally.check(len(re.findall(r"^  name +", out, re.MULTILINE)) == 1, "one name is one row", out)


def test_damaged(tally, folder):
    """No certificate but garbage, or a part of one: a message, and never an answer."""
    policy = folder / "damaged.policy"
    policy.write_text("chain none\n", encoding="utf-8")
    pem, der = (PKI / "alice.pem").read_bytes(), (PKI / "alice.der").read_bytes()
    chain = (PKI / "alice-chain.pem").read_bytes()
    inputs = {"nothing": b"", "zeros": bytes(5000), "noise": bytes(range(256)) * 40, "a policy": b"chain none\n",
              "a key": (PKI / "alice.key").read_bytes(), "a request": (PKI / "alice.csr").read_bytes(),
              "a list": (PKI / "root.crl").read_bytes(), "DER and a byte": der + b"\0", "a damaged second": chain[:-200],
              "a second that is none": chain.replace(b"MII", b"MIX")}
    inputs.update({f"{n} bytes of DER": der[:n] for n in range(0, len(der), 13)})
    inputs.update({f"{n} bytes of PEM": pem[:n] for n in range(0, len(pem) - 6, 61)})
    for name, data in inputs.items():
        status, out, err = run(policy, "-", data=data)
        tally.check(status == 2 and out == "" and re.match(r"mtlspin explain: standard input: .*; .*\n$", err) is not None,
                    f"damaged certificate, {name}: a message that says what to do", f"{status} {err!r}")
        status, out, err = run("--chain", "-", policy, PKI / "alice.pem", data=data)
        tally.check(status == 2 and out == "", f"damaged chain, {name}", f"{status} {err!r}")
    for good in (pem, der, b"text before\n" + chain, pem + (PKI / "alice.key").read_bytes()):
        status, out, err = run(policy, "-", data=good)
        tally.check(status == 1 and "VERDICT: refused" in out, "whole certificates are read", f"{status} {err!r}")


def test_changed(tally, folder, places):
    """A certificate with any one byte changed is never let in under the CA, and shown without harm."""
    policy = folder / "changed.policy"
    policy.write_text(places.fill("ca @pki@/root-ca.pem\nca @pki@/other-ca.pem\nallow email ops@acme.example ops\nallow any member\n"),
                      encoding="utf-8")
    whole = openssl("x509", "-in", str(PKI / "san-all.pem"), "-outform", "DER")
    tally.check(run("--chain", PKI / "clients-ca.pem", policy, "-", data=whole)[0] == 0, "the whole certificate is let in")
    for at in range(3, len(whole), 11):
        data = whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1:]
        status, out, err = run("--chain", PKI / "clients-ca.pem", policy, "-", data=data)
        tally.check(status in (1, 2) and (out == "") == (status == 2), f"byte {at} changed", f"{status} {err}")
        tally.check(not [c for c in HARMFUL if c in out], f"byte {at} changed: nothing harmful", repr(out))


def test_damaged_policies(tally, folder, places):
    whole = places.fill("ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n").encode()
    for length in range(0, len(whole), 3):
        status, out, err = run("-", PKI / "alice-chain.pem", data=whole[:length])
        line_end = whole[:length].endswith(b"\n")
        tally.check(status == (1 if line_end else 2) and (out == "") != line_end, f"{length} bytes of a policy", f"{status} {err}")
        tally.check(line_end or "`mtlspin check -`" in err, f"{length} bytes of a policy: what to do", err)
    tally.check(run("-", PKI / "alice-chain.pem", data=whole)[0] == 0, "the whole policy")
    many = folder / "many.policy"
    many.write_text("mistake\n" * 300, encoding="utf-8")
    status, out, err = run(many, PKI / "alice.pem")
    told = [line for line in err.splitlines() if re.match(r".*many\.policy:\d+:\d+: ", line)]
    tally.check(status == 2 and len(told) == 5 and "300 mistakes" in err, "many mistakes: the first, and how many", err)


def test_spelling(tally, folder, places):
    """The line is quoted as it reads, whatever a Windows editor made of it."""
    line = places.fill("allow spki @spki:alice@ \u00e4lice")
    policy = folder / "spelling.policy"
    policy.write_bytes(("\ufeff" + places.fill("ca @pki@/root-ca.pem\r\n") + "  " + line.replace(" ", "\t") + " \r\n").encode())
    status, out, err = run("--json", policy, PKI / "alice-chain.pem")
    answer = json.loads(out) if out else {}
    tally.check(status == 0 and answer.get("text") == line, "tabs, carriage returns, a byte order mark", f"{out}{err}")
    policy.write_bytes(("\ufeff" + line.replace("\u00e4", "") + "\r\n").replace("allow", "deny").encode())
    answer = json.loads(run("--json", policy, PKI / "alice-chain.pem")[1] or "{}")
    tally.check(answer.get("text", "").startswith("deny spki sha256/"), "a byte order mark in front of the line", str(answer))


def test_advice(tally):
    """There is something to do about each reason for which a certificate can be refused."""
    root = pathlib.Path(__file__).resolve().parents[2]
    codes = (root / "include" / "mtlspin" / "codes.h").read_text(encoding="utf-8")
    reasons = [name for name, number in re.findall(r"X\((\w+), (\d+), ", codes.split("MTLSPIN_REASON_MAP")[1])
               if 10 <= int(number) < 60 and name != "NO_CERTIFICATE" or name in ("NO_HOST", "OUT_OF_MEMORY")]
    advice = (root / "tools" / "account_advice.c").read_text(encoding="utf-8")
    for name in reasons:
        tally.check(re.search(rf"\bMTLSPIN_REASON_{name}\b", advice) is not None, f"what to do about {name}")
    tally.check(len(reasons) > 20, "the reasons were found", str(reasons))


# --- where the output goes ---

def on_terminal(columns, environment, *arguments):
    """What the command writes to a terminal of that width."""
    master, slave = pty.openpty()
    subprocess.run(["stty", "-opost", "rows", "20", "columns", str(columns)], stdin=slave, check=True)
    with subprocess.Popen([COMMAND, "explain", *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave,
                          env={**ENVIRONMENT, **environment}) as process:
        os.close(slave)
        output = b""
        while select.select([master], [], [], 60)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            output += data
        process.wait(60)
    os.close(master)
    return process.returncode, output.decode()


def test_terminal(tally, folder, places):
    policy, moment = folder / "terminal.policy", "2030-01-01T00:00:00Z"
    policy.write_text(places.fill("ca @pki@/root-ca.pem\nallow spki @spki:clients-ca@ alice\nallow spki @spki:kiosk@ kiosk\n"), "utf-8")
    for name, wanted in (("alice", 1), ("kiosk", 0)):
        status, out = on_terminal(40, {}, "--at", moment, policy, PKI / f"{name}-chain.pem")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
        # What sticks out is a value alone, or a word that no line has room for, whatever stands before it.
        wide = [line for line in plain.splitlines() if len(line) > 40 and " " in line[13:] and len(line.split()[-1]) < 40]
        tally.check(status == wanted and plain != out, "a terminal has colours", f"{status} {out}")
        tally.check(len(plain.splitlines()) > 30 and not wide, "a terminal of 40 columns: words are wrapped", str(wide))
        unwrapped = run("--at", moment, policy, PKI / f"{name}-chain.pem")[1]
        tally.check(unwrapped.split() == plain.split(), "a terminal shows what a pipe gets", plain)
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            status, out = on_terminal(80, environment, policy, PKI / f"{name}-chain.pem")
            tally.check(status == wanted and "\x1b" not in out, f"{environment}: no colours", out)
        status, out, _ = run(policy, PKI / f"{name}-chain.pem")
        tally.check("\x1b" not in out, "a pipe: no colours", out)


def test_lost_output(tally, folder, places):
    policy = folder / "lost.policy"
    policy.write_text(places.fill("ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n"), encoding="utf-8")
    for arguments in ([policy, PKI / "alice-chain.pem"], ["--json", policy, PKI / "alice-chain.pem"], ["--help"]):
        with open("/dev/full", "wb") as full:
            status, _, err = run(*arguments, stdout=full)
        tally.check(status == 2 and "could not be written" in err, f"a full disk: {arguments[0]}", f"{status} {err}")
        reader, writer = os.pipe()
        os.close(reader)
        status, _, err = run(*arguments, stdout=writer)
        os.close(writer)
        tally.check(status == 2 and "could not be written" in err, f"a closed pipe: {arguments[0]}", f"{status} {err}")


def test_standard_input(tally, folder, places):
    text = places.fill("ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n")
    policy = folder / "input.policy"
    policy.write_text(text, encoding="utf-8")
    leaf, chain = (PKI / "alice.pem").read_bytes(), PKI / "clients-ca.pem"
    rows = [(["-", PKI / "alice-chain.pem"], text.encode()), ([policy, "-"], (PKI / "alice-chain.pem").read_bytes()),
            ([policy, "-", "--chain", chain], leaf), ([policy, PKI / "alice.pem", "--chain", "-"], chain.read_bytes()),
            ([policy, "--chain", chain, "-"], (PKI / "alice.der").read_bytes())]
    for arguments, data in rows:
        status, out, err = run(*arguments, data=data)
        tally.check(status == 0 and 'allowed as "alice"' in out, f"standard input: {arguments}", f"{status} {err}")


def test_million(tally, folder, places):
    """A policy of a million rules: the answer is that of the one line that matters, and of those that nearly do."""
    policy = folder / "million.policy"
    pin = places.value("spki", "alice")
    with open(policy, "w", encoding="utf-8") as file:
        file.write(places.fill("ca @pki@/root-ca.pem\nallow spki @spki:clients-ca@ wrong\n"))
        file.writelines(f"allow spki {n:064x} client-{n}\n" for n in range(1, 999_998))
        file.write(f"allow spki {pin} alice\n")
    status, out, err = run("--json", policy, PKI / "alice-chain.pem")
    answer = json.loads(out) if out else {}
    tally.check(status == 0 and answer.get("line") == 1_000_000 and answer.get("label") == "alice", "a million rules", f"{out}{err}")
    tally.check(answer.get("text") == f"allow spki {pin} alice", "a million rules: the last line's text", str(answer.get("text")))
    status, out, err = run("--json", policy, PKI / "mallory-chain.pem")
    near = [(near["line"], near["missing"]) for near in json.loads(out)["near"]] if out else err
    tally.check(status == 1 and near == [(2, "ca-key")], "a million rules: what came near", str(near))


def main():
    tally, places = Tally(), Places(PKI)
    with tempfile.TemporaryDirectory(prefix="mtlspin-explain-") as name:
        folder = pathlib.Path(name)
        test_near(tally, folder, places)
        test_hostile(tally, folder)
        test_leaf(tally, folder)
        test_damaged(tally, folder)
        test_changed(tally, folder, places)
        test_damaged_policies(tally, folder, places)
        test_spelling(tally, folder, places)
        test_advice(tally)
        test_terminal(tally, folder, places)
        test_lost_output(tally, folder, places)
        test_standard_input(tally, folder, places)
        test_million(tally, folder, places)
    tally.finish()


main()
