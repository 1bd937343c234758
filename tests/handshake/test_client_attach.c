/* Attaching to a client's SSL_CTX: what is refused, what is set, what stays the application's; and mtlspin_client_context. */
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
#include <openssl/quic.h>
#endif
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow any server\n";
static const char hosts[] = "host localhost\nca @pki@/root-ca.pem\nallow any server\n";

static SSL_CTX *
client(void)
{
    return SSL_CTX_new(TLS_client_method());
}

static SSL_CTX *
either(void)
{
    return SSL_CTX_new(TLS_method());
}

static SSL_CTX *
dtls(void)
{
    return SSL_CTX_new(DTLS_client_method());
}

static SSL_CTX *
old_versions(void)
{
    SSL_CTX *context = client();
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION), 1);
    return context;
}

/* Attaching. */

static const struct {
    SSL_CTX *(*make)(void);
    const char *policy;
    unsigned flags;
    enum mtlspin_status status;
    const char *message;
} attempts[] = {
    { client, members, 0, MTLSPIN_OK, "" },
    { client, hosts, 0, MTLSPIN_OK, "" },
    { either, members, 0, MTLSPIN_OK, "" },
    { either, members, MTLSPIN_ATTACH_OPTIONAL, MTLSPIN_OK, "" },
    { dtls, members, 0, MTLSPIN_ERR_CONTEXT, "DTLS is not supported" },
    { old_versions, members, 0, MTLSPIN_ERR_CONTEXT, "the SSL_CTX permits no version from TLS 1.2 on" },
    { client, members, MTLSPIN_ATTACH_OPTIONAL, MTLSPIN_ERR_CONTEXT,
        "certificates are optional for clients, never for servers" },
    { client, members, 2, MTLSPIN_ERR_ARGUMENT, "a flag is unknown" },
    { client, members, MTLSPIN_ATTACH_OPTIONAL | 0x80000000U, MTLSPIN_ERR_ARGUMENT, "a flag is unknown" },
    { either, hosts, 0, MTLSPIN_ERR_POLICY,
        "the policy has `host` domains, which are for clients (TLS_client_method); delete its `host` lines" },
};
enum { ATTEMPTS = sizeof attempts / sizeof *attempts };

START_TEST(attach_takes_or_refuses)
{
    struct rig rig, other;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    enum mtlspin_status wanted = attempts[_i].status;
    rig_verifier(&rig, attempts[_i].policy);
    rig_verifier(&other, members);
    rig.client = attempts[_i].make();
    int mode = SSL_CTX_get_verify_mode(rig.client), cache = (int)SSL_CTX_get_session_cache_mode(rig.client);
    uint64_t options = SSL_CTX_get_options(rig.client);
    ck_assert_int_eq(mtlspin_verifier_attach_with(rig.verifier, rig.client, attempts[_i].flags, &error), wanted);
    ck_assert_int_eq(error.code, wanted);
    ck_assert_str_eq(error.message, attempts[_i].message);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    if (wanted == MTLSPIN_OK) {
        ck_assert_int_eq(mtlspin_verifier_attach(other.verifier, rig.client, &error), MTLSPIN_ERR_STATE);
        ck_assert_str_eq(error.message, "the SSL_CTX has another verifier already");
    } else {
        ck_assert_int_eq(SSL_CTX_get_verify_mode(rig.client), mode);
        ck_assert_uint_eq(SSL_CTX_get_options(rig.client), options);
        ck_assert_int_eq(SSL_CTX_get_session_cache_mode(rig.client), cache);
        ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, NULL, NULL, NULL), MTLSPIN_OK); /* not in use */
    }
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

#if OPENSSL_VERSION_NUMBER >= 0x30200000L && !defined(OPENSSL_NO_QUIC)
START_TEST(quic_is_refused)
{
    struct rig rig;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(&rig, members);
    rig.client = SSL_CTX_new(OSSL_QUIC_client_method());
    ck_assert_ptr_nonnull(rig.client);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, &error), MTLSPIN_ERR_CONTEXT);
    ck_assert_str_eq(error.message, "QUIC is not supported");
    rig_free(&rig);
}
END_TEST
#endif

