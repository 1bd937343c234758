/* Sweeps beside everything else that happens at the same time: callbacks, withdrawals, other sweeps, other policies. What
   is refused when, and why, is in test_live.c. */
#include "live.h"
#include "policy_text.h"
#include "suite.h"
#include <openssl/err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#define NOBODY LIVE_CA "allow spki @spki:kiosk@ kiosk\n"

/* A live connection with what its callback does and counts. */
struct guest {
    struct live *live;
    struct mtlspin_enrolment *enrolment, *other;
    int calls, running, deepest;
    sem_t entered, leave;
    atomic_bool finished, withdrawn;
};

static void
count(void *user, const struct mtlspin_decision *decision)
{
    struct guest *guest = user;
    guest->calls++;
    ck_assert_int_eq(decision->reason, MTLSPIN_REASON_NO_RULE);
}

static void
make(struct guest *guest, struct live *live, int which)
{
    memset(guest, 0, sizeof *guest);
    guest->live = live;
    guest->enrolment = mtlspin_enrol(live->rig.verifier, live->judged[which], guest, NULL);
    ck_assert_ptr_nonnull(guest->enrolment);
}

/* The verifier's hook has seen one event for each refusal, and nothing of what stays allowed. */
START_TEST(told_and_reported_once)
{
    struct live live;
    struct guest guests[2];
    live_make(&live, LIVE_ALL, rig_version(_i));
    ck_assert_int_eq(mtlspin_set_peer_address(live.judged[LIVE_RESUMED], "192.0.2.7:4711", NULL), MTLSPIN_OK);
    make(&guests[0], &live, LIVE_FULL);
    make(&guests[1], &live, LIVE_RESUMED);
    live_policy(&live, LIVE_CA LIVE_ALICE LIVE_SERVER);
    int before = live.rig.audit.events;
    ERR_raise(ERR_LIB_USER, 7);
    for (int round = 0; round < 3; round++)
        ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, count), round == 0);
    ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), 7);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    ck_assert_int_eq(guests[0].calls, 0);
    ck_assert_int_eq(guests[1].calls, 1);
    ck_assert_int_eq(live.rig.audit.events, before + 1);
    ck_assert_int_eq(live.rig.audit.reason, MTLSPIN_REASON_NO_RULE);
    ck_assert_int_eq(live.rig.audit.role, MTLSPIN_SERVER);
    ck_assert_int_eq(live.rig.audit.resumed, 1);
    static const char *const parts[] = { "\"event\":\"sweep\"", "\"peer_address\":\"192.0.2.7:4711\"",
        "\"subject\":\"CN=mallory,O=Example\"", "\"generation\":2", "\"protocol\":\"TLSv1." };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(live.rig.audit.json, parts[i]) != NULL, "no %s in %s", parts[i], live.rig.audit.json);
    mtlspin_withdraw(guests[0].enrolment);
    mtlspin_withdraw(guests[1].enrolment);
    live_free(&live);
}
END_TEST

START_TEST(a_server_is_reported_with_its_host)
{
    struct live live;
    struct guest guest;
    live_make(&live, LIVE_ALL, rig_version(_i));
    make(&guest, &live, LIVE_CLIENT);
    live_policy(&live, NOBODY);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, count), 1);
    ck_assert_int_eq(live.rig.audit.role, MTLSPIN_CLIENT);
    ck_assert_str_eq(live.rig.audit.host, "localhost");
    ck_assert_int_eq(live.rig.audit.resumed, 0);
    mtlspin_withdraw(guest.enrolment);
    live_free(&live);
}
END_TEST

