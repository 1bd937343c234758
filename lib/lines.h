/* A text line by line, through one buffer: a policy of a million rules never is in memory as a whole. */
#ifndef MTLSPIN_LIB_LINES_H
#define MTLSPIN_LIB_LINES_H

#include "sources.h"
#include <mtlspin/error.h>

enum { MTLSPIN__LINES_PIECE = 64 * 1024 }; /* bytes that are read at once; a longer line makes the buffer grow */

struct mtlspin__lines {
    const char *path; /* of the file, borrowed; NULL: from memory */
    int file;
    const char *text; /* what memory still has, borrowed */
    size_t text_left;
    char *buffer;
    size_t room, from, used; /* buffer[from..used) is to be handed out */
    size_t total;            /* bytes read so far */
    bool ended;
    int failed; /* why there are no more lines: an errno */
};

/* Opens a regular file and notes it in `sources`. false on error. */
bool mtlspin__lines_open(struct mtlspin__lines *lines, const char *path, struct mtlspin__sources *sources,
    struct mtlspin_error *error);

/* The same of text[0..length), which is left as it is. false if out of memory. */
bool mtlspin__lines_of(struct mtlspin__lines *lines, const char *text, size_t length);

/* The next line, without its line break, until the next call. It may be taken apart in place, and line[*length] is
   writable. NULL: there is no further one that ends with a line break. */
char *mtlspin__lines_next(struct mtlspin__lines *lines, size_t *length);

/* Behind the last line: whether the text goes on, without a line break at its end. */
bool mtlspin__lines_half(const struct mtlspin__lines *lines);

/* Releases all. false if the text could not be read up to its end: `error` then says so, and nothing else. */
bool mtlspin__lines_close(struct mtlspin__lines *lines, struct mtlspin_error *error);

#endif
