/* Digests as hexadecimal and base64, numbers as bytes, bytes one behind the other. */
#ifndef MTLSPIN_LIB_ENCODING_H
#define MTLSPIN_LIB_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MTLSPIN__BASE64_DIGEST = 44 }; /* characters of a SHA-256 digest in base64, padding included */

/* 0 to 15, or -1 for a character that is no hexadecimal digit. */
int mtlspin__hex_digit(char c);

/* Exactly 32 bytes, digits of either case, bare or with a colon between every two. */
bool mtlspin__hex_decode_digest(uint8_t digest[32], const char *text, size_t length);

/* Upper case, two digits a byte, `separator` between bytes unless it is '\0'; terminated. The caller sizes `text`. */
void mtlspin__hex_encode(char *text, const uint8_t *bytes, size_t length, char separator);

/* RFC 4648, section 4, for exactly 32 bytes: the canonical form only, without spaces and with zero padding bits, so that a
   pin has one spelling. */
bool mtlspin__base64_decode_digest(uint8_t digest[32], const char *text, size_t length);
void mtlspin__base64_encode_digest(char text[MTLSPIN__BASE64_DIGEST + 1], const uint8_t digest[32]);

/* A number as eight bytes, the highest first, and back. */
void mtlspin__number_put(uint8_t bytes[8], int64_t number);
int64_t mtlspin__number_get(const uint8_t bytes[8]);

/* What is written: bytes are added behind those that are there, or only counted where `bytes` is NULL. Whoever gives the
   room knows how much it takes. */
struct mtlspin__writing {
    unsigned char *bytes;
    size_t length;
};
void mtlspin__bytes_put(struct mtlspin__writing *out, const void *data, size_t length);
void mtlspin__byte_put(struct mtlspin__writing *out, size_t value); /* below 256 */

/* The next bytes of what is read, which moves on; NULL, and it does not move, if there are not so many. */
const unsigned char *mtlspin__bytes_take(const unsigned char **bytes, size_t *length, size_t wanted);

/* The same, copied. false if there are not so many. */
bool mtlspin__bytes_get(void *to, size_t size, const unsigned char **bytes, size_t *length);

#endif
