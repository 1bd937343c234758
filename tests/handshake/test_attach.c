/* Attaching to a server's SSL_CTX: what is refused, what is set, what is left; and the life of the objects. */
#include "pki.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
#include <openssl/quic.h>
#endif
#include <string.h>

static const char one[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice not-after=2030-01-01\n";

static SSL_CTX *
dtls(void)
{
    return SSL_CTX_new(DTLS_server_method());
}

static SSL_CTX *
old_versions(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION), 1);
    return context;
}

static SSL_SESSION *
find_session(SSL *ssl, const unsigned char *id, int length, int *copy)
{
    (void)ssl, (void)id, (void)length, (void)copy;
    return NULL;
}

static SSL_CTX *
shared_cache(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_sess_set_get_cb(context, find_session);
    return context;
}

static SSL_CTX *
plain(void)
{
    return SSL_CTX_new(TLS_server_method());
}

static const struct {
    SSL_CTX *(*make)(void);
    const char *policy;
    enum mtlspin_status status;
    const char *message;
} refusals[] = {
    { dtls, one, MTLSPIN_ERR_CONTEXT, "DTLS is not supported" },
    { old_versions, one, MTLSPIN_ERR_CONTEXT, "the SSL_CTX permits no version from TLS 1.2 on" },
    { shared_cache, one, MTLSPIN_ERR_CONTEXT,
        "the SSL_CTX has a get-session callback, which would resume sessions past the policy" },
    { plain, "host api.example\nca @pki@/root-ca.pem\nallow any\n", MTLSPIN_ERR_POLICY,
        "the policy has `host` domains, which are for clients (TLS_client_method); delete its `host` lines" },
};
enum { REFUSALS = sizeof refusals / sizeof *refusals };

START_TEST(attach_refuses)
{
    struct rig rig;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(&rig, refusals[_i].policy);
    rig.server = refusals[_i].make();
    int mode = SSL_CTX_get_verify_mode(rig.server);
    uint64_t options = SSL_CTX_get_options(rig.server);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, &error), refusals[_i].status);
    ck_assert_int_eq(error.code, refusals[_i].status);
    ck_assert_str_eq(error.message, refusals[_i].message);
    ck_assert_int_eq(SSL_CTX_get_verify_mode(rig.server), mode);
    ck_assert_uint_eq(SSL_CTX_get_options(rig.server), options);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    rig_free(&rig);
}
END_TEST

#if OPENSSL_VERSION_NUMBER >= 0x30500000L && !defined(OPENSSL_NO_QUIC)
START_TEST(quic_is_refused)
{
    struct rig rig;
    rig_verifier(&rig, one);
    rig.server = SSL_CTX_new(OSSL_QUIC_server_method());
    ck_assert_ptr_nonnull(rig.server);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_ERR_CONTEXT);
    rig_free(&rig);
}
END_TEST
#endif

START_TEST(attach_sets_once)
{
    struct rig rig, other;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(&rig, one);
    rig_verifier(&other, one);
    rig.server = plain();
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, &error), MTLSPIN_OK);
    SSL_CTX_set_verify(rig.server, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_session_cache_mode(rig.server, SSL_SESS_CACHE_BOTH);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, &error), MTLSPIN_OK); /* sets all of it again */
    ck_assert_int_eq(mtlspin_verifier_attach(other.verifier, rig.server, &error), MTLSPIN_ERR_STATE);
    ck_assert_int_eq(SSL_CTX_get_verify_mode(rig.server), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    ck_assert_int_eq(SSL_CTX_get_session_cache_mode(rig.server), SSL_SESS_CACHE_OFF);
    ck_assert(SSL_CTX_get_options(rig.server) & SSL_OP_NO_RENEGOTIATION);
    ck_assert_uint_eq(SSL_CTX_get_max_early_data(rig.server), 0);
    ck_assert_int_eq(SSL_CTX_get_min_proto_version(rig.server), TLS1_2_VERSION);
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, NULL, NULL, &error), MTLSPIN_ERR_STATE);
    ck_assert_int_eq(mtlspin_verifier_set_clock(rig.verifier, NULL, NULL, &error), MTLSPIN_ERR_STATE);
    rig_free(&rig);
    rig_free(&other);
}
END_TEST

START_TEST(attach_never_lowers_the_floor)
{
    struct rig rig;
    rig_verifier(&rig, one);
    rig.server = rig_plain_server();
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(rig.server, TLS1_3_VERSION), 1);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    ck_assert_int_eq(SSL_CTX_get_min_proto_version(rig.server), TLS1_3_VERSION);
    rig.client = rig_client("alice", TLS1_2_VERSION);
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_HANDSHAKE_FAILED);
    rig_free(&rig);
}
END_TEST

/* A floor that the application lowers again does not hold for prepared connections. */
START_TEST(old_protocol_stays_off)
{
    struct rig rig;
    rig_make(&rig, one, "alice", TLS1_2_VERSION);
    SSL_CTX_set_security_level(rig.server, 0);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(rig.server, TLS1_VERSION), 1);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig.server, "ALL:@SECLEVEL=0"), 1);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig.client, "ALL:@SECLEVEL=0"), 1);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(rig.client, TLS1_1_VERSION), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(rig.client, TLS1_1_VERSION), 1);
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_HANDSHAKE_FAILED);
    rig_free(&rig);
}
END_TEST

