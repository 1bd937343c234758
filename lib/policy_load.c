/* Policies from a file and from memory. */
#include "error.h"
#include "file.h"
#include "policy.h"
#include "policy_file.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 8 }; /* to find the files of a policy at rest */

static struct mtlspin_policy *
load_once(const char *path, struct mtlspin_error *error)
{
    struct mtlspin__sources sources = { 0 };
    struct mtlspin_policy *policy = NULL;
    size_t length = 0;
    char *text = mtlspin__file_read(path, &length, &sources, error);
    if (text != NULL)
        policy = mtlspin__policy_parse(text, length, path, &sources, error);
    free(text);
    mtlspin__sources_clear(&sources);
    if (policy == NULL)
        return NULL;
    policy->path = strdup(path);
    if (policy->path != NULL)
        return policy;
    mtlspin_policy_unref(policy);
    (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    return NULL;
}

/* Files that were exchanged while they were being read may not belong together (Kubernetes swaps whole directories). */
struct mtlspin_policy *
mtlspin_policy_load(const char *path, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (path == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no path");
        return NULL;
    }
    for (int i = 0; i < ATTEMPTS; i++) {
        struct mtlspin__look before = mtlspin__look_at(path), after;
        mtlspin__error_clear(error);
        struct mtlspin_policy *policy = load_once(path, error);
        after = mtlspin__look_at(path);
        if (policy != NULL ? mtlspin__sources_hold(&policy->sources) : mtlspin__look_equal(&before, &after))
            return policy;
        mtlspin_policy_unref(policy);
    }
    mtlspin__error_clear(error);
    (void)mtlspin__fail(error, MTLSPIN_ERR_FILE, "%s: its files change while they are read; try again", path);
    return NULL;
}

struct mtlspin_policy *
mtlspin_policy_parse(const void *text, size_t length, const char *name, struct mtlspin_error *error)
{
    struct mtlspin__sources none = { 0 };
    mtlspin__error_clear(error);
    char *copy = text != NULL && length < INT_MAX ? malloc(length + 1) : NULL;
    if (copy == NULL) {
        (void)mtlspin__fail(error, text == NULL ? MTLSPIN_ERR_ARGUMENT : MTLSPIN_ERR_MEMORY,
            "no text, or no memory for it");
        return NULL;
    }
    memcpy(copy, text, length);
    struct mtlspin_policy *policy = mtlspin__policy_parse(copy, length, name != NULL ? name : "policy", &none, error);
    free(copy);
    return policy;
}
