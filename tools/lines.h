/* The policy lines for a thing. Whoever made a certificate chose the names in it, so a line with such a name is proposed as
   a comment, for somebody to read before it grants anything. So is, whatever its label, a line for what a server sent, but
   for its own certificate if that was verified, and for one of several peers that are in one place. */
#ifndef MTLSPIN_TOOLS_LINES_H
#define MTLSPIN_TOOLS_LINES_H

#include "things.h"
#include <jansson.h>

struct lines {
    const char *as;    /* "allow-spki", "allow-thumbprint" or "allow-serial": those alone; NULL: all */
    const char *label; /* the operator's own; NULL: one is proposed */
    const char *other; /* the file of a CA that has not issued what has no issuer; NULL: none was given */
    bool peers;        /* a peer's certificate is among the things; set by lines_begin */
    char doubt[300];   /* why lines stay comments whatever the label, and what to do; "": they need not; by lines_begin */
    json_t *seen;      /* what has had its line: the same twice under two labels is an error in a policy */
};

/* Looks at the things of another source. */
void lines_begin(struct lines *lines, const struct things *things);

/* Puts "policy_lines" and "notes", two arrays of strings, into the facts. Returns how many lines there are for
   it, one that has been printed already included. */
size_t lines_add(struct lines *lines, const struct things *things, const struct thing *thing, json_t *facts);

/* Whether a policy takes it for a label. */
bool is_label(const char *text);

#endif
