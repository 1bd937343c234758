/* Reloads while the files are exchanged, and from any thread. */
#include "folder.h"
#include "policy.h"
#include "watcher.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Two whole configurations, of which one is in force at a time. */

enum { FILES = 4, MOST_PAUSE = 60 };

static atomic_bool stop;
static int most_pause; /* milliseconds between swaps; 0 = none at all */

static void
version_of(const char *folder, const char *ca, const char *label)
{
    char path[64], text[256];
    folder_make(folder);
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof path, "%s/ca%d.pem", folder, i);
        folder_certificate(ca, path);
    }
    (void)snprintf(path, sizeof path, "%s/policy", folder);
    (void)snprintf(text, sizeof text,
        "ca ca0.pem\nallow any %s\n[b]\nca ca1.pem\nallow any\n[c]\nca ca2.pem\nallow any\n[d]\nca ca3.pem\nallow any\n",
        label);
    folder_put(path, text);
}

/* Check's assertions are for the main thread. */
static void *
swap(void *user) /* returned if something goes wrong */
{
    unsigned random = 12345;
    for (int i = 0; !atomic_load(&stop); i++) {
        if (symlink(i % 2 == 0 ? "two" : "one", "next") != 0 || rename("next", "..data") != 0)
            return user;
        random = random * 1103515245U + 12345U;
        if (most_pause > 0)
            folder_pause((int)((random >> 16) % (unsigned)most_pause));
    }
    return NULL;
}

static void
digest_of(const char *path, uint8_t digest[32])
{
    struct mtlspin_policy *policy = mtlspin_policy_load(path, NULL);
    ck_assert_ptr_nonnull(policy);
    mtlspin_policy_digest(policy, digest);
    mtlspin_policy_unref(policy);
}

static void
swapped_tree(void)
{
    char name[32], target[32];
    folder_clean();
    version_of("one", "root-ca", "one");
    version_of("two", "partner-ca", "two");
    folder_link("one", "..data");
    folder_link("..data/policy", "policy");
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(name, sizeof name, "ca%d.pem", i);
        (void)snprintf(target, sizeof target, "..data/ca%d.pem", i);
        folder_link(target, name);
    }
}

/* What is in force, as 0 or 1; the test fails if it is a mixture. */
static int
version_in_force(struct mtlspin_verifier *verifier, uint8_t digests[2][32])
{
    uint8_t digest[32];
    struct mtlspin_policy *policy = mtlspin_verifier_policy(verifier);
    mtlspin_policy_digest(policy, digest);
    mtlspin_policy_unref(policy);
    int which = memcmp(digest, digests[0], 32) == 0 ? 0 : 1;
    ck_assert_mem_eq(digest, digests[which], 32);
    return which;
}

START_TEST(never_a_mixture)
{
    uint8_t digests[2][32];
    void *trouble = NULL;
    int seen[2] = { 0, 0 }, failed = 0;
    pthread_t swapper;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    swapped_tree();
    struct mtlspin_verifier *verifier = watcher_verifier("policy");
    digest_of("one/policy", digests[0]);
    digest_of("two/policy", digests[1]);
    ck_assert_mem_ne(digests[0], digests[1], 32);
    most_pause = _i == 0 ? MOST_PAUSE : _i == 1 ? 2 : 0;
    atomic_store(&stop, false);
    ck_assert_int_eq(pthread_create(&swapper, NULL, swap, &stop), 0);
    for (int i = 0; i < (_i == 0 ? 150 : 40); i++) {
        if (mtlspin_verifier_reload(verifier, &error) != MTLSPIN_OK) {
            ck_assert_ptr_nonnull(strstr(error.message, "its files change while they are read"));
            failed++;
        }
        seen[version_in_force(verifier, digests)]++;
    }
    atomic_store(&stop, true);
    ck_assert_int_eq(pthread_join(swapper, &trouble), 0);
    ck_assert_ptr_null(trouble);
    if (_i == 0) { /* or it would not have been tried */
        ck_assert_int_gt(seen[0], 10);
        ck_assert_int_gt(seen[1], 10);
        ck_assert_int_lt(failed, 75);
    }
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, NULL), MTLSPIN_OK);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* Many threads. */

enum { THREADS = 4, RELOADS = 25 };

static atomic_int done, reported, looks;

static void
count(const struct mtlspin_event *event, void *user)
{
    (void)user;
    if (event->kind == MTLSPIN_EVENT_RELOAD && event->error->code == MTLSPIN_OK)
        atomic_fetch_add(&reported, 1);
}

static void *
reload_often(void *user)
{
    for (int i = 0; i < RELOADS; i++)
        if (mtlspin_verifier_reload(user, NULL) == MTLSPIN_OK)
            atomic_fetch_add(&done, 1);
    return NULL;
}

