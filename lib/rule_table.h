/* The rules of one domain, or the denials of a policy: found by kind and key. */
#ifndef MTLSPIN_LIB_RULE_TABLE_H
#define MTLSPIN_LIB_RULE_TABLE_H

#include "rule.h"
#include <stddef.h>

enum { MTLSPIN__PERIODS_MAX = (1 << 27) - 1 }; /* so many, and no more, can be numbered */

struct mtlspin__period {
    int64_t not_before;
    int64_t not_after;
};

/* A part of all possible keys, which has four rules on average, and hardly ever more than tags. */
enum { MTLSPIN__PER_PART = 4, MTLSPIN__TAGS = 8 };
struct mtlspin__part {
    uint32_t from;    /* where its rules begin */
    uint32_t tags[2]; /* the last key byte of its first eight rules, rule 0 in the lowest byte */
};

struct mtlspin__rule_table {
    struct mtlspin__rule *rules; /* sorted by key, kind and line, once it is sealed */
    size_t count, room;
    struct mtlspin__part *parts; /* equal ones, and one more that is their end; NULL = no rules */
    size_t part_count;
    uint8_t digest[32]; /* of all of them in the order of their lines (policy_digest.c) */
    struct mtlspin__period *periods;
    size_t period_count, period_room;
    char *labels; /* starts with "" */
    size_t label_length, label_room;
    size_t kinds[MTLSPIN__KINDS]; /* how many of each */
};

/* Adds a rule. Its kind, label (NULL = none) and period (NULL = always) are the arguments, whatever stands in `rule`. false
   if out of memory, or if there is no such kind. */
bool mtlspin__rules_add(struct mtlspin__rule_table *table, unsigned kind, struct mtlspin__rule rule, const char *label,
    const struct mtlspin__period *period);

/* Sorts and indexes, after the last rule. Calls back, in no order, for each rule that says again, under another label, what
   was first said at line `earlier`. false if out of memory. */
typedef void mtlspin__rule_conflict(void *context, unsigned line, unsigned earlier);
MTLSPIN_MUST_CHECK bool mtlspin__rules_seal(struct mtlspin__rule_table *table, mtlspin__rule_conflict *conflict,
    void *context);

/* The rules of that kind and key (several if they differ in their periods), in the order of their lines; none before the
   table is sealed. */
struct mtlspin__found {
    const struct mtlspin__rule *rules; /* NULL = none */
    size_t count;
};
struct mtlspin__found mtlspin__rules_find(const struct mtlspin__rule_table *table, unsigned kind, const uint8_t key[32]);

const char *mtlspin__rules_label(const struct mtlspin__rule_table *table, const struct mtlspin__rule *rule);
const struct mtlspin__period *mtlspin__rules_period(const struct mtlspin__rule_table *table,
    const struct mtlspin__rule *rule);

void mtlspin__rules_clear(struct mtlspin__rule_table *table);

#endif
