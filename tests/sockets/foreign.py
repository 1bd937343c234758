"""Servers that nobody here wrote, each as a child process that serves one small page on 127.0.0.1.

They run without privileges out of a temporary folder, where their logs are, too: these say who got through to them."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

import harness

PAGE = "hello from a server that is not ours\n"
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


def reserve():
    """A port that nobody else gets while the socket is open. A server can have it, since nothing listens there."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def listens(port):
    """On 127.0.0.1 or on every address, as the kernel knows without a connection."""
    lines = pathlib.Path("/proc/net/tcp").read_text(encoding="ascii")
    return re.search(rf": (0100007F|00000000):{port:04X} 00000000:0000 0A ", lines) is not None


def files_of(name):
    """What the server shows, and its key; NAME-chain.pem with NAME.key, or a bundle with the key of `server`."""
    chain, key = harness.PKI / f"{name}-chain.pem", harness.PKI / f"{name}.key"
    return (chain, key) if chain.exists() else (harness.PKI / f"{name}.pem", harness.PKI / "server.key")


class Foreign(contextlib.AbstractContextManager):
    """Runs from `with` on. `clients`: a client needs a certificate of the root CA."""
    PROGRAM = ""
    REQUEST = REFUSAL = ""  # in the logs: somebody was heard; the end of a handshake that came to nothing

    def __init__(self, certificate="server", version="1.3", clients=False):
        self.chain, self.key = files_of(certificate)
        self.version, self.clients, self.process = version, clients, None
        with contextlib.ExitStack() as stack:
            self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self.port = stack.enter_context(reserve()).getsockname()[1]
            self.start(stack)
            self.stack = stack.pop_all()

    def start(self, stack):
        (self.folder / "page").write_text(PAGE, encoding="ascii")
        program, *arguments = self.command()
        with open(self.folder / "output.log", "wb") as output, open(self.folder / "messages.log", "wb") as messages:
            self.process = subprocess.Popen([find(program), *map(str, arguments)], cwd=self.folder, stdin=subprocess.PIPE,
                                            stdout=output, stderr=messages, env=harness.environment())
        stack.callback(self.stop)
        harness.until(lambda: self.process.poll() is not None or listens(self.port))
        if self.process.poll() is not None or not listens(self.port):
            raise AssertionError(f"{self.PROGRAM} does not start: {self.log()}")

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(harness.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *_):
        self.stack.close()

    def command(self):
        raise NotImplementedError

    def log(self):
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(self.folder.glob("*.log"))]
        return "".join(texts)

    def count(self, pattern):
        return len(re.findall(pattern, self.log(), re.MULTILINE))

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


class OpenSSL(Foreign):
    PROGRAM = "openssl"
    REQUEST, REFUSAL = r"^FILE:", r":error:"

    def command(self):
        above = PEM.findall(self.chain.read_text(encoding="ascii"))[1:]
        chain = ["-cert_chain", self.write("chain.pem", "".join(above))] if above else []
        demand = ["-Verify", 3, "-verify_return_error", "-CAfile", harness.PKI / "root-ca.pem"] if self.clients else []
        return ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", self.chain, "-key", self.key, *chain,
                "-tls" + self.version.replace(".", "_"), *demand, "-WWW"]


class Nginx(Foreign):
    PROGRAM = "nginx"
    REQUEST = r'"GET [^"]*" (?!400 )'  # whom it takes for a stranger it answers 400, after the handshake
    REFUSAL = r"SSL_do_handshake\(\) failed|client (sent no required SSL certificate|SSL certificate verify error)"
    CONFIGURATION = """
daemon off; master_process off; pid pid; error_log error.log info;
events {{ }}
http {{
    access_log access.log;
    client_body_temp_path 1; proxy_temp_path 2; fastcgi_temp_path 3; uwsgi_temp_path 4; scgi_temp_path 5;
    server {{
        listen 127.0.0.1:{port} ssl; root .;
        ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv{version}; ssl_session_cache builtin:100;
        {demand}
    }}
}}
"""

    def command(self):
        demand = f"ssl_verify_client on; ssl_verify_depth 3; ssl_client_certificate {harness.PKI}/root-ca.pem;"
        text = self.CONFIGURATION.format(port=self.port, chain=self.chain, key=self.key, version=self.version,
                                         demand=demand if self.clients else "")
        return ["nginx", "-p", self.folder, "-e", "error.log", "-c", self.write("nginx.conf", text)]


class HAProxy(Foreign):
    PROGRAM = "haproxy"
    REQUEST, REFUSAL = r'"(GET |<BADREQ>)', r"SSL (handshake failure|client certificate)"
    CONFIGURATION = """
global
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout client 5s
    timeout connect 5s
    timeout server 5s
frontend tls
    bind 127.0.0.1:{port} ssl crt server.pem ssl-min-ver TLSv{version} ssl-max-ver TLSv{version} {demand}
    http-request return status 200 content-type text/plain file page
"""

    def command(self):
        self.write("server.pem", self.chain.read_text(encoding="ascii") + self.key.read_text(encoding="ascii"))
        demand = f"verify required ca-file {harness.PKI}/root-ca.pem" if self.clients else ""
        text = self.CONFIGURATION.format(port=self.port, version=self.version, demand=demand)
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", text)]


class GnuTLS(Foreign):
    """It knows no address to bind to, and shows requests to nobody; but none comes before the end of the handshake."""
    PROGRAM = "gnutls-serv"
    REQUEST, REFUSAL = r"^- Description:", r"^Error in handshake"

    def command(self):
        demand = ["--require-client-cert", "--verify-client-cert", "--x509cafile", harness.PKI / "root-ca.pem"]
        return ["gnutls-serv", "--http", "--httpdata", "page", "--port", self.port, "--x509certfile", self.chain,
                "--x509keyfile", self.key, "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{self.version}",
                *(demand if self.clients else ["--disable-client-cert"])]


KINDS = OpenSSL, Nginx, HAProxy, GnuTLS


def find(program):
    """Its path, or None. Debian has servers where a user's search path does not reach."""
    return shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
