/* The caller's error struct: set once, placed once, printed. */
#include "error.h"
#include "rows.h"
#include "suite.h"
#include <stdint.h>
#include <string.h>

static const struct {
    const char *file;
    unsigned line, column;
    const char *message, *text;
} formatted[] = {
    { "", 0, 0, "out of memory", "out of memory" },
    { "", 0, 0, "", "" },
    { "a.policy", 0, 0, "cannot be read", "a.policy: cannot be read" },
    { "a.policy", 7, 0, "wrong", "a.policy:7: wrong" },
    { "a.policy", 7, 3, "wrong", "a.policy:7:3: wrong" },
    { "", 7, 0, "wrong", "line 7: wrong" },
    { "", 7, 3, "wrong", "line 7:3: wrong" },
    { "a.policy", 4294967295, 4294967295, "wrong", "a.policy:4294967295:4294967295: wrong" },
    { "a\nb\x1b[31m\x7f.policy", 1, 1, "wr\tong", "a?b?[31m?.policy:1:1: wr?ong" },
    { "J\xc3\xb6rg.policy", 1, 1, "w\xc3\xb6rong", "J\xc3\xb6rg.policy:1:1: w\xc3\xb6rong" },
    { "%s%n", 1, 1, "%s%n", "%s%n:1:1: %s%n" },
};

START_TEST(is_printed_with_its_place)
{
    char buffer[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    (void)strcpy(error.file, formatted[_i].file);
    (void)strcpy(error.message, formatted[_i].message);
    error.line = formatted[_i].line;
    error.column = formatted[_i].column;
    ck_assert_ptr_eq(mtlspin_error_format(&error, buffer, sizeof buffer), buffer);
    ck_assert_str_eq(buffer, formatted[_i].text);
}
END_TEST

START_TEST(is_cut_to_the_buffer)
{
    static const char whole[] = "a.policy:7:3: wrong";
    for (size_t size = 1; size <= sizeof whole + 1; size++) {
        char buffer[64];
        struct mtlspin_error error = { sizeof error, MTLSPIN_ERR_VALUE, 7, 3, "a.policy", "wrong" };
        size_t length = size <= strlen(whole) ? size - 1 : strlen(whole);
        memset(buffer, 'x', sizeof buffer);
        (void)mtlspin_error_format(&error, buffer, size);
        ck_assert_uint_eq(strlen(buffer), length);
        ck_assert_mem_eq(buffer, whole, length);
        ck_assert_int_eq(buffer[size], 'x');
    }
}
END_TEST

START_TEST(nothing_to_print_is_no_crash)
{
    char buffer[8] = "xxxxxxx";
    struct mtlspin_error unknown = { 0, MTLSPIN_ERR_VALUE, 7, 3, "a.policy", "wrong" };
    ck_assert_str_eq(mtlspin_error_format(&unknown, NULL, 8), "");
    ck_assert_str_eq(mtlspin_error_format(&unknown, buffer, 0), "");
    ck_assert_str_eq(buffer, "xxxxxxx");
    ck_assert_ptr_eq(mtlspin_error_format(NULL, buffer, sizeof buffer), buffer);
    ck_assert_str_eq(buffer, "");
    buffer[0] = 'x';
    ck_assert_str_eq(mtlspin_error_format(&unknown, buffer, sizeof buffer), "");
}
END_TEST

START_TEST(the_first_error_wins)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_int_eq(mtlspin__fail(&error, MTLSPIN_ERR_VALUE, "%s %d", "first", 1), MTLSPIN_ERR_VALUE);
    ck_assert_int_eq(mtlspin__fail(&error, MTLSPIN_ERR_FILE, "second"), MTLSPIN_ERR_FILE);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_VALUE);
    ck_assert_str_eq(error.message, "first 1");
    mtlspin__error_place(&error, "a.policy", 7, 3);
    mtlspin__error_place(&error, "b.policy", 8, 4);
    ck_assert_str_eq(error.file, "a.policy");
    ck_assert_uint_eq(error.line, 7);
    ck_assert_uint_eq(error.column, 3);
    mtlspin__error_clear(&error);
    ck_assert_int_eq(mtlspin__fail(&error, MTLSPIN_ERR_FILE, "third"), MTLSPIN_ERR_FILE);
    ck_assert_str_eq(error.message, "third");
    ck_assert_str_eq(error.file, "");
    ck_assert_uint_eq(error.line, 0);
    ck_assert_uint_eq(error.column, 0);
}
END_TEST

START_TEST(only_a_failure_has_a_place)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    mtlspin__error_place(&error, "a.policy", 7, 3);
    ck_assert_str_eq(error.file, "");
    ck_assert_uint_eq(error.line, 0);
    (void)mtlspin__fail(&error, MTLSPIN_ERR_VALUE, "wrong");
    mtlspin__error_place(&error, NULL, 7, 3);
    ck_assert_str_eq(error.file, "");
    ck_assert_uint_eq(error.line, 7);
}
END_TEST

