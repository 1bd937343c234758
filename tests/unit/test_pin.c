/* Pins as text and as values. */
#include "rows.h"
#include "suite.h"
#include <mtlspin/pin.h>
#include <stdio.h>
#include <string.h>

/* SHA-256 of nothing, in every spelling. */
#define UPPER "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
#define LOWER "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define COLONS                                                                                                    \
    "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55"
#define BASE64 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define FF32 "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
#define SLASHES "//////////////////////////////////////////8=" /* FF32 */

static const struct accepted {
    enum mtlspin_kind kind;
    const char *text;
    const char *value; /* hexadecimal, '-' in front if negative */
} accepted[] = {
    { MTLSPIN_SPKI, UPPER, UPPER },
    { MTLSPIN_SPKI, LOWER, UPPER },
    { MTLSPIN_SPKI, COLONS, UPPER },
    { MTLSPIN_SPKI, "e3b0C44298FC1c149AFBF4C8996fb92427AE41E4649B934CA495991b7852B855", UPPER },
    { MTLSPIN_SPKI, "sha256/" BASE64, UPPER },
    { MTLSPIN_SPKI, "sha256//" BASE64, UPPER },
    { MTLSPIN_SPKI, "SHA256/" BASE64, UPPER },
    { MTLSPIN_SPKI, "sha256/" SLASHES, FF32 },
    { MTLSPIN_SPKI, "sha256//" SLASHES, FF32 },
    { MTLSPIN_SPKI, " \t" UPPER "\r\n", UPPER },
    { MTLSPIN_SPKI, FF32, FF32 },
    { MTLSPIN_THUMBPRINT, UPPER, UPPER },
    { MTLSPIN_THUMBPRINT, LOWER, UPPER },
    { MTLSPIN_THUMBPRINT, COLONS, UPPER },
    { MTLSPIN_THUMBPRINT, "e3:b0:c4:42:98:fc:1c:14:9a:fb:f4:c8:99:6f:b9:24:27:ae:41:e4:64:9b:93:4c:a4:95:99:1b:78:52:b8:55",
        UPPER },
    { MTLSPIN_THUMBPRINT, "SHA256 Fingerprint=" COLONS, UPPER },
    { MTLSPIN_THUMBPRINT, "sha256 Fingerprint=" COLONS, UPPER },
    { MTLSPIN_THUMBPRINT, "SHA256 Fingerprint=" COLONS "\n", UPPER },
    { MTLSPIN_THUMBPRINT, "sha256 fingerprint=" LOWER, UPPER },
    { MTLSPIN_THUMBPRINT, "sha256/" BASE64, UPPER },
    { MTLSPIN_THUMBPRINT, "sha256//" BASE64, UPPER },
    { MTLSPIN_SERIAL, "serial=D1D11C749D9C2D16", "D1D11C749D9C2D16" },
    { MTLSPIN_SERIAL, "serial=1234\n", "1234" },
    { MTLSPIN_SERIAL, "SERIAL=1234", "1234" },
    { MTLSPIN_SERIAL, "serial=0x1234", "1234" },
    { MTLSPIN_SERIAL, "serial=-1234", "-1234" },
    { MTLSPIN_SERIAL, "serial=00", "" },
    { MTLSPIN_SERIAL, "0x1234", "1234" },
    { MTLSPIN_SERIAL, "0X1234", "1234" },
    { MTLSPIN_SERIAL, "-0x1234", "-1234" },
    { MTLSPIN_SERIAL, "D1D11C749D9C2D16", "D1D11C749D9C2D16" },
    { MTLSPIN_SERIAL, "d1d11c749d9c2d16", "D1D11C749D9C2D16" },
    { MTLSPIN_SERIAL, "-d1", "-D1" },
    { MTLSPIN_SERIAL, "0D:11:C7:49", "0D11C749" },
    { MTLSPIN_SERIAL, "12:34", "1234" },
    { MTLSPIN_SERIAL, "-12:34", "-1234" },
    { MTLSPIN_SERIAL, "0xABC", "0ABC" },
    { MTLSPIN_SERIAL, "0xA", "0A" },
    { MTLSPIN_SERIAL, "0x000ABC", "0ABC" },
    { MTLSPIN_SERIAL, "00:00:0A:BC", "0ABC" },
    { MTLSPIN_SERIAL, "0x0", "" },
    { MTLSPIN_SERIAL, "-0x00", "" },
    { MTLSPIN_SERIAL, "00:00", "" },
    { MTLSPIN_SERIAL, "0x" FF32, FF32 },
    { MTLSPIN_SERIAL, "0x0000" FF32, FF32 },
    { MTLSPIN_SERIAL, COLONS, UPPER },
};

