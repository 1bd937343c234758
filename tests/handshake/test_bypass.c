/* Ways around the policy: connections that come up without it, or with something else in its place. Each has a control
   that shows that the way is open on plain OpenSSL, or without the part of the library that closes it. */
#include "pki.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n";

static int
accept_all(X509_STORE_CTX *context, void *user)
{
    (void)user;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

static int
ignore_hello(SSL *ssl, int *alert, void *user)
{
    (void)ssl, (void)alert, (void)user;
    return SSL_CLIENT_HELLO_SUCCESS;
}

START_TEST(check_by_another_verifier)
{
    struct rig rig, other;
    rig_make(&rig, members, "alice", rig_version(_i));
    rig_verifier(&other, members);
    ck_assert(rig_shake(&rig));
    rig_allowed(&rig, "alice");
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(mtlspin_check(other.verifier, rig.pair.server, &decision), MTLSPIN_DENY);
    ck_assert_int_eq(decision.reason, MTLSPIN_REASON_OTHER_VERIFIER);
    ck_assert_int_eq(other.audit.events, 1);
    rig_allowed(&rig, "alice");
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

START_TEST(verify_callback_replaced)
{
    struct rig rig;
    rig_make(&rig, members, "mallory", rig_version(_i));
    SSL_CTX_set_cert_verify_callback(rig.server, accept_all, NULL);
    ck_assert(rig_shake(&rig)); /* OpenSSL lets it pass */
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

START_TEST(hello_callback_replaced)
{
    struct rig rig;
    rig_make(&rig, members, "alice", rig_version(_i));
    SSL_CTX_set_client_hello_cb(rig.server, ignore_hello, NULL);
    ck_assert(!rig_shake(&rig));
    ck_assert_int_eq(rig.audit.events, 1); /* in the handshake */
    rig_refused(&rig, MTLSPIN_REASON_NOT_PREPARED);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

START_TEST(both_callbacks_replaced)
{
    struct rig rig;
    rig_make(&rig, members, "mallory", rig_version(_i));
    SSL_CTX_set_client_hello_cb(rig.server, ignore_hello, NULL);
    SSL_CTX_set_cert_verify_callback(rig.server, accept_all, NULL);
    ck_assert(rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    rig_free(&rig);
}
END_TEST

/* Mode NONE, set later on the SSL_CTX: preparing the connection raises it again. */
START_TEST(verify_mode_lowered)
{
    struct rig rig;
    rig_make(&rig, members, NULL, rig_version(_i));
    SSL_CTX_set_verify(rig.server, SSL_VERIFY_NONE, NULL);
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    rig_free(&rig);
}
END_TEST

/* Mode NONE on the SSL itself, by a program that prepares by hand. */
START_TEST(verify_mode_lowered_on_the_connection)
{
    struct rig rig;
    rig_make(&rig, members, NULL, rig_version(_i));
    SSL_CTX_set_client_hello_cb(rig.server, ignore_hello, NULL);
    pair_make(&rig.pair, rig.server, rig.client);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.server, NULL), MTLSPIN_OK);
    SSL_set_verify(rig.pair.server, SSL_VERIFY_NONE, NULL);
    ck_assert(pair_shake(&rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    rig_free(&rig);
}
END_TEST

/* Pre-shared keys. */

static const unsigned char psk[] = "a key that both know";

static unsigned
psk_server(SSL *ssl, const char *identity, unsigned char *key, unsigned size)
{
    (void)ssl, (void)identity;
    ck_assert_uint_ge(size, sizeof psk);
    memcpy(key, psk, sizeof psk);
    return sizeof psk;
}

static unsigned
psk_client(SSL *ssl, const char *hint, char *identity, unsigned identity_size, unsigned char *key, unsigned size)
{
    (void)hint;
    (void)snprintf(identity, identity_size, "client");
    return psk_server(ssl, identity, key, size);
}

static void
use_psk(struct rig *rig)
{
    SSL_CTX_set_psk_server_callback(rig->server, psk_server);
    SSL_CTX_set_psk_client_callback(rig->client, psk_client);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->server, "PSK:ECDHE"), 1);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->client, "PSK"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig->client, "TLS_AES_128_GCM_SHA256"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig->server, "TLS_AES_128_GCM_SHA256"), 1);
}

START_TEST(psk_is_no_identity)
{
    struct rig rig;
    rig_make(&rig, members, NULL, rig_version(_i));
    use_psk(&rig);
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, rig_version(_i) == TLS1_2_VERSION ? MTLSPIN_REASON_HANDSHAKE_FAILED : MTLSPIN_REASON_NO_CERTIFICATE);
    rig_free(&rig);
}
END_TEST

