/* The certificates of the build folder (certs/make-certs.sh), by name. */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include <openssl/ssl.h>

/* The whole path of a file of the folder, for example "alice.pem": static text, overwritten by the eighth call after. */
const char *pki_path(const char *name, const char *suffix);

/* The first certificate of NAME.pem; X509_free it. The test fails if it cannot be had. */
X509 *pki_certificate(const char *name);

/* All certificates of NAME.pem behind the first; sk_X509_pop_free them. */
STACK_OF(X509) *pki_rest(const char *name);

/* Makes the SSL_CTX present the chain of CHAIN.pem (first certificate the own one) with the key of KEY.key. */
void pki_use(SSL_CTX *context, const char *chain, const char *key);

#endif
