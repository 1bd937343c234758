"""Certificates that others have made: the published pins, and all that this system trusts. openssl says the same."""
import pathlib
import re
import time

from pin_kit import PKI, Tally, facts, meanings, openssl, serial_of_openssl, spki_of_pem, thumbprint_of_der, uncommented

VECTORS = pathlib.Path(__file__).resolve().parents[3] / "shared" / "vectors"
SYSTEM = pathlib.Path("/etc/ssl/certs")
MANY = 200  # files for one call
DATE = re.compile(r"not(?:Before|After)=(.*)")


def check_vectors(tally):
    if not (VECTORS / "pins.tsv").exists():
        tally.skip("published pins", "the folder shared/vectors is not beside the tree")
        return
    count = 0
    for line in (VECTORS / "pins.tsv").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        source, kind, value, name = line.split("\t")
        status, things = facts(VECTORS / name)
        tally.check(kind == "spki" and status == 0 and things[0]["spki"] == f"sha256/{value}", source, str(things))
        count += 1
    tally.check(count > 30, "published pins", str(count))


def rfc3339(text):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.strptime(text, "%b %d %H:%M:%S %Y %Z"))


def check_certificate(tally, name, pem, thing):
    """Everything that both know."""
    der = openssl("x509", "-outform", "DER", data=pem)
    text = openssl("x509", "-noout", "-serial", "-dates", "-pubkey", data=pem)
    dates = DATE.findall(text.decode())
    key = text[text.index(b"-----BEGIN"):]
    expected = {"thumbprint": thumbprint_of_der(der), "spki": spki_of_pem(key), "not_before": rfc3339(dates[0]),
                "not_after": rfc3339(dates[1])}
    for what, value in expected.items():
        tally.check(thing.get(what) == value, f"{name}: {what}", f"{thing.get(what)}, not {value}")
    number = serial_of_openssl(text.splitlines()[0])
    tally.check("serial" in thing and int(thing["serial"], 16) == number, f"{name}: serial", str(thing.get("serial")))
    ca = b"CA:TRUE" in openssl("x509", "-noout", "-text", data=pem)
    tally.check(thing["ca"] is ca, f"{name}: CA", str(thing["ca"]))


def check_files(tally, paths):
    """One call for many files; each holds one certificate."""
    status, things = facts(*paths)
    tally.check(status == 0 and [thing["source"] for thing in things] == [str(path) for path in paths],
                "each file gave one certificate", f"{status}, {len(things)} of {len(paths)}")
    for path, thing in zip(paths, things):
        check_certificate(tally, path.name, path.read_bytes(), thing)
    lines = uncommented([line for thing in things for line in thing["policy_lines"]])
    said = meanings(lines)
    tally.check(len(lines) == len(said) and not [what for kind, what in said if kind == "!"], "all lines are a policy's",
                str([what for kind, what in said if kind == "!"]))


def check_bundle(tally, path):
    """All in one file, in their order."""
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", path.read_bytes(), re.DOTALL)
    status, things = facts(path)
    tally.check(status == 0 and [thing["thumbprint"] for thing in things]
                == [thumbprint_of_der(openssl("x509", "-outform", "DER", data=block)) for block in blocks],
                f"{path.name}: {len(blocks)} certificates in their order", f"{status}, {len(things)}")


def single(path):
    return path.is_file() and path.read_bytes().count(b"-----BEGIN CERTIFICATE-----") == 1


def main():
    tally = Tally()
    check_vectors(tally)
    made = sorted(path for path in PKI.glob("*.pem") if single(path) and path.read_bytes().count(b"-----BEGIN") == 1)
    check_files(tally, made)
    trusted = sorted({path.resolve() for path in SYSTEM.glob("*.pem") if single(path)}) if SYSTEM.is_dir() else []
    for start in range(0, len(trusted), MANY):
        check_files(tally, trusted[start:start + MANY])
    if not trusted:
        tally.skip("the system's certificates", f"there are none in {SYSTEM}")
    bundle = SYSTEM / "ca-certificates.crt"
    if bundle.is_file():
        check_bundle(tally, bundle)
    else:
        tally.skip("a bundle", f"there is no {bundle}")
    tally.finish()


main()
