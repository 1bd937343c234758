/* The table of rules: found by kind and key, in the order of lines. */
#include "rows.h"
#include "rule_table.h"
#include "suite.h"
#include <stdio.h>
#include <string.h>

static unsigned earlier; /* the line that the last sealing named */

/* A rule whose key is 31 times `front` and once `last`, since rules must be told apart by every byte. */
static struct mtlspin__rule
rule_of(int front, int last, uint32_t line)
{
    struct mtlspin__rule rule;
    memset(&rule, 0, sizeof rule);
    memset(rule.key, front, 31);
    rule.key[31] = (uint8_t)last;
    rule.line = line;
    return rule;
}

static void
add(struct mtlspin__rule_table *table, int kind, int front, int last, uint32_t line, const char *label)
{
    ck_assert(mtlspin__rules_add(table, (unsigned)kind, rule_of(front, last, line), label, NULL));
}

static void
note_first(void *context, unsigned line, unsigned first)
{
    unsigned *blamed = context;
    if (*blamed != 0 && line > *blamed)
        return;
    *blamed = line;
    earlier = first;
}

/* The line of the first rule that contradicts another; 0 = none does. */
static unsigned
seal(struct mtlspin__rule_table *table)
{
    unsigned blamed = 0;
    ck_assert(mtlspin__rules_seal(table, note_first, &blamed));
    return blamed;
}

static size_t
count_of(const struct mtlspin__rule_table *table, int kind, int front, int last, uint32_t first_line)
{
    struct mtlspin__rule rule = rule_of(front, last, 0);
    struct mtlspin__found found = mtlspin__rules_find(table, (unsigned)kind, rule.key);
    ck_assert_int_eq(found.rules != NULL, found.count > 0);
    if (found.rules != NULL)
        ck_assert_uint_eq(found.rules->line, first_line);
    return found.count;
}

START_TEST(an_empty_table_has_nothing)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    ck_assert_uint_eq(seal(&table), 0);
    for (int kind = 0; kind <= MTLSPIN_ANY + 1; kind++)
        ck_assert_uint_eq(count_of(&table, kind, 0, 0, 0), 0);
    mtlspin__rules_clear(&table);
}
END_TEST

static const int no_kinds[] = { 0, MTLSPIN_ANY + 2, 15, 16 + MTLSPIN_SPKI, 255, 256 + MTLSPIN_SPKI, -1 };

START_TEST(other_kinds_are_not_taken)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    ck_assert(!mtlspin__rules_add(&table, (unsigned)no_kinds[_i], rule_of(1, 1, 1), "x", NULL));
    ck_assert_uint_eq(table.count, 0);
    add(&table, MTLSPIN_ANY, 0, 0, 1, "x");
    ck_assert_uint_eq(seal(&table), 0);
    ck_assert_uint_eq(count_of(&table, no_kinds[_i], 0, 0, 0), 0);
    mtlspin__rules_clear(&table);
}
END_TEST

START_TEST(a_rule_is_found_by_kind_and_whole_key)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    add(&table, MTLSPIN_THUMBPRINT, 7, 7, 1, "first");
    add(&table, MTLSPIN_SPKI, 7, 8, 2, "second");
    add(&table, MTLSPIN_SPKI, 7, 7, 3, "third");
    add(&table, MTLSPIN_SPKI, 0x80, 0, 4, "high");
    ck_assert_uint_eq(seal(&table), 0);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_THUMBPRINT, 7, 7, 1), 1);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 7, 8, 2), 1);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 7, 7, 3), 1);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 0x80, 0, 4), 1);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 7, 9, 0), 0);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 7, 6, 0), 0);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_THUMBPRINT, 7, 8, 0), 0);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_CA_SPKI, 7, 7, 0), 0);
    ck_assert_uint_eq(table.kinds[MTLSPIN_SPKI], 3);
    ck_assert_uint_eq(table.kinds[MTLSPIN_THUMBPRINT], 1);
    mtlspin__rules_clear(&table);
}
END_TEST

