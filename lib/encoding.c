/* Hexadecimal and base64, strict. */
#include "encoding.h"
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One more than the value of each digit, so that what is none has 0. */
static const uint8_t hex_values[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* In the same way. */
static const uint8_t base64_values[256] = {
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10,
    ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20,
    ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
    ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50,
    ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
    ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

int
mtlspin__hex_digit(char c)
{
    return hex_values[(unsigned char)c] - 1;
}

/* Decoding looks at the whole before it says whether it is good: what is no digit has more bits than any digit, and they
   are gathered. */

bool
mtlspin__hex_decode_digest(uint8_t digest[32], const char *text, size_t length)
{
    unsigned digits = 0, colons = 0;
    size_t step = length == 64 ? 2 : 3;
    if (length != 64 && length != 95)
        return false;
    for (size_t i = 0; i < 32; i++) {
        unsigned high = hex_values[(unsigned char)text[step * i]] - 1U;
        unsigned low = hex_values[(unsigned char)text[step * i + 1]] - 1U;
        digits |= high | low;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    for (size_t i = 0; step == 3 && i < 31; i++)
        colons |= (unsigned)(text[3 * i + 2] ^ ':');
    return digits < 16 && colons == 0;
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

/* The bits of `count` digits, the first one highest. */
static uint32_t
base64_bits(const char *text, size_t count, uint32_t *digits)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = base64_values[(unsigned char)text[i]] - 1U;
        *digits |= value;
        bits = bits << 6 | value;
    }
    return bits;
}

bool
mtlspin__base64_decode_digest(uint8_t digest[32], const char *text, size_t length)
{
    uint32_t digits = 0;
    if (length != MTLSPIN__BASE64_DIGEST || text[length - 1] != '=')
        return false;
    for (size_t i = 0; i < 10; i++, text += 4) {
        uint32_t bits = base64_bits(text, 4, &digits);
        *digest++ = (uint8_t)(bits >> 16);
        *digest++ = (uint8_t)(bits >> 8);
        *digest++ = (uint8_t)bits;
    }
    uint32_t last = base64_bits(text, 3, &digits); /* two bytes, and two bits that must be zero */
    digest[0] = (uint8_t)(last >> 10);
    digest[1] = (uint8_t)(last >> 2);
    return digits < 64 && (last & 3) == 0;
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

void
mtlspin__bytes_put(struct mtlspin__writing *out, const void *data, size_t length)
{
    if (out->bytes != NULL)
        memcpy(out->bytes + out->length, data, length);
    out->length += length;
}

void
mtlspin__byte_put(struct mtlspin__writing *out, size_t value)
{
    unsigned char byte = (unsigned char)value;
    mtlspin__bytes_put(out, &byte, 1);
}

const unsigned char *
mtlspin__bytes_take(const unsigned char **bytes, size_t *length, size_t wanted)
{
    const unsigned char *at = *bytes;
    if (*length < wanted)
        return NULL;
    *bytes += wanted;
    *length -= wanted;
    return at;
}

bool
mtlspin__bytes_get(void *to, size_t size, const unsigned char **bytes, size_t *length)
{
    const unsigned char *at = mtlspin__bytes_take(bytes, length, size);
    if (at != NULL)
        memcpy(to, at, size);
    return at != NULL;
}
