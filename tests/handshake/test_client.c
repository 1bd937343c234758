/* A client and its server over the life of a connection: both ends judged, what is known of the server afterwards, and how
   long. */
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ server not-after=2030-01-01\n";

/* Both ends, one policy each. */

static const struct end_case {
    const char *for_clients, *for_servers, *client;
    enum mtlspin_reason of_client, of_server;
} ends[] = {
    { "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n", members, "alice", MTLSPIN_REASON_RULE, MTLSPIN_REASON_RULE },
    { "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n", members, "mallory", MTLSPIN_REASON_NO_RULE,
        MTLSPIN_REASON_HANDSHAKE_FAILED },
    { "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n", members, NULL, MTLSPIN_REASON_NO_CERTIFICATE,
        MTLSPIN_REASON_HANDSHAKE_FAILED },
    { "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n", "ca @pki@/other-ca.pem\nallow any server\n", "alice",
        MTLSPIN_REASON_HANDSHAKE_FAILED, MTLSPIN_REASON_UNKNOWN_CA },
    { "deny spki @spki:mallory@\nca @pki@/root-ca.pem\nallow any alice\n", "host localhost\nchain none\n"
        "allow spki @spki:server@ server\n", "mallory", MTLSPIN_REASON_DENIED_SPKI, MTLSPIN_REASON_HANDSHAKE_FAILED },
};
enum { ENDS = sizeof ends / sizeof *ends };

/* The client's rig borrows the pair, which is the server's to free. */
static void
judge_end(struct rig *rig, enum mtlspin_reason reason, const char *label)
{
    if (reason == MTLSPIN_REASON_RULE)
        rig_allowed(rig, label);
    else
        rig_refused(rig, reason);
    ck_assert_int_eq(rig->audit.events, 1);
    ck_assert_int_eq(rig->audit.reason, reason);
    ck_assert_int_eq(rig->audit.role, rig->client_side ? MTLSPIN_CLIENT : MTLSPIN_SERVER);
    ck_assert_int_eq(strstr(rig->audit.json, "\"host\":\"localhost\"") != NULL, rig->client_side);
    ck_assert_int_eq(strstr(rig->audit.json, "\"host\"") != NULL, rig->client_side);
}

START_TEST(both_ends)
{
    const struct end_case *c = &ends[_i / 2];
    struct rig rig, client;
    rig_make(&rig, c->for_clients, c->client, rig_version(_i));
    rig_verifier(&client, c->for_servers);
    client.client_side = true;
    ck_assert_int_eq(mtlspin_verifier_attach(client.verifier, rig.client, NULL), MTLSPIN_OK);
    pair_make(&rig.pair, rig.server, rig.client);
    ck_assert_int_eq(SSL_set1_host(rig.pair.client, "localhost"), 1);
    (void)pair_shake(&rig.pair);
    client.pair = rig.pair;
    judge_end(&rig, c->of_client, "alice");
    ERR_clear_error(); /* what is left there is the server's */
    judge_end(&client, c->of_server, "server");
    memset(&client.pair, 0, sizeof client.pair);
    rig_free(&client);
    rig_free(&rig);
}
END_TEST

/* One policy and one verifier can serve both sides of a program. */
START_TEST(one_verifier_for_both_ends)
{
    struct rig rig;
    rig_make(&rig, "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\nallow spki @spki:server@ server\n", "alice",
        rig_version(_i));
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK);
    ck_assert(rig_connect(&rig, "localhost"));
    rig_allowed(&rig, "alice");
    rig.client_side = true;
    rig_allowed(&rig, "server");
    ck_assert_int_eq(rig.audit.events, 2);
    rig_free(&rig);
}
END_TEST

