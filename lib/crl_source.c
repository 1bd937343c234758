/* Where revocation lists come from: structures, PEM, DER, files, directories. */
#include "crl_source.h"
#include "crl.h"
#include "error.h"
#include "file.h"
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* A copy, which nobody changes or has sorted: signature and content are then those of the same bytes. */
enum mtlspin_status
mtlspin__crls_add_x509(struct mtlspin__crls *crls, X509_CRL *crl, struct mtlspin_error *error)
{
    ERR_set_mark();
    X509_CRL *copy = X509_CRL_dup(crl);
    enum mtlspin_status status = copy != NULL ? mtlspin__crls_add(crls, copy, "revocation list", 0, error)
        : mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE, "the revocation list cannot be copied");
    X509_CRL_free(copy);
    ERR_pop_to_mark();
    return status;
}

static const char *
last_words(void)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());
    return words != NULL ? words : "unknown error";
}

static enum mtlspin_status
add_der(struct mtlspin__crls *crls, const unsigned char *bytes, size_t length, const char *name, unsigned line,
    struct mtlspin_error *error)
{
    const unsigned char *end = bytes;
    enum mtlspin_status status = MTLSPIN_OK;
    X509_CRL *crl = d2i_X509_CRL(NULL, &end, (long)length);
    if (crl == NULL)
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: no revocation list in DER; name one that `openssl crl -in FILE -noout` can read", name);
    else if (end != bytes + length)
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: bytes behind the revocation list; take what `openssl crl -in FILE -out FILE.pem` writes", name);
    else
        status = mtlspin__crls_add(crls, crl, name, line, error);
    X509_CRL_free(crl);
    return status;
}

/* Nobody is asked for a passphrase: a list has no use for one. */
static int
no_passphrase(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1;
}

/* All lists of the text, up to its end; a block that cannot be read spoils the whole. */
static enum mtlspin_status
add_pem(struct mtlspin__crls *crls, BIO *input, const char *name, unsigned line, struct mtlspin_error *error)
{
    size_t count = 0;
    X509_CRL *crl = NULL;
    for (; (crl = PEM_read_bio_X509_CRL(input, NULL, no_passphrase, NULL)) != NULL; count++) {
        enum mtlspin_status status = mtlspin__crls_add(crls, crl, name, line, error);
        X509_CRL_free(crl);
        if (status != MTLSPIN_OK)
            return status;
    }
    unsigned long code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
        return mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: revocation list %zu cannot be read (%s); replace it by a whole copy", name, count + 1,
            last_words());
    return count > 0 ? MTLSPIN_OK
                     : mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
                         "%s: no revocation list in it; name one that `openssl crl -in FILE -noout` can read", name);
}

/* DER of a list is longer than 127 bytes, so that its second byte is none of a text that begins with a '0'. */
static bool
is_der(const unsigned char *bytes, size_t length)
{
    return length > 1 && bytes[0] == 0x30 && (bytes[1] & 0x80) != 0;
}

enum mtlspin_status
mtlspin__crls_add_bytes(struct mtlspin__crls *crls, const void *bytes, size_t length, const char *name, unsigned line,
    struct mtlspin_error *error)
{
    if (length > INT_MAX)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "%s: more than 2 GiB", name);
    if (!is_der(bytes, length) && memchr(bytes, 0, length) != NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: neither PEM nor DER; name a list that `openssl crl -in FILE -noout` can read", name);
    ERR_set_mark();
    BIO *input = BIO_new_mem_buf(bytes, (int)length);
    enum mtlspin_status status = input == NULL ? mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory")
        : is_der(bytes, length)                ? add_der(crls, bytes, length, name, line, error)
                                               : add_pem(crls, input, name, line, error);
    BIO_free(input);
    ERR_pop_to_mark();
    return status;
}

enum mtlspin_status
mtlspin__crls_add_file(struct mtlspin__crls *crls, const char *path, unsigned line, struct mtlspin__sources *sources,
    struct mtlspin_error *error)
{
    size_t length = 0;
    char *content = mtlspin__file_read(path, &length, sources, error);
    if (content == NULL)
        return MTLSPIN_ERR_FILE;
    enum mtlspin_status status = mtlspin__crls_add_bytes(crls, content, length, path, line, error);
    free(content);
    return status;
}

enum mtlspin_status
mtlspin__crls_add_directory(struct mtlspin__crls *crls, const char *path, unsigned line, struct mtlspin__sources *sources,
    struct mtlspin_error *error)
{
    static const char *const endings[] = { ".pem", ".crl", ".der", NULL };
    struct mtlspin__paths files;
    enum mtlspin_status status = MTLSPIN_OK;
    if (!mtlspin__paths_list(&files, path, endings, sources, error))
        return MTLSPIN_ERR_FILE;
    if (files.count == 0)
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "%s: no file *.pem, *.crl or *.der in this directory; put some there under such names, or name a file", path);
    for (size_t i = 0; status == MTLSPIN_OK && i < files.count; i++)
        status = mtlspin__crls_add_file(crls, files.path[i], line, sources, error);
    mtlspin__paths_free(&files);
    return status;
}
