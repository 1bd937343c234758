/* The watch: every way in which files change, and what must not wake it. */
#include "folder.h"
#include "suite.h"
#include "watch_due.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mtlspin/mtlspin.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLICY "conf/clients.policy"
#define BEFORE "ca ca.pem\nca more\nallow spki @spki:alice@ before\n"
#define AFTER "ca ca.pem\nca more\nallow spki @spki:alice@ before\nallow spki @spki:kiosk@ after\n"

enum way { INOTIFY, BY_HAND, TIMER, WAYS }; /* what wakes us up; the timer takes its time, and gets fewer tests */

static int wakeups;

static int64_t
clock_ms(void)
{
    struct timespec now;
    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct mtlspin_policy *
load(const char *path)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    ck_assert_msg(policy != NULL, "%s", mtlspin_error_format(&error, line, sizeof line));
    return policy;
}

static struct mtlspin_verifier *
verifier_of(const char *path)
{
    struct mtlspin_policy *policy = load(path);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, NULL);
    ck_assert_ptr_nonnull(verifier);
    mtlspin_policy_unref(policy);
    return verifier;
}

static void
set_file(struct mtlspin_verifier *verifier, const char *path)
{
    struct mtlspin_policy *policy = load(path);
    ck_assert_int_eq(mtlspin_verifier_set_policy(verifier, policy, NULL), MTLSPIN_OK);
    mtlspin_policy_unref(policy);
}

static int
open_watch(struct mtlspin_verifier *verifier, enum way way)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    if (way == BY_HAND)
        return -1;
    int fd = mtlspin__watch_open(verifier, way == INOTIFY, &error);
    ck_assert_msg(fd >= 0, "%s", error.message);
    return fd;
}

/* Waits as a program does, for so many milliseconds; 1 as soon as it is due. */
static int
wait_due(struct mtlspin_verifier *verifier, int fd, int milliseconds)
{
    int64_t end = clock_ms() + milliseconds;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    wakeups = 0;
    for (int64_t left = milliseconds; left > 0; left = end - clock_ms()) {
        struct pollfd one = { fd, POLLIN, 0 };
        int ready = poll(&one, 1, fd < 0 ? (left < 30 ? (int)left : 30) : (int)left);
        if (fd >= 0 && ready == 0)
            break;
        wakeups++;
        int due = mtlspin_verifier_watch_due(verifier, &error);
        ck_assert_msg(due >= 0, "%s", error.message);
        if (due == 1)
            return 1;
    }
    return 0;
}

static void
must_be_due(struct mtlspin_verifier *verifier, int fd)
{
    ck_assert_int_eq(wait_due(verifier, fd, 8000), 1);
}

static void
must_rest(struct mtlspin_verifier *verifier, int fd, int milliseconds)
{
    ck_assert_int_eq(wait_due(verifier, fd, milliseconds), 0);
    if (fd >= 0)
        ck_assert_int_le(wakeups, 4 + milliseconds / 1000);
}

static void
must_reload(struct mtlspin_verifier *verifier)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_msg(mtlspin_verifier_reload(verifier, &error) == MTLSPIN_OK, "%s",
        mtlspin_error_format(&error, line, sizeof line));
}

/* What is in force is what the files say. */
static void
must_be_current(struct mtlspin_verifier *verifier, const char *path)
{
    uint8_t digests[2][32];
    struct mtlspin_policy *policies[2] = { mtlspin_verifier_policy(verifier), load(path) };
    for (size_t i = 0; i < 2; i++) {
        mtlspin_policy_digest(policies[i], digests[i]);
        mtlspin_policy_unref(policies[i]);
    }
    ck_assert_mem_eq(digests[0], digests[1], 32);
}

static void
plain_tree(void)
{
    folder_clean();
    folder_make("conf");
    folder_make("conf/more");
    folder_certificate("root-ca", "conf/ca.pem");
    folder_certificate("partner-ca", "conf/more/partner.pem");
    folder_put(POLICY, BEFORE);
}

/* conf/…: symlinks through conf/..data into a directory of one version. */
static void
swapped_tree(void)
{
    folder_clean();
    folder_make("conf");
    folder_make("conf/..1");
    folder_certificate("root-ca", "conf/..1/ca.pem");
    folder_put("conf/..1/clients.policy", "ca ca.pem\nallow spki @spki:alice@ before\n");
    folder_link("..1", "conf/..data");
    folder_link("..data/ca.pem", "conf/ca.pem");
    folder_link("..data/clients.policy", POLICY);
}

