#include "crowd.h"
#include "instrumented.h"
#include "rig.h"
#include "versions.h"
#include <check.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RING = 4 };

struct crowd crowd;

/* Check's assertions are for the main thread, which looks at this. The first one stays. */
static void
complain(const char *format, ...)
{
    va_list arguments;
    (void)pthread_mutex_lock(&crowd.lock);
    va_start(arguments, format);
    if (!atomic_load(&crowd.complained))
        (void)vsnprintf(crowd.complaint, sizeof crowd.complaint, format, arguments);
    va_end(arguments);
    atomic_store(&crowd.complained, true);
    (void)pthread_mutex_unlock(&crowd.lock);
}

void
crowd_agree(void)
{
    ck_assert_msg(!atomic_load(&crowd.complained), "%s", crowd.complaint);
}

/* A session keeps its client's certificate, but no chain. Where anchors or settings have changed, or lists of a CA that was
   not known before are there, a connection that has resumed cannot be validated anew: its client has to come back. */
static bool
cannot_be_known(const struct live *live, enum mtlspin_reason reason)
{
    bool counts = crowd.series == VERSIONS_STRUCTURES && live->resumed
        && (reason == MTLSPIN_REASON_UNKNOWN_CA || reason == MTLSPIN_REASON_REVOCATION_UNKNOWN);
    if (counts)
        (void)atomic_fetch_add(&crowd.unknown, 1);
    return counts;
}

void
crowd_compare(const struct live *live, const struct mtlspin_decision *decision, const char *where)
{
    const char *name = versions_name(live->client);
    enum mtlspin_reason reason = versions_reason(live->client, decision->generation);
    bool allowed = decision->verdict == MTLSPIN_ALLOW;
    bool right = decision->reason == reason && allowed == (reason == MTLSPIN_REASON_RULE);
    if (!right && !allowed)
        right = cannot_be_known(live, decision->reason);
    if (!right || strcmp(decision->label, allowed ? name : "") != 0)
        complain("%s: %s%s is \"%s\" (%s) under generation %ju, which says %s", where, name,
            live->resumed ? ", resumed," : "", decision->label, mtlspin_reason_name(decision->reason),
            (uintmax_t)decision->generation, mtlspin_reason_name(reason));
}

static void
hook(const struct mtlspin_event *event, void *user)
{
    struct seen *seen = user;
    if (event->kind == MTLSPIN_EVENT_RELOAD) {
        (void)atomic_fetch_add(event->error->code == MTLSPIN_OK ? &seen->reloads : &seen->failed_reloads, 1);
        return;
    }
    (void)atomic_fetch_add(&seen->decisions, 1);
    if (event->kind == MTLSPIN_EVENT_SWEEP)
        (void)atomic_fetch_add(&seen->swept, 1);
}

/* Connections. */

static void
pause_briefly(void)
{
    const struct timespec moment = { .tv_nsec = 500000 };
    (void)nanosleep(&moment, NULL);
}

void
crowd_swept(void *user, const struct mtlspin_decision *decision)
{
    struct live *live = user;
    if (atomic_fetch_add(&crowd.calls, 1) % 4 == 0)
        pause_briefly(); /* the owner may want to withdraw */
    live->calls++;
    crowd_compare(live, decision, "sweep");
    if (decision->verdict == MTLSPIN_ALLOW)
        complain("a sweep calls back for %s, who is allowed", versions_name(live->client));
}