/* Under TLS 1.3 the server judges last: its refusal comes after the client has finished, with its first read. */
START_TEST(refusal_of_the_server_comes_later)
{
    struct rig rig;
    char byte = 0;
    rig_make_client(&rig, members, "server", TLS1_3_VERSION);
    SSL_CTX_free(rig.server);
    rig.server = rig_plain_server(); /* wants a certificate, and the client has none */
    rig_dial(&rig, "localhost");
    ck_assert_int_lt(SSL_do_handshake(rig.pair.client), 1);
    ck_assert_int_lt(SSL_do_handshake(rig.pair.server), 1);
    ERR_clear_error();
    ck_assert_int_eq(SSL_do_handshake(rig.pair.client), 1);
    rig_allowed(&rig, "server"); /* it is the right server, whatever that thinks of us */
    ck_assert_int_lt(SSL_do_handshake(rig.pair.server), 1);
    ERR_clear_error();
    ck_assert_int_le(SSL_read(rig.pair.client, &byte, 1), 0);
    rig_refused(&rig, MTLSPIN_REASON_HANDSHAKE_FAILED);
    ck_assert_int_eq(rig.audit.events, 2);
    ck_assert_int_eq(ERR_GET_REASON(rig.audit.tls_error), SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    rig_free(&rig);
}
END_TEST

/* What the audit hook sees of a client's connection. */
static const struct audit_case {
    const char *server, *host, *shown;
    enum mtlspin_reason reason;
} audits[] = {
    { "server", "localhost", "localhost", MTLSPIN_REASON_RULE },
    { "server", "LOCALHOST", "localhost", MTLSPIN_REASON_RULE },
    { "server", "127.0.0.1", "127.0.0.1", MTLSPIN_REASON_RULE },
    { "server", "db.example", "db.example", MTLSPIN_REASON_HOST_MISMATCH },
    { "server", NULL, NULL, MTLSPIN_REASON_NO_HOST },
    { "other-server", "localhost", "localhost", MTLSPIN_REASON_UNKNOWN_CA },
};
enum { AUDITS = sizeof audits / sizeof *audits };

START_TEST(audit_of_a_client)
{
    const struct audit_case *c = &audits[_i / 2];
    bool allow = c->reason == MTLSPIN_REASON_RULE;
    char wanted[64] = "\"peer_address\":\"192.0.2.7:443\",\"subject\"";
    struct rig rig;
    rig_make_client(&rig, members, c->server, rig_version(_i));
    rig_dial(&rig, c->host);
    ck_assert_int_eq(mtlspin_set_peer_address(rig.pair.client, "192.0.2.7:443", NULL), MTLSPIN_OK);
    ck_assert_int_eq(rig_finish(&rig), allow);
    ck_assert_int_eq(rig.audit.events, !allow); /* a denial at once, an allowance when check has seen the end */
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.client, NULL), allow ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    ck_assert_int_eq(rig.audit.events, 1);
    ck_assert_int_eq(rig.audit.role, MTLSPIN_CLIENT);
    ck_assert_int_eq(rig.audit.reason, c->reason);
    ck_assert_int_eq(rig.audit.resumed, 0);
    ck_assert_str_eq(rig.audit.host, c->shown != NULL ? c->shown : "");
    ck_assert_ptr_nonnull(strstr(rig.audit.json, "\"role\":\"client\""));
    ck_assert_ptr_nonnull(strstr(rig.audit.json, "\"resumed\":false"));
    if (c->shown != NULL)
        (void)snprintf(wanted, sizeof wanted, "\"peer_address\":\"192.0.2.7:443\",\"host\":\"%s\",", c->shown);
    ck_assert_msg(strstr(rig.audit.json, wanted) != NULL, "%s: %s", wanted, rig.audit.json);
    rig_free(&rig);
}
END_TEST

