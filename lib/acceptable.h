/* Names of CAs that a server tells its clients: those of the anchors. */
#ifndef MTLSPIN_LIB_ACCEPTABLE_H
#define MTLSPIN_LIB_ACCEPTABLE_H

#include "policy.h"
#include <openssl/ssl.h>

/* Puts them into an SSL_CTX that is being attached to. Where that fails, each connection has its own. */
void mtlspin__acceptable_attach(SSL_CTX *context, const struct mtlspin_policy *policy);

/* Has a connection ask for them: as its SSL_CTX does, or by a list of its own where that has another one. false if out of
   memory. */
bool mtlspin__acceptable_set(SSL *ssl, const struct mtlspin_policy *policy);

#endif
