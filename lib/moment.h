/* Dates, times and durations as text. */
#ifndef MTLSPIN_LIB_MOMENT_H
#define MTLSPIN_LIB_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Days since 1970-01-01 of the proleptic Gregorian calendar; month and day begin at 1, and exist. */
int64_t mtlspin__day_number(int year, int month, int day);

/* A date ("2027-01-01") or RFC 3339 time ("2027-01-01T12:00:00Z", "…+01:00") as Unix time. A date alone stands for the
   whole day in UTC: its first second, or with `end` its last. A fraction of a second is cut off with `end` and rounded up
   without, so that a period never grows. */
bool mtlspin__moment_parse(const char *text, bool end, int64_t *seconds);

/* A whole number with a unit: "90s", "15m", "12h", "7d". */
bool mtlspin__duration_parse(const char *text, int64_t *seconds);

/* Decimal digits alone, at most `most`. */
bool mtlspin__number_parse(const char *text, unsigned most, unsigned *number);

#endif
