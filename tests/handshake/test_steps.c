/* mtlspin_evaluate_steps on every case of the two tables: the same decision as mtlspin_evaluate's, and steps that explain
   it. */
#include "case_file.h"
#include "pki.h"
#include "policy_text.h"
#include "suite.h"
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STEPS_MOST = 32, ANCHORS_MOST = 64 };

/* One domain of the policy, as a scan tells it. */
struct place {
    char name[64];
    size_t hosts;
    int application, chain_none;
    X509 *anchors[ANCHORS_MOST]; /* references */
    size_t anchor_count;
};

struct places {
    struct place list[STEPS_MOST];
    size_t count;
};

static void
note_anchor(void *context, X509 *certificate, unsigned line, int system)
{
    struct places *places = context;
    struct place *place = &places->list[places->count];
    (void)line, (void)system;
    ck_assert_uint_lt(place->anchor_count, ANCHORS_MOST);
    ck_assert_int_eq(X509_up_ref(certificate), 1);
    place->anchors[place->anchor_count++] = certificate;
}

static void
note_domain(void *context, const struct mtlspin_scan_domain *domain)
{
    struct places *places = context;
    struct place *place = &places->list[places->count++];
    (void)snprintf(place->name, sizeof place->name, "%s", domain->name);
    place->hosts = domain->hosts;
    place->application = domain->application;
    place->chain_none = domain->chain_none;
}

static struct mtlspin_policy *
read_policy(const char *text, struct places *places)
{
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    char *filled = policy_text(text);
    memset(places, 0, sizeof *places);
    scan.context = places;
    scan.anchor = note_anchor;
    scan.domain = note_domain;
    struct mtlspin_policy *policy = mtlspin_policy_scan_text(filled, strlen(filled), "test.policy", &scan, NULL);
    ck_assert_ptr_nonnull(policy);
    free(filled);
    return policy;
}

static void
forget(struct places *places)
{
    for (size_t i = 0; i < places->count; i++)
        for (size_t k = 0; k < places->list[i].anchor_count; k++)
            X509_free(places->list[i].anchors[k]);
}

static size_t
find(const struct places *places, const char *name)
{
    size_t i = 0;
    while (i < places->count && strcmp(places->list[i].name, name) != 0)
        i++;
    ck_assert_msg(i < places->count, "no domain \"%s\"", name);
    return i;
}

static bool
has_anchor(const struct place *place, const X509 *certificate)
{
    size_t i = 0;
    while (i < place->anchor_count && X509_cmp(place->anchors[i], certificate) != 0)
        i++;
    return i < place->anchor_count;
}

/* The steps of one evaluation. */
struct steps {
    const struct handshake_case *c;
    const struct places *places;
    X509 *leaf;
    struct mtlspin_decision decisions[STEPS_MOST];
    int final[STEPS_MOST];
    size_t count, chains, verified;
};

/* Whether the chain was found valid, whatever came after. */
static bool
is_verified(const struct mtlspin_decision *d)
{
    return d->x509_error == X509_V_OK || d->reason == MTLSPIN_REASON_REVOKED
        || d->reason == MTLSPIN_REASON_REVOCATION_UNKNOWN || d->reason == MTLSPIN_REASON_REVOCATION_EXPIRED
        || d->reason == MTLSPIN_REASON_REVOCATION_SIGNATURE;
}

static void
check_chain(struct steps *steps, const struct mtlspin_step *step)
{
    const struct place *place = &steps->places->list[find(steps->places, step->decision->domain)];
    int length = sk_X509_num(step->chain);
    ck_assert_int_gt(length, 0);
    ck_assert_int_eq(X509_cmp(sk_X509_value(step->chain, 0), steps->leaf), 0);
    steps->chains++;
    if (!is_verified(step->decision))
        return;
    const X509 *last = sk_X509_value(step->chain, length - 1);
    ck_assert_msg(place->chain_none ? length == 1 : has_anchor(place, last), "%s:%d: no anchor at the end", steps->c->file,
        steps->c->line);
    steps->verified++;
}

