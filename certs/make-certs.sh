#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the certificates and keys for the demo, the tests and the examples.
#
#   sh certs/make-certs.sh DIR
#
# FOR TESTS ONLY: the keys are not encrypted, and many of these certificates
# are wrong on purpose. See docs/certificates.md for certificates of your own.
#
# DIR belongs to this script. It is filled in one step at the end, so an
# interrupted run leaves nothing half-made; a second run does nothing unless
# this script or openssl.cnf has changed. To start afresh, remove DIR.
#
# For each NAME there is NAME.pem (certificate), NAME.key (PKCS#8, PEM) and
# NAME-chain.pem (the certificate and its intermediates, without the root).

set -eu
umask 077

fail() {
    echo "make-certs.sh: $*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: sh make-certs.sh DIR"

unset CDPATH
here=$(cd "$(dirname "$0")" && pwd)
script=$here/$(basename "$0")
OPENSSL_CONF=$here/openssl.cnf
SAN=
export OPENSSL_CONF SAN

# --- the place ---

mkdir -p "$1"
dir=$(cd "$1" && pwd)
if [ -e "$dir/.complete" ]; then
    [ -n "$(find "$script" "$OPENSSL_CONF" -newer "$dir/.complete")" ] || exit 0
elif [ -n "$(ls -A "$dir")" ]; then
    fail "$dir holds files that are not mine; give me a new or an empty directory"
fi

tmp=$dir.tmp.$$
trap 'cd / && rm -rf "$tmp" "$tmp.old"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp" "$tmp/.work"
cd "$tmp"

# --- dates: from yesterday, for ten years ---

from=$(TZ=DAY24 date +%Y%m%d%H%M%SZ)
year=${from%??????????Z}
rest=${from#"$year"}
case $rest in 0229*) rest=0228${rest#0229} ;; esac
to=$((year + 10))$rest

# --- the steps ---

# Runs a command silently; if it fails, shows what it had to say.
run() {
    "$@" >.work/log 2>&1 && return
    echo "make-certs.sh: this failed: $*" >&2
    cat .work/log >&2
    exit 1
}

random_serial() { # 16 bytes, the first bit clear and the first byte not 0
    random=$(openssl rand -hex 16)
    echo "5${random#?}"
}

serial_of() { # NAME
    openssl x509 -in "$1.pem" -noout -serial | sed 's/.*=//'
}

make_key() { # NAME KIND
    case $2 in
    p256 | p384 | p521) set -- "$1" EC -pkeyopt "ec_paramgen_curve:P-${2#p}" ;;
    rsa:*) set -- "$1" RSA -pkeyopt "rsa_keygen_bits:${2#*:}" ;;
    rsa-pss:*) set -- "$1" RSA-PSS -pkeyopt "rsa_keygen_bits:${2#*:}" ;;
    same:*) cp "${2#*:}.key" "$1.key" && return ;;
    esac
    key_name=$1
    shift
    run openssl genpkey -out "$key_name.key" -algorithm "$@"
}

# cert NAME KEY ISSUER PROFILE [cn=..] [o=..] [serial=..] [san=..] [md=..] [from=..] [to=..]
# KEY: p256, p384, p521, ed25519, ed448, rsa:BITS, rsa-pss:BITS or same:NAME.
# ISSUER: the name of a CA made before, or "self".
cert() {
    name=$1 key=$2 issuer=$3 profile=$4
    shift 4
    cn=$name o=Example serial=$(random_serial) SAN='' md=sha256 begin=$from end=$to
    for option in "$@"; do
        value=${option#*=}
        case $option in
        cn=*) cn=$value ;;
        o=*) o=$value ;;
        serial=*) serial=$value ;;
        san=*) SAN=$value ;;
        md=*) md=$value ;;
        from=*) begin=$value ;;
        to=*) end=$value ;;
        *) fail "unknown option $option for $name" ;;
        esac
    done

    make_key "$name" "$key"
    run openssl req -new -key "$name.key" -subj "/O=$o/CN=$cn" -out ".work/$name.csr"

    if [ "$issuer" = self ]; then
        set -- -selfsign -keyfile "$name.key"
    else
        set -- -cert "$issuer.pem" -keyfile "$issuer.key"
    fi
    : >.work/index.txt
    echo "$serial" >.work/serial
    run openssl ca -batch -notext -in ".work/$name.csr" -out "$name.pem" "$@" \
        -extensions "$profile" -md "$md" -startdate "$begin" -enddate "$end"
    make_chain
}

make_chain() {
    cp "$name.pem" "$name-chain.pem"
    if [ "$issuer" = self ]; then
        : >".work/$name.self"
    elif [ ! -e ".work/$issuer.self" ]; then
        cat "$issuer-chain.pem" >>"$name-chain.pem"
    fi
}

client() { # NAME KEY [OPTION...]: the usual client certificate
    client_name=$1 client_key=$2
    shift 2
    cert "$client_name" "$client_key" clients-ca client "$@"
}

named() { # NAME SAN: the usual client certificate with alternative names
    cert "$1" p256 clients-ca client_san san="$2"
}

