/* Evidence out of certificates: digests, names, and what makes a name untrustworthy. */
#include "evidence_x509.h"
#include "anchors.h"
#include "certificate.h"
#include "certificate_keys.h"
#include "known_cas.h"
#include "name.h"
#include "rule_key.h"
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static bool
bytes_are_clean(const ASN1_STRING *text)
{
    int length = ASN1_STRING_length(text);
    return length <= 0 || memchr(ASN1_STRING_get0_data(text), 0, (size_t)length) == NULL;
}

/* For encodings in which a zero byte is nothing unusual. What cannot be read counts as unclean. */
static bool
characters_are_clean(const ASN1_STRING *text)
{
    unsigned char *utf8 = NULL;
    int length = ASN1_STRING_to_UTF8(&utf8, text);
    bool clean = length >= 0 && (length == 0 || memchr(utf8, 0, (size_t)length) == NULL);
    OPENSSL_free(utf8);
    return clean;
}

/* A zero character in a name is there to deceive whoever takes the name for a C string. */
static bool
text_is_clean(int type, const ASN1_STRING *text)
{
    switch (type) {
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
    case V_ASN1_UTF8STRING: return characters_are_clean(text);
    case V_ASN1_NUMERICSTRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_VIDEOTEXSTRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_GRAPHICSTRING:
    case V_ASN1_VISIBLESTRING:
    case V_ASN1_GENERALSTRING: return bytes_are_clean(text);
    default: return true; /* no text */
    }
}

static bool
distinguished_name_is_clean(const X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
        if (!text_is_clean(ASN1_STRING_type(text), text))
            return false;
    }
    return true;
}

static bool
general_name_is_clean(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_EMAIL:
    case GEN_DNS:
    case GEN_URI: return bytes_are_clean(name->d.ia5);
    case GEN_OTHERNAME: return text_is_clean(name->d.otherName->value->type, name->d.otherName->value->value.asn1_string);
    case GEN_DIRNAME: return distinguished_name_is_clean(name->d.directoryName);
    default: return true;
    }
}

static bool
names_are_clean(const GENERAL_NAMES *names)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (!general_name_is_clean(sk_GENERAL_NAME_value(names, i)))
            return false;
    return true;
}

static enum mtlspin_kind
kind_of(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_EMAIL: return MTLSPIN_EMAIL;
    case GEN_DNS: return MTLSPIN_DNS;
    case GEN_URI: return MTLSPIN_URI;
    default: return MTLSPIN_KIND_NONE;
    }
}

/* One name as a key; what has no comparable form (a wildcard, say) is a name that no rule can have. */
static bool
add_name(struct mtlspin__evidence *evidence, struct mtlspin__name *out, const GENERAL_NAME *name)
{
    char normal[MTLSPIN__NAME_SIZE];
    out->kind = kind_of(name);
    if (out->kind == MTLSPIN_KIND_NONE)
        return true;
    evidence->uri_count += out->kind == MTLSPIN_URI;
    const char *text = (const char *)ASN1_STRING_get0_data(name->d.ia5);
    if (!mtlspin__name_normal(out->kind, text, (size_t)ASN1_STRING_length(name->d.ia5), normal))
        return true;
    if (!mtlspin__name_key(out->kind, normal, out->key))
        return false;
    evidence->name_count++;
    return true;
}

static bool
collect_names(struct mtlspin__evidence *evidence, const GENERAL_NAMES *names)
{
    int count = sk_GENERAL_NAME_num(names);
    if (count <= 0)
        return true;
    struct mtlspin__name *list = calloc((size_t)count, sizeof *list);
    evidence->names = list;
    if (list == NULL)
        return false;
    for (int i = 0; i < count; i++)
        if (!add_name(evidence, &list[evidence->name_count], sk_GENERAL_NAME_value(names, i)))
            return false;
    return true;
}

/* false if out of memory or out of digests. */
static bool
examine_names(struct mtlspin__evidence *evidence, X509 *leaf, bool wanted)
{
    int state = 0; /* -1 absent, -2 there twice, else present */
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &state, NULL);
    bool good = true;
    evidence->malformed |= !distinguished_name_is_clean(X509_get_subject_name(leaf));
    if (names != NULL) {
        evidence->malformed |= !names_are_clean(names);
        good = !wanted || collect_names(evidence, names);
    } else if (state != -1) {
        evidence->malformed = true;
    }
    GENERAL_NAMES_free(names);
    return good;
}

