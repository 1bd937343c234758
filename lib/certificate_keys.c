/* Keys of certificates. */
#include "certificate_keys.h"
#include "certificate.h"
#include "rule_key.h"
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

/* Serial numbers too long for a pin cannot be named by any rule, so that no denial could ever catch them. */
bool
mtlspin__keys_make(struct mtlspin__certificate_keys *keys, const X509 *certificate, struct mtlspin_pin *serial)
{
    memset(keys, 0, sizeof *keys);
    if (!mtlspin__certificate_spki(certificate, keys->spki))
        return false;
    return !mtlspin__certificate_serial(certificate, serial) || mtlspin__serial_key(serial, NULL, keys->serial);
}

static bool
add_issued_serial(struct mtlspin__certificate_keys *keys, const X509 *certificate, const uint8_t issuer[32])
{
    struct mtlspin_pin serial;
    if (!mtlspin__certificate_serial(certificate, &serial))
        return true;
    keys->has_issuer = mtlspin__serial_key(&serial, issuer, keys->issued_serial);
    return keys->has_issuer;
}

/* The issuer is the next certificate of the verified chain, not whoever bears the issuer's name. */
bool
mtlspin__keys_add_issuer(struct mtlspin__certificate_keys *keys, X509 *certificate,
    const struct mtlspin__certificate_keys *issuer)
{
    if (issuer != NULL)
        return add_issued_serial(keys, certificate, issuer->spki);
    int own = X509_self_signed(certificate, 0);
    return own == 1 ? add_issued_serial(keys, certificate, keys->spki) : own == 0;
}
