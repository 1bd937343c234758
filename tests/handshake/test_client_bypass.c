/* Ways around the policy on the client's side: servers that come up without it, or with something else in its place. Each
   has a control that shows that the way is open on plain OpenSSL, or without the part of the library that closes it. */
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ server\n";

static int
accept_all(X509_STORE_CTX *context, void *user)
{
    (void)user;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

/* A wrapper around our callback that forgets its result. */
static int
forgetful(X509_STORE_CTX *context, void *verifier)
{
    (void)mtlspin_cert_verify_callback(context, verifier);
    return accept_all(context, verifier);
}

/* A client that trusts the root CA and has no verifier. */
static SSL_CTX *
trusting_client(int version)
{
    SSL_CTX *context = rig_client(NULL, version);
    ck_assert_int_eq(SSL_CTX_load_verify_file(context, pki_path("root-ca", ".pem")), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
}

static void
prepare(struct rig *rig)
{
    ck_assert_int_eq(mtlspin_prepare(rig->verifier, rig->pair.client, NULL), MTLSPIN_OK);
}

/* SSL_VERIFY_NONE, with which OpenSSL ignores what path validation says. */

enum place { BEFORE_ATTACHING, ON_THE_CONTEXT, ON_THE_CONNECTION, BEFORE_PREPARING, AFTER_PREPARING, PLACES };

static const struct { const char *server; enum mtlspin_reason reason; } strangers[] = {
    { "server", MTLSPIN_REASON_RULE },
    { "other-server", MTLSPIN_REASON_UNKNOWN_CA },
    { "server-rsa", MTLSPIN_REASON_NO_RULE },
    { "server-expired", MTLSPIN_REASON_EXPIRED },
    { "server-db", MTLSPIN_REASON_HOST_MISMATCH },
};
enum { STRANGERS = sizeof strangers / sizeof *strangers };

static void
lower(struct rig *rig, enum place place)
{
    if (place == ON_THE_CONTEXT)
        SSL_CTX_set_verify(rig->client, SSL_VERIFY_NONE, NULL);
    rig_dial(rig, "localhost");
    if (place == AFTER_PREPARING)
        prepare(rig);
    if (place >= ON_THE_CONNECTION)
        SSL_set_verify(rig->pair.client, SSL_VERIFY_NONE, NULL);
    if (place == BEFORE_PREPARING) {
        prepare(rig);
        ck_assert_int_eq(SSL_get_verify_mode(rig->pair.client), SSL_VERIFY_PEER);
    }
}

START_TEST(verify_none_turns_nothing_off)
{
    enum place place = (enum place)(_i / 2 % PLACES);
    enum mtlspin_reason reason = strangers[_i / 2 / PLACES].reason;
    struct rig rig;
    rig_make_client(&rig, members, strangers[_i / 2 / PLACES].server, rig_version(_i));
    SSL_CTX_free(rig.client);
    rig.client = rig_client(NULL, rig_version(_i));
    ck_assert_int_eq(SSL_CTX_get_verify_mode(rig.client), SSL_VERIFY_NONE);
    ck_assert(rig_connect(&rig, "localhost")); /* OpenSSL alone */
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK);
    lower(&rig, place);
    ck_assert_int_eq(rig_finish(&rig), reason == MTLSPIN_REASON_RULE);
    if (reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "server");
    else {
        rig_refused(&rig, reason);
        ck_assert_int_eq(pair_talk(&rig.pair, "secret"), 0);
    }
    rig_free(&rig);
}
END_TEST

/* Something else in the callback's place. */

static const struct {
    int (*callback)(X509_STORE_CTX *context, void *verifier);
    int prepared;
    const char *server;
    enum mtlspin_reason reason;
} replacements[] = {
    { accept_all, 0, "other-server", MTLSPIN_REASON_NOT_JUDGED },
    { accept_all, 1, "other-server", MTLSPIN_REASON_NOT_JUDGED },
    { accept_all, 0, "server", MTLSPIN_REASON_NOT_JUDGED },
    { forgetful, 0, "other-server", MTLSPIN_REASON_UNKNOWN_CA },
    { forgetful, 1, "server-rsa", MTLSPIN_REASON_NO_RULE },
    { forgetful, 0, "server-db", MTLSPIN_REASON_HOST_MISMATCH },
};
enum { REPLACEMENTS = sizeof replacements / sizeof *replacements };

START_TEST(verify_callback_replaced)
{
    struct rig rig;
    rig_make_client(&rig, members, replacements[_i / 2].server, rig_version(_i));
    SSL_CTX_set_cert_verify_callback(rig.client, replacements[_i / 2].callback, rig.verifier);
    rig_dial(&rig, "localhost");
    if (replacements[_i / 2].prepared)
        prepare(&rig);
    ck_assert(rig_finish(&rig)); /* OpenSSL lets it pass */
    rig_refused(&rig, replacements[_i / 2].reason);
    ck_assert_int_eq(rig.audit.events, 1);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    rig_free(&rig);
}
END_TEST

/* Without a handle: a callback that has lost its verifier refuses. */
START_TEST(callback_without_a_verifier)
{
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    SSL_CTX_set_cert_verify_callback(rig.client, mtlspin_cert_verify_callback, NULL);
    ck_assert(!rig_connect(&rig, "localhost"));
    ck_assert_int_eq(SSL_get_verify_result(rig.pair.client), X509_V_ERR_CERT_REJECTED);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.client, NULL), MTLSPIN_DENY);
    rig_free(&rig);
}
END_TEST

