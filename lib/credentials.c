/* Certificates and keys through OpenSSL's store loader (ossl_store(7)), so that a token's URI works like a file. */
#include "credentials.h"
#include "error.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

static enum mtlspin_status
fail(const char *uri, const char *what, struct mtlspin_error *error)
{
    unsigned long code = ERR_peek_last_error();
    char system[128] = "unknown error";
    const char *words = ERR_reason_error_string(code);
    if (ERR_SYSTEM_ERROR(code)) {
        (void)!strerror_r(ERR_GET_REASON(code), system, sizeof system);
        words = system;
    }
    return mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE, "%s: %s%s%s%s", uri, what, words != NULL ? " (" : "",
        words != NULL ? words : "", words != NULL ? ")" : "");
}

/* The next object of one type; NULL at the end, or on an error, which `failed` tells. */
static OSSL_STORE_INFO *
next(OSSL_STORE_CTX *store, int type, bool *failed)
{
    while (!OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        if (info != NULL && OSSL_STORE_INFO_get_type(info) == type)
            return info;
        OSSL_STORE_INFO_free(info);
        if (info == NULL && OSSL_STORE_error(store) && !OSSL_STORE_eof(store)) { /* the end is flagged as an error, too */
            *failed = true;
            return NULL;
        }
    }
    return NULL;
}

/* UI_null: a server must not stop and ask on the terminal. */
static OSSL_STORE_CTX *
open_store(const char *uri, int type)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, UI_null(), NULL, NULL, NULL);
    if (store != NULL)
        (void)OSSL_STORE_expect(store, type);
    return store;
}

/* The first certificate is the program's own, the others are sent with it. */
static bool
use_certificate(SSL_CTX *context, X509 *certificate, bool first)
{
    return first ? SSL_CTX_use_certificate(context, certificate) == 1 : SSL_CTX_add1_chain_cert(context, certificate) == 1;
}

static enum mtlspin_status
use_certificates(SSL_CTX *context, const char *uri, struct mtlspin_error *error)
{
    bool failed = false;
    size_t count = 0;
    OSSL_STORE_INFO *info = NULL;
    OSSL_STORE_CTX *store = open_store(uri, OSSL_STORE_INFO_CERT);
    if (store == NULL)
        return fail(uri, "the certificate cannot be opened", error);
    while (!failed && (info = next(store, OSSL_STORE_INFO_CERT, &failed)) != NULL) {
        failed = !use_certificate(context, OSSL_STORE_INFO_get0_CERT(info), count == 0);
        OSSL_STORE_INFO_free(info);
        count++;
    }
    enum mtlspin_status status = MTLSPIN_OK;
    if (failed)
        status = fail(uri, count == 0 ? "no certificate can be read from it" : "a certificate cannot be used", error);
    else if (count == 0)
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE, "%s: no certificate in it", uri);
    (void)OSSL_STORE_close(store);
    return status;
}

static enum mtlspin_status
use_key(SSL_CTX *context, const char *uri, struct mtlspin_error *error)
{
    bool failed = false;
    enum mtlspin_status status = MTLSPIN_OK;
    OSSL_STORE_CTX *store = open_store(uri, OSSL_STORE_INFO_PKEY);
    if (store == NULL)
        return fail(uri, "the key cannot be opened", error);
    OSSL_STORE_INFO *info = next(store, OSSL_STORE_INFO_PKEY, &failed);
    if (failed)
        status = fail(uri, "the key cannot be read; one with a passphrase is not supported", error);
    else if (info == NULL)
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE, "%s: no private key in it", uri);
    else if (SSL_CTX_use_PrivateKey(context, OSSL_STORE_INFO_get0_PKEY(info)) != 1)
        status = fail(uri, "the key does not belong to the certificate, or cannot be used", error);
    OSSL_STORE_INFO_free(info);
    (void)OSSL_STORE_close(store);
    return status;
}

enum mtlspin_status
mtlspin__credentials_use(SSL_CTX *context, const char *certificate, const char *key, struct mtlspin_error *error)
{
    enum mtlspin_status status = use_certificates(context, certificate, error);
    if (status == MTLSPIN_OK)
        status = use_key(context, key, error);
    if (status == MTLSPIN_OK && SSL_CTX_check_private_key(context) != 1)
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE, "%s: the key does not belong to the certificate", key);
    return status;
}
