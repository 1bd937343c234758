/* One line of a policy file, taken apart into words. */
#ifndef MTLSPIN_LIB_POLICY_LINE_H
#define MTLSPIN_LIB_POLICY_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum { MTLSPIN__WORDS_MAX = 12 };

struct mtlspin__word {
    char *text;      /* without quotes, escapes resolved; terminated */
    unsigned column; /* 1 = first byte of the line */
    bool quoted;     /* began with a quote, so that it is a label or a path, never an option */
};

struct mtlspin__line {
    struct mtlspin__word words[MTLSPIN__WORDS_MAX];
    size_t count;       /* 0: nothing but space and comment */
    const char *wrong;  /* why it cannot be taken apart, or NULL */
    unsigned column;    /* of what is wrong */
};

/* Takes apart text[0..length), in place: the words point into it, and text[length] must be writable. */
void mtlspin__line_split(struct mtlspin__line *line, char *text, size_t length);

#endif
