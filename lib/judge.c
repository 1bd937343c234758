/* Domain after domain: evidence, decision, and in the end one answer. */
#include "judge.h"
#include "crl.h"
#include "decide.h"
#include "evidence_x509.h"
#include <stdio.h>
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

static void
try_domain(const struct mtlspin_policy *policy, const struct mtlspin__domain *domain, const struct mtlspin__peer *peer,
    X509_STORE_CTX_verify_cb callback, struct mtlspin__evidence *evidence, struct mtlspin__chain_verdict *chain,
    struct mtlspin__outcome *outcome)
{
    mtlspin__chain_clear(chain);
    evidence->verified = false;
    evidence->chain_count = 0;
    evidence->chain_reason = MTLSPIN_REASON_NO_DOMAIN;
    bool worth = !unusable(domain, peer) && (!domain->chain_none || mtlspin__decide_names_leaf(domain, evidence));
    if (worth) {
        mtlspin__chain_verify(domain, peer, callback, chain);
        evidence->chain_reason = chain->reason;
        evidence->verified = chain->verified && mtlspin__evidence_names(evidence, peer->leaf, policy->wants_names)
            && mtlspin__evidence_chain(evidence, chain->chain) && mtlspin__crls_learn(domain->crls, chain->chain);
        if (chain->verified && !evidence->verified)
            evidence->chain_reason = MTLSPIN_REASON_INTERNAL;
    }
    *outcome = mtlspin__decide(&policy->denials, domain, evidence, peer->now);
    if (evidence->verified && outcome->reason == MTLSPIN_REASON_REVOCATION_UNKNOWN)
        outcome->reason = mtlspin__crls_explain(domain->crls, chain->chain, outcome->depth);
}

struct trial {
    struct mtlspin__outcome outcome;
    struct mtlspin__chain_verdict chain;
    const struct mtlspin__domain *domain; /* whose chain it is; NULL = no chain was validated */
};

/* Tries the candidates until an outcome is final, else keeps the refusal that tells most. */
static void
try_all(const struct mtlspin_policy *policy, const struct mtlspin__peer *peer, struct mtlspin__evidence *evidence,
    const struct mtlspin__domain *const *list, size_t count, struct trial *best)
{
    X509_STORE_CTX_verify_cb callback = count == 1 ? peer->callback : NULL;
    for (size_t i = 0; i < count && !best->outcome.final; i++) {
        struct mtlspin__chain_verdict chain = { 0 };
        struct mtlspin__outcome outcome;
        try_domain(policy, list[i], peer, callback, evidence, &chain, &outcome);
        if (!outcome.final && !mtlspin__decide_prefers(&outcome, &best->outcome)) {
            mtlspin__chain_clear(&chain);
            continue;
        }
        mtlspin__chain_clear(&best->chain);
        best->outcome = outcome;
        best->chain = chain;
        best->domain = list[i];
    }
    if (count > 1 && peer->callback != NULL && best->domain != NULL)
        try_domain(policy, best->domain, peer, peer->callback, evidence, &best->chain, &best->outcome);
}

static void
copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from != NULL ? from : "");
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
    decision->x509_error = trial->chain.error;
    decision->x509_depth = trial->chain.error != X509_V_OK ? trial->chain.depth : 0;
    if (trial->chain.error == X509_V_OK && outcome->verdict != MTLSPIN_ALLOW) {
        decision->x509_error = mtlspin__crls_error(outcome->reason);
        decision->x509_depth = (int)outcome->depth;
    }
    copy_text(decision->label, sizeof decision->label, outcome->verdict == MTLSPIN_ALLOW ? outcome->label : NULL);
    copy_text(decision->rule_label, sizeof decision->rule_label, outcome->rule_label);
    copy_text(decision->domain, sizeof decision->domain, outcome->domain != NULL ? outcome->domain->name : NULL);
}

void
mtlspin__judge(const struct mtlspin_policy *policy, const struct mtlspin__peer *peer, uint64_t generation,
    struct mtlspin__judgement *judgement)
{
    const struct mtlspin__domain *list[MTLSPIN__DOMAINS_MAX];
    struct mtlspin__evidence evidence;
    struct trial best;
    memset(&best, 0, sizeof best);
    memset(judgement, 0, sizeof *judgement);
    mtlspin__evidence_leaf(&evidence, peer->leaf, policy->wants_thumbprint);
    best.outcome = mtlspin__decide_leaf(&policy->denials, &evidence);
    if (!best.outcome.final)
        try_all(policy, peer, &evidence, list, candidates(policy, peer, list), &best);
    describe(&best, generation, &judgement->decision);
    judgement->expiry = best.outcome.expiry;
    judgement->session_lifetime = best.domain != NULL && best.domain->session_lifetime != 0
        ? best.domain->session_lifetime : MTLSPIN__SESSION_LIFETIME_DEFAULT;
    judgement->chain = best.chain;
    mtlspin__evidence_clear(&evidence);
}

void
mtlspin__judgement_clear(struct mtlspin__judgement *judgement)
{
    mtlspin__chain_clear(&judgement->chain);
}

int
mtlspin__judgement_error(const struct mtlspin_decision *decision)
{
    if (decision->verdict == MTLSPIN_ALLOW)
        return X509_V_OK;
    return decision->x509_error != X509_V_OK ? decision->x509_error : X509_V_ERR_CERT_REJECTED;
}

bool
mtlspin__decision_give(struct mtlspin_decision *to, const struct mtlspin_decision *from)
{
    if (to == NULL)
        return true;
    if (to->size != sizeof *to)
        return false;
    *to = *from;
    return true;
}