START_TEST(rules_of_one_key_stand_in_the_order_of_lines)
{
    static const uint32_t lines[] = { 30, 10, 40, 20 };
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    for (int i = 0; i < ROWS(lines); i++) {
        struct mtlspin__period period = { lines[i], lines[i] + 5 };
        ck_assert(mtlspin__rules_add(&table, MTLSPIN_SPKI, rule_of(7, 7, lines[i]), "same", &period));
        add(&table, MTLSPIN_SPKI, 6, 7, lines[i] + 1, NULL);
    }
    ck_assert_uint_eq(seal(&table), 0);
    const struct mtlspin__rule key = rule_of(7, 7, 0);
    const struct mtlspin__found found = mtlspin__rules_find(&table, MTLSPIN_SPKI, key.key);
    ck_assert_uint_eq(found.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(found.rules[i].line, 10 * (i + 1));
        ck_assert_int_eq(mtlspin__rules_period(&table, &found.rules[i])->not_before, found.rules[i].line);
        ck_assert_int_eq(mtlspin__rules_period(&table, &found.rules[i])->not_after, found.rules[i].line + 5);
        ck_assert_str_eq(mtlspin__rules_label(&table, &found.rules[i]), "same");
    }
    mtlspin__rules_clear(&table);
}
END_TEST

/* What is said twice: labels of the rules of one key, in the order of their lines 1, 2, 3. */
static const struct {
    const char *labels[3];
    uint32_t blamed; /* line; 0 = none */
} repetitions[] = {
    { { "a", "a", "a" }, 0 }, { { NULL, NULL, NULL }, 0 }, { { NULL, "", NULL }, 0 }, { { "a", "b", "a" }, 2 },
    { { "a", "a", "b" }, 3 },
    { { "a", "b", "b" }, 2 }, { { "a", NULL, "a" }, 2 }, { { NULL, NULL, "a" }, 3 }, { { "a", "A", "A" }, 2 },
};

START_TEST(a_repeated_rule_keeps_its_label)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    for (int i = 2; i >= 0; i--) {
        add(&table, MTLSPIN_SPKI, 7, 7, (uint32_t)i + 1, repetitions[_i].labels[i]);
        add(&table, MTLSPIN_THUMBPRINT, 7, 7, (uint32_t)i + 1, "another kind");
        add(&table, MTLSPIN_SPKI, 7, 8, (uint32_t)i + 1, "another key");
    }
    ck_assert_uint_eq(seal(&table), repetitions[_i].blamed);
    mtlspin__rules_clear(&table);
}
END_TEST

START_TEST(of_two_repetitions_the_first_is_blamed)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    add(&table, MTLSPIN_SPKI, 1, 1, 1, "a");
    add(&table, MTLSPIN_SPKI, 9, 9, 2, "a");
    add(&table, MTLSPIN_SPKI, 9, 9, 3, "b");
    add(&table, MTLSPIN_SPKI, 1, 1, 4, "b");
    ck_assert_uint_eq(seal(&table), 3);
    ck_assert_uint_eq(earlier, 2);
    mtlspin__rules_clear(&table);
}
END_TEST

START_TEST(a_rule_without_more_holds_always_and_has_no_label)
{
    struct mtlspin__rule_table table;
    struct mtlspin__rule rule = rule_of(0, 0, 1);
    memset(&table, 0, sizeof table);
    rule.label = rule.period = 4711; /* the table's own business */
    ck_assert(mtlspin__rules_add(&table, MTLSPIN_ANY, rule, NULL, NULL));
    ck_assert_str_eq(mtlspin__rules_label(&table, &table.rules[0]), "");
    ck_assert_int_eq(mtlspin__rules_period(&table, &table.rules[0])->not_before, INT64_MIN);
    ck_assert_int_eq(mtlspin__rules_period(&table, &table.rules[0])->not_after, INT64_MAX);
    mtlspin__rules_clear(&table);
}
END_TEST

/* Two bytes of the key that no order of lines follows. */
static struct mtlspin__rule
scattered(uint32_t number)
{
    uint32_t mixed = number * 2654435761U;
    return rule_of((int)(mixed >> 24), (int)(mixed >> 16 & 0xff), number);
}

static unsigned
scattered_kind(uint32_t number)
{
    return MTLSPIN_SPKI + number % 3;
}

/* Rules that differ in their last byte alone, in numbers around those at which a lookup goes another way. */
static const int crowds[] = { 1, 2, 7, 8, 9, 16, 20, 21, 22, 255, 256 };

START_TEST(the_last_byte_tells_rules_apart)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    for (int last = crowds[_i] - 1; last >= 0; last--)
        add(&table, MTLSPIN_SPKI, 0xff, last, (uint32_t)last + 1, NULL);
    ck_assert_uint_eq(seal(&table), 0);
    for (int last = 0; last < 256; last++) {
        bool there = last < crowds[_i];
        ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 0xff, last, (uint32_t)last + 1), there ? 1 : 0);
        ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 0xfe, last, 0), 0);
        ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 0, last, 0), 0);
    }
    mtlspin__rules_clear(&table);
}
END_TEST