START_TEST(only_the_allowed_enrol)
{
    struct live live;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    live_make(&live, LIVE_ALL, rig_version(_i));
    struct mtlspin_verifier *verifier = live.rig.verifier;
    SSL *fresh = SSL_new(live.rig.server);
    live_policy(&live, LIVE_CA LIVE_MALLORY);
    ck_assert_ptr_null(mtlspin_enrol(verifier, live.judged[LIVE_FULL], NULL, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_STATE);
    ck_assert_ptr_nonnull(strstr(error.message, mtlspin_reason_text(MTLSPIN_REASON_NO_RULE)));
    ck_assert_ptr_null(mtlspin_enrol(verifier, fresh, NULL, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_STATE);
    ck_assert_ptr_null(mtlspin_enrol(NULL, live.judged[LIVE_FULL], NULL, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
    ck_assert_ptr_null(mtlspin_enrol(verifier, NULL, NULL, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
    ck_assert_uint_eq(mtlspin_verifier_sweep(verifier, count), 0);
    ck_assert_uint_eq(mtlspin_verifier_sweep(NULL, count), 0);
    ck_assert_uint_eq(mtlspin_verifier_sweep(verifier, NULL), 0);
    mtlspin_withdraw(NULL);
    SSL_free(fresh);
    live_free(&live);
}
END_TEST

/* The enrolment holds what it needs; the program's references, the SSLs and the SSL_CTXs may all be gone. */
START_TEST(the_enrolment_comes_last)
{
    struct live live;
    struct guest guests[2];
    live_make(&live, LIVE_ALL, rig_version(_i));
    struct mtlspin_verifier *verifier = mtlspin_verifier_ref(live.rig.verifier);
    make(&guests[0], &live, LIVE_FULL);
    make(&guests[1], &live, LIVE_RESUMED);
    live_policy(&live, NOBODY);
    ck_assert_int_eq(mtlspin_verifier_set_audit(verifier, NULL, NULL, NULL), MTLSPIN_ERR_STATE);
    mtlspin_withdraw(guests[0].enrolment);
    ck_assert_uint_eq(mtlspin_verifier_sweep(verifier, count), 1);
    ck_assert_int_eq(guests[0].calls, 0);
    ck_assert_int_eq(guests[1].calls, 1);
    mtlspin_verifier_unref(verifier);
    live_free(&live);
    mtlspin_withdraw(guests[1].enrolment);
}
END_TEST

/* In one thread: from within a callback. */

static void
withdraw_both(void *user, const struct mtlspin_decision *decision)
{
    struct guest *guest = user;
    count(user, decision);
    mtlspin_withdraw(guest->enrolment);
    mtlspin_withdraw(guest->other);
}

START_TEST(withdrawn_within_a_callback)
{
    struct live live;
    struct guest guests[3];
    live_make(&live, LIVE_ALL, rig_version(_i));
    for (int i = 0; i < 3; i++)
        make(&guests[i], &live, i);
    guests[0].other = guests[1].enrolment; /* whoever comes first takes the other along; the third is on its own */
    guests[1].other = guests[0].enrolment;
    live_policy(&live, NOBODY);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, withdraw_both), 2);
    ck_assert_int_eq(guests[0].calls + guests[1].calls, 1);
    ck_assert_int_eq(guests[2].calls, 1);
    live_policy(&live, LIVE_ALL);
    live_policy(&live, NOBODY);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, count), 0);
    live_free(&live);
}
END_TEST

/* The policy changes to and fro, with sweeps, while the callback runs: it is not run within itself, but once more. */
static void
change_and_sweep(void *user, const struct mtlspin_decision *decision)
{
    struct guest *guest = user;
    count(user, decision);
    guest->running++;
    if (guest->running > guest->deepest)
        guest->deepest = guest->running;
    if (guest->calls == 1) {
        live_policy(guest->live, LIVE_ALL);
        ck_assert_uint_eq(mtlspin_verifier_sweep(guest->live->rig.verifier, change_and_sweep), 0);
        live_policy(guest->live, NOBODY);
        ck_assert_uint_eq(mtlspin_verifier_sweep(guest->live->rig.verifier, change_and_sweep), 0);
    }
    guest->running--;
}

START_TEST(sweeps_within_a_callback)
{
    struct live live;
    struct guest guest;
    live_make(&live, LIVE_ALL, rig_version(_i));
    make(&guest, &live, LIVE_FULL);
    live_policy(&live, NOBODY);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, change_and_sweep), 2);
    ck_assert_int_eq(guest.calls, 2);
    ck_assert_int_eq(guest.deepest, 1);
    mtlspin_withdraw(guest.enrolment);
    live_free(&live);
}
END_TEST

