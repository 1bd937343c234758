/* Counted decisions. */
#ifndef MTLSPIN_LIB_COUNTERS_H
#define MTLSPIN_LIB_COUNTERS_H

#include <mtlspin/stats.h>
#include <stdbool.h>

/* How the peer of a decision got here. */
enum mtlspin__occasion {
    MTLSPIN__NO_HANDSHAKE, /* an answer about a connection that was counted as a handshake before, or never finished one */
    MTLSPIN__FULL,
    MTLSPIN__RESUMED,
    MTLSPIN__SWEEP
};

/* One verifier's. Threads: safe; each call takes a lock for a few instructions, and none is on the fast path of
   mtlspin_check. */
struct mtlspin__counters;

struct mtlspin__counters *mtlspin__counters_new(void);
void mtlspin__counters_free(struct mtlspin__counters *counters);

void mtlspin__counters_count(struct mtlspin__counters *counters, const struct mtlspin_decision *decision,
    enum mtlspin__occasion occasion);

/* Write the counters among the fields, of the domain stats->name in the second. */
void mtlspin__counters_read(struct mtlspin__counters *counters, struct mtlspin_stats *stats);
void mtlspin__counters_read_domain(struct mtlspin__counters *counters, struct mtlspin_domain_stats *stats);

#endif
