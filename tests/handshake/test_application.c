/* What belongs to the application stays its own: its verify callback, its trust store, its parameters, where they do not
   open anything. */
#include "pki.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

/* Its verify callback. */

enum { WAVE_THROUGH = 1, WIPE_OUT = 2 }; /* what the callback does to errors */

static struct { int calls, leaves, connections, errors, refuse, override; } application;

static int
verify(int ok, X509_STORE_CTX *context)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    bool leaf = X509_STORE_CTX_get_error_depth(context) == 0;
    application.calls++;
    application.leaves += ok && leaf;
    application.connections += ssl != NULL;
    application.errors += !ok;
    if (application.refuse && ok && leaf)
        return 0;
    if (application.override == WIPE_OUT)
        X509_STORE_CTX_set_error(context, X509_V_OK);
    return application.override ? 1 : ok;
}

/* A rig whose application set the callback before the verifier was attached. */
static void
make_with_callback(struct rig *rig, const char *policy, const char *client, int version)
{
    memset(&application, 0, sizeof application);
    rig_verifier(rig, policy);
    rig->server = rig_plain_server();
    SSL_CTX_set_verify(rig->server, SSL_VERIFY_NONE, verify);
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, rig->server, NULL), MTLSPIN_OK);
    rig->client = rig_client(client, version);
}

static const char one[] = "ca @pki@/root-ca.pem\nallow any member\n";
static const char several[] = "ca @pki@/partner-ca.pem\nallow any partner\n"
                              "[ours]\nca @pki@/root-ca.pem\nallow any member\n"
                              "[pinned]\nchain none\nallow spki @spki:scanner@ scanner\n";

static const char same[] = "ca @pki@/root-ca.pem\nallow spki @spki:mallory@ mallory\n"
                           "[between]\nca @pki@/partner-ca.pem\nallow any partner\n"
                           "[ours]\nca @pki@/root-ca.pem\nallow any member\n"
                           "[theirs]\nca @pki@/root-ca.pem\nallow any other\n";

static const struct callback_case {
    const char *policy, *client;
    int refuse, override;
    enum mtlspin_reason reason;
    int leaves; /* times that the callback saw the leaf with ok = 1 */
} callback_cases[] = {
    { one, "alice", 0, 0, MTLSPIN_REASON_RULE, 1 },
    { one, "alice", 1, 0, MTLSPIN_REASON_APPLICATION, 1 },
    { one, "expired", 0, WAVE_THROUGH, MTLSPIN_REASON_EXPIRED, 1 },
    { one, "expired", 0, WIPE_OUT, MTLSPIN_REASON_EXPIRED, 1 },
    { one, "other-alice", 0, WAVE_THROUGH, MTLSPIN_REASON_UNKNOWN_CA, 1 },
    { one, "other-alice", 0, WIPE_OUT, MTLSPIN_REASON_UNKNOWN_CA, 1 },
    { several, "alice", 0, 0, MTLSPIN_REASON_RULE, 1 },
    { several, "alice", 1, 0, MTLSPIN_REASON_APPLICATION, 1 },
    { several, "scanner", 0, 0, MTLSPIN_REASON_RULE, 1 },
    { several, "partner-gateway", 0, 0, MTLSPIN_REASON_RULE, 1 },
    { several, "other-alice", 0, 0, MTLSPIN_REASON_UNKNOWN_CA, 0 },
    { several, "other-alice", 0, WAVE_THROUGH, MTLSPIN_REASON_UNKNOWN_CA, 1 },
    { several, "other-alice", 0, WIPE_OUT, MTLSPIN_REASON_UNKNOWN_CA, 1 },
    { several, "expired", 0, WIPE_OUT, MTLSPIN_REASON_EXPIRED, 1 },
    { same, "alice", 0, 0, MTLSPIN_REASON_RULE, 1 },
    { same, "mallory", 0, 0, MTLSPIN_REASON_RULE, 1 },
    { same, "alice", 1, 0, MTLSPIN_REASON_APPLICATION, 1 },
    { same, "mallory", 1, 0, MTLSPIN_REASON_APPLICATION, 1 },
    { same, "expired", 0, WAVE_THROUGH, MTLSPIN_REASON_EXPIRED, 1 },
    { same, "other-alice", 0, WAVE_THROUGH, MTLSPIN_REASON_UNKNOWN_CA, 1 },
};
enum { CALLBACK_CASES = sizeof callback_cases / sizeof *callback_cases };

