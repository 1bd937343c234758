"""What the tests of `mtlspin pin` share: the command, openssl, which must agree, and the meaning of policy lines."""
import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))
from tally import Tally  # noqa: E402, F401

COMMAND, PKI, LOADER = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute(), os.path.abspath(sys.argv[3])
FOLDER = tempfile.TemporaryDirectory(prefix="mtlspin-pin-")
WORK = pathlib.Path(FOLDER.name)
SPKI, THUMBPRINT, SERIAL, CA_SPKI = "1", "2", "3", "4"  # as in mtlspin/pin.h
FINDINGS = ("Sanitizer", "runtime error:")


def environment(**more):
    return {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "", **more}


def pin(*arguments, data=b"", **more):
    """Runs in a session of its own: no terminal that it could ask. A sanitizer's finding is an exception."""
    done = subprocess.run([COMMAND, "pin", *map(str, arguments)], input=data, capture_output=True, check=False, timeout=240,
                          env=environment(**more), start_new_session=True)
    text = done.stderr.decode(errors="backslashreplace")
    if done.returncode not in (0, 1, 2) or any(word in text for word in FINDINGS):
        raise AssertionError(f"mtlspin pin {arguments}: status {done.returncode}\n{text[-4000:]}")
    return done


def facts(*arguments, data=b""):
    """(exit status, the objects of --json)"""
    done = pin("--json", *arguments, data=data)
    return done.returncode, json.loads(done.stdout)


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True).stdout


def try_openssl(*arguments, data=None):
    """None where this OpenSSL cannot."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def spki_of_der(der):
    return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def spki_of_pem(pem):
    """Of a PEM public key, without any tool."""
    text = pem.decode().split("-----")[2]
    return spki_of_der(base64.b64decode("".join(text.split())))


def thumbprint_of_der(der):
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def serial_of_openssl(text):
    """serial=0A or serial=-0A, as a number"""
    value = text.decode().strip().split("=")[1]
    return int(value, 16)


def meanings(lines, ca=None):
    """[(kind, label)] of policy lines, each for itself; a mistake is ("!", message)."""
    text = "".join(line + "\n" for line in lines).encode()
    done = subprocess.run([LOADER, str(ca or PKI / "root-ca.pem")], input=text, capture_output=True, check=True)
    return [tuple(line.split(" ", 1)) for line in done.stdout.decode().split("\n") if line]


def uncommented(lines):
    return [line[2:] if line.startswith("# ") else line for line in lines]


def write(name, content):
    path = WORK / name
    path.write_bytes(content)
    return path
