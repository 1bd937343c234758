/* Things out of DER. Each reader must use up all bytes, so that they cannot be two things. */
#include "things.h"
#include <openssl/decoder.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <string.h>

void
things_add_certificate(struct things *things, X509 *certificate)
{
    struct thing *thing = things_add(things, CERTIFICATE);
    if (thing != NULL && X509_up_ref(certificate) == 1)
        thing->certificate = certificate;
    else if (thing != NULL)
        things->count--;
}

static bool
add_key(struct things *things, enum thing_kind kind, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(key, &der);
    struct thing *thing = length > 0 ? things_add(things, kind) : NULL;
    if (thing == NULL) {
        OPENSSL_free(der);
        return false;
    }
    thing->key = der;
    thing->key_length = (size_t)length;
    return true;
}

void
things_add_private_key(struct things *things, EVP_PKEY *key)
{
    if (!add_key(things, PRIVATE_KEY, key))
        things_broken(things, "the public half of a private key in it cannot be had; give its certificate instead");
}

void
things_add_public_key(struct things *things, EVP_PKEY *key)
{
    if (!add_key(things, PUBLIC_KEY, key))
        things_broken(things, "a public key in it cannot be written as SubjectPublicKeyInfo; give its certificate instead");
}

static bool
take_certificate(struct things *things, X509 *certificate, bool whole)
{
    bool good = certificate != NULL && whole;
    if (good)
        things_add_certificate(things, certificate);
    X509_free(certificate);
    return good;
}

bool
certificate_from_der(struct things *things, const unsigned char *der, size_t length)
{
    const unsigned char *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)length);
    return take_certificate(things, certificate, at == der + length);
}

bool
trusted_from_der(struct things *things, const unsigned char *der, size_t length)
{
    const unsigned char *at = der;
    X509 *certificate = d2i_X509_AUX(NULL, &at, (long)length);
    return take_certificate(things, certificate, at == der + length);
}

bool
request_from_der(struct things *things, const unsigned char *der, size_t length)
{
    const unsigned char *at = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)length);
    struct thing *thing = request != NULL && at == der + length ? things_add(things, REQUEST) : NULL;
    if (thing != NULL)
        thing->request = request;
    else
        X509_REQ_free(request);
    return thing != NULL;
}

/* Its own bytes are kept: this OpenSSL need not know the algorithm to know the pin. */
bool
public_key_from_der(struct things *things, const unsigned char *der, size_t length)
{
    const unsigned char *at = der;
    X509_PUBKEY *key = d2i_X509_PUBKEY(NULL, &at, (long)length);
    bool good = key != NULL && at == der + length;
    unsigned char *copy = good ? OPENSSL_memdup(der, length) : NULL;
    struct thing *thing = copy != NULL ? things_add(things, PUBLIC_KEY) : NULL;
    X509_PUBKEY_free(key);
    if (thing == NULL) {
        OPENSSL_free(copy);
        return false;
    }
    thing->key = copy;
    thing->key_length = length;
    return true;
}

bool
list_from_der(struct things *things, const unsigned char *der, size_t length)
{
    const unsigned char *at = der;
    X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)length);
    bool good = list != NULL && at == der + length && things_add(things, REVOCATION_LIST) != NULL;
    X509_CRL_free(list);
    return good;
}

static bool
add_all(struct things *things, const STACK_OF(X509) *certificates)
{
    for (int i = 0; i < sk_X509_num(certificates); i++)
        things_add_certificate(things, sk_X509_value(certificates, i));
    return sk_X509_num(certificates) > 0;
}

bool
bag_from_der(struct things *things, const unsigned char *der, size_t length)
{
    const unsigned char *at = der;
    PKCS7 *bag = d2i_PKCS7(NULL, &at, (long)length);
    bool good = false;
    if (bag != NULL && at == der + length && PKCS7_type_is_signed(bag) && bag->d.sign != NULL)
        good = add_all(things, bag->d.sign->cert);
    PKCS7_free(bag);
    return good;
}

/* PKCS #12. Most of those without a passphrase have an empty one; some have none, which is not the same. */

static bool
opens(PKCS12 *bag, const char *text)
{
    if (PKCS12_mac_present(bag))
        return PKCS12_verify_mac(bag, text, -1) == 1;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    bool good = PKCS12_parse(bag, text, &key, &certificate, NULL) == 1;
    EVP_PKEY_free(key);
    X509_free(certificate);
    return good;
}

