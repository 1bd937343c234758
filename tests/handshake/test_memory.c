/* Attaching, preparing and handshakes that run out of memory: at each allocation of the library, and at a sample of
   OpenSSL's. Nobody gets in who would not get in otherwise, and nobody under another name. */
#include "made_crl.h"
#include "pki.h"
#include "rig.h"
#include "starve.h"
#include "suite.h"
#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static const char policy[] = "deny serial @serial:kiosk@ issuer=@pki@/clients-ca.pem\n"
                             "ca @pki@/root-ca.pem\ncrl @pki@/root.crl\ncrl @pki@/clients.crl\n"
                             "allow spki @spki:alice@ alice\nallow dns agent.acme.example agent\n"
                             "[pinned]\nchain none\nallow spki @spki:scanner@ scanner\n"
                             "[partner]\nca @pki@/partner-ca.pem\nallow any partner\n";

static const struct { const char *client, *label; } peers[] = {
    { "alice", "alice" }, { "san-dns", "agent" }, { "scanner", "scanner" }, { "partner-gateway", "partner" },
    { "mallory", NULL }, { "kiosk", NULL }, { "expired", NULL }, { "other-alice", NULL },
};
enum { PEERS = sizeof peers / sizeof *peers };

/* One handshake and its check, starved. Returns the verdict. */
static enum mtlspin_verdict
shake(struct rig *rig, enum starve_whom whom, size_t n, struct mtlspin_decision *decision, struct starve_report *report)
{
    *decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    starve_begin(whom, n, false);
    (void)pair_shake(&rig->pair);
    enum mtlspin_verdict verdict = mtlspin_check(rig->verifier, rig_judged(rig), decision);
    *report = starve_end();
    ERR_clear_error();
    return verdict;
}

static void
check(const char *peer, const char *label, size_t n, enum mtlspin_verdict verdict, const struct mtlspin_decision *decision)
{
    ck_assert_msg(verdict == MTLSPIN_DENY || (label != NULL && strcmp(decision->label, label) == 0),
        "allocation %zu: %s is let in as \"%s\"", n, peer, decision->label);
    ck_assert_int_eq(decision->verdict, verdict);
    ck_assert_int_ne(decision->reason, MTLSPIN_REASON_NONE);
    if (verdict == MTLSPIN_DENY)
        ck_assert_str_eq(decision->label, "");
}

/* A client's new pair. "ADDRESS SNI" wants the address and sends the name. */
static void
dial(struct rig *rig, const char *host)
{
    const char *space = host != NULL ? strchr(host, ' ') : NULL;
    rig_dial(rig, space == NULL ? host : NULL);
    if (space == NULL)
        return;
    char address[64], name[64];
    (void)snprintf(address, sizeof address, "%.*s", (int)(space - host), host);
    (void)snprintf(name, sizeof name, "%s", space + 1);
    ck_assert_int_eq(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(rig->pair.client), address), 1);
    ck_assert_int_eq(SSL_ctrl(rig->pair.client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name),
        1);
}

/* The first run tells how many allocations there are; the step makes a sample of them. `host` is for a client's side. */
static void
starve(struct rig *rig, const char *host, const char *peer, const char *label, enum starve_whom whom, size_t step)
{
    struct starve_report report;
    struct mtlspin_decision decision;
    for (int warm = 0; warm < 2; warm++) {
        dial(rig, host);
        enum mtlspin_verdict verdict = shake(rig, STARVE_NOBODY, 0, &decision, &report);
        ck_assert_int_eq(verdict, label != NULL ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    }
    size_t count = whom == STARVE_LIBRARY ? report.library : report.openssl;
    ck_assert_uint_gt(count, 0);
    for (size_t n = 1; n <= count; n += step) {
        dial(rig, host);
        enum mtlspin_verdict verdict = shake(rig, whom, n, &decision, &report);
        check(peer, label, n, verdict, &decision);
    }
    rig_free(rig);
}

static void
starve_server(enum starve_whom whom, size_t peer, int version, size_t step)
{
    struct rig rig;
    rig_verifier(&rig, policy);
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, NULL, NULL, NULL), MTLSPIN_OK); /* Check allocates in it */
    rig.server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    rig.client = rig_client(peers[peer].client, version);
    starve(&rig, NULL, peers[peer].client, peers[peer].label, whom, step);
}