static void *
look_often(void *user)
{
    while (!atomic_load(&stop)) {
        if (mtlspin_verifier_watch_fd(user, NULL) >= 0 && mtlspin_verifier_watch_due(user, NULL) == 0)
            atomic_fetch_add(&looks, 1);
        folder_pause(1);
    }
    return NULL;
}

START_TEST(reloads_from_several_threads)
{
    pthread_t threads[THREADS], watcher;
    watcher_tree();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    ck_assert_int_eq(mtlspin_verifier_set_audit(verifier, count, NULL, NULL), MTLSPIN_OK);
    atomic_store(&stop, false);
    atomic_store(&done, 0);
    atomic_store(&reported, 0);
    atomic_store(&looks, 0);
    ck_assert_int_eq(pthread_create(&watcher, NULL, look_often, verifier), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reload_often, verifier), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    atomic_store(&stop, true);
    ck_assert_int_eq(pthread_join(watcher, NULL), 0);
    ck_assert_int_gt(atomic_load(&looks), 0);
    ck_assert_int_eq(atomic_load(&done), THREADS * RELOADS);
    ck_assert_int_eq(atomic_load(&reported), THREADS * RELOADS);
    ck_assert_uint_eq(mtlspin_verifier_generation(verifier), THREADS * RELOADS + 1);
    must_be_current(verifier, POLICY);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* A policy that is set while a reload is reading files is newer than what the reload brings. */

enum { TRIES = 100, LATECOMERS = 3 };

static atomic_int too_late;

static void
count_too_late(const struct mtlspin_event *event, void *user)
{
    (void)user;
    if (event->kind == MTLSPIN_EVENT_RELOAD && event->error->code == MTLSPIN_ERR_STATE)
        atomic_fetch_add(&too_late, 1);
}

struct attempt {
    struct mtlspin_verifier *verifier;
    enum mtlspin_status status;
    atomic_bool over;
};

static void *
reload_once(void *user)
{
    struct attempt *attempt = user;
    attempt->status = mtlspin_verifier_reload(attempt->verifier, NULL);
    atomic_store(&attempt->over, true);
    return NULL;
}

/* Files that were written just now keep the reload waiting. It has begun once it holds the policy that is in force. */
static enum mtlspin_status
set_meanwhile(struct mtlspin_verifier *verifier, struct mtlspin_policy *policy)
{
    pthread_t thread;
    struct attempt attempt = { .verifier = verifier, .status = MTLSPIN_OK };
    struct mtlspin_policy *before = mtlspin_verifier_policy(verifier);
    size_t references = atomic_load(&before->references);
    folder_put(POLICY, AFTER);
    ck_assert_int_eq(pthread_create(&thread, NULL, reload_once, &attempt), 0);
    while (atomic_load(&before->references) == references && !atomic_load(&attempt.over))
        (void)sched_yield();
    ck_assert_int_eq(mtlspin_verifier_set_policy(verifier, policy, NULL), MTLSPIN_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    mtlspin_policy_unref(before);
    return attempt.status;
}

START_TEST(what_was_set_meanwhile_stays)
{
    int late = 0;
    watcher_tree();
    folder_put("conf/emergency.policy", "ca ca.pem\n");
    struct mtlspin_policy *emergency = mtlspin_policy_load("conf/emergency.policy", NULL);
    ck_assert_ptr_nonnull(emergency);
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    ck_assert_int_eq(mtlspin_verifier_set_audit(verifier, count_too_late, NULL, NULL), MTLSPIN_OK);
    atomic_store(&too_late, 0);
    for (int i = 0; i < TRIES && late < LATECOMERS; i++) {
        watcher_set_file(verifier, POLICY);
        uint64_t generation = mtlspin_verifier_generation(verifier);
        enum mtlspin_status status = set_meanwhile(verifier, emergency);
        ck_assert(status == MTLSPIN_OK || status == MTLSPIN_ERR_STATE);
        must_be_current(verifier, "conf/emergency.policy"); /* whoever came first */
        ck_assert_uint_eq(mtlspin_verifier_generation(verifier), generation + (status == MTLSPIN_OK ? 2 : 1));
        late += status == MTLSPIN_ERR_STATE;
    }
    ck_assert_int_eq(late, LATECOMERS); /* or it would not have been tried */
    ck_assert_int_eq(atomic_load(&too_late), late);
    must_reload(verifier);
    must_be_current(verifier, "conf/emergency.policy");
    mtlspin_policy_unref(emergency);
    mtlspin_verifier_unref(verifier);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("reload-threads");
    TCase *all = tcase_create("reload-threads");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, never_a_mixture, 0, 3);
    tcase_add_test(all, reloads_from_several_threads);
    tcase_add_test(all, what_was_set_meanwhile_stays);
    suite_add_tcase(suite, all);
    return folder_run(suite);
}
