/* A ready-made SSL_CTX. */
#include "credentials.h"
#include "error.h"
#include <mtlspin/context.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* TLS 1.3 has nothing else; for TLS 1.2 these are its suites with forward secrecy and authenticated encryption
   (RFC 9325, 4.2). */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

static enum mtlspin_status
set_up(SSL_CTX *context, const char *certificate, const char *key, struct mtlspin_verifier *verifier,
    struct mtlspin_error *error)
{
    enum mtlspin_status status = MTLSPIN_OK;
    if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)
        || !SSL_CTX_set_cipher_list(context, ciphers))
        return mtlspin__fail(error, MTLSPIN_ERR_OPENSSL, "OpenSSL makes no SSL_CTX");
    if (certificate != NULL)
        status = mtlspin__credentials_use(context, certificate, key, error);
    return status == MTLSPIN_OK ? mtlspin_verifier_attach(verifier, context, error) : status;
}

static SSL_CTX *
make(const SSL_METHOD *method, const char *certificate, const char *key, struct mtlspin_verifier *verifier,
    struct mtlspin_error *error)
{
    ERR_set_mark();
    SSL_CTX *context = SSL_CTX_new(method);
    if (set_up(context, certificate, key, verifier, error) != MTLSPIN_OK) {
        SSL_CTX_free(context);
        context = NULL;
    }
    ERR_pop_to_mark();
    return context;
}

SSL_CTX *
mtlspin_server_context(const char *certificate, const char *key, struct mtlspin_verifier *verifier,
    struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (certificate != NULL && key != NULL && verifier != NULL)
        return make(TLS_server_method(), certificate, key, verifier, error);
    (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "a server needs certificate, key and verifier");
    return NULL;
}

SSL_CTX *
mtlspin_client_context(const char *certificate, const char *key, struct mtlspin_verifier *verifier,
    struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier != NULL && (certificate == NULL) == (key == NULL))
        return make(TLS_client_method(), certificate, key, verifier, error);
    (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT,
        "a client needs a verifier, and a certificate with its key or neither");
    return NULL;
}
