/* Live connections, judged anew without their SSL: the verifier's list of them, and its sweep.

   An entry stays in the list until it is withdrawn and nobody is at it: a sweep pins the one where it is, and a thread that
   waits in mtlspin_withdraw the one that it waits for. Whoever takes off the last pin of a withdrawn entry frees it.

   No enrolment slips through between a change of policy and the sweep that follows it. An entry enters the list under the
   lock, with a decision of the generation in force at that moment: if that is the old one, the sweep's first look at the
   list, which needs the lock, comes later and finds the entry. */
#include "connection.h"
#include "error.h"
#include "event.h"
#include "judge.h"
#include <mtlspin/sweep.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mtlspin_enrolment {
    struct mtlspin_verifier *verifier; /* a reference */
    void *user;

    /* guarded by registry.lock; together, since a sweep where nothing has changed looks at nothing else */
    struct mtlspin_enrolment *previous, *next;
    uint64_t generation;           /* these three are of the last decision */
    int64_t valid_until;
    enum mtlspin_verdict verdict;
    unsigned pins;
    bool withdrawn;
    bool told;                     /* its refusal has been called back */
    bool calling;                  /* a callback about it runs, in the thread `caller` */
    pthread_t caller;

    struct mtlspin__trail *trail;  /* guarded by registry.deciding */

    /* as it was enrolled */
    struct mtlspin__leaf *known;   /* of `leaf`, so that decisions need not digest it again */
    X509 *leaf;                    /* this and the next three are references or copies */
    STACK_OF(X509) *chain;         /* NULL = not kept */
    X509_STORE *application;
    X509_VERIFY_PARAM *parameters;
    enum mtlspin_role role;
    int level;
    bool by_session;               /* its age counts, from `authenticated` on */
    bool resumed;
    int64_t authenticated;
    const char *protocol;          /* static text of libssl's */
    char host[MTLSPIN__HOST_SIZE], address[128];
};

/* Once nobody can find it any more. */
static void
destroy(struct mtlspin_enrolment *entry)
{
    if (entry == NULL)
        return;
    mtlspin__leaf_unref(entry->known);
    X509_free(entry->leaf);
    sk_X509_pop_free(entry->chain, X509_free);
    X509_STORE_free(entry->application);
    X509_VERIFY_PARAM_free(entry->parameters);
    mtlspin__trail_unref(entry->trail);
    mtlspin_verifier_unref(entry->verifier);
    free(entry);
}

/* The list. All of these need the lock. */

static void
link_entry(struct mtlspin__registry *registry, struct mtlspin_enrolment *entry)
{
    entry->next = registry->first;
    if (entry->next != NULL)
        entry->next->previous = entry;
    registry->first = entry;
    registry->count++;
}

/* Takes off a pin. Returns the entry if it is to be destroyed, which is for when the lock is given back; else NULL. */
static struct mtlspin_enrolment *
unpin(struct mtlspin__registry *registry, struct mtlspin_enrolment *entry)
{
    if (--entry->pins > 0 || !entry->withdrawn)
        return NULL;
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        registry->first = entry->next;
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    return entry;
}

/* The decision that was made about it does not hold for sure. One that refuses holds until the next change of policy, as
   with mtlspin_check. */
static bool
is_stale(const struct mtlspin_enrolment *entry, uint64_t generation, int64_t now, bool with_chain)
{
    if (entry->withdrawn || (with_chain && entry->chain == NULL))
        return false;
    if (entry->generation != generation)
        return true;
    return entry->verdict == MTLSPIN_ALLOW ? now > entry->valid_until : !entry->told;
}

/* Enrolling. */

static X509_VERIFY_PARAM *
copy_parameters(SSL *ssl)
{
    X509_VERIFY_PARAM *from = SSL_get0_param(ssl), *copy = X509_VERIFY_PARAM_new();
    if (copy != NULL && X509_VERIFY_PARAM_set1(copy, from)
        && X509_VERIFY_PARAM_set_inh_flags(copy, X509_VERIFY_PARAM_get_inh_flags(from)))
        return copy;
    X509_VERIFY_PARAM_free(copy);
    return NULL;
}

