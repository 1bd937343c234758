/* The tables of statuses and reasons. */
#include "rows.h"
#include "suite.h"
#include <mtlspin/decision.h>
#include <string.h>

struct code {
    int number;
    const char *name, *sentence;
};

#define ROW(name, number, sentence) { number, #name, sentence },
static const struct code statuses[] = { MTLSPIN_STATUS_MAP(ROW) };
static const struct code reasons[] = { MTLSPIN_REASON_MAP(ROW) };

/* The numbers of versions 0.1.0 and 0.2.0, which programs and log readers may rely on for ever. */
static const struct {
    int number;
    const char *name;
} promised[] = {
    { 0, "NONE" }, { 1, "RULE" }, { 2, "UNMATCHED" }, { 10, "NO_RULE" }, { 11, "NO_DOMAIN" }, { 12, "DENIED_SPKI" },
    { 13, "DENIED_SERIAL" }, { 14, "RULE_EXPIRED" }, { 15, "RULE_NOT_YET_VALID" }, { 16, "CA_CERTIFICATE" },
    { 30, "NO_CERTIFICATE" }, { 31, "MALFORMED" }, { 32, "UNKNOWN_CA" }, { 33, "EXPIRED" }, { 34, "NOT_YET_VALID" },
    { 35, "PURPOSE" }, { 36, "WEAK" }, { 37, "SIGNATURE" }, { 38, "REVOKED" }, { 60, "NOT_JUDGED" }, { 65, "RESUMED" },
    { 69, "NO_HOST" }, { 71, "ANONYMOUS" }, { 72, "SEVERAL_HOSTS" }, { 73, "SESSION_EXPIRED" }, { 91, "INTERNAL" },
};

static int
known(const struct code *table, int count, int number)
{
    int found = 0;
    for (int i = 0; i < count; i++)
        found += table[i].number == number;
    return found;
}

static int
named(const struct code *table, int count, const char *name)
{
    int found = 0;
    for (int i = 0; i < count; i++)
        found += strcmp(table[i].name, name) == 0;
    return found;
}

/* Each number, name and sentence is there once, and the sentence can stand within a line of a log. */
static void
check_row(const struct code *table, int count, int index)
{
    const struct code *row = &table[index];
    int same = 0;
    for (int i = 0; i < count; i++)
        same += strcmp(table[i].sentence, row->sentence) == 0;
    ck_assert_int_eq(same, 1);
    ck_assert_int_eq(known(table, count, row->number), 1);
    ck_assert_int_eq(named(table, count, row->name), 1);
    ck_assert_int_ge(row->number, 0);
    ck_assert_msg(strlen(row->sentence) > 6 && strlen(row->sentence) < 100, "%s: too short or too long", row->name);
    ck_assert_msg(strpbrk(row->sentence, "\"\\<>&\n") == NULL, "%s: would need escapes", row->name);
}

START_TEST(a_status_stands_in_the_table_once)
{
    const struct code *row = &statuses[_i];
    check_row(statuses, ROWS(statuses), _i);
    ck_assert_str_eq(mtlspin_status_name((enum mtlspin_status)row->number), row->name);
    ck_assert_str_eq(mtlspin_status_text((enum mtlspin_status)row->number), row->sentence);
    ck_assert_int_eq(row->number == 0, strncmp(row->name, "ERR_", 4) != 0);
}
END_TEST

START_TEST(a_reason_stands_in_the_table_once)
{
    const struct code *row = &reasons[_i];
    check_row(reasons, ROWS(reasons), _i);
    ck_assert_str_eq(mtlspin_reason_name((enum mtlspin_reason)row->number), row->name);
    ck_assert_str_eq(mtlspin_reason_text((enum mtlspin_reason)row->number), row->sentence);
}
END_TEST

START_TEST(a_promised_number_keeps_its_name)
{
    ck_assert_str_eq(mtlspin_reason_name((enum mtlspin_reason)promised[_i].number), promised[_i].name);
}
END_TEST

static const int unknown[] = { -1, 3, 9, 17, 29, 99, 1000, 0x7fffffff };

START_TEST(an_unknown_number_has_a_text_too)
{
    ck_assert_str_eq(mtlspin_reason_name((enum mtlspin_reason)unknown[_i]), "UNKNOWN");
    ck_assert_str_eq(mtlspin_reason_text((enum mtlspin_reason)unknown[_i]), "unknown code");
    if (known(statuses, ROWS(statuses), unknown[_i]) != 0)
        return;
    ck_assert_str_eq(mtlspin_status_name((enum mtlspin_status)unknown[_i]), "UNKNOWN");
    ck_assert_str_eq(mtlspin_status_text((enum mtlspin_status)unknown[_i]), "unknown code");
}
END_TEST

/* Who forgets to fill in a decision refuses. */
START_TEST(nothing_is_a_refusal)
{
    struct mtlspin_decision zeroed, fresh = MTLSPIN_DECISION_INIT;
    memset(&zeroed, 0, sizeof zeroed);
    ck_assert_int_eq(MTLSPIN_DENY, 0);
    ck_assert_int_ne(MTLSPIN_ALLOW, 0);
    ck_assert_int_eq(zeroed.verdict, MTLSPIN_DENY);
    ck_assert_int_eq(zeroed.reason, MTLSPIN_REASON_NONE);
    ck_assert_int_eq(fresh.verdict, MTLSPIN_DENY);
    ck_assert_int_eq(fresh.reason, MTLSPIN_REASON_NONE);
    ck_assert_uint_eq(fresh.size, sizeof fresh);
    ck_assert_int_eq(MTLSPIN_OK, 0);
}
END_TEST

/* 1 to 9 are kept for reasons that let a peer in. Whoever adds one there changes this test, and thinks about it. */
START_TEST(only_two_reasons_allow)
{
    for (int number = 1; number <= 9; number++)
        ck_assert_int_eq(known(reasons, ROWS(reasons), number), number <= 2);
    ck_assert_int_eq(MTLSPIN_REASON_RULE, 1);
    ck_assert_int_eq(MTLSPIN_REASON_UNMATCHED, 2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("codes");
    TCase *tcase = tcase_create("codes");
    tcase_add_loop_test(tcase, a_status_stands_in_the_table_once, 0, ROWS(statuses));
    tcase_add_loop_test(tcase, a_reason_stands_in_the_table_once, 0, ROWS(reasons));
    tcase_add_loop_test(tcase, a_promised_number_keeps_its_name, 0, ROWS(promised));
    tcase_add_loop_test(tcase, an_unknown_number_has_a_text_too, 0, ROWS(unknown));
    tcase_add_test(tcase, nothing_is_a_refusal);
    tcase_add_test(tcase, only_two_reasons_allow);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