START_TEST(verify_callback_runs_for_the_domain_that_decides)
{
    const struct callback_case *c = &callback_cases[_i / 2];
    struct rig rig;
    make_with_callback(&rig, c->policy, c->client, rig_version(_i));
    application.refuse = c->refuse;
    application.override = c->override;
    ck_assert_int_eq(rig_shake(&rig), c->reason == MTLSPIN_REASON_RULE);
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &decision),
        c->reason == MTLSPIN_REASON_RULE ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    ck_assert_str_eq(mtlspin_reason_name(decision.reason), mtlspin_reason_name(c->reason));
    ck_assert_int_eq(application.leaves, c->leaves);
    ck_assert_int_gt(application.calls, 0);
    ck_assert_int_eq(application.connections, application.calls);
    if (c->reason != MTLSPIN_REASON_RULE)
        ck_assert_int_ne(SSL_get_verify_result(rig.pair.server), X509_V_OK);
    rig_free(&rig);
}
END_TEST

/* Its trust store: used by `ca application`, and by nothing else. */

static const struct store_case { const char *policy, *client; enum mtlspin_reason reason; } store_cases[] = {
    { "ca application\nallow spki @spki:alice@ alice\n", "alice", MTLSPIN_REASON_RULE },
    { "ca application\nallow spki @spki:alice@ alice\n", "mallory", MTLSPIN_REASON_NO_RULE },
    { "ca application\nallow any member\n", "other-alice", MTLSPIN_REASON_UNKNOWN_CA },
    { "ca application\nallow any member\n", "expired", MTLSPIN_REASON_EXPIRED },
    { "ca @pki@/partner-ca.pem\nallow any member\n", "alice", MTLSPIN_REASON_UNKNOWN_CA },
    { "chain none\nallow spki @spki:scanner@ scanner\n", "alice", MTLSPIN_REASON_NO_RULE },
};
enum { STORE_CASES = sizeof store_cases / sizeof *store_cases };

START_TEST(trust_store)
{
    const struct store_case *c = &store_cases[_i / 2];
    struct rig rig;
    rig_verifier(&rig, c->policy);
    rig.server = rig_plain_server(); /* knows the root CA */
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    rig.client = rig_client(c->client, rig_version(_i));
    ck_assert_int_eq(rig_shake(&rig), c->reason == MTLSPIN_REASON_RULE);
    if (c->reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "alice");
    else
        rig_refused(&rig, c->reason);
    rig_free(&rig);
}
END_TEST

/* The store's own verify callback is the application's as well: it loosens nothing either. */
static const char *const store_strangers[] = { "other-alice", "server-eku", "expired" };
enum { STORE_STRANGERS = sizeof store_strangers / sizeof *store_strangers };

START_TEST(callback_of_the_trust_store)
{
    struct rig rig;
    memset(&application, 0, sizeof application);
    application.override = WIPE_OUT;
    rig_verifier(&rig, "ca application\nallow any member\n");
    rig.server = rig_plain_server();
    X509_STORE_set_verify_cb(SSL_CTX_get_cert_store(rig.server), verify);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    rig.client = rig_client(store_strangers[_i / 2], rig_version(_i));
    ck_assert(!rig_shake(&rig));
    ck_assert_int_gt(application.errors, 0);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_DENY);
    rig_free(&rig);
}
END_TEST

START_TEST(evaluate_has_no_application_store)
{
    struct mtlspin_policy *policy = policy_of("ca application\nallow any member\n");
    X509 *leaf = pki_certificate("alice");
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(mtlspin_evaluate(policy, leaf, NULL, MTLSPIN_SERVER, NULL, 1800000000, &decision), MTLSPIN_DENY);
    ck_assert_str_eq(mtlspin_reason_name(decision.reason), "NO_STORE");
    X509_free(leaf);
    mtlspin_policy_unref(policy);
}
END_TEST

/* Its parameters: they may tighten, and never loosen. */

static void
no_time(X509_VERIFY_PARAM *param)
{
    ck_assert(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME));
}

static void
other_time(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_time(param, 1578000000); /* January 2020, when the expired one was valid */
}

static void
any_purpose(X509_VERIFY_PARAM *param)
{
    ck_assert(X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY));
    ck_assert(X509_VERIFY_PARAM_set_trust(param, X509_TRUST_OBJECT_SIGN));
}

static void
ignore_critical(X509_VERIFY_PARAM *param)
{
    ck_assert(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_IGNORE_CRITICAL | X509_V_FLAG_PARTIAL_CHAIN));
}

static void
low_level(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_auth_level(param, 0);
}

static void
high_level(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_auth_level(param, 5);
}

static void
no_depth(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_depth(param, 0);
}

static void
deep(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_depth(param, 50);
}