#define SPKI_WANTED "; an SPKI pin is sha256/ and 44 characters of base64, or 64 hexadecimal digits"
#define THUMBPRINT_WANTED                                                                                         \
    "; a SHA-256 thumbprint is 64 hexadecimal digits (openssl x509 -noout -fingerprint -sha256)"
#define SERIAL_WANTED "; a serial number is hexadecimal (openssl x509 -noout -serial)"
#define BASE64URL "base64url, with - and _ in place of + and /"
#define AMBIGUOUS                                                                                                 \
    "a number of which nothing says whether it is hexadecimal or decimal: write 0x in front if it is hexadecimal"
#define HEX32 "d41d8cd98f00b204e9800998ecf8427e"
#define HEX40 "da39a3ee5e6b4b0d3255bfef95601890afd80709"

static const struct refused {
    enum mtlspin_kind kind;
    const char *text;
    const char *message; /* without "this is " */
} refused[] = {
    { MTLSPIN_SPKI, "", "empty" SPKI_WANTED },
    { MTLSPIN_SPKI, " \t\n", "empty" SPKI_WANTED },
    { MTLSPIN_SPKI, HEX32, "an MD5 value (32 hexadecimal digits)" SPKI_WANTED },
    { MTLSPIN_SPKI, HEX40, "a SHA-1 value (40 hexadecimal digits)" SPKI_WANTED },
    { MTLSPIN_SPKI, HEX40 "0123456789abcdef", "a SHA-224 value (56 hexadecimal digits)" SPKI_WANTED },
    { MTLSPIN_SPKI, UPPER HEX32, "a SHA-384 value (96 hexadecimal digits)" SPKI_WANTED },
    { MTLSPIN_SPKI, UPPER LOWER, "a SHA-512 value (128 hexadecimal digits)" SPKI_WANTED },
    { MTLSPIN_SPKI, UPPER "0", "hexadecimal of a wrong length" SPKI_WANTED },
    { MTLSPIN_SPKI, "3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "hexadecimal of a wrong length" SPKI_WANTED },
    { MTLSPIN_SPKI, COLONS ":00", "hexadecimal of a wrong length" SPKI_WANTED },
    { MTLSPIN_SPKI, COLONS ":", "no pin" SPKI_WANTED },
    { MTLSPIN_SPKI, "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52B8:55:",
        "no pin" SPKI_WANTED },
    { MTLSPIN_SPKI, "0x" UPPER, "no pin" SPKI_WANTED },
    { MTLSPIN_SPKI, "g" LOWER, "no pin" SPKI_WANTED },
    { MTLSPIN_SPKI, "E3 B0 C4 42", "no pin" SPKI_WANTED },
    { MTLSPIN_SPKI, "alice", "no pin" SPKI_WANTED },
    { MTLSPIN_SPKI, BASE64, "base64 without sha256/ in front" SPKI_WANTED },
    { MTLSPIN_SPKI, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=", BASE64URL SPKI_WANTED },
    { MTLSPIN_SPKI, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", BASE64URL SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=", BASE64URL SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=", "no valid base64" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==", "no valid base64" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/47DEQpj8HBSa+/TImW 5JCeuQeRkm5NMpJWZG3hSuFU=", "no valid base64" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA", "no valid base64" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "base64 of a wrong length" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/" BASE64 "=", "base64 of a wrong length" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256///" BASE64, "base64 of a wrong length" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "base64 of a SHA-1 value" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha256/", "base64 of a wrong length" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha1/2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "a SHA-1 value" SPKI_WANTED },
    { MTLSPIN_SPKI, "SHA384/" BASE64, "a SHA-384 value" SPKI_WANTED },
    { MTLSPIN_SPKI, "sha512/" BASE64, "a SHA-512 value" SPKI_WANTED },
    { MTLSPIN_SPKI, "SHA256 Fingerprint=" COLONS,
        "the fingerprint of a certificate, for a thumbprint rule" SPKI_WANTED },
    { MTLSPIN_SPKI, "serial=1234", "a serial number" SPKI_WANTED },
    { MTLSPIN_THUMBPRINT, "", "empty" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, HEX32, "an MD5 value (32 hexadecimal digits)" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, "MD5 Fingerprint=D4:1D", "an MD5 value" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, "SHA1 Fingerprint=DA:39", "a SHA-1 value" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, "SHA-1 " HEX40, "a SHA-1 value" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, "sha224 Fingerprint=D1:4A", "a SHA-224 value" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, "sha512 Fingerprint=CF:83", "a SHA-512 value" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, "SHA256 Fingerprint=", "no pin" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, "SHA256 Fingerprint=" HEX40, "a SHA-1 value (40 hexadecimal digits)" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, "serial=1234", "a serial number" THUMBPRINT_WANTED },
    { MTLSPIN_THUMBPRINT, BASE64, "base64 without sha256/ in front" THUMBPRINT_WANTED },
    { MTLSPIN_SERIAL, "", "empty" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "1234", AMBIGUOUS SERIAL_WANTED },
    { MTLSPIN_SERIAL, "-1234", AMBIGUOUS SERIAL_WANTED },
    { MTLSPIN_SERIAL, "0", AMBIGUOUS SERIAL_WANTED },
    { MTLSPIN_SERIAL, "0x", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "-", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "serial=", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "--1A", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "0x-1A", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "0x12g4", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "0D 11", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "0D:11:C7:4", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "0D:11:", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "D:11", "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "sha256/" BASE64, "no hexadecimal number" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "0x1" FF32, "a number of more than 32 bytes" SERIAL_WANTED },
    { MTLSPIN_SERIAL, "01:" COLONS, "a number of more than 32 bytes" SERIAL_WANTED },
};

static const struct mtlspin_pin no_pin;

/* The pin that a row means, made without the parser. */
static struct mtlspin_pin
pin_of(enum mtlspin_kind kind, const char *value)
{
    struct mtlspin_pin pin = no_pin;
    pin.kind = kind;
    pin.negative = *value == '-';
    for (value += pin.negative; *value != '\0'; value += 2) {
        unsigned byte = 0;
        ck_assert_int_eq(sscanf(value, "%2x", &byte), 1);
        pin.bytes[pin.length++] = (uint8_t)byte;
    }
    return pin;
}

static void
assert_same(const struct mtlspin_pin *got, const struct mtlspin_pin *wanted, const char *what)
{
    ck_assert_msg(got->kind == wanted->kind && got->negative == wanted->negative && got->length == wanted->length
            && memcmp(got->bytes, wanted->bytes, sizeof got->bytes) == 0,
        "another pin: %s", what);
}

START_TEST(parses)
{
    const struct accepted *row = &accepted[_i];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin, wanted = pin_of(row->kind, row->value);
    memset(&pin, 0xa5, sizeof pin);
    ck_assert_msg(mtlspin_pin_parse(&pin, row->kind, row->text, &error) == MTLSPIN_OK, "%s: %s", row->text, error.message);
    assert_same(&pin, &wanted, row->text);
    ck_assert_str_eq(error.message, "");
}
END_TEST

START_TEST(refuses)
{
    const struct refused *row = &refused[_i];
    char message[sizeof((struct mtlspin_error *)NULL)->message];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin;
    memset(&pin, 0xa5, sizeof pin);
    (void)snprintf(message, sizeof message, "this is %s", row->message);
    ck_assert_int_eq(mtlspin_pin_parse(&pin, row->kind, row->text, &error), MTLSPIN_ERR_VALUE);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_VALUE);
    ck_assert_str_eq(error.message, message);
    assert_same(&pin, &no_pin, row->text);
}
END_TEST

/* A pin has one text, and the text is that pin's. */
static void
assert_round_trip(const struct mtlspin_pin *pin, const char *wanted)
{
    char text[MTLSPIN_PIN_TEXT_SIZE];
    struct mtlspin_pin again;
    ck_assert_int_eq(mtlspin_pin_format(pin, text, sizeof text), MTLSPIN_OK);
    if (wanted != NULL)
        ck_assert_str_eq(text, wanted);
    ck_assert_int_eq(mtlspin_pin_parse(&again, pin->kind, text, NULL), MTLSPIN_OK);
    ck_assert_msg(mtlspin_pin_equal(pin, &again) == 1, "not the same again: %s", text);
}

static const struct formatted {
    enum mtlspin_kind kind;
    const char *value, *text;
} formatted[] = {
    { MTLSPIN_SPKI, UPPER, "sha256/" BASE64 },
    { MTLSPIN_SPKI, FF32, "sha256/" SLASHES },
    { MTLSPIN_THUMBPRINT, UPPER, COLONS },
    { MTLSPIN_SERIAL, "0ABC", "0x0ABC" },
    { MTLSPIN_SERIAL, "D1D11C749D9C2D16", "0xD1D11C749D9C2D16" },
    { MTLSPIN_SERIAL, "-1234", "-0x1234" },
    { MTLSPIN_SERIAL, "", "0x00" },
    { MTLSPIN_SERIAL, "-" FF32, "-0x" FF32 },
};

START_TEST(formats)
{
    const struct formatted *row = &formatted[_i];
    struct mtlspin_pin pin = pin_of(row->kind, row->value);
    char text[MTLSPIN_PIN_TEXT_SIZE + 1];
    size_t length = strlen(row->text);
    assert_round_trip(&pin, row->text);
    for (size_t size = 1; size <= length; size++) {
        memset(text, 'x', sizeof text);
        ck_assert_int_eq(mtlspin_pin_format(&pin, text, size), MTLSPIN_ERR_ARGUMENT);
        ck_assert_int_eq(text[0], '\0');
        ck_assert_int_eq(text[1], 'x');
    }
    ck_assert_int_eq(mtlspin_pin_format(&pin, text, length + 1), MTLSPIN_OK);
    ck_assert_str_eq(text, row->text);
}
END_TEST

/* Every value of every byte position comes through base64 and hexadecimal. */
START_TEST(every_byte_comes_back)
{
    struct mtlspin_pin pin = { MTLSPIN_SPKI, 0, MTLSPIN_DIGEST_SIZE, { 0 } };
    for (size_t i = 0; i < sizeof pin.bytes; i++)
        pin.bytes[i] = (uint8_t)((size_t)_i + i * 37);
    assert_round_trip(&pin, NULL);
    pin.kind = MTLSPIN_THUMBPRINT;
    assert_round_trip(&pin, NULL);
}
END_TEST

START_TEST(is_equal_only_to_itself)
{
    struct mtlspin_pin pin = pin_of(MTLSPIN_SPKI, UPPER), other = pin;
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &other), 1);
    for (size_t i = 0; i < sizeof other.bytes; i++) {
        other.bytes[i] ^= 1;
        ck_assert_int_eq(mtlspin_pin_equal(&pin, &other), 0);
        other.bytes[i] ^= 1;
    }
    other.kind = MTLSPIN_THUMBPRINT;
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &other), 0);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, NULL), 0);
    ck_assert_int_eq(mtlspin_pin_equal(NULL, &pin), 0);
    ck_assert_int_eq(mtlspin_pin_equal(NULL, NULL), 0);
    ck_assert_int_eq(mtlspin_pin_equal(&no_pin, &no_pin), 0);
}
END_TEST

