"""Warnings of mtlspin check about trust anchors and revocation lists, with certificates that openssl makes for the day."""
import datetime
import json
import os
import pathlib
import subprocess
import tempfile

from cases import COMMAND
from tally import Tally

NOW = datetime.datetime(2031, 6, 15, 12, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)

CONFIG = """[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
unique_subject = no
serial = serial.txt
crlnumber = crlnumber.txt
default_md = sha256
policy = any
x509_extensions = anchor
crl_extensions = list
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[anchor]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[list]
authorityKeyIdentifier = keyid
[bare]
"""


def stamp(days):
    return (NOW + days * DAY).strftime("%Y%m%d%H%M%SZ")


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=True,
                   env={**os.environ, "OPENSSL_CONF": f"{folder}/openssl.cnf"})


def start(folder):
    pathlib.Path(folder, "openssl.cnf").write_text(CONFIG, encoding="ascii")
    pathlib.Path(folder, "index.txt").write_text("", encoding="ascii")
    pathlib.Path(folder, "serial.txt").write_text("1000\n", encoding="ascii")
    pathlib.Path(folder, "crlnumber.txt").write_text("01\n", encoding="ascii")


KEYS = {"p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa1024": ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
        "rsa2048": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "p192": ["EC", "-pkeyopt", "ec_paramgen_curve:prime192v1"],
        "ed25519": ["ED25519"]}


def anchor(folder, name, begin, end, key="p256", common=None, like=None):
    """NAME.pem, self-signed, valid from `begin` to `end` in days from NOW; with the key of another one if `like` names it."""
    if like:
        pathlib.Path(folder, f"{name}.key").write_bytes(pathlib.Path(folder, f"{like}.key").read_bytes())
    else:
        openssl(folder, "genpkey", "-algorithm", *KEYS[key], "-out", f"{name}.key")
    openssl(folder, "req", "-new", "-key", f"{name}.key", "-subj", f"/CN={common or name}", "-out", f"{name}.csr")
    openssl(folder, "ca", "-batch", "-selfsign", "-keyfile", f"{name}.key", "-in", f"{name}.csr", "-out", f"{name}.pem",
            "-notext", "-startdate", stamp(begin), "-enddate", stamp(end))


def crl(folder, name, issuer, begin, end, extensions="list"):
    """NAME.crl of ISSUER.pem, with its dates in days from NOW."""
    openssl(folder, "ca", "-gencrl", "-keyfile", f"{issuer}.key", "-cert", f"{issuer}.pem", "-out", f"{name}.crl",
            "-crl_lastupdate", stamp(begin), "-crl_nextupdate", stamp(end), "-crlexts", extensions)


def warnings(folder, text, *options):
    """(name, line) of what check finds, at NOW."""
    pathlib.Path(folder, "a.policy").write_text(text, encoding="utf-8")
    done = subprocess.run([COMMAND, "check", "--json", "--at", NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), *options, "a.policy"],
                          cwd=folder, capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        return f"{done.returncode}: {done.stdout} {done.stderr}"
    return [(one["name"], one["line"], one["message"]) for one in json.loads(done.stdout)[0]["findings"]]


# begin and end in days from NOW; options; the warning
ANCHORS = [
    (-400, -1, [], "expired-anchor"),
    (-400, 1, [], "expiring-anchor"),
    (-400, 30, [], "expiring-anchor"),
    (-400, 31, [], None),
    (-400, 31, ["--within", "31d"], "expiring-anchor"),
    (-400, 1, ["--within", "12h"], None),
    (-400, 1, ["--ignore", "expiring-anchor"], None),
    (1, 400, [], None),            # not yet valid: it is there in good time
    (-1, 6, [], "expiring-anchor"),  # whatever it was made for
    (-6, 1, [], "expiring-anchor"),  # nearly over
]

# crl-grace; lists of the CA as (begin, end); the warning and its line
LISTS = [
    ("", [(-10, -1)], ("expired-crl", 2)),
    ("", [(-100, 1)], ("expiring-crl", 2)),
    ("", [(-100, 31)], None),
    ("crl-grace 2d", [(-10, -1)], ("expiring-crl", 2)),
    ("crl-grace 12h", [(-10, -1)], ("expired-crl", 2)),
    ("", [(-1, 6)], None),         # made for a week, and new
    ("", [(-6, 1)], ("expiring-crl", 2)),
    ("", [(-20, -10), (-10, 100)], None),
    ("", [(-10, 100), (-20, -10)], None),
    ("", [(-30, -20), (-20, -10)], ("expired-crl", 3)),
]