static void
want_crl(X509_VERIFY_PARAM *param)
{
    ck_assert(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK));
}

static void
want_name(X509_VERIFY_PARAM *param)
{
    ck_assert(X509_VERIFY_PARAM_set1_host(param, "agent.acme.example", 0));
}

static const struct parameter_case {
    void (*set)(X509_VERIFY_PARAM *param);
    const char *policy, *client;
    enum mtlspin_reason reason;
} parameter_cases[] = {
    { no_time, one, "expired", MTLSPIN_REASON_EXPIRED },
    { other_time, one, "expired", MTLSPIN_REASON_EXPIRED },
    { any_purpose, one, "server-eku", MTLSPIN_REASON_PURPOSE },
    { ignore_critical, one, "unknown-critical", MTLSPIN_REASON_CHAIN },
    { low_level, one, "weak-rsa", MTLSPIN_REASON_WEAK },
    { deep, "ca @pki@/root-ca.pem\ndepth 1\nallow any member\n", "deep", MTLSPIN_REASON_CHAIN_TOO_LONG },
    { high_level, one, "alice", MTLSPIN_REASON_WEAK },
    { no_depth, one, "alice", MTLSPIN_REASON_CHAIN_TOO_LONG },
    { want_crl, one, "alice", MTLSPIN_REASON_REVOCATION_UNKNOWN },
    { want_name, one, "alice", MTLSPIN_REASON_HOST_MISMATCH },
    { want_name, one, "san-dns", MTLSPIN_REASON_RULE },
};
enum { PARAMETER_CASES = sizeof parameter_cases / sizeof *parameter_cases };

START_TEST(parameters_only_tighten)
{
    const struct parameter_case *c = &parameter_cases[_i / 2];
    struct rig rig;
    rig_make(&rig, c->policy, c->client, rig_version(_i));
    c->set(SSL_CTX_get0_param(rig.server));
    ck_assert_int_eq(rig_shake(&rig), c->reason == MTLSPIN_REASON_RULE);
    if (c->reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "member");
    else
        rig_refused(&rig, c->reason);
    rig_free(&rig);
}
END_TEST

/* What the client is told: the anchors' names, or none where a certificate of no CA may do. */
static const struct { const char *policy; int names; } name_cases[] = {
    { "ca @pki@/root-ca.pem\nca @pki@/partner-ca.pem\nallow any member\n", 2 },
    { "ca @pki@/root-ca.pem\nallow any member\n[pinned]\nchain none\nallow spki @spki:scanner@\n", 0 },
    { "ca application\nallow any member\n", 0 },
};
enum { NAME_CASES = sizeof name_cases / sizeof *name_cases };

START_TEST(names_of_anchors)
{
    struct rig rig;
    STACK_OF(X509_NAME) *own = sk_X509_NAME_new_null();
    X509 *stranger = pki_certificate("other-ca");
    sk_X509_NAME_push(own, X509_NAME_dup(X509_get_subject_name(stranger)));
    rig_make(&rig, name_cases[_i / 2].policy, NULL, rig_version(_i));
    SSL_CTX_set_client_CA_list(rig.server, own); /* the application's own list does not count any more */
    (void)rig_shake(&rig);
    const STACK_OF(X509_NAME) *list = SSL_get0_peer_CA_list(rig.pair.client);
    ck_assert_int_eq(list != NULL ? sk_X509_NAME_num(list) : 0, name_cases[_i / 2].names);
    X509_free(stranger);
    rig_free(&rig);
}
END_TEST

/* The error queue is the application's. */
START_TEST(error_queue_is_left_alone)
{
    struct rig rig;
    rig_make(&rig, one, _i < 2 ? "alice" : "other-alice", rig_version(_i));
    ck_assert_int_eq(rig_shake(&rig), _i < 2);
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 123);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), _i < 2 ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), 123);
    ck_assert_uint_eq(ERR_get_error(), 0);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("application");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_add_loop_test(both, verify_callback_runs_for_the_domain_that_decides, 0, 2 * CALLBACK_CASES);
    tcase_add_loop_test(both, trust_store, 0, 2 * STORE_CASES);
    tcase_add_loop_test(both, callback_of_the_trust_store, 0, 2 * STORE_STRANGERS);
    tcase_add_test(both, evaluate_has_no_application_store);
    tcase_add_loop_test(both, parameters_only_tighten, 0, 2 * PARAMETER_CASES);
    tcase_add_loop_test(both, names_of_anchors, 0, 2 * NAME_CASES);
    tcase_add_loop_test(both, error_queue_is_left_alone, 0, 4);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
