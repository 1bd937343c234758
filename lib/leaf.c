/* Leaves in memory and in tickets. */
#include "leaf.h"
#include "certificate.h"
#include "encoding.h"
#include "evidence_x509.h"
#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct mtlspin__leaf {
    atomic_size_t references;
    struct mtlspin__certificate_keys keys; /* without an issuer */
    bool malformed, is_ca, has_thumbprint;
    bool examined; /* the names are clean, or `malformed` says that they are not */
    bool listed;   /* they are the following */
    uint8_t thumbprint[32];
    struct mtlspin__name *names; /* owned */
    size_t name_count, uri_count;
};

struct mtlspin__leaf *
mtlspin__leaf_ref(struct mtlspin__leaf *leaf)
{
    if (leaf != NULL)
        (void)atomic_fetch_add_explicit(&leaf->references, 1, memory_order_relaxed);
    return leaf;
}

void
mtlspin__leaf_unref(struct mtlspin__leaf *leaf)
{
    if (leaf == NULL || atomic_fetch_sub_explicit(&leaf->references, 1, memory_order_acq_rel) != 1)
        return;
    free(leaf->names);
    free(leaf);
}

static struct mtlspin__leaf *
make(void)
{
    struct mtlspin__leaf *leaf = calloc(1, sizeof *leaf);
    if (leaf != NULL)
        atomic_init(&leaf->references, 1);
    return leaf;
}

static bool
has_all_of(const struct mtlspin__leaf *leaf, const struct mtlspin__evidence *evidence)
{
    return (leaf->has_thumbprint || !evidence->has_thumbprint) && (leaf->examined || !evidence->examined)
        && (leaf->listed || !evidence->listed);
}

struct mtlspin__leaf *
mtlspin__leaf_keep(struct mtlspin__leaf *before, struct mtlspin__evidence *evidence)
{
    if (before != NULL && has_all_of(before, evidence))
        return mtlspin__leaf_ref(before);
    struct mtlspin__leaf *leaf = make();
    if (leaf == NULL)
        return NULL;
    leaf->keys = evidence->chain[0];
    leaf->keys.has_issuer = false;
    leaf->malformed = evidence->malformed;
    leaf->is_ca = evidence->is_ca;
    leaf->has_thumbprint = evidence->has_thumbprint;
    memcpy(leaf->thumbprint, evidence->thumbprint, sizeof leaf->thumbprint);
    leaf->examined = evidence->examined;
    leaf->listed = evidence->listed;
    leaf->names = evidence->names;
    leaf->name_count = evidence->name_count;
    leaf->uri_count = evidence->uri_count;
    evidence->names = NULL;
    evidence->name_count = 0;
    return leaf;
}

struct mtlspin__leaf *
mtlspin__leaf_new(X509 *certificate)
{
    struct mtlspin__evidence evidence;
    mtlspin__evidence_leaf(&evidence, certificate, true);
    bool good = evidence.complete && mtlspin__evidence_names(&evidence, certificate, true);
    struct mtlspin__leaf *leaf = good ? mtlspin__leaf_keep(NULL, &evidence) : NULL;
    mtlspin__evidence_clear(&evidence);
    return leaf;
}

static bool
recall_names(const struct mtlspin__leaf *leaf, struct mtlspin__evidence *evidence)
{
    evidence->uri_count = leaf->uri_count;
    evidence->listed = true;
    if (leaf->name_count == 0)
        return true;
    evidence->names = calloc(leaf->name_count, sizeof *evidence->names);
    if (evidence->names == NULL)
        return false;
    memcpy(evidence->names, leaf->names, leaf->name_count * sizeof *evidence->names);
    evidence->name_count = leaf->name_count;
    return true;
}

void
mtlspin__leaf_recall(const struct mtlspin__leaf *leaf, const X509 *certificate, bool thumbprint, bool names,
    struct mtlspin__evidence *evidence)
{
    memset(evidence, 0, sizeof *evidence);
    evidence->chain[0] = leaf->keys;
    evidence->malformed = leaf->malformed;
    evidence->is_ca = leaf->is_ca;
    memcpy(evidence->thumbprint, leaf->thumbprint, sizeof leaf->thumbprint);
    evidence->has_thumbprint = leaf->has_thumbprint
        || (thumbprint && mtlspin__certificate_thumbprint(certificate, evidence->thumbprint));
    evidence->examined = leaf->examined && (leaf->listed || !names);
    evidence->complete = (evidence->has_thumbprint || !thumbprint)
        && (!evidence->examined || !names || recall_names(leaf, evidence));
}

const struct mtlspin__certificate_keys *
mtlspin__leaf_keys(const struct mtlspin__leaf *leaf)
{
    return &leaf->keys;
}

static void
make_pin(struct mtlspin_pin *pin, enum mtlspin_kind kind, const uint8_t digest[32])
{
    pin->kind = kind;
    pin->length = MTLSPIN_DIGEST_SIZE;
    memcpy(pin->bytes, digest, MTLSPIN_DIGEST_SIZE);
}

