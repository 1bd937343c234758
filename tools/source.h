/* The text of a policy: its lines, and where the words of the policy language begin and end in them. */
#ifndef MTLSPIN_TOOLS_SOURCE_H
#define MTLSPIN_TOOLS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

struct source {
    char *text;
    size_t length;
    size_t *starts; /* of each line, and one more: the end */
    size_t lines;
};

struct span {
    size_t at, length; /* bytes, from the start of the line */
};

/* Reads a file, or standard input if that is "-". False, with errno, if it cannot be read or there is no memory. */
bool source_read(struct source *source, const char *path);
void source_clear(struct source *source);

/* A line (1 = first) without its line break; NULL if there is none of that number. */
const char *source_line(const struct source *source, unsigned line, size_t *length);

/* The next word from byte `at` on, quotes included; false at the end of the line, or at a comment. */
bool source_word(const char *line, size_t length, size_t at, struct span *word);

/* What a message about `column` (1 = first byte) speaks of: the word there, or what is left of it. A value that is two
   words, "sha256 Fingerprint=…", is one. */
struct span source_span(const char *line, size_t length, unsigned column);

/* The column of word number `n` (0 = first) of a line; 1 if there is none. */
unsigned source_column(const struct source *source, unsigned line, unsigned n);

/* The column of the option `name`, such as "not-after=", or `otherwise` if the line has none. */
unsigned source_option(const struct source *source, unsigned line, const char *name, unsigned otherwise);

/* Whether the line starts with this word. */
bool source_starts(const struct source *source, unsigned line, const char *word);

#endif
