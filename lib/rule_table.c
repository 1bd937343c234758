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

void
mtlspin__rules_seal(struct mtlspin__rule_table *table, mtlspin__rule_conflict *conflict, void *context)
{
    if (table->count > 0)
        qsort(table->rules, table->count, sizeof *table->rules, compare);
    for (size_t i = 1, first = 0; i < table->count; i++) {
        const struct mtlspin__rule *a = &table->rules[first], *b = &table->rules[i];
        if (compare_key(a, b->kind, b->key) != 0)
            first = i;
        else if (a->kind != MTLSPIN__UNISSUED_SERIAL
            && strcmp(mtlspin__rules_label(table, a), mtlspin__rules_label(table, b)) != 0)
            conflict(context, b->line, a->line);
    }
}

const struct mtlspin__rule *
mtlspin__rules_find(const struct mtlspin__rule_table *table, unsigned kind, const uint8_t key[32], size_t *count)
{
    size_t low = 0, high = table->count;
    *count = 0;
    if (kind >= MTLSPIN__KINDS || table->kinds[kind] == 0)
        return NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(&table->rules[middle], (uint8_t)kind, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + *count < table->count && compare_key(&table->rules[low + *count], (uint8_t)kind, key) == 0)
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
    memset(table, 0, sizeof *table);
}