bool
crowd_connect(struct live *live, int version, SSL_SESSION *session)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    pair_make(&live->pair, crowd.server, crowd.clients[live->client][version]);
    if (session != NULL && !SSL_set_session(live->pair.client, session))
        complain("a session cannot be offered");
    (void)pair_shake(&live->pair);
    live->resumed = live->pair.accepted && SSL_session_reused(live->pair.server);
    bool allowed = mtlspin_check(crowd.verifier, live->pair.server, &decision) == MTLSPIN_ALLOW;
    crowd_compare(live, &decision, "handshake");
    (void)atomic_fetch_add(allowed ? &crowd.allowed[live->client] : &crowd.refused[live->client], 1);
    if (allowed && live->resumed)
        (void)atomic_fetch_add(&crowd.resumed[version], 1);
    bool open = live->pair.accepted; /* who is removed in the midst of it is told by the check, not by a broken handshake */
    int bytes = allowed || !open ? pair_talk(&live->pair, "hello") : 0;
    if (bytes != (allowed ? 5 : 0))
        complain("%s is %s and gets %d bytes through", versions_name(live->client), allowed ? "allowed" : "refused", bytes);
    (void)atomic_fetch_add(&crowd.visits, 1);
    return allowed;
}

/* Who was allowed may be refused by the policy of the next moment; alice never is. */
void
crowd_enrol(struct live *live)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    live->enrolment = mtlspin_enrol(crowd.verifier, live->pair.server, live, &error);
    bool sure = live->client == VERSIONS_ALICE && !(crowd.series == VERSIONS_STRUCTURES && live->resumed);
    if (live->enrolment == NULL && (sure || error.code != MTLSPIN_ERR_STATE))
        complain("%s cannot enrol: %s", versions_name(live->client), error.message);
}

void
crowd_dismiss(struct live *live)
{
    if (live == NULL)
        return;
    mtlspin_withdraw(live->enrolment);
    if (live->pair.client != NULL) {
        (void)SSL_shutdown(live->pair.client); /* or libssl spoils the session */
        (void)SSL_shutdown(live->pair.server);
        ERR_clear_error();
    }
    pair_free(&live->pair);
    free(live);
}

struct live *
crowd_new_live(int client)
{
    struct live *live = calloc(1, sizeof *live);
    ck_assert_ptr_nonnull(live);
    live->client = client;
    return live;
}

/* Threads. */

struct visitor {
    SSL_SESSION *sessions[VERSIONS_CLIENTS][2];
    struct live *ring[RING]; /* the last ones that were allowed */
};

static void
visit(struct visitor *visitor, size_t number)
{
    int client = (int)(number % VERSIONS_CLIENTS), version = (int)(number / VERSIONS_CLIENTS % 2);
    SSL_SESSION **session = &visitor->sessions[client][version];
    struct live *live = crowd_new_live(client), **place = &visitor->ring[number % RING];
    if (!crowd_connect(live, version, number % 5 == 0 ? NULL : *session)) {
        crowd_dismiss(live);
        return;
    }
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(live->pair.client);
    crowd_enrol(live);
    crowd_dismiss(*place);
    *place = live;
}

/* The main thread sets the pace, so that a slow reload does not make a long test. */
static void *
visit_all_the_time(void *user)
{
    struct visitor visitor = { 0 };
    size_t number = atomic_fetch_add(&crowd.first, 1); /* each begins with another client */
    while (!atomic_load(&crowd.stop) && !atomic_load(&crowd.complained))
        if (atomic_load(&crowd.visits) < atomic_load(&crowd.goal))
            visit(&visitor, number++);
        else
            pause_briefly();
    for (int i = 0; i < RING; i++)
        crowd_dismiss(visitor.ring[i]);
    for (int i = 0; i < VERSIONS_CLIENTS * 2; i++)
        SSL_SESSION_free(visitor.sessions[i / 2][i % 2]);
    return user;
}

/* Nothing that is counted may go back. */
static void *
read_all_the_time(void *user)
{
    struct mtlspin_stats before = MTLSPIN_STATS_INIT;
    while (!atomic_load(&crowd.stop)) {
        struct mtlspin_stats now = MTLSPIN_STATS_INIT;
        struct mtlspin_domain_stats domain = MTLSPIN_DOMAIN_STATS_INIT;
        if (mtlspin_verifier_stats(crowd.verifier, &now, NULL) != MTLSPIN_OK
            || mtlspin_verifier_domain_stats(crowd.verifier, 0, &domain, NULL) != MTLSPIN_OK)
            complain("no statistics");
        if (now.generation < before.generation || now.full_handshakes < before.full_handshakes
            || now.swept < before.swept || domain.generation < now.generation)
            complain("statistics of generation %ju go back", (uintmax_t)now.generation);
        before = now;
        pause_briefly();
    }
    return user;
}