/* In two threads. */

static void
linger(void *user, const struct mtlspin_decision *decision)
{
    struct guest *guest = user;
    (void)decision;
    guest->calls++;
    (void)sem_post(&guest->entered);
    (void)sem_wait(&guest->leave);
    atomic_store(&guest->finished, true);
}

static void *
sweep_in_thread(void *user)
{
    struct guest *guest = user;
    (void)mtlspin_verifier_sweep(guest->live->rig.verifier, linger);
    return NULL;
}

static void *
withdraw_in_thread(void *user)
{
    struct guest *guest = user;
    mtlspin_withdraw(guest->enrolment);
    atomic_store(&guest->withdrawn, true);
    return NULL;
}

START_TEST(withdrawing_waits)
{
    struct live live;
    struct guest guest, bystander;
    pthread_t sweeper, withdrawer;
    const struct timespec moment = { .tv_sec = 0, .tv_nsec = 50000000 };
    live_make(&live, LIVE_ALL, rig_version(_i));
    make(&guest, &live, LIVE_FULL);
    make(&bystander, &live, LIVE_CLIENT);
    ck_assert_int_eq(sem_init(&guest.entered, 0, 0) | sem_init(&guest.leave, 0, 0), 0);
    live_policy(&live, LIVE_CA LIVE_MALLORY LIVE_SERVER);
    ck_assert_int_eq(pthread_create(&sweeper, NULL, sweep_in_thread, &guest), 0);
    ck_assert_int_eq(sem_wait(&guest.entered), 0);
    ck_assert_int_eq(pthread_create(&withdrawer, NULL, withdraw_in_thread, &guest), 0);
    (void)nanosleep(&moment, NULL);
    ck_assert(!atomic_load(&guest.withdrawn));
    mtlspin_withdraw(bystander.enrolment); /* of which no callback runs */
    live_policy(&live, LIVE_ALL);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, count), 0); /* does not wait either */
    ck_assert(!atomic_load(&guest.finished));
    ck_assert_int_eq(sem_post(&guest.leave), 0);
    ck_assert_int_eq(pthread_join(withdrawer, NULL), 0);
    ck_assert(atomic_load(&guest.finished));
    ck_assert_int_eq(pthread_join(sweeper, NULL), 0);
    ck_assert_int_eq(guest.calls, 1);
    (void)sem_destroy(&guest.entered);
    (void)sem_destroy(&guest.leave);
    live_free(&live);
}
END_TEST

/* In eight threads: two each that connect, change the policy and sweep; and two that come and go on one connection. Check's
   assertions are for the main thread. */

enum { EACH = 2, ROUNDS = 30 };

static struct crowd {
    struct live *live;
    struct mtlspin_policy *policies[2]; /* with mallory, and without */
    atomic_int wrong, told, enrolled;
    atomic_bool over;
} crowd;

static void
drop_in(void *user, const struct mtlspin_decision *decision)
{
    atomic_int *present = user;
    atomic_fetch_add(&crowd.told, 1);
    if (atomic_load(present) != 1 || decision->verdict == MTLSPIN_ALLOW)
        atomic_fetch_add(&crowd.wrong, 1);
}

