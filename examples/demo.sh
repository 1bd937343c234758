#!/bin/sh
# SPDX-License-Identifier: MIT
# Shows on a fresh Debian 12 whom the example servers let in, whom the example client talks to, and whom not:
#
#   sh examples/demo.sh
#
# Installs what is missing (as root, or with sudo), builds into build/, starts servers on free ports, and connects with
# curl, openssl, Python and the example clients. Shows tables; exit status 0 only if all is as expected.
set -eu
LC_ALL=C
export LC_ALL
unset CDPATH
cd "$(dirname "$0")/.."

build=build
pki=$build/certs/pki
work=$build/demo
root=$pki/root-ca.pem
server=
talkers=
wrong=0

say() {
    printf '\n== %s\n' "$*"
}

fail() {
    echo "demo.sh: $*" >&2
    exit 1
}

clean_up() {
    for process in $server $talkers; do
        kill "$process" 2>/dev/null || true
    done
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
    # Without it Meson would later install where Debian's pkg-config and linker do not look.
    [ ! -e /etc/debian_version ] || command -v dpkg-architecture >/dev/null || echo dpkg-dev
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

# --- servers ---

# Its output is NAME.out and NAME.log; sets $port and $log.
start() { # NAME COMMAND...
    name=$1
    log=$work/$1.log
    shift
    : >"$work/$name.out"
    "$@" </dev/null >"$work/$name.out" 2>"$log" &
    server=$!
    port=
    tries=100
    until [ -n "$port" ]; do
        if [ "$tries" -eq 0 ] || ! kill -0 "$server" 2>/dev/null; then
            fail "$name does not start: $(cat "$log")"
        fi
        tries=$((tries - 1))
        sleep 0.1
        port=$(sed -n -e 's/^listening on .*:\([0-9]*\)$/\1/p' -e 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$work/$name.out")
    done
}

start_ours() { # PROGRAM [OPTION]
    program=$1
    shift
    start "$program${1:-}" "$build/examples/$program" --listen 127.0.0.1:0 --cert "$pki/server-chain.pem" \
        --key "$pki/server.key" --policy "$build/examples/server.policy" "$@"
}

stop_ours() {
    kill "$server"
    wait "$server" || fail "$name ended with status $?"
    server=
}

# Ends after one connection.
start_openssl() { # CERTIFICATE VERSION
    case $1 in
    with-upper) set -- server "$2" "$pki/server-with-upper.pem" ;;
    *) set -- "$1" "$2" "$pki/$1-chain.pem" ;;
    esac
    sed '1,/-END CERTIFICATE-/d' "$3" >"$work/above.pem"
    set -- "-tls1_${2#1.}" -cert "$pki/$1.pem" -key "$pki/$1.key"
    [ ! -s "$work/above.pem" ] || set -- "$@" -cert_chain "$work/above.pem"
    start s_server timeout 10 openssl s_server -accept 127.0.0.1:0 -naccept 1 -www "$@"
}

# --- clients; each connects as NAME with one version of TLS, and prints what it hears ---

as_curl() { # NAME VERSION
    set -- "$1" "$2" --tlsv"$2" --tls-max "$2"
    [ "$1" = nobody ] || set -- "$@" --cert "$pki/$1-chain.pem" --key "$pki/$1.key"
    shift 2
    curl --disable --noproxy '*' --silent --show-error --max-time 10 --cacert "$root" "$@" \
        "https://127.0.0.1:$port/demo"
}

