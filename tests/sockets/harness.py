"""The example server as a child process, clients for it, and its audit log.

Standard library only, but the digests of keys come from the openssl command, which made the certificates too."""
import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "meta"))
from tally import Tally, skip_all

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
LISTENING = re.compile(r"listening on (127\.0\.0\.1|\[::1\]):([1-9][0-9]*)\n")
PATIENCE = 10  # seconds for what should take milliseconds: the machine may be busy
STATISTICS = re.compile(r"generation \d+, \d+ connected, .*|  \S.*")  # lines of the log that are no events
LEAK = 23  # the sanitizers' exit status, which the server itself never has

# What docs and mtlspin/audit.h promise; the last two are there only where they say something.
FIELDS = {"time": str, "verdict": str, "reason": str, "label": str, "rule_label": str, "domain": str, "line": int,
          "generation": int, "role": str, "peer_address": str, "subject": str, "serial": str, "issuer": str,
          "thumbprint": str, "spki": str, "x509_error": int, "x509_depth": int, "protocol": str, "resumed": bool}
SOMETIMES = {"x509_text": str, "tls_error": str, "event": str}
RELOAD = {"time": str, "event": str, "status": str, "generation": int}  # and "error" unless the status is OK

if len(sys.argv) != 3:
    skip_all("the examples are not built")
