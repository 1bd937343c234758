/* The decision, as a table. */
#include "decide_case.h"
#include "rows.h"
#include "suite.h"
#include <string.h>

enum { REQUIRED = 0, NONE = 1, REPORT = 2 }; /* what the domain is like */

#define R(name) MTLSPIN_REASON_##name

/* Outcomes: verdict, reason, final, whether it names the domain, line, label, rule_label, valid_until, expiry. */
#define REFUSED(reason) { MTLSPIN_DENY, R(reason), false, true, 0, NULL, NULL, 0, R(NONE) }
#define FINAL(reason) { MTLSPIN_DENY, R(reason), true, true, 0, NULL, NULL, 0, R(NONE) }
#define NEVER(reason) { MTLSPIN_DENY, R(reason), true, false, 0, NULL, NULL, 0, R(NONE) }
#define DENIED(reason, line, label) { MTLSPIN_DENY, R(reason), true, false, line, NULL, label, 0, R(NONE) }
#define NEAR(reason, line, label) { MTLSPIN_DENY, R(reason), false, true, line, NULL, label, 0, R(NONE) }
#define ALLOWED(line, label) { MTLSPIN_ALLOW, R(RULE), true, true, line, label, label, CHAIN_END, R(EXPIRED) }
#define ALLOWED_UNTIL(line, label, until, expiry)                                                                 \
    { MTLSPIN_ALLOW, R(RULE), true, true, line, label, label, until, R(expiry) }
#define REPORTED { MTLSPIN_ALLOW, R(UNMATCHED), true, true, 0, "nobody", NULL, CHAIN_END, R(EXPIRED) }

#define ANY { MTLSPIN_ANY, NO_KEY, 9, "any", 0, 0, false }
#define ALICE { MTLSPIN_SPKI, LEAF, 7, "alice", 0, 0, false }
#define EMPTY { { 0 } }
#define RULE(kind, key, line, label) { MTLSPIN_##kind, key, line, label, 0, 0, false }
#define DATED(kind, key, line, label, from, to) { MTLSPIN_##kind, key, line, label, from, to, false }
#define SPIFFE(key) { MTLSPIN_URI, key, 4, "workload", 0, 0, true }

static const struct row {
    const char *what;
    unsigned domain, evidence;
    enum mtlspin_reason chain_reason;
    struct rule denials[2], rules[3];
    struct {
        enum mtlspin_verdict verdict;
        enum mtlspin_reason reason;
        bool final, domain;
        unsigned line;
        const char *label, *rule_label;
        int64_t valid_until;
        enum mtlspin_reason expiry;
    } wanted;
} table[] = {
#include "decide_rows.inc"
};

static void
make_domain(struct mtlspin__domain *domain, unsigned kind, const struct rule *rules, int count)
{
    memset(domain, 0, sizeof *domain);
    domain->chain_none = kind == NONE;
    domain->report_only = kind == REPORT;
    (void)strcpy(domain->unmatched, "nobody");
    make_table(&domain->rules, rules, count);
}

static void
assert_text(const char *got, const char *wanted, const char *what)
{
    ck_assert_msg((got == NULL) == (wanted == NULL) && (got == NULL || strcmp(got, wanted) == 0),
        "%s: \"%s\", not \"%s\"", what, got != NULL ? got : "(none)", wanted != NULL ? wanted : "(none)");
}

START_TEST(decides)
{
    const struct row *row = &table[_i];
    struct mtlspin__rule_table denials;
    struct mtlspin__domain domain;
    struct mtlspin__evidence evidence;
    make_table(&denials, row->denials, ROWS(row->denials));
    make_domain(&domain, row->domain, row->rules, ROWS(row->rules));
    make_evidence(&evidence, row->evidence, row->chain_reason);
    struct mtlspin__outcome outcome = mtlspin__decide(&denials, &domain, &evidence, NOW);
    ck_assert_msg(outcome.verdict == row->wanted.verdict && outcome.reason == row->wanted.reason,
        "%s: verdict %d, reason %s",
        row->what, (int)outcome.verdict, mtlspin_reason_name(outcome.reason));
    ck_assert_msg(outcome.final == row->wanted.final, "%s: final", row->what);
    ck_assert_msg(outcome.domain == (row->wanted.domain ? &domain : NULL), "%s: domain", row->what);
    ck_assert_msg(outcome.line == row->wanted.line, "%s: line %u", row->what, outcome.line);
    assert_text(outcome.label, row->wanted.label, row->what);
    assert_text(outcome.rule_label, row->wanted.rule_label, row->what);
    ck_assert_msg(outcome.valid_until == row->wanted.valid_until, "%s: until %lld", row->what,
        (long long)outcome.valid_until);
    ck_assert_msg(outcome.expiry == row->wanted.expiry, "%s: expiry %s", row->what, mtlspin_reason_name(outcome.expiry));
    mtlspin__rules_clear(&denials);
    mtlspin__rules_clear(&domain.rules);
}
END_TEST

