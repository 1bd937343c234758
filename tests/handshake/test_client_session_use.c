/* Saved sessions in programs of all kinds: where the session comes from, in what order things are set, and what belongs to
   the program (its verify callback, its trust store, its parameters, early data). */
#include "pki.h"
#include "saved.h"
#include "suite.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static const char pinned[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ db\n";
static const char any[] = "ca @pki@/root-ca.pem\nallow any member\n";
static const char application[] = "ca application\nallow any member\n";

/* Nobody prepared the first connection: its server was judged all the same. */
START_TEST(made_without_prepare)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i);
    rig_dial(&rig, "localhost");
    ck_assert(saved_shake(&rig));
    ck_assert_str_eq(saved_outcome(&rig), "full as db");
    SSL_SESSION *session = saved_close(&rig.pair);
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

START_TEST(made_without_libmtlspin)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i);
    SSL_SESSION *session = saved_plain(rig.server, _i);
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "full as db");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

static SSL_SESSION *collected;
static int collections;

static int
collect(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(collected);
    collected = session;
    collections++;
    return 1;
}

/* The control is the cache mode that attaching leaves: nothing is collected. */
START_TEST(collected_by_a_callback)
{
    struct rig rig;
    collections = 0;
    saved_make(&rig, pinned, "server", _i);
    SSL_CTX_sess_set_new_cb(rig.client, collect);
    SSL_SESSION_free(saved_visit(&rig, "localhost"));
    ck_assert_int_eq(collections, 0);
    (void)SSL_CTX_set_session_cache_mode(rig.client, SSL_SESS_CACHE_CLIENT);
    SSL_SESSION_free(saved_visit(&rig, "localhost"));
    ck_assert_int_eq(collections, saved_version(_i) == TLS1_3_VERSION ? 2 : 1);
    SSL_SESSION *session = collected; /* renewing replaces it */
    ck_assert_int_eq(SSL_SESSION_up_ref(session), 1);
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    SSL_SESSION_free(session);
    SSL_SESSION_free(collected);
    collected = NULL;
    rig_free(&rig);
}
END_TEST

START_TEST(prepared_twice)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    saved_dial(&rig, "localhost", session);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    ck_assert(saved_shake(&rig));
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* The server speaks another version now. */
START_TEST(another_version)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(rig.client, TLS1_2_VERSION), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(rig.client, TLS1_3_VERSION), 1);
    saved_replace_server(&rig, "server", (_i + 2) % SAVED_KINDS);
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_int_ne(SSL_version(rig.pair.client), SSL_SESSION_get_protocol_version(session));
    ck_assert_str_eq(saved_outcome(&rig), "full as db");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

static void
ask_for_host(struct rig *rig, char *sni, SSL_SESSION *session)
{
    ck_assert_int_eq(SSL_set_tlsext_host_name(rig->pair.client, sni), 1);
    ck_assert_int_eq(SSL_set_session(rig->pair.client, session), 1);
    ck_assert_int_eq(mtlspin_prepare(rig->verifier, rig->pair.client, NULL), MTLSPIN_OK);
    (void)saved_shake(rig);
}

/* Where the SNI is the host: TLS 1.2 sessions hold it, too, and that one must not count. */
START_TEST(host_from_sni)
{
    struct rig rig;
    char localhost[] = "localhost", other[] = "db.example";
    saved_make(&rig, pinned, "server", _i);
    rig_dial(&rig, NULL);
    ask_for_host(&rig, localhost, NULL);
    ck_assert_str_eq(saved_outcome(&rig), "full as db");
    SSL_SESSION *session = saved_close(&rig.pair);
    rig_dial(&rig, NULL);
    ask_for_host(&rig, localhost, session);
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    rig_dial(&rig, NULL);
    ask_for_host(&rig, other, session);
    ck_assert_str_eq(saved_outcome(&rig), "HOST_MISMATCH");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* The next connection of the same SSL. */
static void
connect_again(struct rig *rig)
{
    BIO *left = NULL, *right = NULL;
    (void)SSL_shutdown(rig->pair.client);
    (void)SSL_shutdown(rig->pair.server);
    ck_assert_int_eq(SSL_clear(rig->pair.client), 1);
    SSL_free(rig->pair.server);
    rig->pair.server = SSL_new(rig->server);
    ck_assert_int_eq(BIO_new_bio_pair(&left, 1 << 20, &right, 1 << 20), 1);
    SSL_set_bio(rig->pair.server, left, left);
    SSL_set_bio(rig->pair.client, right, right);
    SSL_set_accept_state(rig->pair.server);
    SSL_set_connect_state(rig->pair.client);
}

/* It keeps its session, and resumes where it is prepared each time. */
START_TEST(cleared_and_prepared)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i);
    ck_assert(saved_connect(&rig, "localhost", NULL));
    for (int round = 0; round < 3; round++) {
        connect_again(&rig);
        ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
        ck_assert(saved_shake(&rig));
        ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    }
    rig_free(&rig);
}
END_TEST

