/* Reading a pin as the usual tools print it, and saying what is wrong with one that cannot be used. */
#include "encoding.h"
#include "error.h"
#include <mtlspin/pin.h>
#include <string.h>
#include <strings.h>

/* What is left of the text that is being read. */
struct reader {
    const char *at;
    size_t length;
    enum mtlspin_kind kind;
    struct mtlspin_error *error;
};

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void
skip(struct reader *r, size_t count)
{
    r->at += count;
    r->length -= count;
}

/* A prefix in lower case stands for any case. */
static bool
take(struct reader *r, const char *prefix)
{
    size_t length = 0;
    for (; prefix[length] != '\0'; length++)
        if (length == r->length || lower(r->at[length]) != prefix[length])
            return false;
    skip(r, length);
    return true;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
trim(struct reader *r)
{
    while (r->length > 0 && is_space(r->at[0]))
        skip(r, 1);
    while (r->length > 0 && is_space(r->at[r->length - 1]))
        r->length--;
}

static const char *
wanted(enum mtlspin_kind kind)
{
    switch (kind) {
    case MTLSPIN_SPKI: return "an SPKI pin is sha256/ and 44 characters of base64, or 64 hexadecimal digits";
    case MTLSPIN_THUMBPRINT:
        return "a SHA-256 thumbprint is 64 hexadecimal digits (openssl x509 -noout -fingerprint -sha256)";
    default: return "a serial number is hexadecimal (openssl x509 -noout -serial)";
    }
}

static enum mtlspin_status
refuse(struct reader *r, const char *what)
{
    return mtlspin__fail(r->error, MTLSPIN_ERR_VALUE, "this is %s; %s", what, wanted(r->kind));
}

/* Digits of either case, bare or with a colon between every two. The digit count, or 0 if the text is not of this form;
   `colons` says which. */
static size_t
hex_digits(const struct reader *r, bool *colons)
{
    size_t digits = 0;
    *colons = r->length > 2 && r->at[2] == ':';
    for (size_t i = 0; i < r->length; i++) {
        if (*colons && i % 3 == 2) {
            if (r->at[i] != ':')
                return 0;
        } else if (mtlspin__hex_digit(r->at[i]) < 0) {
            return 0;
        } else {
            digits++;
        }
    }
    return *colons && r->length % 3 != 2 ? 0 : digits;
}

/* As if a zero stood in front of an odd number of digits. */
static void
read_hex(const struct reader *r, size_t digits, uint8_t *bytes)
{
    size_t read = digits % 2;
    unsigned byte = 0;
    for (size_t i = 0; i < r->length; i++) {
        int value = mtlspin__hex_digit(r->at[i]);
        if (value < 0)
            continue; /* a colon */
        byte = byte << 4 | (unsigned)value;
        if (++read % 2 == 0)
            *bytes++ = (uint8_t)byte;
    }
}

static const char *
digest_by_hex_digits(size_t digits)
{
    switch (digits) {
    case 32: return "an MD5 value (32 hexadecimal digits)";
    case 40: return "a SHA-1 value (40 hexadecimal digits)";
    case 56: return "a SHA-224 value (56 hexadecimal digits)";
    case 96: return "a SHA-384 value (96 hexadecimal digits)";
    case 128: return "a SHA-512 value (128 hexadecimal digits)";
    default: return "hexadecimal of a wrong length";
    }
}

static const char *
digest_by_name(const struct reader *r)
{
    static const char *const names[][2] = {
        { "md5", "an MD5 value" }, { "sha1", "a SHA-1 value" }, { "sha-1", "a SHA-1 value" },
        { "sha224", "a SHA-224 value" }, { "sha384", "a SHA-384 value" }, { "sha512", "a SHA-512 value" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncasecmp(r->at, names[i][0], strlen(names[i][0])) == 0)
            return names[i][1];
    return NULL;
}

static bool
of_alphabet(const struct reader *r, const char *extra)
{
    for (size_t i = 0; i < r->length; i++) {
        char c = r->at[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(extra, c) == NULL))
            return false;
    }
    return true;
}

static enum mtlspin_status
read_base64(struct reader *r, struct mtlspin_pin *pin)
{
    if (r->length == MTLSPIN__BASE64_DIGEST + 1)
        (void)take(r, "/"); /* curl writes two; a digest may begin with one of its own */
    if (mtlspin__base64_decode_digest(pin->bytes, r->at, r->length))
        return MTLSPIN_OK;
    if (!of_alphabet(r, "+/=") && of_alphabet(r, "-_="))
        return refuse(r, "base64url, with - and _ in place of + and /");
    if (r->length == 28)
        return refuse(r, "base64 of a SHA-1 value");
    if (r->length != MTLSPIN__BASE64_DIGEST)
        return refuse(r, "base64 of a wrong length");
    return refuse(r, "no valid base64");
}

/* What is neither hexadecimal nor marked as base64: find out what it was meant to be. */
static enum mtlspin_status
refuse_unknown(struct reader *r)
{
    const char *other = digest_by_name(r);
    if (other != NULL)
        return refuse(r, other);
    if (strncasecmp(r->at, "serial=", 7) == 0)
        return refuse(r, "a serial number");
    if (r->length == MTLSPIN__BASE64_DIGEST && of_alphabet(r, "+/="))
        return refuse(r, "base64 without sha256/ in front");
    if (r->length >= 43 && r->length <= MTLSPIN__BASE64_DIGEST && of_alphabet(r, "-_="))
        return refuse(r, "base64url, with - and _ in place of + and /");
    return refuse(r, "no pin");
}

static enum mtlspin_status
read_digest(struct reader *r, struct mtlspin_pin *pin)
{
    bool colons = false;
    pin->length = MTLSPIN_DIGEST_SIZE;
    if (take(r, "sha256/"))
        return read_base64(r, pin);
    if (take(r, "sha256 fingerprint=") && r->kind == MTLSPIN_SPKI)
        return refuse(r, "the fingerprint of a certificate, for a thumbprint rule");
    if (mtlspin__hex_decode_digest(pin->bytes, r->at, r->length))
        return MTLSPIN_OK;
    size_t digits = hex_digits(r, &colons);
    return digits == 0 ? refuse_unknown(r) : refuse(r, digest_by_hex_digits(digits));
}

static bool
all_decimal(const struct reader *r)
{
    for (size_t i = 0; i < r->length; i++)
        if (r->at[i] < '0' || r->at[i] > '9')
            return false;
    return true;
}

static enum mtlspin_status
read_serial(struct reader *r, struct mtlspin_pin *pin)
{
    bool marked = take(r, "serial="), colons = false;
    bool negative = take(r, "-");
    marked |= take(r, "0x");
    size_t digits = hex_digits(r, &colons);
    if (digits == 0)
        return refuse(r, "no hexadecimal number");
    if (!marked && !colons && all_decimal(r))
        return refuse(r, "a number of which nothing says whether it is hexadecimal or decimal: write 0x in front if it is "
                         "hexadecimal");
    while (r->length > 0 && (r->at[0] == '0' || r->at[0] == ':')) {
        digits -= r->at[0] == '0';
        skip(r, 1);
    }
    if (digits > 2 * (size_t)MTLSPIN_SERIAL_SIZE)
        return refuse(r, "a number of more than 32 bytes");
    pin->length = (uint8_t)((digits + 1) / 2);
    pin->negative = negative && pin->length > 0;
    read_hex(r, digits, pin->bytes);
    return MTLSPIN_OK;
}

static enum mtlspin_status
read_pin(struct reader *r, struct mtlspin_pin *pin)
{
    pin->kind = r->kind;
    trim(r);
    if (r->length == 0)
        return refuse(r, "empty");
    return r->kind == MTLSPIN_SERIAL ? read_serial(r, pin) : read_digest(r, pin);
}

enum mtlspin_status
mtlspin_pin_parse(struct mtlspin_pin *pin, enum mtlspin_kind kind, const char *text, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (pin == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no room for the pin");
    memset(pin, 0, sizeof *pin);
    if (text == NULL || kind < MTLSPIN_SPKI || kind > MTLSPIN_SERIAL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no text, or not a kind of pin");
    struct reader reader = { text, strlen(text), kind, error };
    enum mtlspin_status status = read_pin(&reader, pin);
    if (status != MTLSPIN_OK)
        memset(pin, 0, sizeof *pin);
    return status;
}
