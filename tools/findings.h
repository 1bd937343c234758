/* What is wrong or unwise in one policy: a list that is sorted, filtered and told. */
#ifndef MTLSPIN_TOOLS_FINDINGS_H
#define MTLSPIN_TOOLS_FINDINGS_H

#include "source.h"
#include <jansson.h>

/* The warnings, by the names that --ignore and --json know. */
enum warning {
    NO_WARNING, /* an error */
    WARN_EXPIRED_RULE, WARN_EXPIRING_RULE, WARN_EXPIRED_ANCHOR, WARN_EXPIRING_ANCHOR, WARN_EXPIRED_LIST,
    WARN_EXPIRING_LIST, WARN_SHADOWED, WARN_DENIED, WARN_TWO_LABELS, WARN_SINGLE_PIN, WARN_THUMBPRINT, WARN_WEAK_KEY,
    WARN_WRITABLE, WARN_NO_RULES, WARN_FINGERPRINT, WARNINGS
};
extern const struct warning_name { const char *name, *purpose; } warning_names[WARNINGS];

struct finding {
    unsigned line, column; /* 0 = not about a line */
    enum warning warning;
    size_t number; /* in the order of the calls */
    char *message;
};

struct findings {
    struct finding *list;
    size_t count, room;
    size_t errors, warnings;
    unsigned ignored; /* a bit for each enum warning */
    bool failed;      /* out of memory */
};

/* Adds one; a warning that is ignored is not. The message must be fit for a terminal. */
void findings_error(struct findings *findings, unsigned line, unsigned column, const char *message);
void findings_warn(struct findings *findings, enum warning warning, unsigned line, unsigned column, const char *format, ...)
#if defined __GNUC__
    __attribute__((format(printf, 5, 6)))
#endif
    ;

/* Into the order of the file. A line with an error keeps no warnings: it is going to be another line. */
void findings_sort(struct findings *findings);

/* Prints each, with the line that it is about. `file` is fit for a terminal. */
void findings_print(const struct findings *findings, const char *file, const struct source *source, FILE *out);

/* A new array; NULL without memory. */
json_t *findings_json(const struct findings *findings, const char *file);

/* Forgets all but what is ignored. */
void findings_clear(struct findings *findings);

#endif
