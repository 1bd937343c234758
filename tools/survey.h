/* Everything that one reading of a policy told, kept for looking at it as a whole. */
#ifndef MTLSPIN_TOOLS_SURVEY_H
#define MTLSPIN_TOOLS_SURVEY_H

#include "findings.h"
#include <mtlspin/mtlspin.h>

/* What a rule names. Bytes alone: two that are alike name the same. */
struct subject {
    uint8_t kind; /* enum mtlspin_kind */
    uint8_t negative, length, has_issuer;
    uint8_t key[32]; /* digest or serial number; of a name its SHA-256; zeroed for `any` */
    uint8_t issuer[32];
};

struct rule {
    struct subject subject;
    unsigned domain; /* index; a denial's is 0 */
    unsigned line, column;
    bool dead;       /* a warning says already that it never matters */
    size_t label;    /* offset in `labels` */
    int64_t not_before, not_after;
};

struct rules {
    struct rule *list;
    size_t count, room;
    size_t kinds[MTLSPIN_ANY + 1];
};

struct anchor { X509 *certificate; unsigned domain, line; bool system; };
struct list { X509_CRL *crl; unsigned domain, line; };

struct domain {
    char name[MTLSPIN_DOMAIN_SIZE];
    unsigned line;
    bool chain_none, report_only, application, partial_chain;
    size_t hosts;
    int64_t crl_grace;
    size_t rule, rules, anchor, anchors, list, lists; /* first of each, and how many */
};

struct survey {
    struct rules allow, deny;
    char *labels;
    size_t labels_length, labels_room;
    struct anchor *anchors;
    struct list *lists;
    struct domain *domains;
    char **files;
    size_t anchor_count, list_count, domain_count, file_count;
    EVP_MD *sha256;
    bool failed;      /* out of memory */
    bool unreadable;  /* `error` says why there is nothing to judge */
    struct mtlspin_error error;
};

/* Scans the file, or with `text` not NULL what stands there, under the name `path`. Mistakes go to `findings`. */
void survey_take(struct survey *survey, struct findings *findings, const char *path, const struct source *text);
void survey_clear(struct survey *survey);

const char *survey_label(const struct survey *survey, const struct rule *rule);

#endif