/* A row's name is that many 'd', a slash, and "a.policy". */
static const size_t directory_lengths[] = { 1, 245, 246, 247, 248, 1000 };

START_TEST(a_long_file_name_loses_its_front)
{
    char file[1100];
    size_t front = directory_lengths[_i], kept = front + 9 > 255 ? 255 : front + 9;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    memset(file, 'd', sizeof file);
    (void)strcpy(file + front, "/a.policy");
    file[0] = 'D';
    (void)mtlspin__fail(&error, MTLSPIN_ERR_FILE, "wrong");
    mtlspin__error_place(&error, file, 1, 1);
    ck_assert_uint_eq(strlen(error.file), kept);
    ck_assert_str_eq(error.file, file + (front + 9 - kept));
}
END_TEST

START_TEST(a_long_message_is_cut)
{
    char message[1000];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    memset(message, 'm', sizeof message);
    message[sizeof message - 1] = '\0';
    (void)mtlspin__fail(&error, MTLSPIN_ERR_VALUE, "%s", message);
    ck_assert_uint_eq(strlen(error.message), sizeof error.message - 1);
    ck_assert_mem_eq(error.message, message, sizeof error.message - 1);
}
END_TEST

START_TEST(a_message_has_no_control_characters)
{
    for (int c = 1; c < 256; c++) {
        struct mtlspin_error error = MTLSPIN_ERROR_INIT;
        (void)mtlspin__fail(&error, MTLSPIN_ERR_VALUE, "<%c>", c);
        ck_assert_int_eq(error.message[1], c < 0x20 || c >= 0x7f ? '?' : c); /* a lone byte from 0x80 on is no UTF-8 */
    }
}
END_TEST

static const struct { const char *given, *shown; } harmless[] = {
    { "Z\xc3\xbcrich", "Z\xc3\xbcrich" },      /* a character stays whole */
    { "a\xc2\x9b" "31m", "a??31m" },           /* a control character of C1 */
    { "a\xe2\x80\xae" "b", "a???b" },          /* right-to-left override */
    { "a\xff\xfe", "a??" }, { "a\xe2\x82", "a??" },
};

START_TEST(a_message_is_harmless)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    (void)mtlspin__fail(&error, MTLSPIN_ERR_VALUE, "%s", harmless[_i].given);
    ck_assert_str_eq(error.message, harmless[_i].shown);
}
END_TEST

START_TEST(a_cut_message_ends_in_a_whole_character)
{
    char message[1000] = "x";
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    for (size_t at = 1; at + 2 < sizeof message; at += 2)
        memcpy(message + at, "\xc3\xbc", 3);
    (void)mtlspin__fail(&error, MTLSPIN_ERR_VALUE, "%s%s", _i == 0 ? "" : "y", message);
    ck_assert_int_eq(error.message[sizeof error.message - 2], _i == 0 ? '\xbc' : '?');
}
END_TEST

static const size_t unknown_sizes[] = { 0, 1, sizeof(struct mtlspin_error) - 1, sizeof(struct mtlspin_error) + 1,
    SIZE_MAX };

START_TEST(a_struct_of_unknown_size_is_left_alone)
{
    struct mtlspin_error error, before;
    memset(&error, 'x', sizeof error);
    error.size = unknown_sizes[_i];
    before = error;
    mtlspin__error_clear(&error);
    ck_assert_int_eq(mtlspin__fail(&error, MTLSPIN_ERR_VALUE, "wrong"), MTLSPIN_ERR_VALUE);
    mtlspin__error_place(&error, "a.policy", 1, 1);
    ck_assert_mem_eq(&error, &before, sizeof error);
}
END_TEST

START_TEST(no_struct_is_fine)
{
    mtlspin__error_clear(NULL);
    ck_assert_int_eq(mtlspin__fail(NULL, MTLSPIN_ERR_VALUE, "wrong"), MTLSPIN_ERR_VALUE);
    mtlspin__error_place(NULL, "a.policy", 1, 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("error");
    TCase *tcase = tcase_create("error");
    tcase_add_loop_test(tcase, is_printed_with_its_place, 0, ROWS(formatted));
    tcase_add_test(tcase, is_cut_to_the_buffer);
    tcase_add_test(tcase, nothing_to_print_is_no_crash);
    tcase_add_test(tcase, the_first_error_wins);
    tcase_add_test(tcase, only_a_failure_has_a_place);
    tcase_add_loop_test(tcase, a_long_file_name_loses_its_front, 0, ROWS(directory_lengths));
    tcase_add_test(tcase, a_long_message_is_cut);
    tcase_add_test(tcase, a_message_has_no_control_characters);
    tcase_add_loop_test(tcase, a_message_is_harmless, 0, ROWS(harmless));
    tcase_add_loop_test(tcase, a_cut_message_ends_in_a_whole_character, 0, 2);
    tcase_add_loop_test(tcase, a_struct_of_unknown_size_is_left_alone, 0, ROWS(unknown_sizes));
    tcase_add_test(tcase, no_struct_is_fine);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
