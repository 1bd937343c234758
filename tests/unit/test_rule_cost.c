/* What the table of rules costs when somebody chooses the keys: counted in comparisons of keys, since times tell little.
   The table is compiled with this program's memcmp. */
#include "rows.h"
#include "rule_table.h"
#include "suite.h"
#include <string.h>

int counted_memcmp(const void *a, const void *b, size_t length);

static size_t comparisons;

int
counted_memcmp(const void *left, const void *right, size_t length)
{
    const unsigned char *a = left, *b = right;
    comparisons++;
    for (size_t i = 0; i < length; i++)
        if (a[i] != b[i])
            return a[i] - b[i];
    return 0;
}

enum { MANY = 4000, LOG2_OF_MANY = 12 };

static uint32_t
rising(uint32_t number)
{
    return number;
}

static uint32_t
falling(uint32_t number)
{
    return UINT32_MAX - number;
}

static uint32_t
shuffled(uint32_t number)
{
    return number * UINT32_C(2654435761); /* odd, so that no two numbers give the same */
}

static uint32_t
rising_and_falling(uint32_t number)
{
    return number < MANY / 2 ? 2 * number : 2 * (MANY - number) + 1;
}

/* All keys are alike but for four bytes that begin at `alike`: nearly the whole key, as many as the table sorts or indexes by,
   one less, none. */
static const struct {
    size_t alike;
    uint32_t (*number)(uint32_t);
} chosen[] = {
    { 28, rising }, { 28, falling }, { 28, shuffled }, { 28, rising_and_falling }, { 8, rising }, { 8, shuffled },
    { 4, rising }, { 4, falling }, { 4, shuffled }, { 4, rising_and_falling }, { 3, shuffled }, { 3, rising },
    { 2, shuffled }, { 2, rising }, { 1, rising }, { 1, shuffled }, { 0, rising }, { 0, falling }, { 0, shuffled },
};

static void
choose_key(uint8_t key[32], size_t alike, uint32_t number)
{
    memset(key, 0x5a, 32);
    for (size_t i = 0; i < 4; i++)
        key[alike + i] = (uint8_t)(number >> (24 - 8 * i));
}

static void
no_conflict(void *context, unsigned line, unsigned earlier)
{
    (void)context;
    ck_abort_msg("line %u contradicts line %u", line, earlier);
}

static void
make_table(struct mtlspin__rule_table *table, size_t alike, uint32_t (*number)(uint32_t))
{
    memset(table, 0, sizeof *table);
    for (uint32_t i = 0; i < MANY; i++) {
        struct mtlspin__rule rule;
        memset(&rule, 0, sizeof rule);
        choose_key(rule.key, alike, number(i));
        rule.line = i + 1;
        ck_assert(mtlspin__rules_add(table, MTLSPIN_SPKI, rule, NULL, NULL));
    }
}

/* Sorting compares each rule with a few for each doubling of their number; quadratic would be twenty times the limit. */
START_TEST(chosen_keys_do_not_make_loading_slow)
{
    struct mtlspin__rule_table table;
    make_table(&table, chosen[_i].alike, chosen[_i].number);
    comparisons = 0;
    ck_assert(mtlspin__rules_seal(&table, no_conflict, NULL));
    ck_assert_uint_lt(comparisons, 4 * MANY * LOG2_OF_MANY);
    ck_assert(chosen[_i].alike < 8 || comparisons > MANY); /* they are counted */
    mtlspin__rules_clear(&table);
}
END_TEST

/* The number of comparisons that a lookup takes, for a key that is there and for one beside it. */
static size_t
cost_of(const struct mtlspin__rule_table *table, const uint8_t key[32], bool there)
{
    comparisons = 0;
    struct mtlspin__found found = mtlspin__rules_find(table, MTLSPIN_SPKI, key);
    ck_assert_uint_eq(found.count, there ? 1 : 0);
    return comparisons;
}

START_TEST(chosen_keys_do_not_make_lookups_slow)
{
    struct mtlspin__rule_table table;
    size_t most = 0;
    make_table(&table, chosen[_i].alike, chosen[_i].number);
    ck_assert(mtlspin__rules_seal(&table, no_conflict, NULL));
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t key[32];
        choose_key(key, chosen[_i].alike, chosen[_i].number(i));
        size_t cost = cost_of(&table, key, true);
        key[chosen[_i].alike == 0 ? 31 : 0] ^= 1;
        size_t other = cost_of(&table, key, false);
        most = cost > most ? cost : most;
        most = other > most ? other : most;
    }
    ck_assert_uint_gt(most, 0);
    ck_assert_uint_le(most, LOG2_OF_MANY + 3); /* it is one of those found, and the one behind it is not */
    mtlspin__rules_clear(&table);
}
END_TEST

/* The same key in all rules: sorted by their lines. */
START_TEST(equal_keys_do_not_make_loading_slow)
{
    struct mtlspin__rule_table table;
    memset(&table, 0, sizeof table);
    for (uint32_t i = 0; i < MANY; i++) {
        struct mtlspin__rule rule;
        memset(&rule, 0, sizeof rule);
        rule.line = chosen[_i].number(i) & 0x7fffffff;
        ck_assert(mtlspin__rules_add(&table, MTLSPIN_SPKI, rule, NULL, NULL));
    }
    comparisons = 0;
    ck_assert(mtlspin__rules_seal(&table, no_conflict, NULL));
    ck_assert_uint_lt(comparisons, 4 * MANY * LOG2_OF_MANY);
    for (size_t i = 1; i < table.count; i++)
        ck_assert(table.rules[i - 1].line <= table.rules[i].line);
    mtlspin__rules_clear(&table);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rule_cost");
    TCase *tcase = tcase_create("rule_cost");
    tcase_add_loop_test(tcase, chosen_keys_do_not_make_loading_slow, 0, ROWS(chosen));
    tcase_add_loop_test(tcase, chosen_keys_do_not_make_lookups_slow, 0, ROWS(chosen));
    tcase_add_loop_test(tcase, equal_keys_do_not_make_loading_slow, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
