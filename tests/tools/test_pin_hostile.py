"""A subject is the holder's own word: whatever it says, it injects no line, steers no terminal, and grants nothing."""
import re
import unicodedata

import der
from pin_kit import CA_SPKI, PKI, SERIAL, SPKI, THUMBPRINT, Tally, facts, meanings, openssl, pin, spki_of_der, \
    try_openssl, uncommented, write

KEY = der.public_key()
FALLBACK = re.compile(r"key-[0-9a-f]{8}")

# What the common name holds (a tag and bytes) and the label that may be proposed; None: one made of the pin.
NAMES = {
    "plain": (der.UTF8, b"alice", "alice"),
    "space": (der.UTF8, b"build agent 7", "build agent 7"),
    "quotes": (der.UTF8, b'a" allow any "b', 'a" allow any "b'),
    "backslashes": (der.UTF8, b"a\\\\\"\\", "a\\\\\"\\"),
    "hash": (der.UTF8, b"# a", None),  # what follows could hide the end of a line that a terminal has wrapped
    "blanks": (der.UTF8, b"a  allow any", None),
    "no-break space": (der.UTF8, "a\u00a0b".encode(), None),
    "wide space": (der.UTF8, "a\u3000b".encode(), None),
    "thin space": (der.UTF8, "a\u2009b".encode(), None),
    "ellipsis": (der.UTF8, "a\u2026b".encode(), "a\u2026b"),
    "option": (der.UTF8, b"not-after=2999-01-01", "not-after=2999-01-01"),
    "issuer": (der.UTF8, b"issuer=x.pem", "issuer=x.pem"),
    "bracket": (der.UTF8, b"[staff]", "[staff]"),
    "dashes": (der.UTF8, b"--label", "--label"),
    "markup": (der.UTF8, b"%s%n%1000000c", "%s%n%1000000c"),
    "accents": (der.UTF8, "Zoë Ångström 東京".encode(), "Zoë Ångström 東京"),
    "127 bytes": (der.UTF8, b"x" * 127, "x" * 127),
    "quotes to the limit": (der.UTF8, b'"' * 127, '"' * 127),
    "128 bytes": (der.UTF8, b"x" * 128, None),
    "64 KiB": (der.UTF8, b"y" * 65536, None),
    "64 KiB of lines": (der.UTF8, b"\nallow any" * 6554, None),
    "empty": (der.UTF8, b"", None),
    "spaces": (der.UTF8, b"   ", None),
    "newline": (der.UTF8, b"alice\nallow any everybody", None),
    "carriage return": (der.UTF8, b"alice\rallow any everybody\r", None),
    "line separator": (der.UTF8, "alice\u2028allow any everybody\u2029".encode(), None),
    "next line": (der.UTF8, "alice\u0085allow any everybody".encode(), None),
    "form feed": (der.UTF8, b"alice\x0callow any everybody\x0b", None),
    "tab": (der.UTF8, b"alice\tbob", None),
    "colour": (der.UTF8, b"\x1b[31mred\x1b]0;title\x07", None),
    "C1": (der.UTF8, "\u009b31mred".encode(), None),
    "raw C1": (der.T61, b"\x9b31mred", None),
    "delete": (der.UTF8, b"a\x7f\x08\x08b", None),
    "bidi": (der.UTF8, "\u202ecila\u2066x\u2069\u200f".encode(), None),
    "no width": (der.UTF8, "ali\u200bce\ufeff".encode(), None),
    "NUL": (der.UTF8, b"alice\x00.evil.example", None),
    "NUL first": (der.UTF8, b"\x00alice", None),
    "NUL, printable": (der.PRINTABLE, b"alice\x00x", None),
    "invalid UTF-8": (der.UTF8, b"\xff\xfe\xc3", None),
    "overlong": (der.UTF8, b"\xc0\x8aallow any", None),
    "surrogate": (der.UTF8, b"\xed\xa0\x80", None),
    "BMP": (der.BMP, "alice é".encode("utf-16-be"), "alice é"),
    "BMP newline": (der.BMP, "alice\nallow any everybody".encode("utf-16-be"), None),
    "BMP bidi": (der.BMP, "\u202ecila".encode("utf-16-be"), None),
    "BMP surrogates": (der.BMP, "\U0001f600".encode("utf-16-be"), None),
    "BMP cut": (der.BMP, b"\x00a\x00", None),
    "universal": (der.UNIVERSAL, "alice".encode("utf-32-be"), "alice"),
    "universal escape": (der.UNIVERSAL, "\x1b[2J".encode("utf-32-be"), None),
    "universal cut": (der.UNIVERSAL, b"\x00\x00\x00a\x00", None),
    "T61": (der.T61, b"alice", "alice"),
    "octets": (der.OCTETS, b"alice\nallow any", None),
    "a structure": (der.SEQUENCE, b"\x02\x01\x05", None),
}
SOMETIMES_READ = {"invalid UTF-8", "overlong", "surrogate", "BMP surrogates", "BMP cut", "universal cut", "octets",
                  "a structure", "cut lines"}  # newer versions want 13 letters in a date

