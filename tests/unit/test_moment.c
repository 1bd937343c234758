/* Dates, times, durations and numbers. */
#include "moment.h"
#include "rows.h"
#include "suite.h"
#include <mtlspin/moment.h>
#include <stdio.h>
#include <string.h>

enum { ANY_END = -1 }; /* the same as a beginning and as an end */

static const struct moment {
    const char *text;
    int end;
    int64_t seconds;
} moments[] = {
    { "1970-01-01", 0, 0 },
    { "1970-01-01", 1, 86399 },
    { "2027-01-01", 0, 1798761600 },
    { "2027-01-01", 1, 1798847999 },
    { "1969-12-31", 1, -1 },
    { "2000-02-29", 0, 951782400 },
    { "2024-02-29", 0, 1709164800 },
    { "1999-12-31", 1, 946684799 },
    { "2038-01-19", 0, 2147472000 },
    { "2100-03-01", 0, 4107542400 },
    { "0001-01-01", 0, -62135596800 },
    { "9999-12-31", 1, 253402300799 },
    { "1970-01-01T00:00:00Z", ANY_END, 0 },
    { "2027-01-31T12:34:56Z", ANY_END, 1801398896 },
    { "2027-01-31t12:34:56z", ANY_END, 1801398896 },
    { "2027-01-31T12:34:56+00:00", ANY_END, 1801398896 },
    { "2027-01-31T12:34:56-00:00", ANY_END, 1801398896 },
    { "2027-01-31T13:34:56+01:00", ANY_END, 1801398896 },
    { "2027-01-31T07:04:56-05:30", ANY_END, 1801398896 },
    { "2027-02-01T02:34:56+14:00", ANY_END, 1801398896 },
    { "2026-12-31T23:59:59-00:01", ANY_END, 1798761659 },
    { "2016-12-31T23:59:60Z", ANY_END, 1483228800 },
    { "2038-01-19T03:14:08Z", ANY_END, 2147483648 },
    { "2027-01-31T12:34:56.0Z", ANY_END, 1801398896 },
    { "2027-01-31T12:34:56.000Z", ANY_END, 1801398896 },
    { "2027-01-31T12:34:56.5Z", 1, 1801398896 },
    { "2027-01-31T12:34:56.5Z", 0, 1801398897 },
    { "2027-01-31T12:34:56.0000000000000000000000000001Z", 0, 1801398897 },
    { "2027-01-31T13:34:56.999+01:00", 1, 1801398896 },
};

START_TEST(reads_a_moment)
{
    const struct moment *row = &moments[_i];
    for (int end = 0; end <= 1; end++) {
        int64_t seconds = 4711;
        if (row->end != ANY_END && row->end != end)
            continue;
        ck_assert_msg(mtlspin__moment_parse(row->text, end == 1, &seconds), "%s", row->text);
        ck_assert_msg(seconds == row->seconds, "%s: %lld", row->text, (long long)seconds);
    }
}
END_TEST

static const char *const no_moments[] = {
    "", "2027", "2027-01", "2027-1-1", "27-01-01", "2027-01-01 ", " 2027-01-01", "2027/01/01", "20270101", "01.01.2027",
    "2027-00-01", "2027-13-01", "2027-01-00", "2027-01-32", "2027-04-31", "2027-02-29", "2100-02-29", "1900-02-29",
    "2024-02-30", "0000-01-01", "+027-01-01", "-2027-01-01", "12027-01-01", "2027-01-01T", "2027-01-01T12",
    "2027-01-01T12:00", "2027-01-01T12:00Z", "2027-01-01T12:00:00", "2027-01-01 12:00:00Z", "2027-01-01T24:00:00Z",
    "2027-01-01T12:60:00Z", "2027-01-01T12:00:61Z", "2027-01-01T12:00:00.Z", "2027-01-01T12:00:00,5Z",
    "2027-01-01T12:00:00.5", "2027-01-01T12:00:00+01", "2027-01-01T12:00:00+0100", "2027-01-01T12:00:00+24:00",
    "2027-01-01T12:00:00+01:60", "2027-01-01T12:00:00Z ", "2027-01-01T12:00:00ZZ", "2027-01-01T12:00:00Z+01:00",
    "2027-01-01T1:00:00Z", "2027-01-01T-1:00:00Z", "2027-01-01Z", "1798761600", "now", "never",
};

