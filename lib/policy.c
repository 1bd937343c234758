/* A policy's life and what it tells of itself. */
#include "policy.h"
#include "anchors.h"
#include "crl.h"
#include <stdlib.h>
#include <string.h>

struct mtlspin_policy *
mtlspin__policy_new(void)
{
    struct mtlspin_policy *policy = calloc(1, sizeof *policy);
    if (policy != NULL)
        atomic_init(&policy->references, 1);
    return policy;
}

struct mtlspin_policy *
mtlspin_policy_ref(struct mtlspin_policy *policy)
{
    if (policy != NULL)
        (void)atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
    return policy;
}

void
mtlspin__domain_clear(struct mtlspin__domain *domain)
{
    mtlspin__rules_clear(&domain->rules);
    mtlspin__anchors_free(domain->anchors);
    mtlspin__crls_free(domain->crls);
    free(domain->hosts);
    memset(domain, 0, sizeof *domain);
}

void
mtlspin_policy_unref(struct mtlspin_policy *policy)
{
    if (policy == NULL || atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < policy->domain_count; i++)
        mtlspin__domain_clear(&policy->domains[i]);
    mtlspin__rules_clear(&policy->denials);
    mtlspin__sources_clear(&policy->sources);
    free(policy->domains);
    free(policy->path);
    free(policy);
}

static size_t
count_kind(const struct mtlspin__rule_table *table, enum mtlspin_kind kind)
{
    if (kind == MTLSPIN_KIND_NONE)
        return table->count - table->kinds[MTLSPIN__UNISSUED_SERIAL];
    return kind <= MTLSPIN_ANY ? table->kinds[kind] : 0;
}

size_t
mtlspin_policy_count_allow(const struct mtlspin_policy *policy, enum mtlspin_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; policy != NULL && i < policy->domain_count; i++)
        count += count_kind(&policy->domains[i].rules, kind);
    return count;
}

size_t
mtlspin_policy_count_deny(const struct mtlspin_policy *policy, enum mtlspin_kind kind)
{
    return policy != NULL ? count_kind(&policy->denials, kind) : 0;
}

void
mtlspin_policy_digest(const struct mtlspin_policy *policy, uint8_t digest[32])
{
    if (digest == NULL)
        return;
    if (policy != NULL)
        memcpy(digest, policy->digest, 32);
    else
        memset(digest, 0, 32);
}