ALTERNATIVES = {
    "dns newline": (der.alternative(2, b"a.example\nallow any everybody"), "dns"),
    "dns escape": (der.alternative(2, b"\x1b[2J"), "dns"),
    "email NUL": (der.alternative(1, b"a@a.example\x00@b.example"), "email"),
    "uri high bytes": (der.alternative(6, b"https://\xe2\x80\xae"), "uri"),
    "address of 4": (der.alternative(7, b"\x7f\x00\x00\x01"), "ip"),
    "address of 5": (der.alternative(7, b"12345"), "ip"),
    "no address": (der.alternative(7, b""), "ip"),
    "directory": (der.alternative(4, der.common_name(der.UTF8, b"x\nallow any everybody")), "directory"),
    "other text": (der.other_name("1.3.6.1.4.1.311.20.2.3", der.UTF8, b"u\nallow any everybody"), "other"),
    "other thing": (der.other_name("1.2.3.4", der.INTEGER, b"\x05"), "other"),
    "object": (der.alternative(8, b"\x2a\x03"), "registered_id"),
    "dns of 64 KiB": (der.alternative(2, b"a" * 65536), "dns"),
}


def harmless(text):
    """Nothing in it that a terminal obeys, nor a line that is not one to a reader."""
    return not [letter for letter in text if letter != "\n" and unicodedata.category(letter) in ("Cc", "Zl", "Zp")
                or letter in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\ufeff"]


ROWS = re.compile(r"(?:\S.*: (?:certificate|certificate request|public key)(?: \(\d+ of \d+\))?"
                  r"|  (?:subject|issuer|serial|names|valid from|valid until|key|CA|signed by it|SPKI pin|thumbprint) .*"
                  r"|               \w+:.*|               (?:expired|not yet valid)"
                  r"|# (?:allow|deny) .*|#: .*||The lines that begin with .*)")


def check_text(tally, what, path, *arguments):
    """Each line of the report is one that the command itself began; none of them means anything to a policy."""
    done = pin(*arguments, path)
    text = done.stdout.decode("utf-8")
    strange = [line for line in text.split("\n") if not ROWS.fullmatch(line)]
    tally.check(done.returncode == 0 and not strange and harmless(text) and harmless(done.stderr.decode()),
                f"{what}: no line but ours", f"{done.returncode} {strange[:3]} {done.stderr.decode()[:500]}")
    active = [line for line in text.split("\n") if re.match(r"\s*(?:allow|deny|ca|chain|\[)\b", line)]
    tally.check(not active, f"{what}: nothing is granted", str(active[:3]))


def check_lines(tally, what, path, kinds, label):
    """Uncommented, each line says what it should, about this key, with this label."""
    status, things = facts(path)
    lines = things[0]["policy_lines"] if status == 0 else []
    said = meanings(uncommented(lines))
    good = FALLBACK.fullmatch if label is None else lambda found: found == label
    tally.check(status == 0 and all(line.startswith("# ") and "\n" not in line for line in lines)
                and [kind for kind, _ in said] == kinds and all(good(found) for _, found in said),
                f"{what}: lines and label", f"{status} {lines} {said}")


def check_unreadable(tally, what, path):
    """What openssl does not take for a certificate is none here."""
    if what not in SOMETIMES_READ or try_openssl("x509", "-inform", "DER", "-in", path, "-noout") is not None:
        return False
    done = pin(path)
    tally.check(done.returncode == 2 and done.stdout == b"" and b"wanted: " in done.stderr,
                f"{what}: refused as openssl does", str(done))
    return True


def check_names(tally):
    for what, (tag, value, label) in NAMES.items():
        subject = der.common_name(tag, value)
        path = write("hostile.der", der.certificate(subject, KEY))
        if check_unreadable(tally, what, path):
            continue
        check_text(tally, what, path)
        check_lines(tally, what, path, [SPKI, THUMBPRINT, SPKI], label)
        check_text(tally, f"{what}, issuer", write("issuer.der", der.certificate(der.common_name(der.UTF8, b"a"), KEY,
                                                                                  issuer=subject)))
        path = write("hostile.csr", der.request(subject, KEY))
        check_text(tally, f"{what}, request", path)
        check_lines(tally, f"{what}, request", path, [SPKI, SPKI], label)


def check_alternatives(tally):
    for what, (name, kind) in ALTERNATIVES.items():
        path = write("hostile.der", der.certificate(der.name(), KEY, [name]))
        check_text(tally, what, path)
        status, things = facts(path)
        tally.check(status == 0 and [name["type"] for name in things[0]["names"]] == [kind], f"{what}: {kind}", str(things))
        check_lines(tally, what, path, [SPKI, THUMBPRINT, SPKI], "127.0.0.1" if what == "address of 4" else None)


def check_labels(tally):
    """Where there is no common name, or more than one."""
    two = der.name((der.COMMON_NAME, der.UTF8, b"alice"), (der.COMMON_NAME, der.UTF8, b"bob"))
    check_lines(tally, "two common names", write("two.der", der.certificate(two, KEY)), [SPKI, THUMBPRINT, SPKI], None)
    names = [der.alternative(2, b"bad\n"), der.alternative(1, b"ops@acme.example"), der.alternative(2, b"a.example")]
    for what, subject in (("two common names", two), ("no name", der.name()),
                          ("a bad common name", der.common_name(der.UTF8, b"\x07"))):
        check_lines(tally, f"{what}, alternatives", write("names.der", der.certificate(subject, KEY, names)),
                    [SPKI, THUMBPRINT, SPKI], "ops@acme.example")


def check_serials(tally):
    """As short and as long as they come."""
    for what, serial, fits in (("zero", b"\x00", True), ("negative", b"\xff\x01", True), ("32 bytes", b"\x7f" * 32, True),
                               ("33 bytes", b"\x7f" * 33, False), ("1 KiB", b"\x7f" * 1024, False)):
        path = write("serial.der", der.certificate(der.common_name(der.UTF8, b"a"), KEY, serial=serial))
        status, things = facts(path)
        tally.check(status == 0 and ("serial" in things[0]) == fits, f"serial number, {what}", str(things))
        if fits:
            tally.check(int(things[0]["serial"], 16) == int.from_bytes(serial, "big", signed=True),
                        f"serial number, {what}: value", things[0]["serial"])
        check_text(tally, f"serial number, {what}", path)


def check_dates(tally):
    for what, start, end, validity in (("expired", b"200101000000Z", b"210101000000Z", "expired"),
                                       ("early", b"490101000000Z", b"491231235959Z", "not_yet_valid"),
                                       ("no date", b"26xx01000000Z", b"491231235959Z", None),
                                       ("lines", b"\nallow any\nxy", b"\nallow any\nxy", None),
                                       ("cut lines", b"\nallow any\nx", b"\nallow any\nx", None)):
        path = write("dates.der", der.certificate(der.common_name(der.UTF8, b"a"), KEY, start=start, end=end))
        if check_unreadable(tally, what, path):
            continue
        status, things = facts(path)
        tally.check(status == 0 and things[0].get("validity") == validity, f"dates, {what}", str(things))
        check_text(tally, f"dates, {what}", path)


def check_nested(tally):
    """PEM of somebody else's certificate as a name: it is a name."""
    inner = b"\n" + (PKI / "alice.pem").read_bytes()
    for what, content in (("certificate", der.certificate(der.common_name(der.UTF8, inner), KEY)),
                          ("request", der.request(der.common_name(der.UTF8, inner), KEY))):
        path = write("nested.der", content)
        status, things = facts(path)
        tally.check(status == 0 and [thing["spki"] for thing in things] == [spki_of_der(KEY)], f"PEM in the name, {what}",
                    str(things))
        check_text(tally, f"PEM in the name, {what}", path)


def check_algorithms(tally):
    """A key of a kind that this OpenSSL has never heard of has its pin, too."""
    key = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.oid("1.2.3.4")) + der.tlv(der.BITS, b"\x00" + bytes(32)))
    for what, content in (("certificate", der.certificate(der.common_name(der.UTF8, b"a"), key)),
                          ("request", der.request(der.common_name(der.UTF8, b"a"), key)), ("key", key)):
        status, things = facts(write("unknown.der", content))
        tally.check(status == 0 and things[0]["spki"] == spki_of_der(key) and things[0]["key_type"] == "1.2.3.4"
                    and "key_bits" not in things[0], f"{what}, unknown algorithm", str(things))


