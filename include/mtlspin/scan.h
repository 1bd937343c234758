/* A policy file read aloud: what it says, and every mistake in it. For programs that check, list or explain policies.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_SCAN_H
#define MTLSPIN_SCAN_H

#include <mtlspin/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One `allow` or `deny` line. Everything is borrowed until the callback returns. Fields may be added at the end in later
   versions. Since: 0.4.0 */
struct mtlspin_scan_rule {
    const char *domain;     /* the trust domain it is in, "" is the unnamed one, "?" one whose header has a mistake;
                               NULL = a denial, which holds in all */
    enum mtlspin_kind kind;
    struct mtlspin_pin pin; /* MTLSPIN_SPKI, _THUMBPRINT, _SERIAL, _CA_SPKI (then pin.kind is MTLSPIN_SPKI); else zeroed */
    const char *name;       /* MTLSPIN_EMAIL, _URI, _DNS: the name as it is compared; else NULL */
    const uint8_t *issuer;  /* MTLSPIN_SERIAL: 32 bytes, SHA-256 of the issuing CA's SPKI, or NULL: from every issuer */
    const char *label;      /* "" = none */
    int64_t not_before;     /* Unix time; INT64_MIN = no limit */
    int64_t not_after;      /* Unix time; INT64_MAX = no limit */
    unsigned line, column;  /* of the value (`any`: of that word); 1 = first, in bytes */
};

/* One trust domain, after its last line. Borrowed and extended as above. Since: 0.4.0 */
struct mtlspin_scan_domain {
    const char *name;    /* "" is the unnamed one, "?" one whose header has a mistake */
    unsigned line;       /* of its header; the unnamed one's: of the first line in it */
    int chain_none;      /* 1 under `chain none` */
    int report_only;     /* 1 under `mode report-only` */
    int application;     /* 1 under `ca application` */
    int partial_chain;   /* 1 under `partial-chain yes` */
    size_t hosts;        /* number of `host` lines */
    int64_t crl_grace;   /* seconds */
};

/* What is to be told; start from MTLSPIN_SCAN_INIT and set what you want: a NULL is not called. The calls come in the order
   of the file, in the thread that scans; but a mistake of a whole domain (settings that do not go together, lists that are
   not by its CAs, rules that contradict each other) is told when its settings or the domain are complete, and denials that
   contradict each other at the very end. Since: 0.4.0 */
struct mtlspin_scan {
    size_t size;   /* sizeof(struct mtlspin_scan), set by MTLSPIN_SCAN_INIT */
    void *context; /* given to every call */

    /* A reading begins. Where files change while they are read, there is another: forget what was told before. Where they
       never come to rest, it is called once more in the end, and nothing counts. */
    void (*start)(void *context);

    /* A mistake, with file, line and column as mtlspin_policy_load gives them. Reading goes on behind it, as if the line
       were not there; what can only follow from it is not told. Settings of a domain that do not go together are told
       one by one, each at the line that is to blame; of several mistakes in one line the first is told. */
    void (*mistake)(void *context, const struct mtlspin_error *error);

    /* A rule without mistake of its own. */
    void (*rule)(void *context, const struct mtlspin_scan_rule *rule);

    /* A trust anchor (take a reference of your own to keep it), at the line that names it. An anchor that its domain has
       already is not told again. `system`: 1 = by `ca system`. */
    void (*anchor)(void *context, X509 *certificate, unsigned line, int system);

    /* A revocation list (the same), at the line that names it. */
    void (*list)(void *context, X509_CRL *list, unsigned line);

    /* The end of a domain: what was told since the end of the one before, denials apart, is in it. */
    void (*domain)(void *context, const struct mtlspin_scan_domain *domain);

    /* At the end: a file or directory that was read, the policy's own first (not of mtlspin_policy_scan_text, which reads
       none); perhaps more than once. */
    void (*file)(void *context, const char *path);
};

#ifdef __cplusplus
#define MTLSPIN_SCAN_INIT { sizeof(struct mtlspin_scan), 0, 0, 0, 0, 0, 0, 0, 0 }
#else
#define MTLSPIN_SCAN_INIT { .size = sizeof(struct mtlspin_scan) }
#endif

/* Reads a policy file as mtlspin_policy_load does, but goes on behind mistakes and tells what it reads. Returns the same
   policy, or NULL where that call would: `error` is then the first mistake in the order of the calls, or what kept the file
   from being read at all (then no mistake was told), or MTLSPIN_ERR_MEMORY if the reading had to end early. Checks no more
   than mtlspin_policy_load: what is foolish but no mistake, such as a rule that has expired, is for the caller to find.
   `scan` is borrowed for the call.
   A new reference, release with mtlspin_policy_unref. Thread-safe. Since: 0.4.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_policy *mtlspin_policy_scan(const char *path,
    const struct mtlspin_scan *scan, struct mtlspin_error *error);

/* The same from `length` bytes of text, as mtlspin_policy_parse. Since: 0.4.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_policy *mtlspin_policy_scan_text(const void *text, size_t length,
    const char *name, const struct mtlspin_scan *scan, struct mtlspin_error *error);

#ifdef __cplusplus
}
#endif

#endif
