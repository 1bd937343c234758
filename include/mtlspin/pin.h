/* Pins: the three ways to name one certificate or key. Usable without any TLS.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_PIN_H
#define MTLSPIN_PIN_H

#include <mtlspin/error.h>
#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a rule names a peer by. The first three are pins; a zeroed value is no kind at all. Since: 0.1.0 */
enum mtlspin_kind {
    MTLSPIN_KIND_NONE = 0,
    MTLSPIN_SPKI = 1,       /* SHA-256 of the DER SubjectPublicKeyInfo (RFC 7469, section 2.4) */
    MTLSPIN_THUMBPRINT = 2, /* SHA-256 of the DER certificate */
    MTLSPIN_SERIAL = 3,     /* serial number; means something only together with the issuer */
    MTLSPIN_CA_SPKI = 4,    /* SPKI pin of a CA in the verified chain */
    MTLSPIN_EMAIL = 5,      /* subject alternative name, rfc822Name */
    MTLSPIN_URI = 6,        /* subject alternative name, uniformResourceIdentifier */
    MTLSPIN_DNS = 7,        /* subject alternative name, dNSName; never the common name */
    MTLSPIN_ANY = 8         /* whoever has a valid chain */
};

enum {
    MTLSPIN_DIGEST_SIZE = 32,   /* bytes of a SHA-256 digest */
    MTLSPIN_SERIAL_SIZE = 32,   /* the longest serial number in bytes; RFC 5280, 4.1.2.2 asks for at most 20 */
    MTLSPIN_PIN_TEXT_SIZE = 100 /* holds every formatted pin and its terminator */
};

/* A pin as a plain value. bytes[0..length) is the digest (length 32) or the magnitude of the serial number, most
   significant byte first, without leading zeros (zero has length 0). What is behind length is zero. Since: 0.1.0 */
struct mtlspin_pin {
    enum mtlspin_kind kind; /* MTLSPIN_SPKI, MTLSPIN_THUMBPRINT or MTLSPIN_SERIAL */
    uint8_t negative;       /* 1 for a serial number below zero */
    uint8_t length;
    uint8_t bytes[32];
};

/* The pin of a certificate. `pin` is zeroed on failure. These four check nothing about the certificate: not its
   signature, its dates or its purpose. A serial number of more than MTLSPIN_SERIAL_SIZE bytes is an error.
   `certificate` is borrowed for the call. Thread-safe for different certificates. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_pin_from_x509(struct mtlspin_pin *pin, enum mtlspin_kind kind,
    const X509 *certificate, struct mtlspin_error *error);

/* The same from `length` bytes of DER: a certificate; for MTLSPIN_SPKI also a SubjectPublicKeyInfo or a certificate
   request (PKCS #10). Bytes behind the structure are an error. Thread-safe. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_pin_from_der(struct mtlspin_pin *pin, enum mtlspin_kind kind,
    const void *der, size_t length, struct mtlspin_error *error);

/* The same from `length` bytes of PEM text (a terminating zero is not needed): the first block decides, which must be a
   certificate or, for MTLSPIN_SPKI, also a public key or certificate request. Thread-safe. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_pin_from_pem(struct mtlspin_pin *pin, enum mtlspin_kind kind,
    const void *pem, size_t length, struct mtlspin_error *error);

/* Reads a pin as the usual tools print it. SPKI and thumbprint: 64 hex digits of either case, bare or with a colon
   between every two; "sha256/BASE64", "sha256//BASE64" (curl); thumbprint also with "SHA256 Fingerprint=" in front.
   Serial number: hexadecimal, with "serial=", "0x", colons, or at least one letter; "-" in front if negative.
   Refused, with a message that says what was given and what is wanted: SHA-1, MD5 and other digests, base64url, a wrong
   length, and a serial number of decimal digits alone (hexadecimal and decimal cannot be told apart).
   Thread-safe. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_pin_parse(struct mtlspin_pin *pin, enum mtlspin_kind kind,
    const char *text, struct mtlspin_error *error);

/* Writes the form that mtlspin_pin_parse reads back: "sha256/BASE64" for an SPKI pin, upper case hex with colons for a
   thumbprint, "0x…" for a serial number. `size` is that of `buffer`; MTLSPIN_PIN_TEXT_SIZE always suffices, with less
   than needed nothing is written but a terminator. Thread-safe. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_pin_format(const struct mtlspin_pin *pin, char *buffer,
    size_t size);

/* 1 if both name the same thing, else 0. Not constant in time: pins are digests of public data. Thread-safe.
   Since: 0.1.0 */
MTLSPIN_API int mtlspin_pin_equal(const struct mtlspin_pin *a, const struct mtlspin_pin *b);

#ifdef __cplusplus
}
#endif

#endif
