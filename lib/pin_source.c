/* Pins out of certificates, requests and public keys, as objects, DER and PEM. */
#include "certificate.h"
#include "error.h"
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static enum mtlspin_status
begin(struct mtlspin_pin *pin, enum mtlspin_kind kind, const void *source, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (pin != NULL)
        memset(pin, 0, sizeof *pin);
    if (pin == NULL || source == NULL || kind < MTLSPIN_SPKI || kind > MTLSPIN_SERIAL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no pin, no source, or not a kind of pin");
    return MTLSPIN_OK;
}

static enum mtlspin_status
from_certificate(struct mtlspin_pin *pin, enum mtlspin_kind kind, const X509 *certificate, struct mtlspin_error *error)
{
    if (mtlspin__certificate_pin(certificate, kind, pin))
        return MTLSPIN_OK;
    if (kind == MTLSPIN_SERIAL)
        return mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE, "the serial number has more than %d bytes",
            MTLSPIN_SERIAL_SIZE);
    return mtlspin__fail(error, MTLSPIN_ERR_OPENSSL, "the certificate cannot be hashed");
}

enum mtlspin_status
mtlspin_pin_from_x509(struct mtlspin_pin *pin, enum mtlspin_kind kind, const X509 *certificate, struct mtlspin_error *error)
{
    enum mtlspin_status status = begin(pin, kind, certificate, error);
    if (status != MTLSPIN_OK)
        return status;
    ERR_set_mark();
    status = from_certificate(pin, kind, certificate, error);
    ERR_pop_to_mark();
    return status;
}

static bool
from_key(struct mtlspin_pin *pin, const X509_PUBKEY *key)
{
    if (key == NULL || !mtlspin__spki_digest(key, pin->bytes))
        return false;
    pin->kind = MTLSPIN_SPKI;
    pin->length = MTLSPIN_DIGEST_SIZE;
    return true;
}

/* What the bytes are is tried in turn; each parser must use them up, so that they cannot be two things. */
static enum mtlspin_status
from_der(struct mtlspin_pin *pin, enum mtlspin_kind kind, const unsigned char *der, long length,
    struct mtlspin_error *error)
{
    const unsigned char *at = der;
    enum mtlspin_status status = MTLSPIN_ERR_CERTIFICATE;
    X509_REQ *request = NULL;
    X509_PUBKEY *key = NULL;
    X509 *certificate = d2i_X509(NULL, &at, length);
    if (certificate != NULL && at == der + length) {
        status = from_certificate(pin, kind, certificate, error);
        goto out;
    }
    at = der;
    request = kind == MTLSPIN_SPKI ? d2i_X509_REQ(NULL, &at, length) : NULL;
    if (request != NULL && at == der + length && from_key(pin, X509_REQ_get_X509_PUBKEY(request))) {
        status = MTLSPIN_OK;
        goto out;
    }
    at = der;
    key = kind == MTLSPIN_SPKI ? d2i_X509_PUBKEY(NULL, &at, length) : NULL;
    if (key != NULL && at == der + length && from_key(pin, key))
        status = MTLSPIN_OK;
out:
    X509_free(certificate);
    X509_REQ_free(request);
    X509_PUBKEY_free(key);
    if (status == MTLSPIN_OK)
        return status;
    return mtlspin__fail(error, status, "this is no DER of a certificate%s; take a whole one",
        kind == MTLSPIN_SPKI ? ", certificate request or public key" : "");
}

enum mtlspin_status
mtlspin_pin_from_der(struct mtlspin_pin *pin, enum mtlspin_kind kind, const void *der, size_t length,
    struct mtlspin_error *error)
{
    enum mtlspin_status status = begin(pin, kind, der, error);
    if (status != MTLSPIN_OK)
        return status;
    if (length > INT_MAX)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "more than 2 GiB of DER");
    ERR_set_mark();
    status = from_der(pin, kind, der, (long)length, error);
    ERR_pop_to_mark();
    return status;
}

static bool
usable_block(const char *name, enum mtlspin_kind kind)
{
    if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
        return true;
    return kind == MTLSPIN_SPKI
        && (strcmp(name, PEM_STRING_PUBLIC) == 0 || strcmp(name, PEM_STRING_X509_REQ) == 0
            || strcmp(name, PEM_STRING_X509_REQ_OLD) == 0);
}

static enum mtlspin_status
from_pem(struct mtlspin_pin *pin, enum mtlspin_kind kind, const void *pem, int length, struct mtlspin_error *error)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long size = 0;
    enum mtlspin_status status = MTLSPIN_ERR_CERTIFICATE;
    BIO *input = BIO_new_mem_buf(pem, length);
    if (input == NULL || !PEM_read_bio(input, &name, &header, &der, &size))
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "this is no whole PEM text; copy it from -----BEGIN to the end of the line -----END");
    else if (!usable_block(name, kind))
        status = mtlspin__fail(error, MTLSPIN_ERR_CERTIFICATE,
            "a PEM block \"%.40s\" has no such pin; take the certificate", name);
    else
        status = from_der(pin, kind, der, size, error);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, size > 0 ? (size_t)size : 0); /* it may have been a private key */
    BIO_free(input);
    return status;
}

enum mtlspin_status
mtlspin_pin_from_pem(struct mtlspin_pin *pin, enum mtlspin_kind kind, const void *pem, size_t length,
    struct mtlspin_error *error)
{
    enum mtlspin_status status = begin(pin, kind, pem, error);
    if (status != MTLSPIN_OK)
        return status;
    if (length > INT_MAX)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "more than 2 GiB of PEM");
    ERR_set_mark();
    status = from_pem(pin, kind, pem, (int)length, error);
    ERR_pop_to_mark();
    return status;
}
