/* A whole file in memory. */
#ifndef MTLSPIN_TOOLS_WHOLE_FILE_H
#define MTLSPIN_TOOLS_WHOLE_FILE_H

#include <stddef.h>

enum { WHOLE_CERTIFICATES = 1 << 24, WHOLE_POLICY = 1 << 29 }; /* bytes that nobody needs more of */

/* What a file holds, or standard input where `path` is "-"; with a terminator behind it that `length` does not count.
   Release with whole_file_free. NULL: it cannot be read, or holds more than `most` bytes, and errno says why. */
char *whole_file_read(const char *path, size_t most, size_t *length);

/* Wipes it, too: it may have held a private key. NULL is ignored. */
void whole_file_free(char *text, size_t length);

/* "standard input" for "-", else the path. */
const char *whole_file_name(const char *path);

#endif
