/* A sorted array: nothing to tune, and no key that an attacker picks makes it slow. */
#include "rule_table.h"
#include <stdlib.h>
#include <string.h>

static const struct mtlspin__period always = { INT64_MIN, INT64_MAX };

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

static bool
add_period(struct mtlspin__rule_table *table, const struct mtlspin__period *period, uint32_t *index)
{
    void *periods = table->periods;
    if (!grow(&periods, &table->period_room, table->period_count, 1, sizeof *period))
        return false;
    table->periods = periods;
    table->periods[table->period_count++] = *period;
    *index = (uint32_t)table->period_count; /* one more than where it is, since 0 is "always" */
    return true;
}

bool
mtlspin__rules_add(struct mtlspin__rule_table *table, struct mtlspin__rule rule, const char *label,
    const struct mtlspin__period *period)
{
    void *rules = table->rules;
    rule.label = 0;
    rule.period = 0;
    if (rule.kind < MTLSPIN_SPKI || rule.kind >= MTLSPIN__KINDS)
        return false;
    if (!grow(&rules, &table->room, table->count, 1, sizeof rule))
        return false;
    table->rules = rules;
    if (label != NULL && !add_label(table, label, &rule.label))
        return false;
    if (period != NULL && !add_period(table, period, &rule.period))
        return false;
    table->rules[table->count++] = rule;
    table->kinds[rule.kind]++;
    return true;
}

static int
compare_key(const struct mtlspin__rule *a, uint8_t kind, const uint8_t key[32])
{
    return a->kind != kind ? (a->kind < kind ? -1 : 1) : memcmp(a->key, key, 32);
}

static int
compare(const void *left, const void *right)
{
    const struct mtlspin__rule *a = left, *b = right;
    int order = compare_key(a, b->kind, b->key);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

/* Keys are digests, of which a few bytes tell nearly all apart. So they are sorted byte by byte, in place, until few are
   left together; and if somebody chose keys that begin alike, qsort gets them after a few bytes. */
enum { FEW = 20, DEEP = 5 };

static uint8_t
byte_at(const struct mtlspin__rule *rule, size_t depth)
{
    return depth == 0 ? rule->kind : rule->key[depth - 1];
}

static void
distribute(struct mtlspin__rule *rules, const size_t end[256], size_t depth)
{
    size_t next[256];
    for (size_t b = 0; b < 256; b++)
        next[b] = b == 0 ? 0 : end[b - 1];
    for (size_t b = 0; b < 256; b++)
        while (next[b] < end[b]) {
            size_t home = byte_at(&rules[next[b]], depth);
            struct mtlspin__rule moved = rules[next[b]];
            rules[next[b]] = rules[next[home]];
            rules[next[home]++] = moved;
        }
}

/* Rules that share their first `depth` bytes, and are to be sorted by the others. */
struct stretch {
    size_t from, count, depth;
};

/* Sorts a stretch by one more byte; what then is too long for qsort is added to those that are left to do. */
static void
split(struct mtlspin__rule *all, struct stretch stretch, struct stretch *left, size_t *count)
{
    struct mtlspin__rule *rules = all + stretch.from;
    size_t end[256] = { 0 }, from = 0, depth = stretch.depth;
    for (size_t i = 0; i < stretch.count; i++)
        end[byte_at(&rules[i], depth)]++;
    for (size_t b = 1; b < 256; b++)
        end[b] += end[b - 1];
    distribute(rules, end, depth);
    for (size_t b = 0; b < 256; from = end[b++]) {
        if (end[b] - from > FEW && depth + 1 < DEEP)
            left[(*count)++] = (struct stretch){ stretch.from + from, end[b] - from, depth + 1 };
        else if (end[b] - from > 1)
            qsort(rules + from, end[b] - from, sizeof *rules, compare);
    }
}

static void
sort(struct mtlspin__rule *rules, size_t count)
{
    struct stretch left[DEEP * 256] = { { 0, count, 0 } }; /* the deepest come first, so that there are never more */
    size_t todo = 1;
    while (todo > 0) {
        struct stretch next = left[--todo];
        split(rules, next, left, &todo);
    }
}

static uint32_t
first_bits(const uint8_t key[32], unsigned bits)
{
    uint32_t front = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
    return bits == 0 ? 0 : front >> (32 - bits);
}

/* Four to eight rules to each entry: it takes a byte for each rule, and a lookup looks at two places of memory. */
static bool
make_index(struct mtlspin__rule_table *table, unsigned kind, size_t from)
{
    size_t count = table->kinds[kind], at = from;
    unsigned bits = 0;
    while (bits < 24 && count >> bits >= 8)
        bits++;
    uint32_t *index = malloc((((size_t)1 << bits) + 1) * sizeof *index);
    if (index == NULL)
        return false;
    for (uint32_t front = 0; front <= (uint32_t)1 << bits; front++) {
        while (at < from + count && first_bits(table->rules[at].key, bits) < front)
            at++;
        index[front] = (uint32_t)at;
    }
    table->index[kind] = index;
    table->index_bits[kind] = bits;
    return true;
}

static bool
index_all(struct mtlspin__rule_table *table)
{
    size_t from = 0;
    bool good = true;
    for (unsigned kind = 0; good && kind < MTLSPIN__KINDS; kind++) {
        good = table->kinds[kind] == 0 || make_index(table, kind, from);
        from += table->kinds[kind];
    }
    return good;
}

/* Gives back what was grown too far. */
static void
shrink(struct mtlspin__rule_table *table)
{
    void *rules = table->count < table->room ? realloc(table->rules, table->count * sizeof *table->rules) : NULL;
    void *labels = table->label_length < table->label_room ? realloc(table->labels, table->label_length) : NULL;
    if (rules != NULL) {
        table->rules = rules;
        table->room = table->count;
    }
    if (labels != NULL) {
        table->labels = labels;
        table->label_room = table->label_length;
    }
}

bool
mtlspin__rules_seal(struct mtlspin__rule_table *table, mtlspin__rule_conflict *conflict, void *context)
{
    if (table->count == 0)
        return true;
    shrink(table);
    sort(table->rules, table->count);
    for (size_t i = 1, first = 0; i < table->count; i++) {
        const struct mtlspin__rule *a = &table->rules[first], *b = &table->rules[i];
        if (compare_key(a, b->kind, b->key) != 0)
            first = i;
        else if (a->kind != MTLSPIN__UNISSUED_SERIAL
            && strcmp(mtlspin__rules_label(table, a), mtlspin__rules_label(table, b)) != 0)
            conflict(context, b->line, a->line);
    }
    return index_all(table);
}

const struct mtlspin__rule *
mtlspin__rules_find(const struct mtlspin__rule_table *table, unsigned kind, const uint8_t key[32], size_t *count)
{
    *count = 0;
    if (kind >= MTLSPIN__KINDS || table->index[kind] == NULL)
        return NULL;
    const uint32_t *entry = table->index[kind] + first_bits(key, table->index_bits[kind]);
    size_t low = entry[0], high = entry[1], end = entry[1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(table->rules[middle].key, key, 32) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + *count < end && memcmp(table->rules[low + *count].key, key, 32) == 0)
        ++*count;
    return *count > 0 ? &table->rules[low] : NULL;
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
    for (unsigned kind = 0; kind < MTLSPIN__KINDS; kind++)
        free(table->index[kind]);
    memset(table, 0, sizeof *table);
}