START_TEST(one_key_may_stand_under_every_kind)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    for (int times = 1; times <= 3; times++)
        for (int kind = MTLSPIN__KINDS - 1; kind >= MTLSPIN_SPKI; kind--)
            if (kind != MTLSPIN_CA_SPKI)
                add(&table, kind, 7, 7, (uint32_t)(100 * times + kind), NULL);
    add(&table, MTLSPIN_CA_SPKI, 7, 8, 1, NULL); /* so that there are rules of its kind */
    ck_assert_uint_eq(seal(&table), 0);
    for (int kind = MTLSPIN_SPKI; kind < MTLSPIN__KINDS; kind++)
        ck_assert_uint_eq(count_of(&table, kind, 7, 7, (uint32_t)(100 + kind)), kind != MTLSPIN_CA_SPKI ? 3 : 0);
    mtlspin__rules_clear(&table);
}
END_TEST

START_TEST(a_table_that_is_not_sealed_has_nothing)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    add(&table, MTLSPIN_SPKI, 7, 7, 1, NULL);
    ck_assert_uint_eq(count_of(&table, MTLSPIN_SPKI, 7, 7, 0), 0);
    mtlspin__rules_clear(&table);
}
END_TEST

START_TEST(neighbours_share_a_period)
{
    static const struct mtlspin__period periods[] = { { 1, 2 }, { 1, 2 }, { 1, 3 }, { 0, 3 }, { 0, 3 }, { 1, 2 } };
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    for (int i = 0; i < ROWS(periods); i++) {
        ck_assert(mtlspin__rules_add(&table, MTLSPIN_SPKI, rule_of(2 * i, 0, 1), NULL, &periods[i]));
        add(&table, MTLSPIN_SPKI, 2 * i + 1, 0, 1, NULL);
    }
    ck_assert_uint_eq(seal(&table), 0);
    ck_assert_uint_eq(table.period_count, 4);
    for (int i = 0; i < 2 * ROWS(periods); i++) {
        const struct mtlspin__period *period = mtlspin__rules_period(&table, &table.rules[i]);
        ck_assert(period->not_before == (i % 2 == 0 ? periods[i / 2].not_before : INT64_MIN));
        ck_assert(period->not_after == (i % 2 == 0 ? periods[i / 2].not_after : INT64_MAX));
    }
    mtlspin__rules_clear(&table);
}
END_TEST

/* There is no memory behind these periods: nothing may be written where no number is left. */
START_TEST(periods_that_cannot_be_numbered_are_refused)
{
    static const struct mtlspin__period period = { 1, 2 };
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    table.period_count = MTLSPIN__PERIODS_MAX;
    table.period_room = MTLSPIN__PERIODS_MAX + (size_t)1;
    ck_assert(!mtlspin__rules_add(&table, MTLSPIN_SPKI, rule_of(7, 7, 1), NULL, &period));
    ck_assert_uint_eq(table.count, 0);
    ck_assert_uint_eq(table.kinds[MTLSPIN_SPKI], 0);
    ck_assert(mtlspin__rules_add(&table, MTLSPIN_SPKI, rule_of(7, 7, 1), NULL, NULL));
    mtlspin__rules_clear(&table);
}
END_TEST

START_TEST(every_bit_of_a_rule_is_kept)
{
    struct mtlspin__rule rule;
    memset(&rule, 0, sizeof rule);
    rule.period = MTLSPIN__PERIODS_MAX;
    ck_assert(rule.period == MTLSPIN__PERIODS_MAX && rule.kind == 0 && !rule.spiffe);
    rule.kind = MTLSPIN__KINDS - 1;
    rule.period = 0;
    ck_assert(rule.period == 0 && rule.kind == MTLSPIN__KINDS - 1 && !rule.spiffe);
    rule.spiffe = true;
    ck_assert(rule.period == 0 && rule.kind == MTLSPIN__KINDS - 1 && rule.spiffe);
}
END_TEST

START_TEST(many_rules_are_all_found)
{
    enum { MANY = 5000 };
    struct mtlspin__rule_table table;
    char label[32];
    memset(&table, 0, sizeof table);
    for (uint32_t number = 1; number <= MANY; number++) {
        struct mtlspin__period period = { number, number };
        (void)snprintf(label, sizeof label, "label %u", number);
        ck_assert(mtlspin__rules_add(&table, scattered_kind(number), scattered(number), label,
            number % 2 == 0 ? &period : NULL));
    }
    ck_assert_uint_eq(seal(&table), 0);
    for (uint32_t number = 1; number <= MANY; number++) {
        struct mtlspin__rule key = scattered(number);
        size_t at = 0;
        const struct mtlspin__found same = mtlspin__rules_find(&table, scattered_kind(number), key.key);
        const struct mtlspin__rule *rules = same.rules;
        while (at < same.count && rules[at].line != number)
            at++;
        if (at == same.count)
            ck_abort_msg("rule %u is lost", number);
        (void)snprintf(label, sizeof label, "label %u", number);
        ck_assert_str_eq(mtlspin__rules_label(&table, &rules[at]), label);
        ck_assert(mtlspin__rules_period(&table, &rules[at])->not_after == (number % 2 == 0 ? (int64_t)number : INT64_MAX));
    }
    mtlspin__rules_clear(&table);
    ck_assert_uint_eq(table.count, 0);
}
END_TEST

