/* Saved sessions as a way past the policy, the host or the time: what OpenSSL alone resumes, programs that change the
   connection or a callback after they prepared it, and servers that know some other key. */
#include "pki.h"
#include "saved.h"
#include "suite.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static const char pinned[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ db\n";

/* The control of all that follows: what a client of OpenSSL alone would refuse now, it resumes. */

static int
refuse_all(X509_STORE_CTX *context, void *user)
{
    (void)user;
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static void
other_policy(SSL_CTX *client)
{
    SSL_CTX_set_cert_verify_callback(client, refuse_all, NULL);
}

static void
other_anchors(SSL_CTX *client)
{
    ck_assert_int_eq(SSL_CTX_load_verify_file(client, pki_path("other-ca", ".pem")), 1);
}

static void
other_host(SSL_CTX *client)
{
    ck_assert_int_eq(SSL_CTX_load_verify_file(client, pki_path("root-ca", ".pem")), 1);
    ck_assert_int_eq(X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(client), "db.example", 0), 1);
}

static void
other_time(SSL_CTX *client)
{
    ck_assert_int_eq(SSL_CTX_load_verify_file(client, pki_path("root-ca", ".pem")), 1);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(client), 1);
}

static void (*const refusals[])(SSL_CTX *) = { other_policy, other_anchors, other_host, other_time };
enum { REFUSALS = sizeof refusals / sizeof *refusals };

START_TEST(control_plain_openssl_resumes)
{
    int kind = _i % SAVED_KINDS;
    struct rig rig = { .server = saved_server("server", kind), .client = rig_client(NULL, saved_version(kind)) };
    SSL_SESSION *session = saved_plain(rig.server, kind);
    refusals[_i / SAVED_KINDS](rig.client);
    SSL_CTX_set_verify(rig.client, SSL_VERIFY_PEER, NULL);
    rig_dial(&rig, NULL);
    ck_assert(!saved_shake(&rig));
    rig_dial(&rig, NULL);
    ck_assert_int_eq(SSL_set_session(rig.pair.client, session), 1);
    ck_assert(saved_shake(&rig));
    ck_assert(SSL_session_reused(rig.pair.client));
    ck_assert_int_eq(SSL_get_verify_result(rig.pair.client), X509_V_OK);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Set between mtlspin_prepare and the handshake: another host than that for which the session was found good. */

static void
set_host(SSL *ssl)
{
    ck_assert_int_eq(SSL_set1_host(ssl, "db.example"), 1);
}

static void
add_host(SSL *ssl)
{
    ck_assert_int_eq(SSL_add1_host(ssl, "db.example"), 1);
}

static void
set_address(SSL *ssl)
{
    ck_assert_int_eq(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1"), 1);
}

static void
take_host_away(SSL *ssl)
{
    ck_assert_int_eq(X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), NULL, 0), 1);
}

static void
set_sni(SSL *ssl)
{
    char other[] = "db.example"; /* OpenSSL's macro would cast away a const */
    ck_assert_int_eq(SSL_set_tlsext_host_name(ssl, other), 1);
}

static void
swap_for_sni(SSL *ssl)
{
    take_host_away(ssl);
    set_sni(ssl);
}

static const struct { int by_sni; void (*set)(SSL *ssl); } moves[] = {
    { 0, set_host }, { 0, add_host }, { 0, set_address }, { 0, take_host_away }, { 0, swap_for_sni }, { 1, set_sni },
    { 1, set_host },
};
enum { MOVES = sizeof moves / sizeof *moves };

