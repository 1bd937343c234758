"""The library as others use it: installed and found with pkg-config, and as a Meson subproject."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from tally import Tally

WARNINGS = ["-Wall", "-Werror"]
SUBPROJECT = """project('user', 'c')
executable('user', 'consumer.c', dependencies: [dependency('mtlspin'), dependency('libssl')])
"""
WRAP = """[wrap-file]
directory = mtlspin

[provide]
dependency_names = mtlspin
"""


def run(tally, what, command, **options):
    """Runs a step; None if it failed, else its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    tally.check(done.returncode == 0, what, done.stdout[-4000:] + done.stderr[-4000:])
    return done.stdout if done.returncode == 0 else None


def install(tally, root, work):
    """Installs a plain build; returns what a user's shell then has in its environment."""
    prefix, build = work / "prefix", work / "build"
    run(tally, "meson setup", ["meson", "setup", build, root, f"--prefix={prefix}", "--libdir=lib", "-Dtests=disabled"])
    run(tally, "meson install", ["meson", "install", "-C", build])
    return {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig"), "LD_LIBRARY_PATH": str(prefix / "lib")}


def build_and_run(tally, source, arguments, compiler, environment, work):
    """cc source $(pkg-config --cflags --libs mtlspin), in an empty folder, with and without warnings."""
    flags = run(tally, "pkg-config", ["pkg-config", "--cflags", "--libs", "mtlspin"], env=environment)
    for warnings in ([], WARNINGS):
        what = f"{compiler} {' '.join(warnings + [source.name])}"
        program = pathlib.Path(tempfile.mkdtemp(dir=work)) / "program"
        command = [compiler, *warnings, source, "-o", program, *shlex.split(flags or "")]
        if run(tally, what, command, env=environment) is not None:
            output = run(tally, f"{what}: runs", [program, *arguments], env=environment)
            tally.check(output, f"{what}: says something")


def check_requirements(tally, environment):
    """Programs need libssl as well, and get it from pkg-config; once is enough."""
    output = run(tally, "pkg-config --print-requires", ["pkg-config", "--print-requires", "mtlspin"], env=environment)
    names = [line.split()[0] for line in (output or "").splitlines()]
    tally.check(sorted(names) == ["libcrypto", "libssl"], "mtlspin.pc requires libssl and libcrypto", str(names))


def check_links(tally, pages):
    """What the installed pages link to is installed, too."""
    found = [(page, target) for page in sorted(pages.rglob("*.md"))
             for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))]
    tally.check(len(found) > 10, "the installed pages have links", str(found))
    for page, target in found:
        tally.check((page.parent / target).exists(), f"{page.name}, as installed, links to {target}")


def installed_examples(work):
    return sorted((work / "prefix" / "share").rglob("server.c"))


def subproject(tally, root, work):
    user = work / "user"
    (user / "subprojects").mkdir(parents=True)
    (user / "subprojects" / "mtlspin").symlink_to(root, target_is_directory=True)
    (user / "subprojects" / "mtlspin.wrap").write_text(WRAP, encoding="utf-8")
    (user / "meson.build").write_text(SUBPROJECT, encoding="utf-8")
    shutil.copy(root / "tests" / "meta" / "consumer.c", user)
    build = work / "user-build"
    run(tally, "subproject: meson setup", ["meson", "setup", build, user, "--force-fallback-for=mtlspin", "--werror"])
    run(tally, "subproject: ninja", ["ninja", "-C", build])
    run(tally, "subproject: runs", [build / "user"])


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="mtlspin-consumer-") as folder:
        work = pathlib.Path(folder)
        environment = install(tally, root, work)
        check_requirements(tally, environment)
        check_links(tally, work / "prefix" / "share" / "doc" / "mtlspin")
        sources = [(root / "tests" / "meta" / "consumer.c", [])]
        sources += [(path, ["--help"]) for path in installed_examples(work)]
        tally.check(len(sources) == 2 or not (root / "examples" / "server.c").exists(), "the example is installed as source")
        for compiler in ("cc", "clang"):
            if shutil.which(compiler) is None:
                tally.skip(compiler, "not installed")
                continue
            for source, arguments in sources:
                build_and_run(tally, source, arguments, compiler, environment, work)
        subproject(tally, root, work)
    tally.finish()


main()
