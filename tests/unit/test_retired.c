/* Policies that are not in force any more: kept until nobody else has them. */
#include "retired.h"
#include "suite.h"
#include <stdlib.h>

/* The linker puts it in place of the C library's. */
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool no_memory;

void *
__wrap_realloc(void *old, size_t size)
{
    return no_memory ? NULL : __real_realloc(old, size);
}

enum { POLICIES = 3 };

static struct mtlspin__retired retired;
static struct mtlspin_policy *policies[POLICIES];

static void
retire(void)
{
    for (size_t i = 0; i < POLICIES; i++) {
        policies[i] = mtlspin__policy_new();
        ck_assert_ptr_nonnull(policies[i]);
        ck_assert(mtlspin__retired_add(&retired, policies[i]));
    }
}

START_TEST(is_taken_once_nobody_else_has_it)
{
    retire();
    for (size_t i = 0; i < POLICIES; i++)
        (void)mtlspin_policy_ref(policies[i]);
    ck_assert_ptr_null(mtlspin__retired_take(&retired));
    ck_assert_uint_eq(retired.count, POLICIES);
    mtlspin_policy_unref(policies[_i]);
    ck_assert_ptr_eq(mtlspin__retired_take(&retired), policies[_i]);
    ck_assert_ptr_null(mtlspin__retired_take(&retired));
    ck_assert_uint_eq(retired.count, POLICIES - 1);
    for (size_t i = 0; i < POLICIES; i++)
        mtlspin_policy_unref(policies[i]);
    mtlspin__retired_clear(&retired);
}
END_TEST

START_TEST(all_are_taken_if_nobody_has_them)
{
    retire();
    for (size_t i = 0; i < POLICIES; i++) {
        struct mtlspin_policy *taken = mtlspin__retired_take(&retired);
        ck_assert_ptr_nonnull(taken);
        mtlspin_policy_unref(taken);
    }
    ck_assert_ptr_null(mtlspin__retired_take(&retired));
    mtlspin__retired_clear(&retired);
}
END_TEST

START_TEST(clearing_leaves_other_references_alone)
{
    retire();
    (void)mtlspin_policy_ref(policies[0]);
    mtlspin__retired_clear(&retired);
    ck_assert_uint_eq(retired.count, 0);
    ck_assert_uint_eq(atomic_load(&policies[0]->references), 1);
    mtlspin_policy_unref(policies[0]);
}
END_TEST

START_TEST(without_memory_the_reference_stays_the_callers)
{
    retire();
    struct mtlspin_policy *policy = mtlspin__policy_new();
    ck_assert_ptr_nonnull(policy);
    no_memory = true;
    bool added = mtlspin__retired_add(&retired, policy);
    no_memory = false;
    ck_assert(!added);
    ck_assert_uint_eq(retired.count, POLICIES);
    ck_assert_uint_eq(atomic_load(&policy->references), 1);
    mtlspin_policy_unref(policy);
    mtlspin__retired_clear(&retired);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("retired");
    TCase *tcase = tcase_create("retired");
    tcase_add_loop_test(tcase, is_taken_once_nobody_else_has_it, 0, POLICIES);
    tcase_add_test(tcase, all_are_taken_if_nobody_has_them);
    tcase_add_test(tcase, clearing_leaves_other_references_alone);
    tcase_add_test(tcase, without_memory_the_reference_stays_the_callers);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
