/* The decision without a connection. */
#include "judge.h"
#include <mtlspin/evaluate.h>
#include <openssl/err.h>

/* Why the question itself cannot be answered, or MTLSPIN_REASON_NONE. */
static enum mtlspin_reason
unanswerable(const struct mtlspin_policy *policy, const X509 *leaf, enum mtlspin_role role)
{
    if (policy == NULL || (role != MTLSPIN_SERVER && role != MTLSPIN_CLIENT))
        return MTLSPIN_REASON_INTERNAL;
    if (role == MTLSPIN_SERVER && policy->has_hosts)
        return MTLSPIN_REASON_ROLE;
    if (policy->has_application)
        return MTLSPIN_REASON_NO_STORE;
    return leaf == NULL ? MTLSPIN_REASON_NO_CERTIFICATE : MTLSPIN_REASON_NONE;
}

enum mtlspin_verdict
mtlspin_evaluate_steps(struct mtlspin_policy *policy, X509 *leaf, STACK_OF(X509) *intermediates, enum mtlspin_role role,
    const char *host, int64_t now, mtlspin_step_hook *hook, void *context, struct mtlspin_decision *decision)
{
    char normal[MTLSPIN__HOST_SIZE];
    struct mtlspin__judgement judgement = { .decision = MTLSPIN_DECISION_INIT };
    struct mtlspin__peer peer = { .role = role, .leaf = leaf, .untrusted = intermediates, .now = now, .level = 2 };
    judgement.decision.reason = unanswerable(policy, leaf, role);
    if (role == MTLSPIN_CLIENT) {
        peer.host = normal;
        if (host == NULL || !mtlspin__host_normal(host, false, normal))
            judgement.decision.reason = MTLSPIN_REASON_NO_HOST;
    }
    if (judgement.decision.reason == MTLSPIN_REASON_NONE) {
        ERR_set_mark();
        mtlspin__judge_steps(policy, &peer, 0, hook, context, &judgement);
        ERR_pop_to_mark();
    }
    mtlspin__judgement_clear(&judgement);
    return mtlspin__decision_give(decision, &judgement.decision) ? judgement.decision.verdict : MTLSPIN_DENY;
}

enum mtlspin_verdict
mtlspin_evaluate(struct mtlspin_policy *policy, X509 *leaf, STACK_OF(X509) *intermediates, enum mtlspin_role role,
    const char *host, int64_t now, struct mtlspin_decision *decision)
{
    return mtlspin_evaluate_steps(policy, leaf, intermediates, role, host, now, NULL, NULL, decision);
}