START_TEST(no_renegotiation)
{
    struct rig rig;
    rig_make(&rig, one, "alice", TLS1_2_VERSION);
    (void)SSL_CTX_clear_options(rig.server, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_options(rig.server, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    ck_assert(rig_shake(&rig));
    ck_assert_int_eq(SSL_renegotiate(rig.pair.server), 0);
    ERR_clear_error();
    rig_allowed(&rig, "alice");
    rig_free(&rig);
}
END_TEST

/* Time goes on while a connection is open. */
START_TEST(decision_ends)
{
    struct rig rig;
    rig_make(&rig, _i < 2 ? one : "ca @pki@/root-ca.pem\nallow any member\n", "alice", rig_version(_i));
    ck_assert(rig_shake(&rig));
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &decision), MTLSPIN_ALLOW);
    rig.now = decision.valid_until;
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &decision), MTLSPIN_ALLOW);
    rig.now++;
    rig_refused(&rig, _i < 2 ? MTLSPIN_REASON_RULE_EXPIRED : MTLSPIN_REASON_EXPIRED);
    ck_assert_int_eq(rig.audit.events, 2); /* the allowance, and its end */
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &decision), MTLSPIN_DENY);
    ck_assert_str_eq(decision.rule_label, _i < 2 ? "alice" : "member");
    ck_assert_uint_eq(decision.line, 2);
    rig_free(&rig);
}
END_TEST

