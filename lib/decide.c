/* The decision: who may talk to the program.

   This file is the whole security argument. It knows no OpenSSL, takes no clock, allocates nothing and does no I/O; time
   and evidence are arguments, the outcome is a value, and a zeroed outcome refuses. Every path (handshake, offline
   evaluation) comes through here.

     leaf:    malformed, or denied                      -> refused, final
     domain:  chain not verified                        -> refused (final if revoked, or if it could not be judged)
              a certificate of the chain is denied      -> refused, final
              a certificate below the anchor is revoked -> refused, final
              no good list of an issuer                 -> refused (both: where the domain names revocation lists)
              the leaf is a CA (unless `chain none`)    -> refused
              a rule names the peer, within its dates   -> allowed, under the rule's label
              the domain only reports                   -> allowed, under the domain's label
              otherwise                                 -> refused

   The caller tries the policy's domains in order until an outcome is final. An outcome that allows is final. */
#include "decide.h"
#include <string.h>

static struct mtlspin__outcome
refusal(enum mtlspin_reason reason, const struct mtlspin__domain *domain, bool final)
{
    struct mtlspin__outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.verdict = MTLSPIN_DENY;
    outcome.reason = reason;
    outcome.domain = domain;
    outcome.final = final;
    return outcome;
}

static struct mtlspin__outcome
denial(const struct mtlspin__rule_table *denials, const struct mtlspin__rule *rule)
{
    enum mtlspin_reason reason = rule->kind == MTLSPIN_SPKI ? MTLSPIN_REASON_DENIED_SPKI : MTLSPIN_REASON_DENIED_SERIAL;
    struct mtlspin__outcome outcome = refusal(reason, NULL, true);
    outcome.rule_label = mtlspin__rules_label(denials, rule);
    outcome.line = rule->line;
    return outcome;
}

/* The deny rule that names one certificate, or NULL. Where the chain is verified and still does not tell the issuer (the
   leaf under `chain none`, an anchor that is not self-signed), a denied serial number counts whatever its issuer: otherwise
   a client could escape by withholding its intermediate. */
static const struct mtlspin__rule *
find_denial(const struct mtlspin__rule_table *denials, const struct mtlspin__certificate_keys *keys, bool verified)
{
    if (denials->count == 0)
        return NULL;
    const struct mtlspin__rule *rule = mtlspin__rules_find(denials, MTLSPIN_SPKI, keys->spki).rules;
    if (rule == NULL)
        rule = mtlspin__rules_find(denials, MTLSPIN_SERIAL, keys->serial).rules;
    if (rule == NULL && keys->has_issuer)
        rule = mtlspin__rules_find(denials, MTLSPIN_SERIAL, keys->issued_serial).rules;
    if (rule == NULL && verified && !keys->has_issuer)
        rule = mtlspin__rules_find(denials, MTLSPIN__UNISSUED_SERIAL, keys->serial).rules;
    return rule;
}

struct mtlspin__outcome
mtlspin__decide_leaf(const struct mtlspin__rule_table *denials, const struct mtlspin__evidence *evidence)
{
    if (!evidence->complete)
        return refusal(MTLSPIN_REASON_INTERNAL, NULL, true);
    if (evidence->malformed)
        return refusal(MTLSPIN_REASON_MALFORMED, NULL, true);
    const struct mtlspin__rule *rule = find_denial(denials, &evidence->chain[0], false);
    return rule != NULL ? denial(denials, rule) : refusal(MTLSPIN_REASON_NO_DOMAIN, NULL, false);
}

/* The search for the first rule, in the order of lines, that names the peer and is within its dates. */
struct search {
    const struct mtlspin__rule_table *table;
    int64_t now;
    const struct mtlspin__rule *found; /* matches */
    const struct mtlspin__rule *near;  /* names the peer, but outside its dates */
};

static void
consider(struct search *s, const struct mtlspin__rule *rule)
{
    const struct mtlspin__period *period = mtlspin__rules_period(s->table, rule);
    bool within = s->now >= period->not_before && s->now <= period->not_after;
    const struct mtlspin__rule **best = within ? &s->found : &s->near;
    if (*best == NULL || rule->line < (*best)->line)
        *best = rule;
}

static void
look_up(struct search *s, enum mtlspin_kind kind, const uint8_t key[32])
{
    struct mtlspin__found found = mtlspin__rules_find(s->table, kind, key);
    for (size_t i = 0; i < found.count; i++)
        consider(s, &found.rules[i]);
}

/* Rules that name the leaf itself: all that `chain none` knows. */
static void
look_up_leaf(struct search *s, const struct mtlspin__evidence *evidence)
{
    look_up(s, MTLSPIN_SPKI, evidence->chain[0].spki);
    if (evidence->has_thumbprint)
        look_up(s, MTLSPIN_THUMBPRINT, evidence->thumbprint);
}