START_TEST(refuses_what_is_no_moment)
{
    int64_t seconds = 0;
    ck_assert_msg(!mtlspin__moment_parse(no_moments[_i], false, &seconds), "%s", no_moments[_i]);
    ck_assert_msg(!mtlspin__moment_parse(no_moments[_i], true, &seconds), "%s", no_moments[_i]);
}
END_TEST

/* Every day of 800 years follows the one before, which no table of single dates shows. */
START_TEST(days_follow_each_other)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int64_t expected = -11676096000; /* 1600-01-01 */
    for (int year = 1600; year < 2400; year++)
        for (int month = 1; month <= 12; month++) {
            int leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (int day = 1; day <= lengths[month - 1] + leap; day++, expected += 86400) {
                char text[48];
                int64_t seconds = 0;
                (void)snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                if (!mtlspin__moment_parse(text, false, &seconds) || seconds != expected)
                    ck_abort_msg("%s", text); /* an assertion a day would take seconds */
            }
        }
}
END_TEST

static const struct {
    const char *text;
    int64_t seconds;
} durations[] = { { "0s", 0 }, { "1s", 1 }, { "90s", 90 }, { "15m", 900 }, { "12h", 43200 }, { "7d", 604800 },
    { "007d", 604800 },
    { "1000000000d", 86400000000000 } };

static const char *const no_durations[] = {
    "", "s", "7", "7 d", " 7d", "7d ", "7D", "7w", "7y", "-7d", "+7d", "1.5h", "1h30m", "0x7d", "1000000001s",
    "4294967297s", "99999999999s", "18446744073709551617s", "dd",
};

START_TEST(reads_a_duration)
{
    int64_t seconds = -1;
    ck_assert_msg(mtlspin__duration_parse(durations[_i].text, &seconds), "%s", durations[_i].text);
    ck_assert_int_eq(seconds, durations[_i].seconds);
}
END_TEST

START_TEST(refuses_what_is_no_duration)
{
    int64_t seconds = -1;
    ck_assert_msg(!mtlspin__duration_parse(no_durations[_i], &seconds), "%s", no_durations[_i]);
}
END_TEST

static const struct {
    const char *text;
    unsigned most;
    int good;
    unsigned number;
} numbers[] = {
    { "0", 5, 1, 0 }, { "5", 5, 1, 5 }, { "6", 5, 0, 0 }, { "05", 5, 1, 5 }, { "16", 16, 1, 16 }, { "17", 16, 0, 0 },
    { "4294967295", 0xffffffff, 1, 0xffffffff }, { "4294967296", 0xffffffff, 0, 0 },
    { "18446744073709551616", 0xffffffff, 0, 0 }, { "", 5, 0, 0 }, { "-1", 5, 0, 0 }, { "+1", 5, 0, 0 }, { " 1", 5, 0, 0 },
    { "1 ", 5, 0, 0 }, { "0x1", 5, 0, 0 }, { "1e0", 5, 0, 0 }, { "one", 5, 0, 0 },
};

START_TEST(reads_a_number_up_to_a_bound)
{
    unsigned number = 4711;
    ck_assert_msg(mtlspin__number_parse(numbers[_i].text, numbers[_i].most, &number) == (numbers[_i].good == 1), "%s",
        numbers[_i].text);
    if (numbers[_i].good)
        ck_assert_uint_eq(number, numbers[_i].number);
}
END_TEST

/* The public functions: the same, with a result where there was none, and words. */

static struct mtlspin_error
used_error(void)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    error.code = MTLSPIN_ERR_STATE;
    error.line = 4711;
    return error;
}

