/* Revocation lists, and whose they are. A list holds for the key that has signed it: its signature is verified once, with
   the first certificate of its issuer that is seen, and from then on the key's digest tells. A list that is by none of the
   keys seen so far stays unknown; revocation.c does not let an older one speak in its place. */
#include "crl.h"
#include "certificate.h"
#include "crl_read.h"
#include "error.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY = 16 }; /* what a moment without memory took for a bad signature must not stay one */

struct mtlspin__crl_origin {
    char *name; /* for messages */
    X509_NAME *issuer;
    AUTHORITY_KEYID *key; /* NULL = the list does not tell */
    /* under the lock, until the list is known */
    X509_CRL *crl;
    bool refused;             /* the signature is not by the key with this digest, as it seems: */
    uint8_t refused_spki[32];
    unsigned skipped;
    /* from then on */
    X509 *signer;
};

struct mtlspin__crls *
mtlspin__crls_new(void)
{
    struct mtlspin__crls *crls = calloc(1, sizeof *crls);
    if (crls == NULL)
        return NULL;
    atomic_init(&crls->unknown, 0);
    atomic_init(&crls->doubtful, false);
    crls->lock = CRYPTO_THREAD_lock_new();
    if (crls->lock != NULL)
        return crls;
    free(crls);
    return NULL;
}

static void
free_origin(struct mtlspin__crl_origin *origin)
{
    if (origin == NULL)
        return;
    X509_NAME_free(origin->issuer);
    AUTHORITY_KEYID_free(origin->key);
    X509_CRL_free(origin->crl);
    X509_free(origin->signer);
    free(origin->name);
    free(origin);
}

static void
free_list(struct mtlspin__crl *list)
{
    if (list == NULL)
        return;
    free_origin(list->origin);
    free(list->serials);
    free(list);
}

void
mtlspin__crls_free(struct mtlspin__crls *crls)
{
    if (crls == NULL)
        return;
    for (size_t i = 0; i < crls->count; i++)
        free_list(crls->list[i]);
    CRYPTO_THREAD_lock_free(crls->lock);
    free(crls->list);
    free(crls);
}

X509_CRL *
mtlspin__crls_get(const struct mtlspin__crls *crls, size_t i)
{
    return crls->list[i]->origin->crl;
}

/* Whose list it is. */

static bool
is_known(struct mtlspin__crl *list)
{
    return atomic_load_explicit(&list->known, memory_order_acquire);
}

static bool
names_subject(const struct mtlspin__crl *list, X509 *certificate)
{
    return X509_NAME_cmp(list->origin->issuer, X509_get_subject_name(certificate)) == 0;
}

/* Whether the list says that it is by this CA. Which of the CA's certificates it means says nothing: after renewal there
   are several with one key. */
static bool
names(const struct mtlspin__crl *list, X509 *certificate)
{
    const AUTHORITY_KEYID *key = list->origin->key;
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(certificate);
    return names_subject(list, certificate)
        && (key == NULL || key->keyid == NULL || own == NULL || ASN1_OCTET_STRING_cmp(key->keyid, own) == 0);
}

static bool
read_key_id(const ASN1_OCTET_STRING *text, struct mtlspin__key_id *id)
{
    unsigned char *der = NULL;
    id->given = text != NULL;
    if (text == NULL)
        return true;
    int length = i2d_ASN1_OCTET_STRING(text, &der);
    return mtlspin__der_digest(der, length, id->digest);
}

static bool
may_sign(X509 *certificate)
{
    return (X509_get_key_usage(certificate) & KU_CRL_SIGN) != 0; /* all bits are set where it is absent */
}

static bool
publish(struct mtlspin__crls *crls, struct mtlspin__crl *list, X509 *signer, const uint8_t spki[32])
{
    struct mtlspin__crl_origin *origin = list->origin;
    if (!read_key_id(X509_get0_subject_key_id(signer), &list->signer) || !X509_up_ref(signer))
        return false;
    origin->signer = signer;
    X509_CRL_free(origin->crl); /* with 100,000 entries it takes a hundred bytes for each */
    origin->crl = NULL;
    memcpy(list->issuer, spki, 32);
    atomic_store_explicit(&list->known, true, memory_order_release);
    (void)atomic_fetch_sub(&crls->unknown, 1);
    return true;
}

/* Whether it is worth while: a signature over a long list takes time, and whoever is refused for it may come back. */
static bool
is_worth(struct mtlspin__crl_origin *origin, const uint8_t spki[32])
{
    return !origin->refused || memcmp(origin->refused_spki, spki, 32) != 0 || ++origin->skipped % RETRY == 0;
}

enum finding { SIGNED, NOT_SIGNED, UNSURE };