START_TEST(attach_sets_once)
{
    struct rig rig;
    rig_verifier(&rig, members);
    rig.client = client();
    ck_assert_int_eq(SSL_CTX_get_verify_mode(rig.client), SSL_VERIFY_NONE); /* OpenSSL's default */
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK);
    SSL_CTX_set_verify(rig.client, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_session_cache_mode(rig.client, SSL_SESS_CACHE_CLIENT);
    (void)SSL_CTX_clear_options(rig.client, SSL_OP_NO_RENEGOTIATION);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK); /* sets all of it again */
    ck_assert_int_eq(SSL_CTX_get_verify_mode(rig.client), SSL_VERIFY_PEER);
    ck_assert_int_eq(SSL_CTX_get_session_cache_mode(rig.client), SSL_SESS_CACHE_OFF);
    ck_assert(SSL_CTX_get_options(rig.client) & SSL_OP_NO_RENEGOTIATION);
    ck_assert(!(SSL_CTX_get_options(rig.client) & SSL_OP_NO_TICKET)); /* prepare resumes with them */
    ck_assert_int_eq(SSL_CTX_get_min_proto_version(rig.client), TLS1_2_VERSION);
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, NULL, NULL, NULL), MTLSPIN_ERR_STATE);
    ck_assert_int_eq(mtlspin_verifier_set_clock(rig.verifier, NULL, NULL, NULL), MTLSPIN_ERR_STATE);
    rig_free(&rig);
}
END_TEST

/* The floor is raised, and never lowered; what the application lowers later holds for no prepared connection. */
static const struct { int before, after, later, wanted; } floors[] = {
    { 0, TLS1_2_VERSION, 0, TLS1_2_VERSION },
    { TLS1_VERSION, TLS1_2_VERSION, TLS1_VERSION, TLS1_2_VERSION },
    { TLS1_2_VERSION, TLS1_2_VERSION, TLS1_1_VERSION, TLS1_2_VERSION },
    { TLS1_3_VERSION, TLS1_3_VERSION, TLS1_3_VERSION, TLS1_3_VERSION },
};
enum { FLOORS = sizeof floors / sizeof *floors };

START_TEST(attach_raises_the_floor)
{
    struct rig rig;
    rig_make_client(&rig, members, "server", TLS1_2_VERSION);
    SSL_CTX_free(rig.client);
    rig.client = client();
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(rig.client, floors[_i].before), 1);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK);
    ck_assert_int_eq(SSL_CTX_get_min_proto_version(rig.client), floors[_i].after);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(rig.client, floors[_i].later), 1);
    rig_dial(&rig, "localhost");
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    ck_assert_int_eq(SSL_get_min_proto_version(rig.pair.client), floors[_i].wanted);
    rig_free(&rig);
}
END_TEST

/* Whether the client starts a new handshake on its live connection when the server asks for one. */
static bool
renegotiates(const struct pair *pair)
{
    char byte = 0;
    ck_assert_int_eq(SSL_renegotiate(pair->server), 1);
    (void)SSL_do_handshake(pair->server);
    (void)SSL_read(pair->client, &byte, 1);
    ERR_clear_error();
    return SSL_num_renegotiations(pair->client) > 0;
}

/* 0: OpenSSL alone, which does; 1: attached; 2: prepared, whatever the application's options. */
START_TEST(no_renegotiation)
{
    struct rig rig;
    rig_make_client(&rig, members, "server", TLS1_2_VERSION);
    if (_i == 0) {
        SSL_CTX_free(rig.client);
        rig.client = rig_client(NULL, TLS1_2_VERSION);
    }
    rig_dial(&rig, "localhost");
    if (_i == 2) {
        (void)SSL_clear_options(rig.pair.client, SSL_OP_NO_RENEGOTIATION);
        ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    }
    ck_assert(rig_finish(&rig));
    ck_assert_int_eq(renegotiates(&rig.pair), _i == 0);
    if (_i != 0)
        rig_allowed(&rig, "server");
    rig_free(&rig);
}
END_TEST

/* TLS_method() in a client's role: judged as a client's connection, from its first step on. */
static const struct { const char *server, *host; enum mtlspin_reason reason; } roles[] = {
    { "server", "localhost", MTLSPIN_REASON_RULE },
    { "server", "db.example", MTLSPIN_REASON_HOST_MISMATCH },
    { "server", NULL, MTLSPIN_REASON_NO_HOST },
    { "other-server", "localhost", MTLSPIN_REASON_UNKNOWN_CA },
    { "alice", "localhost", MTLSPIN_REASON_PURPOSE },
};
enum { ROLES = sizeof roles / sizeof *roles };