def check_issuers(tally):
    """Only who has signed it is its issuer: a CA of that name is not enough."""
    ca, twin, root = PKI / "clients-ca.pem", PKI / "twin-ca.pem", PKI / "root-ca.pem"
    kiosk, label = PKI / "kiosk.pem", ("--label", "kiosk", "--as", "allow-serial")
    done = pin(*label, "--issuer", ca, kiosk)
    tally.check(done.returncode == 0 and meanings(done.stdout.decode().splitlines()) == [(SERIAL, "kiosk")],
                "a line with the issuer's pin", str(done))
    for what, issuer in (("a stranger", root), ("one of the same name", twin), ("its own", kiosk)):
        done = pin(*label, "--issuer", issuer, kiosk)
        tally.check(done.returncode == 2 and done.stdout == b"" and b"--issuer FILE" in done.stderr,
                    f"issuer: {what} is not taken", str(done))
    subject = der.common_name(der.UTF8, b"forged")
    path = write("forged.pem", ca.read_bytes() + pem(der.certificate(subject, KEY, issuer=subject_of(ca))))
    status, things = facts(path)
    tally.check(status == 0 and "issuer_spki" not in things[1], "a forged signature makes no issuer", str(things))


def check_requests(tally):
    """A request whose signature is wrong is nobody's word: its line stays a comment, and standard error says so."""
    good = openssl("req", "-in", PKI / "alice.csr", "-outform", "DER")
    bad = bytearray(good)
    bad[-1] ^= 1
    for content, active in ((good, True), (bytes(bad), False)):
        done = pin("--label", "alice", "--as", "allow-spki", write("request.der", content))
        tally.check(done.returncode == 0 and done.stdout.startswith(b"allow " if active else b"# allow "),
                    f"a request, well signed: {active}", str(done))
        tally.check((b"not signed by its own key" in done.stderr) != active, f"a request, well signed: {active}: told", str(done))


