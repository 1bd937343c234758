/* Every case of client_cases.txt over a TLS handshake, and the same question to mtlspin_evaluate; then what OpenSSL alone,
   or a program that pins what the server presents, makes of the attacks among them. */
#include "case_file.h"
#include "pair.h"
#include "pki.h"
#include "policy_text.h"
#include "suite.h"
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* What the audit hook has seen, the last event by value. */
struct seen {
    int events;
    enum mtlspin_verdict verdict;
    enum mtlspin_role role;
    char reason[32], host[256], json[MTLSPIN_EVENT_JSON_SIZE];
};

static void
hook(const struct mtlspin_event *event, void *user)
{
    struct seen *seen = user;
    seen->events++;
    seen->verdict = event->decision->verdict;
    seen->role = event->role;
    (void)snprintf(seen->reason, sizeof seen->reason, "%s", mtlspin_reason_name(event->decision->reason));
    (void)snprintf(seen->host, sizeof seen->host, "%s", event->host);
    ck_assert_uint_gt(mtlspin_event_json(event, seen->json, sizeof seen->json), 0);
}

static int64_t
fixed_clock(void *user)
{
    return *(int64_t *)user;
}

/* A server that nobody guards, which asks for no certificate. */
static SSL_CTX *
plain_server(const char *chain, const char *key, int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(context, version), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, version), 1);
    pki_use(context, chain, key);
    return context;
}

static void
set_host(SSL *ssl, enum case_way way, const char *host)
{
    char name[80];
    (void)snprintf(name, sizeof name, "%s", host);
    switch (way) {
    case CASE_NO_HOST: break;
    case CASE_HOST: ck_assert_int_eq(SSL_set1_host(ssl, name), 1); break;
    case CASE_PARAM: ck_assert_int_eq(X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), name, 0), 1); break;
    case CASE_SNI: ck_assert_int_eq(SSL_set_tlsext_host_name(ssl, name), 1); break;
    }
}

/* Whether what one end writes arrives at the other. */
static bool
carries(SSL *from, SSL *to)
{
    static const char text[] = "hello";
    char buffer[sizeof text] = "";
    ERR_clear_error();
    bool sent = SSL_write(from, text, sizeof text) == (int)sizeof text;
    int got = SSL_read(to, buffer, sizeof buffer);
    ERR_clear_error();
    ck_assert(got <= 0 || (sent && memcmp(buffer, text, sizeof text) == 0));
    return got > 0;
}

/* The alert that ended the server's handshake; -1 = none. pair_shake leaves the server's error in the queue. */
static int
alert_at_server(void)
{
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    bool alert = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
    return alert ? ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET : -1;
}

/* A client with hook and clock, which holds the only reference on its verifier. */
static SSL_CTX *
guarded_client(const char *text, struct seen *seen, int64_t *now, struct mtlspin_verifier **verifier)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = policy_of(text);
    *verifier = mtlspin_verifier_new(policy, NULL);
    ck_assert_int_eq(mtlspin_verifier_set_audit(*verifier, hook, seen, NULL), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_verifier_set_clock(*verifier, fixed_clock, now, NULL), MTLSPIN_OK);
    SSL_CTX *client = mtlspin_client_context(NULL, NULL, *verifier, &error);
    ck_assert_msg(client != NULL, "%s", error.message);
    mtlspin_policy_unref(policy); /* the SSL_CTX keeps the verifier, the verifier its policy */
    mtlspin_verifier_unref(*verifier);
    return client;
}

