/* Domain after domain: evidence, decision, and in the end one answer. */
#include "judge.h"
#include "crl.h"
#include "decide.h"
#include "evidence_x509.h"
#include "leaf.h"
#include "revocation.h"
#include "trail.h"
#include "validations.h"
#include <string.h>

/* The most specific host pattern chooses; domains without `host` serve what no pattern matches. */
static const struct mtlspin__domain *
domain_for_host(const struct mtlspin_policy *policy, const char *host)
{
    const struct mtlspin__domain *wildcard = NULL;
    for (size_t i = 0; i < policy->domain_count; i++) {
        const struct mtlspin__domain *domain = &policy->domains[i];
        for (size_t h = 0; h < domain->host_count; h++) {
            if (!mtlspin__host_matches(domain->hosts[h], host))
                continue;
            if (domain->hosts[h][0] != '*')
                return domain;
            wildcard = domain;
        }
    }
    return wildcard;
}

/* The domains to try: `count` of them, in order. */
static size_t
candidates(const struct mtlspin_policy *policy, const struct mtlspin__peer *peer,
    const struct mtlspin__domain *list[MTLSPIN__DOMAINS_MAX])
{
    size_t count = 0;
    const struct mtlspin__domain *chosen = peer->host != NULL ? domain_for_host(policy, peer->host) : NULL;
    if (chosen != NULL)
        list[count++] = chosen;
    for (size_t i = 0; chosen == NULL && i < policy->domain_count; i++)
        if (policy->domains[i].host_count == 0)
            list[count++] = &policy->domains[i];
    return count;
}

/* On the client's side a known server is known under a host, or any server's key would do for any other's. */
static bool
unusable(const struct mtlspin__domain *domain, const struct mtlspin__peer *peer)
{
    return domain->chain_none && peer->role == MTLSPIN_CLIENT && domain->host_count == 0;
}

/* The certificates are missing that would show whether this domain knows the peer, and so, whether it revokes it. Its lists
   can be asked all the same, by the keys of the chain that another domain has verified. */
static enum mtlspin_reason
reason_of_incomplete(const struct mtlspin__domain *domain, const struct mtlspin__peer *peer,
    const struct mtlspin__evidence *evidence)
{
    const struct mtlspin__finding *known = mtlspin__trail_chain(peer->trail, evidence);
    if (domain->crls == NULL || known == NULL)
        return MTLSPIN_REASON_UNKNOWN_CA;
    for (size_t i = 0; i + 1 < known->chain_count; i++)
        if (mtlspin__revocation_ask(domain->crls, known->chain[i + 1].spki, known->chain[i].serial, domain->crl_grace,
                peer->now).reason == MTLSPIN_REASON_REVOKED)
            return MTLSPIN_REASON_REVOKED;
    return atomic_load(&domain->crls->unknown) > 0 ? MTLSPIN_REASON_RESUMED : MTLSPIN_REASON_UNKNOWN_CA;
}

struct attempt {
    const struct mtlspin_policy *policy;
    const struct mtlspin__peer *peer;
    struct mtlspin__evidence evidence;
    struct mtlspin__validation *made;           /* owned */
    const struct mtlspin__validation *chain_of; /* whose chain the evidence is of; NULL = that of a trail, or none */
    struct mtlspin__trail *trail;               /* what the peer's trail did not know; NULL = nothing */
    bool lost;                                  /* there was no memory for it */
    mtlspin_step_hook *hook;                    /* NULL = nobody listens */
    void *context;
};

struct trial {
    struct mtlspin__outcome outcome;
    struct mtlspin__chain_verdict *chain; /* one of attempt.made; NULL = no chain was validated */
    const struct mtlspin__domain *domain;
};

/* Makes the chain of a validation the evidence, if it is not yet. */
static bool
use_chain(struct attempt *attempt, const struct mtlspin__validation *made, const struct mtlspin__domain *domain)
{
    if (attempt->chain_of == made)
        return true;
    attempt->chain_of = NULL;
    if (!mtlspin__evidence_chain(&attempt->evidence, made->verdict.chain, domain->anchors))
        return false;
    attempt->chain_of = made;
    return true;
}

/* Evidence of the chain by path validation. Whether it is news for the trail: what was validated for another domain that
   asks the same has been there before. */