/* A certificate with several URIs is no SPIFFE identity (SPIFFE X.509-SVID, section 2). */
static void
look_up_name(struct search *s, const struct mtlspin__name *name, const struct mtlspin__evidence *evidence)
{
    struct mtlspin__found found = mtlspin__rules_find(s->table, name->kind, name->key);
    for (size_t i = 0; i < found.count; i++)
        if (!found.rules[i].spiffe || evidence->uri_count == 1)
            consider(s, &found.rules[i]);
}

/* Rules that mean something only under a verified chain. Most policies have none for a CA's key, and none for anybody. */
static void
look_up_chain(struct search *s, const struct mtlspin__evidence *evidence)
{
    static const uint8_t no_key[32] = { 0 };
    const size_t *kinds = s->table->kinds;
    if (evidence->chain[0].has_issuer)
        look_up(s, MTLSPIN_SERIAL, evidence->chain[0].issued_serial);
    for (size_t i = 1; kinds[MTLSPIN_CA_SPKI] > 0 && i < evidence->chain_count; i++)
        look_up(s, MTLSPIN_CA_SPKI, evidence->chain[i].spki);
    for (size_t i = 0; i < evidence->name_count; i++)
        look_up_name(s, &evidence->names[i], evidence);
    if (kinds[MTLSPIN_ANY] > 0)
        look_up(s, MTLSPIN_ANY, no_key);
}

static struct search
search(const struct mtlspin__domain *domain, const struct mtlspin__evidence *evidence, int64_t now)
{
    struct search s = { &domain->rules, now, NULL, NULL };
    look_up_leaf(&s, evidence);
    if (!domain->chain_none)
        look_up_chain(&s, evidence);
    return s;
}

bool
mtlspin__decide_names_leaf(const struct mtlspin__domain *domain, const struct mtlspin__evidence *evidence)
{
    struct search s = { &domain->rules, 0, NULL, NULL };
    look_up_leaf(&s, evidence);
    return s.found != NULL || s.near != NULL;
}

static struct mtlspin__outcome
allowance(const struct mtlspin__domain *domain, const struct mtlspin__rule *rule, const struct mtlspin__evidence *evidence)
{
    struct mtlspin__outcome outcome = refusal(MTLSPIN_REASON_RULE, domain, true);
    const struct mtlspin__period *period = mtlspin__rules_period(&domain->rules, rule);
    outcome.verdict = MTLSPIN_ALLOW;
    outcome.label = outcome.rule_label = mtlspin__rules_label(&domain->rules, rule);
    outcome.line = rule->line;
    bool rule_first = period->not_after < evidence->not_after;
    outcome.valid_until = rule_first ? period->not_after : evidence->not_after;
    outcome.expiry = rule_first ? MTLSPIN_REASON_RULE_EXPIRED : MTLSPIN_REASON_EXPIRED;
    return outcome;
}

static struct mtlspin__outcome
no_rule(const struct mtlspin__domain *domain, const struct mtlspin__rule *near, int64_t now)
{
    struct mtlspin__outcome outcome = refusal(MTLSPIN_REASON_NO_RULE, domain, false);
    if (near == NULL)
        return outcome;
    bool over = now > mtlspin__rules_period(&domain->rules, near)->not_after;
    outcome.reason = over ? MTLSPIN_REASON_RULE_EXPIRED : MTLSPIN_REASON_RULE_NOT_YET_VALID;
    outcome.rule_label = mtlspin__rules_label(&domain->rules, near);
    outcome.line = near->line;
    return outcome;
}

static struct mtlspin__outcome
report(const struct mtlspin__domain *domain, const struct mtlspin__rule *near, const struct mtlspin__evidence *evidence,
    int64_t now)
{
    struct mtlspin__outcome outcome = no_rule(domain, near, now); /* for the rule that came near */
    outcome.final = true;
    outcome.reason = MTLSPIN_REASON_UNMATCHED;
    outcome.verdict = MTLSPIN_ALLOW;
    outcome.label = domain->unmatched;
    outcome.valid_until = evidence->not_after;
    outcome.expiry = MTLSPIN_REASON_EXPIRED;
    return outcome;
}

/* Where the chain could not be judged, no later domain may answer in this one's place: it could let the peer in under
   another name. */
static struct mtlspin__outcome
chain_refusal(enum mtlspin_reason reason, const struct mtlspin__domain *domain)
{
    if (reason == MTLSPIN_REASON_NONE)
        reason = MTLSPIN_REASON_CHAIN;
    return refusal(reason, domain,
        reason == MTLSPIN_REASON_REVOKED || reason == MTLSPIN_REASON_OUT_OF_MEMORY || reason == MTLSPIN_REASON_INTERNAL
            || reason == MTLSPIN_REASON_RESUMED);
}

/* What the domain's lists say of the chain. */
struct revocation {
    enum mtlspin_reason reason; /* NONE = nothing is revoked */
    unsigned depth;             /* of the certificate that is, or of which nobody knows */
    int64_t good_until;
    enum mtlspin_reason expiry;
};

/* A certificate that is revoked says more than one of which nobody knows, and that more than an old list. */
static int
gravity(enum mtlspin_reason reason)
{
    switch (reason) {
    case MTLSPIN_REASON_NONE: return 0;
    case MTLSPIN_REASON_REVOCATION_EXPIRED: return 1;
    case MTLSPIN_REASON_REVOKED: return 3;
    default: return 2;
    }
}

