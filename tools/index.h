/* Rules by what they name. */
#ifndef MTLSPIN_TOOLS_INDEX_H
#define MTLSPIN_TOOLS_INDEX_H

#include "survey.h"

struct slot {
    uint64_t hash;
    struct rule *rule;
};

/* A sorted array: rules of one subject stand next to each other, in the order of the file. */
struct index {
    struct slot *slots;
    size_t count;
};

/* False without memory. */
bool index_make(struct index *index, const struct rules *rules);
void index_clear(struct index *index);

/* The number of slots from `at` on that are of one subject; 0 at the end. */
size_t index_run(const struct index *index, size_t at);

/* The first rule for a subject, or NULL. */
const struct rule *index_find(const struct index *index, const struct subject *subject);

#endif
