#!/bin/sh
# Runs the recipes of docs/migrating.md on old allowlists made from the test certificates, and asks the resulting policies
# who may come in.
#
#   migrating_test.sh PAGE CHECK_POLICY CERTIFICATES

set -eu
[ $# -eq 3 ] || { echo "usage: sh migrating_test.sh PAGE CHECK_POLICY CERTIFICATES" >&2; exit 2; }

absolute() {
    echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
}

unset CDPATH
page=$(absolute "$1") check_policy=$(absolute "$2") pki=$(absolute "$3")
passed=0 failed=0

work=$(mktemp -d)
trap 'cd / && rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

check() { # WHAT WANTED GOT
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
    fi
}

recipe() { # HEADING: the shell blocks of that section
    awk -v heading="## $1" '
        /^## / { inside = $0 == heading }
        /^```/ { block = inside && $0 == "```sh"; next }
        block' "$page"
}

fingerprint() { # NAME DIGEST
    openssl x509 -in "$pki/$1.pem" -noout -fingerprint "-$2" | sed 's/.*=//'
}

bare() { # NAME: SHA-1 as nginx has it
    fingerprint "$1" sha1 | tr -d : | tr A-F a-f
}

key_fingerprint() { # NAME: the command of Postfix's manual
    openssl x509 -in "$pki/$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -c |
        sed 's/.*= *//'
}

decides() { # POLICY: "NAME WANTED" lines on standard input
    while read -r name wanted; do
        got=$("$check_policy" "$1" "$pki/$name-chain.pem" 2>&1) || got="failed: $got"
        check "$1: $name" "$wanted" "$got"
    done
}

convert() { # HEADING: runs the recipe here; what it says is in the file "said"
    recipe "$1" >recipe.sh
    [ -s recipe.sh ] || check "$1 has a recipe" yes no
    sh -eu recipe.sh 2>said || check "the recipe for $1" "status 0" "status $?"
}

says() { # TEXT: in the messages of the recipe
    if grep -qF "$1" said; then
        check "says $1" yes yes
    else
        check "says $1" "$1" "$(cat said)"
    fi
}

# --- nginx: names ---

mkdir "$work/names" "$work/names/client-certs"
cd "$work/names"
cp "$pki/root-ca.pem" clients-ca.pem
for name in alice build-agent kiosk mallory expired san-dns; do
    cp "$pki/$name.pem" client-certs/
done
cat >clients.map <<MAP
    # name of each client
    default "";

    $(bare alice) alice;
    "$(bare build-agent | tr a-f A-F)"	"build agent 7"; # on the second floor
    $(bare kiosk)    kiosk ;
    $(bare expired) expired;
    $(bare mallory) "";
    $(bare alice-clone) clone;
    ~^$(bare san-dns | cut -c 1-30) pattern;
    $(bare san-dns | cut -c 1-39) short;
    $(bare san-dns) "\$host";
    $(bare san-dns) unfinished
MAP
convert nginx
check "nginx: lines of the policy" 5 "$(wc -l <clients.policy | tr -d ' ')"
check "nginx: messages" 6 "$(wc -l <said | tr -d ' ')"
says "clients.map, line 8: left out, since it has no name: $(bare mallory)"
says "line 9: no certificate for $(bare alice-clone) clone"
says "line 10: no fingerprint: ~^"
says "line 11: no fingerprint"
says "line 12: no plain name: \$host"
says "line 13: not understood"
decides clients.policy <<WANTED
alice allow alice
build-agent allow build agent 7
kiosk allow kiosk
expired deny EXPIRED
mallory deny NO_RULE
alice-clone deny NO_RULE
alice-renewed deny NO_RULE
san-dns deny NO_RULE
other-alice deny UNKNOWN_CA
scanner deny UNKNOWN_CA
WANTED

# --- nginx: a switch, here one that refuses whom it marks ---

mkdir "$work/switch" "$work/switch/client-certs"
cd "$work/switch"
cp "$pki/root-ca.pem" clients-ca.pem
cp "$pki/alice.pem" "client-certs/alice of sales.pem"
cp "$pki/mallory.pem" client-certs/
cat >clients.map <<MAP
    default 1;
    $(bare alice) 0;
    $(bare mallory) 1;
MAP
recipe nginx | sed 's/only=""/only="0"/' >recipe.sh
sh -eu recipe.sh 2>said || check "the recipe for nginx with a switch" "status 0" "status $?"
says "line 1: the map lets in everybody else as 1; the policy will not"
says "line 3: left out, since its value is 1: $(bare mallory)"
decides clients.policy <<WANTED
alice allow alice of sales
mallory deny NO_RULE
WANTED

# --- Postfix ---

mkdir "$work/postfix"
cd "$work/postfix"
cat >relay_clientcerts <<TABLE
# who may relay

$(fingerprint alice sha256) alice
$(key_fingerprint scanner)	old scanner, key
$(fingerprint build-agent sha256 | tr A-F a-f)   build agent 7
$(fingerprint scanner-expired sha256) expired
$(fingerprint mallory sha1) mallory
$(fingerprint mallory md5) mallory
$(fingerprint mallory sha256)
    continued
$(fingerprint kiosk sha256):00 kiosk
kiosk.example kiosk
TABLE
convert Postfix
check "Postfix: lines of the policy" 9 "$(wc -l <relay.policy | tr -d ' ')"
check "Postfix: messages" 6 "$(wc -l <said | tr -d ' ')"
says "relay_clientcerts, line 7: a SHA-1 value, make a new one"
says "line 8: an MD5 value, make a new one"
says "line 9: no plain name"
says "line 10: a continued line"
says "line 11: not a SHA-256 value"
says "line 12: no fingerprint: kiosk.example"
decides relay.policy <<WANTED
alice allow alice
scanner allow old scanner, key
build-agent allow build agent 7
scanner-expired deny EXPIRED
mallory deny NO_RULE
kiosk deny NO_RULE
alice-renewed deny NO_RULE
scanner-ca-true deny NO_RULE
WANTED

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
