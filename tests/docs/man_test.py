"""The manual pages: clean mdoc, and the examples in them tried. Sessions run with the certificates of docs/certificates.md,
and the functions of mtlspin(7) are built into a program that greets a client. The policies of mtlspin-policy(5) are messages_test.py's.

    python3 man_test.py ROOT COMMAND LIBRARY CC FLAG...

COMMAND is empty where the command is not built. A comment before a display says what is special about it: "status N" of a
session's last command, "functions" of what belongs into greeter.c.
"""
import contextlib
import json
import pathlib
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))
from tally import Tally  # noqa: E402
import transcript  # noqa: E402

ROOT, COMMAND = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
LIBRARY, COMPILER = pathlib.Path(sys.argv[3]).resolve(), sys.argv[4:]
PAGES = sorted(path for path in (ROOT / "docs").iterdir() if re.fullmatch(r"\.[1-9]", path.suffix))
# Not about the page, but about what is installed here.
ELSEWHERE = re.compile(r"referenced manual not found|outdated mandoc\.db")
ESCAPES = (("\\e", "\\"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ti", "~"), ("\\(ha", "^"), ("\\-", "-"), ("\\&", ""))
PROTOCOLS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def plain(text):
    for escape, character in ESCAPES:
        text = text.replace(escape, character)
    return text


def displays(page):
    """(note, text) of each display of literal text."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r'(?:^\.\\" ([^\n]*)\n)?^\.Bd -(?:literal|unfilled)[^\n]*\n(.*?)^\.Ed$', text, re.M | re.S)
    return [(note, plain(body)) for note, body in found]


def lint(tally):
    if shutil.which("mandoc") is None:
        tally.skip("mandoc -Tlint", "mandoc is not installed")
        return
    for page in PAGES:
        done = subprocess.run(["mandoc", "-Tlint", page], capture_output=True, text=True, check=False)
        found = [line for line in (done.stdout + done.stderr).splitlines() if not ELSEWHERE.search(line)]
        tally.check(not found, f"mandoc -Tlint {page.name}", "\n".join(found))


@contextlib.contextmanager
def listening(command, pattern, folder):
    """Runs a server; gives the process and the port that the kernel has picked for it."""
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as server:
        try:
            port = next((found.group(1) for found in map(pattern.match, server.stdout) if found), None)
            yield server, port
        finally:
            server.kill()


def s_server(folder):
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-key", "server.key", "-www"]
    return listening(command, re.compile(r"ACCEPT 127\.0\.0\.1:(\d+)$"), folder)


def sessions(tally, folder):
    """What stands on one page builds on what stands above, as in a folder of the reader's own."""
    if not COMMAND:
        tally.skip("the sessions of mtlspin(1)", "the command is not built (jansson is missing)")
        return
    env = transcript.environment(COMMAND)
    with s_server(folder) as (_, port):
        for page in PAGES:
            for number, (note, text) in enumerate(displays(page), 1):
                if not re.search(r"^\$ ", text, re.M):
                    continue
                what = f"{page.name}, display {number}"
                status = re.fullmatch(r"status (\d)", note)
                transcript.run(tally, what, text.replace("localhost:8443", f"localhost:{port}"), folder, env,
                               int(status.group(1)) if status else 0)
        json_keys(tally, folder, env, f"localhost:{port}")


def keys_of(value):
    """Every key in it, however deep."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def json_keys(tally, folder, env, server):
    """mtlspin(1) has each key that --json prints about what its sessions have left behind."""
    output = re.search(r"^\.Sh OUTPUT$(.*?)^\.Sh ", (ROOT / "docs" / "mtlspin.1").read_text(encoding="utf-8"), re.M | re.S)
    known = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"^\.(?:It )?Cm (.*)", output.group(1), re.M))))
    for arguments in (f"pin alice-chain.pem alice.csr alice.key {server}", "check clients.policy new.policy",
                      "explain clients.policy alice-chain.pem", "explain clients.policy alice.pem",
                      "explain --host localhost servers.policy server.pem"):
        command, *rest = arguments.split()
        done = subprocess.run(["mtlspin", command, "--json", *rest], cwd=folder, env=env, capture_output=True, text=True,
                              check=False)
        printed = keys_of(json.loads(done.stdout))
        tally.check(printed and printed <= known, f"the keys of {arguments}", str(sorted(printed - known)))


def build(tally, name, text, folder):
    """Compiles a program as its reader would, but against the library that was just built."""
    source = folder / name
    source.write_text(text, encoding="utf-8")
    program = source.with_suffix("")
    openssl = subprocess.run(["pkg-config", "--cflags", "--libs", "libssl", "libcrypto"], capture_output=True, text=True,
                             check=True)
    command = [*COMPILER, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include", source, "-o", program, LIBRARY,
               f"-Wl,-rpath,{LIBRARY.parent}", *shlex.split(openssl.stdout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    tally.check(done.returncode == 0, f"{name} compiles", done.stderr)
    return program if done.returncode == 0 else None


def greeting(folder, port, name, protocol):
    """What the server says to the client of that name; "" if it is refused."""
    context = ssl.create_default_context(cafile=str(folder / "root-ca.pem"))
    context.minimum_version = context.maximum_version = protocol
    context.load_cert_chain(folder / f"{name}-chain.pem", folder / f"{name}.key")
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=60) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as connection:
                return connection.recv(1000).decode()
    except (ssl.SSLError, ConnectionError):
        return ""


def greeter(tally, program, folder):
    """It refuses the gateway, which no rule names, and then greets alice: it serves one after another."""
    shutil.copy(folder / "gateway.pem", folder / "gateway-chain.pem")
    with open(folder / "gateway-chain.pem", "a", encoding="utf-8") as chain:
        chain.write((folder / "clients-ca.pem").read_text(encoding="utf-8"))
    thumbprint = subprocess.run(["openssl", "x509", "-in", folder / "alice.pem", "-noout", "-fingerprint", "-sha256"],
                                capture_output=True, text=True, check=True).stdout.strip().rpartition("=")[2]
    (folder / "my.policy").write_text(f"ca root-ca.pem\nallow thumbprint {thumbprint} alice\n", encoding="utf-8")
    command = [program, "server.pem", "server.key", "127.0.0.1:0"]
    with listening(command, re.compile(r"listening on port (\d+)$"), folder) as (server, port):
        for protocol in PROTOCOLS:
            said = greeting(folder, port, "gateway", protocol)
            tally.check(said == "", f"the program refuses the gateway over {protocol.name}", repr(said))
            said = greeting(folder, port, "alice", protocol)
            tally.check(said == "alice", f"the program greets alice over {protocol.name}", repr(said))
        server.kill()
        told = server.stderr.read()
    tally.check(told == "refused: no rule allows the peer\n" * len(PROTOCOLS), "the program says whom it refused", told)


def programs(tally, folder):
    for page in PAGES:
        for note, text in displays(page):
            frame = (ROOT / "tests" / "docs" / "greeter.c").read_text(encoding="utf-8")
            program = build(tally, "greeter.c", frame.replace("/* PAGE */", text), folder) if note == "functions" else None
            if program is not None:
                greeter(tally, program, folder)


def main():
    tally = Tally()
    tally.check(len(PAGES) >= 2, "there are manual pages", str(PAGES))
    lint(tally)
    with tempfile.TemporaryDirectory(prefix="mtlspin-man-") as name:
        folder = pathlib.Path(name)
        transcript.recipe(ROOT, folder)
        programs(tally, folder)
        sessions(tally, folder)
    tally.finish()


main()
