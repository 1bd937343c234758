/* The keys of the CAs that came along last: peers of one CA bring its certificate again and again. */
#ifndef MTLSPIN_LIB_KNOWN_CAS_H
#define MTLSPIN_LIB_KNOWN_CAS_H

#include "evidence.h"
#include <openssl/types.h>

struct mtlspin__known_cas;

struct mtlspin__known_cas *mtlspin__known_cas_new(void);        /* NULL if out of memory */
void mtlspin__known_cas_free(struct mtlspin__known_cas *known); /* NULL is ignored */

/* The keys of a CA that came with a verified peer, with those that it has by its issuer: quick if it has come before. false
   if a digest could not be made. Thread-safe. */
bool mtlspin__known_cas_keys(struct mtlspin__known_cas *known, struct mtlspin__certificate_keys *keys, X509 *certificate,
    const struct mtlspin__certificate_keys *issuer);

#endif
