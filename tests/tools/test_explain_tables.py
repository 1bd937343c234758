"""Every case of the tables of handshakes, asked of `mtlspin explain`: it must say what the handshake does.

The tables are tests/handshake/cases.txt, where we are the server, and client_cases.txt, where we are the client; what a line
means is written at their top. Places in the policies are filled in as in cases.py.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from places import Places
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))
from tally import Tally  # noqa: E402

COMMAND, PKI, TABLES = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]

Case = collections.namedtuple("Case", "where policy at chain key host allow reasons alerts label")


def both(text):
    """For TLS 1.2 and for TLS 1.3."""
    first, _, second = text.partition("|")
    return first, second or first


def read_case(where, line, policy, at, client):
    words = line.split(None, 6 if client else 4)
    host = words.pop(1) if client else "-"
    if client:
        words.pop(4)  # what mtlspin_peername says
    peer, verdict, reason, alert, label = words
    chain, _, key = peer.partition("/")
    if not key:
        chain, key = (peer + "-chain", peer) if peer != "none" else ("", "")
    host = None if host == "-" else host.removeprefix("sni:").removeprefix("param:").partition("=")[0]
    return Case(where, policy, at, chain, key, host, verdict == "allow", both(reason), both(alert), "" if label == "-" else label)


def read_table(path):
    """The cases of one table, each with its policy and time."""
    client, cases, policy, at = "client" in path.name, [], None, None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line == "policy":
            policy, at = [], None
        elif line.startswith(" "):
            policy.append(line)
        elif line.startswith("at "):
            at = line.split()[1]
        else:
            cases.append(read_case(f"{path.name}:{number}", line, policy, at, client))
    return client, cases


def unanswerable(case, client):
    """Why a case cannot be asked without a connection; None: it can."""
    if not case.chain:
        return "no certificate, and the command is about one"
    if client and case.host is None:
        return "no host, and the command wants one"
    return None


def ask(case, client, folder, places):
    policy = folder / "policy"
    policy.write_text(places.fill("".join(line + "\n" for line in case.policy)), encoding="utf-8")
    blocks = (PKI / f"{case.chain}.pem").read_text(encoding="ascii").split("-----BEGIN CERTIFICATE-----")[1:]
    (folder / "leaf.pem").write_text("-----BEGIN CERTIFICATE-----" + blocks[0], encoding="ascii")
    (folder / "rest.pem").write_text("".join("-----BEGIN CERTIFICATE-----" + block for block in blocks[1:]), encoding="ascii")
    options = (["--at", case.at] if case.at else []) + (["--host", case.host] if client else [])
    options += ["--chain", str(folder / "rest.pem")] if len(blocks) > 1 else []
    return subprocess.run([COMMAND, "explain", "--json", *options, str(policy), str(folder / "leaf.pem")],
                          capture_output=True, timeout=60, check=False)


def check_answer(tally, case, version, answer):
    name = f"{case.where} in TLS 1.{2 + version}"
    tally.check(answer["verdict"] == ("allow" if case.allow else "deny"), f"{name}: verdict", answer["verdict"])
    tally.check(answer["reason"] == case.reasons[version], f"{name}: reason", answer["reason"])
    tally.check(answer["label" if case.allow else "rule_label"] == case.label, f"{name}: label", str(answer["label"]))
    alert = str(answer["alert"]["number"]) if answer["alert"] else "-"
    tally.check(alert == case.alerts[version], f"{name}: alert", alert)


def check_whole(tally, case, answer):
    """What must hold of every answer, whatever the case is."""
    last = [step for step in answer["steps"] if step["final"]]
    tally.check(len(last) <= 1 and (not last or answer["steps"][-1] is last[0]), f"{case.where}: no step behind the last word")
    tally.check(bool(answer["advice"]) != case.allow, f"{case.where}: advice for a refusal alone", str(answer["advice"]))
    tally.check((answer["valid_until"] is not None) == case.allow, f"{case.where}: valid until", str(answer["valid_until"]))
    tally.check(not answer["near"] or answer["reason"] != "RULE", f"{case.where}: nothing is near where a rule matches")
    tally.check("Report this" not in answer["advice"], f"{case.where}: it is known what to do", answer["advice"])
    answers = {(step["verdict"], step["reason"], step["line"]) for step in answer["steps"]}
    tally.check(not answers or (answer["verdict"], answer["reason"], answer["line"]) in answers, f"{case.where}: a step says so")
    for step in answer["steps"]:
        leaf = [link["thumbprint"] for link in step["chain"]][:1]
        tally.check(leaf in ([], [answer["certificate"]["thumbprint"]]), f"{case.where}: the chain begins with the peer", str(leaf))
        tally.check(bool(step["trouble"]) == (step["x509_error"] != 0), f"{case.where}: trouble with the chain", str(step))
        tally.check(step["verdict"] == "deny" or (step["chain_valid"] and leaf), f"{case.where}: allowed by a valid chain", str(step))
    if answer["line"]:
        named = case.policy[answer["line"] - 1].split()[0:2]
        tally.check(answer["text"].split()[0:2] == named, f"{case.where}: the text of line {answer['line']}", answer["text"])


def run_case(tally, case, client, places):
    with tempfile.TemporaryDirectory(prefix="mtlspin-explain-") as folder:
        done = ask(case, client, pathlib.Path(folder), places)
    wanted = 0 if case.allow else 1
    good = done.returncode == wanted
    tally.check(good, f"{case.where}: exit status {wanted}", f"{done.returncode}: {done.stderr.decode(errors='replace')}")
    if not good:
        return
    answer = json.loads(done.stdout)
    for version in (0, 1):
        check_answer(tally, case, version, answer)
    check_whole(tally, case, answer)


def main():
    tally, places = Tally(), Places(PKI)
    for path in map(pathlib.Path, TABLES):
        client, cases = read_table(path)
        asked = 0
        for case in cases:
            reason = unanswerable(case, client)
            if reason:
                tally.skip(case.where, reason)
                continue
            asked += 1
            run_case(tally, case, client, places)
        print(f"{path.name}: {asked} of {len(cases)} cases asked")
        tally.check(asked > 100, f"{path.name} has cases", str(asked))
    tally.finish()


main()