/* Time goes on while a connection is open. */
START_TEST(decision_ends)
{
    struct rig rig;
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    rig_make_client(&rig, _i < 2 ? members : "ca @pki@/root-ca.pem\nallow any member\n", "server", rig_version(_i));
    ck_assert(rig_connect(&rig, "localhost"));
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.client, &decision), MTLSPIN_ALLOW);
    if (_i < 2)
        ck_assert_int_eq(decision.valid_until, 1893542399); /* 2030-01-01T23:59:59Z */
    rig.now = decision.valid_until;
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.client, &decision), MTLSPIN_ALLOW);
    rig.now++;
    rig_refused(&rig, _i < 2 ? MTLSPIN_REASON_RULE_EXPIRED : MTLSPIN_REASON_EXPIRED);
    ck_assert_int_eq(rig.audit.events, 2); /* the allowance, and its end */
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.client, &decision), MTLSPIN_DENY);
    ck_assert_str_eq(decision.rule_label, _i < 2 ? "server" : "member");
    ck_assert_uint_eq(decision.line, 2);
    rig_free(&rig);
}
END_TEST

/* mtlspin_prepare on a client's connection. */

static void
prepare_too_late(struct rig *rig)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_int_eq(mtlspin_prepare(rig->verifier, rig->pair.client, &error), MTLSPIN_ERR_STATE);
    ck_assert_str_eq(error.message, "prepare a connection before its handshake");
}

START_TEST(prepare_comes_before_the_handshake)
{
    struct rig rig;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_make_client(&rig, members, "server", rig_version(_i));
    rig_dial(&rig, NULL);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, &error), MTLSPIN_ERR_STATE);
    ck_assert_str_eq(error.message, "no usable host name or IP address to check the server against");
    ck_assert_int_eq(SSL_set1_host(rig.pair.client, "localhost"), 1);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, &error), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, &error), MTLSPIN_OK); /* once more does no harm */
    ck_assert_str_eq(error.message, "");
    ck_assert_int_lt(SSL_do_handshake(rig.pair.client), 1);
    prepare_too_late(&rig);
    ck_assert(rig_finish(&rig));
    rig_allowed(&rig, "server"); /* nor did the call that came too late */
    prepare_too_late(&rig);
    rig_allowed(&rig, "server");
    rig_free(&rig);
}
END_TEST

/* A policy with `host` is for clients; a server's connection takes it neither by attaching nor by hand. */
START_TEST(prepare_knows_the_side)
{
    struct rig rig;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_make_client(&rig, "host localhost\nca @pki@/root-ca.pem\nallow any server\n", "server", rig_version(_i));
    rig_dial(&rig, "localhost");
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.server, &error), MTLSPIN_ERR_POLICY);
    ck_assert_str_eq(error.message, "a policy with `host` is for clients; delete its `host` lines");
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, &error), MTLSPIN_OK);
    ck_assert(rig_finish(&rig));
    rig_allowed(&rig, "server");
    rig_free(&rig);
}
END_TEST

/* `ca application` is the client's own store, and its verification store if it has one (SSL_CTX_set0_verify_cert_store). */
static const struct { const char *trusted, *verify, *server, *host; enum mtlspin_reason reason; } stores[] = {
    { "root-ca", NULL, "server", "localhost", MTLSPIN_REASON_RULE },
    { "root-ca", NULL, "server", "db.example", MTLSPIN_REASON_HOST_MISMATCH },
    { "root-ca", NULL, "server", NULL, MTLSPIN_REASON_NO_HOST },
    { "root-ca", NULL, "other-server", "localhost", MTLSPIN_REASON_UNKNOWN_CA },
    { "root-ca", NULL, "alice", "localhost", MTLSPIN_REASON_PURPOSE },
    { "other-ca", NULL, "server", "localhost", MTLSPIN_REASON_UNKNOWN_CA },
    { NULL, NULL, "server", "localhost", MTLSPIN_REASON_UNKNOWN_CA },
    { "root-ca", "other-ca", "server", "localhost", MTLSPIN_REASON_UNKNOWN_CA },
    { "other-ca", "root-ca", "server", "localhost", MTLSPIN_REASON_RULE },
};
enum { STORES = sizeof stores / sizeof *stores };

