/* Keys are digests, of which a few bytes tell nearly all apart. So they are sorted byte by byte, in place, until few are
   left together; and if somebody chose keys that begin alike, qsort gets them after a few bytes. */
#include "rule_sort.h"
#include <stdlib.h>
#include <string.h>

int
mtlspin__rule_compare(const struct mtlspin__rule *rule, unsigned kind, const uint8_t key[32])
{
    uint32_t left = mtlspin__rule_front(rule->key), right = mtlspin__rule_front(key);
    if (left != right)
        return left < right ? -1 : 1;
    int order = memcmp(rule->key, key, 32);
    return order != 0 ? order : (rule->kind > kind) - (rule->kind < kind);
}

static int
compare(const void *left, const void *right)
{
    const struct mtlspin__rule *a = left, *b = right;
    int order = mtlspin__rule_compare(a, b->kind, b->key);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

enum { FEW = 20, DEEP = 4 };

static void
sort_few(struct mtlspin__rule *rules, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct mtlspin__rule rule = rules[i];
        size_t at = i;
        for (; at > 0 && compare(&rules[at - 1], &rule) > 0; at--)
            rules[at] = rules[at - 1];
        rules[at] = rule;
    }
}

/* One swap puts one rule in its place; what it displaced waits for the next pass, so that swaps do not wait for each
   other. */
static void
distribute(struct mtlspin__rule *rules, const size_t end[256], size_t depth)
{
    size_t next[256];
    for (size_t b = 0; b < 256; b++)
        next[b] = b == 0 ? 0 : end[b - 1];
    for (size_t b = 0; b < 256; b++)
        while (next[b] < end[b])
            for (size_t i = next[b]; i < end[b]; i++) {
                struct mtlspin__rule moved = rules[i];
                size_t home = next[moved.key[depth]]++;
                rules[i] = rules[home];
                rules[home] = moved;
            }
}

/* Rules that share their first `depth` bytes, and are to be sorted by the others. */
struct stretch {
    size_t from, count, depth;
};

/* Sorts a stretch by one more byte; what then is too long still is added to those that are left to do. */
static void
split(struct mtlspin__rule *all, struct stretch stretch, struct stretch *todo, size_t *count)
{
    struct mtlspin__rule *rules = all + stretch.from;
    size_t end[256] = { 0 }, from = 0, depth = stretch.depth;
    for (size_t i = 0; i < stretch.count; i++)
        end[rules[i].key[depth]]++;
    for (size_t b = 1; b < 256; b++)
        end[b] += end[b - 1];
    distribute(rules, end, depth);
    for (size_t b = 0; b < 256; from = end[b++]) {
        if (end[b] - from <= FEW)
            sort_few(rules + from, end[b] - from);
        else if (depth + 1 < DEEP)
            todo[(*count)++] = (struct stretch){ stretch.from + from, end[b] - from, depth + 1 };
        else
            qsort(rules + from, end[b] - from, sizeof *rules, compare);
    }
}

void
mtlspin__rules_sort(struct mtlspin__rule *rules, size_t count)
{
    struct stretch todo[DEEP * 256] = { { 0, count, 0 } }; /* the deepest come first, so that there are never more */
    size_t stretches = 1;
    while (stretches > 0) {
        struct stretch next = todo[--stretches];
        split(rules, next, todo, &stretches);
    }
}
