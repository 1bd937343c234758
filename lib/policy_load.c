/* Policies from a file and from memory. */
#include "error.h"
#include "file.h"
#include "policy_file.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct mtlspin_policy *
mtlspin_policy_load(const char *path, struct mtlspin_error *error)
{
    size_t length = 0;
    mtlspin__error_clear(error);
    if (path == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no path");
        return NULL;
    }
    char *text = mtlspin__file_read(path, &length, error);
    struct mtlspin_policy *policy = text != NULL ? mtlspin__policy_parse(text, length, path, error) : NULL;
    free(text);
    return policy;
}

struct mtlspin_policy *
mtlspin_policy_parse(const void *text, size_t length, const char *name, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    char *copy = text != NULL && length < INT_MAX ? malloc(length + 1) : NULL;
    if (copy == NULL) {
        (void)mtlspin__fail(error, text == NULL ? MTLSPIN_ERR_ARGUMENT : MTLSPIN_ERR_MEMORY,
            "no text, or no memory for it");
        return NULL;
    }
    memcpy(copy, text, length);
    struct mtlspin_policy *policy = mtlspin__policy_parse(copy, length, name != NULL ? name : "policy", error);
    free(copy);
    return policy;
}
