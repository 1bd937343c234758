"""Side by side: libmtlspin's examples/reload, HAProxy with an ACL file of SHA-256 thumbprints, nginx with a map on its
(SHA-1) fingerprint. The same clients, one after another on one machine; COUNT entries each, the clients' own among them.

    python3 tests/bench/beside.py [--count N] [--seconds S] [--build BUILD]

BUILD is a release build with `ninja bench` done. Prints lines `name<TAB>value<TAB>unit`; what is not installed is a line
`name<TAB>-<TAB>skipped: reason`. Each server handles its connections in one thread of one process, with the same
certificate, TLS 1.3 only, no tickets, client chains to the same root. Only ours writes a line of log for each decision.

beside-start    from the start of the program to the first accepted client, median of three
beside-memory   of all its processes, shared pages counted once, after the handshakes of beside-rate
beside-rate     full handshakes a second, 32 at once, three slices in turn with the other servers, median
beside-cpu      processor time that each of these cost the server
beside-reload   from the signal until a client is accepted who is new on the list, and another refused who is no longer on
                it, median of three
beside-peak     memory, the most that was seen during a reload
beside-lost     handshakes of a listed client that did not end in an answer, while beside-steady a second go on through
                three reloads (a fifth of what the slowest server can do)
beside-worst    the slowest answer to one of these

The mix is another policy for ours, of all kinds of rules, which bench-rules writes."""
import argparse
import contextlib
import grp
import hashlib
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

STARTS, SLICES, RELOADS = 3, 3, 3
FLIGHT = 32
PATIENCE = 120  # seconds for what should take two or three: the machine may be busy
ALWAYS, OLD, NEW, NEVER = "alice", "kiosk", "build-agent", "mallory"  # who is on which list
NO_TICKETS = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = tickets
[tickets]
NumTickets = 0
"""
HAPROXY = """global
    nbthread 1
    maxconn 4000
    tune.ssl.cachesize 0
    stats socket {folder}/admin mode 600 level admin expose-fd listeners
    ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 30s
frontend all
    bind 127.0.0.1:{port} ssl crt {folder}/server.pem ca-file {pki}/root-ca.pem verify required
    acl listed ssl_c_der,sha2(256),hex -m str -f {folder}/list
    http-request return status 200 content-type text/plain string hello if listed
    http-request deny
"""
NGINX = """daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    map_hash_max_size {slots};
    map_hash_bucket_size 1024;
    map $ssl_client_fingerprint $listed {{ default 0; include {folder}/list; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols TLSv1.3;
        ssl_session_tickets off;
        ssl_certificate {pki}/server-chain.pem; ssl_certificate_key {pki}/server.key;
        ssl_client_certificate {pki}/root-ca.pem; ssl_verify_client on; ssl_verify_depth 8;
        location / {{ if ($listed = 0) {{ return 403; }} return 200 hello; }}
    }}
}}
"""


class Bench:
    """What all servers share: the arguments, the clients, and a folder for everything."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.build = pathlib.Path(arguments.build).absolute()
        self.pki = self.build / "certs" / "pki"
        self.load = self.build / "tests" / "bench" / "bench-beside-load"
        (folder / "openssl.cnf").write_text(NO_TICKETS, encoding="ascii")
        self.environment = dict(os.environ, OPENSSL_CONF=str(folder / "openssl.cnf"))
        self.children = []

    def der(self, name):
        return ssl.PEM_cert_to_DER_cert((self.pki / f"{name}.pem").read_text(encoding="ascii"))

    def clients(self, port, name, *mode):
        """The generator as a child; result() takes what it prints."""
        child = subprocess.Popen([self.load, str(port), self.pki, name, *map(str, mode)], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        return child


def result(child):
    text, _ = child.communicate(timeout=PATIENCE * 2)
    if child.returncode != 0:
        sys.exit("bench-beside-load has failed")
    words = text.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2])}


def lost(counts):
    return counts["refused"] + counts["unreachable"] + counts["broken"] + counts["silent"]


