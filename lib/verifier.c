/* The verifier's life and its setters. */
#include "verifier.h"
#include "error.h"
#include <stdlib.h>
#include <time.h>

static _Atomic uint64_t last_number;

struct mtlspin_verifier *
mtlspin_verifier_new(struct mtlspin_policy *policy, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (policy == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "a verifier needs a policy");
        return NULL;
    }
    struct mtlspin_verifier *verifier = calloc(1, sizeof *verifier);
    if (verifier == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
        return NULL;
    }
    atomic_init(&verifier->references, 1);
    verifier->number = atomic_fetch_add(&last_number, 1) + 1;
    atomic_init(&verifier->used, false);
    verifier->policy = mtlspin_policy_ref(policy);
    verifier->generation = 1;
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
    mtlspin_policy_unref(verifier->policy);
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

int64_t
mtlspin__verifier_now(const struct mtlspin_verifier *verifier)
{
    return verifier->clock != NULL ? verifier->clock(verifier->clock_user) : (int64_t)time(NULL);
}