as_openssl() { # NAME VERSION
    set -- "$1" "-tls1_${2#1.}"
    [ "$1" = nobody ] || set -- "$@" -cert "$pki/$1.pem" -cert_chain "$pki/$1-chain.pem" -key "$pki/$1.key"
    shift
    printf 'GET /demo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
        timeout 10 openssl s_client -quiet -connect "127.0.0.1:$port" -CAfile "$root" \
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

spki() { # NAME
    printf 'sha256/'
    openssl x509 -in "$pki/$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary |
        openssl base64 -A
}

as_ours() { # NAME, with the best version that both sides have
    set -- "$1"
    [ "$1" = nobody ] || set -- "$1" --cert "$pki/$1-chain.pem" --key "$pki/$1.key"
    shift
    "$build/examples/client" --connect "127.0.0.1:$port" --ca "$root" --pin "$(spki server)" --path /demo "$@"
}

# --- rows of the tables ---

heading() { # THREE TITLES
    set -- "$@" expected got
    printf '\n  %-12s %-8s %-4s %-35s %s\n' "$@"
    printf '  %-12s %-8s %-4s %-35s %s\n' "$@" | tr -c ' \n' -
}

result() { # THREE VALUES, EXPECTED, GOT
    mark=' '
    if [ "$4" != "$5" ]; then
        mark='!'
        wrong=$((wrong + 1))
        cat "$work/client.err" >&2
    fi
    printf '%s %-12s %-8s %-4s %-35s %s\n' "$mark" "$@"
}

# Waits up to 5 seconds.
until_lines() { # COUNT FILE
    tries=50
    until [ "$(wc -l <"$2")" -ge "$1" ] || [ "$tries" -eq 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
}

# The reason in a decision's line of JSON, and the version of TLS if it is another one; "silence" if there is no line.
reason() { # VERSION <LINES
    text=$(sed -n 's/.*"reason":"\([A-Z_]*\)".*"protocol":"\([^"]*\)".*/\1 over \2/p')
    echo "${text:-silence}" | sed "s/ over TLSv$1\$//"
}

row() { # NAME CLIENT VERSION EXPECTED
    before=$(wc -l <"$log")
    "as_$2" "$1" "$3" >"$work/client.out" 2>"$work/client.err" || true
    label=$(sed -n 's/^hello, \(.*\)! (path: \/demo)$/\1/p' "$work/client.out")
    if [ -n "$label" ]; then
        got="greeted as $label"
    elif grep -q '^this page is for everybody (path: /demo)$' "$work/client.out"; then
        got="the public page"
    elif [ -s "$work/client.out" ]; then
        got="an answer without a name"
    else
        got=refused
        [ "$2" != ours ] || grep '^client: ' "$work/client.err" >"$work/ours.words" || true
    fi
    until_lines $((before + 1)) "$log"
    result "$1" "$2" "$3" "$4" "$got ($(tail -n "+$((before + 1))" "$log" | reason "$3"))"
}

# Our client has a pin, and judges a server of openssl's, which has a certificate.
row_of_server() { # CERTIFICATE PIN VERSION EXPECTED
    start_openssl "$1" "$3"
    "$build/examples/client" --connect "127.0.0.1:$port" --ca "$root" --pin "$(spki "$2")" \
        >"$work/client.out" 2>"$work/client.err" || true
    wait "$server" || true
    server=
    got=refused
    [ ! -s "$work/client.out" ] || got=answered
    result "$1" "$2" "$3" "$4" "$got ($(reason "$3" <"$work/client.err"))"
}

# --- the stream ---

join() { # NAME COMMAND...: its input is the pipe NAME.in, which stays open
    member=$1
    shift
    rm -f "$work/$member.in"
    mkfifo "$work/$member.in"
    : >"$work/$member.out"
    "$@" <>"$work/$member.in" >"$work/$member.out" 2>"$work/$member.err" &
    talkers="$talkers $!"
}

join_ours() { # NAME
    join "$1" "$build/examples/stream-client" --connect "127.0.0.1:$port" --policy "$work/stream.policy" \
        --cert "$pki/$1-chain.pem" --key "$pki/$1.key"
}

join_openssl() { # NAME
    join "$1" openssl s_client -quiet -tls1_3 -connect "127.0.0.1:$port" -CAfile "$root" -verify_return_error \
        -verify_ip 127.0.0.1 -cert "$pki/$1.pem" -cert_chain "$pki/$1-chain.pem" -key "$pki/$1.key"
}

tell() { # NAME LINE
    echo "$2" 1<>"$work/$1.in"
}

row_of_stream() { # NAME CLIENT VERSION EXPECTED
    got="hears nothing"
    [ ! -s "$work/$1.out" ] || got="hears \"$(paste -s -d '|' "$work/$1.out")\""
    cp "$work/$1.err" "$work/client.err"
    result "$1" "$2" "$3" "$4" "$got ($(grep "\"subject\":\"CN=$1," "$log" | reason "$3"))"
}