START_TEST(library)
{
    starve_server(STARVE_LIBRARY, (size_t)_i / 2, rig_version(_i), 1);
}
END_TEST

START_TEST(openssl)
{
    starve_server(STARVE_OPENSSL, (size_t)_i / 2, rig_version(_i), 37);
}
END_TEST

/* Lists that nobody has seen the issuer of: an old one that is empty, and a newer one that revokes the peer. It must not be
   mistaken for a forged one, not for this once, and not from then on. */

enum { LISTS = 3 };
static const struct crl_recipe recipes[LISTS] = {
    { NULL, "root-ca", NULL, -60, 3600, NULL, 0 },
    { NULL, "clients-ca", NULL, -60, 3600, NULL, 0 },
    { NULL, "clients-ca", NULL, -30, 3600, "alice", 0 },
};

static struct mtlspin_policy *
policy_with(X509_CRL *const lists[LISTS])
{
    struct mtlspin_builder *builder = mtlspin_builder_new();
    ck_assert_int_eq(mtlspin_builder_ca_file(builder, pki_path("root-ca", ".pem"), NULL), MTLSPIN_OK);
    for (int i = 0; i < LISTS; i++)
        ck_assert_int_eq(mtlspin_builder_crl_x509(builder, lists[i], NULL), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_builder_allow(builder, MTLSPIN_ANY, NULL, "member", NULL, NULL), MTLSPIN_OK);
    struct mtlspin_policy *made = mtlspin_builder_build(builder, NULL);
    ck_assert_ptr_nonnull(made);
    mtlspin_builder_free(builder);
    return made;
}

/* The certificates are read anew: one that OpenSSL could not look into for want of memory stays bad. */
static struct starve_report
evaluate(struct mtlspin_policy *made, enum starve_whom whom, size_t n, size_t length, struct mtlspin_decision *decision)
{
    X509 *leaf = pki_certificate("alice-chain");
    STACK_OF(X509) *rest = pki_rest("alice-chain");
    *decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    starve_begin_window(whom, n, length);
    enum mtlspin_verdict verdict = mtlspin_evaluate(made, leaf, rest, MTLSPIN_SERVER, NULL, (int64_t)time(NULL), decision);
    struct starve_report report = starve_end();
    ck_assert_msg(verdict == MTLSPIN_DENY, "allocation %zu and so on: let in, though revoked", n);
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
    ERR_clear_error();
    return report;
}

/* Starved, and then once more with all the memory there is. Returns whether an allocation failed. */
static bool
evaluate_twice(X509_CRL *const lists[LISTS], enum starve_whom whom, size_t n, size_t length)
{
    struct mtlspin_decision decision;
    struct mtlspin_policy *made = policy_with(lists);
    struct starve_report report = evaluate(made, whom, n, length, &decision);
    (void)evaluate(made, STARVE_NOBODY, 0, 0, &decision);
    ck_assert_msg(decision.reason == MTLSPIN_REASON_REVOKED, "allocation %zu and so on: then %s", n,
        mtlspin_reason_name(decision.reason));
    mtlspin_policy_unref(made);
    return report.failed > 0;
}

static const size_t windows[] = { 1, 4, 8, (size_t)-1 };

START_TEST(lists_of_an_intermediate)
{
    enum starve_whom whom = _i % 2 == 0 ? STARVE_LIBRARY : STARVE_OPENSSL;
    X509_CRL *lists[LISTS];
    for (int i = 0; i < LISTS; i++)
        lists[i] = crl_make(&recipes[i], (int64_t)time(NULL));
    size_t n = 1;
    while (evaluate_twice(lists, whom, n, windows[_i / 2]))
        n++;
    ck_assert_uint_gt(n, 1);
    for (int i = 0; i < LISTS; i++)
        X509_CRL_free(lists[i]);
}
END_TEST

/* The client's side. */

static const char client_policy[] = "deny spki @spki:server-rsa@\n"
                                    "host known.example\nchain none\nallow spki @spki:self-server@ known\n"
                                    "[ca]\nca @pki@/root-ca.pem\nallow spki @spki:server@ server not-after=2030-01-01\n"
                                    "allow spki @spki:server-wildcard@ app\n";

