/* Each counter of a verifier, and what it says of the policy in force. */
#include "live.h"
#include "pki.h"
#include "policy_text.h"
#include "saved.h"
#include "suite.h"
#include <string.h>

static struct mtlspin_stats
stats_of(const struct rig *rig)
{
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    ck_assert_int_eq(mtlspin_verifier_stats(rig->verifier, &stats, NULL), MTLSPIN_OK);
    return stats;
}

static struct mtlspin_domain_stats
domain_of(const struct rig *rig, size_t index, const char *name)
{
    struct mtlspin_domain_stats stats = MTLSPIN_DOMAIN_STATS_INIT;
    ck_assert_int_eq(mtlspin_verifier_domain_stats(rig->verifier, index, &stats, NULL), MTLSPIN_OK);
    ck_assert_str_eq(stats.name, name);
    ck_assert_uint_eq(stats.generation, mtlspin_verifier_generation(rig->verifier));
    return stats;
}

static void
ignore(void *user, const struct mtlspin_decision *decision)
{
    (void)user, (void)decision;
}

/* Every decision that was counted, under one reason each. */
static uint64_t
total(const struct mtlspin_stats *stats)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < MTLSPIN_STATS_REASONS; i++)
        sum += stats->decisions[i];
    return sum;
}

static const char domains[] = "deny spki @spki:kiosk@ kiosk\n"
                              "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n"
                              "[partner]\nca @pki@/partner-ca.pem\nallow any gateway\n"
                              "[scan]\nchain none\nallow thumbprint @thumbprint:scanner@ scanner\n"
                              "[watch]\nca @pki@/root-ca.pem\nmode report-only unmatched=guest\n"
                              "allow spki @spki:build-agent@ agent\n";

/* One handshake of this client counts under this reason, in this domain (-1: in none), and as a handshake if it is let in. */
static const struct visit {
    const char *client;
    enum mtlspin_reason reason;
    int domain;
} visits[] = {
    { "alice", MTLSPIN_REASON_RULE, 0 },
    { "partner-gateway", MTLSPIN_REASON_RULE, 1 },
    { "scanner", MTLSPIN_REASON_RULE, 2 },
    { "build-agent", MTLSPIN_REASON_RULE, 3 },
    { "mallory", MTLSPIN_REASON_UNMATCHED, 3 },
    { "kiosk", MTLSPIN_REASON_DENIED_SPKI, -1 },
    { "nul-cn", MTLSPIN_REASON_MALFORMED, -1 },
    { "expired", MTLSPIN_REASON_EXPIRED, 0 },
    { "other-alice", MTLSPIN_REASON_UNKNOWN_CA, 0 },
    { NULL, MTLSPIN_REASON_NO_CERTIFICATE, -1 },
};
enum { VISITS = sizeof visits / sizeof *visits, DOMAINS = 4 };
static const char *const names[DOMAINS] = { "", "partner", "scan", "watch" };

static void
visit(struct rig *rig, const struct visit *v, int version)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    SSL_CTX_free(rig->client);
    rig->client = rig_client(v->client, version);
    (void)rig_shake(rig);
    for (int i = 0; i < 3; i++) /* however often it is asked */
        (void)!mtlspin_check(rig->verifier, rig->pair.server, &decision);
    ck_assert_str_eq(mtlspin_reason_name(decision.reason), mtlspin_reason_name(v->reason));
}

static void
expect_domains(const struct rig *rig, const struct mtlspin_domain_stats *before, const struct visit *v)
{
    bool allowed = v->reason == MTLSPIN_REASON_RULE || v->reason == MTLSPIN_REASON_UNMATCHED;
    for (int d = 0; d < DOMAINS; d++) {
        struct mtlspin_domain_stats now = domain_of(rig, (size_t)d, names[d]);
        ck_assert_uint_eq(now.allowed - before[d].allowed, d == v->domain && allowed);
        ck_assert_msg(now.refused - before[d].refused == (d == v->domain && !allowed), "%s: %s", v->client, names[d]);
        ck_assert_uint_eq(now.report_only - before[d].report_only, d == v->domain && v->reason == MTLSPIN_REASON_UNMATCHED);
    }
}

