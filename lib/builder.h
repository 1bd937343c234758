/* The builder's inside, for its own files and for the policy parser. */
#ifndef MTLSPIN_LIB_BUILDER_H
#define MTLSPIN_LIB_BUILDER_H

#include "policy.h"
#include "scan.h"
#include <mtlspin/builder.h>

/* Which argument of the failed call is to blame, so that the parser can point at it. */
enum mtlspin__culprit {
    MTLSPIN__CALL,
    MTLSPIN__KIND,
    MTLSPIN__VALUE,
    MTLSPIN__LABEL,
    MTLSPIN__ISSUER,
    MTLSPIN__DATE
};

/* Settings of a domain. */
enum mtlspin__setting {
    /* given once */
    MTLSPIN__SET_CHAIN,
    MTLSPIN__SET_DEPTH,
    MTLSPIN__SET_LIFETIME,
    MTLSPIN__SET_PARTIAL,
    MTLSPIN__SET_STRICT,
    MTLSPIN__SET_LEVEL,
    MTLSPIN__SET_MODE,
    MTLSPIN__SET_GRACE,

    /* given repeatedly */
    MTLSPIN__SET_HOST,
    MTLSPIN__SET_CRL,
    MTLSPIN__SET_CA,           /* of any kind; some of them are also: */
    MTLSPIN__SET_SYSTEM,
    MTLSPIN__SET_APPLICATION,
    MTLSPIN__SET_INTERMEDIATE, /* an anchor that is not self-signed */
    MTLSPIN__SETTINGS
};

/* Where a statement stands; zeroed: in no file. */
struct mtlspin__spot {
    unsigned line, column;
};

struct mtlspin_builder {
    struct mtlspin_policy *policy;  /* as far as it has come */
    struct mtlspin__domain *domain; /* the current one; NULL = none yet */
    unsigned given;                 /* of the current domain: bit 1 << enum mtlspin__setting */
    struct mtlspin__spot spots[MTLSPIN__DOMAINS_MAX][MTLSPIN__SETTINGS]; /* of each domain: where it was given first */
    enum mtlspin_status failed;     /* of the first call that failed */

    const char *file;     /* set by the parser, borrowed: what paths are relative to; NULL = the current directory */
    unsigned line;        /* set by the parser; 0 = built in code, rules count themselves */
    unsigned margin;      /* set by the parser: column of the line's first word */
    unsigned column;      /* set by the parser: of the rule's value */
    unsigned rule_number;
    bool ruled;           /* the current domain has had its first rule */

    enum mtlspin__culprit culprit; /* of the failed call */

    struct mtlspin__scan scan; /* set by the parser */
    bool damaged;  /* a setting of the current domain was overlooked: what is missing may be what it meant to say */
    bool doubtful; /* the same of any domain so far */
    bool closed;   /* the current domain is complete */

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

/* Puts the mistake in `error` at that line and column (0 = none), unless it has a place already. Where every mistake is
   wanted, tells of it and goes on with MTLSPIN_OK. Else returns `status`. */
enum mtlspin_status mtlspin__builder_overlook(struct mtlspin_builder *builder, unsigned line, unsigned column,
    enum mtlspin_status status, struct mtlspin_error *error);

/* Opens a domain behind the current one. */
enum mtlspin_status mtlspin__builder_open(struct mtlspin_builder *builder, const char *name, struct mtlspin_error *error);

/* Where the settings of a domain were given, by enum mtlspin__setting. */
struct mtlspin__spot *mtlspin__builder_spots(struct mtlspin_builder *builder, const struct mtlspin__domain *domain);

/* Checks that the current domain's settings agree, before its first rule and at its end: a mistake is placed at the line
   that is to blame, at `missing` if that is one which is not there, and overlooked where every mistake is wanted. */
enum mtlspin_status mtlspin__builder_settle(struct mtlspin_builder *builder, struct mtlspin__spot missing,
    struct mtlspin_error *error);

/* Ends the current domain. */
enum mtlspin_status mtlspin__builder_close(struct mtlspin_builder *builder, struct mtlspin_error *error);

/* In place of a domain whose header was overlooked, so that the lines behind it do not count as the domain's before. */
enum mtlspin_status mtlspin__builder_open_anyway(struct mtlspin_builder *builder, struct mtlspin_error *error);

/* 1 to 127 bytes of printable UTF-8. */
enum mtlspin_status mtlspin__label_check(const char *label, struct mtlspin_error *error);

#endif