static const struct { const char *server, *host, *label; } servers[] = {
    { "server", "localhost", "server" }, { "server-wildcard", "one.apps.example", "app" },
    { "self-server", "known.example", "known" }, { "server", "db.example", NULL }, { "server", NULL, NULL },
    { "server-rsa", "localhost", NULL }, { "other-server", "localhost", NULL }, { "self-server", "localhost", NULL },
};
enum { SERVERS = sizeof servers / sizeof *servers };

static void
make_client(struct rig *rig, const char *text, const char *server, int version)
{
    rig_verifier(rig, text);
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig->verifier, NULL, NULL, NULL), MTLSPIN_OK); /* Check allocates in it */
    rig->client_side = true;
    rig->server = rig_public_server(server);
    rig->client = rig_client(NULL, version);
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, rig->client, NULL), MTLSPIN_OK);
}

START_TEST(library_of_a_client)
{
    struct rig rig;
    make_client(&rig, client_policy, servers[_i / 2].server, rig_version(_i));
    starve(&rig, servers[_i / 2].host, servers[_i / 2].server, servers[_i / 2].label, STARVE_LIBRARY, 1);
}
END_TEST

START_TEST(openssl_of_a_client)
{
    struct rig rig;
    make_client(&rig, client_policy, servers[_i / 2].server, rig_version(_i));
    starve(&rig, servers[_i / 2].host, servers[_i / 2].server, servers[_i / 2].label, STARVE_OPENSSL, 37);
}
END_TEST

/* The address that is wanted must not be lost in favour of the name that is sent, whichever allocation fails. */
START_TEST(address_of_a_client)
{
    struct rig rig;
    make_client(&rig, client_policy, "self-server", rig_version(_i));
    starve(&rig, "10.9.8.7 known.example", "self-server", NULL, STARVE_OPENSSL, 1);
}
END_TEST

/* A saved session: the policy's own, one whose rule is over by now, and one of another policy. */
static const struct { const char *policy; int64_t later; const char *label; } sessions[] = {
    { client_policy, 0, "server" },
    { client_policy, 1900000000, NULL },
    { "ca @pki@/root-ca.pem\nallow spki @spki:server-db@ other\n", 0, NULL },
};
enum { SESSIONS = sizeof sessions / sizeof *sessions };