static void
linked_tree(void)
{
    char here[512], target[600];
    plain_tree();
    folder_make("elsewhere");
    folder_move(POLICY, "elsewhere/real");
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    (void)snprintf(target, sizeof target, "%s/elsewhere/../elsewhere/real", here);
    folder_link(target, POLICY);
}

static void in_place(void) { folder_put(POLICY, AFTER); }
static void in_halves(void) { folder_put_slowly(POLICY, AFTER, 100); }
static void renamed_over(void) { folder_put_over(POLICY, AFTER); }
static void same_size(void) { folder_put(POLICY, "ca ca.pem\nca more\nallow spki @spki:alice@ BEFORE\n"); }
static void ca_added(void) { folder_certificate("other-ca", "conf/more/other.pem"); }
static void ca_in_place(void) { folder_certificate("other-ca", "conf/ca.pem"); }
static void ca_replaced(void) { folder_certificate_over("other-ca", "conf/ca.pem"); }
static void linked_in_place(void) { folder_put("elsewhere/real", AFTER); }

static void
ca_removed(void)
{
    folder_certificate("other-ca", "conf/more/other.pem");
    folder_remove("conf/more/partner.pem");
}

static void
made_anew(void)
{
    folder_remove(POLICY);
    folder_pause(50);
    folder_put(POLICY, AFTER);
}

static void
next_version(const char *name)
{
    char path[256];
    folder_make(name);
    (void)snprintf(path, sizeof path, "%s/ca.pem", name);
    folder_certificate("other-ca", path);
    (void)snprintf(path, sizeof path, "%s/clients.policy", name);
    folder_put(path, "ca ca.pem\nallow spki @spki:alice@ after\n");
}

static void
directory_exchanged(void)
{
    next_version("conf.new");
    folder_move("conf", "conf.old");
    folder_move("conf.new", "conf");
}

static void
symlink_swapped(void)
{
    next_version("conf/..2");
    folder_link("..2", "conf/..data");
    folder_remove("conf/..1/ca.pem");
    folder_remove("conf/..1/clients.policy");
    ck_assert_int_eq(rmdir("conf/..1"), 0);
}

static void
link_replaced(void)
{
    folder_put("elsewhere/second", AFTER);
    folder_link("../elsewhere/second", POLICY);
}

static const struct {
    const char *name;
    void (*before)(void), (*change)(void);
} changes[] = {
    { "in place", plain_tree, in_place },
    { "in place, in two halves", plain_tree, in_halves },
    { "in place, of the same size", plain_tree, same_size },
    { "renamed over", plain_tree, renamed_over },
    { "removed and made anew", plain_tree, made_anew },
    { "a CA added to a directory", plain_tree, ca_added },
    { "a CA removed from a directory", plain_tree, ca_removed },
    { "a CA written in place", plain_tree, ca_in_place },
    { "a CA renamed over", plain_tree, ca_replaced },
    { "the directory exchanged", plain_tree, directory_exchanged },
    { "a symlink to the directory swapped", swapped_tree, symlink_swapped },
    { "behind a symlink, in place", linked_tree, linked_in_place },
    { "a symlink to the file replaced", linked_tree, link_replaced },
};
enum { CHANGES = sizeof changes / sizeof *changes };

/* Twice: the watch must listen in the right places after a reload, too. */
START_TEST(every_change_is_seen)
{
    enum way way = (enum way)(_i / CHANGES);
    changes[_i % CHANGES].before();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, way);
    must_rest(verifier, fd, 300);
    int64_t begun = clock_ms();
    changes[_i % CHANGES].change();
    must_be_due(verifier, fd);
    ck_assert_int_ge(clock_ms() - begun, 200);
    must_reload(verifier);
    must_be_current(verifier, POLICY);
    must_rest(verifier, fd, 300);
    folder_put(POLICY, "ca ca.pem\nallow spki @spki:build-agent@ again\n");
    must_be_due(verifier, fd);
    must_reload(verifier);
    ck_assert_uint_eq(mtlspin_verifier_generation(verifier), 3);
    must_be_current(verifier, POLICY);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* What inotify tells comes at once, not with the next look of the timer. */
