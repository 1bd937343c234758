/* UTF-8, as far as labels and logs need it (RFC 3629). */
#ifndef MTLSPIN_LIB_UTF8_H
#define MTLSPIN_LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the valid character at `text`, of which `length` bytes are there, and its code point; 0 if what
   stands there is no valid character (overlong forms and surrogates are none). */
size_t mtlspin__utf8_next(const char *text, size_t length, uint32_t *code);

/* Control characters of C0 and C1, and those that turn text around, hide or break lines (so that what a viewer shows is not
   what stands there). */
bool mtlspin__utf8_harmful(uint32_t code);

/* Valid throughout and free of harmful characters. */
bool mtlspin__utf8_printable(const char *text, size_t length);

#endif
