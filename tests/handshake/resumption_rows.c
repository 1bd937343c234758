#include "resumption_rows.h"
#include "pki.h"
#include "suite.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

/* What a program may do to its SSL_CTX, after attaching. */

static void
make_optional(struct rig *rig)
{
    ck_assert_int_eq(mtlspin_verifier_attach_with(rig->verifier, rig->server, MTLSPIN_ATTACH_OPTIONAL, NULL), MTLSPIN_OK);
}

static void
demand_certificate(struct rig *rig)
{
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, rig->server, NULL), MTLSPIN_OK);
}

static void
turn_cache_on(struct rig *rig)
{
    (void)SSL_CTX_set_session_cache_mode(rig->server, SSL_SESS_CACHE_SERVER);
}

static SSL_SESSION *
find_nothing(SSL *ssl, const unsigned char *id, int length, int *copy)
{
    (void)ssl, (void)id, (void)length, (void)copy;
    return NULL;
}

static void
share_cache(struct rig *rig)
{
    SSL_CTX_sess_set_get_cb(rig->server, find_nothing);
}

static void
turn_tickets_off(struct rig *rig)
{
    (void)SSL_CTX_set_options(rig->server, SSL_OP_NO_TICKET);
}

/* A group that the client supports, but has no key share of. */
static void
want_another_group(struct rig *rig)
{
    char group[] = "P-256";
    ck_assert_int_eq((int)SSL_CTX_set1_groups_list(rig->server, group), 1);
}

/* Ticket callbacks of the program's own. */

static SSL_TICKET_RETURN
use_good(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status, void *user)
{
    (void)ssl, (void)session, (void)name, (void)length, (void)user;
    return status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE
                                                                              : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static int
seal_by_halves(SSL *ssl, void *verifier)
{
    return mtlspin_ticket_generate(ssl, verifier);
}

static SSL_TICKET_RETURN
decide_by_halves(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status,
    void *verifier)
{
    return mtlspin_ticket_decrypt(ssl, session, name, length, status, verifier);
}

static SSL_TICKET_RETURN
forget_the_decision(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status,
    void *verifier)
{
    (void)mtlspin_ticket_decrypt(ssl, session, name, length, status, verifier);
    return use_good(ssl, session, name, length, status, NULL);
}

static SSL_TICKET_RETURN
refuse_more(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status,
    void *verifier)
{
    (void)mtlspin_ticket_decrypt(ssl, session, name, length, status, verifier);
    return SSL_TICKET_RETURN_IGNORE_RENEW;
}

static void
call_both_halves(struct rig *rig)
{
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig->server, seal_by_halves, decide_by_halves, rig->verifier), 1);
}

static void
call_neither_half(struct rig *rig)
{
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig->server, NULL, use_good, NULL), 1);
}

static void
take_the_callbacks_away(struct rig *rig)
{
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig->server, NULL, NULL, NULL), 1);
}

static void
attach_again(struct rig *rig)
{
    take_the_callbacks_away(rig);
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, rig->server, NULL), MTLSPIN_OK);
}

static void
only_decide(struct rig *rig)
{
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig->server, NULL, decide_by_halves, rig->verifier), 1);
}

static void
drop_the_decision(struct rig *rig)
{
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig->server, seal_by_halves, forget_the_decision, rig->verifier), 1);
}

static void
refuse_tickets(struct rig *rig)
{
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig->server, seal_by_halves, refuse_more, rig->verifier), 1);
}

/* Ticket keys of the program's own, of which it says that they are to be replaced. */
static int
old_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    static unsigned char zero[32];
    static char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = { OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, zero, sizeof zero),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end() };
    (void)ssl;
    memset(name, 1, 16);
    if (encrypt)
        memset(iv, 2, 16);
    ck_assert_int_eq(EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, zero, iv, encrypt), 1);
    ck_assert_int_eq(EVP_MAC_CTX_set_params(mac, parameters), 1);
    return encrypt ? 1 : 2;
}