START_TEST(inotify_is_quick)
{
    changes[_i].before();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, INOTIFY), quick = 0;
    must_rest(verifier, fd, 300);
    for (int i = 0; i < 3 && quick == 0; i++) { /* one is enough: the machine may be busy, or the timer due */
        if (i > 0)
            changes[_i].before();
        must_reload(verifier);
        must_rest(verifier, fd, 300);
        int64_t begun = clock_ms();
        changes[_i].change();
        must_be_due(verifier, fd);
        quick += clock_ms() - begun < 800;
    }
    ck_assert_msg(quick > 0, "%s is slow", changes[_i].name);
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(nothing_happens)
{
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)_i);
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
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, INOTIFY), sum = 0;
    must_rest(verifier, fd, 100);
    for (int i = 0; i < 200; i++) {
        folder_put("conf/log", "x\n");
        ck_assert_int_eq(wait_due(verifier, fd, 5), 0);
        sum += wakeups;
    }
    ck_assert_int_le(sum, 20); /* of 600 events and more */
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(not_before_the_files_rest)
{
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)_i);
    for (int i = 0; i < 10; i++) {
        folder_put_slowly(POLICY, AFTER, 5);
        ck_assert_int_eq(wait_due(verifier, fd, 80), 0);
    }
    must_be_due(verifier, fd);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* The first half alone would be a whole policy. */
START_TEST(half_a_file_is_not_taken)
{
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)_i);
    must_rest(verifier, fd, 100);
    folder_put(POLICY, "ca ca.pem\n");
    ck_assert_int_eq(wait_due(verifier, fd, 120), 0);
    folder_put(POLICY, AFTER);
    ck_assert_int_eq(wait_due(verifier, fd, 120), 0);
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
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)(_i / 2));
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
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)_i);
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
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)(_i / 2));
    if (_i % 2 == 0)
        folder_put(POLICY, "ca late.pem\nallow spki @spki:alice@ alice\n");
    else
        folder_remove(POLICY);
    must_be_due(verifier, fd);
    for (int64_t end = clock_ms() + 4000; clock_ms() < end;) {
        ck_assert_int_eq(mtlspin_verifier_reload(verifier, &error), MTLSPIN_ERR_FILE);
        tries++;
        if (wait_due(verifier, fd, (int)(end - clock_ms())) == 0)
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
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)_i);
    must_rest(verifier, fd, 100);
    in_place();
    must_reload(verifier);
    must_rest(verifier, fd, 600);
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(the_watch_follows_the_policy_in_force)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    static const char text[] = "chain none\n";
    plain_tree();
    folder_make("other");
    folder_put("other/policy", "chain none\nallow spki @spki:alice@ alice\n");
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)_i);
    must_rest(verifier, fd, 100);
    set_file(verifier, "other/policy");
    must_rest(verifier, fd, 100);
    in_place(); /* the old files do not matter any more */
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
    set_file(verifier, POLICY);
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
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int fd = open_watch(verifier, (enum way)_i);
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
    in_place();
    must_be_due(verifier, fd);
    mtlspin_verifier_unref(verifier);
}
END_TEST

enum { MOST = 1024 };

/* How many are open, and which; those that are not in `known` must be closed on exec. */
static int
descriptors(bool open[MOST], const bool known[MOST])
{
    int count = 0;
    memset(open, 0, MOST * sizeof *open);
    DIR *stream = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(stream))
            continue;
        count++;
        ck_assert_int_lt(fd, MOST);
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
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int before = descriptors(known, NULL), fd = open_watch(verifier, INOTIFY);
    must_rest(verifier, fd, 50);
    ck_assert_int_eq(descriptors(open, known), before + 3);
    for (int i = 0; i < 20; i++) {
        folder_put(POLICY, i % 2 == 0 ? AFTER : BEFORE);
        (void)wait_due(verifier, fd, 1000);
        must_reload(verifier);
        (void)wait_due(verifier, fd, 10);
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
    plain_tree();
    struct mtlspin_verifier *verifier = verifier_of(POLICY);
    int before = descriptors(known, NULL), next = dup(0);
    (void)close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    for (int room = 0; room < 2; room++) { /* 0: nothing at all, 1: epoll, but no timer */
        none.rlim_cur = (rlim_t)(next + room);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        int fd = mtlspin_verifier_watch_fd(verifier, &error);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        ck_assert_int_eq(fd, -1);
        ck_assert_int_eq(error.code, MTLSPIN_ERR_FILE);
        ck_assert_int_eq(descriptors(open, known), before);
    }
    int fd = mtlspin_verifier_watch_fd(verifier, &error);
    ck_assert_int_ge(fd, 0);
    none.rlim_cur = (rlim_t)(next + 2); /* none for inotify */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    must_rest(verifier, fd, 100);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    in_place();
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
    tcase_add_loop_test(all, every_change_is_seen, 0, CHANGES * TIMER + 4);
    tcase_add_loop_test(all, inotify_is_quick, 0, CHANGES);
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