def pem(content):
    return openssl("x509", "-inform", "DER", data=content)


def subject_of(path):
    """The DER of a certificate's subject, by openssl's own parser."""
    text = openssl("asn1parse", "-in", path).decode().splitlines()
    rows = [re.match(r"\s*(\d+):d=2\s+hl=(\d+)\s+l=\s*(\d+) cons: SEQUENCE", line) for line in text]
    found = [tuple(map(int, row.groups())) for row in rows if row]
    offset, header, length = found[3]  # the algorithm, the issuer, the dates, the subject
    return openssl("x509", "-in", path, "-outform", "DER")[offset:offset + header + length]


def check_several(tally):
    """One label is for one key; of several in one place none gets it."""
    pems = {name: (PKI / name).read_bytes() for name in ("alice.pem", "alice.key", "kiosk.pem", "clients-ca.pem", "root-ca.pem")}
    for names, kind, active in ((("alice.pem", "alice.key", "clients-ca.pem"), "spki", 1), (("alice.pem", "kiosk.pem"), "spki", 0),
                                (("alice.pem", "kiosk.pem"), "thumbprint", 0), (("kiosk.pem", "alice.key"), "spki", 0),
                                (("clients-ca.pem", "kiosk.pem", "alice.pem"), "serial", 0),
                                (("clients-ca.pem", "root-ca.pem"), "spki", 0)):
        path = write("several.pem", b"".join(pems[name] for name in names))
        done = pin("--as", f"allow-{kind}", "--label", "alice", path)
        granted = [line for line in done.stdout.decode().splitlines() if not line.startswith("# ")]
        tally.check(done.returncode == 0 and len(granted) == active and done.stdout != b""
                    and (b"several keys" in done.stderr) == (active == 0), f"{names} under a label", str(done))
        status, things = facts("--label", "alice", path)
        granted = [line for thing in things for line in thing["policy_lines"] if not line.startswith("# ")]
        tally.check(status == 0 and bool(granted) == bool(active), f"{names} under a label: JSON", str(things))
    done = pin("--as", "allow-spki", "--label", "both", PKI / "alice.pem", PKI / "kiosk.pem")
    tally.check(done.returncode == 0 and done.stderr == b"" and [label for _, label in meanings(done.stdout.decode().splitlines())]
                == ["both", "both"], "several files under a label", str(done))


def check_companions(tally):
    """The operator's label is for the peer, not for the CA beside it."""
    done = pin("--label", "alice", PKI / "alice-chain.pem")
    lines = [line for line in done.stdout.decode().splitlines() if re.match("allow|deny", line)]
    tally.check(sorted(meanings(lines)) == [(SPKI, "alice"), (THUMBPRINT, "alice"), (SERIAL, "alice")],
                "a chain under a label", str(lines))
    done = pin("--label", "us", PKI / "clients-ca.pem")
    lines = [line for line in done.stdout.decode().splitlines() if re.match("allow|deny", line)]
    tally.check(meanings(lines) == [(CA_SPKI, "us")], "a CA under a label", str(lines))
    check_several(tally)
    done = pin("--as", "allow-spki", PKI / "alice-chain.pem", PKI / "alice.pem", PKI / "alice.key", PKI / "alice-clone.pem")
    tally.check(done.stdout.count(b"# allow spki") == len(done.stdout.splitlines()) >= 1, "each key once", str(done.stdout))


def main():
    tally = Tally()
    check_names(tally)
    check_alternatives(tally)
    check_labels(tally)
    check_serials(tally)
    check_dates(tally)
    check_nested(tally)
    check_algorithms(tally)
    check_issuers(tally)
    check_requests(tally)
    check_companions(tally)
    tally.finish()


main()