/* With the hook and without one. */
START_TEST(handshakes)
{
    struct rig rig;
    rig_verifier(&rig, domains);
    if (_i >= 2)
        ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, NULL, NULL, NULL), MTLSPIN_OK);
    rig.server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    for (size_t i = 0; i < VISITS; i++) {
        const struct visit *v = &visits[i];
        struct mtlspin_domain_stats before[DOMAINS];
        for (size_t d = 0; d < DOMAINS; d++)
            before[d] = domain_of(&rig, d, names[d]);
        struct mtlspin_stats first = stats_of(&rig);
        visit(&rig, v, rig_version(_i));
        struct mtlspin_stats now = stats_of(&rig);
        bool allowed = v->reason == MTLSPIN_REASON_RULE || v->reason == MTLSPIN_REASON_UNMATCHED;
        ck_assert_uint_eq(total(&now), i + 1);
        ck_assert_uint_eq(now.decisions[v->reason] - first.decisions[v->reason], 1);
        ck_assert_uint_eq(now.full_handshakes - first.full_handshakes, allowed);
        ck_assert_uint_eq(now.report_only - first.report_only, v->reason == MTLSPIN_REASON_UNMATCHED);
        ck_assert_uint_eq(now.resumed_handshakes + now.swept + now.enrolled, 0);
        expect_domains(&rig, before, v);
    }
    if (_i < 2)
        ck_assert_int_eq(rig.audit.events, VISITS);
    rig_free(&rig);
}
END_TEST

/* Handshakes, later decisions about live connections, and sweeps; over changes of policy. */
START_TEST(live_connections)
{
    struct live live;
    live_make(&live, LIVE_ALL, rig_version(_i));
    for (int i = 0; i < LIVE_COUNT; i++)
        ck_assert_int_eq(mtlspin_check(live.rig.verifier, live.judged[i], NULL), MTLSPIN_ALLOW);
    struct mtlspin_stats stats = stats_of(&live.rig);
    ck_assert_uint_eq(stats.full_handshakes, 2); /* that from which mallory's ticket is was never checked */
    ck_assert_uint_eq(stats.resumed_handshakes, 1);
    ck_assert_uint_eq(total(&stats), 3);
    struct mtlspin_enrolment *enrolment = mtlspin_enrol(live.rig.verifier, live.judged[LIVE_RESUMED], NULL, NULL);
    ck_assert_uint_eq(stats_of(&live.rig).enrolled, 1);
    live_policy(&live, LIVE_CA LIVE_SERVER);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, ignore), 1);
    stats = stats_of(&live.rig);
    ck_assert_uint_eq(stats.swept, 1);
    ck_assert_uint_eq(stats.decisions[MTLSPIN_REASON_NO_RULE], 1);
    ck_assert_int_eq(mtlspin_check(live.rig.verifier, live.judged[LIVE_FULL], NULL), MTLSPIN_DENY);
    live_policy(&live, LIVE_ALL);
    ck_assert_int_eq(mtlspin_check(live.rig.verifier, live.judged[LIVE_FULL], NULL), MTLSPIN_ALLOW);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, ignore), 0);
    stats = stats_of(&live.rig);
    ck_assert_uint_eq(stats.decisions[MTLSPIN_REASON_NO_RULE], 2);
    ck_assert_uint_eq(stats.decisions[MTLSPIN_REASON_RULE], 4);
    ck_assert_uint_eq(stats.swept, 1);
    ck_assert_uint_eq(stats.full_handshakes, 2);
    ck_assert_uint_eq(stats.resumed_handshakes, 1);
    struct mtlspin_domain_stats unnamed = domain_of(&live.rig, 0, "");
    ck_assert_uint_eq(unnamed.allowed, 4);
    ck_assert_uint_eq(unnamed.refused, 2);
    mtlspin_withdraw(enrolment);
    ck_assert_uint_eq(stats_of(&live.rig).enrolled, 0);
    live_free(&live);
}
END_TEST

/* A domain's counters go with its name: through other policies, to another place, and not to another name. */
START_TEST(domains_by_name)
{
    struct live live;
    live_make(&live, "[here]\n" LIVE_ALL, rig_version(_i));
    ck_assert_int_eq(mtlspin_check(live.rig.verifier, live.judged[LIVE_FULL], NULL), MTLSPIN_ALLOW);
    ck_assert_uint_eq(domain_of(&live.rig, 0, "here").allowed, 1);
    live_policy(&live, "[there]\n" LIVE_ALL);
    ck_assert_uint_eq(domain_of(&live.rig, 0, "there").allowed, 0);
    live_policy(&live, "[there]\n" LIVE_ALL "[here]\n" LIVE_CA LIVE_ALICE);
    ck_assert_uint_eq(domain_of(&live.rig, 0, "there").allowed, 0);
    ck_assert_uint_eq(domain_of(&live.rig, 1, "here").allowed, 1);
    live_free(&live);
}
END_TEST

