/* A program's own certificate and key. */
#ifndef MTLSPIN_LIB_CREDENTIALS_H
#define MTLSPIN_LIB_CREDENTIALS_H

#include <mtlspin/error.h>
#include <openssl/types.h>

/* Loads certificate chain and key, each from a file or store URI, into the SSL_CTX, and checks that they fit together. */
enum mtlspin_status mtlspin__credentials_use(SSL_CTX *context, const char *certificate, const char *key,
    struct mtlspin_error *error);

#endif
