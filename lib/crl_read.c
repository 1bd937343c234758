/* What a revocation list says, and which lists are refused: whoever misses an entry lets in somebody who is revoked. */
#include "crl_read.h"
#include "certificate.h"
#include "error.h"
#include "rule_key.h"
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN = 3 };

/* Whether every critical extension is one of the known ones. (RFC 5280, 5.2: a list with another must not be used to tell
   that a certificate is good.) */
static bool
all_known(const STACK_OF(X509_EXTENSION) *extensions, const int known[KNOWN])
{
    int at = -1;
    while ((at = X509v3_get_ext_by_critical(extensions, 1, at)) >= 0) {
        int i = 0;
        while (i < KNOWN && X509v3_get_ext_by_NID(extensions, known[i], -1) != at)
            i++;
        if (i == KNOWN)
            return false;
    }
    return true;
}

/* What is wrong with the list's extensions, as a sentence; NULL = nothing. */
static const char *
list_wrong(const X509_CRL *crl)
{
    static const int known[KNOWN] = { NID_authority_key_identifier, NID_crl_number, NID_issuer_alt_name };
    const STACK_OF(X509_EXTENSION) *extensions = X509_CRL_get0_extensions(crl);
    if (X509v3_get_ext_by_NID(extensions, NID_delta_crl, -1) >= 0)
        return "a delta list tells only what has changed; give the whole list";
    if (X509v3_get_ext_by_NID(extensions, NID_issuing_distribution_point, -1) >= 0)
        return "this list covers only a part of the certificates (issuing distribution point); give the whole list";
    return all_known(extensions, known)
        ? NULL
        : "this list has a critical extension that is not known here; ask the CA for a list without it";
}

static const char *
entry_wrong(const X509_REVOKED *entry)
{
    static const int known[KNOWN] = { NID_crl_reason, NID_invalidity_date, NID_hold_instruction_code };
    const STACK_OF(X509_EXTENSION) *extensions = X509_REVOKED_get0_extensions(entry);
    if (X509v3_get_ext_by_NID(extensions, NID_certificate_issuer, -1) >= 0)
        return "this list names certificates of other CAs (indirect); give the list of each CA";
    return all_known(extensions, known)
        ? NULL
        : "an entry of this list has a critical extension that is not known here; ask the CA for a list without it";
}

static const char *
read_dates(const X509_CRL *crl, struct mtlspin__crl *list)
{
    if (!mtlspin__unix_time(X509_CRL_get0_lastUpdate(crl), &list->this_update))
        return "the date of this list cannot be read; ask the CA for a new list";
    if (X509_CRL_get0_nextUpdate(crl) == NULL)
        return "this list has no nextUpdate, so nobody could tell that it is old; have the CA set one";
    if (!mtlspin__unix_time(X509_CRL_get0_nextUpdate(crl), &list->next_update))
        return "the nextUpdate of this list cannot be read; ask the CA for a new list";
    return list->next_update < list->this_update ? "this list ends before it begins; ask the CA for a new list" : NULL;
}

static int
compare(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* Every entry counts, whatever its date or reason. */
static const char *
read_entries(struct stack_st_X509_REVOKED *entries, struct mtlspin__crl *list)
{
    int count = sk_X509_REVOKED_num(entries);
    if (count <= 0)
        return NULL;
    list->serials = calloc((size_t)count, sizeof *list->serials);
    if (list->serials == NULL)
        return "out of memory";
    for (int i = 0; i < count; i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        struct mtlspin_pin serial;
        const char *wrong = entry_wrong(entry);
        if (wrong != NULL)
            return wrong;
        if (!mtlspin__integer_serial(X509_REVOKED_get0_serialNumber(entry), &serial))
            return "an entry of this list has a serial number of more than 32 bytes; ask the CA for a list without it";
        if (!mtlspin__serial_key(&serial, NULL, list->serials[list->count++]))
            return "a serial number cannot be hashed";
    }
    qsort(list->serials, list->count, sizeof *list->serials, compare);
    return NULL;
}

enum mtlspin_status
mtlspin__crl_read(X509_CRL *crl, const char *name, struct mtlspin__crl *list, struct mtlspin_error *error)
{
    unsigned char *der = NULL;
    const char *wrong = list_wrong(crl);
    if (wrong == NULL)
        wrong = read_dates(crl, list);
    if (wrong == NULL)
        wrong = read_entries(X509_CRL_get_REVOKED(crl), list);
    if (wrong == NULL) {
        int length = i2d_X509_CRL(crl, &der);
        wrong = mtlspin__der_digest(der, length, list->digest) ? NULL : "the digest of this list cannot be made";
    }
    return wrong == NULL ? MTLSPIN_OK : mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE, "%s: %s", name, wrong);
}
