#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/certificates.md, tried as written: its sh blocks run from top to
# bottom in an empty folder, and what they make is looked at afterwards.
#
#   sh certificates_test.sh ROOT
set -eu
page=$1/docs/certificates.md
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0

verdict() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
    fi
}

awk '/^```sh$/ { p = 1; n++; next } /^```/ { p = 0 } p; END { if (n < 5) exit 1 }' "$page" >"$folder/blocks.sh" \
    || { echo "FAILED: the page has fewer than five sh blocks"; failed=1; }
mkdir "$folder/empty"
status=0
(cd "$folder/empty" && sh -eu "$folder/blocks.sh") >"$folder/out" 2>&1 || status=$?
verdict "$status" "the blocks of docs/certificates.md: $(tail -n 3 "$folder/out")"

# Every certificate that was made can be read and is valid today; the page itself verifies its chains.
cd "$folder/empty"
for certificate in *.pem; do
    grep -q 'BEGIN CERTIFICATE' "$certificate" || continue
    status=0
    openssl verify -partial_chain -trusted "$certificate" "$certificate" >"$folder/out" 2>&1 || status=$?
    verdict "$status" "$certificate: $(cat "$folder/out")"
done
# Keys are for their owner alone.
for key in *.key; do
    status=0
    [ "$(stat -c %a "$key")" = 600 ] || status=1
    verdict "$status" "$key can be read by others"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 3 ]