# --- a policy that changes while clients are connected ---

download() { # NAME: for ever, a line every 100 ms
    : >"$work/$1.out"
    curl --disable --noproxy '*' --silent --no-buffer --cacert "$root" --cert "$pki/$1-chain.pem" --key "$pki/$1.key" \
        "https://127.0.0.1:$port/" >"$work/$1.out" 2>"$work/$1.err" &
    talkers="$talkers $!"
}

visit() { # NAME OPTION FILE: a short one, with the session saved in or taken from the file
    printf 'GET /0 HTTP/1.1\r\n\r\n' |
        timeout 10 openssl s_client -connect "127.0.0.1:$port" -tls1_3 -CAfile "$root" -ign_eof -cert "$pki/$1.pem" \
            -cert_chain "$pki/$1-chain.pem" -key "$pki/$1.key" "$2" "$3" >"$work/client.out" 2>"$work/client.err" || true
}

row_of_download() { # NAME EXPECTED
    lines=$(wc -l <"$work/$1.out")
    until_lines $((lines + 5)) "$work/$1.out"
    got="goes on"
    [ "$(wc -l <"$work/$1.out")" -ge $((lines + 5)) ] ||
        got="cut off ($(grep '"event":"sweep"' "$log" | grep "\"subject\":\"CN=$1," | reason 1.3))"
    cp "$work/$1.err" "$work/client.err"
    result "$1" download 1.3 "$2" "$got"
}

row_of_session() { # NAME EXPECTED
    before=$(wc -l <"$log")
    visit "$1" -sess_in "$work/$1.session"
    until_lines $((before + 1)) "$log"
    got=refused
    ! grep -q '^hello, ' "$work/client.out" || got="a full handshake"
    [ "$got" = refused ] || ! grep -q '^Reused, ' "$work/client.out" || got=resumes
    result "$1" session 1.3 "$2" "$got ($(tail -n "+$((before + 1))" "$log" | reason 1.3))"
}

