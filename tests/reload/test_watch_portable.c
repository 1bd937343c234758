/* The watch on a system that has neither epoll nor inotify: lib/wakeup.c is compiled as for one. */
#include "folder.h"
#include <mtlspin/mtlspin.h>

START_TEST(a_timer_of_the_program)
{
    int due = 0;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    folder_clean();
    folder_put("policy", "chain none\n");
    struct mtlspin_policy *policy = mtlspin_policy_load("policy", NULL);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, NULL);
    ck_assert_ptr_nonnull(verifier);
    mtlspin_policy_unref(policy);
    ck_assert_int_eq(mtlspin_verifier_watch_fd(verifier, &error), -1);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_STATE);
    ck_assert_str_eq(error.message,
        "no descriptor for that on this system; call mtlspin_verifier_watch_due by a timer");
    ck_assert_int_eq(mtlspin_verifier_watch_due(verifier, &error), 0);
    ck_assert_int_eq(error.code, MTLSPIN_OK);
    folder_put_over("policy", "chain none\nallow spki @spki:alice@ alice\n");
    for (int i = 0; i < 100 && due == 0; i++) {
        due = mtlspin_verifier_watch_due(verifier, &error);
        folder_pause(20);
    }
    ck_assert_int_eq(due, 1);
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, NULL), MTLSPIN_OK);
    folder_pause(250);
    ck_assert_int_eq(mtlspin_verifier_watch_due(verifier, &error), 0);
    mtlspin_verifier_unref(verifier);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("watch-portable");
    TCase *all = tcase_create("watch-portable");
    tcase_add_test(all, a_timer_of_the_program);
    suite_add_tcase(suite, all);
    return folder_run(suite);
}
