/* Decisions by reason and by domain. */
#include "counters.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { DOMAINS = 64 }; /* twice as many as a policy can have, so that those of the policy in force stay */

struct tally {
    char name[MTLSPIN_DOMAIN_SIZE];
    uint64_t allowed, refused, report_only;
    uint64_t last; /* when it was counted, in decisions; 0 = this place is free */
};

struct mtlspin__counters {
    pthread_mutex_t lock; /* of what follows */
    uint64_t total;
    uint64_t decisions[MTLSPIN_STATS_REASONS];
    uint64_t full, resumed, swept;
    struct tally domains[DOMAINS];
};

struct mtlspin__counters *
mtlspin__counters_new(void)
{
    struct mtlspin__counters *counters = calloc(1, sizeof *counters);
    if (counters != NULL && pthread_mutex_init(&counters->lock, NULL) == 0)
        return counters;
    free(counters);
    return NULL;
}

void
mtlspin__counters_free(struct mtlspin__counters *counters)
{
    if (counters == NULL)
        return;
    (void)pthread_mutex_destroy(&counters->lock);
    free(counters);
}

/* A decision without a domain bears the unnamed one's name. It is the unnamed one's if only a domain can have said so. */
static bool
is_by_domain(const struct mtlspin_decision *decision)
{
    if (decision->domain[0] != '\0' || decision->x509_error != 0 || decision->verdict == MTLSPIN_ALLOW)
        return true;
    switch (decision->reason) {
    case MTLSPIN_REASON_NO_RULE:
    case MTLSPIN_REASON_RULE_EXPIRED:
    case MTLSPIN_REASON_RULE_NOT_YET_VALID:
    case MTLSPIN_REASON_CA_CERTIFICATE:
    case MTLSPIN_REASON_SESSION_EXPIRED:
    case MTLSPIN_REASON_NO_STORE: return true;
    default: return decision->reason >= MTLSPIN_REASON_UNKNOWN_CA && decision->reason < MTLSPIN_REASON_NOT_JUDGED;
    }
}

static struct tally *
find(struct mtlspin__counters *counters, const char *name)
{
    for (size_t i = 0; i < DOMAINS; i++)
        if (counters->domains[i].last != 0 && strcmp(counters->domains[i].name, name) == 0)
            return &counters->domains[i];
    return NULL;
}

/* The domain's place, which is that of the one not seen for longest if it has none yet. */
static struct tally *
claim(struct mtlspin__counters *counters, const char *name)
{
    struct tally *tally = find(counters, name);
    if (tally != NULL)
        return tally;
    tally = counters->domains;
    for (size_t i = 1; i < DOMAINS; i++)
        if (counters->domains[i].last < tally->last)
            tally = &counters->domains[i];
    memset(tally, 0, sizeof *tally);
    memcpy(tally->name, name, strnlen(name, sizeof tally->name - 1));
    return tally;
}

static void
count_domain(struct mtlspin__counters *counters, const struct mtlspin_decision *decision)
{
    struct tally *tally = claim(counters, decision->domain);
    tally->last = counters->total;
    tally->allowed += decision->verdict == MTLSPIN_ALLOW;
    tally->refused += decision->verdict != MTLSPIN_ALLOW;
    tally->report_only += decision->reason == MTLSPIN_REASON_UNMATCHED;
}

void
mtlspin__counters_count(struct mtlspin__counters *counters, const struct mtlspin_decision *decision,
    enum mtlspin__occasion occasion)
{
    bool allowed = decision->verdict == MTLSPIN_ALLOW;
    size_t reason = (size_t)decision->reason;
    (void)pthread_mutex_lock(&counters->lock);
    counters->total++;
    if (reason < MTLSPIN_STATS_REASONS)
        counters->decisions[reason]++;
    counters->full += allowed && occasion == MTLSPIN__FULL;
    counters->resumed += allowed && occasion == MTLSPIN__RESUMED;
    counters->swept += !allowed && occasion == MTLSPIN__SWEEP;
    if (is_by_domain(decision))
        count_domain(counters, decision);
    (void)pthread_mutex_unlock(&counters->lock);
}

void
mtlspin__counters_read(struct mtlspin__counters *counters, struct mtlspin_stats *stats)
{
    (void)pthread_mutex_lock(&counters->lock);
    memcpy(stats->decisions, counters->decisions, sizeof stats->decisions);
    stats->full_handshakes = counters->full;
    stats->resumed_handshakes = counters->resumed;
    stats->swept = counters->swept;
    (void)pthread_mutex_unlock(&counters->lock);
    stats->report_only = stats->decisions[MTLSPIN_REASON_UNMATCHED];
}

void
mtlspin__counters_read_domain(struct mtlspin__counters *counters, struct mtlspin_domain_stats *stats)
{
    (void)pthread_mutex_lock(&counters->lock);
    const struct tally *tally = find(counters, stats->name);
    stats->allowed = tally != NULL ? tally->allowed : 0;
    stats->refused = tally != NULL ? tally->refused : 0;
    stats->report_only = tally != NULL ? tally->report_only : 0;
    (void)pthread_mutex_unlock(&counters->lock);
}