START_TEST(client_of_a_context_for_either)
{
    struct rig rig;
    rig_verifier(&rig, members);
    rig.client_side = true;
    rig.server = rig_public_server(roles[_i / 2].server);
    rig.client = either();
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(rig.client, rig_version(_i)), 1);
    ck_assert_int_eq(rig_connect(&rig, roles[_i / 2].host), roles[_i / 2].reason == MTLSPIN_REASON_RULE);
    if (roles[_i / 2].reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "server");
    else
        rig_refused(&rig, roles[_i / 2].reason);
    ck_assert_int_eq(rig.audit.role, MTLSPIN_CLIENT);
    rig_free(&rig);
}
END_TEST

/* The application's verify callback, set before attaching. */

enum { WAVE_THROUGH = 1, WIPE_OUT = 2 }; /* what it does to errors */

static struct { int calls, refuse, override; } application;

static int
verify(int ok, X509_STORE_CTX *context)
{
    application.calls++;
    if (application.refuse && ok && X509_STORE_CTX_get_error_depth(context) == 0)
        return 0;
    if (application.override == WIPE_OUT)
        X509_STORE_CTX_set_error(context, X509_V_OK);
    return application.override ? 1 : ok;
}

static const struct {
    const char *server, *host;
    int refuse, override;
    enum mtlspin_reason reason;
} callbacks[] = {
    { "server", "localhost", 0, 0, MTLSPIN_REASON_RULE },
    { "server", "localhost", 1, 0, MTLSPIN_REASON_APPLICATION },
    { "server", "db.example", 0, WAVE_THROUGH, MTLSPIN_REASON_HOST_MISMATCH },
    { "server", "db.example", 0, WIPE_OUT, MTLSPIN_REASON_HOST_MISMATCH },
    { "other-server", "localhost", 0, WAVE_THROUGH, MTLSPIN_REASON_UNKNOWN_CA },
    { "other-server", "localhost", 0, WIPE_OUT, MTLSPIN_REASON_UNKNOWN_CA },
    { "server-expired", "localhost", 0, WIPE_OUT, MTLSPIN_REASON_EXPIRED },
    { "alice", "localhost", 0, WIPE_OUT, MTLSPIN_REASON_PURPOSE },
};
enum { CALLBACKS = sizeof callbacks / sizeof *callbacks };

START_TEST(verify_callback_can_only_refuse)
{
    struct rig rig;
    rig_verifier(&rig, members);
    rig.client_side = true;
    rig.server = rig_public_server(callbacks[_i / 2].server);
    rig.client = rig_client(NULL, rig_version(_i));
    memset(&application, 0, sizeof application);
    application.refuse = callbacks[_i / 2].refuse;
    application.override = callbacks[_i / 2].override;
    SSL_CTX_set_verify(rig.client, SSL_VERIFY_PEER, verify);
    ck_assert_int_eq(rig_connect(&rig, callbacks[_i / 2].host), application.override != 0); /* OpenSSL alone, no anchor */
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK);
    ck_assert(SSL_CTX_get_verify_callback(rig.client) == verify);
    application.calls = 0;
    ck_assert_int_eq(rig_connect(&rig, callbacks[_i / 2].host), callbacks[_i / 2].reason == MTLSPIN_REASON_RULE);
    ck_assert_int_gt(application.calls, 0);
    if (callbacks[_i / 2].reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "server");
    else
        rig_refused(&rig, callbacks[_i / 2].reason);
    rig_free(&rig);
}
END_TEST

/* mtlspin_client_context. */

static const struct {
    const char *certificate, *key;
    enum mtlspin_status status;
    const char *message; /* a part of it */
} credentials[] = {
    { "alice-chain.pem", "alice.key", MTLSPIN_OK, "" },
    { NULL, NULL, MTLSPIN_OK, "" },
    { "alice-chain.pem", NULL, MTLSPIN_ERR_ARGUMENT, "a certificate with its key or neither" },
    { NULL, "alice.key", MTLSPIN_ERR_ARGUMENT, "a certificate with its key or neither" },
    { "alice-chain.pem", "mallory.key", MTLSPIN_ERR_CERTIFICATE, "the key does not belong to the certificate" },
    { "missing.pem", "alice.key", MTLSPIN_ERR_CERTIFICATE, "missing.pem: the certificate cannot be opened" },
    { "alice-chain.pem", "missing.key", MTLSPIN_ERR_CERTIFICATE, "missing.key: the key cannot be opened" },
    { "alice.key", "alice.key", MTLSPIN_ERR_CERTIFICATE, "alice.key: no certificate can be read from it" },
    { "alice-chain.pem", "alice.pem", MTLSPIN_ERR_CERTIFICATE, "alice.pem: no private key in it" },
};
enum { CREDENTIALS = sizeof credentials / sizeof *credentials };