bool
mtlspin__evidence_names(struct mtlspin__evidence *evidence, X509 *leaf, bool wanted)
{
    if (!evidence->examined) {
        evidence->complete = examine_names(evidence, leaf, wanted);
        evidence->listed |= wanted;
        evidence->examined = true;
    }
    return evidence->complete;
}

void
mtlspin__evidence_leaf(struct mtlspin__evidence *evidence, X509 *leaf, bool thumbprint)
{
    struct mtlspin_pin serial;
    memset(evidence, 0, sizeof *evidence);
    if (!mtlspin__keys_make(&evidence->chain[0], leaf, &serial))
        return;
    evidence->malformed = serial.kind == MTLSPIN_KIND_NONE;
    evidence->is_ca = (X509_get_extension_flags(leaf) & EXFLAG_CA) != 0;
    evidence->has_thumbprint = thumbprint && mtlspin__certificate_thumbprint(leaf, evidence->thumbprint);
    evidence->complete = !thumbprint || evidence->has_thumbprint;
}

/* What the chain ends in. The policy's own anchors were digested when it was loaded; a trust store of the program's holds
   others, and under `chain none` it is the leaf. */
static bool
add_anchor(struct mtlspin__evidence *evidence, X509 *certificate, const struct mtlspin__anchors *anchors)
{
    uint8_t digest[32];
    size_t depth = evidence->chain_count - 1, known = mtlspin__anchors_find(anchors, certificate);
    struct mtlspin__certificate_keys *keys = &evidence->chain[depth];
    struct mtlspin_pin serial;
    if (known < anchors->count) {
        *keys = anchors->keys[known];
        memcpy(evidence->anchor, anchors->digests[known] + 32, sizeof evidence->anchor);
        return true;
    }
    if (!mtlspin__certificate_anchor(certificate, digest))
        return false;
    memcpy(evidence->anchor, digest, sizeof evidence->anchor);
    return (depth == 0 || mtlspin__keys_make(keys, certificate, &serial)) /* the leaf has its own already */
        && mtlspin__keys_add_issuer(keys, certificate, NULL);
}

/* The keys of a certificate below the anchor, when those above it have theirs. */
static bool
add_keys(struct mtlspin__evidence *evidence, size_t depth, X509 *certificate, const struct mtlspin__anchors *anchors)
{
    struct mtlspin__certificate_keys *keys = &evidence->chain[depth];
    return depth == 0 ? mtlspin__keys_add_issuer(keys, certificate, keys + 1)
                      : mtlspin__known_cas_keys(anchors->known_cas, keys, certificate, keys + 1);
}

static bool
limit(struct mtlspin__evidence *evidence, const X509 *certificate)
{
    int64_t not_after = 0;
    if (!mtlspin__certificate_end(certificate, &not_after))
        return false;
    if (not_after - 1 < evidence->not_after)
        evidence->not_after = not_after - 1; /* in the second of notAfter itself, X509_verify_cert says expired */
    return true;
}

bool
mtlspin__evidence_chain(struct mtlspin__evidence *evidence, STACK_OF(X509) *chain, const struct mtlspin__anchors *anchors)
{
    int count = sk_X509_num(chain);
    evidence->chain_count = 0;
    evidence->not_after = INT64_MAX;
    evidence->chain[0].has_issuer = false;
    if (count < 1 || count > MTLSPIN__CHAIN_MAX)
        return false;
    evidence->chain_count = (size_t)count;
    bool good = add_anchor(evidence, sk_X509_value(chain, count - 1), anchors);
    for (int i = count - 2; good && i >= 0; i--)
        good = add_keys(evidence, (size_t)i, sk_X509_value(chain, i), anchors);
    for (int i = 0; good && i < count; i++)
        good = limit(evidence, sk_X509_value(chain, i));
    return good;
}

void
mtlspin__evidence_clear(struct mtlspin__evidence *evidence)
{
    free(evidence->names);
    memset(evidence, 0, sizeof *evidence);
}
