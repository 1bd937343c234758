#!/bin/sh
# SPDX-License-Identifier: MIT
# What libmtlspin adds to a server's handshake, in instructions.
#
#   sh tests/bench/handshake_count.sh BUILD POLICY [ROUNDS]
#
# Runs bench-handshake under callgrind, and prints for each kind of handshake,
# TLS version and key: the ratio guarded / plain, the instructions that are
# added, and those of the plain side.

set -u
unset CDPATH
build=${1:?BUILD} policy=${2:?POLICY} rounds=${3:-5}
command -v valgrind >/dev/null || { echo "no valgrind: nothing can be counted" >&2; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

valgrind --tool=callgrind --instr-atstart=no --collect-atstart=no --callgrind-out-file="$work/dump" \
    "$build/tests/bench/bench-handshake" count "$policy" "$rounds" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}

# A dump says what it is of, and the sum: "desc: Trigger: Client Request: full tls1.3-p256 plain 5", "summary: 123".
awk '
    /^desc: Trigger: Client Request: / { what = $5 " " $6; side = $7; handshakes = $8 }
    /^(summary|totals): / && what != "" {
        if (!((what, side) in count) && side == "guarded") names[++all] = what
        count[what, side] += $2
        done[what, side] += handshakes
        what = ""
    }
    END {
        for (i = 1; i <= all; i++) {
            if (done[names[i], "plain"] != done[names[i], "guarded"]) exit 1
            plain = count[names[i], "plain"] / done[names[i], "plain"]
            guarded = count[names[i], "guarded"] / done[names[i], "guarded"]
            split(names[i], part)
            printf "handshake-%s-instr-ratio/%s\t%.5f\tratio\n", part[1], part[2], guarded / plain
            printf "handshake-%s-instr-added/%s\t%.0f\tinstructions\n", part[1], part[2], guarded - plain
            printf "handshake-%s-instr-plain/%s\t%.0f\tinstructions\n", part[1], part[2], plain
        }
        exit all != 8
    }' "$work"/dump.* || {
    echo "the dumps of callgrind are not what they should be" >&2
    exit 1
}
