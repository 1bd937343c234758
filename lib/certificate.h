/* Facts of a certificate that everything above is made from. */
#ifndef MTLSPIN_LIB_CERTIFICATE_H
#define MTLSPIN_LIB_CERTIFICATE_H

#include <mtlspin/pin.h>
#include <stdbool.h>

/* SHA-256 over the SubjectPublicKeyInfo as it stands in the certificate; X509_pubkey_digest(3) would hash less. */
bool mtlspin__certificate_spki(const X509 *certificate, uint8_t digest[32]);

/* SHA-256 over the certificate. */
bool mtlspin__certificate_thumbprint(const X509 *certificate, uint8_t digest[32]);

/* What tells one trust anchor from another: its certificate together with trust settings (TRUSTED CERTIFICATE). */
bool mtlspin__certificate_anchor(const X509 *certificate, uint8_t digest[32]);

/* The serial number; false if it is longer than MTLSPIN_SERIAL_SIZE. */
bool mtlspin__certificate_serial(const X509 *certificate, struct mtlspin_pin *serial);

/* The same of a number as it stands in any structure, which may be NULL. */
bool mtlspin__integer_serial(const ASN1_INTEGER *number, struct mtlspin_pin *serial);

/* The pin of any of the three kinds; false (and a zeroed pin) if it cannot be had. */
bool mtlspin__certificate_pin(const X509 *certificate, enum mtlspin_kind kind, struct mtlspin_pin *pin);

/* Whether the first certificate of a PEM text is a CA's. false also if there is none. */
bool mtlspin__pem_is_ca(const char *pem, size_t length);

/* notAfter as Unix time; false if it cannot be read. */
bool mtlspin__certificate_end(const X509 *certificate, int64_t *not_after);

/* A time of ASN.1, which may be NULL, as Unix time; false and zero if it cannot be read. */
bool mtlspin__unix_time(const ASN1_TIME *time, int64_t *seconds);

/* SHA-256 over what an i2d function of OpenSSL allocated and returned the length of; releases it. On failure, the
   encoding's included, false and a zeroed digest. */
bool mtlspin__der_digest(unsigned char *der, int length, uint8_t digest[32]);

/* SHA-256 over a SubjectPublicKeyInfo. */
bool mtlspin__spki_digest(const X509_PUBKEY *key, uint8_t digest[32]);

#endif
