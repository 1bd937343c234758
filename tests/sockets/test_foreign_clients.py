"""Who may connect to the example servers, for clients that nobody here wrote: the cases of foreign_clients.txt.

Judged by the server's audit log, and by what the client prints of what the server says; not by the client's own words, nor
by its exit status, since each program has its own ideas about both."""
import contextlib
import functools
import itertools
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import typing
import unittest

import harness

REQUEST = b"GET /foreign HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

PYTHON = """
import http.client, socket, ssl, sys
port, ca, version, *identity = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.minimum_version = context.maximum_version = ssl.TLSVersion["TLSv" + version.replace(".", "_")]
if identity:
    context.load_cert_chain(*identity)
"""
PYTHON_HTTPS = PYTHON + """
connection = http.client.HTTPSConnection("127.0.0.1", int(port), timeout=10, context=context)
connection.request("GET", "/foreign")
print(connection.getresponse().read().decode(), end="")
"""
PYTHON_STREAM = PYTHON + """
plain = socket.create_connection(("127.0.0.1", int(port)), timeout=10)
with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
    connection.sendall(sys.stdin.buffer.readline())
    while part := connection.recv(65536):
        print(part.decode(), end="", flush=True)
"""

NODE = """
const fs = require("fs"), https = require("https");
const [port, ca, version, cert, key] = process.argv.slice(1);
const read = (path) => path && fs.readFileSync(path);
const options = {agent: false, ca: read(ca), cert: read(cert), key: read(key),
                 minVersion: "TLSv" + version, maxVersion: "TLSv" + version};
https.get(`https://127.0.0.1:${port}/foreign`, options, (answer) => answer.pipe(process.stdout));
"""


class Program(typing.NamedTuple):
    """Commands are split into words first and formatted then; {identity} is several words, or none."""
    command: str
    identity: str
    input: bytes = b""  # the request, for a program that speaks no HTTP
    build: str = ""  # what `--version` says if it has the TLS library that the options are for


PROGRAMS = {
    "curl": Program("curl --disable --noproxy * --silent --max-time 10 --cacert {root} --tlsv{version}"
                    " --tls-max {version} {identity} https://127.0.0.1:{port}/foreign", "--cert {chain} --key {key}"),
    "wget": Program("wget --no-config --no-proxy --no-hsts --tries=1 --timeout=10 --quiet --output-document=-"
                    " --ca-certificate={root} --ciphers={gnutls} {identity} https://127.0.0.1:{port}/foreign",
                    "--certificate={chain} --private-key={key}", build="+ssl/gnutls"),
    "gnutls-cli": Program("gnutls-cli --logfile=/dev/null --x509cafile={root} --priority={gnutls} {identity}"
                          " --port={port} 127.0.0.1", "--x509certfile={chain} --x509keyfile={key}", input=REQUEST),
    "openssl": Program("openssl s_client -quiet -connect 127.0.0.1:{port} -CAfile {root} -verify_return_error"
                       " -verify_ip 127.0.0.1 -tls1_{minor} {identity}",
                       "-cert {leaf} -cert_chain {chain} -key {key}", input=REQUEST),
    "python3": Program("python3 -I -c {https} {port} {root} {version} {identity}", "{chain} {key}"),
    "node": Program("node -e {node} {port} {root} {version} {identity}", "{chain} {key}"),
}
STREAMS = {"gnutls-cli": PROGRAMS["gnutls-cli"], "openssl": PROGRAMS["openssl"], "python3": Program(
    "python3 -I -c {stream} {port} {root} {version} {identity}", "{chain} {key}")}


@functools.cache
def unusable(name):
    """Why this program cannot be a client here, or ""."""
    if shutil.which(name) is None:
        return f"{name} is not installed"
    build = PROGRAMS[name].build
    if build and build not in subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout:
        return f"this {name} is not built with {build}"
    return ""


def command(program, who, version, port):
    """The words that connect as WHO; "none" has no certificate."""
    pki = harness.PKI
    values = {"root": pki / "root-ca.pem", "leaf": pki / f"{who}.pem", "chain": pki / f"{who}-chain.pem",
              "key": pki / f"{who}.key", "port": port, "version": version, "minor": version[2:],
              "gnutls": f"NORMAL:-VERS-ALL:+VERS-TLS{version}",
              "https": PYTHON_HTTPS, "stream": PYTHON_STREAM, "node": NODE}
    words = program.command.replace("{identity}", program.identity if who != "none" else "").split()
    return [word.format(**values) for word in words]


def environment(home):
    """Nothing of the user's configuration but where programs are."""
    return dict(os.environ, HOME=str(home), LC_ALL="C", NODE_OPTIONS="")