static void
take_answer(struct revocation *r, const struct mtlspin__revocation_answer *answer, unsigned depth)
{
    if (gravity(answer->reason) > gravity(r->reason)) {
        r->reason = answer->reason;
        r->depth = depth;
    }
    if (answer->good_until < r->good_until) {
        r->good_until = answer->good_until;
        r->expiry = answer->expiry;
    }
}

/* Asks about every certificate but the anchor, each under the key that has issued it. */
static struct revocation
ask_lists(const struct mtlspin__domain *domain, const struct mtlspin__evidence *evidence, int64_t now)
{
    struct revocation r = { MTLSPIN_REASON_NONE, 0, INT64_MAX, MTLSPIN_REASON_NONE };
    for (size_t i = 0; domain->crls != NULL && i + 1 < evidence->chain_count; i++) {
        struct mtlspin__revocation_answer answer = mtlspin__revocation_ask(domain->crls, evidence->chain[i + 1].spki,
            evidence->chain[i].serial, domain->crl_grace, now);
        take_answer(&r, &answer, (unsigned)i);
    }
    return r;
}

/* A revocation holds in every domain; that a list is missing or old is this domain's own affair. */
static struct mtlspin__outcome
revocation_refusal(const struct revocation *r, const struct mtlspin__domain *domain)
{
    struct mtlspin__outcome outcome = refusal(r->reason, domain, r->reason == MTLSPIN_REASON_REVOKED);
    outcome.depth = r->depth;
    return outcome;
}

/* An allowance lasts no longer than what the lists say. */
static struct mtlspin__outcome
bounded(struct mtlspin__outcome outcome, const struct revocation *r)
{
    if (outcome.verdict != MTLSPIN_ALLOW || r->good_until >= outcome.valid_until)
        return outcome;
    outcome.valid_until = r->good_until;
    outcome.expiry = r->expiry;
    return outcome;
}

/* A denied CA denies all that it has issued, wherever the chain leads through it. */
static const struct mtlspin__rule *
find_chain_denial(const struct mtlspin__rule_table *denials, const struct mtlspin__evidence *evidence)
{
    const struct mtlspin__rule *rule = NULL;
    for (size_t i = 0; rule == NULL && i < evidence->chain_count; i++)
        rule = find_denial(denials, &evidence->chain[i], true);
    return rule;
}

struct mtlspin__outcome
mtlspin__decide(const struct mtlspin__rule_table *denials, const struct mtlspin__domain *domain,
    const struct mtlspin__evidence *evidence, int64_t now)
{
    struct mtlspin__outcome leaf = mtlspin__decide_leaf(denials, evidence);
    if (leaf.final)
        return leaf;
    if (domain->chain_none && !mtlspin__decide_names_leaf(domain, evidence))
        return refusal(MTLSPIN_REASON_NO_RULE, domain, false);
    if (!evidence->verified || evidence->chain_count == 0)
        return chain_refusal(evidence->chain_reason, domain);
    const struct mtlspin__rule *denied = find_chain_denial(denials, evidence);
    if (denied != NULL)
        return denial(denials, denied);
    struct revocation revocation = ask_lists(domain, evidence, now);
    if (revocation.reason != MTLSPIN_REASON_NONE)
        return revocation_refusal(&revocation, domain);
    if (evidence->is_ca && !domain->chain_none)
        return refusal(MTLSPIN_REASON_CA_CERTIFICATE, domain, false);
    struct search s = search(domain, evidence, now);
    if (s.found != NULL)
        return bounded(allowance(domain, s.found, evidence), &revocation);
    return domain->report_only ? bounded(report(domain, s.near, evidence, now), &revocation)
                               : no_rule(domain, s.near, now);
}

/* A domain whose anchors do not even know the peer tells least; one that has a rule for it tells most, and so does one
   whose lists want mending. */
static int
weight(const struct mtlspin__outcome *outcome)
{
    if (outcome->final)
        return 5;
    switch (outcome->reason) {
    case MTLSPIN_REASON_RULE_EXPIRED:
    case MTLSPIN_REASON_RULE_NOT_YET_VALID:
    case MTLSPIN_REASON_REVOCATION_UNKNOWN:
    case MTLSPIN_REASON_REVOCATION_EXPIRED:
    case MTLSPIN_REASON_REVOCATION_SIGNATURE: return 4;
    case MTLSPIN_REASON_UNKNOWN_CA: return 1;
    case MTLSPIN_REASON_NO_RULE: return outcome->domain != NULL && outcome->domain->chain_none ? 1 : 3;
    case MTLSPIN_REASON_NO_DOMAIN:
    case MTLSPIN_REASON_NONE: return 0;
    default: return 3;
    }
}

bool
mtlspin__decide_prefers(const struct mtlspin__outcome *later, const struct mtlspin__outcome *earlier)
{
    return weight(later) > weight(earlier);
}