static void
check_audit(const struct handshake_case *c, size_t version, const struct seen *seen)
{
    ck_assert_msg(seen->events == 1, "%s:%d: %d events", c->file, c->line, seen->events);
    ck_assert_int_eq(seen->verdict, c->allow ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    ck_assert_str_eq(seen->reason, c->reason[version]);
    ck_assert_int_eq(seen->role, MTLSPIN_CLIENT);
    ck_assert_msg(strcmp(seen->host, c->host_told) == 0, "%s:%d: host \"%s\"", c->file, c->line, seen->host);
}

static void
check_peername(const struct handshake_case *c, SSL *client)
{
    const char *name = mtlspin_peername(client);
    ck_assert_msg(c->peername[0] != '\0' ? name != NULL && strcmp(name, c->peername) == 0 : name == NULL,
        "%s:%d: peer name \"%s\"", c->file, c->line, name != NULL ? name : "NULL");
}

/* No byte in either direction after a refusal, all of them otherwise. */
static void
check_traffic(const struct handshake_case *c, const struct pair *pair)
{
    if (!c->allow)
        ck_assert_int_le(SSL_write(pair->client, "hello", 5), 0);
    ck_assert_msg(carries(pair->client, pair->server) == c->allow, "%s:%d: to the server", c->file, c->line);
    ck_assert_msg(carries(pair->server, pair->client) == c->allow, "%s:%d: to the client", c->file, c->line);
    ck_assert_uint_eq(BIO_ctrl_pending(SSL_get_rbio(pair->server)), 0);
}

/* Before the handshake: no decision yet, and a prepared connection differs in nothing that the table could show. */
static void
start(const struct handshake_case *c, struct mtlspin_verifier *verifier, struct pair *pair, bool prepared)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    bool host = strcmp(c->reason[0], "NO_HOST") != 0;
    set_host(pair->client, c->way, c->host);
    if (prepared)
        ck_assert_int_eq(mtlspin_prepare(verifier, pair->client, NULL), host ? MTLSPIN_OK : MTLSPIN_ERR_STATE);
    ck_assert_int_eq(mtlspin_check(verifier, pair->client, &decision), MTLSPIN_DENY);
    ck_assert_int_eq(decision.reason, MTLSPIN_REASON_UNFINISHED);
    ck_assert_ptr_null(mtlspin_peername(pair->client));
}

/* Each case in TLS 1.2 and in TLS 1.3, one of the two prepared, by turns. */
START_TEST(handshake)
{
    size_t count = 0, version = (size_t)_i % 2;
    bool prepared = (_i / 2 + _i) % 2 != 0;
    const struct handshake_case *c = &client_cases(&count)[_i / 2];
    int64_t now = c->now != 0 ? c->now : (int64_t)time(NULL);
    struct seen seen = { 0 };
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    struct mtlspin_verifier *verifier = NULL;
    SSL_CTX *client = guarded_client(c->policy, &seen, &now, &verifier);
    SSL_CTX *server = plain_server(c->chain, c->key, versions[version]);
    struct pair pair;
    pair_make(&pair, server, client);
    SSL_CTX_free(client);
    start(c, verifier, &pair, prepared);
    ck_assert_int_eq(seen.events, 0);

    (void)pair_shake(&pair);
    int alert = alert_at_server();
    ck_assert_msg(pair.connected == c->allow && pair.accepted == c->allow, "%s:%d: connected %d, accepted %d", c->file,
        c->line, pair.connected, pair.accepted);
    ck_assert_int_eq(seen.events, !c->allow); /* a refusal is reported when it is made */
    enum mtlspin_verdict verdict = mtlspin_check(verifier, pair.client, &decision);
    case_check(c, version, verdict, &decision);
    ck_assert_uint_eq(decision.generation, 1);
    ck_assert_int_eq(mtlspin_check(verifier, pair.client, NULL), verdict); /* again: the same, and not audited again */
    check_audit(c, version, &seen);
    ck_assert_msg(alert == c->alert[version], "%s:%d: alert %d", c->file, c->line, alert);
    ck_assert_int_eq(SSL_get_verify_result(pair.client) == X509_V_OK, c->allow);
    check_peername(c, pair.client);
    check_traffic(c, &pair);
    pair_free(&pair);
    SSL_CTX_free(server);
}
END_TEST

/* The case's decision without a connection agrees. */
START_TEST(evaluation)
{
    size_t count = 0;
    const struct handshake_case *c = &client_cases(&count)[_i];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    struct mtlspin_policy *policy = policy_of(c->policy);
    X509 *leaf = pki_certificate(c->chain);
    STACK_OF(X509) *rest = pki_rest(c->chain);
    int64_t now = c->now != 0 ? c->now : (int64_t)time(NULL);
    const char *host = c->way != CASE_NO_HOST ? c->host : NULL;
    case_check(c, 0, mtlspin_evaluate(policy, leaf, rest, MTLSPIN_CLIENT, host, now, &decision), &decision);
    ck_assert_uint_eq(decision.generation, 0);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
    mtlspin_policy_unref(policy);
}
END_TEST

