/* The decision about one peer: its chain validated under one domain after the other, until one has the last word. */
#ifndef MTLSPIN_LIB_JUDGE_H
#define MTLSPIN_LIB_JUDGE_H

#include "chain.h"
#include "policy.h"
#include <mtlspin/evaluate.h>

/* What came out. Release with mtlspin__judgement_clear. */
struct mtlspin__judgement {
    struct mtlspin_decision decision;
    enum mtlspin_reason expiry;          /* the reason for refusing after decision.valid_until */
    int64_t session_lifetime;            /* seconds for which the peer may resume after it was authenticated */
    int64_t authenticated;               /* when it was: now, or when its session began */
    struct mtlspin__chain_verdict chain; /* of the domain that decided; without a chain if a trail stood in for it */
    struct mtlspin__leaf *known;         /* a reference: what was found out about its certificate alone; may be NULL */
    struct mtlspin__trail *trail;        /* a reference: what was found, and what the peer's trail knew; may be NULL */
};

/* Judges `peer` under `policy`; `generation` goes into the decision. The application's verify callback runs only for the
   domain that decides. */
void mtlspin__judge(const struct mtlspin_policy *policy, const struct mtlspin__peer *peer, uint64_t generation,
    struct mtlspin__judgement *judgement);

/* The same, and `hook` (may be NULL) is told what each domain says. */
void mtlspin__judge_steps(const struct mtlspin_policy *policy, const struct mtlspin__peer *peer, uint64_t generation,
    mtlspin_step_hook *hook, void *context, struct mtlspin__judgement *judgement);

/* For a decision that rests on the handshake of an earlier connection: however often it is renewed, a session is as old as
   that. Sets judgement->authenticated. */
void mtlspin__judgement_limit_age(struct mtlspin__judgement *judgement, int64_t authenticated, int64_t now);

void mtlspin__judgement_clear(struct mtlspin__judgement *judgement);

/* The X509_V_… that TLS is told for a decision: it selects the alert. X509_V_OK only for an allowed peer. */
int mtlspin__judgement_error(const struct mtlspin_decision *decision);

/* Hands a decision to a caller whose struct may be of another version: false if its size is unknown. */
bool mtlspin__decision_give(struct mtlspin_decision *to, const struct mtlspin_decision *from);

#endif
