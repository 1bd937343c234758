/* Rules sorted by a hash of what they name. Whoever writes a policy could make hashes alike: then whole subjects are
   compared, but not more often. */
#include "index.h"
#include <stdlib.h>
#include <string.h>

static uint64_t
hash_of(const struct subject *subject)
{
    uint64_t words[8], hash = subject->kind + 256U * subject->length;
    memcpy(words, subject->key, 32);
    memcpy(words + 4, subject->issuer, 32);
    for (size_t i = 0; i < 8; i++) {
        hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash;
}

static int
compare_subject(const struct slot *a, uint64_t hash, const struct subject *subject)
{
    if (a->hash != hash)
        return a->hash < hash ? -1 : 1;
    return memcmp(&a->rule->subject, subject, sizeof *subject);
}

static int
compare(const void *left, const void *right)
{
    const struct slot *a = left, *b = right;
    int order = compare_subject(a, b->hash, &b->rule->subject);
    return order != 0 ? order : (a->rule > b->rule) - (a->rule < b->rule);
}

bool
index_make(struct index *index, const struct rules *rules)
{
    *index = (struct index){ malloc((rules->count + 1) * sizeof *index->slots), rules->count };
    if (index->slots == NULL)
        return false;
    for (size_t i = 0; i < rules->count; i++)
        index->slots[i] = (struct slot){ hash_of(&rules->list[i].subject), &rules->list[i] };
    qsort(index->slots, index->count, sizeof *index->slots, compare);
    return true;
}

void
index_clear(struct index *index)
{
    free(index->slots);
    *index = (struct index){ 0 };
}

size_t
index_run(const struct index *index, size_t at)
{
    size_t end = at;
    while (end < index->count
        && compare_subject(&index->slots[end], index->slots[at].hash, &index->slots[at].rule->subject) == 0)
        end++;
    return end - at;
}

const struct rule *
index_find(const struct index *index, const struct subject *subject)
{
    uint64_t hash = index->count > 0 ? hash_of(subject) : 0;
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_subject(&index->slots[middle], hash, subject) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < index->count && compare_subject(&index->slots[low], hash, subject) == 0;
    return found ? index->slots[low].rule : NULL;
}
