/* Another policy for a verifier at work: all of it in one step, or nothing. */
#include "crl.h"
#include "error.h"
#include "event.h"
#include "policy_load.h"
#include "watch_due.h"

/* An intermediate CA's list is known for its issuer's once a chain with that CA has come along. What the lists in force
   know the new ones learn before they are in force, or sessions, which show no chain, could not resume under them. */
static void
inherit(struct mtlspin_verifier *verifier, struct mtlspin_policy *policy)
{
    struct mtlspin__snapshot old = mtlspin__verifier_acquire(verifier);
    for (size_t to = 0; to < policy->domain_count; to++)
        for (size_t from = 0; from < old.policy->domain_count; from++)
            mtlspin__crls_inherit(policy->domains[to].crls, old.policy->domains[from].crls);
    mtlspin__snapshot_release(&old);
}

/* Publishes `policy`, whose reference is taken over whatever the outcome, in place of that of generation `instead_of`; 0 is
   any. What somebody has set meanwhile, in an emergency perhaps, an older file must not replace. */
static enum mtlspin_status
publish(struct mtlspin_verifier *verifier, struct mtlspin_policy *policy, uint64_t instead_of, int64_t now,
    struct mtlspin_error *error)
{
    struct mtlspin_policy *unused = policy; /* the rejected one, or one for which `retired` has no room */
    struct mtlspin__sources tried = { 0 };
    inherit(verifier, policy);
    (void)pthread_mutex_lock(&verifier->lock);
    bool fits = !verifier->serves || !policy->has_hosts;
    bool first = instead_of == 0 || instead_of == verifier->current.generation;
    if (fits && first) {
        unused = mtlspin__retired_add(&verifier->retired, verifier->current.policy) ? NULL : verifier->current.policy;
        verifier->current.policy = policy;
        verifier->current.generation++;
        verifier->loaded = now;
        atomic_store(&verifier->generation, verifier->current.generation);
        tried = verifier->tried; /* of no interest any more */
        verifier->tried = (struct mtlspin__sources){ 0 };
    }
    (void)pthread_mutex_unlock(&verifier->lock);
    mtlspin_policy_unref(unused); /* not under the lock: a large policy takes its time */
    mtlspin__sources_clear(&tried);
    if (!fits)
        return mtlspin__fail(error, MTLSPIN_ERR_POLICY,
            "a policy with `host` is for clients, and this verifier guards servers; delete its `host` lines");
    return first ? MTLSPIN_OK : mtlspin__fail(error, MTLSPIN_ERR_STATE,
        "mtlspin_verifier_set_policy came first: what was read is older");
}

enum mtlspin_status
mtlspin_verifier_set_policy(struct mtlspin_verifier *verifier, struct mtlspin_policy *policy, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL || policy == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier or no policy");
    struct mtlspin_error mine = MTLSPIN_ERROR_INIT;
    enum mtlspin_status status = publish(verifier, mtlspin_policy_ref(policy), 0, mtlspin__verifier_now(verifier), &mine);
    mtlspin__verifier_tidy(verifier);
    mtlspin__watch_wake(verifier);
    mtlspin__event_reload(verifier, &mine);
    return mtlspin__error_pass(error, &mine, status);
}

/* The watch shall wait for another change than the one that has brought this failure. A policy that was set meanwhile may
   have other files. */
static void
note_failure(struct mtlspin_verifier *verifier, uint64_t generation, enum mtlspin_status status,
    struct mtlspin__sources *tried)
{
    (void)pthread_mutex_lock(&verifier->lock);
    if (verifier->current.generation == generation) {
        struct mtlspin__sources before = verifier->tried;
        verifier->tried = *tried;
        verifier->may_pass = status == MTLSPIN_ERR_FILE || status == MTLSPIN_ERR_MEMORY;
        verifier->failures++;
        *tried = before;
    }
    (void)pthread_mutex_unlock(&verifier->lock);
}

static enum mtlspin_status
reload(struct mtlspin_verifier *verifier, int64_t now, struct mtlspin_error *error)
{
    struct mtlspin__snapshot old = mtlspin__verifier_acquire(verifier);
    struct mtlspin_policy *policy = NULL;
    struct mtlspin__sources tried = { 0 };
    enum mtlspin_status status = MTLSPIN_ERR_STATE;
    if (old.policy->path == NULL)
        (void)mtlspin__fail(error, status, "the policy in force is not from a file; use mtlspin_verifier_set_policy");
    else if ((policy = mtlspin__policy_load(old.policy->path, &tried, NULL, error)) == NULL)
        status = error->code;
    else
        status = publish(verifier, policy, old.generation, now, error);
    if (status != MTLSPIN_OK && tried.count > 0)
        note_failure(verifier, old.generation, status, &tried);
    mtlspin__snapshot_release(&old);
    mtlspin__sources_clear(&tried);
    return status;
}

enum mtlspin_status
mtlspin_verifier_reload(struct mtlspin_verifier *verifier, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier");
    struct mtlspin_error mine = MTLSPIN_ERROR_INIT; /* the hook is told, even where the caller does not want to know */
    int64_t now = mtlspin__verifier_now(verifier); /* here, since the clock may be the program's */
    (void)pthread_mutex_lock(&verifier->reloading);
    mtlspin__verifier_tidy(verifier);
    enum mtlspin_status status = reload(verifier, now, &mine);
    mtlspin__verifier_tidy(verifier); /* again, since the reload itself has used the one before */
    (void)pthread_mutex_unlock(&verifier->reloading);
    mtlspin__watch_wake(verifier);
    mtlspin__event_reload(verifier, &mine);
    return mtlspin__error_pass(error, &mine, status);
}
