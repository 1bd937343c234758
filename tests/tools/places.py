"""Places in policies that a test fills in, since the certificates are new in every build folder."""
import functools
import re
import subprocess


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


class Places:
    """@pki@ is the folder of test certificates; @spki:NAME@, @thumbprint:NAME@, @serial:NAME@ are of its NAME.pem, computed by
    openssl alone."""

    def __init__(self, pki):
        self.pki = pki

    @functools.lru_cache(maxsize=None)
    def value(self, what, name):
        certificate = f"{self.pki}/{name}.pem"
        if what == "thumbprint":
            return openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256").decode().split("=")[1].strip()
        if what == "serial":
            return openssl("x509", "-in", certificate, "-noout", "-serial").decode().strip()  # serial=…
        key = openssl("x509", "-in", certificate, "-noout", "-pubkey")
        digest = openssl("dgst", "-sha256", "-binary", data=openssl("pkey", "-pubin", "-outform", "DER", data=key))
        return "sha256/" + openssl("base64", "-A", data=digest).decode()

    def fill(self, text):
        text = text.replace("@pki@", str(self.pki))
        return re.sub(r"@(spki|thumbprint|serial):([\w-]+)@", lambda found: self.value(*found.groups()), text)