/* Of a connection to the rig's server under client_policy. */
static SSL_SESSION *
saved_session(const struct rig *rig, int version)
{
    struct rig first;
    make_client(&first, client_policy, "server", version);
    first.now = rig->now; /* a session from the future is none */
    SSL_CTX_free(first.server);
    first.server = rig->server;
    ck_assert_int_eq(SSL_CTX_up_ref(rig->server), 1);
    ck_assert(rig_connect(&first, "localhost"));
    rig_allowed(&first, "server");
    SSL_set_shutdown(first.pair.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else libssl spoils the session */
    SSL_SESSION *session = SSL_get1_session(first.pair.client);
    rig_free(&first);
    ck_assert_int_eq(SSL_SESSION_is_resumable(session), 1);
    return session;
}

/* Preparing, starved, with a copy of the session, and then the handshake. Returns the verdict. */
static enum mtlspin_verdict
resume(struct rig *rig, const SSL_SESSION *session, enum starve_whom whom, size_t n, struct mtlspin_decision *decision,
    struct starve_report *report)
{
    struct starve_report unused;
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    rig_dial(rig, "localhost");
    ck_assert_int_eq(SSL_set_session(rig->pair.client, copy), 1);
    SSL_SESSION_free(copy);
    starve_begin(whom, n, false);
    enum mtlspin_status status = mtlspin_prepare(rig->verifier, rig->pair.client, NULL);
    *report = starve_end();
    ck_assert(status == MTLSPIN_OK || report->failed > 0);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    enum mtlspin_verdict verdict = shake(rig, STARVE_NOBODY, 0, decision, &unused);
    ck_assert(verdict == MTLSPIN_DENY || status == MTLSPIN_OK || !SSL_session_reused(rig->pair.client));
    return verdict;
}

static void
starve_session(size_t kind, int version, enum starve_whom whom)
{
    struct rig rig;
    struct starve_report report;
    struct mtlspin_decision decision;
    make_client(&rig, sessions[kind].policy, "server", version);
    SSL_SESSION *session = saved_session(&rig, version);
    rig.now = sessions[kind].later != 0 ? sessions[kind].later : rig.now;
    for (int warm = 0; warm < 2; warm++) {
        enum mtlspin_verdict verdict = resume(&rig, session, STARVE_NOBODY, 0, &decision, &report);
        ck_assert_int_eq(verdict, sessions[kind].label != NULL ? MTLSPIN_ALLOW : MTLSPIN_DENY);
        ck_assert_int_eq(SSL_session_reused(rig.pair.client), sessions[kind].label != NULL);
    }
    size_t count = whom == STARVE_LIBRARY ? report.library : report.openssl;
    ck_assert_uint_gt(count, 0);
    for (size_t n = 1; n <= count; n++) {
        enum mtlspin_verdict verdict = resume(&rig, session, whom, n, &decision, &report);
        check("a session", sessions[kind].label, n, verdict, &decision);
    }
    SSL_SESSION_free(session);
    rig_free(&rig);
}

START_TEST(library_in_prepare)
{
    starve_session((size_t)_i / 2, rig_version(_i), STARVE_LIBRARY);
}
END_TEST

START_TEST(openssl_in_prepare)
{
    starve_session((size_t)_i / 2, rig_version(_i), STARVE_OPENSSL);
}
END_TEST

/* Attaching: done, or nothing is changed and the SSL_CTX is free for another verifier. */

static bool
attach(const struct rig *rig, SSL_CTX *context, enum starve_whom whom, size_t n, struct starve_report *report)
{
    int mode = SSL_CTX_get_verify_mode(context), floor = (int)SSL_CTX_get_min_proto_version(context);
    long cache = SSL_CTX_get_session_cache_mode(context);
    uint64_t options = SSL_CTX_get_options(context);
    starve_begin(whom, n, false);
    enum mtlspin_status status = mtlspin_verifier_attach(rig->verifier, context, NULL);
    *report = starve_end();
    ck_assert_uint_eq(ERR_peek_error(), 0);
    if (status == MTLSPIN_OK) {
        ck_assert(SSL_CTX_get_verify_mode(context) & SSL_VERIFY_PEER);
        return true;
    }
    ck_assert_int_eq(SSL_CTX_get_verify_mode(context), mode);
    ck_assert_int_eq((int)SSL_CTX_get_min_proto_version(context), floor);
    ck_assert_int_eq((int)SSL_CTX_get_session_cache_mode(context), (int)cache);
    ck_assert_uint_eq(SSL_CTX_get_options(context), options);
    return false;
}

/* 0 and 1: a server's, 2 and 3: a client's; the library's and OpenSSL's allocations. */
START_TEST(attaching)
{
    enum starve_whom whom = _i % 2 == 0 ? STARVE_LIBRARY : STARVE_OPENSSL;
    struct rig rig, other;
    struct starve_report report;
    size_t failures = 0, count = 2;
    rig_verifier(&rig, policy);
    rig_verifier(&other, policy);
    for (size_t n = 0; n <= count; n++) {
        SSL_CTX *context = SSL_CTX_new(_i < 2 ? TLS_server_method() : TLS_client_method());
        bool attached = attach(&rig, context, n == 0 ? STARVE_NOBODY : whom, n, &report);
        ck_assert(attached || n > 0);
        failures += !attached;
        if (n == 0)
            count = whom == STARVE_LIBRARY ? report.library : report.openssl;
        ck_assert_int_eq(mtlspin_verifier_attach(other.verifier, context, NULL),
            attached ? MTLSPIN_ERR_STATE : MTLSPIN_OK);
        SSL_CTX_free(context);
    }
    ck_assert_uint_gt(failures, 0);
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    if (!starve_init())
        return 1;
    Suite *suite = suite_create("handshakes out of memory");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both, 120);
    tcase_add_loop_test(both, library, 0, 2 * PEERS);
    tcase_add_loop_test(both, openssl, 0, 2 * PEERS);
    tcase_add_loop_test(both, lists_of_an_intermediate, 0, 2 * (int)(sizeof windows / sizeof *windows));
    tcase_add_loop_test(both, library_of_a_client, 0, 2 * SERVERS);
    tcase_add_loop_test(both, openssl_of_a_client, 0, 2 * SERVERS);
    tcase_add_loop_test(both, address_of_a_client, 1, 2); /* one version: each allocation takes a handshake */
    tcase_add_loop_test(both, library_in_prepare, 0, 2 * SESSIONS);
    tcase_add_loop_test(both, openssl_in_prepare, 0, 2 * SESSIONS);
    tcase_add_loop_test(both, attaching, 0, 4);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
