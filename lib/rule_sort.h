/* The order of rules in their table. */
#ifndef MTLSPIN_LIB_RULE_SORT_H
#define MTLSPIN_LIB_RULE_SORT_H

#include "rule.h"
#include <stddef.h>

/* A key's first bytes as a number: nearly always, they tell already. */
static inline uint32_t
mtlspin__rule_front(const uint8_t key[32])
{
    return (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
}

/* Below, at or above 0 as the rule comes before, has, or comes behind that key and kind. */
int mtlspin__rule_compare(const struct mtlspin__rule *rule, unsigned kind, const uint8_t key[32]);

/* By key, kind and line. */
void mtlspin__rules_sort(struct mtlspin__rule *rules, size_t count);

#endif