/* What OpenSSL refuses by itself is reported all the same. */
START_TEST(garbage_is_reported_once)
{
    struct rig rig;
    BIO *left = NULL, *right = NULL;
    rig_make(&rig, one, "alice", TLS1_3_VERSION);
    pair_make(&rig.pair, rig.server, rig.client);
    ck_assert_int_eq(mtlspin_set_peer_address(rig.pair.server, "192.0.2.7:4711", NULL), MTLSPIN_OK);
    ck_assert_int_eq(BIO_new_bio_pair(&left, 0, &right, 0), 1);
    SSL_set_bio(rig.pair.server, left, left);
    ck_assert_int_eq(BIO_write(right, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    ck_assert_int_le(SSL_accept(rig.pair.server), 0);
    rig_refused(&rig, MTLSPIN_REASON_HANDSHAKE_FAILED);
    ck_assert_int_eq(rig.audit.events, 1);
    ck_assert_uint_ne(rig.audit.tls_error, 0);
    ck_assert_ptr_nonnull(strstr(rig.audit.json, "\"peer_address\":\"192.0.2.7:4711\""));
    BIO_free(right);
    rig_free(&rig);
}
END_TEST

/* A HelloRetryRequest runs the hello callback twice. */
START_TEST(hello_retry_request)
{
    struct rig rig;
    rig_make(&rig, one, _i == 0 ? "alice" : "mallory", TLS1_3_VERSION);
    char offered[] = "X25519:P-256", wanted[] = "P-256"; /* OpenSSL's macro would cast away a const */
    ck_assert_int_eq(SSL_CTX_set1_groups_list(rig.client, offered), 1);
    ck_assert_int_eq(SSL_CTX_set1_groups_list(rig.server, wanted), 1);
    ck_assert_int_eq(rig_shake(&rig), _i == 0);
    if (_i == 0)
        rig_allowed(&rig, "alice");
    else
        rig_refused(&rig, MTLSPIN_REASON_NO_RULE);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

/* A client may send a hundred certificates that nobody asked for: they change nothing. */
START_TEST(many_certificates_sent_along)
{
    struct rig rig;
    X509 *extra = pki_certificate(_i < 2 ? "partner-ca" : "alice");
    rig_make(&rig, one, _i < 2 ? "alice" : "mallory", rig_version(_i));
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(rig.client, extra), 1);
    ck_assert_int_eq(rig_shake(&rig), _i < 2);
    if (_i < 2)
        rig_allowed(&rig, "alice");
    else
        rig_refused(&rig, MTLSPIN_REASON_NO_RULE);
    X509_free(extra);
    rig_free(&rig);
}
END_TEST

/* The peer goes away within the handshake. */
START_TEST(peer_goes_away)
{
    struct rig rig;
    rig_make(&rig, one, "alice", rig_version(_i));
    pair_make(&rig.pair, rig.server, rig.client);
    (void)SSL_do_handshake(rig.pair.client);
    ERR_clear_error();
    (void)SSL_do_handshake(rig.pair.server);
    rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
    (void)BIO_shutdown_wr(SSL_get_wbio(rig.pair.client));
    ERR_clear_error();
    (void)SSL_do_handshake(rig.pair.server);
    rig_refused(&rig, MTLSPIN_REASON_HANDSHAKE_FAILED);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

/* The first reason stays, even if the error queue that told it is gone. */
START_TEST(reason_outlives_the_error_queue)
{
    struct rig rig;
    rig_make(&rig, one, NULL, rig_version(_i));
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    ERR_clear_error();
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

START_TEST(half_a_hello_is_no_decision)
{
    struct rig rig;
    rig_make(&rig, one, "alice", rig_version(_i));
    pair_make(&rig.pair, rig.server, rig.client);
    (void)SSL_do_handshake(rig.pair.server);
    rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
    (void)SSL_do_handshake(rig.pair.client);
    (void)SSL_do_handshake(rig.pair.server);
    rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
    ck_assert_int_eq(rig.audit.events, 0);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.client, NULL), MTLSPIN_DENY);
    rig_free(&rig);
}
END_TEST

START_TEST(missing_arguments_refuse)
{
    struct rig rig;
    struct mtlspin_decision unsized = { .verdict = MTLSPIN_ALLOW };
    int alert = 0;
    rig_make(&rig, one, "alice", TLS1_3_VERSION);
    ck_assert(rig_shake(&rig));
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &unsized), MTLSPIN_DENY);
    ck_assert_int_eq(mtlspin_check(NULL, rig.pair.server, NULL), MTLSPIN_DENY);
    ck_assert_int_eq(mtlspin_check(rig.verifier, NULL, NULL), MTLSPIN_DENY);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.server, NULL), MTLSPIN_ERR_STATE);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_ERR_STATE);
    ck_assert_int_eq(mtlspin_prepare(NULL, NULL, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_client_hello_callback(rig.pair.client, &alert, rig.verifier), SSL_CLIENT_HELLO_ERROR);
    ck_assert_int_eq(mtlspin_cert_verify_callback(NULL, rig.verifier), 0);
    ck_assert_int_eq(mtlspin_verifier_attach(NULL, NULL, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_ptr_null(mtlspin_verifier_new(NULL, NULL));
    ck_assert_ptr_null(mtlspin_server_context(NULL, NULL, NULL, NULL));
    ck_assert_ptr_null(mtlspin_client_context(NULL, NULL, NULL, NULL));
    ck_assert_int_eq(mtlspin_set_peer_address(NULL, NULL, NULL), MTLSPIN_ERR_ARGUMENT);
    mtlspin_verifier_unref(NULL);
    mtlspin_policy_unref(NULL);
    rig_allowed(&rig, "alice"); /* nothing of this did harm */
    rig_free(&rig);
}
END_TEST

/* The program may let go of everything but the connection. */
START_TEST(connection_keeps_what_it_needs)
{
    struct rig rig;
    rig_make(&rig, one, "alice", rig_version(_i));
    ck_assert(rig_shake(&rig));
    SSL_CTX_free(rig.server);
    rig.server = NULL;
    struct mtlspin_verifier *verifier = rig.verifier;
    mtlspin_verifier_unref(rig.verifier);
    rig.verifier = NULL;
    ck_assert_int_eq(mtlspin_check(verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
    rig_free(&rig);
}
END_TEST

/* mtlspin_server_context: each mistake with its own words. */
static const struct { const char *certificate, *key, *message; } credentials[] = {
    { "server-chain.pem", "alice.key", "the key does not belong to the certificate" },
    { "missing.pem", "server.key", "missing.pem: the certificate cannot be opened" },
    { "server-chain.pem", "missing.key", "missing.key: the key cannot be opened" },
    { "server.key", "server.key", "server.key: no certificate can be read from it" },
    { "server-chain.pem", "server.pem", "server.pem: no private key in it" },
};

START_TEST(server_context_refuses)
{
    struct rig rig;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(&rig, one);
    ck_assert_ptr_null(mtlspin_server_context(pki_path(credentials[_i].certificate, ""), pki_path(credentials[_i].key, ""),
        rig.verifier, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_CERTIFICATE);
    ck_assert_msg(strstr(error.message, credentials[_i].message) != NULL, "%s", error.message);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("attach");
    TCase *all = tcase_create("attach");
    tcase_add_loop_test(all, attach_refuses, 0, REFUSALS);
#if OPENSSL_VERSION_NUMBER >= 0x30500000L && !defined(OPENSSL_NO_QUIC)
    tcase_add_test(all, quic_is_refused);
#else
    puts("skipped: QUIC servers, which come with OpenSSL 3.5");
#endif
    tcase_add_test(all, attach_sets_once);
    tcase_add_test(all, attach_never_lowers_the_floor);
    tcase_add_test(all, old_protocol_stays_off);
    tcase_add_test(all, no_renegotiation);
    tcase_add_loop_test(all, decision_ends, 0, 4);
    tcase_add_test(all, garbage_is_reported_once);
    tcase_add_loop_test(all, hello_retry_request, 0, 2);
    tcase_add_loop_test(all, many_certificates_sent_along, 0, 4);
    tcase_add_loop_test(all, peer_goes_away, 0, 2);
    tcase_add_loop_test(all, reason_outlives_the_error_queue, 0, 2);
    tcase_add_loop_test(all, half_a_hello_is_no_decision, 0, 2);
    tcase_add_test(all, missing_arguments_refuse);
    tcase_add_loop_test(all, connection_keeps_what_it_needs, 0, 2);
    tcase_add_loop_test(all, server_context_refuses, 0, sizeof credentials / sizeof *credentials);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
