/* Warnings about trust anchors and revocation lists: dates and keys. */
#include "lint.h"
#include "subject.h"
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { STRENGTH = 112 }; /* bits: RSA of 2048 (NIST SP 800-57, part 1, table 2) */

static int64_t
seconds_of(const ASN1_TIME *time, int64_t otherwise)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, rest = 0;
    bool good = epoch != NULL && time != NULL && ASN1_TIME_diff(&days, &rest, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    return good ? (int64_t)days * 86400 + rest : otherwise;
}

static bool
ends_soon(const struct lint *lint, int64_t end)
{
    return end - lint->at <= lint->within;
}

/* Lists are made for a day or a week, and renewed all the time: unless the operator asked for a time, one that is made for
   less than that is late only when more than half of its own time is over. */
static bool
list_ends_soon(const struct lint *lint, int64_t begin, int64_t end)
{
    bool fleeting = !lint->asked && end - begin < lint->within;
    return ends_soon(lint, end) && (!fleeting || end - lint->at < (end - begin) / 2);
}

/* Anchors. */

static void
warn_anchor_dates(const struct lint *lint, const struct anchor *anchor, const char *name)
{
    char when[WHEN_SIZE], days[WHEN_SIZE];
    unsigned column = source_column(lint->source, anchor->line, 1);
    int64_t end = seconds_of(X509_get0_notAfter(anchor->certificate), INT64_MAX / 4);
    if (end < lint->at)
        findings_warn(lint->findings, WARN_EXPIRED_ANCHOR, anchor->line, column,
            "the anchor %s expired on %s, and nobody gets in through it; put its successor in its place, or take it out",
            name, when_text(end, when));
    else if (ends_soon(lint, end))
        findings_warn(lint->findings, WARN_EXPIRING_ANCHOR, anchor->line, column,
            "the anchor %s expires %s, on %s, and nobody gets in through it then; add its successor before",
            name, days_text(end - lint->at, days), when_text(end, when));
}

static void
warn_weak_key(const struct lint *lint, const struct anchor *anchor, const char *name)
{
    const EVP_PKEY *key = X509_get0_pubkey(anchor->certificate);
    int strength = key != NULL ? EVP_PKEY_get_security_bits(key) : 0;
    const char *kind = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
    if (strength > 0 && strength < STRENGTH)
        findings_warn(lint->findings, WARN_WEAK_KEY, anchor->line, source_column(lint->source, anchor->line, 1),
            "the anchor %s has a weak key (%s, %d bits): who breaks it can make any certificate; have a new CA made with "
            "EC P-256 or with RSA of 3072 bits, and name that", name, kind != NULL ? kind : "?", EVP_PKEY_get_bits(key));
}

/* Revocation lists. Of each CA the list that lasts longest counts: older ones may lie about. */

struct dated {
    const struct list *list;
    const X509_NAME *issuer;
    AUTHORITY_KEYID *key; /* may be NULL, or without a key identifier */
    int64_t begin, end;   /* the latter with crl-grace */
    bool replaced;        /* by another list of the same CA */
};

static const ASN1_OCTET_STRING *
key_of(const struct dated *dated)
{
    return dated->key != NULL ? dated->key->keyid : NULL;
}

static int
compare_ends(const struct dated *a, const struct dated *b)
{
    return (a->end < b->end) - (a->end > b->end);
}

/* Lists that do not tell their key come first. */
static int
compare_keys(const void *left, const void *right)
{
    const struct dated *a = left, *b = right;
    const ASN1_OCTET_STRING *x = key_of(a), *y = key_of(b);
    int order = x != NULL && y != NULL ? ASN1_OCTET_STRING_cmp(x, y) : (x != NULL) - (y != NULL);
    return order != 0 ? order : compare_ends(a, b);
}

static int
compare_names(const void *left, const void *right)
{
    const struct dated *a = left, *b = right;
    int order = X509_NAME_cmp(a->issuer, b->issuer);
    if (order == 0)
        order = (key_of(a) != NULL) - (key_of(b) != NULL);
    return order != 0 ? order : compare_ends(a, b);
}

