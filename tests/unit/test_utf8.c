/* UTF-8: what is a character, and which ones do harm. */
#include "rows.h"
#include "suite.h"
#include "utf8.h"
#include <string.h>

static const struct {
    const char *text;
    size_t length, step; /* bytes that are there; bytes of the character, 0 = none */
    uint32_t code;
} characters[] = {
    { "", 0, 0, 0 },
    { "\0", 1, 1, 0 },
    { "a", 1, 1, 'a' },
    { "a\xff", 2, 1, 'a' },
    { "\x7f", 1, 1, 0x7f },
    { "\xc2\x80", 2, 2, 0x80 },
    { "\xc3\xa4", 2, 2, 0xe4 },
    { "\xdf\xbf", 2, 2, 0x7ff },
    { "\xe0\xa0\x80", 3, 3, 0x800 },
    { "\xe2\x82\xac", 3, 3, 0x20ac },
    { "\xed\x9f\xbf", 3, 3, 0xd7ff },
    { "\xee\x80\x80", 3, 3, 0xe000 },
    { "\xef\xbf\xbf", 3, 3, 0xffff },
    { "\xf0\x90\x80\x80", 4, 4, 0x10000 },
    { "\xf0\x9f\x98\x80z", 5, 4, 0x1f600 },
    { "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
    { "\x80", 1, 0, 0 },                     /* continuation alone */
    { "\xbf", 1, 0, 0 },
    { "\xc0\x80", 2, 0, 0 },                 /* overlong */
    { "\xc0\xaf", 2, 0, 0 },
    { "\xc1\xbf", 2, 0, 0 },
    { "\xe0\x80\x80", 3, 0, 0 },
    { "\xe0\x9f\xbf", 3, 0, 0 },
    { "\xf0\x80\x80\x80", 4, 0, 0 },
    { "\xf0\x8f\xbf\xbf", 4, 0, 0 },
    { "\xed\xa0\x80", 3, 0, 0 },             /* surrogates */
    { "\xed\xbf\xbf", 3, 0, 0 },
    { "\xf4\x90\x80\x80", 4, 0, 0 },         /* beyond Unicode */
    { "\xf5\x80\x80\x80", 4, 0, 0 },
    { "\xf8\x88\x80\x80\x80", 5, 0, 0 },
    { "\xfc\x84\x80\x80\x80\x80", 6, 0, 0 },
    { "\xfe", 1, 0, 0 },
    { "\xff", 1, 0, 0 },
    { "\xc3", 1, 0, 0 },                     /* cut */
    { "\xc3\xa4", 1, 0, 0 },
    { "\xe2\x82\xac", 2, 0, 0 },
    { "\xf0\x9f\x98\x80", 3, 0, 0 },
    { "\xc3z", 2, 0, 0 },                    /* broken off */
    { "\xe2\x82z", 3, 0, 0 },
    { "\xe2\xc3\xa4", 3, 0, 0 },
    { "\xf0\x9f\x98\xff", 4, 0, 0 },
    { "\xf0\x9f\x98\0", 4, 0, 0 },
};

START_TEST(reads_one_character)
{
    uint32_t code = 4711;
    size_t step = mtlspin__utf8_next(characters[_i].text, characters[_i].length, &code);
    ck_assert_uint_eq(step, characters[_i].step);
    if (step > 0)
        ck_assert_uint_eq(code, characters[_i].code);
}
END_TEST

static size_t
encode(uint32_t code, char text[4])
{
    if (code < 0x80) {
        text[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        text[i] = (char)(0x80 | (code & 0x3f));
    text[0] = (char)((0xf00U >> length & 0xff) | code);
    return length;
}

START_TEST(reads_every_character)
{
    for (uint32_t wanted = 0; wanted < 0x110000; wanted++) {
        char text[4];
        uint32_t code = 0;
        size_t length = encode(wanted, text), step = mtlspin__utf8_next(text, length, &code);
        bool surrogate = wanted >= 0xd800 && wanted <= 0xdfff;
        if (surrogate ? step != 0 : step != length || code != wanted)
            ck_abort_msg("character %x", wanted); /* an assertion a character would take seconds */
    }
}
END_TEST

static const struct {
    uint32_t from, to;
    bool harmful;
} ranges[] = {
    { 0x00, 0x1f, true }, { 0x20, 0x7e, false }, { 0x7f, 0x9f, true }, { 0xa0, 0xac, false }, { 0xad, 0xad, true },
    { 0xae, 0x34e, false }, { 0x34f, 0x34f, true }, { 0x350, 0x61b, false }, { 0x61c, 0x61c, true },
    { 0x61d, 0x115e, false }, { 0x115f, 0x1160, true }, { 0x1161, 0x17b3, false }, { 0x17b4, 0x17b5, true },
    { 0x17b6, 0x180a, false }, { 0x180b, 0x180f, true }, { 0x1810, 0x200a, false }, { 0x200b, 0x200f, true },
    { 0x2010, 0x2027, false }, { 0x2028, 0x202e, true }, { 0x202f, 0x205f, false }, { 0x2060, 0x206f, true },
    { 0x2070, 0x3163, false }, { 0x3164, 0x3164, true }, { 0x3165, 0xfdff, false }, { 0xfe00, 0xfe0f, true },
    { 0xfe10, 0xfefe, false }, { 0xfeff, 0xfeff, true }, { 0xff00, 0xff9f, false }, { 0xffa0, 0xffa0, true },
    { 0xffa1, 0xffef, false }, { 0xfff0, 0xfffb, true }, { 0xfffc, 0x1bc9f, false }, { 0x1bca0, 0x1bca3, true },
    { 0x1bca4, 0x1d172, false }, { 0x1d173, 0x1d17a, true }, { 0x1d17b, 0xdffff, false }, { 0xe0000, 0xe0fff, true },
    { 0xe1000, 0x10ffff, false },
};

START_TEST(knows_what_does_harm)
{
    for (uint32_t code = ranges[_i].from; code <= ranges[_i].to; code++)
        if (mtlspin__utf8_harmful(code) != ranges[_i].harmful)
            ck_abort_msg("U+%04X", code);
}
END_TEST

static const struct {
    const char *text;
    bool printable;
} texts[] = {
    { "", true }, { "alice", true }, { "build agent 7", true }, { "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80", true },
    { "a\tb", false }, { "a\nb", false }, { "\x1b[31m", false }, { "a\x7f", false }, { "a\xc2\x9b", false },
    { "a\xff", false },
    { "a\xe2\x82", false }, { "\xe2\x80\xae" "evil", false }, { "a\xe2\x80\x8b", false }, { "a\xe2\x80\xa8", false },
    { "\xef\xbb\xbf" "alice", false },
};

START_TEST(a_label_is_printable)
{
    ck_assert(mtlspin__utf8_printable(texts[_i].text, strlen(texts[_i].text)) == texts[_i].printable);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tcase = tcase_create("utf8");
    tcase_add_loop_test(tcase, reads_one_character, 0, ROWS(characters));
    tcase_add_test(tcase, reads_every_character);
    tcase_add_loop_test(tcase, knows_what_does_harm, 0, ROWS(ranges));
    tcase_add_loop_test(tcase, a_label_is_printable, 0, ROWS(texts));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
