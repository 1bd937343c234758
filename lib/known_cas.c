/* Keys of CAs in a few places, each of which is emptied and filled in one atomic step. */
#include "known_cas.h"
#include "certificate_keys.h"
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One CA, by its bytes, since the X509 is a program's to change; and the key of the CA that had issued it. */
struct known_ca {
    unsigned char *der; /* owned */
    int length;
    uint8_t issuer[32];
    struct mtlspin__certificate_keys keys;
};

enum { PLACES = 16 };

struct mtlspin__known_cas {
    _Atomic(struct known_ca *) places[PLACES]; /* NULL = nothing in it */
};

struct mtlspin__known_cas *
mtlspin__known_cas_new(void)
{
    struct mtlspin__known_cas *known = malloc(sizeof *known);
    for (size_t i = 0; known != NULL && i < PLACES; i++)
        atomic_init(&known->places[i], NULL);
    return known;
}

static void
forget(struct known_ca *known)
{
    if (known == NULL)
        return;
    OPENSSL_free(known->der);
    free(known);
}

void
mtlspin__known_cas_free(struct mtlspin__known_cas *known)
{
    for (size_t i = 0; known != NULL && i < PLACES; i++)
        forget(atomic_load(&known->places[i]));
    free(known);
}

/* NULL if out of memory: then it will be done again. */
static struct known_ca *
remember(X509 *certificate, const uint8_t issuer[32], const struct mtlspin__certificate_keys *keys)
{
    struct known_ca *known = calloc(1, sizeof *known);
    if (known == NULL || (known->length = i2d_X509(certificate, &known->der)) <= 0) {
        free(known);
        return NULL;
    }
    known->keys = *keys;
    memcpy(known->issuer, issuer, sizeof known->issuer);
    return known;
}

static bool
is_about(const struct known_ca *known, const X509 *certificate, const uint8_t issuer[32])
{
    unsigned char *der = NULL;
    if (known == NULL || memcmp(known->issuer, issuer, sizeof known->issuer) != 0)
        return false;
    int length = i2d_X509(certificate, &der);
    bool same = length > 0 && length == known->length && memcmp(der, known->der, (size_t)length) == 0;
    OPENSSL_free(der);
    return same;
}

/* The end of the serial number spreads CAs over the places; which one it is decides nothing. */
static size_t
place_of(const X509 *certificate)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    int length = ASN1_STRING_length(serial);
    return length > 0 ? ASN1_STRING_get0_data(serial)[length - 1] % PLACES : 0;
}

/* Who takes a known CA out of its place has it alone until it is put back; whoever comes meanwhile does without. */
bool
mtlspin__known_cas_keys(struct mtlspin__known_cas *known, struct mtlspin__certificate_keys *keys, X509 *certificate,
    const struct mtlspin__certificate_keys *issuer)
{
    _Atomic(struct known_ca *) *place = &known->places[place_of(certificate)];
    struct known_ca *ca = atomic_exchange(place, NULL);
    struct mtlspin_pin serial;
    bool good = true;
    if (is_about(ca, certificate, issuer->spki)) {
        *keys = ca->keys;
    } else {
        forget(ca);
        good = mtlspin__keys_make(keys, certificate, &serial) && mtlspin__keys_add_issuer(keys, certificate, issuer);
        ca = good ? remember(certificate, issuer->spki, keys) : NULL;
    }
    forget(atomic_exchange(place, ca));
    return good;
}