static void
hook(void *context, const struct mtlspin_step *step)
{
    struct steps *steps = context;
    ck_assert_uint_lt(steps->count, STEPS_MOST);
    ck_assert_uint_eq(step->decision->size, sizeof *step->decision);
    if (step->chain != NULL)
        check_chain(steps, step);
    else
        ck_assert_int_eq(step->decision->verdict, MTLSPIN_DENY);
    steps->decisions[steps->count] = *step->decision;
    steps->final[steps->count++] = step->final;
}

/* The steps' answers in one line each, but for the domain, which a denial does not have. */
static void
check_same(const struct handshake_case *c, const struct mtlspin_decision *a, const struct mtlspin_decision *b)
{
    ck_assert_msg(a->verdict == b->verdict && a->reason == b->reason && a->line == b->line
            && a->valid_until == b->valid_until && a->x509_error == b->x509_error && a->x509_depth == b->x509_depth
            && a->generation == b->generation && strcmp(a->label, b->label) == 0
            && strcmp(a->rule_label, b->rule_label) == 0,
        "%s:%d: %s, line %u, label \"%s\"; and %s, line %u, label \"%s\"", c->file, c->line,
        mtlspin_reason_name(a->reason), a->line, a->label, mtlspin_reason_name(b->reason), b->line, b->label);
}

/* How much a refusal tells (docs and lib/decide.c): the first that tells most is the decision. */
static int
weight(const struct mtlspin_decision *d, int final, bool chain_none)
{
    if (final)
        return 5;
    switch (d->reason) {
    case MTLSPIN_REASON_RULE_EXPIRED:
    case MTLSPIN_REASON_RULE_NOT_YET_VALID:
    case MTLSPIN_REASON_REVOCATION_UNKNOWN:
    case MTLSPIN_REASON_REVOCATION_EXPIRED:
    case MTLSPIN_REASON_REVOCATION_SIGNATURE: return 4;
    case MTLSPIN_REASON_UNKNOWN_CA: return 1;
    case MTLSPIN_REASON_NO_RULE: return chain_none ? 1 : 3;
    case MTLSPIN_REASON_NO_DOMAIN: return 0;
    default: return 3;
    }
}

static size_t
best(const struct steps *steps)
{
    size_t best = 0;
    int most = -1;
    for (size_t i = 0; i < steps->count; i++) {
        const struct mtlspin_decision *d = &steps->decisions[i];
        int here = weight(d, steps->final[i], steps->places->list[find(steps->places, d->domain)].chain_none);
        if (here <= most)
            continue;
        most = here;
        best = i;
    }
    return best;
}

static bool
is_denial(const struct mtlspin_decision *d)
{
    return d->reason == MTLSPIN_REASON_DENIED_SPKI || d->reason == MTLSPIN_REASON_DENIED_SERIAL;
}

static bool
is_final(const struct mtlspin_decision *d)
{
    return d->verdict == MTLSPIN_ALLOW || is_denial(d) || d->reason == MTLSPIN_REASON_REVOKED
        || d->reason == MTLSPIN_REASON_MALFORMED; /* names are read once a chain is valid */
}

/* In the order of the policy, until one is final; without that, all that can be asked: the one of the host, or those
   without hosts. */
static void
check_order(const struct steps *steps)
{
    size_t without = 0;
    for (size_t i = 0; i < steps->places->count; i++)
        without += steps->places->list[i].hosts == 0;
    for (size_t i = 0; i < steps->count; i++) {
        size_t place = find(steps->places, steps->decisions[i].domain);
        bool last = i + 1 == steps->count;
        ck_assert(i == 0 || find(steps->places, steps->decisions[i - 1].domain) < place);
        ck_assert(steps->places->list[place].hosts == 0 || steps->count == 1);
        ck_assert_msg(steps->final[i] == is_final(&steps->decisions[i]), "%s:%d: %s, final %d", steps->c->file,
            steps->c->line, mtlspin_reason_name(steps->decisions[i].reason), steps->final[i]);
        ck_assert(!steps->final[i] || last);
        if (last && !steps->final[i] && steps->places->list[place].hosts == 0)
            ck_assert_uint_eq(steps->count, without);
    }
}