static void
check_refused(enum mtlspin_status status, const struct mtlspin_error *error, const char *text, const int64_t *seconds)
{
    ck_assert_int_eq(status, MTLSPIN_ERR_VALUE);
    ck_assert_int_eq(error->code, MTLSPIN_ERR_VALUE);
    ck_assert_uint_eq(error->line, 0);
    ck_assert_msg(strncmp(error->message, text, strlen(text)) == 0, "%s", error->message);
    ck_assert_int_eq(*seconds, 0);
}

START_TEST(everybody_reads_a_moment)
{
    const struct moment *row = &moments[_i];
    for (int end = 0; end <= 2; end++) {
        int64_t seconds = 4711;
        struct mtlspin_error error = used_error();
        if (row->end != ANY_END && row->end != (end != 0))
            continue;
        ck_assert_int_eq(mtlspin_moment_parse(row->text, end, &seconds, &error), MTLSPIN_OK);
        ck_assert_int_eq(seconds, row->seconds);
        ck_assert_int_eq(error.code, MTLSPIN_OK);
        ck_assert_int_eq(mtlspin_moment_parse(row->text, end, &seconds, NULL), MTLSPIN_OK);
    }
}
END_TEST

START_TEST(nobody_reads_what_is_no_moment)
{
    int64_t seconds = 4711;
    struct mtlspin_error error = used_error();
    check_refused(mtlspin_moment_parse(no_moments[_i], 0, &seconds, &error), &error, no_moments[_i], &seconds);
    seconds = 4711;
    ck_assert_int_eq(mtlspin_moment_parse(no_moments[_i], 1, &seconds, NULL), MTLSPIN_ERR_VALUE);
    ck_assert_int_eq(seconds, 0);
}
END_TEST

START_TEST(everybody_reads_a_duration)
{
    int64_t seconds = -1;
    struct mtlspin_error error = used_error();
    ck_assert_int_eq(mtlspin_duration_parse(durations[_i].text, &seconds, &error), MTLSPIN_OK);
    ck_assert_int_eq(seconds, durations[_i].seconds);
    ck_assert_int_eq(error.code, MTLSPIN_OK);
}
END_TEST

START_TEST(nobody_reads_what_is_no_duration)
{
    int64_t seconds = -1;
    struct mtlspin_error error = used_error();
    check_refused(mtlspin_duration_parse(no_durations[_i], &seconds, &error), &error, no_durations[_i], &seconds);
}
END_TEST

START_TEST(no_text_and_no_place)
{
    int64_t seconds = 4711;
    struct mtlspin_error error = used_error();
    ck_assert_int_eq(mtlspin_moment_parse(NULL, 0, &seconds, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(seconds, 0);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_moment_parse("2027-01-01", 0, NULL, NULL), MTLSPIN_ERR_ARGUMENT);
    seconds = 4711;
    ck_assert_int_eq(mtlspin_duration_parse(NULL, &seconds, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(seconds, 0);
    ck_assert_int_eq(mtlspin_duration_parse("1s", NULL, &error), MTLSPIN_ERR_ARGUMENT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("moment");
    TCase *tcase = tcase_create("moment");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, reads_a_moment, 0, ROWS(moments));
    tcase_add_loop_test(tcase, refuses_what_is_no_moment, 0, ROWS(no_moments));
    tcase_add_test(tcase, days_follow_each_other);
    tcase_add_loop_test(tcase, reads_a_duration, 0, ROWS(durations));
    tcase_add_loop_test(tcase, refuses_what_is_no_duration, 0, ROWS(no_durations));
    tcase_add_loop_test(tcase, reads_a_number_up_to_a_bound, 0, ROWS(numbers));
    tcase_add_loop_test(tcase, everybody_reads_a_moment, 0, ROWS(moments));
    tcase_add_loop_test(tcase, nobody_reads_what_is_no_moment, 0, ROWS(no_moments));
    tcase_add_loop_test(tcase, everybody_reads_a_duration, 0, ROWS(durations));
    tcase_add_loop_test(tcase, nobody_reads_what_is_no_duration, 0, ROWS(no_durations));
    tcase_add_test(tcase, no_text_and_no_place);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