static const char *
find_passphrase(struct things *things, PKCS12 *bag, char *text, int size)
{
    if (opens(bag, ""))
        return "";
    if (opens(bag, NULL))
        return NULL;
    int length = passphrase_get(text, size - 1, 0, things->passphrase);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

static bool
take_pkcs12(struct things *things, PKCS12 *bag, const char *passphrase)
{
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    STACK_OF(X509) *others = NULL;
    if (PKCS12_parse(bag, passphrase, &key, &certificate, &others) != 1)
        return false;
    if (certificate != NULL)
        things_add_certificate(things, certificate);
    (void)add_all(things, others);
    if (key != NULL)
        things_add_private_key(things, key);
    if (key == NULL && certificate == NULL && sk_X509_num(others) <= 0)
        things_broken(things, "a PKCS #12 file without a certificate or key in it; give one that has some");
    EVP_PKEY_free(key);
    X509_free(certificate);
    sk_X509_pop_free(others, X509_free);
    return true;
}

/* Somebody who chose a huge number would keep the processor busy for an hour. */
static bool
is_slow(PKCS12 *bag)
{
    enum { MOST = 10000000 };
    const ASN1_INTEGER *iterations = NULL;
    if (!PKCS12_mac_present(bag))
        return false;
    PKCS12_get0_mac(NULL, NULL, NULL, &iterations, bag);
    return iterations != NULL && (ASN1_INTEGER_get(iterations) < 0 || ASN1_INTEGER_get(iterations) > MOST);
}

bool
pkcs12_from_der(struct things *things, const unsigned char *der, size_t length)
{
    char text[PEM_BUFSIZE + 1] = "";
    const unsigned char *at = der;
    PKCS12 *bag = d2i_PKCS12(NULL, &at, (long)length);
    bool whole = bag != NULL && at == der + length;
    bool slow = whole && is_slow(bag);
    const char *passphrase = whole && !slow ? find_passphrase(things, bag, text, sizeof text) : NULL;
    if (slow)
        things_broken(things, "a PKCS #12 file that is made to take hours to open; have it made again by `openssl pkcs12`");
    else if (whole && things->passphrase->wrong != NULL)
        things_broken(things, things->passphrase->wrong);
    else if (whole && passphrase == text && !opens(bag, text))
        things_broken(things, "the passphrase does not open this PKCS #12 file, or the file is damaged; try again with the "
                              "right passphrase, or get the file again");
    else if (whole && !take_pkcs12(things, bag, passphrase))
        things_broken(things, "a PKCS #12 file that cannot be opened: damaged, or encrypted as long ago; then "
                              "`openssl pkcs12 -legacy -nokeys -in FILE | mtlspin pin -` does it");
    OPENSSL_cleanse(text, sizeof text);
    PKCS12_free(bag);
    return whole;
}

/* Keys of all other kinds. */

static EVP_PKEY *
decode(struct things *things, const unsigned char *der, size_t length, int selection)
{
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, selection, NULL, NULL);
    bool good = decoder != NULL && OSSL_DECODER_CTX_set_pem_password_cb(decoder, passphrase_get, things->passphrase) == 1
        && OSSL_DECODER_from_data(decoder, &der, &length) == 1 && length == 0;
    OSSL_DECODER_CTX_free(decoder);
    if (good)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

bool
key_from_der(struct things *things, const unsigned char *der, size_t length)
{
    static const struct { int selection; enum thing_kind kind; } steps[] = {
        { EVP_PKEY_KEYPAIR, PRIVATE_KEY },
        { EVP_PKEY_PUBLIC_KEY, PUBLIC_KEY },
        { EVP_PKEY_KEY_PARAMETERS, PARAMETERS },
    };
    const bool asked = things->passphrase->wanted; /* once is enough */
    for (size_t i = 0; i < sizeof steps / sizeof *steps && things->passphrase->wanted == asked; i++) {
        EVP_PKEY *key = decode(things, der, length, steps[i].selection);
        if (key == NULL)
            continue;
        bool good = steps[i].kind == PARAMETERS ? things_add(things, PARAMETERS) != NULL
                                                : add_key(things, steps[i].kind, key);
        EVP_PKEY_free(key);
        return good;
    }
    return false;
}
