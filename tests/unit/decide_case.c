#include "decide_case.h"
#include <check.h>
#include <string.h>

static void
no_conflict(void *context, unsigned line, unsigned earlier)
{
    (void)context;
    ck_abort_msg("line %u contradicts line %u", line, earlier);
}

static void
make_key(uint8_t key[32], int number)
{
    memset(key, number & 0xff, 32);
    if (number & ALMOST)
        key[31] ^= 1;
}

void
make_table(struct mtlspin__rule_table *table, const struct rule *rules, int count)
{
    memset(table, 0, sizeof *table);
    for (int i = 0; i < count && rules[i].kind != MTLSPIN_KIND_NONE; i++) {
        struct mtlspin__period period = { rules[i].from, rules[i].to };
        struct mtlspin__rule rule;
        memset(&rule, 0, sizeof rule);
        make_key(rule.key, rules[i].key);
        rule.line = rules[i].line;
        rule.spiffe = rules[i].spiffe;
        bool dated = period.not_before != 0 || period.not_after != 0;
        ck_assert(mtlspin__rules_add(table, rules[i].kind, rule, rules[i].label, dated ? &period : NULL));
    }
    ck_assert(mtlspin__rules_seal(table, no_conflict, NULL));
}

static void
make_chain(struct mtlspin__evidence *evidence)
{
    for (int i = 0; i < 3; i++) {
        struct mtlspin__certificate_keys *keys = &evidence->chain[i];
        make_key(keys->spki, LEAF + i);
        make_key(keys->serial, LEAF_SERIAL + i);
        make_key(keys->issued_serial, LEAF_ISSUED + i);
        keys->has_issuer = true;
    }
    evidence->verified = true;
    evidence->chain_count = 3;
    evidence->not_after = CHAIN_END;
}

static void
make_names(struct mtlspin__evidence *evidence, bool two_uris)
{
    static struct mtlspin__name names[] = { { MTLSPIN_EMAIL, { 0 } }, { MTLSPIN_URI, { 0 } }, { MTLSPIN_DNS, { 0 } },
        { MTLSPIN_URI, { 0 } } };
    static const int keys[] = { EMAIL, URI, DNS, SECOND_URI };
    for (int i = 0; i < 4; i++)
        make_key(names[i].key, keys[i]);
    evidence->names = names;
    evidence->name_count = two_uris ? 4 : 3;
    evidence->uri_count = two_uris ? 2 : 1;
}

void
make_evidence(struct mtlspin__evidence *evidence, unsigned differences, enum mtlspin_reason chain_reason)
{
    memset(evidence, 0, sizeof *evidence);
    if (differences & ZEROED)
        return;
    evidence->complete = (differences & INCOMPLETE) == 0;
    evidence->malformed = (differences & MALFORMED) != 0;
    evidence->is_ca = (differences & LEAF_IS_CA) != 0;
    evidence->has_thumbprint = (differences & NO_THUMBPRINT) == 0;
    make_key(evidence->thumbprint, THUMBPRINT);
    if ((differences & NO_NAMES) == 0)
        make_names(evidence, (differences & TWO_URIS) != 0);
    make_chain(evidence);
    evidence->chain_reason = chain_reason;
    if (differences & UNVERIFIED)
        evidence->verified = false;
    if (differences & (LEAF_ALONE | NO_CHAIN))
        evidence->chain_count = differences & NO_CHAIN ? 0 : 1; /* what stood behind is left there, to be ignored */
    if (differences & NO_ISSUER)
        evidence->chain[0].has_issuer = false;
}
