/* Names as rules compare them.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_NAME_H
#define MTLSPIN_NAME_H

#include <mtlspin/error.h>
#include <mtlspin/pin.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MTLSPIN_NAME_SIZE = 2049 }; /* holds every name that a rule can have, and its terminator */

/* Writes the form in which names are compared into `normal`: in lower case MTLSPIN_DNS, of MTLSPIN_EMAIL the part
   behind the '@', of MTLSPIN_URI scheme and host (RFC 5280, sections 4.2.1.6 and 7). Two names are the same for a rule
   if these texts are. `name` has `length` bytes. An error if no rule can have the name (a wildcard, other than ASCII,
   too long, …); `normal` is then empty. Thread-safe. Since: 0.4.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_name_normal(enum mtlspin_kind kind, const char *name,
    size_t length, char normal[MTLSPIN_NAME_SIZE], struct mtlspin_error *error);

#ifdef __cplusplus
}
#endif

#endif
