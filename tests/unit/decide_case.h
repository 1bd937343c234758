/* Policies and evidence for the decision, written down as numbers: each key of 32 bytes is one number. */
#ifndef TESTS_DECIDE_CASE_H
#define TESTS_DECIDE_CASE_H

#include "decide.h"

enum { NOW = 1000, CHAIN_END = 5000 }; /* the moment of the decision; when the chain of make_evidence expires */

/* The keys of what make_evidence makes: leaf, CA, root. ALMOST one of them differs from it in the last byte alone. */
enum {
    NO_KEY = 0, /* of MTLSPIN_ANY */
    LEAF, CA, ROOT, OUTSIDE,
    LEAF_SERIAL, CA_SERIAL, ROOT_SERIAL,
    LEAF_ISSUED, CA_ISSUED, ROOT_ISSUED, /* serial numbers together with their issuers */
    THUMBPRINT, EMAIL, URI, SECOND_URI, DNS,
    ALMOST = 0x100
};

/* In what evidence differs from that of a good peer. */
enum {
    ZEROED = 1,
    INCOMPLETE = 2,
    MALFORMED = 4,
    UNVERIFIED = 8,
    NO_CHAIN = 16,
    LEAF_ALONE = 32, /* the chain has one certificate */
    LEAF_IS_CA = 64,
    NO_ISSUER = 128,
    NO_THUMBPRINT = 256,
    NO_NAMES = 512,
    TWO_URIS = 1024
};

/* A rule without a kind is none; one without dates holds always. */
struct rule {
    enum mtlspin_kind kind;
    int key;
    unsigned line;
    const char *label;
    int64_t from, to;
    bool spiffe;
};

/* Adds up to `count` rules to an empty table and seals it; release with mtlspin__rules_clear. */
void make_table(struct mtlspin__rule_table *table, const struct rule *rules, int count);

/* The names live as long as the program. */
void make_evidence(struct mtlspin__evidence *evidence, unsigned differences, enum mtlspin_reason chain_reason);

#endif
