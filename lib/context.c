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
    if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)
        || !SSL_CTX_set_cipher_list(context, ciphers))
        return mtlspin__fail(error, MTLSPIN_ERR_OPENSSL, "OpenSSL makes no SSL_CTX");
    enum mtlspin_status status = mtlspin__credentials_use(context, certificate, key, error);
    return status == MTLSPIN_OK ? mtlspin_verifier_attach(verifier, context, error) : status;
}

SSL_CTX *
mtlspin_server_context(const char *certificate, const char *key, struct mtlspin_verifier *verifier,
    struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (certificate == NULL || key == NULL || verifier == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "a server needs certificate, key and verifier");
        return NULL;
    }
    ERR_set_mark();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (set_up(context, certificate, key, verifier, error) != MTLSPIN_OK) {
        SSL_CTX_free(context);
        context = NULL;
    }
    ERR_pop_to_mark();
    return context;
}
