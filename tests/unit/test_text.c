/* Foreign text made fit to be shown. */
#include "rows.h"
#include "suite.h"
#include <mtlspin/text.h>
#include <stdint.h>
#include <string.h>

static const struct {
    const char *text;
    size_t length, size; /* bytes of the text; of the buffer */
    const char *shown;
} texts[] = {
    { "", 0, 10, "" },
    { "alice", 5, 10, "alice" },
    { "alice", 3, 10, "ali" },
    { "alice", 5, 6, "alice" },
    { "alice", 5, 5, "alic" },
    { "alice", 5, 1, "" },
    { "a\0b", 3, 10, "a?b" },
    { "\0\0\0", 3, 3, "??" },
    { "a\tb\nc\r\x7f", 7, 10, "a?b?c??" },
    { "\x1b[31mred\x1b[0m", 12, 20, "?[31mred?[0m" },
    { "\xc2\x9b" "31m", 5, 20, "?31m" },                            /* the same in C1 */
    { "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80", 14, 20, "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80" },
    { "\xc3\xa4\xc3\xa4", 4, 5, "\xc3\xa4\xc3\xa4" },
    { "\xc3\xa4\xc3\xa4", 4, 4, "\xc3\xa4" },                       /* no half character */
    { "\xf0\x9f\x98\x80", 4, 4, "" },
    { "a\xf0\x9f\x98\x80z", 6, 5, "a" },                            /* and none that would fit behind it */
    { "a\xe2\x80\xaez", 5, 3, "a?" },                               /* what is replaced takes one byte */
    { "\xe2\x80\xae" "evil", 7, 20, "?evil" },                      /* right to left */
    { "a\xe2\x80\x8b" "b\xe2\x81\xa6" "c\xef\xbb\xbf", 12, 20, "a?b?c?" },
    { "a\xe2\x80\xa8" "b", 5, 20, "a?b" },                          /* line separator */
    { "a\xff\xfe" "b", 4, 20, "a??b" },
    { "a\xe2\x82", 3, 20, "a??" },                                  /* cut off */
    { "a\xe2\x82" "b", 4, 20, "a??b" },
    { "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", 9, 20, "?????????" },  /* overlong, surrogate, beyond Unicode */
    { "\xe2\x82\xac", 2, 20, "??" },                                /* not what is behind the length */
};

/* Bytes around the buffer show what is written beside it. */
START_TEST(shows)
{
    char room[40];
    memset(room, 0x55, sizeof room);
    const char *shown = mtlspin_text_show(texts[_i].text, texts[_i].length, room + 4, texts[_i].size);
    ck_assert_ptr_eq(shown, room + 4);
    ck_assert_str_eq(shown, texts[_i].shown);
    for (size_t i = 0; i < sizeof room; i++)
        if (i < 4 || i >= 4 + texts[_i].size)
            ck_assert_int_eq(room[i], 0x55);
}
END_TEST

START_TEST(takes_nothing)
{
    char buffer[4] = "abc";
    ck_assert_str_eq(mtlspin_text_show(NULL, 3, buffer, sizeof buffer), "");
    ck_assert_str_eq(buffer, "");
    ck_assert_str_eq(mtlspin_text_show("abc", 3, NULL, 4), "");
    buffer[0] = 'x';
    ck_assert_str_eq(mtlspin_text_show("abc", 3, buffer, 0), "");
    ck_assert_int_eq(buffer[0], 'x');
}
END_TEST

/* Whatever comes in, what goes out is no longer, shows the same again, and has no byte that steers a terminal. */
START_TEST(any_bytes)
{
    uint64_t state = 1;
    for (int round = 0; round < 200000; round++) {
        char text[12], once[16], again[16];
        size_t length = (size_t)(round % 12);
        for (size_t i = 0; i < length; i++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            unsigned byte = (unsigned)(state >> 33);
            text[i] = (char)(byte % 3 == 0 ? 0x80 | (byte >> 8 & 0x3f) : byte >> 8 & 0xff); /* many continuations */
        }
        (void)mtlspin_text_show(text, length, once, sizeof once);
        (void)mtlspin_text_show(once, strlen(once), again, sizeof again);
        if (strlen(once) > length || strcmp(once, again) != 0)
            ck_abort_msg("round %d", round);
        for (const char *at = once; *at != '\0'; at++)
            if ((unsigned char)*at < 0x20 || *at == 0x7f)
                ck_abort_msg("round %d: a control character", round);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, shows, 0, ROWS(texts));
    tcase_add_test(tcase, takes_nothing);
    tcase_add_test(tcase, any_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
