/* What the parts of the policy parser share: the line at hand, and mistakes at their place. */
#ifndef MTLSPIN_LIB_POLICY_PARSER_H
#define MTLSPIN_LIB_POLICY_PARSER_H

#include "builder.h"
#include "policy_line.h"

struct mtlspin__parser {
    struct mtlspin_builder *builder;
    const char *name;
    struct mtlspin__line line;
    unsigned number;
    bool header;    /* the current line starts as a domain's header does */
    unsigned given; /* of the builder, before the current line */
    const struct mtlspin__word *value, *label, *issuer, *date; /* what the current line has of these */
    bool any;                                                  /* a statement was seen */
    struct mtlspin_error *error;
};

/* Puts a failure at a column of the current line; returns `status`. */
enum mtlspin_status mtlspin__fail_at(struct mtlspin__parser *p, unsigned column, enum mtlspin_status status);

/* A mistake in a word, which `what` may show with %s. */
enum mtlspin_status mtlspin__fail_word(struct mtlspin__parser *p, const struct mtlspin__word *word, const char *what);

/* Puts a failure of the builder at the word that is to blame; returns `status`. */
enum mtlspin_status mtlspin__place(struct mtlspin__parser *p, enum mtlspin_status status);

#endif