/* The same where the connection is not prepared: the handshake succeeds, which is the control, and check refuses. */
START_TEST(psk_past_the_hello_callback)
{
    struct rig rig;
    rig_make(&rig, members, NULL, rig_version(_i));
    use_psk(&rig);
    SSL_CTX_set_client_hello_cb(rig.server, ignore_hello, NULL);
    ck_assert(rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    rig_free(&rig);
}
END_TEST

/* And where the callback is set on a prepared connection: TLS 1.3 calls an external PSK a resumption. */
START_TEST(psk_set_after_prepare)
{
    struct rig rig;
    rig_make(&rig, members, NULL, rig_version(_i));
    use_psk(&rig);
    SSL_CTX_set_client_hello_cb(rig.server, ignore_hello, NULL);
    pair_make(&rig.pair, rig.server, rig.client);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.server, NULL), MTLSPIN_OK);
    SSL_set_psk_server_callback(rig.pair.server, psk_server);
    ck_assert(pair_shake(&rig.pair));
    rig_refused(&rig, rig_version(_i) == TLS1_2_VERSION ? MTLSPIN_REASON_NO_CERTIFICATE : MTLSPIN_REASON_RESUMED);
    rig_free(&rig);
}
END_TEST

/* SNI: the servername callback switches to another SSL_CTX. */

struct change {
    SSL_CTX *to;
    struct mtlspin_verifier *prepare; /* NULL = the program forgets it */
};

static int
switch_context(SSL *ssl, int *alert, void *user)
{
    struct change *change = user;
    (void)alert;
    SSL_set_SSL_CTX(ssl, change->to);
    if (change->prepare != NULL)
        ck_assert_int_eq(mtlspin_prepare(change->prepare, ssl, NULL), MTLSPIN_OK);
    return SSL_TLSEXT_ERR_OK;
}

static void
use_change(struct rig *rig, struct change *change)
{
    SSL_CTX_set_tlsext_servername_callback(rig->server, switch_context);
    SSL_CTX_set_tlsext_servername_arg(rig->server, change);
}

START_TEST(sni_switch_to_a_context_without_verifier)
{
    struct rig rig;
    struct change change = { rig_plain_server(), NULL };
    rig_make(&rig, members, "mallory", rig_version(_i));
    use_change(&rig, &change);
    ck_assert(rig_shake(&rig)); /* the other SSL_CTX knows mallory's CA, and nothing of the policy */
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    rig_free(&rig);
    SSL_CTX_free(change.to);
}
END_TEST

START_TEST(sni_switch_to_another_verifier)
{
    struct rig rig, other;
    rig_make(&rig, "ca @pki@/root-ca.pem\nallow any first\n", "alice", rig_version(_i));
    rig_make(&other, "ca @pki@/root-ca.pem\nallow spki @spki:mallory@ second\n", "mallory", rig_version(_i));
    struct change change = { other.server, NULL };
    use_change(&rig, &change);
    ck_assert(!rig_shake(&rig)); /* forgotten: refused in the handshake, by the second one's callback */
    ck_assert_int_eq(other.audit.reason, MTLSPIN_REASON_OTHER_VERIFIER);
    rig_refused(&rig, MTLSPIN_REASON_OTHER_VERIFIER);
    rig_free(&rig);
    rig_free(&other);
}
END_TEST

