"""Input that is cut off, damaged, or nothing at all: a message that says what is wanted, never a pin or a crash."""
import random
import re

from pin_kit import PKI, Tally, WORK, openssl, pin, write

SEED = 20260101
MANY = 400  # files for one call
WANTED = re.compile(rb"wanted|get the file again|cut off|damaged|does not open|give |ssh-keygen|name the files|"
                    rb"--passphrase-file")


def forms():
    """{name: bytes}: one of each kind, small where there is a choice."""
    key, certificate, request = PKI / "alice.key", PKI / "alice.pem", PKI / "alice.csr"
    made = {"certificate.der": openssl("x509", "-in", certificate, "-outform", "DER"),
            "request.der": openssl("req", "-in", request, "-outform", "DER"),
            "public.der": openssl("pkey", "-in", key, "-pubout", "-outform", "DER"),
            "private.der": openssl("pkey", "-in", key, "-outform", "DER"),
            "sec1.der": openssl("pkey", "-in", key, "-traditional", "-outform", "DER"),
            "encrypted.der": openssl("pkcs8", "-topk8", "-in", key, "-outform", "DER", "-iter", "1", "-passout", "pass:x"),
            "bag.p12": openssl("pkcs12", "-export", "-in", certificate, "-inkey", key, "-iter", "1", "-passout", "pass:x"),
            "bag.p7b": openssl("crl2pkcs7", "-nocrl", "-certfile", PKI / "alice-chain.pem", "-outform", "DER")}
    for name in ("certificate", "public", "private"):
        der = write("form.der", made[f"{name}.der"])
        command = ("x509", "-inform", "DER", "-in") if name == "certificate" else ("pkey", "-inform", "DER", "-in")
        made[f"{name}.pem"] = openssl(*command, der, *(("-pubin",) if name == "public" else ()))
    return made


def refused(tally, what, contents, may_pass=lambda index: False):
    """Each is refused with a message of its own. `may_pass`: those that need not be, but must not crash either."""
    (WORK / "x").mkdir(exist_ok=True)
    for start in range(0, len(contents), MANY):
        part = {write(f"x/{start + i}", content): start + i for i, content in enumerate(contents[start:start + MANY])}
        done = pin("--passphrase-file", WORK / "secret", *part)
        said = done.stderr.decode(errors="backslashreplace")
        quiet = [path for path, index in part.items() if not may_pass(index) and f"mtlspin pin: {path}: " not in said]
        tally.check(not quiet and (done.returncode == 2 or may_pass(start)), f"{what}: each is refused",
                    f"{done.returncode} {len(quiet)} {quiet[:3]}")
        vague = [line for line in said.encode().splitlines() if line.startswith(b"mtlspin") and not WANTED.search(line)]
        tally.check(not vague, f"{what}: the message says what to do", str(vague[:3]))
        shown = [path for path, index in part.items() if not may_pass(index)
                 and re.search(rf"^{re.escape(str(path))}: ", done.stdout.decode(), re.MULTILINE)]
        tally.check(not shown, f"{what}: nothing is shown", str(shown[:3]))


def check_truncations(tally, made):
    for name, content in made.items():
        if name.endswith(".pem"):
            end = content.index(b"-----END") + len(b"-----END PUBLIC KEY-----") - 1
            refused(tally, f"{name}, cut off", [content[:i] for i in range(0, end)])
        else:
            refused(tally, f"{name}, cut off", [content[:i] for i in range(len(content))])


def check_additions(tally, made):
    """A byte behind it: is it one thing, or two?"""
    for name, content in made.items():
        if not name.endswith(".pem"):
            refused(tally, f"{name}, and more", [content + more for more in (b"\x00", b"\n", b"\x30\x00", content)])


def check_damage(tally, made):
    """Another byte somewhere. Where it still can be read, it may be."""
    chance = random.Random(SEED)
    for name, content in made.items():
        damaged = []
        for _ in range(MANY // 4):
            at = chance.randrange(len(content))
            damaged.append(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1:])
        refused(tally, f"{name}, damaged", damaged, lambda index: True)


def check_noise(tally):
    chance = random.Random(SEED)
    refused(tally, "noise", [chance.randbytes(chance.randrange(2000)) for _ in range(MANY)])
    starts = (b"\x30", b"\x30\x80", b"\x30\x84\x7f\xff\xff\xff", b"\x30\x82\x04\x00\x30\x82\x03\x00\xa0\x03\x02\x01\x02")
    refused(tally, "noise in DER", [start + chance.randbytes(600) for start in starts for _ in range(MANY // 8)])
    names = ("CERTIFICATE", "CERTIFICATE REQUEST", "PUBLIC KEY", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY",
             "ENCRYPTED PRIVATE KEY", "X509 CRL", "PKCS7", "RSA PUBLIC KEY", "TRUSTED CERTIFICATE", "ANYTHING ELSE",
             "OPENSSH PRIVATE KEY", "PKCS12")
    body = openssl("base64", data=chance.randbytes(300)).decode()
    refused(tally, "noise in PEM", [f"-----BEGIN {name}-----\n{body}-----END {name}-----\n".encode() for name in names])
    refused(tally, "PEM of nothing", [f"-----BEGIN {name}-----\n-----END {name}-----\n".encode() for name in names])
    refused(tally, "a header", [f"-----BEGIN {name}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: {info}\n\n{body}"
                                f"-----END {name}-----\n".encode() for name in names
                                for info in ("AES-128-CBC,00", "NO-SUCH,00", "AES-128-CBC," + "0" * 32, "")])
    refused(tally, "odd text", [b"", b"\n", b"\x00", b"-----BEGIN ", b"-----BEGIN CERTIFICATE-----", b"-" * 5000,
                                b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/2 me@here\n", b"# a policy\nallow any\n"])


def check_wrong_blocks(tally):
    """One thing under the name of another."""
    bodies = {"CERTIFICATE": "private.der", "PRIVATE KEY": "certificate.der", "PUBLIC KEY": "private.der",
              "CERTIFICATE REQUEST": "certificate.der", "X509 CRL": "certificate.der"}
    made = forms()
    text = {name: openssl("base64", data=made[body]).decode() for name, body in bodies.items()}
    refused(tally, "a wrong name", [f"-----BEGIN {name}-----\n{body}-----END {name}-----\n".encode()
                                    for name, body in text.items()])


def check_among_good(tally):
    """What can be had is printed, and the exit status tells of the rest."""
    good, bad = (PKI / "alice.pem").read_bytes(), b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    for what, content in (("first", bad + good), ("last", good + bad), ("cut off", good + good[:300])):
        done = pin(write("mixed.pem", content))
        tally.check(done.returncode == 2 and done.stdout.count(b"thumbprint  ") == 1 and done.stderr != b"",
                    f"a damaged block among good ones, {what}", str(done))
    done = pin(PKI / "nothing.pem", PKI / "alice.pem", PKI, "/dev/null", PKI / "clients.crl")
    tally.check(done.returncode == 2 and done.stdout.count(b"thumbprint  ") == 1
                and len(re.findall(rb"^mtlspin pin: ", done.stderr, re.MULTILINE)) == 4, "four bad files and a good one",
                str(done))
    done = pin("/dev/zero")
    tally.check(done.returncode == 2 and done.stdout == b"" and done.stderr != b"", "a file without end", str(done.stderr))


def main():
    tally = Tally()
    write("secret", b"x\n")
    made = forms()
    check_truncations(tally, made)
    check_additions(tally, made)
    check_damage(tally, made)
    check_noise(tally)
    check_wrong_blocks(tally)
    check_among_good(tally)
    tally.finish()


main()