/* Evidence that lacks anything never opens, whatever else it holds and whatever rules there are. */
START_TEST(only_whole_evidence_opens)
{
    static const struct rule rules[] = { ALICE, ANY, RULE(THUMBPRINT, THUMBPRINT, 3, "t"), RULE(URI, URI, 4, "u") };
    enum { FLAWS = ZEROED | INCOMPLETE | MALFORMED | UNVERIFIED | NO_CHAIN };
    struct mtlspin__rule_table denials;
    struct mtlspin__domain domain;
    make_table(&denials, NULL, 0);
    make_domain(&domain, (unsigned)_i, rules, ROWS(rules));
    for (unsigned differences = 0; differences < 2 * TWO_URIS; differences++) {
        struct mtlspin__evidence evidence;
        make_evidence(&evidence, differences, R(NONE));
        struct mtlspin__outcome outcome = mtlspin__decide(&denials, &domain, &evidence, NOW);
        bool flawed = (differences & FLAWS) != 0 || (_i != NONE && (differences & LEAF_IS_CA) != 0);
        if ((outcome.verdict == MTLSPIN_ALLOW) == flawed)
            ck_abort_msg("evidence %u: verdict %d", differences, (int)outcome.verdict);
        if ((outcome.verdict == MTLSPIN_ALLOW) != (outcome.reason == R(RULE) || outcome.reason == R(UNMATCHED)))
            ck_abort_msg("evidence %u: reason %d", differences, (int)outcome.reason);
        if (outcome.verdict == MTLSPIN_DENY && (outcome.label != NULL || outcome.valid_until != 0))
            ck_abort_msg("evidence %u: a refused peer has a name", differences);
    }
    mtlspin__rules_clear(&domain.rules);
}
END_TEST

/* What is settled before any domain is tried. */
static const struct {
    const char *what;
    unsigned evidence;
    struct rule denials[2];
    enum mtlspin_reason reason;
    bool final;
    unsigned line;
    const char *rule_label;
} leaves[] = {
    { "zeroed evidence", ZEROED, EMPTY, R(INTERNAL), true, 0, NULL },
    { "incomplete", INCOMPLETE, EMPTY, R(INTERNAL), true, 0, NULL },
    { "incomplete and malformed", INCOMPLETE | MALFORMED, EMPTY, R(INTERNAL), true, 0, NULL },
    { "malformed", MALFORMED, EMPTY, R(MALFORMED), true, 0, NULL },
    { "good", 0, EMPTY, R(NO_DOMAIN), false, 0, NULL },
    { "not verified yet", UNVERIFIED | NO_CHAIN, EMPTY, R(NO_DOMAIN), false, 0, NULL },
    { "key denied", UNVERIFIED | NO_CHAIN, { RULE(SPKI, LEAF, 2, "lost") }, R(DENIED_SPKI), true, 2, "lost" },
    { "serial denied", UNVERIFIED | NO_CHAIN, { RULE(SERIAL, LEAF_SERIAL, 2, NULL) }, R(DENIED_SERIAL), true, 2, "" },
    { "serial of an issuer denied, issuer unknown", NO_ISSUER | NO_CHAIN, { RULE(SERIAL, LEAF_ISSUED, 2, "lost") },
        R(NO_DOMAIN), false, 0, NULL },
    { "CA denied", NO_CHAIN, { RULE(SPKI, CA, 2, "bad CA") }, R(NO_DOMAIN), false, 0, NULL },
    { "31 bytes of a denied key", 0, { RULE(SPKI, LEAF | ALMOST, 2, "lost") }, R(NO_DOMAIN), false, 0, NULL },
    { "key and serial denied", 0, { RULE(SERIAL, LEAF_SERIAL, 1, "a"), RULE(SPKI, LEAF, 2, "b") }, R(DENIED_SPKI),
        true, 2, "b" },
};