static SSL_CTX *
make_context(int index, struct mtlspin_verifier *verifier, struct mtlspin_error *error)
{
    const char *certificate = credentials[index].certificate, *key = credentials[index].key;
    return mtlspin_client_context(certificate != NULL ? pki_path(certificate, "") : NULL,
        key != NULL ? pki_path(key, "") : NULL, verifier, error);
}

START_TEST(client_context_takes_or_refuses)
{
    struct rig rig;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(&rig, members);
    rig.client = make_context(_i, rig.verifier, &error);
    ck_assert_int_eq(rig.client != NULL, credentials[_i].status == MTLSPIN_OK);
    ck_assert_int_eq(error.code, credentials[_i].status);
    ck_assert_msg(strstr(error.message, credentials[_i].message) != NULL, "%s", error.message);
    ck_assert_ptr_null(make_context(_i, NULL, &error)); /* never without a verifier */
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    rig_free(&rig);
}
END_TEST

/* Which suites it has does not depend on what OpenSSL's defaults are. */
START_TEST(client_context_is_hardened)
{
    struct rig rig;
    rig_make_client(&rig, members, "server", TLS1_2_VERSION);
    const STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(rig.client);
    ck_assert_int_gt(sk_SSL_CIPHER_num(suites), 3);
    for (int i = 0; i < sk_SSL_CIPHER_num(suites); i++) {
        const SSL_CIPHER *suite = sk_SSL_CIPHER_value(suites, i);
        int exchange = SSL_CIPHER_get_kx_nid(suite);
        ck_assert_msg(SSL_CIPHER_is_aead(suite) && (exchange == NID_kx_ecdhe || exchange == NID_kx_any)
                && SSL_CIPHER_get_auth_nid(suite) != NID_auth_null, "%s", SSL_CIPHER_get_name(suite));
    }
    ck_assert_int_eq(SSL_CTX_get_verify_mode(rig.client), SSL_VERIFY_PEER);
    ck_assert_int_eq(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(rig.client))), 0); /* no anchors */
    rig_free(&rig);
}
END_TEST

/* Its certificate is what a server that asks gets to see; without one, that server ends the handshake. */
START_TEST(client_context_shows_its_certificate)
{
    struct rig rig;
    int with = _i < 2;
    rig_make_client(&rig, members, "server", rig_version(_i));
    SSL_CTX_free(rig.client);
    SSL_CTX_free(rig.server);
    rig.server = rig_plain_server();
    rig.client = make_context(with ? 0 : 1, rig.verifier, NULL);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(rig.client, rig_version(_i)), 1);
    (void)rig_connect(&rig, "localhost");
    ck_assert_int_eq(rig.pair.accepted, with);
    if (with) {
        X509 *alice = pki_certificate("alice");
        ck_assert_int_eq(X509_cmp(SSL_get0_peer_certificate(rig.pair.server), alice), 0);
        X509_free(alice);
        rig_allowed(&rig, "server");
    } else
        rig_refused(&rig, MTLSPIN_REASON_HANDSHAKE_FAILED);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("client attach");
    TCase *all = tcase_create("attach");
    tcase_add_loop_test(all, attach_takes_or_refuses, 0, ATTEMPTS);
#if OPENSSL_VERSION_NUMBER >= 0x30200000L && !defined(OPENSSL_NO_QUIC)
    tcase_add_test(all, quic_is_refused);
#else
    puts("skipped: QUIC clients, which come with OpenSSL 3.2");
#endif
    tcase_add_test(all, attach_sets_once);
    tcase_add_loop_test(all, attach_raises_the_floor, 0, FLOORS);
    tcase_add_loop_test(all, no_renegotiation, 0, 3);
    tcase_add_loop_test(all, client_of_a_context_for_either, 0, 2 * ROLES);
    tcase_add_loop_test(all, verify_callback_can_only_refuse, 0, 2 * CALLBACKS);
    tcase_add_loop_test(all, client_context_takes_or_refuses, 0, CREDENTIALS);
    tcase_add_test(all, client_context_is_hardened);
    tcase_add_loop_test(all, client_context_shows_its_certificate, 0, 4);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
