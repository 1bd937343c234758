/* The watch: what must not wake it, mistakes that are mended, other processes, descriptors. */
#include "folder.h"
#include "watcher.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(nothing_happens)
{
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)_i);
    must_rest(verifier, fd, 2500);
    ck_assert_uint_eq(mtlspin_verifier_generation(verifier), 1);
    if (fd >= 0)
        ck_assert_int_eq(mtlspin_verifier_watch_fd(verifier, NULL), fd);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* Other files in the same directory. */
START_TEST(noise)
{
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, INOTIFY), sum = 0;
    must_rest(verifier, fd, 100);
    for (int i = 0; i < 200; i++) {
        folder_put("conf/log", "x\n");
        ck_assert_int_eq(watcher_wait(verifier, fd, 5), 0);
        sum += watcher_wakeups;
    }
    ck_assert_int_le(sum, 20); /* of 600 events and more */
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(not_before_the_files_rest)
{
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)_i);
    for (int i = 0; i < 10; i++) {
        folder_put_slowly(POLICY, AFTER, 5);
        ck_assert_int_eq(watcher_wait(verifier, fd, 80), 0);
    }
    must_be_due(verifier, fd);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* The first half alone would be a whole policy. */
START_TEST(half_a_file_is_not_taken)
{
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)_i);
    must_rest(verifier, fd, 100);
    folder_put(POLICY, "ca ca.pem\n");
    ck_assert_int_eq(watcher_wait(verifier, fd, 120), 0);
    folder_put(POLICY, AFTER);
    ck_assert_int_eq(watcher_wait(verifier, fd, 120), 0);
    must_be_due(verifier, fd);
    must_reload(verifier);
    must_be_current(verifier, POLICY);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* Not loaded again in vain, but when the mistake is mended; also by the very file that was there before. */
START_TEST(a_mistake_is_mended)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)(_i / 2));
    folder_move(POLICY, "kept");
    folder_put(POLICY, "ca ca.pem\nalow any\n");
    must_be_due(verifier, fd);
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, &error), MTLSPIN_ERR_SYNTAX);
    ck_assert_uint_eq(error.line, 2);
    must_rest(verifier, fd, 2500);
    if (_i % 2 == 0)
        folder_put(POLICY, AFTER);
    else
        folder_move("kept", POLICY);
    must_be_due(verifier, fd);
    must_reload(verifier);
    ck_assert_uint_eq(mtlspin_verifier_generation(verifier), 2);
    must_be_current(verifier, POLICY);
    must_rest(verifier, fd, 300);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* A mistake in another file than the policy. */
START_TEST(a_broken_ca_is_mended)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)_i);
    folder_put("conf/new.pem", "no certificate\n");
    folder_put(POLICY, "ca new.pem\nallow spki @spki:alice@ alice\n");
    must_be_due(verifier, fd);
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, &error), MTLSPIN_ERR_CERTIFICATE);
    must_rest(verifier, fd, 1500);
    folder_certificate("root-ca", "conf/new.pem"); /* which no policy in force names */
    must_be_due(verifier, fd);
    must_reload(verifier);
    must_be_current(verifier, POLICY);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* A file that is not there yet: tried again after one second and after two more, and found when it comes. */
START_TEST(a_missing_file_is_waited_for)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    int tries = 0;
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)(_i / 2));
    if (_i % 2 == 0)
        folder_put(POLICY, "ca late.pem\nallow spki @spki:alice@ alice\n");
    else
        folder_remove(POLICY);
    must_be_due(verifier, fd);
    for (int64_t end = watcher_clock() + 4000; watcher_clock() < end;) {
        ck_assert_int_eq(mtlspin_verifier_reload(verifier, &error), MTLSPIN_ERR_FILE);
        tries++;
        if (watcher_wait(verifier, fd, (int)(end - watcher_clock())) == 0)
            break;
    }
    ck_assert_int_ge(tries, 2);
    ck_assert_int_le(tries, 3);
    ck_assert_uint_eq(mtlspin_verifier_generation(verifier), 1);
    folder_certificate("root-ca", "conf/late.pem");
    folder_put(POLICY, "ca late.pem\nallow spki @spki:alice@ alice\n");
    must_be_due(verifier, fd);
    must_reload(verifier);
    must_be_current(verifier, POLICY);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* A reload that nobody told the watch about. */