/* Whether there is the memory that it takes to verify the list. */
static bool
has_memory(X509_CRL *crl)
{
    unsigned char *der = NULL;
    bool good = i2d_X509_CRL(crl, &der) > 0;
    OPENSSL_free(der);
    return good;
}

/* OpenSSL also says that a signature is wrong when it has no memory, and its errors do not tell. So that it is wrong is
   believed if it is twice, and there is memory before, between and after. */
static enum finding
has_signed(X509 *certificate, X509_CRL *crl)
{
    if (!may_sign(certificate))
        return NOT_SIGNED;
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    for (int i = 0; i < 2; i++) {
        if (key == NULL || !has_memory(crl))
            return UNSURE;
        if (X509_CRL_verify(crl, key) == 1)
            return SIGNED;
    }
    return has_memory(crl) ? NOT_SIGNED : UNSURE;
}

/* Under the lock. false if nothing could be found out. */
static bool
verify(struct mtlspin__crls *crls, struct mtlspin__crl *list, X509 *certificate)
{
    uint8_t spki[32];
    struct mtlspin__crl_origin *origin = list->origin;
    if (is_known(list))
        return true;
    if (!mtlspin__certificate_spki(certificate, spki))
        return false;
    if (!is_worth(origin, spki))
        return true;
    enum finding finding = has_signed(certificate, origin->crl);
    if (finding == SIGNED)
        return publish(crls, list, certificate, spki);
    if (finding == UNSURE)
        return false;
    origin->refused = may_sign(certificate); /* another certificate with this key may be allowed to */
    memcpy(origin->refused_spki, spki, 32);
    return true;
}

/* The key identifier is not asked: a CA may change it together with its certificate, and the signature tells. */
static bool
learn_from(struct mtlspin__crls *crls, X509 *certificate)
{
    bool good = true;
    for (size_t i = 0; good && i < crls->count; i++) {
        struct mtlspin__crl *list = crls->list[i];
        if (is_known(list) || !names_subject(list, certificate))
            continue;
        if (!CRYPTO_THREAD_write_lock(crls->lock))
            return false;
        good = verify(crls, list, certificate);
        (void)CRYPTO_THREAD_unlock(crls->lock);
    }
    return good;
}

bool
mtlspin__crls_learn(struct mtlspin__crls *crls, STACK_OF(X509) *chain)
{
    bool good = true;
    if (crls == NULL || atomic_load(&crls->unknown) == 0)
        return true;
    if (sk_X509_num(chain) < 2 && atomic_load(&crls->doubtful))
        return false;
    ERR_set_mark();
    for (int i = 1; good && i < sk_X509_num(chain); i++)
        good = learn_from(crls, sk_X509_value(chain, i));
    ERR_pop_to_mark();
    return good;
}

void
mtlspin__crls_inherit(struct mtlspin__crls *crls, const struct mtlspin__crls *other)
{
    if (crls == NULL || other == NULL || atomic_load(&crls->unknown) == 0)
        return;
    bool good = true;
    ERR_set_mark();
    for (size_t i = 0; i < other->count; i++)
        if (is_known(other->list[i]))
            good &= learn_from(crls, other->list[i]->origin->signer);
    if (!good)
        atomic_store(&crls->doubtful, true);
    ERR_pop_to_mark();
}

enum mtlspin_reason
mtlspin__crls_explain(const struct mtlspin__crls *crls, STACK_OF(X509) *chain, unsigned depth)
{
    uint8_t spki[32];
    X509 *issuer = crls != NULL && (int)depth + 1 < sk_X509_num(chain) ? sk_X509_value(chain, (int)depth + 1) : NULL;
    bool named = false;
    if (issuer == NULL || !mtlspin__certificate_spki(issuer, spki))
        return MTLSPIN_REASON_REVOCATION_UNKNOWN;
    for (size_t i = 0; i < crls->count; i++) {
        if (mtlspin__crl_is_of(crls->list[i], spki))
            return MTLSPIN_REASON_REVOCATION_UNKNOWN; /* it is not yet valid */
        named |= names(crls->list[i], issuer);
    }
    return named ? MTLSPIN_REASON_REVOCATION_SIGNATURE : MTLSPIN_REASON_REVOCATION_UNKNOWN;
}

int
mtlspin__crls_error(enum mtlspin_reason reason)
{
    switch (reason) {
    case MTLSPIN_REASON_REVOKED: return X509_V_ERR_CERT_REVOKED;
    case MTLSPIN_REASON_REVOCATION_UNKNOWN: return X509_V_ERR_UNABLE_TO_GET_CRL;
    case MTLSPIN_REASON_REVOCATION_EXPIRED: return X509_V_ERR_CRL_HAS_EXPIRED;
    case MTLSPIN_REASON_REVOCATION_SIGNATURE: return X509_V_ERR_CRL_SIGNATURE_FAILURE;
    default: return X509_V_OK;
    }
}

