#include "near_name.h"
#include <mtlspin/name.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* In normal form, or what no rule can have (a wildcard, say) as it stands. Text with a zero byte is no name at all, and the
   library refuses its owner. */
static char *
spell(enum mtlspin_kind kind, const char *name, size_t length)
{
    char normal[MTLSPIN_NAME_SIZE];
    return mtlspin_name_normal(kind, name, length, normal, NULL) == MTLSPIN_OK ? strdup(normal) : strndup(name, length);
}

static bool
add(struct near_names *names, enum mtlspin_kind kind, bool subject, const unsigned char *bytes, int length)
{
    if (length <= 0 || memchr(bytes, 0, (size_t)length) != NULL)
        return true;
    struct near_name *list = realloc(names->list, (names->count + 1) * sizeof *list);
    if (list == NULL)
        return false;
    names->list = list;
    char *text = spell(kind, (const char *)bytes, (size_t)length);
    if (text == NULL)
        return false;
    list[names->count++] = (struct near_name){ kind, subject, text };
    return true;
}

static bool
read_alternative(struct near_names *names, const GENERAL_NAME *name)
{
    enum mtlspin_kind kind = name->type == GEN_EMAIL ? MTLSPIN_EMAIL
        : name->type == GEN_URI                      ? MTLSPIN_URI
        : name->type == GEN_DNS                      ? MTLSPIN_DNS
                                                     : MTLSPIN_KIND_NONE;
    names->uris += kind == MTLSPIN_URI;
    return kind == MTLSPIN_KIND_NONE
        || add(names, kind, false, ASN1_STRING_get0_data(name->d.ia5), ASN1_STRING_length(name->d.ia5));
}

static bool
read_alternatives(struct near_names *names, const X509 *certificate)
{
    GENERAL_NAMES *list = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool good = true;
    for (int i = 0; good && i < sk_GENERAL_NAME_num(list); i++)
        good = read_alternative(names, sk_GENERAL_NAME_value(list, i));
    GENERAL_NAMES_free(list);
    return good;
}

static bool
read_subject(struct near_names *names, const X509_NAME *subject, int nid, enum mtlspin_kind kind)
{
    bool good = true;
    int at = -1;
    while (good && (at = X509_NAME_get_index_by_NID(subject, nid, at)) >= 0) {
        unsigned char *text = NULL;
        int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        good = add(names, kind, true, text, length);
        OPENSSL_free(text);
    }
    return good;
}

bool
near_names_read(struct near_names *names, const X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    bool good = read_alternatives(names, certificate) && read_subject(names, subject, NID_commonName, MTLSPIN_DNS)
        && read_subject(names, subject, NID_pkcs9_emailAddress, MTLSPIN_EMAIL);
    ERR_clear_error();
    return good;
}

void
near_names_clear(struct near_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i].text);
    free(names->list);
    memset(names, 0, sizeof *names);
}

/* "*.apps.example" covers names of exactly one label more. */
static bool
covers(const char *pattern, const char *name)
{
    const char *dot = strchr(name, '.');
    return strncmp(pattern, "*.", 2) == 0 && dot != NULL && strcasecmp(pattern + 1, dot) == 0;
}

static enum likeness
compare(const struct near_name *own, enum mtlspin_kind kind, const char *name)
{
    bool alike = strcasecmp(own->text, name) == 0;
    if (own->subject && alike)
        return own->kind == MTLSPIN_EMAIL ? LIKE_SUBJECT_EMAIL : LIKE_COMMON_NAME;
    if (own->subject)
        return LIKE_NOTHING;
    if (own->kind != kind)
        return alike ? LIKE_OTHER_KIND : LIKE_NOTHING;
    if (strcmp(own->text, name) == 0)
        return LIKE_SAME;
    if (alike)
        return LIKE_OTHER_CASE;
    return kind == MTLSPIN_DNS && covers(own->text, name) ? LIKE_WILDCARD : LIKE_NOTHING;
}

enum likeness
near_names_find(const struct near_names *names, enum mtlspin_kind kind, const char *name)
{
    enum likeness best = LIKE_NOTHING;
    for (size_t i = 0; i < names->count; i++) {
        enum likeness likeness = compare(&names->list[i], kind, name);
        best = likeness > best ? likeness : best;
    }
    return best;
}