/* A connection whose SSL_CTX has no verifier, though it was prepared: OpenSSL alone has decided. */
START_TEST(prepared_without_attaching)
{
    struct rig rig;
    rig_make_client(&rig, members, "server-rsa", rig_version(_i));
    SSL_CTX *other = trusting_client(rig_version(_i));
    rig_dial(&rig, "localhost");
    ck_assert_ptr_eq(SSL_set_SSL_CTX(rig.pair.client, other), other);
    prepare(&rig);
    ck_assert(rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    SSL_CTX_free(other);
    rig_free(&rig);
}
END_TEST

START_TEST(check_by_another_verifier)
{
    struct rig rig, other;
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    rig_make_client(&rig, members, "server", rig_version(_i));
    rig_verifier(&other, members);
    ck_assert(rig_connect(&rig, "localhost"));
    ck_assert_int_eq(mtlspin_check(other.verifier, rig.pair.client, &decision), MTLSPIN_DENY);
    ck_assert_int_eq(decision.reason, MTLSPIN_REASON_OTHER_VERIFIER);
    ck_assert_int_eq(other.audit.events, 1);
    rig_allowed(&rig, "server"); /* whether prepared or not, it is the first one's */
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

/* A laxer verifier prepares: the stricter one that is attached does not judge in its name, nor is it the laxer one's word. */
START_TEST(prepared_for_another_verifier)
{
    struct rig rig, other;
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    rig_make_client(&rig, members, "server-rsa", rig_version(_i));
    rig_verifier(&other, "ca @pki@/root-ca.pem\nallow any other\n");
    rig_dial(&rig, "localhost");
    ck_assert_int_eq(mtlspin_prepare(other.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    ck_assert(!rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_OTHER_VERIFIER);
    ck_assert_int_eq(rig.audit.events, 1);
    ck_assert_int_eq(mtlspin_check(other.verifier, rig.pair.client, &decision), MTLSPIN_DENY);
    ck_assert_int_eq(decision.reason, MTLSPIN_REASON_OTHER_VERIFIER);
    rig_dial(&rig, "localhost");
    ck_assert_int_eq(mtlspin_prepare(other.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    prepare(&rig); /* the last one counts */
    ck_assert(!rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NO_RULE);
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

/* Connections that rest on no certificate at all. */

static const unsigned char shared[] = "a key that both know 0123456789"; /* 32 bytes with the terminator */

static unsigned
key_of_server(SSL *ssl, const char *identity, unsigned char *key, unsigned size)
{
    (void)ssl, (void)identity;
    ck_assert_uint_ge(size, sizeof shared);
    memcpy(key, shared, sizeof shared);
    return sizeof shared;
}

static unsigned
key_of_client(SSL *ssl, const char *hint, char *identity, unsigned identity_size, unsigned char *key, unsigned size)
{
    (void)hint;
    (void)snprintf(identity, identity_size, "client");
    return key_of_server(ssl, identity, key, size);
}

/* The same key as TLS 1.3 has it: in a session of the program's own making. */
static int
session_of_client(SSL *ssl, const EVP_MD *digest, const unsigned char **id, size_t *length, SSL_SESSION **session)
{
    static const unsigned char suite[] = { 0x13, 0x01 }; /* TLS_AES_128_GCM_SHA256 */
    (void)digest;
    *id = (const unsigned char *)"client";
    *length = 6;
    *session = SSL_SESSION_new();
    return SSL_SESSION_set1_master_key(*session, shared, sizeof shared)
        && SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite))
        && SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION);
}

static void
use_key(SSL *ssl)
{
    SSL_set_psk_client_callback(ssl, key_of_client);
}

static void
use_session(SSL *ssl)
{
    SSL_set_psk_use_session_callback(ssl, session_of_client);
}

/* The context that attaching and preparing set fits to no such session, and TLS 1.3 wants it to: without it, they do. */
static void
use_key_anywhere(SSL *ssl)
{
    use_key(ssl);
    ck_assert_int_eq(SSL_set_session_id_context(ssl, shared, 0), 1);
}

static void
use_session_anywhere(SSL *ssl)
{
    use_session(ssl);
    ck_assert_int_eq(SSL_set_session_id_context(ssl, shared, 0), 1);
}

static void
use_no_key(SSL *ssl)
{
    ck_assert_int_eq(SSL_set_cipher_list(ssl, "aNULL:@SECLEVEL=0"), 1);
}

enum when { NOT_PREPARED, PREPARED_AFTER, PREPARED_BEFORE }; /* the program set its callback */

static const struct {
    void (*set)(SSL *ssl);
    int version;
    enum when when;
    int connects;
    enum mtlspin_reason reason;
} uncertified[] = {
    { use_key, TLS1_2_VERSION, NOT_PREPARED, 1, MTLSPIN_REASON_NOT_JUDGED },
    { use_key, TLS1_2_VERSION, PREPARED_AFTER, 0, MTLSPIN_REASON_HANDSHAKE_FAILED },
    { use_key, TLS1_2_VERSION, PREPARED_BEFORE, 1, MTLSPIN_REASON_NO_CERTIFICATE },
    { use_key, TLS1_3_VERSION, NOT_PREPARED, 0, MTLSPIN_REASON_HANDSHAKE_FAILED },
    { use_key, TLS1_3_VERSION, PREPARED_AFTER, 0, MTLSPIN_REASON_UNKNOWN_CA },
    { use_key, TLS1_3_VERSION, PREPARED_BEFORE, 0, MTLSPIN_REASON_HANDSHAKE_FAILED },
    { use_key_anywhere, TLS1_3_VERSION, NOT_PREPARED, 1, MTLSPIN_REASON_NOT_JUDGED },
    { use_key_anywhere, TLS1_3_VERSION, PREPARED_AFTER, 0, MTLSPIN_REASON_UNKNOWN_CA },
    { use_key_anywhere, TLS1_3_VERSION, PREPARED_BEFORE, 1, MTLSPIN_REASON_RESUMED },
    { use_session, TLS1_3_VERSION, NOT_PREPARED, 0, MTLSPIN_REASON_HANDSHAKE_FAILED },
    { use_session, TLS1_3_VERSION, PREPARED_AFTER, 0, MTLSPIN_REASON_UNKNOWN_CA },
    { use_session, TLS1_3_VERSION, PREPARED_BEFORE, 0, MTLSPIN_REASON_HANDSHAKE_FAILED },
    { use_session_anywhere, TLS1_3_VERSION, NOT_PREPARED, 1, MTLSPIN_REASON_NOT_JUDGED },
    { use_session_anywhere, TLS1_3_VERSION, PREPARED_AFTER, 0, MTLSPIN_REASON_UNKNOWN_CA },
    { use_session_anywhere, TLS1_3_VERSION, PREPARED_BEFORE, 1, MTLSPIN_REASON_RESUMED },
    { use_no_key, TLS1_2_VERSION, NOT_PREPARED, 1, MTLSPIN_REASON_NOT_JUDGED },
    { use_no_key, TLS1_2_VERSION, PREPARED_AFTER, 1, MTLSPIN_REASON_NO_CERTIFICATE },
};
enum { UNCERTIFIED = sizeof uncertified / sizeof *uncertified };

/* The server's certificate is nobody's that the client knows, and it need not show it. */
static void
make_uncertified(struct rig *rig, int version)
{
    rig_make_client(rig, members, "other-server", version);
    SSL_CTX_set_psk_server_callback(rig->server, key_of_server);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->server, "PSK:aNULL:@SECLEVEL=0"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig->server, "TLS_AES_128_GCM_SHA256"), 1);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->client, "PSK"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig->client, "TLS_AES_128_GCM_SHA256"), 1);
}

