"""What bash, zsh and fish propose for a line, and that --help, the manual page and they know the same options.

    python3 test_completion.py ROOT COMMAND
"""
import functools
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))
from tally import Tally  # noqa: E402

ROOT, COMMAND = pathlib.Path(sys.argv[1]).resolve(), os.path.abspath(sys.argv[2])
COMPLETION = ROOT / "tools" / "completion"
COMMANDS = ("pin", "check", "explain")
FILES = ("clients.policy", "alice.pem", "ca.pem")

# What is typed up to the tab, and what is proposed.
LINES = (
    ("mtlspin ch", {"check"}),
    ("mtlspin help e", {"explain"}),
    ("mtlspin pin --as ", {"allow-spki", "allow-thumbprint", "allow-serial"}),
    ("mtlspin pin --as allow-t", {"allow-thumbprint"}),
    ("mtlspin pin al", {"alice.pem"}),
    ("mtlspin pin --json al", {"alice.pem"}),
    ("mtlspin pin --issuer c", {"ca.pem", "clients.policy"}),
    ("mtlspin pin --issuer ca.pem al", {"alice.pem"}),
    ("mtlspin check cl", {"clients.policy"}),
    ("mtlspin check --st", {"--strict"}),
    ("mtlspin explain --role ", {"client", "server"}),
    ("mtlspin explain --role s", {"server"}),
    ("mtlspin explain cl", {"clients.policy"}),
    ("mtlspin explain clients.policy al", {"alice.pem"}),
    ("mtlspin explain --chain ca", {"ca.pem"}),
)

BASH = r"""source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mtlspin; printf '%s\n' "${COMPREPLY[@]}" """

# Every match goes to a file, too, and a last line says that there are no more.
ZSH = r"""PS1= RPS1= PS2=; unset zle_bracketed_paste; fpath=($MTLSPIN_COMPLETION $fpath)
autoload -Uz compinit; compinit -u -D -d $MTLSPIN_OUTPUT.dump
compadd() { local -a found
[[ " $* " == *" -"[AOD]" "* ]] || { builtin compadd -O found "$@"; print -rl -- $found >>$MTLSPIN_OUTPUT; }
builtin compadd "$@"; }
over() { print -- '(over)' >>$MTLSPIN_OUTPUT; }; comppostfuncs=(over); setopt no_beep no_always_last_prompt
zle -C tell complete-word tell; tell() { comppostfuncs=(over); _main_complete; }; bindkey '^I' tell
print -- '(ready)' >>$MTLSPIN_OUTPUT
"""


def bash(line, folder):
    words = line.split(" ")
    done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", COMPLETION / "mtlspin.bash", *words], cwd=folder,
                          capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


def fish(line, folder):
    script = 'source $argv[1]; complete -C "$argv[2]"'
    done = subprocess.run(["fish", "--no-config", "-c", script, COMPLETION / "mtlspin.fish", line], cwd=folder,
                          capture_output=True, text=True, check=True, env={**os.environ, "HOME": str(folder)})
    return [proposal.split("\t")[0] for proposal in done.stdout.splitlines()]