static void
let_keys_grow_old(struct rig *rig)
{
    ck_assert_int_eq((int)SSL_CTX_set_tlsext_ticket_key_evp_cb(rig->server, old_key), 1);
}

/* The SSL_CTX's own trust store. */

static void
trust_the_root(struct rig *rig)
{
    ck_assert_int_eq(SSL_CTX_load_verify_file(rig->server, pki_path("root-ca", ".pem")), 1);
}

static void
trust_nobody(struct rig *rig)
{
    SSL_CTX_set_cert_store(rig->server, X509_STORE_new());
}

static void
ask_for_little(struct rig *rig)
{
    SSL_CTX_set_security_level(rig->server, 1);
}

static void
ask_for_more(struct rig *rig)
{
    SSL_CTX_set_security_level(rig->server, 2);
}

/* The lists are in test_ticket_matrix.c. */
#define ROOT_LIST "crl root.pem\n"
#define LISTED CA ROOT_LIST "crl clients.pem\n" ALICE
#define ALICE_REVOKED CA ROOT_LIST "crl clients-alice-revoked.pem\n" ALICE
#define CA_REVOKED CA "crl root-ca-revoked.pem\ncrl clients.pem\n" ALICE
#define GRACE "crl-grace 2h\n"
#define OTHER "[other]\nca @pki@/other-ca.pem\nallow spki @spki:other-alice@ stranger\n"
#define URI "allow uri spiffe://partner.example/gateway gateway\n"
#define SCANNER "allow spki @spki:scanner@ scanner\n"

