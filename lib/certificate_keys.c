/* Keys of certificates. */
#include "certificate_keys.h"
#include "certificate.h"
#include "rule_key.h"
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
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

/* Peers of one CA bring its certificate again and again: its keys are kept, with those of the CA that had issued it. */
struct known_ca {
    X509 *certificate; /* a reference */
    uint8_t issuer[32];
    struct mtlspin__certificate_keys keys;
};

static void
forget(struct known_ca *known)
{
    if (known == NULL)
        return;
    X509_free(known->certificate);
    free(known);
}

/* NULL if out of memory: then it will be done again. */
static struct known_ca *
remember(X509 *certificate, const uint8_t issuer[32], const struct mtlspin__certificate_keys *keys)
{
    struct known_ca *known = malloc(sizeof *known);
    if (known == NULL || !X509_up_ref(certificate)) {
        free(known);
        return NULL;
    }
    known->certificate = certificate;
    known->keys = *keys;
    memcpy(known->issuer, issuer, sizeof known->issuer);
    return known;
}

/* X509_cmp(3) compares the bytes of all that is signed. */
static bool
is_about(const struct known_ca *known, const X509 *certificate, const uint8_t issuer[32])
{
    return known != NULL && X509_cmp(known->certificate, certificate) == 0
        && memcmp(known->issuer, issuer, sizeof known->issuer) == 0;
}

/* The end of the serial number spreads CAs over the places; which one it is decides nothing. */
static size_t
place_of(const X509 *certificate, size_t places)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    int length = ASN1_STRING_length(serial);
    return length > 0 ? ASN1_STRING_get0_data(serial)[length - 1] % places : 0;
}

/* Who takes a known CA out of its place has it alone until it is put back; whoever comes meanwhile does without. */
bool
mtlspin__keys_of_ca(struct mtlspin__certificate_keys *keys, X509 *certificate,
    const struct mtlspin__certificate_keys *issuer)
{
    enum { PLACES = 16 };
    static _Atomic(struct known_ca *) places[PLACES];
    _Atomic(struct known_ca *) *place = &places[place_of(certificate, PLACES)];
    struct known_ca *known = atomic_exchange(place, NULL);
    struct mtlspin_pin serial;
    bool good = true;
    if (is_about(known, certificate, issuer->spki)) {
        *keys = known->keys;
    } else {
        forget(known);
        good = mtlspin__keys_make(keys, certificate, &serial) && add_issued_serial(keys, certificate, issuer->spki);
        known = good ? remember(certificate, issuer->spki, keys) : NULL;
    }
    forget(atomic_exchange(place, known));
    return good;
}
