#!/bin/sh
# SPDX-License-Identifier: MIT
# Shows on a fresh Debian 12 whom the example server lets in, and whom not:
#
#   sh examples/demo.sh
#
# Installs what is missing (as root, or with sudo), builds into build/, starts the server on a free port, and connects with
# curl, `openssl s_client` and Python. Ends with a table; exit status 0 only if all is as expected.
set -eu
LC_ALL=C
export LC_ALL
unset CDPATH
cd "$(dirname "$0")/.."

build=build
pki=$build/certs/pki
work=$build/demo
log=$work/server.log
server=

say() {
    printf '\n== %s\n' "$*"
}

fail() {
    echo "demo.sh: $*" >&2
    exit 1
}

clean_up() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# Runs a command with its output in a file, and shows it only if the command fails.
quietly() { # FILE COMMAND...
    file=$1
    shift
    "$@" >"$file" 2>&1 && return
    cat "$file" >&2
    fail "this failed: $*"
}

# --- what has to be there ---

missing() {
    while read -r package command; do
        command -v "$command" >/dev/null || echo "$package"
    done <<END
gcc cc
meson meson
ninja-build ninja
pkg-config pkg-config
openssl openssl
curl curl
python3 python3
END
    pkg-config --exists libssl 2>/dev/null || echo libssl-dev
    [ -e /usr/include/stdio.h ] || echo libc6-dev
}

install() { # PACKAGE...
    command -v apt-get >/dev/null || fail "please install: $*"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "neither root nor sudo; please run: apt-get install $*"
        as_root=sudo
    fi
    quietly "$work/apt-update.log" $as_root apt-get update
    quietly "$work/apt-install.log" $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "$@"
}

# --- the server ---

start_server() {
    "$build/examples/server" --listen 127.0.0.1:0 --cert "$pki/server-chain.pem" --key "$pki/server.key" \
        --policy "$build/examples/server.policy" >"$work/server.out" 2>"$log" &
    server=$!
    tries=100
    until grep -q '^listening on ' "$work/server.out"; do
        if [ "$tries" -eq 0 ] || ! kill -0 "$server" 2>/dev/null; then
            fail "the server does not start: $(cat "$log")"
        fi
        tries=$((tries - 1))
        sleep 0.1
    done
    port=$(sed -n '1s/.*://p' "$work/server.out")
}

stop_server() {
    kill "$server"
    wait "$server" || fail "the server ended with status $?"
    server=
}

# --- three clients; each connects as NAME with one version of TLS, and prints what it hears ---

as_curl() { # NAME VERSION
    set -- "$1" "$2" --tlsv"$2" --tls-max "$2"
    [ "$1" = nobody ] || set -- "$@" --cert "$pki/$1-chain.pem" --key "$pki/$1.key"
    shift 2
    curl --disable --noproxy '*' --silent --show-error --max-time 10 --cacert "$pki/root-ca.pem" "$@" \
        "https://127.0.0.1:$port/demo"
}

as_openssl() { # NAME VERSION
    set -- "$1" "-tls1_${2#1.}"
    [ "$1" = nobody ] || set -- "$@" -cert "$pki/$1.pem" -cert_chain "$pki/$1-chain.pem" -key "$pki/$1.key"
    shift
    printf 'GET /demo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
        timeout 10 openssl s_client -quiet -connect "127.0.0.1:$port" -CAfile "$pki/root-ca.pem" \
            -verify_return_error -verify_ip 127.0.0.1 "$@"
}

as_python() { # NAME VERSION
    python3 -I - "$pki" "$port" "$1" "$2" <<'END'
import http.client, ssl, sys
pki, port, name, version = sys.argv[1:]
context = ssl.create_default_context(cafile=f"{pki}/root-ca.pem")
context.minimum_version = context.maximum_version = ssl.TLSVersion["TLSv" + version.replace(".", "_")]
if name != "nobody":
    context.load_cert_chain(f"{pki}/{name}-chain.pem", f"{pki}/{name}.key")
connection = http.client.HTTPSConnection("127.0.0.1", int(port), timeout=10, context=context)
try:
    connection.request("GET", "/demo")
    print(connection.getresponse().read().decode(), end="")
except OSError as error:
    sys.exit(f"Python: {error}")
END
}

