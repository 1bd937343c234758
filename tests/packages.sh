# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# Packages that are missing are installed, as root or with sudo: read by run.sh and bench/run.sh, which stand at the top of
# the tree and have a folder build/.
#
# A list of packages has PACKAGE or PACKAGE=COMMAND: a command that is there needs no package.

missing() { # PACKAGES
    for item in $1; do
        package=${item%%=*}
        case $item in *=*) command -v "${item#*=}" >/dev/null && continue ;; esac
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "neither root nor sudo: cannot run $*" >&2
        return 1
    fi
}

# install_missing PACKAGES FOREIGN: without the foreign ones, programs of others, something is left out.
install_missing() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "not a Debian system: taking what is there"
        return
    fi
    wanted=$(missing "$1")
    others=$(missing "$2")
    if [ -z "$wanted$others" ]; then
        echo "nothing is missing"
        return
    fi
    as_root apt-get -qq update || echo "apt-get update failed; trying with the lists that are there"
    get "$wanted" || { tail -n 20 build/apt.log; echo "the packages cannot be installed"; exit 1; }
    [ -z "$others" ] || get_foreign "$others"
}

get() { # PACKAGES
    [ -n "$1" ] || return 0
    echo "installing: $1"
    # shellcheck disable=SC2086 # a list of packages
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $1 >build/apt.log 2>&1
}

# The packages of servers would start them, on ports of this machine, unless this file says no (invoke-rc.d(8)).
get_foreign() { # PACKAGES
    rule=/usr/sbin/policy-rc.d
    if [ ! -e $rule ]; then
        printf '#!/bin/sh\nexit 101\n' >build/policy-rc.d
        trap 'as_root rm -f $rule' EXIT
        trap 'exit 1' HUP INT TERM
        as_root install -m 755 build/policy-rc.d $rule
    fi
    get "$1" || echo "some of them cannot be installed: what needs them is skipped"
    [ ! -e build/policy-rc.d ] || as_root rm -f $rule
    rm -f build/policy-rc.d
    trap - EXIT HUP INT TERM
}
