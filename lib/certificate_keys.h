/* The keys under which rules name one certificate. */
#ifndef MTLSPIN_LIB_CERTIFICATE_KEYS_H
#define MTLSPIN_LIB_CERTIFICATE_KEYS_H

#include "evidence.h"
#include <openssl/types.h>

/* Makes those that the certificate has by itself, and tells its serial number (of no kind if it is too long for any rule).
   false if a digest could not be made. */
bool mtlspin__keys_make(struct mtlspin__certificate_keys *keys, const X509 *certificate, struct mtlspin_pin *serial);

/* Adds those that it has by its issuer, which is the next certificate of the verified chain; NULL = it ends here, and only
   a certificate that is self-signed tells its issuer. false as before. */
bool mtlspin__keys_add_issuer(struct mtlspin__certificate_keys *keys, X509 *certificate,
    const struct mtlspin__certificate_keys *issuer);

#endif
