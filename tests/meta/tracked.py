"""Nothing in the tree's own files that belongs to somebody's machine: no private key, no path of a home or build folder."""
import pathlib
import re
import subprocess
import sys

from tally import Tally

# Written so that this file does not find itself.
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[A-Za-z0-9+/=]{20}")
MACHINE = re.compile(rb"(?<![\w.$})~-])/(?:work|home|root|Users|tmp(?!/mtlspin-))/[\w.]+")
LIST = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
FOREIGN = {".git", "build", "__pycache__"}


def own_files(root):
    """What git tracks or would; in an unpacked archive, everything but the build folder."""
    try:
        done = subprocess.run(LIST, cwd=root, capture_output=True, check=False)
        names = [root / name.decode() for name in done.stdout.split(b"\0") if name]
    except FileNotFoundError:
        names = []
    if names:
        return [path for path in names if path.is_file()]
    return [path for path in root.rglob("*") if path.is_file() and not FOREIGN & set(path.relative_to(root).parts)]


def main():
    root = pathlib.Path(sys.argv[1])
    tally = Tally()
    for path in own_files(root):
        content = path.read_bytes()
        name = path.relative_to(root)
        found = MACHINE.findall(content)
        tally.check(not KEY.search(content) and path.suffix not in (".key", ".p12", ".pfx"), f"{name}: a private key")
        tally.check(not found, f"{name}: a path of some machine", b" ".join(found).decode(errors="replace"))
    tally.check(tally.passed > 100, "the tree has files", str(tally.passed))
    tally.finish()


main()