# --- one row of the table ---

lines_of_log() {
    wc -l <"$log"
}

# The reason in the log's line about the connection that has just ended; "silence" if there is none within 5 seconds.
logged_reason() { # LINES-BEFORE
    tries=50
    until [ "$(lines_of_log)" -gt "$1" ] || [ "$tries" -eq 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
    reason=$(tail -n "+$(($1 + 1))" "$log" | sed 's/.*"reason":"\([A-Z_]*\)".*/\1/')
    echo "${reason:-silence}"
}

row() { # NAME CLIENT VERSION EXPECTED
    before=$(lines_of_log)
    "as_$2" "$1" "$3" >"$work/client.out" 2>"$work/client.err" || true
    label=$(sed -n 's/^hello, \(.*\)! (path: \/demo)$/\1/p' "$work/client.out")
    if [ -n "$label" ]; then
        got="greeted as $label"
    elif [ -s "$work/client.out" ]; then
        got="an answer without a name"
    else
        got=refused
    fi
    got="$got ($(logged_reason "$before"))"
    mark=' '
    if [ "$got" != "$4" ]; then
        mark='!'
        wrong=$((wrong + 1))
        cat "$work/client.err" >&2
    fi
    printf '%s %-12s %-8s %-4s %-35s %s\n' "$mark" "$1" "$2" "$3" "$4" "$got"
}

# ---

mkdir -p "$work"
packages=$(missing | tr '\n' ' ')
if [ -n "$packages" ]; then
    say "Installing $packages"
    # shellcheck disable=SC2086 # a list of words
    install $packages
fi

say "Building into $PWD/$build, certificates and policy included"
[ -e "$build/build.ninja" ] || quietly "$work/setup.log" meson setup "$build" -Dtests=disabled
quietly "$work/build.log" ninja -C "$build" examples/server examples/server.policy

say "The policy, with pins computed by the openssl command (examples/make-policy.sh)"
cat "$build/examples/server.policy"

start_server
say "The server listens on port $port; it logs each decision as a line of JSON in $log"
wrong=0
cat <<END

alice, build-agent and kiosk have rules; scanner is self-signed; mallory has the same CA as alice but no rule; other-alice
calls herself alice, but by another CA; expired is; server-eku has a certificate for servers; nobody has none at all.

END
printf '  %-12s %-8s %-4s %-35s %s\n' who client TLS expected got '---' '------' '---' '--------' '---'
while read -r name client version expected; do
    row "$name" "$client" "$version" "$expected"
done <<END
alice        curl     1.3  greeted as alice (RULE)
alice        openssl  1.2  greeted as alice (RULE)
build-agent  python   1.3  greeted as build agent 7 (RULE)
build-agent  curl     1.2  greeted as build agent 7 (RULE)
kiosk        openssl  1.3  greeted as kiosk (RULE)
kiosk        python   1.2  greeted as kiosk (RULE)
scanner      curl     1.3  greeted as scanner (RULE)
scanner      openssl  1.2  greeted as scanner (RULE)
scanner      python   1.3  greeted as scanner (RULE)
mallory      curl     1.2  refused (NO_RULE)
mallory      python   1.3  refused (NO_RULE)
other-alice  openssl  1.3  refused (UNKNOWN_CA)
other-alice  python   1.2  refused (UNKNOWN_CA)
expired      curl     1.3  refused (EXPIRED)
expired      openssl  1.2  refused (EXPIRED)
server-eku   python   1.3  refused (PURPOSE)
server-eku   curl     1.2  refused (PURPOSE)
nobody       curl     1.3  refused (NO_CERTIFICATE)
nobody       openssl  1.2  refused (NO_CERTIFICATE)
nobody       python   1.3  refused (NO_CERTIFICATE)
END
stop_server

[ "$wrong" -eq 0 ] || fail "$wrong rows, marked with '!', are not as expected"
say "All is as expected."
