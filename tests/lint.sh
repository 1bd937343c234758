#!/bin/sh
# SPDX-License-Identifier: MIT
# Lint: clang-tidy and cppcheck over the C files of lib/, tools/, examples/ and tests/;
# all scripts go through shellcheck. No finding is acceptable.
#
#   sh tests/lint.sh [BUILD]
#
# BUILD is a configured build folder (its compile_commands.json is read);
# without it, build/clang is used and made if needed. The exceptions are in
# .clang-tidy, tests/.clang-tidy and tests/cppcheck.txt, each with its reason.
# The last line counts one check for each tool and file (cppcheck: one for all).

set -u
unset CDPATH
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/clang}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Only what is compiled here has flags that clang-tidy could use.
if [ ! -f "$build/compile_commands.json" ]; then
    CC=clang meson setup "$build" . >"$work/setup" 2>&1 || { cat "$work/setup"; exit 1; }
fi

skipped=0
find lib examples tests tools -name '*.c' | sort >"$work/c"
# The adapter's header is one of the published cases', which may not be here.
if ! grep -q 'conformance/adapter\.c"' "$build/compile_commands.json"; then
    grep -v 'conformance/adapter\.c$' "$work/c" >"$work/c.rest" && mv "$work/c.rest" "$work/c"
    skipped=1
    echo "skipped: clang-tidy tests/conformance/adapter.c, which is not compiled here"
fi
# The same goes for programs that need libcurl.
if ! grep -q 'examples/libcurl\.c"' "$build/compile_commands.json"; then
    grep -v -e 'examples/libcurl\.c$' -e 'libcurl/driver\.c$' "$work/c" >"$work/c.rest" && mv "$work/c.rest" "$work/c"
    skipped=$((skipped + 2))
    echo "skipped: clang-tidy examples/libcurl.c tests/libcurl/driver.c, which are not compiled here"
fi
find . -path ./build -prune -o -path ./.git -prune -o \
    \( -name '*.sh' -o -path ./.ci/run \) -type f -print | sort >"$work/sh"

passed=0
failed=0

# Runs a check that shows nothing if there is nothing to find.
check() {
    what=$1
    shift
    if "$@" >"$work/output" 2>"$work/errors"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        grep -E -A 3 'error:|warning:|^In ' "$work/output" || cat "$work/output" "$work/errors"
    fi
}

tidy_verdict() {
    cat "$1"
    test -f "$1.good"
}

# One process a file, two at a time; the verdicts are files in $work/tidy.
tidy_all() {
    mkdir "$work/tidy"
    # shellcheck disable=SC2016 # the inner shell shall expand these
    xargs -P 2 -n 1 sh -c '
        out=$1/tidy/$(echo "$3" | tr / _)
        if clang-tidy -p "$2" --quiet "$3" >"$out" 2>&1; then : >"$out.good"; fi
    ' sh "$work" "$build" <"$work/c"
    while read -r file; do
        check "clang-tidy $file" tidy_verdict "$work/tidy/$(echo "$file" | tr / _)"
    done <"$work/c"
}

# Warnings about what cannot be found would hide what is not checked.
cppcheck_all() {
    check cppcheck cppcheck --project="$build/compile_commands.json" --file-filter='*lib/*' \
        --file-filter='*tools/*' --file-filter='*examples/*' --file-filter='*tests/*' --std=c11 --quiet -j 2 \
        --enable=warning,style,performance,portability --suppressions-list=tests/cppcheck.txt \
        --template='{file}:{line}: warning: {message} [{id}]' --error-exitcode=1
}

tidy_all
cppcheck_all
while read -r file; do
    check "shellcheck $file" shellcheck "$file"
done <"$work/sh"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
