/* The verifier's inside. */
#ifndef MTLSPIN_LIB_VERIFIER_H
#define MTLSPIN_LIB_VERIFIER_H

#include "counters.h"
#include "policy.h"
#include "retired.h"
#include "watch.h"
#include <mtlspin/verifier.h>
#include <pthread.h>
#include <stdatomic.h>

enum { MTLSPIN__SESSION_CONTEXT_MOST = 64 }; /* bytes of the application's own */

/* A policy at the time when it was in force. Zeroed it holds nothing. */
struct mtlspin__snapshot {
    struct mtlspin_policy *policy; /* a reference */
    uint64_t generation;
};

/* The live connections that have enrolled (enrolment.c). */
struct mtlspin__registry {
    pthread_mutex_t lock;            /* of the list and what its members say they are guarded by */
    pthread_cond_t called;           /* a callback has returned */
    struct mtlspin_enrolment *first;
    size_t count;
    pthread_mutex_t deciding;        /* one decision at a time; taken before `lock` */
};

struct mtlspin_verifier {
    atomic_size_t references;
    uint64_t number; /* no other verifier of the process has ever had it */
    atomic_bool used; /* attached or preparing connections: the setters are closed */
    mtlspin_audit_hook *hook;
    void *hook_user;
    mtlspin_clock *clock;
    void *clock_user;
    unsigned char session_context[MTLSPIN__SESSION_CONTEXT_MOST];
    size_t session_context_length;

    pthread_mutex_t lock; /* of what follows; held for a few instructions at a time */
    struct mtlspin__snapshot current;
    int64_t loaded; /* when `current` was published */
    struct mtlspin__retired retired; /* what was in force before and may be in use still */
    bool serves;    /* some connection is a server's: no policy with `host` fits */
    _Atomic uint64_t generation; /* of `current`, to be compared without the lock */
    struct mtlspin__watch *watch; /* NULL = none yet; but for waking it, only of the thread that watches */
    struct mtlspin__sources tried; /* what a reload that failed since has read; empty = none, or the watch has it */
    uint64_t failures;             /* of reloads */
    bool may_pass;                 /* the last of them may succeed with the same files */

    pthread_mutex_t reloading; /* one at a time, so that the files read last are those in force */

    struct mtlspin__counters *counters;
    struct mtlspin__registry registry;
};

int64_t mtlspin__verifier_now(const struct mtlspin_verifier *verifier);

/* The policy in force, with a reference: release with mtlspin__snapshot_release. */
struct mtlspin__snapshot mtlspin__verifier_acquire(struct mtlspin_verifier *verifier);
void mtlspin__snapshot_release(struct mtlspin__snapshot *snapshot);

/* The same, and since when it is. */
struct mtlspin__snapshot mtlspin__verifier_acquire_at(struct mtlspin_verifier *verifier, int64_t *loaded);

/* Frees the policies that nobody uses any more: large ones take their time, and so no handshake does this. */
void mtlspin__verifier_tidy(struct mtlspin_verifier *verifier);

/* Commits the verifier to policies for servers; false if the one in force is for clients. */
bool mtlspin__verifier_serve(struct mtlspin_verifier *verifier);

/* How many live connections are enrolled. */
size_t mtlspin__verifier_enrolled(struct mtlspin_verifier *verifier);

#endif
