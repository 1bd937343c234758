/* The policy: immutable after it is built. */
#ifndef MTLSPIN_LIB_POLICY_H
#define MTLSPIN_LIB_POLICY_H

#include "domain.h"
#include "sources.h"
#include <mtlspin/policy.h>
#include <stdatomic.h>

struct mtlspin_policy {
    atomic_size_t references;
    struct mtlspin__rule_table denials;
    struct mtlspin__domain *domains;
    size_t domain_count;
    bool has_chain_none, has_hosts, has_application; /* in any domain */
    bool wants_thumbprint, wants_names;
    uint8_t digest[32];
    uint8_t structure[32]; /* the same without rules and revocation lists */
    struct mtlspin__sources sources;
    char *path; /* of the policy file; NULL = the policy was not loaded from one */
};

/* An empty policy with one reference, or NULL. */
struct mtlspin_policy *mtlspin__policy_new(void);

/* Frees what a domain holds, not the domain. */
void mtlspin__domain_clear(struct mtlspin__domain *domain);

/* Computes the digest of rules that stand in the order of their lines: before they are sealed. */
bool mtlspin__rules_digest(struct mtlspin__rule_table *table);

/* Computes the digests and ids of the sealed policy and its domains (policy_digest.c). */
bool mtlspin__policy_make_digest(struct mtlspin_policy *policy);

#endif
