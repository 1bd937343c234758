/* When a verifier's policy should be loaded again. */
#include "watch_due.h"
#include "error.h"
#include "watch.h"
#include <errno.h>
#include <mtlspin/watch.h>
#include <string.h>
#include <unistd.h>

enum { AGAIN = 1000 }; /* milliseconds after memory was short */

void
mtlspin__watch_wake(struct mtlspin_verifier *verifier)
{
    (void)pthread_mutex_lock(&verifier->lock); /* another thread may be opening the descriptor */
    if (verifier->watch != NULL && verifier->watch->owner == getpid())
        mtlspin__wakeup_now(&verifier->watch->wakeup);
    (void)pthread_mutex_unlock(&verifier->lock);
}

/* The watch of this process, or NULL. */
static struct mtlspin__watch *
own_watch(struct mtlspin_verifier *verifier, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier");
        return NULL;
    }
    if (verifier->watch == NULL) {
        struct mtlspin__watch *made = mtlspin__watch_new();
        (void)pthread_mutex_lock(&verifier->lock);
        verifier->watch = made;
        (void)pthread_mutex_unlock(&verifier->lock);
    }
    if (verifier->watch == NULL)
        (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    else if (verifier->watch->owner != getpid())
        (void)mtlspin__fail(error, MTLSPIN_ERR_STATE,
            "the watch was opened before the fork, by another process; open it in each process after the fork");
    else
        return verifier->watch;
    return NULL;
}

/* What a failed reload has left, or what the policy in force was read from. The numbers say what both are of. */
static bool
take_sources(struct mtlspin_verifier *verifier, struct mtlspin__watch *watch, struct mtlspin__sources *sources, bool *retry)
{
    (void)pthread_mutex_lock(&verifier->lock);
    struct mtlspin_policy *policy = mtlspin_policy_ref(verifier->current.policy);
    *sources = verifier->tried;
    *retry = verifier->tried.count > 0 && verifier->may_pass;
    verifier->tried = (struct mtlspin__sources){ 0 };
    watch->generation = verifier->current.generation;
    watch->failures = verifier->failures;
    (void)pthread_mutex_unlock(&verifier->lock);
    bool done = policy->path == NULL || sources->count > 0 || mtlspin__sources_copy(&policy->sources, sources);
    mtlspin_policy_unref(policy);
    return done;
}

static bool
follows(struct mtlspin_verifier *verifier, const struct mtlspin__watch *watch)
{
    (void)pthread_mutex_lock(&verifier->lock);
    bool same = watch->generation == verifier->current.generation && watch->failures == verifier->failures;
    (void)pthread_mutex_unlock(&verifier->lock);
    return same;
}

static enum mtlspin_status
follow(struct mtlspin_verifier *verifier, struct mtlspin__watch *watch, struct mtlspin_error *error)
{
    struct mtlspin__sources sources = { 0 };
    bool retry = false;
    if (watch->following && follows(verifier, watch))
        return MTLSPIN_OK;
    bool done = take_sources(verifier, watch, &sources, &retry);
    if (done && sources.count > 0) {
        mtlspin__watch_follow(watch, &sources, retry);
        return MTLSPIN_OK;
    }
    mtlspin__sources_clear(&sources);
    mtlspin__watch_rest(watch);
    if (done)
        return mtlspin__fail(error, MTLSPIN_ERR_STATE, "the policy in force is not from a file; nothing to watch");
    mtlspin__wakeup_set(&watch->wakeup, AGAIN, false);
    return mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
}

int
mtlspin_verifier_watch_due(struct mtlspin_verifier *verifier, struct mtlspin_error *error)
{
    struct mtlspin__watch *watch = own_watch(verifier, error);
    if (watch == NULL)
        return -1;
    mtlspin__verifier_tidy(verifier);
    int due = follow(verifier, watch, error) == MTLSPIN_OK ? mtlspin__watch_look(watch) : -1;
    if (due < 0)
        (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory"); /* unless it is said already */
    if (!follows(verifier, watch))
        mtlspin__wakeup_now(&watch->wakeup); /* its call to us may have come before we set the next time */
    return due;
}

/* Under the lock, since others wake through the descriptor. 0, or an errno. */
static int
open_once(struct mtlspin_verifier *verifier, struct mtlspin__watch *watch, bool files)
{
    int number = 0;
    (void)pthread_mutex_lock(&verifier->lock);
    if (watch->wakeup.epoll < 0) {
        watch->wakeup.files = files;
        watch->lost = true;
        number = mtlspin__wakeup_open(&watch->wakeup);
        mtlspin__wakeup_now(&watch->wakeup);
    }
    (void)pthread_mutex_unlock(&verifier->lock);
    return number;
}

int
mtlspin__watch_open(struct mtlspin_verifier *verifier, bool files, struct mtlspin_error *error)
{
    char words[128] = "";
    struct mtlspin__watch *watch = own_watch(verifier, error);
    if (watch == NULL || follow(verifier, watch, error) != MTLSPIN_OK)
        return -1;
    int number = open_once(verifier, watch, files);
    if (number == 0)
        return watch->wakeup.epoll;
    (void)!strerror_r(number, words, sizeof words);
    if (number == ENOSYS)
        (void)mtlspin__fail(error, MTLSPIN_ERR_STATE,
            "no descriptor for that on this system; call mtlspin_verifier_watch_due by a timer");
    else
        (void)mtlspin__fail(error, MTLSPIN_ERR_FILE, "no descriptor for the watch: %s", words);
    return -1;
}

int
mtlspin_verifier_watch_fd(struct mtlspin_verifier *verifier, struct mtlspin_error *error)
{
    return mtlspin__watch_open(verifier, true, error);
}
