"""Dependencies between the files of lib/ point down, and OpenSSL stays where it must be.

The order is that of `sources` in lib/meson.build, the lowest file first. A file X.c stands at its place in the list, and
X.h with it. A header without a file of its own (values only: evidence.h, domain.h) stands directly above the highest header
that it includes itself, at the bottom if there is none. Then:

  - X.c includes X.h and headers that stand below it; X.h includes headers that stand below it;
  - X.c calls or reads nothing that a file above it defines, as the linker sees it;
  - <openssl/…> is included only by the files of USES_OPENSSL, and each of them does include it;
  - the files of PURE reach no header of OpenSSL, by whatever way, but <openssl/types.h>, which only names types.
"""
import pathlib
import re
import subprocess
import sys

from tally import Tally

USES_OPENSSL = {
    "acceptable.c", "acceptable.h", "anchors.c", "anchors.h", "attach.c", "certificate.c", "certificate_keys.c",
    "certificate_keys.h",
    "chain.c", "chain.h", "check.c", "client_session.c", "client_session.h", "connection.c", "connection.h",
    "context.c", "credentials.c", "credentials.h", "crl.c", "crl.h", "crl_read.c", "crl_read.h", "crl_source.c",
    "crl_source.h", "digest.c", "enrolment.c", "evaluate.c", "event.c", "event.h", "event_json.c", "evidence_x509.c",
    "evidence_x509.h", "handshake.c", "host.c", "host.h", "known_cas.c", "known_cas.h", "leaf.c", "leaf.h",
    "name_text.c", "name_text.h", "pin_source.c", "prepare.c", "server_session.c", "stats.c", "validations.c",
}
PURE = {
    "codes.c", "counters.c", "decide.c", "encoding.c", "error.c", "lines.c", "moment.c", "name.c", "policy_file.c",
    "policy_line.c", "policy_load.c", "policy_parser.c", "policy_rule.c", "retired.c", "revocation.c", "route.c",
    "rule_sort.c", "rule_table.c", "sources.c", "text.c", "utf8.c", "wakeup.c", "watch.c",
}
INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.MULTILINE)


class Tree:
    def __init__(self, root):
        self.lib, self.public = root / "lib", root / "include"
        listed = (self.lib / "meson.build").read_text(encoding="utf-8").split("sources = files(")[1].split(")")[0]
        self.order = re.findall(r"'(\w+\.c)'", listed)

    def includes(self, path):
        return INCLUDE.findall(path.read_text(encoding="utf-8"))

    def own(self, path):
        """The headers of lib/ that a file includes."""
        return [name for name in self.includes(path) if (self.lib / name).is_file()]

    def level(self, name):
        """Twice the place, so that a header without a .c file fits between two places."""
        source = name.removesuffix(".h") + ".c" if name.endswith(".h") else name
        if source in self.order:
            return 2 * self.order.index(source)
        return 1 + max((self.level(inner) for inner in self.own(self.lib / name)), default=-2)

    def reach(self, path, seen):
        """All headers of OpenSSL that a file includes, directly or through headers of the project."""
        found = set()
        for name in self.includes(path):
            inner = self.lib / name if (self.lib / name).is_file() else self.public / name
            if name.startswith("openssl/"):
                found.add(name)
            elif inner.is_file() and inner not in seen:
                seen.add(inner)
                found |= self.reach(inner, seen)
        return found


def check_includes(tally, tree, path):
    for name in tree.own(path):
        same = path.suffix == ".c" and name == path.stem + ".h"
        tally.check(same or tree.level(name) < tree.level(path.name), f"{path.name} includes {name}, which stands below it")


def check_openssl(tally, tree, path):
    uses = any(name.startswith("openssl/") for name in tree.includes(path))
    tally.check(uses == (path.name in USES_OPENSSL), f"{path.name} includes <openssl/…> only if listed", str(uses))
    if path.name in PURE:
        reached = tree.reach(path, set()) - {"openssl/types.h"}
        tally.check(not reached, f"{path.name} reaches no OpenSSL", ", ".join(sorted(reached)))


def symbols(archive, *options):
    """(file, symbol) for each line of nm: `archive[lib_X.c.o]: NAME TYPE …`."""
    done = subprocess.run(["nm", "-A", "-P", "-g", *options, archive], capture_output=True, text=True, check=True)
    return re.findall(r"(\w+\.c)\.o\]?: (mtlspin_\w+) ", done.stdout)


def check_calls(tally, tree, archive):
    home = {symbol: file for file, symbol in symbols(archive, "--defined-only")}
    calls = {(file, home[symbol]) for file, symbol in symbols(archive, "-u") if symbol in home}
    tally.check(len(calls) > 50, "files call each other", str(len(calls)))
    for file, target in sorted(calls):
        tally.check(tree.level(target) < tree.level(file), f"{file} uses {target}, which stands below it")


def main():
    tree = Tree(pathlib.Path(sys.argv[1]))
    tally = Tally()
    on_disk = {path.name for path in tree.lib.glob("*.c")}
    tally.check(on_disk == set(tree.order), "lib/meson.build lists every file", str(on_disk ^ set(tree.order)))
    for path in sorted(tree.lib.glob("*.[ch]")):
        check_includes(tally, tree, path)
        check_openssl(tally, tree, path)
    tally.check(PURE | USES_OPENSSL <= {path.name for path in tree.lib.glob("*.[ch]")}, "the lists here name files")
    check_calls(tally, tree, sys.argv[2])
    tally.finish()


main()