/* A file with a mistake changes nothing; and a second thread sweeps. */
static void *
fail_all_the_time(void *user)
{
    while (!atomic_load(&crowd.stop)) {
        if (mtlspin_verifier_reload(crowd.verifier, NULL) == MTLSPIN_OK)
            complain("a policy with a mistake came into force");
        (void)mtlspin_verifier_sweep(crowd.verifier, crowd_swept);
        pause_briefly();
    }
    return user;
}

/* Enrols one and the same connection again and again, and withdraws it while a sweep may be at it. */
static void *
churn_all_the_time(void *user)
{
    struct live *open = crowd_new_live(VERSIONS_KIOSK);
    while (!crowd_connect(open, 1, NULL) && !atomic_load(&crowd.stop))
        pair_free(&open->pair);
    while (!atomic_load(&crowd.stop)) {
        struct live *live = crowd_new_live(open->client);
        live->enrolment = mtlspin_enrol(crowd.verifier, open->pair.server, live, NULL);
        pause_briefly();
        crowd_dismiss(live);
    }
    crowd_dismiss(open);
    return user;
}

/* valgrind runs one thread at a time, and each of them slowly. */
void
crowd_start(bool with_failer)
{
    const char *tool = instrumented();
    int visitors = tool != NULL && strcmp(tool, "valgrind") == 0 ? 2 : CROWD_VISITORS;
    static void *(*const others[])(void *) = { read_all_the_time, churn_all_the_time, fail_all_the_time };
    crowd.threads = visitors + (with_failer ? 3 : 2);
    for (int i = 0; i < crowd.threads; i++) {
        void *(*run)(void *) = i < visitors ? visit_all_the_time : others[i - visitors];
        ck_assert_int_eq(pthread_create(&crowd.thread[i], NULL, run, NULL), 0);
    }
}

void
crowd_join(void)
{
    atomic_store(&crowd.stop, true);
    for (int i = 0; i < crowd.threads; i++)
        ck_assert_int_eq(pthread_join(crowd.thread[i], NULL), 0);
    crowd_agree();
}

/* Setting up. */

void
crowd_set_up(enum versions_series series)
{
    memset(&crowd, 0, sizeof crowd);
    crowd.series = series;
    (void)pthread_mutex_init(&crowd.lock, NULL);
    versions_set_up(series);
    struct mtlspin_policy *policy = versions_load();
    crowd.verifier = mtlspin_verifier_new(policy, NULL);
    mtlspin_policy_unref(policy);
    ck_assert_int_eq(mtlspin_verifier_set_audit(crowd.verifier, hook, &crowd.seen, NULL), MTLSPIN_OK);
    crowd.server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(crowd.verifier, crowd.server, NULL), MTLSPIN_OK);
    for (int i = 0; i < VERSIONS_CLIENTS * 2; i++)
        crowd.clients[i / 2][i % 2] = rig_client(versions_name(i / 2), rig_version(i));
}

void
crowd_tear_down(void)
{
    for (int i = 0; i < VERSIONS_CLIENTS * 2; i++)
        SSL_CTX_free(crowd.clients[i / 2][i % 2]);
    SSL_CTX_free(crowd.server);
    mtlspin_verifier_unref(crowd.verifier);
    (void)pthread_mutex_destroy(&crowd.lock);
    versions_tear_down();
}

void
crowd_wait(size_t count)
{
    atomic_store(&crowd.goal, count + CROWD_VISITORS);
    while (atomic_load(&crowd.visits) < count && !atomic_load(&crowd.complained))
        pause_briefly();
}
