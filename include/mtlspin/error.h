/* What went wrong in a call, in words, and where.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_ERROR_H
#define MTLSPIN_ERROR_H

#include <mtlspin/codes.h>
#include <stddef.h>

/* Filled in by a call that failed; owned by the caller, who may pass NULL instead wherever one is taken. Each call
   overwrites it, success too. Within one call the first error stays. All text is inside the struct: nothing to release.

   Threads: a plain value; not to be shared between threads without a lock. Since: 0.1.0 */
struct mtlspin_error {
    size_t size;              /* sizeof(struct mtlspin_error), set by MTLSPIN_ERROR_INIT: a call that finds another size
                                 here leaves the struct alone */
    enum mtlspin_status code; /* the same as the call's result */
    unsigned line;            /* 1 = first; 0 = not about a line */
    unsigned column;          /* in bytes, 1 = first; 0 = not about a column */
    char file[256];           /* the policy file as the caller named it, cut at the front if longer; "" = none */
    char message[512];        /* one sentence without line break, without the place; always terminated */
};

#ifdef __cplusplus
#define MTLSPIN_ERROR_INIT { sizeof(struct mtlspin_error), MTLSPIN_OK, 0, 0, { 0 }, { 0 } }
#else
#define MTLSPIN_ERROR_INIT { .size = sizeof(struct mtlspin_error) }
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Writes "file:line:column: message" (without the parts that are unknown) into buffer, which holds size bytes; cut to fit,
   always terminated if size > 0. Control characters, which a file name may contain, come out as '?'.
   Returns buffer, for use within a printf. Thread-safe. Since: 0.1.0 */
MTLSPIN_API const char *mtlspin_error_format(const struct mtlspin_error *error, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