static bool
validate(struct attempt *attempt, X509_STORE_CTX_verify_cb callback, struct trial *trial)
{
    const struct mtlspin__peer *peer = attempt->peer;
    struct mtlspin__evidence *evidence = &attempt->evidence;
    struct mtlspin__validation *made = mtlspin__validate(&attempt->made, trial->domain, peer, callback);
    if (made != NULL)
        trial->chain = &made->verdict;
    if (made == NULL || (made->verdict.verified && !use_chain(attempt, made, trial->domain))) {
        evidence->chain_reason = MTLSPIN_REASON_INTERNAL;
        return false;
    }
    evidence->verified = made->verdict.verified;
    evidence->chain_reason = made->verdict.reason;
    if (evidence->chain_reason == MTLSPIN_REASON_UNKNOWN_CA && peer->incomplete)
        evidence->chain_reason = reason_of_incomplete(trial->domain, peer, evidence);
    return made->domain == trial->domain;
}

/* Evidence of the chain: what the trail has of it, else by validation. Whether it is news for the trail. */
static bool
examine(struct attempt *attempt, X509_STORE_CTX_verify_cb callback, struct trial *trial)
{
    const struct mtlspin__peer *peer = attempt->peer;
    struct mtlspin__evidence *evidence = &attempt->evidence;
    const struct mtlspin__finding *known = mtlspin__trail_find(peer->trail, trial->domain, evidence);
    if (known != NULL) {
        mtlspin__trail_recall(known, evidence, peer->now);
        attempt->chain_of = NULL;
        return false;
    }
    if (peer->by_trail_alone && !trial->domain->chain_none) {
        evidence->chain_reason = MTLSPIN_REASON_RESUMED;
        return false;
    }
    return validate(attempt, callback, trial);
}

/* The verified chain, as far as it is at hand. */
static STACK_OF(X509) *
certificates(const struct mtlspin__chain_verdict *chain, const struct mtlspin__peer *peer)
{
    if (chain != NULL && chain->chain != NULL)
        return chain->chain;
    return peer->trail != NULL ? peer->untrusted : NULL;
}

static void
keep(struct attempt *attempt, const struct mtlspin__domain *domain)
{
    if (attempt->trail == NULL && !attempt->lost)
        attempt->trail = mtlspin__trail_new();
    if (attempt->trail != NULL && mtlspin__trail_add(attempt->trail, domain, &attempt->evidence))
        return;
    mtlspin__trail_unref(attempt->trail); /* half a trail would stand for a whole one */
    attempt->trail = NULL;
    attempt->lost = true;
}

/* Nothing that was ever found out is forgotten by deciding anew: a resumed connection could not find it out again. */
static struct mtlspin__trail *
whole_trail(const struct attempt *attempt)
{
    if (attempt->trail == NULL)
        return mtlspin__trail_ref(attempt->peer->trail);
    mtlspin__trail_inherit(attempt->trail, attempt->peer->trail);
    return attempt->trail;
}

static void
try_domain(struct attempt *attempt, X509_STORE_CTX_verify_cb callback, struct trial *trial)
{
    struct mtlspin__evidence *evidence = &attempt->evidence;
    const struct mtlspin__peer *peer = attempt->peer;
    const struct mtlspin__domain *domain = trial->domain;
    trial->chain = NULL;
    evidence->verified = false;
    evidence->chain_reason = MTLSPIN_REASON_NO_DOMAIN;
    if (!unusable(domain, peer) && (!domain->chain_none || mtlspin__decide_names_leaf(domain, evidence))) {
        bool news = examine(attempt, callback, trial);
        if (evidence->verified && (!mtlspin__evidence_names(evidence, peer->leaf, attempt->policy->wants_names)
                || !mtlspin__crls_learn(domain->crls, certificates(trial->chain, peer)))) {
            evidence->verified = false;
            evidence->chain_reason = MTLSPIN_REASON_INTERNAL;
        }
        if (news)
            keep(attempt, domain);
    }
    trial->outcome = mtlspin__decide(&attempt->policy->denials, domain, evidence, peer->now);
    if (evidence->verified && trial->outcome.reason == MTLSPIN_REASON_REVOCATION_UNKNOWN)
        trial->outcome.reason = mtlspin__crls_explain(domain->crls, certificates(trial->chain, peer), trial->outcome.depth);
}