const struct row resumption_rows[] = {
    /* What does not touch the client leaves its ticket good. */
    { .name = "nothing changes", .outcome = "resumed as alice" },
    { .name = "another client is removed", .after = CA ALICE, .outcome = "resumed as alice" },
    { .name = "another client is added", .before = CA ALICE, .after = MEMBERS, .outcome = "resumed as alice" },
    { .name = "another client is denied", .after = "deny spki @spki:kiosk@\n" MEMBERS, .outcome = "resumed as alice" },
    { .name = "the rule moves", .after = "# new\n\n" CA "allow spki @spki:kiosk@ kiosk\n" ALICE,
        .outcome = "resumed as alice" },
    { .name = "the rule has another label", .after = CA "allow spki @spki:alice@ \"alice II\"\n",
        .outcome = "resumed as alice II" },
    { .name = "another rule names her", .after = CA "allow ca-spki @spki:clients-ca@ member\n",
        .outcome = "resumed as member" },

    /* Rules of every kind. */
    { .name = "thumbprint", .before = CA "allow thumbprint @thumbprint:alice@ alice\n", .outcome = "resumed as alice" },
    { .name = "serial", .before = CA "allow serial @serial:alice@ alice issuer=@pki@/clients-ca.pem\n",
        .outcome = "resumed as alice" },
    { .name = "any", .before = CA "allow any member\n", .outcome = "resumed as member" },
    { .name = "key of the CA", .before = CA "allow ca-spki @spki:clients-ca@ member\n", .outcome = "resumed as member" },
    { .name = "key of the CA removed", .before = CA "allow ca-spki @spki:clients-ca@ member\n",
        .after = CA "allow ca-spki @spki:servers-ca@ member\n", .outcome = "full: NO_RULE" },
    { .name = "uri", .before = CA URI, .first = "san-uri", .second = "san-uri", .outcome = "resumed as gateway" },
    { .name = "uri removed", .before = CA URI, .after = CA ALICE, .first = "san-uri", .second = "san-uri",
        .outcome = "full: NO_RULE" },
    { .name = "a deeper chain", .before = CA "allow spki @spki:deep@ deep\n", .first = "deep", .second = "deep",
        .outcome = "resumed as deep" },
    { .name = "a CA in the middle of the chain is denied", .before = CA "allow spki @spki:deep@ deep\n",
        .after = "deny spki @spki:upper-ca@\n" CA "allow spki @spki:deep@ deep\n", .first = "deep", .second = "deep",
        .outcome = "full: DENIED_SPKI" },
    { .name = "known by pin alone", .before = "chain none\n" SCANNER, .first = "scanner", .second = "scanner",
        .outcome = "resumed as scanner" },
    { .name = "pin removed", .before = "chain none\n" SCANNER, .after = "chain none\nallow spki @spki:kiosk@ kiosk\n",
        .first = "scanner", .second = "scanner", .outcome = "full: NO_RULE" },
    { .name = "known by pin alone, behind a domain with a CA", .before = MEMBERS "[pins]\nchain none\n" SCANNER,
        .first = "scanner", .second = "scanner", .outcome = "resumed as scanner" },
    { .name = "in the second domain", .before = "ca @pki@/other-ca.pem\nallow any stranger\n[own]\n" MEMBERS,
        .outcome = "resumed as alice" },
    { .name = "in a domain that only reports", .before = CA "mode report-only unmatched=guest\n",
        .outcome = "resumed as guest" },
    { .name = "the domain reports no longer", .before = CA "mode report-only unmatched=guest\n", .after = CA,
        .outcome = "full: NO_RULE" },

    /* What does. */
    { .name = "she is removed", .after = CA "allow spki @spki:kiosk@ kiosk\n", .outcome = "full: NO_RULE" },
    { .name = "everybody is removed", .after = CA, .outcome = "full: NO_RULE" },
    { .name = "her key is denied", .after = "deny spki @spki:alice@ stolen\n" MEMBERS, .outcome = "full: DENIED_SPKI" },
    { .name = "her CA's key is denied", .after = "deny spki @spki:clients-ca@\n" MEMBERS, .outcome = "full: DENIED_SPKI" },
    { .name = "the root's key is denied", .after = "deny spki @spki:root-ca@\n" MEMBERS, .outcome = "full: DENIED_SPKI" },
    { .name = "her serial number is denied",
        .after = "deny serial @serial:alice@ issuer=@pki@/clients-ca.pem\n" MEMBERS, .outcome = "full: DENIED_SERIAL" },
    { .name = "her serial number is denied, whatever the issuer", .after = "deny serial @serial:alice@\n" MEMBERS,
        .outcome = "full: DENIED_SERIAL" },
    { .name = "the serial number is denied under another issuer",
        .after = "deny serial @serial:alice@ issuer=@pki@/other-ca.pem\n" MEMBERS, .outcome = "resumed as alice" },
    { .name = "her CA's serial number is denied",
        .after = "deny serial @serial:clients-ca@ issuer=@pki@/root-ca.pem\n" MEMBERS, .outcome = "full: DENIED_SERIAL" },
    { .name = "her CA is removed", .before = CA "ca @pki@/other-ca.pem\n" ALICE,
        .after = "ca @pki@/other-ca.pem\n" ALICE, .outcome = "full: UNKNOWN_CA" },
    { .name = "her CA is replaced", .after = "ca @pki@/other-ca.pem\n" ALICE, .outcome = "full: UNKNOWN_CA" },
    { .name = "another CA is added", .after = CA "ca @pki@/other-ca.pem\n" ALICE, .outcome = "full as alice" },
    { .name = "another CA is removed", .before = CA "ca @pki@/other-ca.pem\n" ALICE, .after = CA ALICE,
        .outcome = "full as alice" },
    { .name = "a domain is added behind", .after = MEMBERS OTHER, .outcome = "full as alice" },
    { .name = "a domain is removed behind", .before = MEMBERS OTHER, .after = MEMBERS, .outcome = "full as alice" },
    { .name = "the domain is named", .before = MEMBERS OTHER, .after = "[own]\n" MEMBERS OTHER,
        .outcome = "full as alice" },
    { .name = "depth", .after = CA "depth 3\n" ALICE, .outcome = "full as alice" },
    { .name = "depth that is too short for her", .after = CA "depth 0\n" ALICE, .outcome = "full: CHAIN_TOO_LONG" },
    { .name = "strict", .after = CA "strict yes\n" ALICE, .outcome = "full as alice" },
    { .name = "security level", .after = CA "security-level 3\n" ALICE, .outcome = "full: WEAK" },
    { .name = "session lifetime", .after = CA "session-lifetime 20h\n" ALICE, .outcome = "full as alice" },

    /* Revocation lists. A verifier that has seen no chain with her CA does not know whose that CA's list is. */
    { .name = "nobody is revoked", .before = LISTED, .outcome = "resumed as alice", .elsewhere = "full as alice" },
    { .name = "another client is revoked", .before = LISTED,
        .after = CA ROOT_LIST "crl clients-kiosk-revoked.pem\n" ALICE, .outcome = "resumed as alice",
        .elsewhere = "full as alice" },
    { .name = "she is revoked", .before = LISTED, .after = ALICE_REVOKED, .outcome = "full: REVOKED" },
    { .name = "she is revoked, by the first lists", .after = ALICE_REVOKED, .outcome = "full: REVOKED" },
    { .name = "her CA is revoked", .before = LISTED, .after = CA_REVOKED, .outcome = "full: REVOKED" },
    { .name = "her CA is revoked, by the first lists", .after = CA_REVOKED, .outcome = "full: REVOKED" },
    { .name = "her CA's list is missing", .before = LISTED, .after = CA ROOT_LIST ALICE,
        .outcome = "full: REVOCATION_UNKNOWN" },
    { .name = "the root's list is missing", .before = LISTED, .after = CA "crl clients.pem\n" ALICE,
        .outcome = "full: REVOCATION_UNKNOWN" },
    { .name = "the list is about to expire", .before = LISTED, .later = 34000, .outcome = "resumed as alice",
        .elsewhere = "full as alice" },
    { .name = "the list has expired", .before = LISTED, .later = 40000, .outcome = "full: REVOCATION_EXPIRED" },
    { .name = "the list has expired, within the grace", .before = GRACE LISTED, .later = 40000,
        .outcome = "resumed as alice", .elsewhere = "full as alice" },
    { .name = "the list has expired beyond the grace", .before = GRACE LISTED, .later = 45000,
        .outcome = "full: REVOCATION_EXPIRED" },
    { .name = "she is revoked, and comes again and again", .before = LISTED, .after = ALICE_REVOKED, .later = 60,
        .returns = 3, .outcome = "full: REVOKED" },

    /* Time. Without `session-lifetime` it is a day. */
    { .name = "rule about to expire", .before = CA "allow spki @spki:alice@ alice not-after=@soon@\n", .later = 3600,
        .outcome = "resumed as alice" },
    { .name = "rule expired", .before = CA "allow spki @spki:alice@ alice not-after=@soon@\n", .later = 3601,
        .outcome = "full: RULE_EXPIRED" },
    { .name = "rule cut short", .after = CA "allow spki @spki:alice@ alice not-after=@soon@\n", .later = 3601,
        .outcome = "full: RULE_EXPIRED" },
    { .name = "rule prolonged", .before = CA "allow spki @spki:alice@ alice not-after=@soon@\n",
        .after = CA "allow spki @spki:alice@ alice not-after=@later@\n", .later = 3601, .outcome = "resumed as alice" },
    { .name = "rule not yet valid", .after = CA "allow spki @spki:alice@ alice not-before=@soon@\n", .later = 3599,
        .outcome = "full: RULE_NOT_YET_VALID" },
    { .name = "certificate about to expire", .at_end = true, .later = 3599, .outcome = "resumed as alice" },
    { .name = "certificate expired", .at_end = true, .later = 3600, .outcome = "full: EXPIRED" },
    { .name = "certificate known by pin alone about to expire", .before = "chain none\n" ALICE, .at_end = true,
        .later = 3599, .outcome = "resumed as alice" },
    { .name = "certificate known by pin alone expired", .before = "chain none\n" ALICE, .at_end = true, .later = 3600,
        .outcome = "full: EXPIRED" },
    { .name = "a day", .later = 86400, .outcome = "resumed as alice" },
    { .name = "more than a day", .later = 86401, .outcome = "full as alice" },
    { .name = "session lifetime", .before = CA "session-lifetime 10m\n" ALICE, .later = 600,
        .outcome = "resumed as alice" },
    { .name = "more than the session lifetime", .before = CA "session-lifetime 10m\n" ALICE, .later = 601,
        .outcome = "full as alice" },
    { .name = "longer than a day", .before = CA "session-lifetime 72h\n" ALICE, .later = 259200,
        .outcome = "resumed as alice" },
    { .name = "the clock is set back", .later = -1, .outcome = "full as alice" },
    { .name = "renewed within the lifetime", .before = CA "session-lifetime 10m\n" ALICE, .later = 120, .returns = 5,
        .outcome = "resumed as alice" },
    { .name = "renewed past the lifetime", .before = CA "session-lifetime 10m\n" ALICE, .later = 120, .returns = 6,
        .outcome = "full as alice" },
    { .name = "renewed past the rule", .before = CA "allow spki @spki:alice@ alice not-after=@soon@\n", .later = 800,
        .returns = 5, .outcome = "full: RULE_EXPIRED" },
    { .name = "renewed past the certificate", .at_end = true, .later = 800, .returns = 5, .outcome = "full: EXPIRED" },
    { .name = "renewed under old keys", .before = CA "session-lifetime 10m\n" ALICE, .later = 120, .returns = 5,
        .set_up = let_keys_grow_old, .outcome = "resumed as alice" },
    { .name = "renewed under old keys past the lifetime", .before = CA "session-lifetime 10m\n" ALICE, .later = 120,
        .returns = 6, .set_up = let_keys_grow_old, .outcome = "full as alice" },

    /* Hosts. */
    { .name = "the same SNI", .sni = { "a.example", "a.example" }, .outcome = "resumed as alice" },
    { .name = "the same SNI in capitals", .sni = { "a.example", "A.Example" }, .outcome = "resumed as alice" },
    { .name = "another SNI", .sni = { "a.example", "b.example" }, .outcome = "full as alice" },
    { .name = "a longer SNI", .sni = { "a.example", "a.example.org" }, .outcome = "full as alice" },
    { .name = "no SNI any more", .sni = { "a.example", NULL }, .outcome = "full as alice" },
    { .name = "an SNI now", .sni = { NULL, "a.example" }, .outcome = "full as alice" },
    { .name = "another SNI, and she is removed", .after = CA, .sni = { "a.example", "b.example" },
        .outcome = "full: NO_RULE" },

    /* The client. */
    { .name = "she has another certificate now", .second = "kiosk", .outcome = "resumed as alice",
        .stateful = "full as kiosk" },
    { .name = "she has another certificate now, and the first is removed", .second = "kiosk",
        .after = CA "allow spki @spki:kiosk@ kiosk\n", .outcome = "full as kiosk" },
    { .name = "she has no certificate any more", .second = NOBODY, .outcome = "resumed as alice",
        .stateful = "full: NO_CERTIFICATE" },
    { .name = "she has no certificate any more, and is removed", .second = NOBODY, .after = CA,
        .outcome = "full: NO_CERTIFICATE" },
    { .name = "anonymous first, where that is optional", .first = NOBODY, .second = NOBODY, .set_up = make_optional,
        .outcome = "full: ANONYMOUS" },
    { .name = "anonymous first, where that is optional, then by certificate", .first = NOBODY, .set_up = make_optional,
        .outcome = "full as alice" },
    { .name = "by certificate where that is optional", .set_up = make_optional, .outcome = "resumed as alice" },
    { .name = "removed where certificates are optional", .set_up = make_optional, .after = CA,
        .outcome = "full: NO_RULE" },
    { .name = "removed where certificates are optional, and anonymous now", .set_up = make_optional, .after = CA,
        .second = NOBODY, .outcome = "full: ANONYMOUS" },
    { .name = "anonymous first, and required now", .first = NOBODY, .second = NOBODY, .at_first = make_optional,
        .change = demand_certificate, .outcome = "full: NO_CERTIFICATE" },
    { .name = "anonymous first, and a certificate that is required now", .first = NOBODY, .at_first = make_optional,
        .change = demand_certificate, .outcome = "full as alice" },

    /* The program. */
    { .name = "the CAs of its SSL_CTX", .before = "ca application\n" ALICE, .set_up = trust_the_root,
        .outcome = "full as alice" },
    { .name = "the CAs of its SSL_CTX, which go", .before = "ca application\n" ALICE, .set_up = trust_the_root,
        .change = trust_nobody, .outcome = "full: UNKNOWN_CA" },
    { .name = "a higher security level from now on", .at_first = ask_for_little, .change = ask_for_more,
        .outcome = "full as alice" },
    { .name = "by certificate where that is optional, and required now", .at_first = make_optional,
        .change = demand_certificate, .outcome = "full as alice" },
    { .name = "by certificate, and optional now", .change = make_optional, .outcome = "full as alice" },
    { .name = "hello retry request", .set_up = want_another_group, .outcome = "resumed as alice" },
    { .name = "hello retry request, and she is removed", .set_up = want_another_group, .after = CA,
        .outcome = "full: NO_RULE" },
    { .name = "hello retry request from now on", .change = want_another_group, .outcome = "resumed as alice" },
    { .name = "a cache", .set_up = turn_cache_on, .outcome = "full as alice" },
    { .name = "a cache from now on", .change = turn_cache_on, .outcome = "full as alice" },
    { .name = "a cache of the program's from now on", .change = share_cache, .outcome = "full as alice" },
    { .name = "no tickets", .set_up = turn_tickets_off, .outcome = "full as alice" },
    { .name = "no tickets from now on", .change = turn_tickets_off, .outcome = "full as alice" },
    { .name = "its ticket callbacks call ours", .set_up = call_both_halves, .outcome = "resumed as alice" },
    { .name = "its ticket callbacks call ours, and she is removed", .set_up = call_both_halves, .after = CA,
        .outcome = "full: NO_RULE" },
    { .name = "its ticket callbacks do not call ours", .set_up = call_neither_half, .outcome = "resumed: RESUMED",
        .stateful = "full as alice" },
    { .name = "its ticket callbacks do not call ours from now on", .change = call_neither_half,
        .outcome = "resumed: RESUMED", .stateful = "full as alice" },
    { .name = "it has taken ours away", .set_up = take_the_callbacks_away, .outcome = "resumed: RESUMED",
        .stateful = "full as alice" },
    { .name = "it has taken ours away, and she is removed", .set_up = take_the_callbacks_away, .after = CA,
        .outcome = "resumed: RESUMED", .stateful = "full: NO_RULE" },
    { .name = "it has taken ours away, and attached again", .set_up = attach_again, .outcome = "resumed as alice" },
    { .name = "it has taken ours away, and attached again; she is removed", .change = attach_again, .after = CA,
        .outcome = "full: NO_RULE" },
    { .name = "nothing is sealed", .set_up = only_decide, .outcome = "full as alice" },
    { .name = "the decision is dropped", .set_up = drop_the_decision, .after = CA, .outcome = "resumed: RESUMED",
        .stateful = "full: NO_RULE" },
    { .name = "a good ticket is refused", .set_up = refuse_tickets, .outcome = "full as alice" },
};
const size_t resumption_row_count = sizeof resumption_rows / sizeof *resumption_rows;
