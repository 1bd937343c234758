/* Hexadecimal and base64, strict. */
#include "encoding.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
mtlspin__hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void
mtlspin__hex_encode(char *text, const uint8_t *bytes, size_t length, char separator)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && separator != '\0')
            *text++ = separator;
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

static int
base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
mtlspin__base64_decode_digest(uint8_t digest[32], const char *text, size_t length)
{
    uint32_t bits = 0;
    size_t held = 0, out = 0;
    if (length != MTLSPIN__BASE64_DIGEST || text[length - 1] != '=')
        return false;
    for (size_t i = 0; i < length - 1; i++) {
        int value = base64_value(text[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            digest[out++] = (uint8_t)(bits >> held);
        }
    }
    return (bits & ((1U << held) - 1)) == 0;
}

void
mtlspin__base64_encode_digest(char text[MTLSPIN__BASE64_DIGEST + 1], const uint8_t digest[32])
{
    uint32_t bits = 0;
    size_t held = 0;
    for (size_t i = 0; i < 32; i++) {
        bits = bits << 8 | digest[i];
        for (held += 8; held >= 6;) {
            held -= 6;
            *text++ = alphabet[bits >> held & 63];
        }
    }
    *text++ = alphabet[bits << (6 - held) & 63];
    *text++ = '=';
    *text = '\0';
}

void
mtlspin__number_put(uint8_t bytes[8], int64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
}

int64_t
mtlspin__number_get(const uint8_t bytes[8])
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return (int64_t)number;
}