START_TEST(store_of_the_application)
{
    struct rig rig;
    rig_make_client(&rig, "ca application\nallow any server\n", stores[_i / 2].server, rig_version(_i));
    if (stores[_i / 2].trusted != NULL)
        ck_assert_int_eq(SSL_CTX_load_verify_file(rig.client, pki_path(stores[_i / 2].trusted, ".pem")), 1);
    if (stores[_i / 2].verify != NULL) {
        X509_STORE *store = X509_STORE_new();
        ck_assert_int_eq(X509_STORE_load_file(store, pki_path(stores[_i / 2].verify, ".pem")), 1);
        ck_assert_int_eq((int)SSL_CTX_set0_verify_cert_store(rig.client, store), 1);
    }
    ck_assert_int_eq(rig_connect(&rig, stores[_i / 2].host), stores[_i / 2].reason == MTLSPIN_REASON_RULE);
    if (stores[_i / 2].reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "server");
    else
        rig_refused(&rig, stores[_i / 2].reason);
    rig_free(&rig);
}
END_TEST

/* mtlspin_peername. */
static const struct { const char *policy, *server, *host, *name; } names[] = {
    { members, "server", "localhost", "localhost" },
    { members, "server", "LOCALHOST.", "localhost" },
    { members, "server", "127.0.0.1", NULL },
    { "ca @pki@/root-ca.pem\nallow any server\n", "server-wildcard", "one.apps.example", "*.apps.example" },
    { "host localhost\nchain none\nallow spki @spki:self-server@ server\n", "self-server", "localhost", NULL },
    { members, "server", "db.example", NULL },
    { members, "server-rsa", "localhost", NULL },
    { members, "other-server", "localhost", NULL },
};
enum { NAMES = sizeof names / sizeof *names };

START_TEST(peername)
{
    struct rig rig;
    rig_make_client(&rig, names[_i / 2].policy, names[_i / 2].server, rig_version(_i));
    rig_dial(&rig, names[_i / 2].host);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    (void)SSL_do_handshake(rig.pair.client);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    (void)rig_finish(&rig);
    const char *name = mtlspin_peername(rig.pair.client);
    ck_assert_pstr_eq(name, names[_i / 2].name);
    SSL_set_verify_result(rig.pair.client, X509_V_ERR_APPLICATION_VERIFICATION); /* the application has the last word */
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    ck_assert_ptr_null(mtlspin_peername(rig.pair.server));
    ck_assert_ptr_null(mtlspin_peername(NULL));
    rig_free(&rig);
}
END_TEST

/* A server has no name of its peer, even if the application demands one of its clients (parameters only tighten). */
START_TEST(peername_of_a_client)
{
    struct rig rig;
    rig_make(&rig, "ca @pki@/root-ca.pem\nallow any member\n", "san-dns", rig_version(_i));
    ck_assert_int_eq(X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(rig.server), "agent.acme.example", 0), 1);
    ck_assert(rig_shake(&rig));
    rig_allowed(&rig, "member");
    ck_assert_ptr_null(mtlspin_peername(rig.pair.server));
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("client");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both, 60);
    tcase_add_loop_test(both, both_ends, 0, 2 * ENDS);
    tcase_add_loop_test(both, one_verifier_for_both_ends, 0, 2);
    tcase_add_test(both, refusal_of_the_server_comes_later);
    tcase_add_loop_test(both, audit_of_a_client, 0, 2 * AUDITS);
    tcase_add_loop_test(both, decision_ends, 0, 4);
    tcase_add_loop_test(both, prepare_comes_before_the_handshake, 0, 2);
    tcase_add_loop_test(both, prepare_knows_the_side, 0, 2);
    tcase_add_loop_test(both, store_of_the_application, 0, 2 * STORES);
    tcase_add_loop_test(both, peername, 0, 2 * NAMES);
    tcase_add_loop_test(both, peername_of_a_client, 0, 2);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
