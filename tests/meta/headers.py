"""Each public header alone, as C11 and C++, with every compiler at hand; and each _INIT macro in both languages."""
import pathlib
import re
import shutil
import subprocess
import sys

from tally import Tally

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
LANGUAGES = [
    ("c", "c11", ["gcc", "clang"]),
    ("c++", "c++11", ["g++", "clang++"]),
    ("c++", "c++17", ["g++", "clang++"]),
]
INIT = re.compile(r"^#define MTLSPIN_(\w+)_INIT\b", re.MULTILINE)


def program(header):
    """A program with the header twice, before anything else, that fails unless each _INIT macro sets `size`."""
    names = sorted(set(INIT.findall(header.read_text(encoding="utf-8"))))
    lines = [f"#include <mtlspin/{header.name}>"] * 2 + ["int main(void)", "{"]
    for name in names:
        lines.append(f"    struct mtlspin_{name.lower()} {name.lower()} = MTLSPIN_{name}_INIT;")
        lines.append(f"    if ({name.lower()}.size != sizeof {name.lower()})")
        lines.append("        return 1;")
    return "\n".join(lines + ["    return 0;", "}"]) + "\n", len(names)


def compile_alone(tally, header, language, standard, compiler):
    what = f"{header.name} as {standard} with {compiler}"
    if shutil.which(compiler) is None:
        tally.skip(what, "no such compiler")
        return
    source, _ = program(header)
    command = [compiler, f"-std={standard}", "-x", language, *STRICT, "-fsyntax-only", f"-I{header.parent.parent}", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    tally.check(done.returncode == 0, what, done.stderr)


def main():
    tally = Tally()
    headers = sorted((pathlib.Path(sys.argv[1]) / "include" / "mtlspin").glob("*.h"))
    for header in headers:
        for language, standard, compilers in LANGUAGES:
            for compiler in compilers:
                compile_alone(tally, header, language, standard, compiler)
    tally.check(sum(program(header)[1] for header in headers) > 0, "there are _INIT macros")
    tally.finish()


main()