/* Attacks that work on a client without libmtlspin. */
struct control {
    const char *chain, *key;
    enum case_way way;
    const char *host;
    int mode;           /* of SSL_CTX_set_verify(3): SSL_VERIFY_NONE is a client's default */
    const char *pinned; /* what the program looks for among the certificates that the server presents; NULL = nothing */
};

static const struct control controls[] = {
    { "server-cn-only-chain", "server-cn-only", CASE_HOST, "localhost", SSL_VERIFY_PEER, NULL },
    { "server-address-only-chain", "server-address-only", CASE_HOST, "localhost", SSL_VERIFY_PEER, NULL },
    { "server-part-wildcard-chain", "server-part-wildcard", CASE_HOST, "app.apps.example", SSL_VERIFY_PEER, NULL },
    { "server-address-as-name-chain", "server-address-as-name", CASE_PARAM, "127.0.0.1", SSL_VERIFY_PEER, NULL },
    { "server-db-chain", "server-db", CASE_HOST, ".example", SSL_VERIFY_PEER, NULL },
    { "server-db-chain", "server-db", CASE_SNI, "localhost", SSL_VERIFY_PEER, NULL },
    { "server-db-chain", "server-db", CASE_NO_HOST, "", SSL_VERIFY_PEER, NULL },
    { "server-is-ca-chain", "server-is-ca", CASE_HOST, "localhost", SSL_VERIFY_PEER, NULL },
    { "other-server-chain", "other-server", CASE_HOST, "localhost", SSL_VERIFY_NONE, NULL },
    { "other-server-with-ca", "other-server", CASE_HOST, "localhost", SSL_VERIFY_NONE, "other-ca" },
    { "server-with-upper", "server", CASE_HOST, "localhost", SSL_VERIFY_PEER, "upper-ca" },
    { "server-with-db", "server", CASE_HOST, "localhost", SSL_VERIFY_PEER, "server-db" },
};

/* A client as programs make it, with the root CA for its only anchor. */
static SSL_CTX *
plain_client(int mode)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_load_verify_file(context, pki_path("root-ca", ".pem")), 1);
    SSL_CTX_set_verify(context, mode, NULL);
    return context;
}

static bool
presents(const SSL *client, const char *name)
{
    X509 *wanted = pki_certificate(name);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(client);
    bool found = false;
    for (int i = 0; i < sk_X509_num(chain); i++)
        found |= X509_cmp(sk_X509_value(chain, i), wanted) == 0;
    X509_free(wanted);
    return found;
}

/* The line in which our client refuses the same server for the same host, or 0. */
static int
refused_at(const struct control *control)
{
    size_t count = 0;
    const struct handshake_case *cases = client_cases(&count);
    for (size_t i = 0; i < count; i++)
        if (!cases[i].allow && cases[i].way == control->way && strcmp(cases[i].host, control->host) == 0
            && strcmp(cases[i].chain, control->chain) == 0 && strcmp(cases[i].key, control->key) == 0)
            return cases[i].line;
    return 0;
}

START_TEST(attack)
{
    const struct control *control = &controls[_i / 2];
    SSL_CTX *client = plain_client(control->mode), *server = plain_server(control->chain, control->key, versions[_i % 2]);
    struct pair pair;
    pair_make(&pair, server, client);
    set_host(pair.client, control->way, control->host);
    ck_assert_msg(pair_shake(&pair) && pair.connected, "%s: plain OpenSSL refuses it, too", control->chain);
    ck_assert(control->pinned == NULL || presents(pair.client, control->pinned));
    ck_assert(carries(pair.client, pair.server));
    ck_assert_msg(refused_at(control) != 0, "%s, host \"%s\": no case", control->chain, control->host);
    pair_free(&pair);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}
END_TEST

int
main(void)
{
    size_t count = 0;
    (void)client_cases(&count);
    Suite *suite = suite_create("client_cases");
    TCase *handshakes = tcase_create("handshakes"), *evaluations = tcase_create("evaluations");
    TCase *attacks = tcase_create("attacks");
    tcase_set_timeout(handshakes, 60);
    tcase_add_loop_test(handshakes, handshake, 0, (int)count * 2);
    tcase_add_loop_test(evaluations, evaluation, 0, (int)count);
    tcase_add_loop_test(attacks, attack, 0, (int)(sizeof controls / sizeof *controls) * 2);
    suite_add_tcase(suite, handshakes);
    suite_add_tcase(suite, evaluations);
    suite_add_tcase(suite, attacks);
    return run_suite(suite);
}
