/* What a verifier has decided so far, and what will expire next.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_STATS_H
#define MTLSPIN_STATS_H

#include <mtlspin/decision.h>
#include <mtlspin/error.h>
#include <mtlspin/pin.h>
#include <mtlspin/verifier.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    MTLSPIN_STATS_REASONS = 128,           /* more than any number of enum mtlspin_reason */
    MTLSPIN_STATS_KINDS = MTLSPIN_ANY + 1  /* of enum mtlspin_kind */
};

/* A verifier at one moment. Counters start at zero with the verifier and go on over changes of policy. They count what the
   audit hook is told, whether there is a hook or not: each decision once, however often mtlspin_check repeats it. Times
   are Unix times of what is still to come; INT64_MAX = nothing is. Start from MTLSPIN_STATS_INIT.
   Threads: a plain value. Since: 0.3.0 */
struct mtlspin_stats {
    size_t size;                               /* sizeof(struct mtlspin_stats), set by MTLSPIN_STATS_INIT */
    uint64_t generation;                       /* of the policy in force */
    int64_t loaded_at;                         /* when it came into force, by the verifier's clock */
    uint8_t digest[MTLSPIN_DIGEST_SIZE];       /* its mtlspin_policy_digest */
    size_t domains;                            /* for mtlspin_verifier_domain_stats */
    size_t allow_rules[MTLSPIN_STATS_KINDS];   /* by kind; [MTLSPIN_KIND_NONE]: all together */
    size_t deny_rules[MTLSPIN_STATS_KINDS];    /* the same */
    uint64_t decisions[MTLSPIN_STATS_REASONS]; /* by reason, sweeps' refusals too */
    uint64_t full_handshakes;                  /* that ended in MTLSPIN_ALLOW */
    uint64_t resumed_handshakes;               /* the same */
    uint64_t report_only;                      /* let in with MTLSPIN_REASON_UNMATCHED */
    uint64_t swept;                            /* refusals of live connections by mtlspin_verifier_sweep */
    size_t enrolled;                           /* live connections, now */
    int64_t next_rule_expiry;                  /* the last second of the rule that is the next to end */
    int64_t next_ca_expiry;                    /* notAfter of the anchor that is the next to expire, except for those of
                                                  `ca application` */
    int64_t next_crl_expiry;                   /* nextUpdate of the revocation list that is the next to expire, or
                                                  that has expired already */
};

/* One domain of the policy in force. Its counters are kept by its name, over changes of policy; the library remembers the
   64 names that were counted last. Start from MTLSPIN_DOMAIN_STATS_INIT. Threads: a plain value. Since: 0.3.0 */
struct mtlspin_domain_stats {
    size_t size;                    /* sizeof(struct mtlspin_domain_stats), set by MTLSPIN_DOMAIN_STATS_INIT */
    uint64_t generation;            /* of the policy that it is a domain of */
    char name[MTLSPIN_DOMAIN_SIZE]; /* "" is the unnamed one */
    int is_report_only;             /* 1 under `mode report-only` */
    int is_chain_none;              /* 1 under `chain none` */
    size_t rules;
    uint64_t allowed;               /* decisions, those of report_only among them */
    uint64_t refused;               /* decisions that this domain made; denials are no domain's */
    uint64_t report_only;
    int64_t next_rule_expiry, next_ca_expiry, next_crl_expiry; /* as in struct mtlspin_stats */
};

#ifdef __cplusplus
#define MTLSPIN_STATS_INIT                                                                                        \
    { sizeof(struct mtlspin_stats), 0, 0, { 0 }, 0, { 0 }, { 0 }, { 0 }, 0, 0, 0, 0, 0, 0, 0, 0 }
#define MTLSPIN_DOMAIN_STATS_INIT { sizeof(struct mtlspin_domain_stats), 0, { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#else
#define MTLSPIN_STATS_INIT { .size = sizeof(struct mtlspin_stats) }
#define MTLSPIN_DOMAIN_STATS_INIT { .size = sizeof(struct mtlspin_domain_stats) }
#endif

/* Writes the verifier's state; MTLSPIN_ERR_ARGUMENT for a struct of unknown size. Looks through all dates of rules, all
   anchors and all revocation lists: not for every request. Thread-safe; no connection waits for that. Since: 0.3.0 */
MTLSPIN_API enum mtlspin_status mtlspin_verifier_stats(struct mtlspin_verifier *verifier, struct mtlspin_stats *stats,
    struct mtlspin_error *error);

/* The same for one domain, 0 being the first of the policy; MTLSPIN_ERR_ARGUMENT if there are not as many. Compare
   `generation` where the policy may have changed since mtlspin_verifier_stats. Thread-safe. Since: 0.3.0 */
MTLSPIN_API enum mtlspin_status mtlspin_verifier_domain_stats(struct mtlspin_verifier *verifier, size_t index,
    struct mtlspin_domain_stats *stats, struct mtlspin_error *error);

#ifdef __cplusplus
}
#endif

#endif