byte() { # NUMBER: prints that byte
    printf %b "\\0$(printf %o "$1")"
}

# Changes bytes (two octal patterns of the same length) in the certificate
# just made, and signs it again: for what "openssl ca" refuses to write.
# The issuer's key has to be a P-256 one.
patch() { # OLD NEW
    run openssl asn1parse -in "$name.pem" -strparse 4 -noout -out .work/tbs
    od -An -v -to1 .work/tbs | tr -d '\n' | tr -s ' ' _ >.work/before
    sed "s/$1/$2/" .work/before >.work/after
    ! cmp -s .work/before .work/after || fail "nothing to change in $name.pem"
    printf %b "$(sed 's/_/\\0/g' .work/after)" >.work/tbs
    run openssl dgst -sha256 -sign "$issuer.key" -out .work/sig .work/tbs
    {
        cat .work/tbs
        printf '\060\012\006\010\052\206\110\316\075\004\003\002' # ecdsa-with-SHA256
        byte 3 && byte $((1 + $(wc -c <.work/sig))) && byte 0 # BIT STRING
        cat .work/sig
    } >.work/body
    size=$(wc -c <.work/body)
    {
        byte 48 && byte 130 && byte $((size / 256)) && byte $((size % 256)) # SEQUENCE
        cat .work/body
    } >.work/der
    run openssl x509 -inform DER -in .work/der -out "$name.pem"
    make_chain
}

# crl FILE ISSUER [EXTENSIONS] [NAME...]: the list of a CA that revokes these
# certificates. EXTENSIONS is a section of openssl.cnf, crl_plain without it.
crl() {
    file=$1 issuer=$2 extensions=crl_plain
    shift 2
    case ${1-} in crl_*) extensions=$1 && shift ;; esac
    for revoked in "$@"; do
        printf 'R\t%s\t%s\t%s\tunknown\t/CN=%s\n' "${to#??}" "${from#??}" "$(serial_of "$revoked")" "$revoked"
    done >.work/index.txt
    run openssl ca -gencrl -cert "$issuer.pem" -keyfile "$issuer.key" -out "$file" -crlexts "$extensions" \
        -crl_lastupdate "$from" -crl_nextupdate "$to"
}

# --- CAs ---

cert root-ca    rsa:2048 self     ca_any  cn='Example Root CA'
cert clients-ca p256     root-ca  ca_last cn='Example Clients CA'
cert servers-ca p256     root-ca  ca_last cn='Example Servers CA'
cert upper-ca   p256     root-ca  ca_any  cn='Example Upper CA'
cert deep-ca    p256     upper-ca ca_last cn='Example Deep CA'
cert partner-ca p256     self     ca_any  cn='Partner CA' o=Partner
cert other-ca   p256     self     ca_any  cn='Somebody Else CA' o='Somebody Else'
cert twin-ca    p256     self     ca_any  cn='Example Clients CA'
cert no-crl-ca  p256     self     ca_no_crl cn='No CRL CA'

# --- servers ---

cert server         p256     servers-ca server cn=localhost
cert server-rsa     rsa:2048 servers-ca server cn=localhost
cert server-ed25519 ed25519  servers-ca server cn=localhost
cert server-renewed same:server servers-ca server cn=localhost
cert server-clone   p256     servers-ca server cn=localhost serial="$(serial_of server)"
cert server-deep    p256     deep-ca    server cn=localhost
cert other-server   p256     other-ca   server cn=localhost
cert self-server    p256     self       server cn=localhost

cert server-expired         p256 servers-ca server cn=localhost from=20200101000000Z to=20200201000000Z
cert server-not-yet-valid   p256 servers-ca server cn=localhost from=20990101000000Z to=21000101000000Z
cert server-as-client       p256 servers-ca server_as_client cn=localhost
cert self-server-expired    p256 self       server cn=localhost from=20200101000000Z to=20200201000000Z
cert server-cn-only         p256 servers-ca server_eku cn=localhost
cert server-name-only       p256 servers-ca server_san cn=localhost san=DNS:localhost
cert server-db              p256 servers-ca server_san cn=localhost san=DNS:db.example
cert server-address-as-name p256 servers-ca server_san cn=localhost san=DNS:127.0.0.1
cert server-address-only    p256 servers-ca server_san cn=localhost san=IP:127.0.0.1
cert server-wildcard        p256 servers-ca server_san cn=apps san=DNS:*.apps.example
cert server-part-wildcard   p256 servers-ca server_san cn=apps san=DNS:a*.apps.example
cert server-wildcard-hex    p256 servers-ca server_san cn=hex san=DNS:*.0.1 # 0x7f.0.1 is a name, and leads to 127.0.0.1
cert server-part-hex        p256 servers-ca server_san cn=hex san=DNS:0x*.0.1
cert server-nul             p256 servers-ca server_san cn=localhost san=ASN1:SEQUENCE:nul_localhost
cert server-is-ca           p256 root-ca    ca_as_server cn=localhost
cert server-no-issuer-key   p256 servers-ca server_no_issuer_key cn=localhost

