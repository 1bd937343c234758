/* The builder's inside, for its own files and for the policy parser. */
#ifndef MTLSPIN_LIB_BUILDER_H
#define MTLSPIN_LIB_BUILDER_H

#include "policy.h"
#include <mtlspin/builder.h>

/* Which argument of the failed call is to blame, so that the parser can point at it. */
enum mtlspin__culprit {
    MTLSPIN__CALL,
    MTLSPIN__KIND,
    MTLSPIN__VALUE,
    MTLSPIN__LABEL,
    MTLSPIN__ISSUER,
    MTLSPIN__DATE,
    MTLSPIN__PLACED
};

/* Settings that a domain has been given. */
enum mtlspin__setting {
    MTLSPIN__SET_CHAIN = 1,
    MTLSPIN__SET_DEPTH = 2,
    MTLSPIN__SET_LIFETIME = 4,
    MTLSPIN__SET_PARTIAL = 8,
    MTLSPIN__SET_STRICT = 16,
    MTLSPIN__SET_LEVEL = 32,
    MTLSPIN__SET_MODE = 64,
    MTLSPIN__SET_GRACE = 128
};

struct mtlspin_builder {
    struct mtlspin_policy *policy;  /* as far as it has come */
    struct mtlspin__domain *domain; /* the current one; NULL = none yet */
    unsigned given;                 /* enum mtlspin__setting of the current domain */
    enum mtlspin_status failed;     /* of the first call that failed */

    const char *file;     /* set by the parser, borrowed: what paths are relative to; NULL = the current directory */
    unsigned line;        /* set by the parser; 0 = built in code, rules count themselves */
    unsigned rule_number;

    enum mtlspin__culprit culprit; /* of the failed call; MTLSPIN__PLACED: it is about failed_line */
    unsigned failed_line;

    char *issuer; /* the last issuer that was looked up, since a file of rules names the same one again and again */
    uint8_t issuer_spki[32];
};

/* Starts every public call: clears `error` and fails if an earlier call did. */
enum mtlspin_status mtlspin__builder_begin(struct mtlspin_builder *builder, struct mtlspin_error *error);

/* Ends a call that failed: poisons the builder. Returns `status`. */
enum mtlspin_status mtlspin__builder_fail(struct mtlspin_builder *builder, enum mtlspin__culprit culprit,
    enum mtlspin_status status);

/* The current domain, or the unnamed one if there is none yet; NULL (and poisoned) if out of memory. */
struct mtlspin__domain *mtlspin__builder_current(struct mtlspin_builder *builder, struct mtlspin_error *error);

/* Checks that the current domain's settings agree, before its first rule and at its end. */
enum mtlspin_status mtlspin__builder_settle(struct mtlspin_builder *builder, struct mtlspin_error *error);

/* 1 to 127 bytes of printable UTF-8. */
enum mtlspin_status mtlspin__label_check(const char *label, struct mtlspin_error *error);

#endif
