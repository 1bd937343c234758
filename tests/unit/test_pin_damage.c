/* A pin with one wrong character: at every place of every form, each character is taken or refused as it is when the text is
   looked at slowly, one character after the other. */
#include "rows.h"
#include "suite.h"
#include <ctype.h>
#include <mtlspin/pin.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HEX "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991b7852b855"
#define COLONS "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1b:78:52:b8:55"
#define BASE64 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define PLAIN64 "47DEQpj8HBSaAATImWA5JCeuQeRkm5NMpJWZG3hSuFU=" /* with neither + nor / */
#define SPKI_WANTED "; an SPKI pin is sha256/ and 44 characters of base64, or 64 hexadecimal digits"
#define THUMBPRINT_WANTED "; a SHA-256 thumbprint is 64 hexadecimal digits (openssl x509 -noout -fingerprint -sha256)"

enum { DIGEST = 32, TEXT = 128 };

static const struct {
    const char *front, *digest; /* what is damaged is the digest */
} forms[] = {
    { "", HEX }, { "", COLONS }, { "sha256 Fingerprint=", COLONS }, { "sha256/", BASE64 }, { "sha256//", BASE64 },
    { "sha256/", PLAIN64 },
};

static bool
has_only(const char *text, const char *extra)
{
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && strchr(extra, *text) == NULL)
            return false;
    return true;
}

/* NULL, or why it is no digest in base64. */
static const char *
read_base64(const char *text, uint8_t digest[DIGEST])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bits[44 * 6 + 6] = { 0 };
    bool good = strlen(text) == 44 && text[43] == '=';
    for (size_t i = 0; i < 43 && good; i++) {
        const char *at = strchr(alphabet, text[i]);
        good = at != NULL && text[i] != '\0';
        for (size_t b = 0; b < 6 && good; b++)
            bits[i * 6 + b] = (uint8_t)((at - alphabet) >> (5 - b) & 1);
    }
    for (size_t b = 0; b < 256; b++)
        digest[b / 8] = (uint8_t)(digest[b / 8] << 1 | bits[b]);
    if (good && bits[256] == 0 && bits[257] == 0)
        return NULL;
    if (!has_only(text, "+/=") && has_only(text, "-_="))
        return "base64url, with - and _ in place of + and /";
    return strlen(text) == 44 ? "no valid base64" : "base64 of a wrong length";
}

/* NULL, or why it is no digest in hexadecimal. */
static const char *
read_hex(const char *text, uint8_t digest[DIGEST])
{
    static const char alphabet[] = "0123456789ABCDEF";
    size_t digits = 0, length = strlen(text);
    bool colons = text[2] == ':';
    for (size_t i = 0; i < length; i++) {
        bool colon = colons && i % 3 == 2;
        if (colon ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return "no pin";
        const char *at = strchr(alphabet, toupper((unsigned char)text[i]));
        if (!colon && digits < 64)
            digest[digits / 2] = (uint8_t)(digest[digits / 2] << 4 | (at - alphabet));
        digits += !colon;
    }
    if (colons && length % 3 != 2)
        return "no pin";
    return digits == 64 ? NULL : "hexadecimal of a wrong length";
}

/* Without the space around it. */
static const char *
trimmed(char *text)
{
    static const char space[] = " \t\r\n";
    size_t length = strlen(text);
    while (length > 0 && strchr(space, text[length - 1]) != NULL)
        text[--length] = '\0';
    return text + strspn(text, space);
}

static const char *
read_slowly(char *whole, enum mtlspin_kind kind, uint8_t digest[DIGEST])
{
    const char *text = trimmed(whole);
    memset(digest, 0, DIGEST);
    if (strncmp(text, "sha256/", 7) == 0) {
        text += 7;
        return read_base64(text + (strlen(text) == 45 && *text == '/'), digest);
    }
    if (strncmp(text, "sha256 Fingerprint=", 19) != 0)
        return read_hex(text, digest);
    return kind == MTLSPIN_SPKI ? "the fingerprint of a certificate, for a thumbprint rule" : read_hex(text + 19, digest);
}

static void
check(const char *text, enum mtlspin_kind kind)
{
    static const struct mtlspin_pin none;
    char copy[TEXT], message[256];
    uint8_t digest[DIGEST];
    struct mtlspin_pin pin;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    (void)snprintf(copy, sizeof copy, "%s", text);
    const char *wrong = read_slowly(copy, kind, digest);
    enum mtlspin_status status = mtlspin_pin_parse(&pin, kind, text, &error);
    if (wrong == NULL) {
        ck_assert_msg(status == MTLSPIN_OK && memcmp(pin.bytes, digest, DIGEST) == 0, "%s: %s", text, error.message);
        return;
    }
    (void)snprintf(message, sizeof message, "this is %s%s", wrong, kind == MTLSPIN_SPKI ? SPKI_WANTED : THUMBPRINT_WANTED);
    ck_assert_msg(strcmp(error.message, message) == 0, "%s: %s, not %s", text, error.message, message);
    ck_assert_int_eq(status, MTLSPIN_ERR_VALUE);
    ck_assert_mem_eq(&pin, &none, sizeof pin);
}

START_TEST(one_character_is_wrong)
{
    char text[TEXT];
    size_t front = strlen(forms[_i].front), length = strlen(forms[_i].digest);
    for (size_t place = front; place < front + length; place++)
        for (int c = 1; c < 256; c++) {
            (void)snprintf(text, sizeof text, "%s%s", forms[_i].front, forms[_i].digest);
            text[place] = (char)c;
            check(text, MTLSPIN_SPKI);
            check(text, MTLSPIN_THUMBPRINT);
        }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("pin damage");
    TCase *tcase = tcase_create("damage");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, one_character_is_wrong, 0, ROWS(forms));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