START_TEST(serial_numbers_differ_in_sign_and_length)
{
    struct mtlspin_pin pin = pin_of(MTLSPIN_SERIAL, "1234"), negative = pin_of(MTLSPIN_SERIAL, "-1234"),
                       longer = pin_of(MTLSPIN_SERIAL, "123400"), zero = pin_of(MTLSPIN_SERIAL, ""), broken = zero;
    broken.length = sizeof broken.bytes + 1;
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &negative), 0);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &longer), 0);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &zero), 0);
    ck_assert_int_eq(mtlspin_pin_equal(&zero, &zero), 1);
    ck_assert_int_eq(mtlspin_pin_equal(&broken, &broken), 0);
}
END_TEST

static const enum mtlspin_kind no_pin_kinds[] = { MTLSPIN_KIND_NONE, MTLSPIN_CA_SPKI, MTLSPIN_EMAIL, MTLSPIN_URI,
    MTLSPIN_DNS, MTLSPIN_ANY, (enum mtlspin_kind)9, (enum mtlspin_kind)0x7fffffff };

START_TEST(other_kinds_are_no_pins)
{
    char text[MTLSPIN_PIN_TEXT_SIZE] = "x";
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin = pin_of(no_pin_kinds[_i], UPPER);
    ck_assert_int_eq(mtlspin_pin_format(&pin, text, sizeof text), MTLSPIN_ERR_ARGUMENT);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(mtlspin_pin_parse(&pin, no_pin_kinds[_i], UPPER, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "no text, or not a kind of pin");
    assert_same(&pin, &no_pin, "after an error");
}
END_TEST

START_TEST(missing_arguments_are_errors)
{
    char text[MTLSPIN_PIN_TEXT_SIZE] = "x";
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin = pin_of(MTLSPIN_SPKI, UPPER);
    ck_assert_int_eq(mtlspin_pin_format(NULL, text, sizeof text), MTLSPIN_ERR_ARGUMENT);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(mtlspin_pin_format(&pin, NULL, sizeof text), MTLSPIN_ERR_ARGUMENT);
    text[0] = 'x';
    ck_assert_int_eq(mtlspin_pin_format(&pin, text, 0), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(text[0], 'x');
    ck_assert_int_eq(mtlspin_pin_parse(NULL, MTLSPIN_SPKI, UPPER, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "no room for the pin");
    ck_assert_int_eq(mtlspin_pin_parse(&pin, MTLSPIN_SPKI, NULL, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "no text, or not a kind of pin");
    ck_assert_int_eq(mtlspin_pin_parse(&pin, MTLSPIN_SPKI, "x", NULL), MTLSPIN_ERR_VALUE);
}
END_TEST

static const uint8_t wrong_lengths[] = { 0, 31, 33, 255 };

START_TEST(a_digest_has_32_bytes)
{
    char text[MTLSPIN_PIN_TEXT_SIZE];
    struct mtlspin_pin pin = pin_of(MTLSPIN_SPKI, UPPER);
    pin.length = wrong_lengths[_i];
    ck_assert_int_eq(mtlspin_pin_format(&pin, text, sizeof text), MTLSPIN_ERR_ARGUMENT);
    pin.kind = MTLSPIN_THUMBPRINT;
    ck_assert_int_eq(mtlspin_pin_format(&pin, text, sizeof text), MTLSPIN_ERR_ARGUMENT);
}
END_TEST

START_TEST(a_success_clears_the_error)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin;
    ck_assert_int_eq(mtlspin_pin_parse(&pin, MTLSPIN_SPKI, "x", &error), MTLSPIN_ERR_VALUE);
    ck_assert_int_eq(mtlspin_pin_parse(&pin, MTLSPIN_SPKI, UPPER, &error), MTLSPIN_OK);
    ck_assert_int_eq(error.code, MTLSPIN_OK);
    ck_assert_str_eq(error.message, "");
}
END_TEST

START_TEST(an_error_of_unknown_size_is_left_alone)
{
    struct mtlspin_error error, before;
    struct mtlspin_pin pin;
    memset(&error, 'x', sizeof error);
    error.size = 0;
    before = error;
    ck_assert_int_eq(mtlspin_pin_parse(&pin, MTLSPIN_SPKI, "x", &error), MTLSPIN_ERR_VALUE);
    ck_assert_mem_eq(&error, &before, sizeof error);
    ck_assert_int_eq(mtlspin_pin_parse(&pin, MTLSPIN_SPKI, UPPER, &error), MTLSPIN_OK);
    ck_assert_mem_eq(&error, &before, sizeof error);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("pin");
    TCase *text = tcase_create("text"), *value = tcase_create("value");
    tcase_add_loop_test(text, parses, 0, ROWS(accepted));
    tcase_add_loop_test(text, refuses, 0, ROWS(refused));
    tcase_add_loop_test(text, formats, 0, ROWS(formatted));
    tcase_add_loop_test(text, every_byte_comes_back, 0, 256);
    tcase_add_test(value, is_equal_only_to_itself);
    tcase_add_test(value, serial_numbers_differ_in_sign_and_length);
    tcase_add_loop_test(value, other_kinds_are_no_pins, 0, ROWS(no_pin_kinds));
    tcase_add_test(value, missing_arguments_are_errors);
    tcase_add_loop_test(value, a_digest_has_32_bytes, 0, ROWS(wrong_lengths));
    tcase_add_test(value, a_success_clears_the_error);
    tcase_add_test(value, an_error_of_unknown_size_is_left_alone);
    suite_add_tcase(suite, text);
    suite_add_tcase(suite, value);
    return run_suite(suite);
}