def wait_for(output, word, terminal):
    """Reads what the shell shows, so that it does not wait for us, until its file has the word."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if output.exists() and word in output.read_text(encoding="utf-8").splitlines():
            return
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)
    raise TimeoutError(f"zsh does not say {word}")


def zsh(line, folder):
    """zsh completes on a terminal only, so it gets one."""
    with tempfile.TemporaryDirectory(prefix="mtlspin-zsh-") as work:
        output = pathlib.Path(work, "output")
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(folder)
            added = {"TERM": "dumb", "HOME": work, "MTLSPIN_OUTPUT": str(output), "MTLSPIN_COMPLETION": str(COMPLETION)}
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, **added})
        try:
            setup = pathlib.Path(work, "setup")
            setup.write_text(ZSH, encoding="utf-8")
            os.write(terminal, f"source {setup}\n".encode())
            wait_for(output, "(ready)", terminal)
            os.write(terminal, f"{line}\t".encode())
            wait_for(output, "(over)", terminal)
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(terminal)
        return [word for word in output.read_text(encoding="utf-8").splitlines() if not word.startswith("(")]


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}


def proposals(shell, line, folder):
    """Without the backslashes and the space or slash that a shell adds."""
    return {word.strip() for word in SHELLS[shell](line, folder)} - {""}


@functools.lru_cache(maxsize=None)
def help_of(command):
    return subprocess.run([COMMAND, command, "--help"], capture_output=True, text=True, check=True).stdout


PAGE = (ROOT / "docs" / "mtlspin.1").read_text(encoding="utf-8")


def manual_of(command):
    """The part of mtlspin(1) about one command."""
    return re.search(rf"^\.Ss mtlspin {command}$(.*?)^\.S[sh] ", PAGE, re.M | re.S).group(1)


def synopsis_options(command):
    part = re.search(rf"^\.Nm\n\.Cm {command}$(.*?)^\.Nm", PAGE, re.M | re.S).group(1)
    return {"--" + name for name in re.findall(r"^\.Op Fl -([a-z-]+)", part, re.M)}


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def manual_options(command):
    return {"--" + name for name in re.findall(r"^\.It Fl -([a-z-]+)", manual_of(command), re.M)}


def warnings():
    """The names that the manual page has."""
    return set(re.findall(r"^\.It Bq Cm ([a-z-]+)", manual_of("check"), re.M))


def check_shell(tally, shell, folder):
    for command in COMMANDS:
        offered = {word for word in proposals(shell, f"mtlspin {command} --", folder) if word.startswith("--")}
        tally.check(offered == manual_options(command), f"{shell}: the options of {command}",
                    f"{sorted(offered)}, the page has {sorted(manual_options(command))}")
    for line, expected in LINES:
        found = proposals(shell, line, folder)
        tally.check(found == expected, f"{shell}: {line}", str(sorted(found)))
    found = proposals(shell, "mtlspin ", folder)
    tally.check(found >= {*COMMANDS, "help"} and not found & set(FILES), f"{shell}: the commands", str(sorted(found)))
    names = sorted(warnings())
    for before in ("", f"{names[0]},"):
        found = {word.rpartition(",")[2] for word in proposals(shell, f"mtlspin check --ignore {before}", folder)}
        tally.check(found | {names[0]} == set(names), f"{shell}: the warnings behind '{before}'", str(sorted(found)))


def main():
    tally = Tally()
    for command in COMMANDS:
        told = options_of(help_of(command))
        tally.check(told == manual_options(command), f"mtlspin {command} --help and mtlspin(1) have the same options",
                    f"{sorted(told)} and {sorted(manual_options(command))}")
        tally.check(synopsis_options(command) | {"--help"} == manual_options(command), f"mtlspin(1): the SYNOPSIS of {command}",
                    str(sorted(synopsis_options(command))))
    told = set(re.findall(r"^  ([a-z]+(?:-[a-z]+)*)  ", help_of("check"), re.M))
    tally.check(told == warnings(), "mtlspin check --help and mtlspin(1) have the same warnings",
                f"{sorted(told)} and {sorted(warnings())}")
    done = subprocess.run(["bash", "--norc", "-c", 'source "$1"; complete -p mtlspin', "bash", COMPLETION / "mtlspin.bash"],
                          capture_output=True, text=True, check=False)
    tally.check(done.stdout == "complete -F _mtlspin mtlspin\n", "bash: is registered", done.stdout + done.stderr)
    # Of "--role=s" bash makes three words.
    tally.check(bash("mtlspin explain --role = s", ROOT)[0] == "server", "bash: --role=s")
    tally.check(bash("mtlspin explain --role =", ROOT)[:2] == ["client", "server"], "bash: --role=")
    with tempfile.TemporaryDirectory(prefix="mtlspin-completion-") as folder:
        for name in FILES:
            pathlib.Path(folder, name).touch()
        for shell in SHELLS:
            if shutil.which(shell) is None:
                tally.skip(f"completion for {shell}", f"{shell} is not installed")
            else:
                check_shell(tally, shell, folder)
    tally.finish()


main()
