"""The C blocks of README.md and docs/clients.md compile, and every file that the pages link to exists.

    python3 readme_test.py ROOT CC FLAG..."""
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
passed = failed = 0


def verdict(good, what):
    global passed, failed
    passed += good
    failed += not good
    if not good:
        print("FAILED:", what)


INCLUDE = "#include <mtlspin/mtlspin.h>"
# What the text around the blocks speaks of.
GIVEN = """void example(SSL_CTX *ssl_ctx, SSL *ssl, SSL *next, int fd, struct mtlspin_verifier *verifier, struct mtlspin_error err,
    struct mtlspin_decision decision)"""


def compiles(block):
    """The block is the inside of a function; what is left out of it, "…", is the function's end."""
    head = re.findall(r"^#include.*$", block, re.M) or [INCLUDE]
    body = re.sub(r"^( *)…", r"\1return;", re.sub(r"^#include.*$", "", block, flags=re.M), flags=re.M)
    program = "\n".join(head + ["#include <openssl/ssl.h>", "#include <stdio.h>", "#include <stdlib.h>",
        "void die(const char *text);", "void die(const char *text) { fputs(text, stderr); exit(1); }",
        "mtlspin_sweep_callback disconnect;", "void disconnect(void *user, const struct mtlspin_decision *decision) {}",
        GIVEN + ";", GIVEN, "{", "{", body, "}", "}", ""])
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "block.c")
        source.write_text(program)
        done = subprocess.run(sys.argv[2:] + ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
            "-I" + str(root / "include"), "-c", str(source),
            "-o", str(source.with_suffix(".o"))], capture_output=True, text=True)
    return done.returncode == 0, done.stderr


for page in "README.md", "docs/clients.md":
    blocks = re.findall(r"^```c\n(.*?)^```$", (root / page).read_text(), re.M | re.S)
    verdict(len(blocks) > 0, f"{page} has no C block")
    for number, block in enumerate(blocks, 1):
        good, words = compiles(block)
        verdict(good, f"{page}, C block {number}:\n{words}")

for page in sorted(list(root.glob("*.md")) + list(root.glob("docs/*.md"))):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        verdict((page.parent / target).exists(), f"{page.name} links to {target}, which does not exist")

print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0 or passed < 10)