START_TEST(no_certificate_is_no_identity)
{
    int version = uncertified[_i].version;
    struct rig rig;
    struct pair pair;
    make_uncertified(&rig, version);
    SSL_CTX *plain = trusting_client(version);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(plain, "PSK"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(plain, "TLS_AES_128_GCM_SHA256"), 1);
    pair_make(&pair, rig.server, plain);
    uncertified[_i].set(pair.client);
    ck_assert(pair_shake(&pair)); /* OpenSSL alone */
    ck_assert_ptr_null(SSL_get0_peer_certificate(pair.client));
    pair_free(&pair);
    SSL_CTX_free(plain);
    rig_dial(&rig, "localhost");
    if (uncertified[_i].when == PREPARED_BEFORE)
        prepare(&rig);
    uncertified[_i].set(rig.pair.client);
    if (uncertified[_i].when == PREPARED_AFTER)
        prepare(&rig);
    ck_assert_int_eq(rig_finish(&rig), uncertified[_i].connects);
    rig_refused(&rig, uncertified[_i].reason);
    rig_free(&rig);
}
END_TEST

/* TLSA records (RFC 6698): to OpenSSL they are authority enough, to the policy they are nothing. */
static const struct { const char *server, *record; int plain; enum mtlspin_reason reason; } records[] = {
    { "other-server", "other-server", 1, MTLSPIN_REASON_UNKNOWN_CA },
    { "server-rsa", "server-rsa", 1, MTLSPIN_REASON_NO_RULE },
    { "server", "other-server", 0, MTLSPIN_REASON_RULE },
};
enum { RECORDS = sizeof records / sizeof *records };