/* A later policy may ask for the application's trust store, or for path validation, where the present one does not. */
static bool
copy_evidence(struct mtlspin_enrolment *entry, const struct mtlspin__connection *connection, SSL *ssl)
{
    X509_STORE *store = mtlspin__connection_store(ssl);
    entry->role = SSL_is_server(ssl) ? MTLSPIN_SERVER : MTLSPIN_CLIENT;
    entry->leaf = X509_up_ref(connection->leaf) ? connection->leaf : NULL;
    entry->chain = connection->chain != NULL ? X509_chain_up_ref(connection->chain) : NULL;
    entry->application = store != NULL && X509_STORE_up_ref(store) ? store : NULL;
    entry->parameters = copy_parameters(ssl);
    entry->trail = mtlspin__trail_ref(connection->trail);
    entry->level = SSL_get_security_level(ssl);
    entry->by_session = connection->judged == MTLSPIN__BY_SESSION;
    entry->authenticated = connection->authenticated;
    entry->protocol = SSL_get_version(ssl);
    entry->resumed = SSL_session_reused(ssl) == 1;
    (void)snprintf(entry->host, sizeof entry->host, "%s", connection->host);
    (void)snprintf(entry->address, sizeof entry->address, "%s", connection->address);
    entry->known = entry->leaf != NULL ? mtlspin__leaf_new(entry->leaf) : NULL;
    return entry->known != NULL && (entry->chain != NULL || connection->chain == NULL) && entry->parameters != NULL;
}

static struct mtlspin_enrolment *
make_entry(struct mtlspin_verifier *verifier, SSL *ssl, void *user)
{
    const struct mtlspin__connection *connection = mtlspin__connection_get(ssl);
    struct mtlspin_enrolment *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->verifier = mtlspin_verifier_ref(verifier);
    entry->user = user;
    if (copy_evidence(entry, connection, ssl))
        return entry;
    destroy(entry);
    return NULL;
}

/* false if the decision is out of date already. */
static bool
enter(struct mtlspin_enrolment *entry, const struct mtlspin_decision *decision)
{
    struct mtlspin__registry *registry = &entry->verifier->registry;
    entry->verdict = decision->verdict;
    entry->generation = decision->generation;
    entry->valid_until = decision->valid_until;
    (void)pthread_mutex_lock(&registry->lock);
    bool current = decision->generation == mtlspin_verifier_generation(entry->verifier);
    if (current)
        link_entry(registry, entry);
    (void)pthread_mutex_unlock(&registry->lock);
    return current;
}

static struct mtlspin_enrolment *
enrol(struct mtlspin_verifier *verifier, SSL *ssl, void *user, struct mtlspin_error *error)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    while (mtlspin_check(verifier, ssl, &decision) == MTLSPIN_ALLOW) {
        struct mtlspin_enrolment *entry = make_entry(verifier, ssl, user);
        if (entry == NULL) {
            (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
            return NULL;
        }
        if (enter(entry, &decision))
            return entry;
        destroy(entry);
    }
    (void)mtlspin__fail(error, MTLSPIN_ERR_STATE, "the connection is not allowed: %s",
        mtlspin_reason_text(decision.reason));
    return NULL;
}

struct mtlspin_enrolment *
mtlspin_enrol(struct mtlspin_verifier *verifier, SSL *ssl, void *user, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL || ssl == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier or no connection");
        return NULL;
    }
    ERR_set_mark();
    struct mtlspin_enrolment *entry = enrol(verifier, ssl, user, error);
    ERR_pop_to_mark();
    return entry;
}

void
mtlspin_withdraw(struct mtlspin_enrolment *enrolment)
{
    if (enrolment == NULL)
        return;
    struct mtlspin__registry *registry = &enrolment->verifier->registry;
    (void)pthread_mutex_lock(&registry->lock);
    enrolment->withdrawn = true;
    enrolment->pins++;
    registry->count--;
    while (enrolment->calling && !pthread_equal(enrolment->caller, pthread_self()))
        (void)pthread_cond_wait(&registry->called, &registry->lock);
    struct mtlspin_enrolment *unused = unpin(registry, enrolment);
    (void)pthread_mutex_unlock(&registry->lock);
    destroy(unused);
}

/* Sweeping. */

struct sweep {
    struct mtlspin_verifier *verifier;
    bool with_chain; /* first come the entries that have kept one: whose a new revocation list is, is learned from chains */
    struct mtlspin__snapshot snapshot;
    int64_t now;
    mtlspin_sweep_callback *callback;
    size_t called;
};

/* Under the policy in force, by what is kept; a later one that has come into force during the sweep counts at once. */
static void
judge(struct sweep *sweep, struct mtlspin_enrolment *entry, struct mtlspin_decision *decision)
{
    struct mtlspin__judgement judgement;
    struct mtlspin__peer peer = {
        .role = entry->role,
        .leaf = entry->leaf,
        .untrusted = entry->chain,
        .host = entry->role == MTLSPIN_CLIENT ? entry->host : NULL,
        .now = sweep->now,
        .level = entry->level,
        .application = entry->application,
        .parameters = entry->parameters,
        .trail = entry->trail,
        .known = entry->known,
        .incomplete = entry->by_session && entry->chain == NULL,
    };
    if (sweep->snapshot.generation != mtlspin_verifier_generation(sweep->verifier)) {
        mtlspin__snapshot_release(&sweep->snapshot);
        sweep->snapshot = mtlspin__verifier_acquire(sweep->verifier);
    }
    mtlspin__judge(sweep->snapshot.policy, &peer, sweep->snapshot.generation, &judgement);
    if (entry->by_session)
        mtlspin__judgement_limit_age(&judgement, entry->authenticated, sweep->now);
    *decision = judgement.decision;
    mtlspin__trail_unref(entry->trail);
    entry->trail = mtlspin__trail_ref(judgement.trail);
    mtlspin__judgement_clear(&judgement);
}

