/* Policies of any length, for measurements: three domains with an anchor each, and clients of the tests' PKI among rules
   that name nobody. */
#ifndef TESTS_BENCH_RULES_H
#define TESTS_BENCH_RULES_H

#include <stddef.h>

enum rules_form {
    RULES_MIX,      /* all kinds, unsorted: half SPKI, a quarter thumbprints, the rest serial numbers and names; labels */
    RULES_BARE,     /* SPKI, without labels */
    RULES_LABELLED, /* SPKI, each with a label of its own */
    RULES_OPTIONS   /* SPKI, each with a label and dates of its own */
};

struct rules {
    size_t count; /* all together */
    enum rules_form form;
    const char *const *clients; /* who gets a rule by SPKI, in the middle of the second domain; ends with NULL */
};

/* Those with whom handshakes are measured: P-256 and RSA-2048. */
extern const char *const rules_clients[];

/* The same text each time. */
void rules_write(const struct rules *rules, const char *path);

#endif
