/* Taking a line of a policy apart into words. */
#include "policy_line.h"
#include "rows.h"
#include "suite.h"
#include <stdlib.h>
#include <string.h>

struct word {
    const char *text;
    unsigned column;
    bool quoted;
};

static const struct good {
    const char *line;
    struct word words[MTLSPIN__WORDS_MAX + 1]; /* up to the first without text */
} good[] = {
    { "", { { NULL, 0, false } } },
    { " \t ", { { NULL, 0, false } } },
    { "# comment", { { NULL, 0, false } } },
    { "  # \"comment", { { NULL, 0, false } } },
    { "#", { { NULL, 0, false } } },
    { "any", { { "any", 1, false } } },
    { "allow any", { { "allow", 1, false }, { "any", 7, false } } },
    { "\tallow \t any  ", { { "allow", 2, false }, { "any", 10, false } } },
    { "allow any # all", { { "allow", 1, false }, { "any", 7, false } } },
    { "allow any #\"", { { "allow", 1, false }, { "any", 7, false } } },
    { "allow uri x#y", { { "allow", 1, false }, { "uri", 7, false }, { "x#y", 11, false } } },
    { "\"#\" #", { { "#", 1, true } } },
    { "a \"b c\" d", { { "a", 1, false }, { "b c", 3, true }, { "d", 9, false } } },
    { "\"\"", { { "", 1, true } } },
    { "\"\" \"\"", { { "", 1, true }, { "", 4, true } } },
    { "\"a\\\"b\" c", { { "a\"b", 1, true }, { "c", 8, false } } },
    { "\"a\\\\\" c", { { "a\\", 1, true }, { "c", 7, false } } },
    { "\"\\\"\\\"\\\"\\\"\" \"\\\\\" x=\"\\\"\" e", { { "\"\"\"\"", 1, true }, { "\\", 12, true }, { "x=\"", 17, false },
        { "e", 24, false } } },
    { "a\\b", { { "a\\b", 1, false } } },
    { "issuer=\"my ca.pem\" x", { { "issuer=my ca.pem", 1, false }, { "x", 20, false } } },
    { "issuer=\"\"", { { "issuer=", 1, false } } },
    { "=\"x\"", { { "=x", 1, false } } },
    { "a=b=\"c d\"", { { "a=b=c d", 1, false } } },
    { "\"issuer=x\"", { { "issuer=x", 1, true } } },
    { "\"a\tb\"", { { "a\tb", 1, true } } },
    { "\xc3\xa4 \xff", { { "\xc3\xa4", 1, false }, { "\xff", 4, false } } },
    { "1 2 3 4 5 6 7 8 9 10 11 12 # 13",
        { { "1", 1, false }, { "2", 3, false }, { "3", 5, false }, { "4", 7, false }, { "5", 9, false }, { "6", 11, false },
            { "7", 13, false }, { "8", 15, false }, { "9", 17, false }, { "10", 19, false }, { "11", 22, false },
            { "12", 25, false } } },
};

/* A line in memory of its own: the one byte behind it that may be written, and no more. */
static char *
copy(const char *line, size_t length)
{
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, line, length);
    text[length] = '\n';
    return text;
}

START_TEST(splits)
{
    const struct good *row = &good[_i];
    size_t count = 0, length = strlen(row->line);
    char *text = copy(row->line, length);
    struct mtlspin__line line;
    memset(&line, 0xa5, sizeof line);
    mtlspin__line_split(&line, text, length);
    ck_assert_msg(line.wrong == NULL, "%s: %s", row->line, line.wrong);
    for (; row->words[count].text != NULL; count++) {
        const struct word *word = &row->words[count];
        ck_assert_uint_lt(count, line.count);
        ck_assert_str_eq(line.words[count].text, word->text);
        ck_assert_uint_eq(line.words[count].column, word->column);
        ck_assert_int_eq(line.words[count].quoted, word->quoted);
    }
    ck_assert_uint_eq(line.count, count);
    free(text);
}
END_TEST

#define OPEN "this quote is not closed; write another \" at the end of the word"
#define ENDS "a closing quote ends the word; leave a space behind it"
#define WITHIN "a quote within a word; put the whole word into quotes, and write \\\" for a quote in it"
#define BACKSLASH "within quotes a backslash stands before a quote or another backslash only; write \\\\ for one"
#define CONTROL "a control character; delete it, or write a space in its place"