/* Without it, nothing that was judged before counts for a resumption. */
START_TEST(cleared_and_not_prepared)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i % SAVED_KINDS);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    bool resumed = _i / SAVED_KINDS == 1;
    ck_assert(saved_connect(&rig, "localhost", resumed ? session : NULL));
    ck_assert_str_eq(saved_outcome(&rig), resumed ? "resumed as db" : "full as db");
    connect_again(&rig);
    ck_assert(saved_shake(&rig));
    ck_assert(SSL_session_reused(rig.pair.client));
    ck_assert_str_eq(saved_outcome(&rig), "RESUMED");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* The program's verify callback sees certificates, and a resumption shows none. */

static struct { int calls, without_ssl, refuse; } callback;

static int
verify(int ok, X509_STORE_CTX *context)
{
    callback.calls++;
    callback.without_ssl += X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()) == NULL;
    return callback.refuse ? 0 : ok;
}

START_TEST(verify_callback)
{
    struct rig rig;
    memset(&callback, 0, sizeof callback);
    saved_make(&rig, pinned, "server", _i);
    SSL_CTX_set_verify(rig.client, SSL_VERIFY_PEER, verify);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    int calls = callback.calls;
    ck_assert_int_gt(calls, 0);
    callback.refuse = 1;
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    ck_assert_int_eq(callback.calls, calls);
    saved_replace_server(&rig, "server", _i);
    ck_assert(!saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "APPLICATION");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* The trust store's own callback is asked even then, and may look for its connection. */
START_TEST(callback_of_the_trust_store)
{
    struct rig rig;
    memset(&callback, 0, sizeof callback);
    saved_make(&rig, application, "server", _i);
    ck_assert_int_eq(SSL_CTX_load_verify_file(rig.client, pki_path("root-ca", ".pem")), 1);
    X509_STORE_set_verify_cb(SSL_CTX_get_cert_store(rig.client), verify);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "resumed as member");
    ck_assert_int_gt(callback.calls, 0);
    ck_assert_int_eq(callback.without_ssl, 0);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* A trust store in the place of the one with which the session was made, set on the connection. */
static const struct { const char *anchor, *outcome; } stores[] = {
    { "root-ca", "resumed as member" }, { "other-ca", "UNKNOWN_CA" },
};
enum { STORES = sizeof stores / sizeof *stores };

START_TEST(trust_store)
{
    struct rig rig;
    saved_make(&rig, application, "server", _i % SAVED_KINDS);
    ck_assert_int_eq(SSL_CTX_load_verify_file(rig.client, pki_path("root-ca", ".pem")), 1);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    X509_STORE *store = X509_STORE_new();
    ck_assert_int_eq(X509_STORE_load_file(store, pki_path(stores[_i / SAVED_KINDS].anchor, ".pem")), 1);
    rig_dial(&rig, "localhost");
    ck_assert_int_eq(SSL_set0_verify_cert_store(rig.pair.client, store), 1);
    ck_assert_int_eq(SSL_set_session(rig.pair.client, session), 1);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    (void)saved_shake(&rig);
    ck_assert_str_eq(saved_outcome(&rig), stores[_i / SAVED_KINDS].outcome);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Parameters by which the program asks for more than when the session was made. */

static void
ask_for_no_more(SSL *ssl)
{
    (void)ssl;
}

static void
ask_for_no_wildcard(SSL *ssl)
{
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_WILDCARDS);
}

static void
ask_for_a_short_chain(SSL *ssl)
{
    SSL_set_verify_depth(ssl, 1);
}

static void
ask_for_crls(SSL *ssl)
{
    ck_assert_int_eq(X509_VERIFY_PARAM_set_flags(SSL_get0_param(ssl), X509_V_FLAG_CRL_CHECK), 1);
}

static const struct { const char *server, *host; void (*ask)(SSL *ssl); const char *outcome; } wishes[] = {
    { "server-wildcard", "x.apps.example", ask_for_no_more, "resumed as member" },
    { "server-wildcard", "x.apps.example", ask_for_no_wildcard, "HOST_MISMATCH" },
    { "server-deep", "localhost", ask_for_no_more, "resumed as member" },
    { "server-deep", "localhost", ask_for_a_short_chain, "CHAIN_TOO_LONG" },
    { "server", "localhost", ask_for_a_short_chain, "resumed as member" },
    { "server", "localhost", ask_for_crls, "REVOCATION_UNKNOWN" },
};
enum { WISHES = sizeof wishes / sizeof *wishes };

START_TEST(parameters)
{
    struct rig rig;
    saved_make(&rig, any, wishes[_i / SAVED_KINDS].server, _i % SAVED_KINDS);
    SSL_SESSION *session = saved_visit(&rig, wishes[_i / SAVED_KINDS].host);
    rig_dial(&rig, wishes[_i / SAVED_KINDS].host);
    wishes[_i / SAVED_KINDS].ask(rig.pair.client);
    ck_assert_int_eq(SSL_set_session(rig.pair.client, session), 1);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    (void)saved_shake(&rig);
    ck_assert_str_eq(saved_outcome(&rig), wishes[_i / SAVED_KINDS].outcome);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Early data: the server would take it, and from a client of OpenSSL alone it does. */

static const char early[] = "before anybody was judged";

static size_t
send_early(struct rig *rig)
{
    size_t written = 0, got = 0;
    char taken[sizeof early];
    (void)SSL_write_early_data(rig->pair.client, early, sizeof early, &written);
    (void)SSL_do_handshake(rig->pair.client);
    (void)SSL_read_early_data(rig->pair.server, taken, sizeof taken, &got);
    ck_assert(saved_shake(rig));
    return got;
}

START_TEST(early_data)
{
    struct rig rig, plain;
    saved_make(&rig, pinned, "server", SAVED_TLS13_TICKET + _i);
    (void)SSL_CTX_set_max_early_data(rig.server, 16384);
    (void)SSL_CTX_set_recv_max_early_data(rig.server, 16384);
    memset(&plain, 0, sizeof plain);
    plain.server = rig.server;
    plain.client = rig_client(NULL, TLS1_3_VERSION);
    SSL_SESSION *session = saved_plain(rig.server, SAVED_TLS13_TICKET + _i), *ours = saved_visit(&rig, "localhost");
    pair_make(&plain.pair, plain.server, plain.client);
    ck_assert_int_eq(SSL_set_session(plain.pair.client, session), 1);
    ck_assert_uint_eq(send_early(&plain), sizeof early);
    ck_assert_uint_gt(SSL_SESSION_get_max_early_data(ours), 0);
    saved_dial(&rig, "localhost", ours);
    ck_assert_uint_eq(send_early(&rig), 0);
    ck_assert_int_eq(SSL_get_early_data_status(rig.pair.client), SSL_EARLY_DATA_NOT_SENT);
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    SSL_SESSION_free(session);
    SSL_SESSION_free(ours);
    pair_free(&plain.pair);
    SSL_CTX_free(plain.client);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = { made_without_prepare, made_without_libmtlspin, collected_by_a_callback,
        prepared_twice, another_version, host_from_sni, cleared_and_prepared, verify_callback, callback_of_the_trust_store };
    Suite *suite = suite_create("client session use");
    TCase *all = tcase_create("ticket, session id; TLS 1.2, 1.3");
    tcase_set_timeout(all, 60);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_loop_test(all, tests[i], 0, SAVED_KINDS);
    tcase_add_loop_test(all, cleared_and_not_prepared, 0, 2 * SAVED_KINDS);
    tcase_add_loop_test(all, trust_store, 0, STORES * SAVED_KINDS);
    tcase_add_loop_test(all, parameters, 0, WISHES * SAVED_KINDS);
    tcase_add_loop_test(all, early_data, 0, 2); /* TLS 1.3 */
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
