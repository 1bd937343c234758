#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/revocation.md, tried as written: its sh blocks, with the CA and the client of docs/certificates.md.
#
#   sh revocation_test.sh ROOT
set -eu
root=$1
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
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 4 ]
