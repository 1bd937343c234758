/* Policies that are not in force any more. */
#include "retired.h"
#include <stdlib.h>
#include <string.h>

bool
mtlspin__retired_add(struct mtlspin__retired *retired, struct mtlspin_policy *policy)
{
    struct mtlspin_policy **grown = realloc(retired->list, (retired->count + 1) * sizeof(struct mtlspin_policy *));
    if (grown == NULL)
        return false;
    retired->list = grown;
    retired->list[retired->count++] = policy;
    return true;
}

struct mtlspin_policy *
mtlspin__retired_take(struct mtlspin__retired *retired)
{
    for (size_t i = 0; i < retired->count; i++) {
        struct mtlspin_policy *policy = retired->list[i];
        if (atomic_load(&policy->references) != 1)
            continue;
        retired->list[i] = retired->list[--retired->count];
        return policy;
    }
    return NULL;
}

void
mtlspin__retired_clear(struct mtlspin__retired *retired)
{
    while (retired->count > 0)
        mtlspin_policy_unref(retired->list[--retired->count]);
    free(retired->list);
    memset(retired, 0, sizeof *retired);
}