# --- clients ---

client alice          p256
client alice-renewed  same:alice cn=alice
client alice-clone    p256 cn=alice serial="$(serial_of alice)"
client build-agent    rsa:2048
client kiosk          ed25519 serial=D1D11C749D9C2D16
client mallory        p256
client client-p384    p384
client client-p521    p521
client client-ed448   ed448
client client-rsa    rsa:2048
client client-rsa-pss rsa-pss:2048
client weak-rsa       rsa:1024
client sha1-signed    p256 md=sha1
client expired        p256 from=20200101000000Z to=20200201000000Z
client not-yet-valid  p256 from=20990101000000Z to=21000101000000Z
client small-serial   p256 serial=1234
client zero-serial    p256 serial=00
client cn-only        p256 cn=agent.acme.example

cert server-eku       p256 clients-ca server_eku
cert any-eku          p256 clients-ca any_eku
cert email-eku        p256 clients-ca email_eku
cert no-eku           p256 clients-ca no_eku
cert bad-key-usage    p256 clients-ca bad_key_usage
cert unknown-critical p256 clients-ca unknown_critical
cert client-ca        p256 root-ca    ca_as_client

named san-email      email:ops@acme.example
named san-dns        DNS:agent.acme.example
named san-uri        URI:spiffe://partner.example/gateway
named san-two-uris   URI:spiffe://partner.example/gateway,URI:spiffe://partner.example/admin
named san-all        email:ops@acme.example,DNS:agent.acme.example,URI:spiffe://partner.example/gateway
named san-as-uri     URI:agent.acme.example
named san-four       DNS:agent.acme.example,DNS:b.example,email:c@b.example,URI:spiffe://b.example/d
named san-five       DNS:agent.acme.example,DNS:b.example,email:c@b.example,URI:spiffe://b.example/d,DNS:e.example
named nul-email      ASN1:SEQUENCE:nul_email
named nul-dns        ASN1:SEQUENCE:nul_dns
named nul-uri        ASN1:SEQUENCE:nul_uri
named nul-other-utf8 ASN1:SEQUENCE:nul_other_utf8
named nul-other-bmp  ASN1:SEQUENCE:nul_other_bmp

client nul-cn          p256 cn='alice~.evil'
patch _141_154_151_143_145_176 _141_154_151_143_145_000 # "alice~" to "alice" NUL
client negative-serial p256 serial=5AA5
patch _002_002_132_245 _002_002_355_314 # INTEGER 0x5AA5 to INTEGER -0x1234

# --- clients of other CAs ---

cert other-alice     p256    other-ca   client     cn=alice
cert other-kiosk     ed25519 other-ca   client     cn=kiosk serial=D1D11C749D9C2D16
cert twin-kiosk      ed25519 twin-ca    client     cn=kiosk serial=D1D11C749D9C2D16
cert partner-gateway p256    partner-ca client_san o=Partner cn=gateway san=URI:spiffe://partner.example/gateway
cert deep            p256    deep-ca    client

# --- self-signed clients ---

cert scanner            p256     self client
cert scanner-ca-true    p256     self plain_x509
cert scanner-expired    p256     self client from=20200101000000Z to=20200201000000Z
cert scanner-server-eku p256     self server_eku
cert scanner-rsa1024    rsa:1024 self client

# --- revocation lists ---

crl root.crl       root-ca
crl upper.crl      upper-ca
crl deep.crl       deep-ca    deep
crl clients.crl    clients-ca mallory build-agent
crl servers.crl    servers-ca
crl delta.crl      root-ca    crl_delta
crl part.crl       root-ca    crl_part
crl critical.crl   root-ca    crl_critical
crl twin.crl       twin-ca    crl_nameless mallory # bears the name of clients-ca
crl no-sign.crl    no-crl-ca

# --- bundles and other forms ---

cat mallory.pem clients-ca.pem alice.pem >mallory-with-alice.pem
cat mallory.pem clients-ca.pem scanner.pem >mallory-with-scanner.pem
cat clients-ca.pem alice.pem >alice-reversed.pem
cat server.pem servers-ca.pem upper-ca.pem >server-with-upper.pem
cat server.pem servers-ca.pem server-db.pem >server-with-db.pem
cat other-server.pem other-ca.pem >other-server-with-ca.pem
cp .work/alice.csr alice.csr
run openssl pkey -in alice.key -pubout -out alice.pub.pem
run openssl x509 -in alice.pem -outform DER -out alice.der
run openssl crl -in root.crl -outform DER -out root-crl.der
{ cat root-crl.der && byte 0; } >root-crl-long.der
cat root.crl clients.crl >root-and-clients.crl
{ cat root.crl && sed 4q clients.crl; } >half.crl
mkdir lists
cp root.crl lists/root.pem
cp clients.crl lists/clients.crl
cp root-crl.der lists/again.der
cp alice.pem lists/alice.crt # no list, and not read

# --- into place ---

rm -rf .work
: >.complete
cd /
mv "$dir" "$tmp.old"
mv "$tmp" "$dir"