/* "3 1 1": the server's own key, by its SHA-256. */
static void
use_record(SSL *ssl, const char *name)
{
    struct mtlspin_pin pin;
    X509 *certificate = pki_certificate(name);
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, MTLSPIN_SPKI, certificate, NULL), MTLSPIN_OK);
    ck_assert_int_eq(SSL_dane_enable(ssl, "localhost"), 1);
    ck_assert_int_eq(SSL_dane_tlsa_add(ssl, 3, 1, 1, pin.bytes, pin.length), 1);
    X509_free(certificate);
}

START_TEST(dane_lets_nobody_in)
{
    struct rig rig;
    rig_make_client(&rig, members, records[_i / 2].server, rig_version(_i));
    SSL_CTX_free(rig.client);
    rig.client = trusting_client(rig_version(_i));
    ck_assert_int_eq(SSL_CTX_dane_enable(rig.client), 1);
    rig_dial(&rig, NULL);
    use_record(rig.pair.client, records[_i / 2].record);
    ck_assert_int_eq(rig_finish(&rig), records[_i / 2].plain);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK);
    rig_dial(&rig, NULL);
    use_record(rig.pair.client, records[_i / 2].record);
    ck_assert_int_eq(rig_finish(&rig), records[_i / 2].reason == MTLSPIN_REASON_RULE);
    if (records[_i / 2].reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "server");
    else
        rig_refused(&rig, records[_i / 2].reason);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("client bypass");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both, 60);
    tcase_add_loop_test(both, verify_none_turns_nothing_off, 0, 2 * PLACES * STRANGERS);
    tcase_add_loop_test(both, verify_callback_replaced, 0, 2 * REPLACEMENTS);
    tcase_add_loop_test(both, callback_without_a_verifier, 0, 2);
    tcase_add_loop_test(both, prepared_without_attaching, 0, 2);
    tcase_add_loop_test(both, check_by_another_verifier, 0, 2);
    tcase_add_loop_test(both, prepared_for_another_verifier, 0, 2);
    tcase_add_loop_test(both, no_certificate_is_no_identity, 0, UNCERTIFIED);
    tcase_add_loop_test(both, dane_lets_nobody_in, 0, 2 * RECORDS);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