/* Without a step nothing was asked: the leaf itself is refused, or there is no question. */
static void
check_none(const struct handshake_case *c, const struct mtlspin_decision *d)
{
    ck_assert_int_eq(d->verdict, MTLSPIN_DENY);
    ck_assert_str_eq(d->domain, "");
    ck_assert_msg(is_denial(d) || d->reason == MTLSPIN_REASON_MALFORMED
            || d->reason == MTLSPIN_REASON_NO_CERTIFICATE || d->reason == MTLSPIN_REASON_NO_HOST
            || d->reason == MTLSPIN_REASON_NO_DOMAIN || d->reason == MTLSPIN_REASON_NO_STORE
            || d->reason == MTLSPIN_REASON_ROLE,
        "%s:%d: %s without a step", c->file, c->line, mtlspin_reason_name(d->reason));
}

/* What the whole table must have shown for this test to mean something. */
struct sum {
    size_t none, several, later, chains, verified;
};

static void
check_steps(const struct steps *steps, const struct mtlspin_decision *d, struct sum *sum)
{
    sum->none += steps->count == 0;
    sum->several += steps->count > 1;
    sum->chains += steps->chains;
    sum->verified += steps->verified;
    check_order(steps);
    if (steps->count == 0) {
        check_none(steps->c, d);
        return;
    }
    size_t chosen = best(steps);
    sum->later += chosen > 0;
    check_same(steps->c, &steps->decisions[chosen], d);
    if (d->domain[0] != '\0')
        ck_assert_str_eq(d->domain, steps->decisions[chosen].domain);
}

static void
check_case(const struct handshake_case *c, bool client, struct sum *sum)
{
    struct places places;
    struct mtlspin_policy *policy = read_policy(c->policy, &places);
    struct steps steps = { .c = c, .places = &places };
    struct mtlspin_decision plain = MTLSPIN_DECISION_INIT, told = MTLSPIN_DECISION_INIT, quiet = MTLSPIN_DECISION_INIT;
    X509 *leaf = steps.leaf = c->chain[0] != '\0' ? pki_certificate(c->chain) : NULL;
    STACK_OF(X509) *rest = leaf != NULL ? pki_rest(c->chain) : NULL;
    enum mtlspin_role role = client ? MTLSPIN_CLIENT : MTLSPIN_SERVER;
    const char *host = client && c->way != CASE_NO_HOST ? c->host : NULL;
    int64_t now = c->now != 0 ? c->now : (int64_t)time(NULL);
    enum mtlspin_verdict verdict = mtlspin_evaluate(policy, leaf, rest, role, host, now, &plain);
    ck_assert_int_eq(mtlspin_evaluate_steps(policy, leaf, rest, role, host, now, hook, &steps, &told), verdict);
    ck_assert_int_eq(mtlspin_evaluate_steps(policy, leaf, rest, role, host, now, NULL, NULL, &quiet), verdict);
    case_check(c, 0, verdict, &told);
    check_same(c, &plain, &told);
    check_same(c, &plain, &quiet);
    ck_assert_str_eq(plain.domain, told.domain);
    check_steps(&steps, &told, sum);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    forget(&places);
    sk_X509_pop_free(rest, X509_free);
    X509_free(leaf);
    mtlspin_policy_unref(policy);
}

/* _i = 0: we are the server; 1: the client. */
START_TEST(every_case)
{
    size_t count = 0;
    struct sum sum = { 0 };
    const struct handshake_case *cases = _i == 0 ? handshake_cases(&count) : client_cases(&count);
    for (size_t i = 0; i < count; i++)
        check_case(&cases[i], _i == 1, &sum);
    ck_assert_uint_gt(sum.none, 0);
    ck_assert_uint_gt(sum.several, 3);
    ck_assert_uint_gt(sum.later, 0);
    ck_assert_uint_gt(sum.verified, 20);
    ck_assert_uint_gt(sum.chains, sum.verified);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("steps");
    TCase *tcase = tcase_create("steps");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, every_case, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
