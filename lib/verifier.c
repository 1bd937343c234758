/* The verifier's life, its setters, and the policy in force. */
#include "verifier.h"
#include "error.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Atomic uint64_t last_number;

/* All locks, or none. */
static bool
make_locks(struct mtlspin_verifier *verifier)
{
    pthread_mutex_t *const locks[] = { &verifier->lock, &verifier->reloading, &verifier->registry.lock,
        &verifier->registry.deciding };
    const size_t all = sizeof locks / sizeof *locks;
    size_t made = 0;
    while (made < all && pthread_mutex_init(locks[made], NULL) == 0)
        made++;
    if (made == all && pthread_cond_init(&verifier->registry.called, NULL) == 0)
        return true;
    while (made > 0)
        (void)pthread_mutex_destroy(locks[--made]);
    return false;
}

static void
destroy_locks(struct mtlspin_verifier *verifier)
{
    (void)pthread_cond_destroy(&verifier->registry.called);
    (void)pthread_mutex_destroy(&verifier->registry.deciding);
    (void)pthread_mutex_destroy(&verifier->registry.lock);
    (void)pthread_mutex_destroy(&verifier->reloading);
    (void)pthread_mutex_destroy(&verifier->lock);
}

static struct mtlspin_verifier *
make(void)
{
    struct mtlspin_verifier *verifier = calloc(1, sizeof *verifier);
    struct mtlspin__counters *counters = mtlspin__counters_new();
    if (verifier == NULL || counters == NULL || !make_locks(verifier)) {
        mtlspin__counters_free(counters);
        free(verifier);
        return NULL;
    }
    verifier->counters = counters;
    atomic_init(&verifier->references, 1);
    verifier->number = atomic_fetch_add(&last_number, 1) + 1;
    atomic_init(&verifier->used, false);
    verifier->current.generation = 1;
    atomic_init(&verifier->generation, 1);
    return verifier;
}

struct mtlspin_verifier *
mtlspin_verifier_new(struct mtlspin_policy *policy, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (policy == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "a verifier needs a policy");
        return NULL;
    }
    struct mtlspin_verifier *verifier = make();
    if (verifier == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
        return NULL;
    }
    verifier->current.policy = mtlspin_policy_ref(policy);
    verifier->loaded = (int64_t)time(NULL);
    return verifier;
}

struct mtlspin_verifier *
mtlspin_verifier_ref(struct mtlspin_verifier *verifier)
{
    if (verifier != NULL)
        (void)atomic_fetch_add_explicit(&verifier->references, 1, memory_order_relaxed);
    return verifier;
}

void
mtlspin_verifier_unref(struct mtlspin_verifier *verifier)
{
    if (verifier == NULL || atomic_fetch_sub_explicit(&verifier->references, 1, memory_order_acq_rel) != 1)
        return;
    mtlspin__snapshot_release(&verifier->current);
    mtlspin__retired_clear(&verifier->retired);
    mtlspin__sources_clear(&verifier->tried);
    mtlspin__watch_free(verifier->watch);
    mtlspin__counters_free(verifier->counters);
    destroy_locks(verifier);
    free(verifier);
}

/* Connections read hook and clock without a lock. */
static enum mtlspin_status
may_set(struct mtlspin_verifier *verifier, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier");
    if (atomic_load(&verifier->used))
        return mtlspin__fail(error, MTLSPIN_ERR_STATE, "the verifier is in use; set hook and clock before attaching it");
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_verifier_set_audit(struct mtlspin_verifier *verifier, mtlspin_audit_hook *hook, void *user,
    struct mtlspin_error *error)
{
    enum mtlspin_status status = may_set(verifier, error);
    if (status != MTLSPIN_OK)
        return status;
    verifier->hook = hook;
    verifier->hook_user = user;
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_verifier_set_clock(struct mtlspin_verifier *verifier, mtlspin_clock *now, void *user, struct mtlspin_error *error)
{
    enum mtlspin_status status = may_set(verifier, error);
    if (status != MTLSPIN_OK)
        return status;
    verifier->clock = now;
    verifier->clock_user = user;
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_verifier_set_session_context(struct mtlspin_verifier *verifier, const void *context, size_t length,
    struct mtlspin_error *error)
{
    enum mtlspin_status status = may_set(verifier, error);
    if (status != MTLSPIN_OK || verifier == NULL)
        return status;
    if ((context == NULL && length > 0) || length > sizeof verifier->session_context)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "a session context has at most %d bytes",
            MTLSPIN__SESSION_CONTEXT_MOST);
    if (context != NULL && length > 0)
        memcpy(verifier->session_context, context, length);
    verifier->session_context_length = length;
    return MTLSPIN_OK;
}

struct mtlspin__snapshot
mtlspin__verifier_acquire_at(struct mtlspin_verifier *verifier, int64_t *loaded)
{
    (void)pthread_mutex_lock(&verifier->lock);
    struct mtlspin__snapshot snapshot = verifier->current;
    *loaded = verifier->loaded;
    (void)mtlspin_policy_ref(snapshot.policy);
    (void)pthread_mutex_unlock(&verifier->lock);
    return snapshot;
}

struct mtlspin__snapshot
mtlspin__verifier_acquire(struct mtlspin_verifier *verifier)
{
    int64_t loaded = 0;
    return mtlspin__verifier_acquire_at(verifier, &loaded);
}

void
mtlspin__snapshot_release(struct mtlspin__snapshot *snapshot)
{
    mtlspin_policy_unref(snapshot->policy);
    memset(snapshot, 0, sizeof *snapshot);
}

void
mtlspin__verifier_tidy(struct mtlspin_verifier *verifier)
{
    struct mtlspin_policy *unused = NULL;
    do {
        mtlspin_policy_unref(unused);
        (void)pthread_mutex_lock(&verifier->lock);
        unused = mtlspin__retired_take(&verifier->retired);
        (void)pthread_mutex_unlock(&verifier->lock);
    } while (unused != NULL);
}

bool
mtlspin__verifier_serve(struct mtlspin_verifier *verifier)
{
    (void)pthread_mutex_lock(&verifier->lock);
    bool fits = !verifier->current.policy->has_hosts;
    verifier->serves |= fits;
    (void)pthread_mutex_unlock(&verifier->lock);
    return fits;
}

size_t
mtlspin__verifier_enrolled(struct mtlspin_verifier *verifier)
{
    (void)pthread_mutex_lock(&verifier->registry.lock);
    size_t count = verifier->registry.count;
    (void)pthread_mutex_unlock(&verifier->registry.lock);
    return count;
}

uint64_t
mtlspin_verifier_generation(const struct mtlspin_verifier *verifier)
{
    return verifier != NULL ? atomic_load(&verifier->generation) : 0;
}

struct mtlspin_policy *
mtlspin_verifier_policy(struct mtlspin_verifier *verifier)
{
    return verifier != NULL ? mtlspin__verifier_acquire(verifier).policy : NULL;
}

int64_t
mtlspin__verifier_now(const struct mtlspin_verifier *verifier)
{
    return verifier->clock != NULL ? verifier->clock(verifier->clock_user) : (int64_t)time(NULL);
}