/* What is too long is cut; NULL is no text. */
static void
copy_text(char *to, size_t size, const char *from)
{
    from = from != NULL ? from : "";
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

static void
describe(const struct trial *trial, uint64_t generation, struct mtlspin_decision *decision)
{
    const struct mtlspin__outcome *outcome = &trial->outcome;
    *decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    decision->verdict = outcome->verdict;
    decision->reason = outcome->reason;
    decision->line = outcome->line;
    decision->generation = generation;
    decision->valid_until = outcome->verdict == MTLSPIN_ALLOW ? outcome->valid_until : 0;
    if (trial->chain != NULL && trial->chain->error != X509_V_OK) {
        decision->x509_error = trial->chain->error;
        decision->x509_depth = trial->chain->depth;
    } else if (outcome->verdict != MTLSPIN_ALLOW) {
        decision->x509_error = mtlspin__crls_error(outcome->reason);
        decision->x509_depth = (int)outcome->depth;
    }
    copy_text(decision->label, sizeof decision->label, outcome->verdict == MTLSPIN_ALLOW ? outcome->label : NULL);
    copy_text(decision->rule_label, sizeof decision->rule_label, outcome->rule_label);
    copy_text(decision->domain, sizeof decision->domain, outcome->domain != NULL ? outcome->domain->name : NULL);
}

static void
tell(const struct attempt *attempt, const struct trial *trial)
{
    struct mtlspin_decision decision;
    if (attempt->hook == NULL)
        return;
    describe(trial, 0, &decision);
    copy_text(decision.domain, sizeof decision.domain, trial->domain->name);
    struct mtlspin_step step = { &decision, trial->chain != NULL ? trial->chain->chain : NULL, trial->outcome.final };
    attempt->hook(attempt->context, &step);
}

/* What trying a hopeless domain would have found: its anchors do not know the peer. */
static void
keep_unknown(struct attempt *attempt, const struct mtlspin__domain *domain)
{
    attempt->evidence.verified = false;
    attempt->evidence.chain_reason = MTLSPIN_REASON_UNKNOWN_CA;
    keep(attempt, domain);
}

/* Tries the candidates until an outcome is final, else keeps the refusal that tells most. Whether any was passed over. */
static bool
try_each(struct attempt *attempt, const struct mtlspin__domain *const *list, size_t count, bool skip_hopeless,
    struct trial *best)
{
    X509_STORE_CTX_verify_cb callback = count == 1 ? attempt->peer->callback : NULL;
    bool passed = false;
    for (size_t i = 0; i < count && !best->outcome.final; i++) {
        struct trial trial = { .domain = list[i] };
        if (skip_hopeless && mtlspin__validation_is_hopeless(list[i], attempt->peer)) {
            keep_unknown(attempt, list[i]);
            passed = true;
            continue;
        }
        try_domain(attempt, callback, &trial);
        tell(attempt, &trial);
        if (trial.outcome.final || mtlspin__decide_prefers(&trial.outcome, &best->outcome))
            *best = trial;
    }
    return passed;
}

static bool
may_skip_hopeless(const struct attempt *attempt, size_t count)
{
    const struct mtlspin__peer *peer = attempt->peer;
    if (count == 1)
        return false; /* no other can have the last word */
    if (attempt->hook != NULL)
        return false; /* who listens hears of each */
    if (peer->trail != NULL || peer->by_trail_alone)
        return false; /* what is known comes without validation, and what is not gets none */
    return !peer->incomplete; /* the certificates that are missing might lead there */
}

/* A domain that is sure to refuse, and not for good, matters only where no other domain has the last word: then it may be
   its refusal that is told, and what it refuses for is found out. Nothing is validated twice for that. */
static void
try_all(struct attempt *attempt, const struct mtlspin__domain *const *list, size_t count, struct trial *best)
{
    const struct mtlspin__peer *peer = attempt->peer;
    const struct trial none = *best;
    bool passed = try_each(attempt, list, count, may_skip_hopeless(attempt, count), best);
    if (passed && !best->outcome.final) {
        mtlspin__trail_unref(attempt->trail);
        attempt->trail = NULL; /* it comes again, as it is found */
        *best = none;
        (void)try_each(attempt, list, count, false, best);
    }
    if (count > 1 && peer->callback != NULL && best->domain != NULL)
        try_domain(attempt, peer->callback, best);
}

/* The chain that decided, if any, goes out; the others are freed. */
static void
hand_over(struct attempt *attempt, struct mtlspin__chain_verdict *from, struct mtlspin__chain_verdict *to)
{
    if (from != NULL) {
        *to = *from;
        from->chain = NULL;
    }
    mtlspin__validations_free(attempt->made);
}

void
mtlspin__judge_steps(const struct mtlspin_policy *policy, const struct mtlspin__peer *peer, uint64_t generation,
    mtlspin_step_hook *hook, void *context, struct mtlspin__judgement *judgement)
{
    const struct mtlspin__domain *list[MTLSPIN__DOMAINS_MAX];
    struct attempt attempt = { .policy = policy, .peer = peer, .hook = hook, .context = context };
    struct trial best;
    bool thumbprint = policy->wants_thumbprint || peer->thumbprint;
    memset(&best, 0, sizeof best);
    memset(judgement, 0, sizeof *judgement);
    if (peer->known != NULL)
        mtlspin__leaf_recall(peer->known, peer->leaf, thumbprint, policy->wants_names, &attempt.evidence);
    else
        mtlspin__evidence_leaf(&attempt.evidence, peer->leaf, thumbprint);
    best.outcome = mtlspin__decide_leaf(&policy->denials, &attempt.evidence);
    if (!best.outcome.final)
        try_all(&attempt, list, candidates(policy, peer, list), &best);
    describe(&best, generation, &judgement->decision);
    judgement->expiry = best.outcome.expiry;
    judgement->authenticated = peer->now;
    judgement->session_lifetime = best.domain != NULL && best.domain->session_lifetime != 0
        ? best.domain->session_lifetime : MTLSPIN__SESSION_LIFETIME_DEFAULT;
    hand_over(&attempt, best.chain, &judgement->chain);
    judgement->trail = whole_trail(&attempt);
    if (attempt.evidence.complete)
        judgement->known = mtlspin__leaf_keep(peer->known, &attempt.evidence);
    mtlspin__evidence_clear(&attempt.evidence);
}

void
mtlspin__judge(const struct mtlspin_policy *policy, const struct mtlspin__peer *peer, uint64_t generation,
    struct mtlspin__judgement *judgement)
{
    mtlspin__judge_steps(policy, peer, generation, NULL, NULL, judgement);
}

void
mtlspin__judgement_limit_age(struct mtlspin__judgement *judgement, int64_t authenticated, int64_t now)
{
    struct mtlspin_decision *decision = &judgement->decision;
    judgement->authenticated = authenticated;
    if (decision->verdict != MTLSPIN_ALLOW)
        return;
    if (authenticated > now || authenticated < now - judgement->session_lifetime) {
        decision->verdict = MTLSPIN_DENY;
        decision->reason = MTLSPIN_REASON_SESSION_EXPIRED;
        decision->valid_until = 0;
        memset(decision->label, 0, sizeof decision->label);
    } else if (decision->valid_until > authenticated + judgement->session_lifetime) {
        decision->valid_until = authenticated + judgement->session_lifetime;
        judgement->expiry = MTLSPIN_REASON_SESSION_EXPIRED;
    }
}

void
mtlspin__judgement_clear(struct mtlspin__judgement *judgement)
{
    mtlspin__chain_clear(&judgement->chain);
    mtlspin__trail_unref(judgement->trail);
    mtlspin__leaf_unref(judgement->known);
    judgement->trail = NULL;
    judgement->known = NULL;
}

int
mtlspin__judgement_error(const struct mtlspin_decision *decision)
{
    if (decision->verdict == MTLSPIN_ALLOW)
        return X509_V_OK;
    return decision->x509_error != X509_V_OK ? decision->x509_error : X509_V_ERR_CERT_REJECTED;
}

/* In two halves, which compilers copy in registers: for the whole they take an instruction that is slow to start, and a
   check of a live connection costs hardly more than this copy. */
bool
mtlspin__decision_give(struct mtlspin_decision *to, const struct mtlspin_decision *from)
{
    enum { HALF = sizeof *to / 2 };
    if (to == NULL)
        return true;
    if (to->size != sizeof *to)
        return false;
    memcpy(to, from, HALF);
    memcpy((char *)to + HALF, (const char *)from + HALF, sizeof *to - HALF);
    return true;
}
