/* Text that somebody else chose, made fit to be shown.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_TEXT_H
#define MTLSPIN_TEXT_H

#include <mtlspin/version.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies `length` bytes of text into buffer[0..size), cut to whole characters and terminated (size > 0). A '?' stands in
   place of whatever is no UTF-8 (RFC 3629) and of every character that a label may not have: controls, and those that turn
   text around, break a line or have no width. So the copy neither breaks a line nor steers a terminal, and every other
   character is left as it is. It says nothing about letters that look alike. Returns buffer. Thread-safe. Since: 0.4.0 */
MTLSPIN_API const char *mtlspin_text_show(const char *text, size_t length, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