/* A CA that was renamed has lists of two names by one key. */
static void
compare_by_key(struct dated *dated, size_t count)
{
    qsort(dated, count, sizeof *dated, compare_keys);
    for (size_t i = 1; i < count; i++)
        dated[i].replaced = key_of(&dated[i - 1]) != NULL
            && ASN1_OCTET_STRING_cmp(key_of(&dated[i - 1]), key_of(&dated[i])) == 0;
}

/* A list that does not tell its key may be replaced by any of the same name, and may replace any. */
static void
compare_by_name(struct dated *dated, size_t count)
{
    size_t end = 0;
    qsort(dated, count, sizeof *dated, compare_names);
    for (size_t at = 0; at < count; at = end) {
        for (end = at + 1; end < count && X509_NAME_cmp(dated[at].issuer, dated[end].issuer) == 0;)
            end++;
        for (size_t i = at; i < end && key_of(&dated[i]) == NULL; i++)
            dated[i].replaced = i > at || key_of(&dated[end - 1]) != NULL;
        for (size_t i = at; i < end && key_of(&dated[at]) == NULL; i++)
            dated[i].replaced |= key_of(&dated[i]) != NULL && dated[at].end >= dated[i].end;
    }
}

static void
warn_list(const struct lint *lint, const struct dated *dated, bool grace)
{
    char name[SUBJECT_SIZE], when[WHEN_SIZE], days[WHEN_SIZE];
    unsigned line = dated->list->line, column = source_column(lint->source, line, 1);
    const char *with = grace ? " (crl-grace included)" : "";
    if (dated->end < lint->at)
        findings_warn(lint->findings, WARN_EXPIRED_LIST, line, column,
            "the revocation list of %s expired on %s%s, and its certificates are refused; fetch that CA's new list",
            subject_text(dated->issuer, name), when_text(dated->end, when), with);
    else if (list_ends_soon(lint, dated->begin, dated->end))
        findings_warn(lint->findings, WARN_EXPIRING_LIST, line, column,
            "the revocation list of %s expires %s, on %s%s, and its certificates are refused then; fetch that CA's new "
            "list before", subject_text(dated->issuer, name), days_text(dated->end - lint->at, days),
            when_text(dated->end, when), with);
}

static void
warn_lists(const struct lint *lint, const struct domain *domain)
{
    const struct list *lists = lint->survey->lists + domain->list;
    struct dated *dated = calloc(domain->lists, sizeof *dated);
    lint->findings->failed |= dated == NULL;
    for (size_t i = 0; dated != NULL && i < domain->lists; i++) {
        const X509_CRL *crl = lists[i].crl;
        int64_t begin = seconds_of(X509_CRL_get0_lastUpdate(crl), INT64_MIN / 4);
        int64_t end = seconds_of(X509_CRL_get0_nextUpdate(crl), INT64_MAX / 4);
        dated[i] = (struct dated){ &lists[i], X509_CRL_get_issuer(crl),
            X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL), begin, end + domain->crl_grace, false };
    }
    if (dated == NULL)
        return;
    compare_by_key(dated, domain->lists);
    compare_by_name(dated, domain->lists);
    for (size_t i = 0; i < domain->lists; i++) {
        if (!dated[i].replaced)
            warn_list(lint, &dated[i], domain->crl_grace > 0);
        AUTHORITY_KEYID_free(dated[i].key);
    }
    free(dated);
}

void
lint_certificates(const struct lint *lint)
{
    const struct survey *survey = lint->survey;
    char name[SUBJECT_SIZE];
    for (size_t i = 0; i < survey->anchor_count; i++) {
        const struct anchor *anchor = &survey->anchors[i];
        if (anchor->system)
            continue; /* the system's affair */
        (void)subject_text(X509_get_subject_name(anchor->certificate), name);
        warn_anchor_dates(lint, anchor, name);
        warn_weak_key(lint, anchor, name);
    }
    for (size_t i = 0; i < survey->domain_count; i++)
        if (survey->domains[i].lists > 0)
            warn_lists(lint, &survey->domains[i]);
}