def write_lists(bench):
    """FOLDER/KIND.old and .new for each kind of list: random entries, and in their middle the clients'."""
    digests = random.Random(6).randbytes(32 * bench.arguments.count)
    digests = [digests[at:at + 32] for at in range(0, len(digests), 32)]
    forms = {
        "mtlspin": lambda der, i: f"allow thumbprint {hashlib.sha256(der).digest().hex(':').upper()} client-{i}\n",
        "haproxy": lambda der, i: hashlib.sha256(der).hexdigest().upper() + "\n",
        "nginx": lambda der, i: hashlib.sha1(der).hexdigest() + " 1;\n",
    }
    for kind, form in forms.items():
        head = f"ca {bench.pki}/root-ca.pem\n" if kind == "mtlspin" else ""
        lines, middle = [form(digest, i) for i, digest in enumerate(digests[2:])], len(digests) // 2
        for version, client in (("old", OLD), ("new", NEW)):
            own = [form(bench.der(name), name) for name in (ALWAYS, client)]
            (bench.folder / f"{kind}.{version}").write_text(
                head + "".join(lines[:middle]) + "".join(own) + "".join(lines[middle:]), encoding="ascii")


def write_mix(bench):
    """All kinds of rules in three domains; the client's own rule is in the second one."""
    path, writer = bench.folder / "mix.policy", bench.build / "tests" / "bench" / "bench-rules"
    subprocess.run([writer, str(bench.arguments.count), "mix", path], check=True, stdout=subprocess.DEVNULL)
    return path


def family(pid):
    """The process and all below it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                found += map(int, pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text("ascii").split())
    return found


class Server:
    """One that can be started, told to reload, and stopped with all its processes."""

    def __init__(self, bench, name, program, reload_signal, old):
        self.bench, self.name, self.program, self.reload_signal = bench, name, program, reload_signal
        self.folder = bench.folder / name
        self.folder.mkdir()
        self.process, self.port = None, 0
        self.use(old)

    def use(self, path):
        """FOLDER/list is this file from now on."""
        (self.folder / "next").symlink_to(path)
        os.replace(self.folder / "next", self.folder / "list")

    def command(self):
        pki = self.bench.pki
        return ["--listen", f"127.0.0.1:{self.port}", "--cert", pki / "server-chain.pem", "--key", pki / "server.key",
                "--policy", self.folder / "list"]

    def configure(self, template, **values):
        path = self.folder / "conf"
        path.write_text(template.format(folder=self.folder, port=self.port, pki=self.bench.pki, **values),
                        encoding="ascii")
        return path

    def start(self):
        """Seconds until a client is accepted."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [self.program, *self.command()]
        with open(self.folder / "log", "wb") as log:
            begun = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.bench.environment, start_new_session=True)
        clients = self.bench.clients(self.port, ALWAYS, "until", "accepted", PATIENCE)
        while clients.poll() is None and self.process.poll() is None:
            time.sleep(0.01)
        if self.process.poll() is not None:
            sys.exit(f"{self.name} does not start:\n" + (self.folder / "log").read_text("utf-8", "replace")[-2000:])
        counts = result(clients)
        if counts["accepted"] != 1:
            sys.exit(f"{self.name} does not serve: {counts}")
        return counts["at"] - begun

    def check(self):
        """Who is not on the list is refused, and nobody gets a ticket."""
        counts = result(self.bench.clients(self.port, NEVER, "until", "refused", 1))
        if counts["refused"] != 1 or counts["accepted"] + counts["tickets"] > 0:
            sys.exit(f"{self.name} does not guard: {counts}")

    def stop(self):
        if self.process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self.process = None

    def memory(self):
        """MiB."""
        total = 0
        for pid in family(self.process.pid):
            with contextlib.suppress(OSError):
                lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024

    def processor_time(self):
        """Seconds."""
        total = 0
        for pid in family(self.process.pid):
            for task in os.listdir(f"/proc/{pid}/task"):
                total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text("ascii").split()[0])
        return total / 1e9

    def rate(self, seconds):
        """(handshakes a second, microseconds of processor time for each)"""
        before = self.processor_time()
        counts = result(self.bench.clients(self.port, ALWAYS, "rate", FLIGHT, seconds))
        if lost(counts) + counts["tickets"] > 0:
            sys.exit(f"{self.name} fails under load: {counts}")
        return counts["accepted"] / counts["seconds"], (self.processor_time() - before) / counts["accepted"] * 1e6

    def reload(self, path, added, removed, each_second, margin):
        """(seconds, counts of a steady load meanwhile, MiB at most)"""
        load = self.bench.clients(self.port, ALWAYS, "steady", each_second)
        time.sleep(margin)
        most, over = [self.memory()], threading.Event()
        watcher = threading.Thread(target=lambda: [most.append(self.memory()) for _ in iter(lambda: over.wait(0.1), True)])
        watcher.start()
        self.use(path)
        begun = time.monotonic()
        self.process.send_signal(self.reload_signal)
        probes = [self.bench.clients(self.port, added, "until", "accepted", PATIENCE),
                  self.bench.clients(self.port, removed, "until", "refused", PATIENCE)]
        ends = [result(probe) for probe in probes]
        time.sleep(margin)
        over.set()
        watcher.join()
        if ends[0]["accepted"] + ends[1]["refused"] != 2:
            sys.exit(f"{self.name} does not reload: {ends}")
        return max(end["at"] for end in ends) - begun, result(load), max(most)


