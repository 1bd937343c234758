/* A verifier's statistics, put together on demand. */
#include "anchors.h"
#include "certificate.h"
#include "counters.h"
#include "error.h"
#include "revocation.h"
#include "verifier.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

/* Keeps the earlier of both, of what is still to come. */
static void
take(int64_t *next, int64_t moment, int64_t now)
{
    if (moment >= now && moment < *next)
        *next = moment;
}

static int64_t
next_rule_expiry(const struct mtlspin__domain *domain, int64_t now)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < domain->rules.period_count; i++)
        take(&next, domain->rules.periods[i].not_after, now);
    return next;
}

static int64_t
next_ca_expiry(const struct mtlspin__domain *domain, int64_t now)
{
    int64_t next = INT64_MAX, not_after = 0;
    for (size_t i = 0; i < domain->anchors->count; i++)
        if (mtlspin__certificate_end(mtlspin__anchors_get(domain->anchors, i), &not_after))
            take(&next, not_after, now);
    return next;
}

static void
describe_policy(const struct mtlspin_policy *policy, int64_t now, struct mtlspin_stats *stats)
{
    mtlspin_policy_digest(policy, stats->digest);
    for (unsigned kind = 0; kind < MTLSPIN_STATS_KINDS; kind++) {
        stats->allow_rules[kind] = mtlspin_policy_count_allow(policy, (enum mtlspin_kind)kind);
        stats->deny_rules[kind] = mtlspin_policy_count_deny(policy, (enum mtlspin_kind)kind);
    }
    stats->domains = policy->domain_count;
    stats->next_rule_expiry = stats->next_ca_expiry = stats->next_crl_expiry = INT64_MAX;
    for (size_t i = 0; i < policy->domain_count; i++) {
        take(&stats->next_rule_expiry, next_rule_expiry(&policy->domains[i], now), now);
        take(&stats->next_ca_expiry, next_ca_expiry(&policy->domains[i], now), now);
        int64_t crl = mtlspin__crls_next_expiry(policy->domains[i].crls, now);
        stats->next_crl_expiry = crl < stats->next_crl_expiry ? crl : stats->next_crl_expiry; /* also if it has passed */
    }
}

enum mtlspin_status
mtlspin_verifier_stats(struct mtlspin_verifier *verifier, struct mtlspin_stats *stats, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL || stats == NULL || stats->size != sizeof *stats)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier, or no statistics of a size that is known");
    struct mtlspin__snapshot snapshot = mtlspin__verifier_acquire_at(verifier, &stats->loaded_at);
    stats->generation = snapshot.generation;
    ERR_set_mark();
    describe_policy(snapshot.policy, mtlspin__verifier_now(verifier), stats);
    ERR_pop_to_mark();
    mtlspin__snapshot_release(&snapshot);
    mtlspin__verifier_tidy(verifier);
    mtlspin__counters_read(verifier->counters, stats);
    stats->enrolled = mtlspin__verifier_enrolled(verifier);
    return MTLSPIN_OK;
}

static void
describe_domain(const struct mtlspin__domain *domain, int64_t now, struct mtlspin_domain_stats *stats)
{
    (void)snprintf(stats->name, sizeof stats->name, "%s", domain->name);
    stats->is_report_only = domain->report_only;
    stats->is_chain_none = domain->chain_none;
    stats->rules = domain->rules.count;
    stats->next_rule_expiry = next_rule_expiry(domain, now);
    stats->next_ca_expiry = next_ca_expiry(domain, now);
    stats->next_crl_expiry = mtlspin__crls_next_expiry(domain->crls, now);
}

enum mtlspin_status
mtlspin_verifier_domain_stats(struct mtlspin_verifier *verifier, size_t index, struct mtlspin_domain_stats *stats,
    struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL || stats == NULL || stats->size != sizeof *stats)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier, or no statistics of a size that is known");
    enum mtlspin_status status = MTLSPIN_OK;
    struct mtlspin__snapshot snapshot = mtlspin__verifier_acquire(verifier);
    size_t count = snapshot.policy->domain_count;
    if (index < count) {
        stats->generation = snapshot.generation;
        ERR_set_mark();
        describe_domain(&snapshot.policy->domains[index], mtlspin__verifier_now(verifier), stats);
        ERR_pop_to_mark();
        mtlspin__counters_read_domain(verifier->counters, stats);
    } else {
        status = mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "the policy in force has %zu domains", count);
    }
    mtlspin__snapshot_release(&snapshot);
    return status;
}