/* Whether the entry's owner is to be told. Where a callback about it runs, its thread looks again when that is done. */
static bool
settle(struct mtlspin_enrolment *entry, const struct mtlspin_decision *decision)
{
    bool allowed = decision->verdict == MTLSPIN_ALLOW;
    entry->verdict = decision->verdict;
    entry->generation = decision->generation;
    entry->valid_until = decision->valid_until;
    entry->told &= !allowed;
    if (allowed || entry->told || entry->withdrawn || entry->calling)
        return false;
    entry->told = entry->calling = true;
    entry->caller = pthread_self();
    return true;
}

/* Makes the decision that is lacking, if one is. */
static bool
decide(struct sweep *sweep, struct mtlspin_enrolment *entry, struct mtlspin_decision *decision)
{
    struct mtlspin__registry *registry = &sweep->verifier->registry;
    bool news = false;
    (void)pthread_mutex_lock(&registry->deciding);
    (void)pthread_mutex_lock(&registry->lock);
    bool stale = is_stale(entry, mtlspin_verifier_generation(sweep->verifier), sweep->now, sweep->with_chain);
    (void)pthread_mutex_unlock(&registry->lock);
    if (stale) {
        judge(sweep, entry, decision);
        (void)pthread_mutex_lock(&registry->lock);
        news = settle(entry, decision);
        (void)pthread_mutex_unlock(&registry->lock);
    }
    (void)pthread_mutex_unlock(&registry->deciding);
    return news;
}

static void
call(struct sweep *sweep, struct mtlspin_enrolment *entry, const struct mtlspin_decision *decision)
{
    struct mtlspin__registry *registry = &sweep->verifier->registry;
    struct mtlspin_event event = {
        .role = entry->role,
        .peer_address = entry->address,
        .protocol = entry->protocol,
        .resumed = entry->resumed,
        .host = entry->host,
    };
    mtlspin__event_sweep(sweep->verifier, &event, decision, entry->leaf);
    sweep->callback(entry->user, decision);
    sweep->called++;
    (void)pthread_mutex_lock(&registry->lock);
    entry->calling = false;
    (void)pthread_cond_broadcast(&registry->called);
    (void)pthread_mutex_unlock(&registry->lock);
}

/* The next stale entry, pinned; NULL at the end. The lock is not held for longer than a stretch, of which the last entry is
   given out whether it is stale or not. */
static struct mtlspin_enrolment *
advance(struct sweep *sweep, struct mtlspin_enrolment *from)
{
    enum { STRETCH = 1000 };
    struct mtlspin__registry *registry = &sweep->verifier->registry;
    uint64_t generation = mtlspin_verifier_generation(sweep->verifier);
    (void)pthread_mutex_lock(&registry->lock);
    struct mtlspin_enrolment *entry = from != NULL ? from->next : registry->first;
    for (int i = 0; i < STRETCH && entry != NULL && !is_stale(entry, generation, sweep->now, sweep->with_chain); i++)
        entry = entry->next;
    if (entry != NULL)
        entry->pins++;
    struct mtlspin_enrolment *unused = from != NULL ? unpin(registry, from) : NULL;
    (void)pthread_mutex_unlock(&registry->lock);
    destroy(unused);
    return entry;
}

size_t
mtlspin_verifier_sweep(struct mtlspin_verifier *verifier, mtlspin_sweep_callback *callback)
{
    struct mtlspin_decision decision;
    if (verifier == NULL || callback == NULL)
        return 0;
    struct sweep sweep = { .verifier = mtlspin_verifier_ref(verifier), .callback = callback };
    sweep.now = mtlspin__verifier_now(verifier);
    sweep.snapshot = mtlspin__verifier_acquire(verifier);
    ERR_set_mark();
    for (int round = 0; round < 2; round++) {
        sweep.with_chain = round == 0;
        for (struct mtlspin_enrolment *entry = advance(&sweep, NULL); entry != NULL; entry = advance(&sweep, entry))
            while (decide(&sweep, entry, &decision))
                call(&sweep, entry, &decision);
    }
    ERR_pop_to_mark();
    mtlspin__snapshot_release(&sweep.snapshot);
    mtlspin__verifier_tidy(verifier);
    mtlspin_verifier_unref(verifier);
    return sweep.called;
}