START_TEST(other_reloads)
{
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)_i);
    must_rest(verifier, fd, 100);
    folder_put(POLICY, AFTER);
    must_reload(verifier);
    must_rest(verifier, fd, 600);
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(the_watch_follows_the_policy_in_force)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    static const char text[] = "chain none\n";
    watcher_tree();
    folder_make("other");
    folder_put("other/policy", "chain none\nallow spki @spki:alice@ alice\n");
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)_i);
    must_rest(verifier, fd, 100);
    watcher_set_file(verifier, "other/policy");
    must_rest(verifier, fd, 100);
    folder_put(POLICY, AFTER); /* the old files do not matter any more */
    must_rest(verifier, fd, 600);
    folder_put("other/policy", "chain none\nallow spki @spki:kiosk@ kiosk\n");
    must_be_due(verifier, fd);
    must_reload(verifier);
    must_be_current(verifier, "other/policy");
    struct mtlspin_policy *memory = mtlspin_policy_parse(text, strlen(text), NULL, NULL);
    ck_assert_int_eq(mtlspin_verifier_set_policy(verifier, memory, NULL), MTLSPIN_OK);
    mtlspin_policy_unref(memory);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(mtlspin_verifier_watch_due(verifier, &error), -1);
        ck_assert_int_eq(error.code, MTLSPIN_ERR_STATE);
    }
    if (fd >= 0)
        ck_assert_int_eq(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 2500), 0);
    watcher_set_file(verifier, POLICY);
    must_rest(verifier, fd, 100);
    folder_put(POLICY, BEFORE);
    must_be_due(verifier, fd);
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(nothing_to_watch)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_parse("chain none\n", 11, NULL, NULL);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, NULL);
    mtlspin_policy_unref(policy);
    ck_assert_int_eq(mtlspin_verifier_watch_fd(verifier, &error), -1);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_STATE);
    ck_assert_int_eq(mtlspin_verifier_watch_due(verifier, NULL), -1);
    ck_assert_int_eq(mtlspin_verifier_watch_due(NULL, &error), -1);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_verifier_watch_fd(NULL, &error), -1);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(another_process_is_refused)
{
    int status = 0;
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, (enum way)_i);
    must_rest(verifier, fd, 100);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct mtlspin_error error[2] = { MTLSPIN_ERROR_INIT, MTLSPIN_ERROR_INIT };
        bool refused = mtlspin_verifier_watch_due(verifier, &error[0]) == -1 && error[0].code == MTLSPIN_ERR_STATE
            && mtlspin_verifier_watch_fd(verifier, &error[1]) == -1 && error[1].code == MTLSPIN_ERR_STATE;
        bool reloads = mtlspin_verifier_reload(verifier, NULL) == MTLSPIN_OK;
        mtlspin_verifier_unref(verifier);
        _exit(refused && reloads ? 17 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 17);
    must_rest(verifier, fd, 300);
    folder_put(POLICY, AFTER);
    must_be_due(verifier, fd);
    mtlspin_verifier_unref(verifier);
}
END_TEST

enum { MOST = 1024 };

/* How many are open, and which; those that are not in `known` must be closed on exec. New ones are low: what stands higher up
   belongs to valgrind. */
static int
descriptors(bool open[MOST], const bool known[MOST])
{
    int count = 0;
    memset(open, 0, MOST * sizeof *open);
    DIR *stream = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(stream) || fd >= MOST)
            continue;
        count++;
        open[fd] = true;
        if (known != NULL && !known[fd])
            ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    }
    (void)closedir(stream);
    return count;
}

START_TEST(no_descriptor_is_lost)
{
    bool known[MOST], open[MOST];
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int before = descriptors(known, NULL), fd = watcher_open(verifier, INOTIFY);
    must_rest(verifier, fd, 50);
    ck_assert_int_eq(descriptors(open, known), before + 3);
    for (int i = 0; i < 20; i++) {
        folder_put(POLICY, i % 2 == 0 ? AFTER : BEFORE);
        (void)watcher_wait(verifier, fd, 1000);
        must_reload(verifier);
        (void)watcher_wait(verifier, fd, 10);
    }
    ck_assert_int_eq(descriptors(open, known), before + 3);
    mtlspin_verifier_unref(verifier);
    ck_assert_int_eq(descriptors(open, known), before);
}
END_TEST

START_TEST(no_descriptor_is_left)
{
    bool known[MOST], open[MOST];
    struct rlimit limit, none;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int before = descriptors(known, NULL), next = dup(0);
    (void)close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    for (int room = 0; room < 2; room++) { /* 0: nothing at all, 1: epoll, but no timer */
        none.rlim_cur = (rlim_t)next + (rlim_t)room;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        int fd = mtlspin_verifier_watch_fd(verifier, &error);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        ck_assert_int_eq(fd, -1);
        ck_assert_int_eq(error.code, MTLSPIN_ERR_FILE);
        ck_assert_int_eq(descriptors(open, known), before);
    }
    int fd = mtlspin_verifier_watch_fd(verifier, &error);
    ck_assert_int_ge(fd, 0);
    none.rlim_cur = (rlim_t)next + 2; /* none for inotify */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    must_rest(verifier, fd, 100);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    folder_put(POLICY, AFTER);
    must_be_due(verifier, fd);
    mtlspin_verifier_unref(verifier);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("watch");
    TCase *all = tcase_create("watch");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, nothing_happens, 0, WAYS);
    tcase_add_test(all, noise);
    tcase_add_loop_test(all, not_before_the_files_rest, 0, WAYS);
    tcase_add_loop_test(all, half_a_file_is_not_taken, 0, WAYS);
    tcase_add_loop_test(all, a_mistake_is_mended, 0, 2 * TIMER + 1);
    tcase_add_loop_test(all, a_broken_ca_is_mended, 0, WAYS);
    tcase_add_loop_test(all, a_missing_file_is_waited_for, 0, 2);
    tcase_add_loop_test(all, other_reloads, 0, WAYS);
    tcase_add_loop_test(all, the_watch_follows_the_policy_in_force, 0, WAYS);
    tcase_add_test(all, nothing_to_watch);
    tcase_add_loop_test(all, another_process_is_refused, 0, WAYS);
    tcase_add_test(all, no_descriptor_is_lost);
    tcase_add_test(all, no_descriptor_is_left);
    suite_add_tcase(suite, all);
    return folder_run(suite);
}
