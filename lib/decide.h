/* The decision. */
#ifndef MTLSPIN_LIB_DECIDE_H
#define MTLSPIN_LIB_DECIDE_H

#include "domain.h"
#include "evidence.h"

/* What one step of a decision found; zeroed it refuses. Pointers point into the policy. */
struct mtlspin__outcome {
    enum mtlspin_verdict verdict;
    enum mtlspin_reason reason;
    bool final; /* no other domain may say otherwise */
    const struct mtlspin__domain *domain;
    const char *label;      /* the peer's; NULL = none */
    const char *rule_label; /* of the rule that decided or came near; NULL = none */
    unsigned line;
    unsigned depth; /* refused for its revocation: the certificate it is about; 0 = the peer's own */
    int64_t valid_until;
    enum mtlspin_reason expiry; /* the reason for refusing after valid_until */
};

/* Refusals that need no chain: a certificate that cannot be trusted to be what it says, denials of the leaf. An outcome
   that is not final means: go on to the domains. */
struct mtlspin__outcome mtlspin__decide_leaf(const struct mtlspin__rule_table *denials,
    const struct mtlspin__evidence *evidence);

/* Whether a `chain none` domain has a rule for this very leaf, so that validating it is worth while. */
bool mtlspin__decide_names_leaf(const struct mtlspin__domain *domain, const struct mtlspin__evidence *evidence);

/* What this domain says of the peer, whose chain was validated under the domain's own anchors. */
struct mtlspin__outcome mtlspin__decide(const struct mtlspin__rule_table *denials, const struct mtlspin__domain *domain,
    const struct mtlspin__evidence *evidence, int64_t now);

/* Of two refusals by two domains, the one that tells more: whether `later` should be reported in place of `earlier`. */
bool mtlspin__decide_prefers(const struct mtlspin__outcome *later, const struct mtlspin__outcome *earlier);

#endif
