"""The example client as a child process: what it prints, what it says, and how it ends."""
import dataclasses
import json
import subprocess

import harness

CLIENT = harness.EXAMPLES / "client"
SECONDS = 60  # more than the client itself permits: 10 for the handshake and 30 for the answer, twice
FIELDS = harness.FIELDS | {"host": str}


@dataclasses.dataclass
class Outcome:
    status: int
    output: str
    events: list  # the audit log
    words: list   # all other lines of standard error


def check_event(event):
    for name, kind in FIELDS.items():
        assert type(event.get(name)) is kind, f"{name} is not {kind.__name__}: {event}"
    for name in event.keys() - FIELDS.keys():
        assert type(event[name]) is harness.SOMETIMES.get(name), f"{name} is unknown, or of another type: {event}"
    assert event["role"] == "client", event
    assert event["verdict"] == "allow" or event["label"] == "", event


def run(*arguments):
    done = subprocess.run([CLIENT, *map(str, arguments)], capture_output=True, timeout=SECONDS, check=False,
                          stdin=subprocess.DEVNULL, env=harness.environment())
    lines = done.stderr.decode().splitlines()
    outcome = Outcome(done.returncode, done.stdout.decode(), [json.loads(line) for line in lines if line.startswith("{")],
                      [line for line in lines if not line.startswith("{")])
    for event in outcome.events:
        check_event(event)
    return outcome


def identity(name):
    """The options for NAME's certificate; "none" has none."""
    return [] if name == "none" else ["--cert", harness.PKI / f"{name}-chain.pem", "--key", harness.PKI / f"{name}.key"]
