"""The programs with libcurl that are tested: the example, and the driver, which gets wrong what a test tells it to.

    python3 TEST DRIVER EXAMPLES PKI, or with a reason: why there is nothing to run"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).parent.parent / name) for name in ("sockets", "meta")]
from tally import skip_all

if len(sys.argv) == 2:
    skip_all(sys.argv[1])
DRIVER = pathlib.Path(sys.argv.pop(1)).absolute()
import harness

EXAMPLE = harness.EXAMPLES / "libcurl"
ROOT = harness.PKI / "root-ca.pem"
FEATURES = os.environ.get("LIBCURL_FEATURES", "").split()  # of libcurl, as its pkg-config file names them
SHARED = tempfile.TemporaryDirectory()


def policy_file(template):
    """The path of a file with this policy."""
    file = pathlib.Path(SHARED.name, f"{abs(hash(template)):x}.policy")
    file.write_text(harness.policy_text(template), encoding="utf-8")
    return file


def environment():
    """Proxies of the machine are none of the tests' business."""
    return {name: value for name, value in harness.environment().items() if not name.lower().endswith("_proxy")}


def run(program, arguments):
    return subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, env=environment(),
                          stdin=subprocess.DEVNULL, timeout=6 * harness.PATIENCE, check=False)


def example(policy, *arguments):
    return run(EXAMPLE, ["--policy", policy_file(policy), *arguments])


def drive(*steps):
    """What the driver prints, a dictionary for each `get=`."""
    done = run(DRIVER, steps)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"driver: status {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def resolve(host, port):
    """For --resolve and resolve=."""
    return f"{host}:{port}:127.0.0.1"