class HAProxy(Server):
    def command(self):
        pem = self.folder / "server.pem"
        pem.write_text("".join((self.bench.pki / name).read_text("ascii") for name in ("server-chain.pem", "server.key")),
                       encoding="ascii")
        return ["-W", "-f", self.configure(HAPROXY)]


class Nginx(Server):
    def command(self):
        user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};" if os.geteuid() == 0 else ""
        path = self.configure(NGINX, user=user, slots=max(2048, self.bench.arguments.count))
        return ["-p", self.folder, "-e", self.folder / "log", "-c", path]


def find_servers(bench):
    """Those that are there; what is not is told."""
    ours = bench.build / "examples" / "reload"
    places = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin"
    servers = [Server(bench, "mtlspin", ours, signal.SIGHUP, bench.folder / "mtlspin.old")]
    for kind, name, reload_signal in ((HAProxy, "haproxy", signal.SIGUSR2), (Nginx, "nginx", signal.SIGHUP)):
        program = shutil.which(name, path=places)
        if program:
            servers.append(kind(bench, name, program, reload_signal, bench.folder / f"{name}.old"))
        else:
            for figure in ("start", "memory", "rate", "cpu", "reload", "peak", "lost", "worst"):
                print(f"beside-{figure}/{name}\t-\tskipped: {name} is not installed")
    return servers + [Server(bench, "mtlspin-mix", ours, signal.SIGHUP, write_mix(bench))]


def show(figure, server, value, unit):
    print(f"beside-{figure}/{server.name}\t{value:.4g}\t{unit}", flush=True)


def measure_start(server):
    taken = []
    for _ in range(STARTS):
        server.stop()
        taken.append(server.start())
    server.check()
    show("start", server, statistics.median(taken), "s")


def measure_rate(servers, seconds):
    """Returns the least."""
    slices = {server: [] for server in servers}
    for _ in range(SLICES):
        for server in servers:
            slices[server].append(server.rate(seconds / SLICES))
    rates = {server: statistics.median(rate for rate, _ in slices[server]) for server in servers}
    for server in servers:
        show("rate", server, rates[server], "1/s")
        show("cpu", server, statistics.median(cpu for _, cpu in slices[server]), "us")
        show("memory", server, server.memory(), "MiB")
    return min(rates.values())


def measure_reload(server, each_second, margin):
    folder, done = server.bench.folder, []
    for i in range(RELOADS):
        version, added, removed = (("new", NEW, OLD), ("old", OLD, NEW))[i % 2]
        done.append(server.reload(folder / f"{server.name}.{version}", added, removed, each_second, margin))
    show("reload", server, statistics.median(seconds for seconds, _, _ in done), "s")
    show("peak", server, max(peak for _, _, peak in done), "MiB")
    show("lost", server, sum(lost(counts) for _, counts, _ in done), "handshakes")
    show("worst", server, max(counts["worst"] for _, counts, _ in done), "ms")


def measure(bench):
    write_lists(bench)
    servers = find_servers(bench)
    try:
        for server in servers:
            measure_start(server)
        each_second = measure_rate(servers, bench.arguments.seconds) / 5
        print(f"beside-steady\t{each_second:.4g}\t1/s", flush=True)
        servers.pop().stop()  # the mix: that there is nothing else to be seen in its reload
        for server in servers:
            measure_reload(server, each_second, min(1, bench.arguments.seconds / 8))
    finally:
        for server in servers:
            server.stop()
        for child in bench.children:
            child.kill()


def main():
    parser = argparse.ArgumentParser(description="libmtlspin beside HAProxy and nginx")
    parser.add_argument("--count", type=int, default=1000000, help="entries of each list")
    parser.add_argument("--seconds", type=float, default=4, help="how long handshakes are counted for each server")
    parser.add_argument("--build", default="build", help="a release build")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="mtlspin-beside-") as folder:
        measure(Bench(parser.parse_args(), pathlib.Path(folder)))


main()
