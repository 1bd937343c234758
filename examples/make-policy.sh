#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the example server's policy to standard output, with pins that nothing but the openssl command has computed.
#
#   sh examples/make-policy.sh PKI SEEN
#
# PKI is the directory that certs/make-certs.sh has filled; SEEN is its path as seen from the policy file.
set -eu
[ $# -eq 2 ] || { echo "usage: sh make-policy.sh PKI SEEN" >&2; exit 2; }

spki() { # NAME
    openssl x509 -in "$pki/$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary |
        openssl base64 -A
}

after_equals() { # NAME OPTION...: what `openssl x509` prints behind the "="
    name=$1
    shift
    openssl x509 -in "$pki/$name.pem" -noout "$@" | sed 's/.*=//'
}

pki=$1
alice=sha256/$(spki alice)
agent=$(after_equals build-agent -fingerprint -sha256)
kiosk=$(after_equals kiosk -serial)
scanner=$(after_equals scanner -fingerprint -sha256)

cat <<END
# Who may talk to the example server.
ca $2/root-ca.pem
allow spki        $alice  alice
allow thumbprint  $agent  "build agent 7"
allow serial      $kiosk  kiosk  issuer=$2/clients-ca.pem

# Without any CA: a self-signed client, known by its thumbprint alone.
[legacy]
chain none
allow thumbprint  $scanner  scanner
END
