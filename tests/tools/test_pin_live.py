"""`mtlspin pin HOST:PORT`: what a server sends is shown, whatever else is wrong with it."""
import contextlib
import os
import re
import socket
import ssl
import threading
import time

from pin_kit import PKI, Tally, facts, openssl, pin, thumbprint_of_der

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
PATIENCE = 30  # seconds for what should take milliseconds: the machine may be busy


class Server(contextlib.AbstractContextManager):
    """Hands each connection to a function, and keeps what it returns."""

    def __init__(self, serve, host="127.0.0.1"):
        self.serve, self.results, self.host = serve, [], host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, 0), family=family)
        self.socket.settimeout(0.1)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    @property
    def address(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.socket.getsockname()[1]}"

    def run(self):
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self.socket.accept()
                connection.settimeout(PATIENCE)
                with connection:
                    self.results.append(self.serve(connection))

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.socket.close()


def tls(chain="server-chain", key="server", version="1.3", demand=False, names=None):
    """Serves one handshake, and returns all application data that came: there must be none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(PKI / f"{chain}.pem", PKI / f"{key}.key")
    if demand:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(PKI / "root-ca.pem")
    if names is not None:
        context.sni_callback = lambda connection, name, _: names.append(name)

    def serve(connection):
        try:
            with context.wrap_socket(connection, server_side=True) as stream:
                return stream.recv(1000)
        except (ssl.SSLError, OSError) as error:
            return str(error)

    return serve


def close(connection):
    return connection is None


def read_and_close(connection):
    return connection.recv(1000) and b""


def plain_text(connection):
    connection.recv(1000)
    connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n\x1b[2J")
    return b""


def greeting(connection):
    connection.sendall(b"220 mail.example.org ESMTP\r\n")
    return connection.recv(1000) and b""


def silent(connection):
    while connection.recv(1000):
        pass
    return b""


def drip(connection):
    """A byte at a time: each answer in time, all of them not."""
    with contextlib.suppress(OSError):
        connection.sendall(b"\x16\x03\x03\x40\x00")
        for _ in range(100):
            connection.sendall(b"\x00")
            time.sleep(0.1)
    return b""


def flood(connection):
    """Requests for a new handshake before there is any (RFC 5246, 7.4.1.1), which OpenSSL passes over without end."""
    requests = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 1000
    with contextlib.suppress(OSError):
        for _ in range(20000):
            connection.sendall(requests)
    return b""


def thumbprints(name):
    blocks = re.findall(rb"-----BEGIN.*?-----END CERTIFICATE-----\n", (PKI / f"{name}.pem").read_bytes(), re.DOTALL)
    return [thumbprint_of_der(openssl("x509", "-outform", "DER", data=block)) for block in blocks]


# name: (server's chain, its key, options, why the first certificate is not verified; None: it is)
ROOT = ("--ca", PKI / "root-ca.pem")
CASES = {
    "good": ("server-chain", "server", (*ROOT, "--servername", "localhost"), None),
    "good, by its address": ("server-chain", "server", ROOT, None),
    "a wrong name": ("server-chain", "server", (*ROOT, "--servername", "db.example"), "hostname mismatch"),
    "a wrong address": ("server-name-only-chain", "server-name-only", ROOT, "IP address mismatch"),
    "expired": ("server-expired-chain", "server-expired", (*ROOT, "--servername", "localhost"), "certificate has expired"),
    "not yet valid": ("server-not-yet-valid-chain", "server-not-yet-valid", (*ROOT, "--servername", "localhost"),
                      "certificate is not yet valid"),
    "another CA's": ("other-server-chain", "other-server", ROOT, "unable to get (local )?issuer certificate"
                     "|self-signed certificate in certificate chain"),
    "without its chain": ("server", "server", (*ROOT, "--servername", "localhost"),
                          "unable to get local issuer certificate"),
    "its own": ("self-server", "self-server", ROOT, "self-signed certificate"),
    "its own, believed": ("self-server", "self-server",
                          ("--ca", PKI / "self-server.pem", "--servername", "localhost"), None),
    "a client's": ("server-as-client-chain", "server-as-client", (*ROOT, "--servername", "localhost"),
                   "unsuitable certificate purpose|unsupported certificate purpose"),
    "RSA": ("server-rsa-chain", "server-rsa", (*ROOT, "--servername", "localhost"), None),
    "Ed25519": ("server-ed25519-chain", "server-ed25519", (*ROOT, "--servername", "localhost"), None),
    "without the system's anchors": ("server-chain", "server", (), "unable to get local issuer certificate"),
}


def check_case(tally, what, version, demand):
    chain, key, options, why = CASES[what]
    with Server(tls(chain, key, version, demand)) as server:
        status, things = facts(*options, server.address)
    what = f"{what}, TLS {version}{', demands a certificate' if demand else ''}"
    tally.check(status == 0 and [thing["thumbprint"] for thing in things] == thumbprints(chain),
                f"{what}: all certificates that were sent", f"{status} {things}")
    first = things[0] if things else {}
    if why is None:
        tally.check(first.get("server_verified") is True and "server_error" not in first, f"{what}: verified", str(first))
    else:
        tally.check(first.get("server_verified") is False and re.search(why, first.get("server_error", "")) is not None,
                    f"{what}: {why}", str(first))
    tally.check(not [result for result in server.results if isinstance(result, bytes) and result],
                f"{what}: no application data", str(server.results))


def check_text(tally):
    with Server(tls()) as server:
        done = pin(*ROOT, "--servername", "localhost", server.address)
        tally.check(done.returncode == 0 and done.stdout.count(b"\n  verified     yes\n") == 2, "verified, in words",
                    str(done))
        done = pin(*ROOT, "--servername", "db.example", server.address)
        tally.check(done.returncode == 0 and b"\n  not verified: hostname mismatch\n" in done.stdout, "not, and why",
                    str(done))
        done = pin("--as", "allow-serial", "--label", "db", *ROOT, server.address)
        tally.check(done.returncode == 0 and re.fullmatch(rb"allow serial 0x\w+ db issuer=sha256/\S+\n", done.stdout)
                    is not None, "a line with the issuer that the server sent", str(done))


DOUBT = "not verified ({}); compare the pin with what its operator tells you"
BESIDE = "it sends more than its own certificate and those of CAs: only the line of its own, the first, is active"
# (server's chain, its key, options, active lines with --as allow-spki --label web, commented lines, what is said)
LABELLED = (
    ("server-chain", "server", ROOT, 1, 0, None),
    ("server-chain", "server", (*ROOT, "--servername", "db.example"), 0, 1, DOUBT.format("hostname mismatch")),
    ("server-chain", "server", (), 0, 1, DOUBT.format("unable to get local issuer certificate")),
    ("server-expired-chain", "server-expired", (*ROOT, "--servername", "localhost"), 0, 1,
     DOUBT.format("certificate has expired")),
    ("server-with-db", "server", ROOT, 1, 1, BESIDE),
    ("server-is-ca-chain", "server-is-ca", ROOT, 1, 0, None),
    ("server-with-db", "server", (*ROOT, "--servername", "nobody.example"), 0, 2, DOUBT.format("hostname mismatch")),
)


def check_labels(tally):
    """A label makes no line active that nobody has verified."""
    for chain, key, options, active, commented, said in LABELLED:
        with Server(tls(chain, key)) as server:
            address = server.address
            done = pin("--as", "allow-spki", "--label", "web", *options, address)
            status, things = facts("--label", "web", *options, address)
            bare = pin("--as", "allow-spki", *options, address)
        what = f"{chain} {options} under a label"
        lines = done.stdout.decode().splitlines()
        own = [line for line in lines if not line.startswith("# ")]
        tally.check(done.returncode == 0 and len(own) == active and len(lines) == active + commented
                    and all(line.endswith(" web") for line in lines[:1]), what, str(done))
        error = f"mtlspin pin: {address}: {said}\n" if said else ""
        tally.check(done.stderr.decode() == error, f"{what}: what is said", str(done))
        tally.check(bare.returncode == 0 and bare.stderr.decode() == (error if active == 0 else "")
                    and not re.search(rb"^[^#]", bare.stdout, re.M), f"{chain} {options} without a label", str(bare))
        grants = [i for i, thing in enumerate(things) for line in thing["policy_lines"] if not line.startswith("# ")]
        authorities = [line for thing in things for line in thing["policy_lines"] if line.startswith("allow ca-spki")]
        tally.check(status == 0 and set(grants) == ({0} if active and not things[0]["ca"] else set())
                    and not authorities, f"{what}: JSON", str(things))
        told = [said in thing["notes"] for thing in things if said and not thing["ca"]]
        tally.check(told == [active == 0, True][:len(told)], f"{what}: notes of JSON", str(things))


def check_names(tally):
    """The name that is asked for."""
    names = []
    with Server(tls(names=names)) as server:
        port = server.address.rpartition(":")[2]
        pin(*ROOT, server.address)
        pin(*ROOT, f"localhost:{port}")
        pin(*ROOT, "--servername", "localhost.", server.address)
        pin(*ROOT, "--servername", "db.example", server.address)
        tally.check(names == [None, "localhost", "localhost", "db.example"], "server names", str(names))
        status, things = facts(*ROOT, f"localhost:{port}")
        tally.check(status == 0 and things[0]["server_verified"] is True, "the host's own name", str(things))


def check_silence(tally):
    for what, serve, words in (("closes at once", close, b"sent no certificate"),
                               ("closes when asked", read_and_close, b"sent no certificate"),
                               ("speaks HTTP", plain_text, b"sent no certificate"),
                               ("speaks first", greeting, b"STARTTLS"),
                               ("says nothing", silent, b"--timeout"), ("says little", drip, b"--timeout"),
                               ("says too much", flood, b"; ")):
        with Server(serve) as server:
            begun = time.monotonic()
            done = pin("--timeout", "2s", server.address)
            taken = time.monotonic() - begun
        tally.check(done.returncode == 2 and done.stdout == b"" and words in done.stderr and b"\x1b" not in done.stderr,
                    f"a server that {what}", str(done))
        tally.check(taken < PATIENCE, f"a server that {what}: in time", str(taken))


def check_nobody(tally):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = pin(f"127.0.0.1:{port}")
    tally.check(done.returncode == 2 and b"Connection refused" in done.stderr and b"see that" in done.stderr,
                "nobody there", str(done))
    with Server(tls()) as server:
        done = pin(f"127.0.0.1:{port}", server.address)
        tally.check(done.returncode == 2 and done.stdout.count(b"thumbprint  ") == 2, "one of two servers", str(done))


def check_full_queue(tally):
    """Nobody takes the connection up: the kernel does not even answer once its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        done = pin("--timeout", "1s", f"127.0.0.1:{listener.getsockname()[1]}")
        tally.check(done.returncode == 2 and b"in time" in done.stderr, "no connection in time", str(done))


def check_address_6(tally):
    try:
        with Server(tls(), "::1") as server:
            address = server.address
            status, things = facts(*ROOT, address)
    except OSError as error:
        tally.skip("IPv6", f"not here: {error}")
        return
    tally.check(status == 0 and things[0]["server_verified"] is True and things[0]["source"] == address, "IPv6",
                str(things))


def check_weak(tally):
    """Old keys are looked at, too: one has to know them to get rid of them."""
    with Server(tls("weak-rsa-chain", "weak-rsa", "1.2")) as server:
        status, things = facts(*ROOT, server.address)
    tally.check(status == 0 and things[0]["server_verified"] is False and things[0]["key_bits"] <= 1024, "a weak key",
                str(things))


def main():
    tally = Tally()
    os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull  # what the system trusts shall not matter
    for what in CASES:
        for version in VERSIONS:
            check_case(tally, what, version, demand=False)
    for version in VERSIONS:
        check_case(tally, "good", version, demand=True)
        check_case(tally, "a wrong name", version, demand=True)
    check_text(tally)
    check_names(tally)
    check_labels(tally)
    check_silence(tally)
    check_nobody(tally)
    check_full_queue(tally)
    check_address_6(tally)
    check_weak(tally)
    tally.finish()


main()