START_TEST(sni_switch_prepared)
{
    struct rig rig, other;
    rig_make(&rig, "ca @pki@/root-ca.pem\nallow any first\n", _i < 2 ? "mallory" : "alice", rig_version(_i));
    rig_make(&other, "ca @pki@/root-ca.pem\nallow spki @spki:mallory@ second\n", NULL, rig_version(_i));
    struct change change = { other.server, other.verifier };
    use_change(&rig, &change);
    ck_assert_int_eq(rig_shake(&rig), _i < 2);
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(mtlspin_check(other.verifier, rig.pair.server, &decision), _i < 2 ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    ck_assert_str_eq(mtlspin_reason_name(decision.reason), _i < 2 ? "RULE" : "NO_RULE");
    ck_assert_str_eq(decision.label, _i < 2 ? "second" : "");
    rig_refused(&rig, MTLSPIN_REASON_OTHER_VERIFIER);
    rig_free(&rig);
    rig_free(&other);
}
END_TEST

/* SSL objects that are used again. */

static void
connect_again(struct rig *rig, const char *client, int version)
{
    BIO *left = NULL, *right = NULL;
    SSL_CTX *context = rig_client(client, version);
    ck_assert_int_eq(SSL_clear(rig->pair.server), 1);
    SSL_free(rig->pair.client);
    rig->pair.client = SSL_new(context);
    SSL_CTX_free(context);
    ck_assert_int_eq(BIO_new_bio_pair(&left, 1 << 20, &right, 1 << 20), 1);
    SSL_set_bio(rig->pair.server, left, left);
    SSL_set_bio(rig->pair.client, right, right);
    SSL_set_accept_state(rig->pair.server);
    SSL_set_connect_state(rig->pair.client);
}

START_TEST(cleared_ssl_inherits_nothing)
{
    struct rig rig;
    rig_make(&rig, members, "alice", rig_version(_i));
    ck_assert(rig_shake(&rig));
    rig_allowed(&rig, "alice");
    connect_again(&rig, "mallory", rig_version(_i));
    rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
    ck_assert(!pair_shake(&rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_NO_RULE);
    connect_again(&rig, "alice", rig_version(_i));
    ck_assert(pair_shake(&rig.pair));
    rig_allowed(&rig, "alice");
    rig_free(&rig);
}
END_TEST

START_TEST(cleared_ssl_past_the_callbacks)
{
    struct rig rig;
    rig_make(&rig, members, "alice", rig_version(_i));
    ck_assert(rig_shake(&rig));
    rig_allowed(&rig, "alice");
    SSL_CTX_set_client_hello_cb(rig.server, ignore_hello, NULL);
    SSL_CTX_set_cert_verify_callback(rig.server, accept_all, NULL);
    connect_again(&rig, "mallory", rig_version(_i));
    ck_assert(pair_shake(&rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    connect_again(&rig, "alice", rig_version(_i)); /* the same certificate, but not judged in this handshake */
    ck_assert(pair_shake(&rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    rig_free(&rig);
}
END_TEST

START_TEST(duplicated_ssl_was_not_judged)
{
    struct rig rig;
    rig_make(&rig, members, "alice", rig_version(_i));
    pair_make(&rig.pair, rig.server, rig.client);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.server, NULL), MTLSPIN_OK);
    SSL *copy = SSL_dup(rig.pair.server);
    ck_assert_ptr_nonnull(copy);
    ck_assert_int_eq(mtlspin_check(rig.verifier, copy, NULL), MTLSPIN_DENY);
    SSL_free(copy);
    ck_assert(pair_shake(&rig.pair));
    rig_allowed(&rig, "alice");
    rig_free(&rig);
}
END_TEST

/* A wrapper around our callback that forgets its result. */
static int
forgetful(X509_STORE_CTX *context, void *verifier)
{
    (void)mtlspin_cert_verify_callback(context, verifier);
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

START_TEST(wrapper_forgets_the_result)
{
    struct rig rig;
    rig_make(&rig, members, "mallory", rig_version(_i));
    SSL_CTX_set_cert_verify_callback(rig.server, forgetful, rig.verifier);
    ck_assert(rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NO_RULE);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = { check_by_another_verifier, verify_callback_replaced, hello_callback_replaced,
        both_callbacks_replaced, verify_mode_lowered, verify_mode_lowered_on_the_connection, psk_is_no_identity,
        psk_past_the_hello_callback, psk_set_after_prepare, sni_switch_to_a_context_without_verifier,
        sni_switch_to_another_verifier, cleared_ssl_inherits_nothing, cleared_ssl_past_the_callbacks,
        duplicated_ssl_was_not_judged, wrapper_forgets_the_result };
    Suite *suite = suite_create("bypass");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_loop_test(both, tests[i], 0, 2);
    tcase_add_loop_test(both, sni_switch_prepared, 0, 4);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
