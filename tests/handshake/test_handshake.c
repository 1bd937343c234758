/* Every case of cases.txt over a TLS handshake, and the same question to mtlspin_evaluate. */
#include "case_file.h"
#include "pair.h"
#include "pki.h"
#include "policy_text.h"
#include "suite.h"
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <string.h>
#include <time.h>

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* What the audit hook has seen. */
struct seen {
    int denials, allowances;
    char reason[32], label[128];
};

static void
hook(const struct mtlspin_event *event, void *user)
{
    struct seen *seen = user;
    char line[MTLSPIN_EVENT_JSON_SIZE];
    if (event->decision->verdict == MTLSPIN_ALLOW)
        seen->allowances++;
    else
        seen->denials++;
    (void)snprintf(seen->reason, sizeof seen->reason, "%s", mtlspin_reason_name(event->decision->reason));
    ck_assert_uint_gt(mtlspin_event_json(event, line, sizeof line), 0);
}

static int64_t
fixed_clock(void *user)
{
    return *(int64_t *)user;
}

static SSL_CTX *
client_context(const struct handshake_case *c, int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(context, version), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, version), 1);
    if (c->chain[0] != '\0')
        pki_use(context, c->chain, c->key);
    return context;
}

static void
check_audit(const struct handshake_case *c, size_t version, const struct seen *seen)
{
    ck_assert_msg(seen->denials == !c->allow && seen->allowances == c->allow, "cases.txt:%d: %d denials, %d allowances",
        c->line, seen->denials, seen->allowances);
    ck_assert_str_eq(seen->reason, c->reason[version]);
}

START_TEST(handshake)
{
    size_t count = 0, version = (size_t)_i % 2;
    const struct handshake_case *c = &handshake_cases(&count)[_i / 2];
    int64_t now = c->now != 0 ? c->now : (int64_t)time(NULL);
    struct seen seen = { 0 };
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    struct mtlspin_policy *policy = policy_of(c->policy);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, NULL);
    ck_assert_int_eq(mtlspin_verifier_set_audit(verifier, hook, &seen, NULL), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_verifier_set_clock(verifier, fixed_clock, &now, NULL), MTLSPIN_OK);
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    SSL_CTX *server = mtlspin_server_context(pki_path("server-chain", ".pem"), pki_path("server", ".key"), verifier,
        &error);
    ck_assert_msg(server != NULL, "%s", error.message);
    SSL_CTX *client = client_context(c, versions[version]);
    mtlspin_policy_unref(policy); /* the SSL_CTX keeps the verifier, the verifier its policy */
    mtlspin_verifier_unref(verifier);
    struct pair pair;
    pair_make(&pair, server, client);
    SSL_CTX_free(server);
    ck_assert_int_eq(mtlspin_check(verifier, pair.server, &decision), MTLSPIN_DENY);
    ck_assert_int_eq(decision.reason, MTLSPIN_REASON_UNFINISHED);

    ck_assert_msg(pair_shake(&pair) == c->allow, "cases.txt:%d: accepted %d", c->line, pair.accepted);
    enum mtlspin_verdict verdict = mtlspin_check(verifier, pair.server, &decision);
    case_check(c, version, verdict, &decision);
    ck_assert_int_eq(mtlspin_check(verifier, pair.server, NULL), verdict); /* again: the same, and not audited again */
    check_audit(c, version, &seen);
    ck_assert_msg(pair.alert == c->alert[version], "cases.txt:%d: alert %d", c->line, pair.alert);
    ck_assert((SSL_get_verify_result(pair.server) == X509_V_OK) == (c->allow || c->chain[0] == '\0'));
    ck_assert_int_eq(pair_talk(&pair, "hello") > 0, c->allow);
    pair_free(&pair);
    SSL_CTX_free(client);
}
END_TEST

/* The case's decision without a connection agrees, but for what only a connection has. */
START_TEST(evaluation)
{
    size_t count = 0;
    const struct handshake_case *c = &handshake_cases(&count)[_i];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    struct mtlspin_policy *policy = policy_of(c->policy);
    X509 *leaf = c->chain[0] != '\0' ? pki_certificate(c->chain) : NULL;
    STACK_OF(X509) *rest = c->chain[0] != '\0' ? pki_rest(c->chain) : NULL;
    int64_t now = c->now != 0 ? c->now : (int64_t)time(NULL);
    enum mtlspin_verdict verdict = mtlspin_evaluate(policy, leaf, rest, MTLSPIN_SERVER, NULL, now, &decision);
    case_check(c, 0, verdict, &decision);
    ck_assert_uint_eq(decision.generation, 0);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
    mtlspin_policy_unref(policy);
}
END_TEST

int
main(void)
{
    size_t count = 0;
    (void)handshake_cases(&count);
    Suite *suite = suite_create("handshake");
    TCase *handshakes = tcase_create("handshakes"), *evaluations = tcase_create("evaluations");
    tcase_set_timeout(handshakes, 60);
    tcase_add_loop_test(handshakes, handshake, 0, (int)count * 2);
    tcase_add_loop_test(evaluations, evaluation, 0, (int)count);
    suite_add_tcase(suite, handshakes);
    suite_add_tcase(suite, evaluations);
    return run_suite(suite);
}
