/* Trust anchors: read once, when the policy is built, and never looked up on disk later. */
#include "anchors.h"
#include "certificate.h"
#include "certificate_keys.h"
#include "error.h"
#include "file.h"
#include "known_cas.h"
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct mtlspin__anchors *
mtlspin__anchors_new(void)
{
    struct mtlspin__anchors *anchors = calloc(1, sizeof *anchors);
    if (anchors == NULL)
        return NULL;
    anchors->store = X509_STORE_new();
    anchors->subjects = sk_X509_NAME_new_null();
    anchors->certificates = sk_X509_new_null();
    anchors->known_cas = mtlspin__known_cas_new();
    if (anchors->store != NULL && anchors->subjects != NULL && anchors->certificates != NULL && anchors->known_cas != NULL)
        return anchors;
    mtlspin__anchors_free(anchors);
    return NULL;
}

void
mtlspin__anchors_free(struct mtlspin__anchors *anchors)
{
    if (anchors == NULL)
        return;
    X509_STORE_free(anchors->store);
    sk_X509_NAME_pop_free(anchors->subjects, X509_NAME_free);
    sk_X509_pop_free(anchors->certificates, X509_free);
    free(anchors->digests);
    free(anchors->keys);
    mtlspin__known_cas_free(anchors->known_cas);
    free(anchors);
}

/* Trust settings decide, too: half of the digest is for the certificate alone, half for both together. */
static bool
digest_anchor(X509 *certificate, uint8_t digest[64])
{
    return mtlspin__certificate_thumbprint(certificate, digest) && mtlspin__certificate_anchor(certificate, digest + 32);
}

/* The digest of the same certificate among the anchors, or NULL. */
static const uint8_t *
find_digest(const struct mtlspin__anchors *anchors, const uint8_t digest[64])
{
    for (size_t i = 0; i < anchors->count; i++)
        if (memcmp(anchors->digests[i], digest, 32) == 0)
            return anchors->digests[i];
    return NULL;
}

static bool
add_subject(struct mtlspin__anchors *anchors, const X509 *certificate)
{
    X509_NAME *subject = X509_NAME_dup(X509_get_subject_name(certificate));
    if (subject != NULL && sk_X509_NAME_push(anchors->subjects, subject) > 0) {
        anchors->subjects_length += (size_t)i2d_X509_NAME(subject, NULL) + 2;
        return true;
    }
    X509_NAME_free(subject);
    return false;
}

/* Room for one more digest and its keys. */
static bool
grow(struct mtlspin__anchors *anchors)
{
    void *digests = realloc(anchors->digests, (anchors->count + 1) * sizeof *anchors->digests);
    if (digests == NULL)
        return false;
    anchors->digests = digests;
    void *keys = realloc(anchors->keys, (anchors->count + 1) * sizeof *anchors->keys);
    if (keys == NULL)
        return false;
    anchors->keys = keys;
    return true;
}

/* The keys that it has as the end of a chain. One whose public key OpenSSL cannot read has signed nothing. */
static bool
make_keys(struct mtlspin__certificate_keys *keys, X509 *certificate)
{
    struct mtlspin_pin serial;
    return mtlspin__keys_make(keys, certificate, &serial)
        && (X509_self_signed(certificate, 0) != 1 || mtlspin__keys_add_issuer(keys, certificate, NULL));
}

static bool
add_certificate(struct mtlspin__anchors *anchors, X509 *certificate)
{
    uint8_t digest[64];
    if (!digest_anchor(certificate, digest))
        return false;
    const uint8_t *known = find_digest(anchors, digest);
    if (known != NULL)
        return memcmp(known, digest, 64) == 0; /* with other trust settings, one of the two would be dropped in silence */
    if (!grow(anchors) || !make_keys(&anchors->keys[anchors->count], certificate)
        || !X509_STORE_add_cert(anchors->store, certificate) || !add_subject(anchors, certificate)
        || !X509_add_cert(anchors->certificates, certificate, X509_ADD_FLAG_UP_REF))
        return false;
    anchors->has_settings |= memcmp(digest, digest + 32, 32) != 0;
    memcpy(anchors->digests[anchors->count++], digest, 64);
    if (anchors->incomplete[0] == '\0' && X509_self_signed(certificate, 0) != 1)
        (void)X509_NAME_oneline(X509_get_subject_name(certificate), anchors->incomplete, sizeof anchors->incomplete);
    return true;
}

size_t
mtlspin__anchors_find(const struct mtlspin__anchors *anchors, const X509 *certificate)
{
    size_t i = 0;
    while (i < anchors->count && sk_X509_value(anchors->certificates, (int)i) != certificate)
        i++;
    return i;
}

X509 *
mtlspin__anchors_get(const struct mtlspin__anchors *anchors, size_t i)
{
    return sk_X509_value(anchors->certificates, (int)i);
}