START_TEST(the_policy_in_force)
{
    struct live live;
    uint8_t digest[32];
    live_make(&live, domains, rig_version(_i));
    struct mtlspin_policy *policy = mtlspin_verifier_policy(live.rig.verifier);
    struct mtlspin_stats stats = stats_of(&live.rig);
    mtlspin_policy_digest(policy, digest);
    ck_assert_mem_eq(stats.digest, digest, 32);
    ck_assert_uint_eq(stats.generation, 1);
    ck_assert_uint_eq(stats.domains, DOMAINS);
    ck_assert_uint_eq(stats.allow_rules[MTLSPIN_KIND_NONE], 4);
    ck_assert_uint_eq(stats.allow_rules[MTLSPIN_SPKI], 2);
    ck_assert_uint_eq(stats.allow_rules[MTLSPIN_ANY], 1);
    ck_assert_uint_eq(stats.allow_rules[MTLSPIN_THUMBPRINT], 1);
    ck_assert_uint_eq(stats.deny_rules[MTLSPIN_KIND_NONE], 1);
    ck_assert_uint_eq(stats.deny_rules[MTLSPIN_SPKI], 1);
    ck_assert_uint_eq(stats.deny_rules[MTLSPIN_SERIAL], 0);
    for (size_t d = 0; d < DOMAINS; d++) {
        struct mtlspin_domain_stats domain = domain_of(&live.rig, d, names[d]);
        ck_assert_int_eq(domain.is_chain_none, d == 2);
        ck_assert_int_eq(domain.is_report_only, d == 3);
        ck_assert_uint_eq(domain.rules, 1);
    }
    mtlspin_policy_unref(policy);
    live.rig.now += 77;
    live_policy(&live, LIVE_ALL);
    stats = stats_of(&live.rig);
    ck_assert_uint_eq(stats.generation, 2);
    ck_assert_int_eq(stats.loaded_at, live.start + 77);
    ck_assert_uint_eq(stats.allow_rules[MTLSPIN_KIND_NONE], 3);
    live_free(&live);
}
END_TEST

/* notAfter of a certificate, by the text that OpenSSL prints of it. */
static int64_t
not_after(const char *name)
{
    int days = 0, seconds = 0;
    X509 *certificate = pki_certificate(name);
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    ck_assert_int_eq(ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(certificate)), 1);
    ASN1_TIME_free(epoch);
    X509_free(certificate);
    return (int64_t)days * 86400 + seconds;
}

START_TEST(what_expires_next)
{
    struct rig rig;
    int64_t root = not_after("root-ca"), rule = 4102444800 - 1; /* the last second of 2099 */
    rig_verifier(&rig, "ca @pki@/root-ca.pem\nallow spki @spki:alice@ a not-after=2099-12-31\n"
                       "allow spki @spki:kiosk@ k not-after=2150-01-01\nallow spki @spki:mallory@ m\n"
                       "[past]\nca application\nallow spki @spki:alice@ b not-after=2020-01-01\n");
    struct mtlspin_domain_stats first = domain_of(&rig, 0, ""), second = domain_of(&rig, 1, "past");
    struct mtlspin_stats stats = stats_of(&rig);
    ck_assert_int_eq(first.next_rule_expiry, rule);
    ck_assert_int_eq(first.next_ca_expiry, root);
    ck_assert_int_eq(second.next_rule_expiry, INT64_MAX); /* over, so not next */
    ck_assert_int_eq(second.next_ca_expiry, INT64_MAX);
    ck_assert_int_eq(stats.next_rule_expiry, rule);
    ck_assert_int_eq(stats.next_ca_expiry, root);
    ck_assert_int_eq(stats.next_crl_expiry, INT64_MAX);
    rig.now = rule + 1;
    stats = stats_of(&rig);
    ck_assert_int_gt(stats.next_rule_expiry, rule);
    ck_assert_int_lt(stats.next_rule_expiry, INT64_MAX);
    ck_assert_int_eq(stats.next_ca_expiry, INT64_MAX);
    rig_free(&rig);
}
END_TEST

START_TEST(wrong_arguments)
{
    struct rig rig;
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    struct mtlspin_domain_stats domain = MTLSPIN_DOMAIN_STATS_INIT;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(&rig, domains);
    ck_assert_int_eq(mtlspin_verifier_stats(NULL, &stats, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_verifier_stats(rig.verifier, NULL, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_verifier_domain_stats(NULL, 0, &domain, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_verifier_domain_stats(rig.verifier, 0, NULL, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_verifier_domain_stats(rig.verifier, DOMAINS, &domain, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "4 domains"));
    stats.size--;
    domain.size--;
    ck_assert_int_eq(mtlspin_verifier_stats(rig.verifier, &stats, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_verifier_domain_stats(rig.verifier, 0, &domain, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_uint_eq(stats.generation + domain.generation, 0);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("stats");
    TCase *both = tcase_create("TLS 1.2 and 1.3"), *once = tcase_create("no handshake");
    tcase_set_timeout(both, 60);
    tcase_add_loop_test(both, handshakes, 0, 4);
    tcase_add_loop_test(both, live_connections, 0, 2);
    tcase_add_loop_test(both, domains_by_name, 0, 2);
    tcase_add_loop_test(both, the_policy_in_force, 0, 2);
    tcase_add_test(once, what_expires_next);
    tcase_add_test(once, wrong_arguments);
    suite_add_tcase(suite, both);
    suite_add_tcase(suite, once);
    return run_suite(suite);
}