START_TEST(host_changed_after_prepare)
{
    struct rig rig;
    char localhost[] = "localhost";
    saved_make(&rig, pinned, "server", _i % SAVED_KINDS);
    SSL_SESSION *session = saved_visit(&rig, localhost);
    rig_dial(&rig, moves[_i / SAVED_KINDS].by_sni ? NULL : localhost);
    if (moves[_i / SAVED_KINDS].by_sni)
        ck_assert_int_eq(SSL_set_tlsext_host_name(rig.pair.client, localhost), 1);
    ck_assert_int_eq(SSL_set_session(rig.pair.client, session), 1);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    moves[_i / SAVED_KINDS].set(rig.pair.client);
    ck_assert(saved_shake(&rig));
    ck_assert(SSL_session_reused(rig.pair.client));
    ck_assert_str_eq(saved_outcome(&rig), "RESUMED");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Only a session was judged, and then the server shows a certificate after all, with nobody of ours to look at it. */

static int
accept_all(X509_STORE_CTX *context, void *user)
{
    (void)user;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

START_TEST(verify_callback_replaced)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    SSL_CTX_set_cert_verify_callback(rig.client, accept_all, NULL);
    ck_assert(saved_connect(&rig, "localhost", session)); /* the control: the session is good */
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    saved_replace_server(&rig, "other-server", _i);
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "NOT_JUDGED");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

START_TEST(verify_mode_lowered)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    saved_replace_server(&rig, "other-server", _i);
    saved_dial(&rig, "localhost", session);
    SSL_set_verify(rig.pair.client, SSL_VERIFY_NONE, NULL);
    ck_assert(!saved_shake(&rig));
    ck_assert_str_eq(saved_outcome(&rig), "UNKNOWN_CA");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* A refused server's session exists where the program overrules the refusal. It is good for nothing. */

static int
overrule(X509_STORE_CTX *context, void *verifier)
{
    (void)mtlspin_cert_verify_callback(context, verifier);
    return accept_all(context, NULL);
}

static const struct { int (*callback)(X509_STORE_CTX *, void *); const char *first; } overrulings[] = {
    { overrule, "NO_RULE" }, { accept_all, "NOT_JUDGED" },
};
enum { OVERRULINGS = sizeof overrulings / sizeof *overrulings };

START_TEST(session_of_a_refused_server)
{
    struct rig rig;
    saved_make(&rig, pinned, "server-rsa", _i % SAVED_KINDS);
    SSL_CTX_set_cert_verify_callback(rig.client, overrulings[_i / SAVED_KINDS].callback, rig.verifier);
    ck_assert(saved_connect(&rig, "localhost", NULL));
    ck_assert_str_eq(saved_outcome(&rig), overrulings[_i / SAVED_KINDS].first);
    SSL_SESSION *session = saved_close(&rig.pair);
    SSL_CTX_set_cert_verify_callback(rig.client, mtlspin_cert_verify_callback, rig.verifier);
    ck_assert(!saved_connect(&rig, "localhost", session));
    ck_assert(!SSL_session_reused(rig.pair.client));
    ck_assert_str_eq(saved_outcome(&rig), "NO_RULE");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Keys that a program shares with a server, in a callback that it sets after preparing: whoever knows the key need not be
   the server whose session was found good. */

/* Under TLS 1.3 the server is asked about tickets, too. */
static unsigned
key_of_server(SSL *ssl, const char *identity, unsigned char *key, unsigned size)
{
    (void)ssl;
    ck_assert_uint_ge(size, 32);
    memset(key, 7, 32);
    return strcmp(identity, "client") == 0 ? 32 : 0;
}

static unsigned
key_of_client(SSL *ssl, const char *hint, char *identity, unsigned identity_size, unsigned char *key, unsigned size)
{
    (void)hint;
    (void)snprintf(identity, identity_size, "client");
    return key_of_server(ssl, "client", key, size);
}

static void
use_key(SSL *ssl)
{
    SSL_set_psk_client_callback(ssl, key_of_client);
}

/* TLS 1.3 wants an external key to be of the connection's session-id context, which is ours. */
static void
use_key_anywhere(SSL *ssl)
{
    use_key(ssl);
    ck_assert_int_eq(SSL_set_session_id_context(ssl, (const unsigned char *)"", 0), 1);
}

static void
make_with_keys(struct rig *rig, int kind)
{
    saved_make(rig, pinned, "server", kind);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->client, "PSK:ECDHE"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig->client, "TLS_AES_128_GCM_SHA256"), 1);
}

static void
replace_by_key_holder(struct rig *rig, int kind)
{
    saved_replace_server(rig, "other-server", kind);
    SSL_CTX_set_psk_server_callback(rig->server, key_of_server);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->server, "PSK"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig->server, "TLS_AES_128_GCM_SHA256"), 1);
}