static void
stay_for_a_while(SSL *ssl)
{
    atomic_int present = 1;
    struct mtlspin_enrolment *enrolment = mtlspin_enrol(crowd.live->rig.verifier, ssl, &present, NULL);
    if (enrolment != NULL)
        atomic_fetch_add(&crowd.enrolled, 1);
    (void)!mtlspin_check(crowd.live->rig.verifier, ssl, NULL);
    mtlspin_withdraw(enrolment);
    atomic_store(&present, 0);
}

static void *
connect_again(void *user)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct pair pair;
        pair_make(&pair, crowd.live->rig.server, crowd.live->clients[i % 2]);
        if (pair_shake(&pair))
            stay_for_a_while(pair.server);
        pair_free(&pair);
    }
    return user;
}

/* Each with a connection of its own: an SSL is one thread's. */
static void *
come_and_go(void *user)
{
    while (!atomic_load(&crowd.over))
        stay_for_a_while(user);
    return user;
}

static void *
change_policy(void *user)
{
    for (unsigned i = 0; !atomic_load(&crowd.over); i++)
        if (mtlspin_verifier_set_policy(crowd.live->rig.verifier, crowd.policies[i % 2], NULL) != MTLSPIN_OK)
            atomic_fetch_add(&crowd.wrong, 1);
    return user;
}

static void *
sweep_again(void *user)
{
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    while (!atomic_load(&crowd.over)) {
        (void)mtlspin_verifier_sweep(crowd.live->rig.verifier, drop_in);
        if (mtlspin_verifier_stats(crowd.live->rig.verifier, &stats, NULL) != MTLSPIN_OK)
            atomic_fetch_add(&crowd.wrong, 1);
    }
    return user;
}

static void
run_crowd(struct live *live)
{
    void *(*const roles[])(void *) = { connect_again, come_and_go, change_policy, sweep_again };
    pthread_t threads[4 * EACH];
    for (size_t i = 0; i < 4 * EACH; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, roles[i / EACH],
            i / EACH == 1 ? live->judged[i % EACH] : NULL), 0);
    for (size_t i = 0; i < 4 * EACH; i++) {
        if (i == EACH)
            atomic_store(&crowd.over, true);
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
}

static void
ignore(const struct mtlspin_event *event, void *user)
{
    (void)event, (void)user;
}

START_TEST(many_threads)
{
    struct live live;
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    struct guest resident, refused;
    live_make_with(&live, LIVE_ALL, rig_version(_i), ignore);
    memset(&crowd, 0, sizeof crowd);
    crowd.live = &live;
    crowd.policies[0] = policy_of(LIVE_ALL);
    crowd.policies[1] = policy_of(LIVE_CA LIVE_ALICE LIVE_SERVER);
    run_crowd(&live);
    int wrong = atomic_load(&crowd.wrong), enrolled = atomic_load(&crowd.enrolled);
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_gt(enrolled, 2 * EACH);
    live_policy(&live, LIVE_ALL);
    make(&resident, &live, LIVE_CLIENT);
    make(&refused, &live, LIVE_RESUMED);
    live_policy(&live, LIVE_CA LIVE_ALICE LIVE_SERVER);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, count), 1);
    ck_assert_int_eq(refused.calls, 1);
    ck_assert_int_eq(resident.calls, 0);
    ck_assert_int_eq(mtlspin_verifier_stats(live.rig.verifier, &stats, NULL), MTLSPIN_OK);
    ck_assert_uint_eq(stats.enrolled, 2);
    mtlspin_withdraw(resident.enrolment);
    mtlspin_withdraw(refused.enrolment);
    mtlspin_policy_unref(crowd.policies[0]);
    mtlspin_policy_unref(crowd.policies[1]);
    live_free(&live);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("sweep");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both, 240);
    const TTest *const tests[] = { told_and_reported_once, a_server_is_reported_with_its_host, only_the_allowed_enrol,
        the_enrolment_comes_last, withdrawn_within_a_callback, sweeps_within_a_callback, withdrawing_waits, many_threads };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_loop_test(both, tests[i], 0, 2);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
