/* Rules sorted by key, and an index over the keys' first bytes. Keys chosen to begin alike cost a binary search, no
   more. */
#include "rule_table.h"
#include "rule_sort.h"
#include <stdlib.h>
#include <string.h>

static const struct mtlspin__period always = { INT64_MIN, INT64_MAX };

_Static_assert(sizeof(struct mtlspin__rule) == 44, "a byte more is a megabyte for a million rules");
_Static_assert((int)MTLSPIN__KINDS <= 1 << 4, "a rule has four bits for its kind");

/* Room for `more` items behind `used`; grows by half, so that a million calls cost a few copies. */
static bool
grow(void **array, size_t *room, size_t used, size_t more, size_t size)
{
    if (used + more <= *room)
        return true;
    size_t wanted = used + more + used / 2 + 16;
    if (wanted > UINT32_MAX || wanted > SIZE_MAX / size)
        return false;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

static bool
add_label(struct mtlspin__rule_table *table, const char *label, uint32_t *offset)
{
    size_t size = strlen(label) + 1;
    void *labels = table->labels;
    if (!grow(&labels, &table->label_room, table->label_length, size + 1, 1))
        return false;
    table->labels = labels;
    if (table->label_length == 0)
        table->labels[table->label_length++] = '\0';
    *offset = (uint32_t)table->label_length;
    memcpy(table->labels + table->label_length, label, size);
    table->label_length += size;
    return true;
}

/* Neighbours often hold as long: they share a period. */
static bool
add_period(struct mtlspin__rule_table *table, const struct mtlspin__period *period, uint32_t *index)
{
    void *periods = table->periods;
    size_t count = table->period_count;
    if (count >= MTLSPIN__PERIODS_MAX || !grow(&periods, &table->period_room, count, 1, sizeof *period))
        return false;
    table->periods = periods;
    if (count == 0 || memcmp(&table->periods[count - 1], period, sizeof *period) != 0)
        table->periods[table->period_count++] = *period;
    *index = (uint32_t)table->period_count; /* one more than where it is, since 0 is "always" */
    return true;
}

bool
mtlspin__rules_add(struct mtlspin__rule_table *table, unsigned kind, struct mtlspin__rule rule, const char *label,
    const struct mtlspin__period *period)
{
    void *rules = table->rules;
    uint32_t period_index = 0;
    rule.label = 0;
    if (kind < MTLSPIN_SPKI || kind >= MTLSPIN__KINDS)
        return false;
    if (!grow(&rules, &table->room, table->count, 1, sizeof rule))
        return false;
    table->rules = rules;
    if (label != NULL && !add_label(table, label, &rule.label))
        return false;
    if (period != NULL && !add_period(table, period, &period_index))
        return false;
    rule.kind = kind & 0xf;
    rule.period = period_index & MTLSPIN__PERIODS_MAX;
    table->rules[table->count++] = rule;
    table->kinds[kind]++;
    return true;
}

/* Which of the equal parts of all keys has this one. */
static size_t
part_of(const struct mtlspin__rule_table *table, const uint8_t key[32])
{
    return (size_t)((uint64_t)mtlspin__rule_front(key) * table->part_count >> 32);
}

static uint8_t
tag_of(const uint8_t key[32])
{
    return key[31]; /* has no say in which part it is */
}

/* It takes three bytes for each rule, and a lookup goes to one place of memory, and to the rule only if there is one. */
static bool
make_parts(struct mtlspin__rule_table *table)
{
    size_t part = 0;
    table->part_count = table->count / MTLSPIN__PER_PART + 1;
    table->parts = calloc(table->part_count + 1, sizeof *table->parts);
    if (table->parts == NULL)
        return false;
    for (size_t i = 0; i < table->count; i++) {
        const uint8_t *key = table->rules[i].key;
        for (size_t own = part_of(table, key); part < own; part++)
            table->parts[part + 1].from = (uint32_t)i;
        size_t place = i - table->parts[part].from;
        if (place < MTLSPIN__TAGS)
            table->parts[part].tags[place / 4] |= (uint32_t)tag_of(key) << (place % 4 * 8);
    }
    while (part++ < table->part_count)
        table->parts[part].from = (uint32_t)table->count;
    return true;
}

/* Gives back what was grown too far. */
static void
shrink(void **array, size_t *room, size_t used, size_t size)
{
    void *shrunk = used > 0 && used < *room ? realloc(*array, used * size) : NULL;
    if (shrunk == NULL)
        return;
    *array = shrunk;
    *room = used;
}

static void
shrink_all(struct mtlspin__rule_table *table)
{
    void *rules = table->rules, *labels = table->labels, *periods = table->periods;
    shrink(&rules, &table->room, table->count, sizeof *table->rules);
    shrink(&labels, &table->label_room, table->label_length, 1);
    shrink(&periods, &table->period_room, table->period_count, sizeof *table->periods);
    table->rules = rules;
    table->labels = labels;
    table->periods = periods;
}

bool
mtlspin__rules_seal(struct mtlspin__rule_table *table, mtlspin__rule_conflict *conflict, void *context)
{
    if (table->count == 0)
        return true;
    shrink_all(table);
    mtlspin__rules_sort(table->rules, table->count);
    for (size_t i = 1, first = 0; i < table->count; i++) {
        const struct mtlspin__rule *a = &table->rules[first], *b = &table->rules[i];
        if (mtlspin__rule_compare(a, b->kind, b->key) != 0)
            first = i;
        else if (a->kind != MTLSPIN__UNISSUED_SERIAL
            && strcmp(mtlspin__rules_label(table, a), mtlspin__rules_label(table, b)) != 0)
            conflict(context, b->line, a->line);
    }
    return make_parts(table);
}

static bool
has_rule_key(const struct mtlspin__rule *rule, unsigned kind, const uint8_t key[32])
{
    return memcmp(rule->key, key, 32) == 0 && rule->kind == kind;
}

/* Those of that key, of which the first stands there if there is one at all. */
static struct mtlspin__found
gather(const struct mtlspin__rule_table *table, size_t first, size_t end, unsigned kind, const uint8_t key[32])
{
    size_t behind = first;
    while (behind < end && has_rule_key(&table->rules[behind], kind, key))
        behind++;
    return (struct mtlspin__found){ behind > first ? &table->rules[first] : NULL, behind - first };
}

/* In parts with more rules than tags: a few, or all if somebody chose keys that begin alike. Not inlined, since the usual
   lookup does with fewer registers. */
static __attribute__((noinline)) struct mtlspin__found
find_by_halves(const struct mtlspin__rule_table *table, const struct mtlspin__part *part, unsigned kind,
    const uint8_t key[32])
{
    size_t low = part->from, high = part[1].from;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mtlspin__rule_compare(&table->rules[middle], kind, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return gather(table, low, part[1].from, kind, key);
}

/* 0x80 in each byte that is equal; perhaps also in one above such a byte. */
static uint64_t
equal_bytes(uint64_t bytes, uint8_t byte)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), apart = bytes ^ ones * byte;
    return (apart - ones) & ~apart & ones << 7;
}