def printed(name, who, version, port):
    """What the client's user gets to see: the server's answer, with its head or without, and nothing else."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(command(PROGRAMS[name], who, version, port), input=PROGRAMS[name].input, capture_output=True,
                              timeout=3 * harness.PATIENCE, check=False, env=environment(home))
    return done.stdout.decode()


def body(answer):
    return answer.rpartition("\r\n\r\n")[2]


class Plain(contextlib.AbstractContextManager):
    """A server that only OpenSSL guards: whoever has a certificate of the root CA is let in."""
    BODY = "hello, whoever you are!\n"

    def __init__(self):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(harness.PKI / "server-chain.pem", harness.PKI / "server.key")
        self.context.load_verify_locations(harness.PKI / "root-ca.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                self.answer(self.listener.accept()[0])

    def answer(self, plain):
        plain.settimeout(harness.PATIENCE)
        with plain, contextlib.suppress(OSError), self.context.wrap_socket(plain, server_side=True) as connection:
            if connection.recv(65536):
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.BODY)}\r\nConnection: close\r\n\r\n"
                                   f"{self.BODY}".encode())
                connection.unwrap()


@functools.cache
def plainly_greeted(name, who, version):
    with Plain() as server:
        return body(printed(name, who, version, server.port)) == Plain.BODY


class Test(unittest.TestCase):
    def attempt(self, name, version, who, *rest):
        if unusable(name):
            self.skipTest(unusable(name))
        if who == "kiosk" and not plainly_greeted(name, who, version):
            self.skipTest(f"this {name} cannot use an Ed25519 key")
        self.check(name, version, who, *rest)


class Control(Test):
    """Without a policy, a client that the tests below see refused is let in, whatever its program."""

    def check(self, name, version, who):
        self.assertTrue(plainly_greeted(name, who, version))


class Serving(Test):
    """A policy, and a server that runs as long as its tests."""
    policy, options, program, server, connections = "", (), "", None, 0

    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server(cls.policy, program=cls.program, options=cls.options)
        cls.addClassCleanup(cls.server.__exit__, None)

    @classmethod
    def tearDownClass(cls):
        """No connection has been reported twice, however late."""
        cls.server.stop(signal.SIGTERM)
        events = [(event["peer_address"], event["reason"]) for event in cls.server.events()]
        assert len(events) == cls.connections, f"{cls.connections} connections: {events}"

    def new_event(self, connect):
        """The event about the one connection that is then made, and what making it returns."""
        before = len(self.server.events())
        type(self).connections += 1
        result = connect()
        events = harness.until(lambda: self.server.events()[before:])
        self.assertEqual(len(events), 1, events)
        return events[0], result

    def check_event(self, event, version, what, value):
        self.assertEqual(event["protocol"], "TLSv" + version)
        if what == "greeted":
            self.assertEqual((event["verdict"], event["label"]), ("allow", value))
        else:
            self.assertEqual((event["verdict"], event["reason"]), ("deny", value))


class Greeting(Serving):
    program = "server"
    BODIES = {"greeted": "hello, {value}! (path: /foreign)\n", "public": "this page is for everybody (path: /foreign)\n"}

    def check(self, name, version, who, what, value):
        event, answer = self.new_event(lambda: printed(name, who, version, self.server.address[1]))
        self.check_event(event, version, what, value)
        if what == "refused":
            self.assertEqual(answer, "")
        else:
            self.assertEqual(body(answer), self.BODIES[what].format(value=value))


class Sender(contextlib.AbstractContextManager):
    """A client that says one line, and then listens."""

    def __init__(self, line, name, who, version, port):
        self.directory = tempfile.TemporaryDirectory()
        self.heard = pathlib.Path(self.directory.name, "heard")
        with open(self.heard, "wb") as output:
            self.process = subprocess.Popen(command(STREAMS[name], who, version, port), env=environment(self.directory.name),
                                            stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL)
        with contextlib.suppress(BrokenPipeError):  # it has been refused, and is gone
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.directory.cleanup()


class Stream(Serving):
    """Two clients of Python's are there all the time: what alice says shows what the other one has heard before."""
    program = "stream-server"
    listener = talker = None

    def setUp(self):
        for name, who in ("listener", "kiosk"), ("talker", "alice"):
            if getattr(self, name) is None:
                event, connection = self.new_event(lambda who=who: harness.tls(self.server, who))
                self.assertEqual(event["verdict"], "allow")
                self.addClassCleanup(connection.close)
                setattr(type(self), name, connection)

    def assert_relayed(self, line):
        """It is the next thing that the listener hears."""
        data = b""
        while len(data) < len(line) and (part := self.listener.recv(65536)):
            data += part
        self.assertEqual(data, line)

    def check(self, name, version, who, what, value):
        line, secret = f"hello from {name}\n".encode(), b"not for strangers\n"
        with contextlib.ExitStack() as stack:
            event, sender = self.new_event(
                lambda: stack.enter_context(Sender(line, name, who, version, self.server.address[1])))
            self.check_event(event, version, what, value)
            if what == "greeted":
                self.assert_relayed(f"{value}: ".encode() + line)
            self.talker.sendall(secret)
            self.assert_relayed(b"alice: " + secret)
            if what == "greeted":
                harness.until(sender.heard.read_bytes)
            else:
                sender.process.wait(harness.PATIENCE)
            self.assertEqual(sender.heard.read_bytes(), b"alice: " + secret if what == "greeted" else b"")


def add(case, programs, cases):
    """A test for each of these programs, versions of TLS and cases; a class that has one more name would be run twice."""
    for name, version, (who, *rest) in itertools.product(programs, harness.VERSIONS, cases):
        def method(self, arguments=(name, version, who, *rest)):
            self.attempt(*arguments)
        setattr(case, f"test_{name}_{who}_{version}", method)
    globals()[case.__name__] = case


add(Control, PROGRAMS, [("mallory",)])
groups = harness.load_groups(pathlib.Path(__file__).with_name("foreign_clients.txt"))
for number, (options, policy, cases) in enumerate(groups, 1):
    members = {"options": options, "policy": policy}
    add(type(f"Greeting{number}", (Greeting,), members), PROGRAMS, cases)
    if not options:
        add(type(f"Stream{number}", (Stream,), members), STREAMS, cases)
harness.main()
