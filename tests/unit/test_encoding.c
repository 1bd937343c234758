/* Hexadecimal and base64. */
#include "encoding.h"
#include "rows.h"
#include "suite.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

START_TEST(a_hex_digit_has_its_value)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    for (int c = 0; c < 256; c++) {
        const char *at = c == 0 ? NULL : strchr(digits, c);
        int wanted = at == NULL ? -1 : (int)(at - digits) < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
        ck_assert_int_eq(mtlspin__hex_digit((char)c), wanted);
    }
}
END_TEST

static const struct {
    size_t length;
    char separator;
    const char *text;
} hex[] = { { 0, '\0', "" }, { 0, ':', "" }, { 1, ':', "0F" }, { 1, '\0', "0F" }, { 3, ':', "0F:A0:FF" },
    { 3, '\0', "0FA0FF" } };

START_TEST(bytes_become_hex)
{
    static const uint8_t bytes[] = { 0x0f, 0xa0, 0xff };
    char text[16] = "xxxxxxxxxxxxxxx";
    mtlspin__hex_encode(text, bytes, hex[_i].length, hex[_i].separator);
    ck_assert_str_eq(text, hex[_i].text);
    ck_assert_int_eq(text[strlen(text) + 1], 'x');
}
END_TEST

/* 32 bytes that depend on `seed`, so that all 64 characters come up. */
static void
make_digest(uint8_t digest[32], int seed)
{
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(seed * 73 + i * (seed % 7 + 1));
}

START_TEST(base64_is_that_of_openssl)
{
    for (int seed = 0; seed < 1000; seed++) {
        uint8_t digest[32], again[32];
        char text[MTLSPIN__BASE64_DIGEST + 1];
        unsigned char wanted[64];
        make_digest(digest, seed);
        ck_assert_int_eq(EVP_EncodeBlock(wanted, digest, 32), MTLSPIN__BASE64_DIGEST);
        mtlspin__base64_encode_digest(text, digest);
        ck_assert_str_eq(text, (const char *)wanted);
        ck_assert(mtlspin__base64_decode_digest(again, text, strlen(text)));
        ck_assert_mem_eq(again, digest, 32);
    }
}
END_TEST

/* A pin has one spelling: at each place exactly the alphabet is taken, at the last one only what leaves no bit over. */
START_TEST(each_place_takes_its_characters_only)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char last[] = "AEIMQUYcgkosw048";
    for (int place = 0; place < MTLSPIN__BASE64_DIGEST; place++)
        for (int c = 0; c < 256; c++) {
            uint8_t digest[32];
            char text[] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
            const char *allowed = place == 43 ? "=" : place == 42 ? last : alphabet;
            bool good = c != 0 && strchr(allowed, c) != NULL;
            text[place] = (char)c;
            if (mtlspin__base64_decode_digest(digest, text, MTLSPIN__BASE64_DIGEST) != good)
                ck_abort_msg("byte %d at %d", c, place);
        }
}
END_TEST

static const char hex_forms[][96] = {
    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991b7852b855",
    "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1b:78:52:b8:55",
};

START_TEST(each_place_of_hex_takes_its_characters_only)
{
    size_t length = strlen(hex_forms[_i]);
    bool colons = hex_forms[_i][2] == ':';
    for (size_t place = 0; place < length; place++)
        for (int c = 0; c < 256; c++) {
            uint8_t digest[32];
            char text[96], one[] = { (char)c, '\0' };
            memcpy(text, hex_forms[_i], sizeof text);
            text[place] = (char)c;
            bool good = c != 0 && strspn(one, colons && place % 3 == 2 ? ":" : "0123456789abcdefABCDEF") == 1;
            if (mtlspin__hex_decode_digest(digest, text, length) != good)
                ck_abort_msg("byte %d at %zu", c, place);
        }
}
END_TEST

START_TEST(a_digest_in_hex_has_two_lengths)
{
    char text[200];
    uint8_t digest[32], wanted[32];
    (void)snprintf(text, sizeof text, "%s:%s", hex_forms[_i], hex_forms[_i]);
    ck_assert(mtlspin__hex_decode_digest(wanted, hex_forms[0], 64));
    for (size_t length = 0; length < strlen(text); length++)
        ck_assert(mtlspin__hex_decode_digest(digest, text, length) == (length == strlen(hex_forms[_i])));
    ck_assert(mtlspin__hex_decode_digest(digest, text, strlen(hex_forms[_i])));
    ck_assert_mem_eq(digest, wanted, 32);
    ck_assert_int_eq(digest[0], 0xe3);
    ck_assert_int_eq(digest[31], 0x55);
}
END_TEST

START_TEST(base64_has_one_length)
{
    static const char text[] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    uint8_t digest[32];
    for (size_t length = 0; length < sizeof text; length++)
        ck_assert(mtlspin__base64_decode_digest(digest, text, length) == (length == MTLSPIN__BASE64_DIGEST));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("encoding");
    TCase *tcase = tcase_create("encoding");
    tcase_add_test(tcase, a_hex_digit_has_its_value);
    tcase_add_loop_test(tcase, bytes_become_hex, 0, ROWS(hex));
    tcase_add_test(tcase, base64_is_that_of_openssl);
    tcase_add_test(tcase, each_place_takes_its_characters_only);
    tcase_add_test(tcase, base64_has_one_length);
    tcase_add_loop_test(tcase, each_place_of_hex_takes_its_characters_only, 0, ROWS(hex_forms));
    tcase_add_loop_test(tcase, a_digest_in_hex_has_two_lengths, 0, ROWS(hex_forms));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
