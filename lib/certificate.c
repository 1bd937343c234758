/* Digests, serial number and dates of an X509. Only bytes of the object that OpenSSL parsed and verified are used: a
   second parser could see another certificate. */
#include "certificate.h"
#include "digest.h"
#include "moment.h"
#include <limits.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

bool
mtlspin__der_digest(unsigned char *der, int length, uint8_t digest[32])
{
    struct mtlspin__bytes run = { der, length > 0 ? (size_t)length : 0 };
    memset(digest, 0, 32);
    bool good = length > 0 && mtlspin__sha256(digest, &run, 1);
    OPENSSL_free(der);
    return good;
}

bool
mtlspin__spki_digest(const X509_PUBKEY *key, uint8_t digest[32])
{
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(key, &der);
    return mtlspin__der_digest(der, length, digest);
}

bool
mtlspin__certificate_spki(const X509 *certificate, uint8_t digest[32])
{
    const X509_PUBKEY *key = X509_get_X509_PUBKEY(certificate);
    memset(digest, 0, 32);
    return key != NULL && mtlspin__spki_digest(key, digest);
}

bool
mtlspin__certificate_thumbprint(const X509 *certificate, uint8_t digest[32])
{
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    return mtlspin__der_digest(der, length, digest);
}

bool
mtlspin__certificate_anchor(const X509 *certificate, uint8_t digest[32])
{
    unsigned char *der = NULL;
    int length = i2d_X509_AUX(certificate, &der);
    return mtlspin__der_digest(der, length, digest);
}

/* Sign and magnitude, since the bytes alone do not tell -126 from 130. */
bool
mtlspin__integer_serial(const ASN1_INTEGER *number, struct mtlspin_pin *serial)
{
    memset(serial, 0, sizeof *serial);
    if (number == NULL)
        return false;
    const unsigned char *data = ASN1_STRING_get0_data(number);
    size_t length = (size_t)ASN1_STRING_length(number);
    for (; length > 0 && *data == 0; data++)
        length--;
    if (length > MTLSPIN_SERIAL_SIZE)
        return false;
    serial->kind = MTLSPIN_SERIAL;
    serial->negative = length > 0 && ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER;
    serial->length = (uint8_t)length;
    if (length > 0)
        memcpy(serial->bytes, data, length);
    return true;
}

bool
mtlspin__certificate_serial(const X509 *certificate, struct mtlspin_pin *serial)
{
    return mtlspin__integer_serial(X509_get0_serialNumber(certificate), serial);
}

bool
mtlspin__certificate_pin(const X509 *certificate, enum mtlspin_kind kind, struct mtlspin_pin *pin)
{
    bool good = false;
    memset(pin, 0, sizeof *pin);
    if (kind == MTLSPIN_SERIAL)
        return mtlspin__certificate_serial(certificate, pin);
    if (kind == MTLSPIN_SPKI)
        good = mtlspin__certificate_spki(certificate, pin->bytes);
    else if (kind == MTLSPIN_THUMBPRINT)
        good = mtlspin__certificate_thumbprint(certificate, pin->bytes);
    pin->kind = good ? kind : MTLSPIN_KIND_NONE;
    pin->length = good ? MTLSPIN_DIGEST_SIZE : 0;
    return good;
}

/* No timegm, which is not everywhere; ASN1_TIME_diff(3) would do, at ten times the cost. */
bool
mtlspin__unix_time(const ASN1_TIME *time, int64_t *seconds)
{
    struct tm tm = { 0 };
    bool good = time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 && tm.tm_year > -1900; /* there is no year 0 */
    int64_t days = good ? mtlspin__day_number(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) : 0;
    *seconds = good ? ((days * 24 + tm.tm_hour) * 60 + tm.tm_min) * 60 + tm.tm_sec : 0;
    return good;
}

bool
mtlspin__certificate_end(const X509 *certificate, int64_t *not_after)
{
    return mtlspin__unix_time(X509_get0_notAfter(certificate), not_after);
}

bool
mtlspin__pem_is_ca(const char *pem, size_t length)
{
    ERR_set_mark();
    BIO *input = length <= INT_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
    X509 *certificate = input != NULL ? PEM_read_bio_X509(input, NULL, NULL, NULL) : NULL;
    bool is_ca = certificate != NULL && X509_check_ca(certificate) != 0;
    X509_free(certificate);
    BIO_free(input);
    ERR_pop_to_mark();
    return is_ca;
}
