/* A hardened SSL_CTX for programs that have none.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_CONTEXT_H
#define MTLSPIN_CONTEXT_H

#include <mtlspin/verifier.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A server's SSL_CTX with the verifier attached: TLS 1.2 and 1.3, authenticated encryption with forward secrecy only.
   `certificate` and `key` are each a file or any URI that OpenSSL's store loader knows (ossl_store(7): "pkcs11:…" where a
   provider is installed); the first certificate is the server's own, those that follow are sent with it. A key that needs
   a passphrase is an error: nothing is ever asked on the terminal.
   Returns a new reference, release with SSL_CTX_free; NULL on error: MTLSPIN_ERR_ARGUMENT; MTLSPIN_ERR_CERTIFICATE (a
   certificate or key that cannot be read or used); MTLSPIN_ERR_OPENSSL; those of mtlspin_verifier_attach.
   Thread-safe. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK SSL_CTX *mtlspin_server_context(const char *certificate, const char *key,
    struct mtlspin_verifier *verifier, struct mtlspin_error *error);

/* A client's SSL_CTX with the verifier attached, of the same protocols. `certificate` and `key` are as above, or both NULL
   for a client that has none. The policy names the trust anchors (`ca system` for public servers), the SSL_CTX has none.
   Each connection still needs its host: see mtlspin_verifier_attach.
   Returns a new reference, release with SSL_CTX_free; NULL on error, with the statuses of mtlspin_server_context.
   Thread-safe. Since: 0.2.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK SSL_CTX *mtlspin_client_context(const char *certificate, const char *key,
    struct mtlspin_verifier *verifier, struct mtlspin_error *error);

#ifdef __cplusplus
}
#endif

#endif