static const struct {
    const char *line;
    size_t length; /* 0 = up to the terminator */
    const char *wrong;
    unsigned column;
} bad[] = {
    { "\"", 0, OPEN, 1 },
    { "a \"b c", 0, OPEN, 3 },
    { "a \"b # c", 0, OPEN, 3 },
    { "a \"b\\", 0, OPEN, 3 },
    { "a \"b\\\"", 0, OPEN, 3 },
    { "issuer=\"b c", 0, OPEN, 8 },
    { "\"a\"b", 0, ENDS, 4 },
    { "\"a\"\"b\"", 0, ENDS, 4 },
    { "\"a\"#", 0, ENDS, 4 },
    { "x=\"a\"b", 0, ENDS, 6 },
    { "a\"b\"", 0, WITHIN, 2 },
    { "a b\"", 0, WITHIN, 4 },
    { "x=y\"z\"", 0, WITHIN, 4 },
    { "\"a\\nb\"", 0, BACKSLASH, 3 },
    { "\"a\\ b\"", 0, BACKSLASH, 3 },
    { "a\0b", 3, "a zero byte; save the file as UTF-8 text", 2 },
    { "\0", 1, "a zero byte; save the file as UTF-8 text", 1 },
    { "# \0", 3, "a zero byte; save the file as UTF-8 text", 3 },
    { "a\x1b[31m", 0, CONTROL, 2 },
    { "a\rb", 0, CONTROL, 2 },
    { "# \x07", 0, CONTROL, 3 },
    { "\"\x7f\"", 0, CONTROL, 2 },
    { "1 2 3 4 5 6 7 8 9 10 11 12 13", 0, "too many words; put a label with spaces into quotes", 28 },
    { "1 2 3 4 5 6 7 8 9 10 11 12 \"", 0, "too many words; put a label with spaces into quotes", 28 },
};

START_TEST(says_what_is_wrong_and_where)
{
    size_t length = bad[_i].length > 0 ? bad[_i].length : strlen(bad[_i].line);
    char *text = copy(bad[_i].line, length);
    struct mtlspin__line line;
    mtlspin__line_split(&line, text, length);
    ck_assert_ptr_nonnull(line.wrong);
    ck_assert_str_eq(line.wrong, bad[_i].wrong);
    ck_assert_uint_eq(line.column, bad[_i].column);
    free(text);
}
END_TEST

/* Wherever it stands in a line, of whatever length: lines are looked at many bytes at a time. */
START_TEST(a_control_character_is_found)
{
    enum { LONGEST = 70 };
    char content[LONGEST];
    bool control = (_i < 0x20 && _i != '\t') || _i == 0x7f;
    for (size_t length = 1; length < LONGEST; length++)
        for (size_t place = 0; place < length; place++) {
            memset(content, 'a', length);
            content[place] = (char)_i;
            char *text = copy(content, length);
            struct mtlspin__line line;
            mtlspin__line_split(&line, text, length);
            if (control != (line.wrong != NULL) || (control && line.column != place + 1))
                ck_abort_msg("byte %d at %zu of %zu: column %u", _i, place, length, line.column);
            free(text);
        }
}
END_TEST

/* Any line of five of these comes out as words within the line, or as an error within it. */
START_TEST(no_line_leads_out_of_itself)
{
    static const char pieces[] = "a\"\\ =#\t\x01";
    enum { PIECES = sizeof pieces - 1, LENGTH = 5 };
    int combinations = 1;
    for (int i = 0; i < LENGTH; i++)
        combinations *= PIECES;
    for (int number = 0; number < combinations; number++) {
        char content[LENGTH], *text;
        for (int i = 0, rest = number; i < LENGTH; i++, rest /= PIECES)
            content[i] = pieces[rest % PIECES];
        text = copy(content, LENGTH);
        struct mtlspin__line line;
        mtlspin__line_split(&line, text, LENGTH);
        if (line.wrong != NULL && (line.column < 1 || line.column > LENGTH))
            ck_abort_msg("%.5s: wrong at column %u", content, line.column);
        for (size_t i = 0; line.wrong == NULL && i < line.count; i++)
            if (line.words[i].text < text || line.words[i].text + strlen(line.words[i].text) > text + LENGTH)
                ck_abort_msg("%.5s: word %zu", content, i);
        free(text);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("policy_line");
    TCase *tcase = tcase_create("policy_line");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, splits, 0, ROWS(good));
    tcase_add_loop_test(tcase, says_what_is_wrong_and_where, 0, ROWS(bad));
    tcase_add_loop_test(tcase, a_control_character_is_found, 0, '"');
    tcase_add_loop_test(tcase, a_control_character_is_found, '"' + 1, 256);
    tcase_add_test(tcase, no_line_leads_out_of_itself);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