def anchors(tally):
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        start(folder)
        for i, (begin, end, options, wanted) in enumerate(ANCHORS):
            anchor(folder, f"ca{i}", begin, end)
            found = warnings(folder, f"ca ca{i}.pem\nallow any\n", *options)
            names = [one[0] for one in found]
            tally.check(names == ([wanted] if wanted else []), f"anchor {begin} {end} {options}", f"{found}")
            tally.check(all(one[1] == 1 and f"CN=ca{i} " in one[2] for one in found), f"anchor {i}: where and who", f"{found}")


def keys(tally):
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        start(folder)
        for key, weak in (("rsa1024", True), ("p192", True), ("rsa2048", False), ("p256", False), ("ed25519", False)):
            try:
                anchor(folder, key, -400, 4000, key)
            except subprocess.CalledProcessError as failure:
                tally.skip(f"anchor with {key}", f"this openssl makes none: {failure.stderr[:100]}")
                continue
            found = warnings(folder, f"ca {key}.pem\nallow any\n")
            tally.check([one[:2] for one in found] == ([("weak-key", 1)] if weak else []), f"anchor with {key}", f"{found}")


def lists(tally):
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        start(folder)
        anchor(folder, "root", -400, 4000)
        for i, (grace, dates, wanted) in enumerate(LISTS):
            for k, (begin, end) in enumerate(dates):
                crl(folder, f"{i}-{k}", "root", begin, end)
            names = "".join(f"crl {i}-{k}.crl\n" for k in range(len(dates)))
            policy = f"ca root.pem\n{names}{grace}\nallow any\n"
            found = warnings(folder, policy)
            tally.check([one[:2] for one in found] == ([wanted] if wanted else []), f"lists {grace} {dates}", f"{found}")


def lists_as_asked(tally):
    """A time that the operator asks for holds for short-lived lists, too."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        start(folder)
        anchor(folder, "root", -400, 4000)
        crl(folder, "week", "root", -1, 6)
        policy = "ca root.pem\ncrl week.crl\nallow any\n"
        for options, wanted in (([], []), (["--within", "30d"], [("expiring-crl", 2)]), (["--within", "5d"], [])):
            found = warnings(folder, policy, *options)
            tally.check([one[:2] for one in found] == wanted, f"a week's list {options}", f"{found}")


def namesakes(tally):
    """Two CAs of one name: the new list of the one does not replace the old list of the other. Where an old list does not
    tell which key it is of, nobody knows, and nothing is said."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        start(folder)
        anchor(folder, "one", -400, 4000, common="same")
        anchor(folder, "two", -400, 4000, common="same")
        crl(folder, "one", "one", -10, -1)
        crl(folder, "two", "two", -10, 100)
        policy = "ca one.pem\nca two.pem\ncrl one.crl\ncrl two.crl\nallow any\n"
        found = warnings(folder, policy)
        tally.check([one[:2] for one in found] == [("expired-crl", 3)], "two CAs of one name", f"{found}")
        crl(folder, "one", "one", -10, -1, "bare")
        found = warnings(folder, policy)
        tally.check(found == [], "a list that does not tell its key", f"{found}")


def renamed(tally):
    """One CA that has changed its name: the list of the old name may be old, as long as one of the new name is good."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        start(folder)
        anchor(folder, "former", -400, 4000)
        anchor(folder, "latter", -400, 4000, like="former")
        crl(folder, "former", "former", -10, -1)
        policy = "ca former.pem\nca latter.pem\ncrl former.crl\n{}allow any\n"
        found = warnings(folder, policy.format(""))
        tally.check([one[:2] for one in found] == [("expired-crl", 3)], "a CA before its new name", f"{found}")
        crl(folder, "latter", "latter", -10, 100)
        found = warnings(folder, policy.format("crl latter.crl\n"))
        tally.check(found == [], "a CA with a new name", f"{found}")


def foreign_words(tally):
    """A CA's name is its own word."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-check-") as folder:
        start(folder)
        anchor(folder, "evil", -400, -1, common="a\033[31m\u202eb")
        found = warnings(folder, "ca evil.pem\nallow any\n")
        good = [one[0] for one in found] == ["expired-anchor"] and not set("\033\u202e") & set(found[0][2])
        tally.check(good, "escapes in a CA's name", f"{found}")


def main():
    tally = Tally()
    for test in (anchors, keys, lists, lists_as_asked, namesakes, renamed, foreign_words):
        test(tally)
    tally.finish()


main()
