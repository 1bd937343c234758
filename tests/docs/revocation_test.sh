#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/revocation.md, tried as written: its sh blocks and its policies, with the CAs and the clients of docs/certificates.md.
#
#   sh revocation_test.sh ROOT CHECK_POLICY
set -eu
[ $# -eq 2 ] || { echo "usage: sh revocation_test.sh ROOT CHECK_POLICY" >&2; exit 2; }
root=$(cd "$1" && pwd)
check_policy=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0

verdict() { # STATUS WHAT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
    fi
}

blocks() { # PAGE LEAST: its sh blocks
    awk -v least="$2" '/^```sh$/ { p = 1; n++; next } /^```/ { p = 0 } p; END { if (n < least) exit 1 }' "$root/docs/$1"
}

policy() { # NUMBER: that policy block of the page
    awk -v wanted="$1" '/^```policy$/ { p = ++n == wanted; next } /^```/ { p = 0 } p' "$root/docs/revocation.md"
}

decides() { # POLICY NAME WANTED
    got=$("$check_policy" "$1" "$2-chain.pem" 2>&1) || got="failed: $got"
    status=0
    [ "$got" = "$3" ] || status=1
    verdict "$status" "$1 about $2: wanted $3, got $got"
}

status=0
blocks certificates.md 5 >"$folder/before.sh" || status=$?
verdict "$status" "certificates.md has fewer blocks than expected"
status=0
blocks revocation.md 4 >"$folder/blocks.sh" || status=$?
verdict "$status" "revocation.md has fewer blocks than expected"
mkdir "$folder/work"
cd "$folder/work"
sh -eu "$folder/before.sh" >"$folder/out" 2>&1 || verdict 1 "certificates.md: $(tail -n 3 "$folder/out")"
status=0
sh -eu "$folder/blocks.sh" >"$folder/out" 2>&1 || status=$?
verdict "$status" "the blocks of revocation.md: $(tail -n 3 "$folder/out")"

serial=$(openssl x509 -in alice.pem -noout -serial | sed 's/.*=//')
status=0
grep -q "Serial Number: 0*$serial\$" "$folder/out" || status=$?
verdict "$status" "the page's last command shows alice's serial number $serial"
for certificate in alice clients-ca; do
    openssl verify -crl_check -CAfile clients-ca.pem -partial_chain -CRLfile clients.crl "$certificate.pem" \
        >"$folder/$certificate" 2>&1 || true
done
status=0
grep -q 'certificate revoked' "$folder/alice" || status=$?
verdict "$status" "openssl says that alice is revoked: $(cat "$folder/alice")"

# The page's policies: the intermediate as anchor, and the root, which needs a list of its own.
cat gateway.pem clients-ca.pem >gateway-chain.pem
policy 1 >clients.policy
grep -v '^crl' clients.policy >no-list.policy
decides no-list.policy alice 'allow '
decides clients.policy alice 'deny REVOKED'
decides clients.policy gateway 'allow '
policy 2 >root.policy
sed '/root\.crl/d' root.policy >half.policy
sed 's/revoked\.txt/root-revoked.txt/; s/crlnumber$/root-crlnumber/' crl.conf >root-crl.conf
: >root-revoked.txt
echo 01 >root-crlnumber
openssl ca -config root-crl.conf -cert root-ca.pem -keyfile root-ca.key -gencrl -out root.crl 2>"$folder/out"
decides root.policy alice 'deny REVOKED'
decides root.policy gateway 'allow '
decides half.policy gateway 'deny REVOCATION_UNKNOWN'
openssl ca -config root-crl.conf -cert root-ca.pem -keyfile root-ca.key -revoke clients-ca.pem 2>"$folder/out"
openssl ca -config root-crl.conf -cert root-ca.pem -keyfile root-ca.key -gencrl -out root.crl 2>"$folder/out"
decides root.policy gateway 'deny REVOKED'
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 11 ]