const struct mtlspin__certificate_keys *
mtlspin__anchors_keys(const struct mtlspin__anchors *anchors, const uint8_t id[16])
{
    for (size_t i = 0; i < anchors->count; i++)
        if (memcmp(anchors->digests[i] + 32, id, 16) == 0)
            return &anchors->keys[i];
    return NULL;
}

enum mtlspin_status
mtlspin__anchors_add_x509(struct mtlspin__anchors *anchors, X509 *certificate, struct mtlspin_error *error)
{
    ERR_set_mark();
    bool added = add_certificate(anchors, certificate);
    ERR_pop_to_mark();
    return added ? MTLSPIN_OK : mtlspin__fail(error, MTLSPIN_ERR_OPENSSL, "the certificate cannot be made a trust anchor");
}

/* Nobody is asked for a passphrase: a certificate has no use for one. */
static int
no_passphrase(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1;
}

/* All certificates of the text, up to its end; a block that cannot be read spoils the whole. */
static enum mtlspin_status
add_all(struct mtlspin__anchors *anchors, BIO *input, const char *name, struct mtlspin_error *error)
{
    size_t count = 0;
    X509 *certificate = NULL;
    while ((certificate = PEM_read_bio_X509_AUX(input, NULL, no_passphrase, NULL)) != NULL) {
        bool added = add_certificate(anchors, certificate);
        X509_free(certificate);
        if (!added)
            return mtlspin__fail(error, MTLSPIN_ERR_OPENSSL,
                "%s: a certificate cannot be made a trust anchor; name each once, without differing trust settings", name);
        count++;
    }
    unsigned long code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) {
        const char *words = ERR_reason_error_string(code);
        return mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: certificate %zu cannot be read (%s); replace it by a whole copy in plain PEM", name, count + 1,
            words != NULL ? words : "unknown error");
    }
    if (count == 0)
        return mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: no PEM certificate in it; take what `openssl x509 -in FILE -out FILE.pem` writes", name);
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin__anchors_add_pem(struct mtlspin__anchors *anchors, const void *pem, size_t length, const char *name,
    struct mtlspin_error *error)
{
    if (length > INT_MAX)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "%s: more than 2 GiB", name);
    if (memchr(pem, 0, length) != NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: a zero byte in it, so it is no PEM text; take what `openssl x509 -in FILE -out FILE.pem` writes", name);
    ERR_set_mark();
    BIO *input = BIO_new_mem_buf(pem, (int)length);
    enum mtlspin_status status = input != NULL ? add_all(anchors, input, name, error)
                                               : mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    BIO_free(input);
    ERR_pop_to_mark();
    return status;
}

enum mtlspin_status
mtlspin__anchors_add_file(struct mtlspin__anchors *anchors, const char *path, struct mtlspin__sources *sources,
    struct mtlspin_error *error)
{
    size_t length = 0;
    char *content = mtlspin__file_read(path, &length, sources, error);
    if (content == NULL)
        return MTLSPIN_ERR_FILE;
    enum mtlspin_status status = mtlspin__anchors_add_pem(anchors, content, length, path, error);
    free(content);
    return status;
}

enum mtlspin_status
mtlspin__anchors_add_directory(struct mtlspin__anchors *anchors, const char *path, struct mtlspin__sources *sources,
    struct mtlspin_error *error)
{
    static const char *const endings[] = { ".pem", ".crt", NULL };
    struct mtlspin__paths files;
    enum mtlspin_status status = MTLSPIN_OK;
    if (!mtlspin__paths_list(&files, path, endings, sources, error))
        return MTLSPIN_ERR_FILE;
    if (files.count == 0)
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: no file *.pem or *.crt in this directory; put some there under such names, or name a file", path);
    for (size_t i = 0; status == MTLSPIN_OK && i < files.count; i++)
        status = mtlspin__anchors_add_file(anchors, files.path[i], sources, error);
    mtlspin__paths_free(&files);
    return status;
}

/* The places compiled into OpenSSL; X509_STORE_set_default_paths(3) would let the environment choose others. */
enum mtlspin_status
mtlspin__anchors_add_system(struct mtlspin__anchors *anchors, struct mtlspin__sources *sources, struct mtlspin_error *error)
{
    const char *file = X509_get_default_cert_file(), *directory = X509_get_default_cert_dir();
    struct mtlspin_error ignored = MTLSPIN_ERROR_INIT;
    char before[sizeof anchors->incomplete];
    memcpy(before, anchors->incomplete, sizeof before);
    enum mtlspin_status status = mtlspin__anchors_add_file(anchors, file, sources, &ignored);
    if (status == MTLSPIN_ERR_FILE)
        status = mtlspin__anchors_add_directory(anchors, directory, sources, error);
    else if (status != MTLSPIN_OK)
        (void)mtlspin__fail(error, status, "%s", ignored.message);
    memcpy(anchors->incomplete, before, sizeof before); /* what the system holds is not the policy's to mend */
    anchors->system = status == MTLSPIN_OK;
    return status;
}