# Waits for the log to say it, up to 5 seconds.
until_logged() { # TEXT
    tries=50
    until grep -q "$1" "$log" || [ "$tries" -eq 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
}

# ---

mkdir -p "$work"
: >"$work/ours.words"
packages=$(missing | tr '\n' ' ')
if [ -n "$packages" ]; then
    say "Installing $packages"
    # shellcheck disable=SC2086 # a list of words
    install $packages
fi

say "Building into $PWD/$build, certificates and policy included"
[ -e "$build/build.ninja" ] || quietly "$work/setup.log" meson setup "$build" -Dtests=disabled
quietly "$work/build.log" ninja -C "$build" examples/server examples/client examples/stream-server \
    examples/stream-client examples/reload examples/server.policy

say "The policy, with pins computed by the openssl command (examples/make-policy.sh)"
cat "$build/examples/server.policy"

start_ours server
say "The server listens on port $port; it logs each decision as a line of JSON in $log"
cat <<END

alice, build-agent and kiosk have rules; scanner is self-signed; mallory has the same CA as alice but no rule; other-alice
calls herself alice, but by another CA; the time of expired's certificate is over; server-eku has one for servers; nobody
has none at all.
"ours" is examples/client.c.
END
heading who client TLS
while read -r name client version expected; do
    row "$name" "$client" "$version" "$expected"
done <<END
alice        curl     1.3  greeted as alice (RULE)
alice        openssl  1.2  greeted as alice (RULE)
alice        ours     1.3  greeted as alice (RULE)
build-agent  python   1.3  greeted as build agent 7 (RULE)
build-agent  curl     1.2  greeted as build agent 7 (RULE)
kiosk        openssl  1.3  greeted as kiosk (RULE)
kiosk        python   1.2  greeted as kiosk (RULE)
scanner      curl     1.3  greeted as scanner (RULE)
scanner      openssl  1.2  greeted as scanner (RULE)
scanner      python   1.3  greeted as scanner (RULE)
mallory      curl     1.2  refused (NO_RULE)
mallory      python   1.3  refused (NO_RULE)
mallory      ours     1.3  refused (NO_RULE)
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
stop_ours
[ -s "$work/ours.words" ] || fail "our client does not say why it was refused"
cat <<END

Under TLS 1.3 the server's refusal reaches a client that takes itself for connected. To mallory, ours says:
  $(cat "$work/ours.words")
END

start_ours server --optional
say "The same with --optional: whoever has no certificate gets a public page"
heading who client TLS
while read -r name client version expected; do
    row "$name" "$client" "$version" "$expected"
done <<END
nobody       curl     1.3  the public page (ANONYMOUS)
nobody       openssl  1.2  the public page (ANONYMOUS)
nobody       ours     1.3  the public page (ANONYMOUS)
alice        curl     1.3  greeted as alice (RULE)
mallory      python   1.3  refused (NO_RULE)
other-alice  openssl  1.2  refused (UNKNOWN_CA)
END
stop_ours

say "Our client decides: it pins a key, and wants to talk to 127.0.0.1; the servers are openssl's"
cat <<END

server-clone is a twin of server with a key of its own; server-db is named db.example; other-server has another CA;
server-deep has a certificate below upper-ca; with-upper only shows upper-ca's certificate, its own is not below that.
END
heading server pin TLS
while read -r name pin version expected; do
    row_of_server "$name" "$pin" "$version" "$expected"
done <<END
server       server   1.3  answered (RULE)
server       server   1.2  answered (RULE)
server-clone server   1.3  refused (NO_RULE)
server-clone server   1.2  refused (NO_RULE)
server-db    root-ca  1.3  refused (HOST_MISMATCH)
server-db    root-ca  1.2  refused (HOST_MISMATCH)
other-server root-ca  1.3  refused (UNKNOWN_CA)
server-deep  upper-ca 1.3  answered (RULE)
with-upper   upper-ca 1.3  refused (NO_RULE)
with-upper   upper-ca 1.2  refused (NO_RULE)
END

printf 'ca ../certs/pki/root-ca.pem\nallow spki %s\n' "$(spki server)" >"$work/stream.policy"
start_ours stream-server
say "A stream of lines: each client says one, mallory first, and those who are let in hear what the others say"
join_ours mallory
join_ours alice
join_openssl kiosk
tell mallory "let me in"
until_lines 3 "$log"
tell alice "good morning"
tell kiosk "good day"
until_lines 1 "$work/alice.out"
until_lines 1 "$work/kiosk.out"
heading who client TLS
while read -r name client version expected; do
    row_of_stream "$name" "$client" "$version" "$expected"
done <<END
alice        ours     1.3  hears "kiosk: good day" (RULE)
kiosk        openssl  1.3  hears "alice: good morning" (RULE)
mallory      ours     1.3  hears nothing (NO_RULE)
END
stop_ours

cp "$build/examples/server.policy" "$work/live.policy"
start reload "$build/examples/reload" --listen 127.0.0.1:0 --cert "$pki/server-chain.pem" --key "$pki/server.key" \
    --policy "$work/live.policy"
say "Two clients save a session and download slowly; then somebody deletes alice's line from the policy"
for name in alice build-agent; do
    visit "$name" -sess_out "$work/$name.session"
    download "$name"
    until_lines 3 "$work/$name.out"
done
grep -v ' alice$' "$work/live.policy" >"$work/live.policy.new"
mv "$work/live.policy.new" "$work/live.policy"
until_logged '"event":"sweep"'
heading who what TLS
row_of_download alice "cut off (NO_RULE)"
row_of_download build-agent "goes on"
row_of_session alice "refused (NO_RULE)"
row_of_session build-agent "resumes (RULE)"
say "Then somebody makes a mistake, and nothing changes"
echo "alow any" >>"$work/live.policy"
until_logged '"status":"ERR_SYNTAX"'
sed -n 's/.*"status":"ERR_SYNTAX","error":"\([^"]*\)".*/  \1/p' "$log"
heading who what TLS
row_of_download build-agent "goes on"
row_of_session alice "refused (NO_RULE)"
row_of_session build-agent "resumes (RULE)"
stop_ours

[ "$wrong" -eq 0 ] || fail "$wrong rows, marked with '!', are not as expected"
say "All is as expected."
