/* What a revocation list says, taken out of OpenSSL's structure. */
#ifndef MTLSPIN_LIB_CRL_READ_H
#define MTLSPIN_LIB_CRL_READ_H

#include "revocation.h"
#include <mtlspin/error.h>
#include <openssl/types.h>

/* Dates, serial numbers and digest of the list into the zeroed `list`; `name` is for messages. Fails for a list that cannot
   be understood whole, or that does not cover all certificates of its issuer. */
enum mtlspin_status mtlspin__crl_read(X509_CRL *crl, const char *name, struct mtlspin__crl *list,
    struct mtlspin_error *error);

#endif