/* Keys whose first bytes somebody has chosen, in numbers around those at which the table sorts and indexes otherwise. */
static const struct { size_t count, alike; } chosen[] = {
    { 1, 0 }, { 2, 0 }, { 7, 0 }, { 8, 0 }, { 9, 0 }, { 20, 0 }, { 21, 0 }, { 255, 0 }, { 256, 0 }, { 257, 0 }, { 4097, 0 },
    { 21, 1 }, { 300, 1 }, { 300, 2 }, { 300, 3 }, { 300, 4 }, { 300, 5 }, { 300, 6 }, { 3000, 7 }, { 3000, 29 },
};

static void
choose_key(struct mtlspin__rule *rule, size_t alike, uint32_t number)
{
    uint32_t mixed = number * UINT32_C(2654435761); /* odd, so that no two numbers give the same */
    memset(rule->key, 0xa5, sizeof rule->key);
    for (size_t i = 0; i < 3; i++)
        rule->key[alike + i] = (uint8_t)((alike > 0 ? number : mixed) >> (8 * i));
}

START_TEST(chosen_keys_are_all_found)
{
    struct mtlspin__rule_table table;
    size_t alike = chosen[_i].alike, found = 0;
    memset(&table, 0, sizeof table);
    for (uint32_t number = 1; number <= chosen[_i].count; number++) {
        struct mtlspin__rule rule = rule_of(0, 0, number);
        choose_key(&rule, alike, number);
        ck_assert(mtlspin__rules_add(&table, number % 2 == 0 ? MTLSPIN_SPKI : MTLSPIN_SERIAL, rule, NULL, NULL));
    }
    ck_assert_uint_eq(seal(&table), 0);
    for (uint32_t number = 1; number <= chosen[_i].count; number++) {
        struct mtlspin__rule key = rule_of(0, 0, 0);
        choose_key(&key, alike, number);
        enum mtlspin_kind kind = number % 2 == 0 ? MTLSPIN_SPKI : MTLSPIN_SERIAL;
        struct mtlspin__found one = mtlspin__rules_find(&table, kind, key.key);
        found += one.rules != NULL && one.rules->line == number && one.count == 1;
        kind = number % 2 == 0 ? MTLSPIN_SERIAL : MTLSPIN_SPKI;
        one = mtlspin__rules_find(&table, kind, key.key);
        ck_assert(one.rules == NULL && one.count == 0);
    }
    ck_assert_uint_eq(found, chosen[_i].count);
    mtlspin__rules_clear(&table);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rule_table");
    TCase *tcase = tcase_create("rule_table");
    tcase_add_test(tcase, an_empty_table_has_nothing);
    tcase_add_loop_test(tcase, other_kinds_are_not_taken, 0, ROWS(no_kinds));
    tcase_add_test(tcase, a_rule_is_found_by_kind_and_whole_key);
    tcase_add_test(tcase, rules_of_one_key_stand_in_the_order_of_lines);
    tcase_add_loop_test(tcase, a_repeated_rule_keeps_its_label, 0, ROWS(repetitions));
    tcase_add_test(tcase, of_two_repetitions_the_first_is_blamed);
    tcase_add_test(tcase, a_rule_without_more_holds_always_and_has_no_label);
    tcase_add_loop_test(tcase, the_last_byte_tells_rules_apart, 0, ROWS(crowds));
    tcase_add_test(tcase, one_key_may_stand_under_every_kind);
    tcase_add_test(tcase, a_table_that_is_not_sealed_has_nothing);
    tcase_add_test(tcase, neighbours_share_a_period);
    tcase_add_test(tcase, periods_that_cannot_be_numbered_are_refused);
    tcase_add_test(tcase, every_bit_of_a_rule_is_kept);
    tcase_add_test(tcase, many_rules_are_all_found);
    tcase_add_loop_test(tcase, chosen_keys_are_all_found, 0, ROWS(chosen));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
