#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the library and runs all of its tests.
#
#   sh tests/run.sh
#
# Works on a bare Debian 12, as root or with sudo: packages that are missing are
# installed. Everything is built under build/ and can be thrown away.
#
#   gcc        AddressSanitizer and UBSan, warnings are errors; all tests
#   valgrind   plain gcc; the tests that need no sockets and no scripts, without the slowest
#   clang      warnings are errors; the tests that need no sockets and no scripts
#   tsan       ThreadSanitizer; handshakes, reloads and sweeps in parallel
#   lint       tests/lint.sh: clang-tidy, cppcheck, shellcheck
#
# The last line is the sum over everything: N passed, N failed, N skipped. The
# exit code is 0 only if nothing failed and something passed.

set -u
unset CDPATH
unset CK_FORK CK_RUN_SUITE CK_RUN_CASE CK_INCLUDE_TAGS CK_EXCLUDE_TAGS # would leave tests out
unset CC CFLAGS CPPFLAGS LDFLAGS
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$root" || exit 1
passed=0
failed=0
skipped=0
processes=$(($(nproc 2>/dev/null || echo 2) + 1)) # tests of sockets and files mostly wait

say() {
    printf '\n== %s\n' "$*"
}

# --- packages ---

# shellcheck disable=SC1091 # it is checked by itself
. tests/packages.sh

packages='gcc=gcc g++=g++ clang=clang libc6-dev libc6-dbg meson=meson ninja-build=ninja pkg-config=pkg-config
    dpkg-dev=dpkg-architecture python3=python3 libssl-dev openssl=openssl check libsubunit-dev libjansson-dev valgrind=valgrind
    clang-tidy=clang-tidy cppcheck=cppcheck shellcheck=shellcheck curl=curl mandoc=mandoc'

# Servers, clients and shells that others wrote, for tests that are skipped without them.
foreign='nginx-light=/usr/sbin/nginx haproxy=/usr/sbin/haproxy gnutls-bin=gnutls-serv wget=wget nodejs=node
    libcurl4-openssl-dev zsh=zsh fish=fish'

# --- steps ---

# step WHAT COMMAND…: one check; shows the command's output only if it fails.
step() {
    what=$1
    shift
    if "$@" >build/step.log 2>&1; then
        passed=$((passed + 1))
        echo "  $what: ok"
    else
        failed=$((failed + 1))
        tail -n 40 build/step.log
        echo "  FAILED: $what"
        return 1
    fi
}

# configure NAME CC OPTION…: a folder of another place or with other options is made anew.
configure() {
    folder=build/$1
    wish="$root $*"
    compiler=$2
    shift 2
    if [ "$(cat "$folder/.wish" 2>/dev/null)" = "$wish" ]; then
        return 0
    fi
    rm -rf "$folder"
    CC=$compiler meson setup "$folder" . -Dtests=enabled -Dtools=enabled "$@" && printf '%s\n' "$wish" >"$folder/.wish"
}

build() {
    step "$1: meson setup" configure "$@" && step "$1: ninja" ninja -C "build/$1"
}

# add FILE: adds its last line, "N passed, N failed, N skipped", to the sum.
add() {
    # shellcheck disable=SC2046 # three numbers
    set -- $(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$1")
    if [ $# -ne 3 ]; then
        echo "  FAILED: no result"
        set -- 0 1 0
    fi
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
}

# run_tests NAME LOG OPTION…: meson's own list goes to a file, the programs' own closing lines are shown.
run_tests() {
    folder=build/$1
    log=$folder/meson-logs/$2
    shift 2
    rm -f "$log"
    # Without address randomization, which ThreadSanitizer and new kernels do not agree on.
    setarch=
    if setarch -R true 2>/dev/null; then setarch='setarch -R'; fi
    $setarch meson test -C "$folder" --no-rebuild --num-processes "$processes" "$@" >build/meson-test.log 2>&1
    if [ -f "$log" ]; then
        python3 tests/meta/results.py "$log" >build/results.txt
    else
        cat build/meson-test.log >build/results.txt
    fi
    cat build/results.txt
    add build/results.txt
}

lint() {
    sh tests/lint.sh build/clang >build/lint.txt
    cat build/lint.txt
    add build/lint.txt
}

mkdir -p build || exit 1
say "Packages"
install_missing "$packages" "$foreign"

say "gcc, AddressSanitizer and UBSan: all tests"
build asan gcc -Dwerror=true -Db_sanitize=address,undefined -Db_ndebug=false && run_tests asan testlog.json

say "gcc, plain, under valgrind: all but scripts and sockets"
build plain gcc -Dwerror=true -Dbuildtype=release -Ddebug=true -Db_ndebug=false &&
    run_tests plain testlog-valgrind.json --setup valgrind

say "clang: all but scripts and sockets"
build clang clang -Dwerror=true -Db_ndebug=false && run_tests clang testlog.json --no-suite no-valgrind

say "gcc, ThreadSanitizer: handshakes, reloads and sweeps in parallel"
build tsan gcc -Dwerror=true -Db_sanitize=thread -Db_ndebug=false &&
    run_tests tsan testlog.json threads load sweep crl reload-threads

say "Lint"
lint

say "Sum"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
