/* Filling in the caller's struct mtlspin_error. */
#ifndef MTLSPIN_LIB_ERROR_H
#define MTLSPIN_LIB_ERROR_H

#include <mtlspin/error.h>

/* Every public call that takes an error starts with this, so that a success leaves no old message behind. */
void mtlspin__error_clear(struct mtlspin_error *error);

/* Records the failure, unless an earlier one of the same call is there already, and returns `status`. */
enum mtlspin_status mtlspin__fail(struct mtlspin_error *error, enum mtlspin_status status, const char *format, ...)
    MTLSPIN_PRINTF(3, 4);

/* Hands the caller, who may have passed NULL, what a call has found in an error of its own; returns `status`. */
enum mtlspin_status mtlspin__error_pass(struct mtlspin_error *error, const struct mtlspin_error *found,
    enum mtlspin_status status);

/* Adds the place to the failure that is there; the first place stays. A long file name loses its front, since its end
   tells more. */
void mtlspin__error_place(struct mtlspin_error *error, const char *file, unsigned line, unsigned column);

#endif
