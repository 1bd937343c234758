/* Times and durations as a policy writes them.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_MOMENT_H
#define MTLSPIN_MOMENT_H

#include <mtlspin/error.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads a date ("2027-01-31") or a time of RFC 3339 ("2027-01-31T12:00:00Z", "…+01:00") into *seconds of Unix time. A date
   stands for a whole day in UTC: its first second, or with `end` not 0 its last. *seconds is 0 on error. Thread-safe.
   Since: 0.4.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_moment_parse(const char *text, int end, int64_t *seconds,
    struct mtlspin_error *error);

/* Reads a whole number with a unit, "90s", "15m", "12h" or "7d", into *seconds, which is 0 on error. Thread-safe.
   Since: 0.4.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_duration_parse(const char *text, int64_t *seconds,
    struct mtlspin_error *error);

#ifdef __cplusplus
}
#endif

#endif