static const struct { void (*use)(SSL *ssl); int connects[2]; const char *outcomes[2]; } keys[] = { /* TLS 1.2, 1.3 */
    { use_key, { 1, 0 }, { "NO_CERTIFICATE", "RESUMED" } },
    { use_key_anywhere, { 1, 1 }, { "NO_CERTIFICATE", "CERTIFICATE_CHANGED" } },
};
enum { KEYS = sizeof keys / sizeof *keys };

START_TEST(shared_key)
{
    struct rig rig;
    int kind = _i % SAVED_KINDS, newer = saved_version(kind) == TLS1_3_VERSION;
    make_with_keys(&rig, kind);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    saved_dial(&rig, "localhost", session);
    ck_assert(saved_shake(&rig));
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db"); /* the control */
    SSL_SESSION_free(session);
    session = saved_close(&rig.pair);
    replace_by_key_holder(&rig, kind);
    saved_dial(&rig, "localhost", session);
    keys[_i / SAVED_KINDS].use(rig.pair.client);
    ck_assert_int_eq(saved_shake(&rig), keys[_i / SAVED_KINDS].connects[newer]);
    ck_assert_str_eq(saved_outcome(&rig), keys[_i / SAVED_KINDS].outcomes[newer]);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* A secret that belongs to a session ticket (RFC 4851, 3.2.2; TLS 1.2), in a callback that it sets before. The server echoes
   the id of a session that it knows nothing else of. */

static int
secret_of_both(SSL *ssl, void *secret, int *length, STACK_OF(SSL_CIPHER) *ciphers, const SSL_CIPHER **cipher,
    void *session)
{
    unsigned size = 0;
    memset(secret, 7, 48);
    *length = 48;
    if (!SSL_is_server(ssl))
        return 1;
    const unsigned char *id = SSL_SESSION_get_id(session, &size);
    *cipher = sk_SSL_CIPHER_value(ciphers, 0);
    return SSL_SESSION_set1_id(SSL_get_session(ssl), id, size);
}

/* A connection to a server that has neither the session nor a certificate that anybody trusts. */
static void
dial_pretender(struct rig *rig, SSL_SESSION *session)
{
    saved_replace_server(rig, "other-server", SAVED_TLS12_TICKET);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->server, SSL_CIPHER_get_name(SSL_SESSION_get0_cipher(session))), 1);
    rig_dial(rig, "localhost");
    ck_assert_int_eq(SSL_set_session(rig->pair.client, session), 1);
    ck_assert_int_eq(SSL_set_session_secret_cb(rig->pair.server, secret_of_both, session), 1);
    ck_assert_int_eq(SSL_set_session_secret_cb(rig->pair.client, secret_of_both, NULL), 1);
}

START_TEST(control_shared_secret)
{
    struct rig rig = { .client = rig_client(NULL, TLS1_2_VERSION) };
    rig.server = saved_server("server", SAVED_TLS12_TICKET);
    SSL_SESSION *session = saved_plain(rig.server, SAVED_TLS12_TICKET);
    SSL_CTX_set_verify(rig.client, SSL_VERIFY_PEER, NULL);
    dial_pretender(&rig, session);
    ck_assert(saved_shake(&rig));
    ck_assert(SSL_session_reused(rig.pair.client));
    ck_assert_int_eq(SSL_get_verify_result(rig.pair.client), X509_V_OK);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

START_TEST(shared_secret)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", SAVED_TLS12_TICKET);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    dial_pretender(&rig, session);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    ck_assert(!saved_shake(&rig));
    ck_assert_str_ne(saved_outcome(&rig), "resumed as db");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = { verify_callback_replaced, verify_mode_lowered };
    Suite *suite = suite_create("client session attacks");
    TCase *all = tcase_create("ticket, session id; TLS 1.2, 1.3");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, control_plain_openssl_resumes, 0, REFUSALS * SAVED_KINDS);
    tcase_add_loop_test(all, host_changed_after_prepare, 0, MOVES * SAVED_KINDS);
    tcase_add_loop_test(all, session_of_a_refused_server, 0, OVERRULINGS * SAVED_KINDS);
    tcase_add_loop_test(all, shared_key, 0, KEYS * SAVED_KINDS);
    tcase_add_test(all, control_shared_secret);
    tcase_add_test(all, shared_secret);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_loop_test(all, tests[i], 0, SAVED_KINDS);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
