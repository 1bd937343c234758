#!/bin/sh
# SPDX-License-Identifier: MIT
# Measures what libmtlspin costs.
#
#   sh tests/bench/run.sh [--quick] [--json FILE]
#
# Builds an optimised library under build/bench, runs every benchmark, and prints a
# line for each figure: name, value, unit, goal, and ok or short, between tabs. What
# begins with # says on which machine and which OpenSSL. Progress is on standard
# error. --quick takes smaller sizes, and a minute; in full it takes ten minutes.
# --json also writes the figures to FILE, for report.py.
#
# Works on a bare Debian 12, as root or with sudo: packages that are missing are
# installed. What each figure counts is told in docs/performance.md. The exit code
# is 0 if every goal was reached, 1 if one was not or a benchmark failed.

set -u
unset CDPATH CC CFLAGS CPPFLAGS LDFLAGS
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
here=$PWD
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
cd "$root" || exit 2

# shellcheck disable=SC1091 # it is checked by itself
. tests/packages.sh

packages='gcc=gcc libc6-dev libc6-dbg meson=meson ninja-build=ninja pkg-config=pkg-config dpkg-dev=dpkg-architecture
    python3=python3 libssl-dev openssl=openssl check libsubunit-dev valgrind=valgrind'
foreign='nginx-light=/usr/sbin/nginx haproxy=/usr/sbin/haproxy' # what is compared with, or skipped

build() {
    wish="$root release"
    if [ "$(cat build/bench/.wish 2>/dev/null)" != "$wish" ]; then
        rm -rf build/bench
        CC=gcc meson setup build/bench . -Dbuildtype=release -Dtests=enabled -Dtools=disabled || return 1
        printf '%s\n' "$wish" >build/bench/.wish
    fi
    ninja -C build/bench bench
}

mkdir -p build || exit 2
install_missing "$packages" "$foreign" >&2
if ! build >build/bench.log 2>&1; then
    tail -n 40 build/bench.log >&2
    echo "the benchmarks cannot be built" >&2
    exit 2
fi
exec python3 tests/bench/figures.py --build build/bench --from "$here" "$@"