/* Settling at load. */

enum settled { GOOD, FORGED, FORBIDDEN, UNSETTLED };

/* A list that names no CA of the store is good, too. */
static enum settled
settle_list(struct mtlspin__crls *crls, struct mtlspin__crl *list, STACK_OF(X509) *certificates)
{
    enum settled settled = GOOD;
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        X509 *certificate = sk_X509_value(certificates, i);
        (void)X509_get_extension_flags(certificate); /* makes OpenSSL look at its extensions */
        if (!names_subject(list, certificate))
            continue;
        if (!verify(crls, list, certificate))
            return UNSETTLED;
        if (names(list, certificate) && settled != FORGED)
            settled = may_sign(certificate) ? FORGED : FORBIDDEN;
    }
    return is_known(list) ? GOOD : settled;
}

static enum mtlspin_status
fail_signature(const struct mtlspin__crl *list, enum settled settled, struct mtlspin_error *error)
{
    char issuer[200] = "";
    if (settled == UNSETTLED)
        return mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "%s: the signature cannot be verified", list->origin->name);
    (void)X509_NAME_oneline(list->origin->issuer, issuer, sizeof issuer);
    return mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE, settled == FORGED
        ? "%s: the signature is not by the key of %s; get the list again from this CA"
        : "%s: key usage forbids signing lists (no cRLSign) to %s; have this CA's certificate issued again with it",
        list->origin->name, issuer);
}

enum mtlspin_status
mtlspin__crls_settle(struct mtlspin__crls *crls, X509_STORE *store, size_t *next, unsigned *line,
    struct mtlspin_error *error)
{
    enum mtlspin_status status = MTLSPIN_OK;
    if (atomic_load(&crls->unknown) == 0)
        return MTLSPIN_OK;
    ERR_set_mark();
    STACK_OF(X509) *certificates = X509_STORE_get1_all_certs(store);
    if (certificates == NULL)
        status = mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    while (status == MTLSPIN_OK && *next < crls->count) {
        struct mtlspin__crl *list = crls->list[(*next)++];
        enum settled settled = settle_list(crls, list, certificates);
        if (settled == GOOD)
            continue;
        status = fail_signature(list, settled, error);
        *line = list->line;
    }
    sk_X509_pop_free(certificates, X509_free);
    ERR_pop_to_mark();
    return status;
}

/* Adding. */

static struct mtlspin__crl_origin *
new_origin(X509_CRL *crl, const char *name)
{
    struct mtlspin__crl_origin *origin = calloc(1, sizeof *origin);
    if (origin == NULL)
        return NULL;
    origin->name = strdup(name);
    origin->issuer = X509_NAME_dup(X509_CRL_get_issuer(crl));
    origin->key = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    if (origin->name != NULL && origin->issuer != NULL && X509_CRL_up_ref(crl)) {
        origin->crl = crl;
        return origin;
    }
    free_origin(origin);
    return NULL;
}

/* Takes the list over. */
static enum mtlspin_status
push(struct mtlspin__crls *crls, struct mtlspin__crl *list, struct mtlspin_error *error)
{
    list->group = crls->count;
    for (size_t i = crls->count; i > 0; i--) {
        const struct mtlspin__crl *other = crls->list[i - 1];
        if (memcmp(other->digest, list->digest, 32) == 0) {
            free_list(list);
            return MTLSPIN_OK;
        }
        if (X509_NAME_cmp(other->origin->issuer, list->origin->issuer) == 0)
            list->group = other->group;
    }
    void *grown = realloc(crls->list, (crls->count + 1) * sizeof(struct mtlspin__crl *));
    if (grown == NULL) {
        free_list(list);
        return mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    }
    crls->list = grown;
    crls->list[crls->count++] = list;
    (void)atomic_fetch_add(&crls->unknown, 1);
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin__crls_add(struct mtlspin__crls *crls, X509_CRL *crl, const char *name, unsigned line, struct mtlspin_error *error)
{
    struct mtlspin__crl *list = calloc(1, sizeof *list);
    if (list == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    atomic_init(&list->known, false);
    list->line = line;
    list->origin = new_origin(crl, name);
    enum mtlspin_status status = list->origin != NULL ? mtlspin__crl_read(crl, name, list, error)
                                                      : mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    if (status == MTLSPIN_OK && !read_key_id(list->origin->key != NULL ? list->origin->key->keyid : NULL, &list->names))
        status = mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    if (status == MTLSPIN_OK)
        return push(crls, list, error);
    free_list(list);
    return status;
}