/* The tags of a part are compared at once, without a branch: where one leads would be known only when memory has
   answered. */
struct mtlspin__found
mtlspin__rules_find(const struct mtlspin__rule_table *table, unsigned kind, const uint8_t key[32])
{
    if (table->parts == NULL || kind >= MTLSPIN__KINDS || table->kinds[kind] == 0)
        return (struct mtlspin__found){ NULL, 0 };
    const struct mtlspin__part *part = &table->parts[part_of(table, key)];
    size_t from = part->from, end = part[1].from;
    if (end - from > MTLSPIN__TAGS)
        return find_by_halves(table, part, kind, key);
    uint64_t tags = (uint64_t)part->tags[1] << 32 | part->tags[0];
    for (uint64_t equal = equal_bytes(tags, tag_of(key)); equal != 0; equal &= equal - 1) {
        size_t at = from + (size_t)__builtin_ctzll(equal) / 8;
        if (at < end && has_rule_key(&table->rules[at], kind, key))
            return gather(table, at, end, kind, key);
    }
    return (struct mtlspin__found){ NULL, 0 };
}

const char *
mtlspin__rules_label(const struct mtlspin__rule_table *table, const struct mtlspin__rule *rule)
{
    return rule->label == 0 ? "" : table->labels + rule->label;
}

const struct mtlspin__period *
mtlspin__rules_period(const struct mtlspin__rule_table *table, const struct mtlspin__rule *rule)
{
    return rule->period == 0 ? &always : &table->periods[rule->period - 1];
}

void
mtlspin__rules_clear(struct mtlspin__rule_table *table)
{
    free(table->rules);
    free(table->periods);
    free(table->labels);
    free(table->parts);
    memset(table, 0, sizeof *table);
}