START_TEST(decides_about_the_leaf)
{
    struct mtlspin__rule_table denials;
    struct mtlspin__evidence evidence;
    make_table(&denials, leaves[_i].denials, ROWS(leaves[_i].denials));
    make_evidence(&evidence, leaves[_i].evidence, R(NONE));
    struct mtlspin__outcome outcome = mtlspin__decide_leaf(&denials, &evidence);
    ck_assert_int_eq(outcome.verdict, MTLSPIN_DENY);
    ck_assert_msg(outcome.reason == leaves[_i].reason, "%s: %s", leaves[_i].what, mtlspin_reason_name(outcome.reason));
    ck_assert_msg(outcome.final == leaves[_i].final, "%s: final", leaves[_i].what);
    ck_assert_uint_eq(outcome.line, leaves[_i].line);
    assert_text(outcome.rule_label, leaves[_i].rule_label, leaves[_i].what);
    ck_assert_ptr_null(outcome.label);
    ck_assert_ptr_null(outcome.domain);
    mtlspin__rules_clear(&denials);
}
END_TEST

static const struct {
    struct rule rule;
    unsigned evidence;
    bool names;
} named[] = {
    { { 0 }, 0, false },
    { ALICE, 0, true },
    { ALICE, UNVERIFIED | NO_CHAIN, true },
    { RULE(SPKI, LEAF | ALMOST, 1, "x"), 0, false },
    { RULE(SPKI, CA, 1, "x"), 0, false },
    { RULE(THUMBPRINT, THUMBPRINT, 1, "x"), 0, true },
    { RULE(THUMBPRINT, THUMBPRINT, 1, "x"), NO_THUMBPRINT, false },
    { DATED(SPKI, LEAF, 1, "x", 1, 2), 0, true },
    { DATED(SPKI, LEAF, 1, "x", NOW + 1, NOW + 2), 0, true },
    { ANY, 0, false },
    { RULE(CA_SPKI, LEAF, 1, "x"), 0, false },
};

START_TEST(knows_which_leaf_is_worth_validating)
{
    struct mtlspin__domain domain;
    struct mtlspin__evidence evidence;
    make_domain(&domain, NONE, &named[_i].rule, 1);
    make_evidence(&evidence, named[_i].evidence, R(NONE));
    ck_assert(mtlspin__decide_names_leaf(&domain, &evidence) == named[_i].names);
    mtlspin__rules_clear(&domain.rules);
}
END_TEST

/* What a refused peer is told of, from least to most; equals do not displace each other. */
static const struct mtlspin__domain none_domain = { .chain_none = true }, other_domain = { .chain_none = false };
static const struct {
    int rank;
    struct mtlspin__outcome outcome;
} ranks[] = {
    { 0, { .reason = R(NONE) } },
    { 0, { .reason = R(NO_DOMAIN) } },
    { 1, { .reason = R(UNKNOWN_CA), .domain = &other_domain } },
    { 1, { .reason = R(NO_RULE), .domain = &none_domain } },
    { 3, { .reason = R(NO_RULE), .domain = &other_domain } },
    { 3, { .reason = R(EXPIRED), .domain = &other_domain } },
    { 3, { .reason = R(WEAK), .domain = &none_domain } },
    { 3, { .reason = R(CA_CERTIFICATE), .domain = &other_domain } },
    { 4, { .reason = R(RULE_EXPIRED), .domain = &other_domain } },
    { 4, { .reason = R(RULE_NOT_YET_VALID), .domain = &none_domain } },
    { 4, { .reason = R(REVOCATION_UNKNOWN), .domain = &other_domain } },
    { 4, { .reason = R(REVOCATION_EXPIRED), .domain = &other_domain } },
    { 4, { .reason = R(REVOCATION_SIGNATURE), .domain = &other_domain } },
    { 5, { .reason = R(REVOKED), .domain = &other_domain, .final = true } },
    { 5, { .reason = R(DENIED_SPKI), .final = true } },
    { 5, { .reason = R(NO_DOMAIN), .final = true } },
};

START_TEST(reports_the_refusal_that_tells_most)
{
    for (int later = 0; later < ROWS(ranks); later++) {
        bool preferred = mtlspin__decide_prefers(&ranks[later].outcome, &ranks[_i].outcome);
        ck_assert_msg(preferred == (ranks[later].rank > ranks[_i].rank), "%d after %d", later, _i);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("decide");
    TCase *tcase = tcase_create("decide");
    tcase_add_loop_test(tcase, decides, 0, ROWS(table));
    tcase_add_loop_test(tcase, only_whole_evidence_opens, 0, 3);
    tcase_add_loop_test(tcase, decides_about_the_leaf, 0, ROWS(leaves));
    tcase_add_loop_test(tcase, knows_which_leaf_is_worth_validating, 0, ROWS(named));
    tcase_add_loop_test(tcase, reports_the_refusal_that_tells_most, 0, ROWS(ranks));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
