"""The quick start of README.md, tried as written, over TLS 1.2 and TLS 1.3; its policy; and the sessions of other pages.

    python3 quickstart_test.py ROOT BUILD

Each block behind the build runs in one shell, as a reader's would. A `text` block is what the block before it prints.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))
from tally import Tally, skip_all  # noqa: E402
import transcript  # noqa: E402

ROOT, BUILD = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
PROTOCOLS = {"TLSv1.2": "--tls-max 1.2", "TLSv1.3": "--tlsv1.3"}

# The port is the kernel's choice, and waiting ends when what is waited for has come.
CHANGES = (
    ("--listen 127.0.0.1:8443", "--listen 127.0.0.1:0"),
    ("--policy clients.policy &\nsleep 1\n",
     "--policy clients.policy >server.out 2>server.err &\nawait listening server.out\n"
     "port=$(sed -n 's/^listening on .*://p' server.out)\n"),
    ("https://localhost:8443/", "https://localhost:$port/"),
    ("kill -HUP $! && sleep 1", "kill -HUP $! && await '\"event\":\"reload\"' server.err"),
)
# It is built already; and curl says only what the page shows.
BEFORE = """meson() { [ -x build/tools/mtlspin ] && [ -x build/examples/server ]; }
curl() { command curl --silent --show-error --noproxy '*' --max-time 60 %s "$@"; }
await() { tries=600; until grep -qs "$1" "$2"; do tries=$((tries - 1)); [ $tries -gt 0 ] || return 1; sleep 0.1; done; }
"""
# What the page says of the policy as it is at the end.
AFTER = """sed -i '/ bob$/d' clients.policy
: >server.err
kill -HUP $! && await '"event":"reload"' server.err
! curl --cacert root-ca.pem --cert bob.pem --key bob.key https://localhost:$port/ 2>/dev/null
curl --cacert root-ca.pem --cert alice.pem --key alice.key https://localhost:$port/
"""
REFUSED = "! curl --cacert root-ca.pem --cert bob.pem --key bob.key https://localhost:$port/ 2>/dev/null\n"


def section(page, title):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.search(rf"^## {re.escape(title)}\n(.*?)^## ", text, re.M | re.S).group(1)


def blocks(text):
    """[commands, what they print or None] of each sh block."""
    steps = []
    for language, body in re.findall(r"^```(sh|text)\n(.*?)^```$", text, re.M | re.S):
        if language == "sh":
            steps.append([body, None])
        else:
            steps[-1][1] = body
    return steps


class Shell:
    """One shell for all blocks: its folder, variables and servers stay."""

    def __init__(self, folder, before):
        self.process = subprocess.Popen(["sh"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=transcript.environment())
        self.run(before)

    def run(self, commands):
        """The last command's exit status, and what all have printed."""
        self.process.stdin.write(f"{commands}printf '\\n(status %d)\\n' $?\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            end = re.fullmatch(r"\(status (\d+)\)\n", line)
            if end:
                return int(end.group(1)), "".join(lines)[:-1]
            lines.append(line)
        raise EOFError("".join(lines))

    def close(self):
        self.process.stdin.write("[ -z \"$!\" ] || kill $!\nwait\n")
        self.process.stdin.close()
        self.process.wait(timeout=60)


def expected_status(commands):
    """explain answers no; all the others are to succeed."""
    return 1 if commands.startswith("mtlspin explain ") else 0


def try_blocks(tally, shell, steps, protocol):
    for number, (commands, printed) in enumerate(steps, 1):
        what = f"quick start, block {number}, {protocol}"
        wanted = expected_status(commands)
        status, output = shell.run(commands)
        tally.check(status == wanted, f"{what}: exit status {wanted}", f"{status}\n{output}")
        if printed is not None:
            good = transcript.matches(printed.splitlines(), output)
            tally.check(good, f"{what}: prints what the page says", f"\n{output}")
        if "mtlspin explain" in commands:
            tally.check(shell.run(REFUSED)[0] == 0, f"{what}: who is refused by explain is refused by the server")


def quick_start(tally, protocol, option):
    text = section("README.md", "Quick start for operators")
    for old, new in CHANGES:
        tally.check(old in text, f"the quick start has {old!r}")
        text = text.replace(old, new)
    steps = blocks(text)
    tally.check(len(steps) >= 6, "the quick start has blocks", str(len(steps)))
    with tempfile.TemporaryDirectory(prefix="mtlspin-quickstart-") as folder:
        pathlib.Path(folder, "build").symlink_to(BUILD, target_is_directory=True)
        shell = Shell(folder, BEFORE % option)
        try:
            try_blocks(tally, shell, steps, protocol)
            status, output = shell.run(AFTER)
            tally.check((status, output) == (0, "hello, alice! (path: /)\n"), f"{protocol}: who is deleted is out", output)
            records = pathlib.Path(folder, "acme", "server.err").read_text(encoding="utf-8")
            tally.check(f'"protocol":"{protocol}"' in records, f"the handshakes were {protocol}", records)
        finally:
            shell.close()


def first_policy(tally):
    """The policy at the top of the README, with the CAs of docs/certificates.md."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    policy = re.search(r"^```text\n(# Who may call.*?)^```$", page, re.M | re.S).group(1)
    with tempfile.TemporaryDirectory(prefix="mtlspin-quickstart-") as folder:
        transcript.recipe(ROOT, folder)
        pathlib.Path(folder, "clients.policy").write_text(policy, encoding="utf-8")
        done = subprocess.run([BUILD / "tools" / "mtlspin", "check", "clients.policy"], cwd=folder, capture_output=True,
                              text=True, check=False)
        tally.check(done.returncode == 0, "the README's policy is good", done.stdout + done.stderr)


def hook(tally, page, folder, env):
    """The page's hook lets a good policy through, and neither a mistake nor a warning; what is staged counts."""
    if shutil.which("git") is None:
        tally.skip(f"{page}: the hook", "git is not installed")
        return
    script = re.search(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S).group(1)
    env = {**env, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=test", "-c", "user.email=test@acme.example"]

    def git(*words):
        return subprocess.run(["git", *identity, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)

    git("init")
    (folder / ".git" / "hooks").mkdir(exist_ok=True)
    (folder / ".git" / "hooks" / "pre-commit").write_text(script, encoding="utf-8")
    (folder / ".git" / "hooks" / "pre-commit").chmod(0o755)
    policy = folder / "clients.policy"
    good = policy.read_text(encoding="utf-8")
    for added, status in (("", 0), ("allow any not-after=2001-01-01\n", 1), ("allow nobody\n", 1)):
        policy.write_text(good + added, encoding="utf-8")
        git("add", policy.name)
        policy.write_text(good, encoding="utf-8")
        done = git("commit", "-m", "a policy")
        tally.check(done.returncode == status, f"{page}: the hook about {added!r}", done.stdout + done.stderr)


def sessions(tally):
    """The console blocks of the pages, each in a folder with the certificates of docs/certificates.md."""
    env = transcript.environment(BUILD / "tools" / "mtlspin")
    for page in ("docs/certificates.md", "docs/operating.md"):
        found = re.findall(r"^```console\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
        tally.check(len(found) > 0, f"{page} has sessions")
        with tempfile.TemporaryDirectory(prefix="mtlspin-quickstart-") as folder:
            transcript.recipe(ROOT, folder)
            for number, text in enumerate(found, 1):
                transcript.run(tally, f"{page}, session {number}", text, folder, env)
            if page == "docs/operating.md":
                hook(tally, page, pathlib.Path(folder), env)


def main():
    if not (BUILD / "tools" / "mtlspin").exists():
        skip_all("the command is not built (jansson is missing)")
    tally = Tally()
    first_policy(tally)
    sessions(tally)
    for protocol, option in PROTOCOLS.items():
        if shutil.which("curl") is None:
            tally.skip(f"the quick start over {protocol}", "curl is not installed")
        elif not (BUILD / "examples" / "server").exists():
            tally.skip(f"the quick start over {protocol}", "the examples are not built")
        else:
            quick_start(tally, protocol, option)
    tally.finish()


main()