void
mtlspin__leaf_pins(const struct mtlspin__leaf *leaf, struct mtlspin_pin *spki, struct mtlspin_pin *thumbprint)
{
    make_pin(spki, MTLSPIN_SPKI, leaf->keys.spki);
    if (leaf->has_thumbprint)
        make_pin(thumbprint, MTLSPIN_THUMBPRINT, leaf->thumbprint);
}

/* Bytes: what is there, the mark of the certificate, then what is there. */

enum { IS_CA = 1, THUMBPRINT = 2, EXAMINED = 4, LISTED = 8, ALL = 15 };
enum { MARK = 16, NAMES_MOST = 4, NAME = 33 };
_Static_assert(1 + MARK + 3 * 32 + 2 + NAMES_MOST * NAME <= MTLSPIN__LEAF_BYTES, "the longest has room");

/* The end of its signature, of which no other certificate has the same; NULL if there is none. */
static const unsigned char *
mark_of(const X509 *certificate)
{
    const ASN1_BIT_STRING *signature = NULL;
    X509_get0_signature(&signature, NULL, certificate);
    int length = signature != NULL ? ASN1_STRING_length(signature) : 0;
    return length >= MARK ? ASN1_STRING_get0_data(signature) + length - MARK : NULL;
}

static void
put_names(struct mtlspin__writing *out, const struct mtlspin__leaf *leaf)
{
    mtlspin__byte_put(out, leaf->name_count);
    mtlspin__byte_put(out, leaf->uri_count);
    for (size_t i = 0; i < leaf->name_count; i++) {
        mtlspin__byte_put(out, leaf->names[i].kind);
        mtlspin__bytes_put(out, leaf->names[i].key, 32);
    }
}

size_t
mtlspin__leaf_write(const struct mtlspin__leaf *leaf, const X509 *certificate, unsigned char bytes[MTLSPIN__LEAF_BYTES])
{
    const unsigned char *mark = mark_of(certificate);
    bool listed = leaf->listed && leaf->name_count <= NAMES_MOST && leaf->uri_count <= UINT8_MAX;
    if (mark == NULL || leaf->malformed)
        return 0;
    struct mtlspin__writing out = { bytes, 0 };
    mtlspin__byte_put(&out, (leaf->is_ca ? IS_CA : 0U) | (leaf->has_thumbprint ? THUMBPRINT : 0U)
        | (leaf->examined ? EXAMINED : 0U) | (listed ? LISTED : 0U));
    mtlspin__bytes_put(&out, mark, MARK);
    mtlspin__bytes_put(&out, leaf->keys.spki, 32);
    mtlspin__bytes_put(&out, leaf->keys.serial, 32);
    if (leaf->has_thumbprint)
        mtlspin__bytes_put(&out, leaf->thumbprint, 32);
    if (listed)
        put_names(&out, leaf);
    return out.length;
}

static bool
is_name(unsigned char kind)
{
    return kind == MTLSPIN_EMAIL || kind == MTLSPIN_DNS || kind == MTLSPIN_URI;
}

static bool
get_names(struct mtlspin__leaf *leaf, const unsigned char **bytes, size_t *length)
{
    const unsigned char *counts = mtlspin__bytes_take(bytes, length, 2);
    if (counts == NULL || counts[0] > NAMES_MOST)
        return false;
    leaf->uri_count = counts[1];
    leaf->names = counts[0] > 0 ? calloc(counts[0], sizeof *leaf->names) : NULL;
    for (; leaf->names != NULL && leaf->name_count < counts[0]; leaf->name_count++) {
        struct mtlspin__name *name = &leaf->names[leaf->name_count];
        const unsigned char *kind = mtlspin__bytes_take(bytes, length, 1);
        if (kind == NULL || !is_name(*kind) || !mtlspin__bytes_get(name->key, sizeof name->key, bytes, length))
            return false;
        name->kind = (enum mtlspin_kind)*kind;
    }
    return leaf->name_count == counts[0];
}

static bool
get_leaf(struct mtlspin__leaf *leaf, const unsigned char **bytes, size_t *length, const X509 *certificate)
{
    const unsigned char *flags = mtlspin__bytes_take(bytes, length, 1);
    const unsigned char *mark = mtlspin__bytes_take(bytes, length, MARK), *own = mark_of(certificate);
    if (flags == NULL || *flags > ALL || mark == NULL || own == NULL || memcmp(mark, own, MARK) != 0)
        return false;
    leaf->is_ca = (*flags & IS_CA) != 0;
    leaf->has_thumbprint = (*flags & THUMBPRINT) != 0;
    leaf->examined = (*flags & EXAMINED) != 0;
    leaf->listed = (*flags & LISTED) != 0;
    return mtlspin__bytes_get(leaf->keys.spki, 32, bytes, length)
        && mtlspin__bytes_get(leaf->keys.serial, 32, bytes, length)
        && (!leaf->has_thumbprint || mtlspin__bytes_get(leaf->thumbprint, 32, bytes, length))
        && (!leaf->listed || get_names(leaf, bytes, length));
}

struct mtlspin__leaf *
mtlspin__leaf_read(const unsigned char **bytes, size_t *length, const X509 *certificate)
{
    struct mtlspin__leaf *leaf = make();
    if (leaf != NULL && get_leaf(leaf, bytes, length, certificate))
        return leaf;
    mtlspin__leaf_unref(leaf);
    return NULL;
}