EXAMPLES, PKI = pathlib.Path(sys.argv[1]).absolute(), pathlib.Path(sys.argv[2])
SERVER = EXAMPLES / "server"


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def thumbprint(name):
    pem = (PKI / f"{name}.pem").read_text(encoding="ascii")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def spki(name):
    public = openssl("x509", "-in", str(PKI / f"{name}.pem"), "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "DER", data=public)
    return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def serial(name):
    return openssl("x509", "-in", str(PKI / f"{name}.pem"), "-noout", "-serial").decode().strip()


def policy_text(template):
    """@pki@ is the certificates' folder, @spki:NAME@, @thumbprint:NAME@ and @serial:NAME@ are pins."""
    kinds = {"spki": spki, "thumbprint": thumbprint, "serial": serial}
    text = template.replace("@pki@", str(PKI))
    return re.sub(r"@(\w+):([\w-]+)@", lambda found: kinds[found[1]](found[2]), text)


def load_groups(path):
    """(server's options, policy, [(who, what, value)]) for each policy of a file like cases.txt."""
    groups = []
    for line in path.read_text(encoding="utf-8").splitlines():
        first, *rest = line.split(maxsplit=2) or "#"
        if first == "policy":
            groups.append((rest, [], []))
        elif line.startswith("  "):
            groups[-1][1].append(line[2:] + "\n")
        elif not first.startswith("#"):
            groups[-1][2].append((first, rest[0], "".join(rest[1:])))
    return [(options, "".join(policy), cases) for options, policy, cases in groups]


def load_cases(path):
    """The same without options."""
    return [group[1:] for group in load_groups(path)]


def environment():
    """A leak, or anything else that a sanitizer finds, becomes the exit status or spoils the audit log."""
    asan = os.environ.get("ASAN_OPTIONS", "")
    return dict(os.environ, LC_ALL="C", ASAN_OPTIONS=f"{asan}:detect_leaks=1:exitcode={LEAK}",
                LSAN_OPTIONS=f"exitcode={LEAK}", UBSAN_OPTIONS=f"halt_on_error=1:exitcode={LEAK}")


def run_server(*arguments):
    """For a server that is to end by itself."""
    return subprocess.run([SERVER, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, check=False,
                          env=environment())


def until(condition, seconds=PATIENCE):
    """The condition's value as soon as it is true, or its last one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def address_text(address):
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


class Server(contextlib.AbstractContextManager):
    """Runs from `with` on; leaving it stops the server, which must end with status 0 and have logged nothing but events."""

    def __init__(self, policy, listen="127.0.0.1:0", cert=PKI / "server-chain.pem", key=PKI / "server.key", limits=None,
                 program="server", options=()):
        self.directory = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.directory.name)
        (folder / "policy").write_text(policy_text(policy), encoding="utf-8")
        self.log = folder / "log"
        command = [EXAMPLES / program, "--listen", listen, "--cert", cert, "--key", key, "--policy", folder / "policy",
                   *options]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=environment(), preexec_fn=limits)
        self.policy, self.program = folder / "policy", program
        found = LISTENING.fullmatch(self.process.stdout.readline())
        if found is None:
            self.process.communicate()
            raise AssertionError("the server does not start: " + self.log.read_text(encoding="utf-8"))
        self.address = (found[1].strip("[]"), int(found[2]))

    def __exit__(self, kind, *_):
        try:
            status = self.stop(signal.SIGTERM)
            if kind is None:
                assert status == 0, f"status {status}: {self.log.read_text(encoding='utf-8')[-3000:]}"
                for event in self.events():
                    check_event(event)
        finally:
            self.process.stdout.close()
            self.directory.cleanup()

    def stop(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "killed: it did not end"

    def lines(self):
        """The whole lines of the log."""
        return self.log.read_bytes().decode("utf-8").split("\n")[:-1]

    def events(self):
        return [json.loads(line) for line in self.lines() if not STATISTICS.fullmatch(line)]

    def events_of(self, peer, seconds=PATIENCE):
        """What the log says about the connection from this address."""
        name = address_text(peer)
        return until(lambda: [event for event in self.events() if event.get("peer_address") == name], seconds)

    def reloads(self):
        return [event for event in self.events() if event.get("event") == "reload"]

    def statistics(self):
        """What SIGUSR1 makes it print, as lines; the number of lines before tells the new ones apart."""
        before = [line for line in self.lines() if STATISTICS.fullmatch(line)]
        self.process.send_signal(signal.SIGUSR1)
        lines = until(lambda: [line for line in self.lines() if STATISTICS.fullmatch(line)][len(before):])
        time.sleep(0.1)  # the rest of them
        return [line for line in self.lines() if STATISTICS.fullmatch(line)][len(before):] if lines else []

    def descriptors(self):
        return len(list(pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def connect(self):
        return socket.create_connection(self.address, timeout=PATIENCE)

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check_fields(event, always, sometimes):
    for name, kind in always.items():
        assert type(event.get(name)) is kind, f"{name} is not {kind.__name__}: {event}"
    for name in event.keys() - always.keys():
        assert type(event[name]) is sometimes.get(name), f"{name} is unknown, or of another type: {event}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"]), event


def check_event(event):
    if event.get("event") == "reload":
        check_fields(event, RELOAD, {"error": str})
        assert (event["status"] == "OK") == ("error" not in event), event
        return
    check_fields(event, FIELDS, SOMETIMES)
    assert (event["verdict"] == "allow") == (event["reason"] == "RULE"), event
    assert event["verdict"] == "allow" or event["label"] == "", event
    assert event["role"] == "server", event
    assert "event" not in event or (event["event"], event["verdict"]) == ("sweep", "deny"), event


def client_context(name, version="1.3"):
    """NAME's chain and key; "none" has none."""
    context = ssl.create_default_context(cafile=PKI / "root-ca.pem")
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # what is too weak is for the server to say
    if name != "none":
        context.load_cert_chain(PKI / f"{name}-chain.pem", PKI / f"{name}.key")
    return context


def load_self_signed(context, common_name):
    """Makes a certificate with this name on the spot."""
    with tempfile.TemporaryDirectory() as folder:
        key, pem = f"{folder}/key", f"{folder}/pem"
        escaped = common_name.replace("\\", "\\\\").replace("/", "\\/")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8", "-subj",
                "/CN=" + escaped, "-keyout", key, "-out", pem)
        context.load_cert_chain(pem, key)


def tls(server, name, version="1.3"):
    """A connection after its handshake; under TLS 1.3 the server may still refuse it."""
    plain = server.connect()
    try:
        return client_context(name, version).wrap_socket(plain, server_hostname=server.address[0])
    except BaseException:
        plain.close()
        raise


def read_all(connection):
    """Every byte up to the end of the connection, however it ends."""
    data = b""
    with contextlib.suppress(OSError):
        while part := connection.recv(65536):
            data += part
    return data


def response(connection, method="GET"):
    """One response, as (status, headers, body)."""
    answer = http.client.HTTPResponse(connection, method=method)
    answer.begin()
    return answer.status, answer.headers, answer.read().decode()


def get(connection, path, *headers):
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return response(connection)


def greeting(server, name, version="1.3", path="/"):
    with tls(server, name, version) as connection:
        return get(connection, path)[2]


class Result(unittest.TextTestResult):
    """A class that cannot be set up is a failure of its own, which testsRun does not count."""
    successes = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.successes += 1


def main():
    """Runs the calling file's tests, and closes with the line that tests/run.sh adds up."""
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    result, tally = unittest.main(argv=sys.argv[:1], exit=False, testRunner=runner).result, Tally()
    for test, reason in result.skipped:
        tally.skip(test, reason)
    tally.failed = len(result.failures) + len(result.errors)
    tally.passed = result.successes
    tally.finish()
