/* Eight threads of handshakes, full ones and resumptions, while the policy is replaced under them all the time: every
   decision must be that of the policy whose generation it bears, nobody is told of a connection that may live, and the
   memory stays as it is. For the sanitizers, too. */
#include "crowd.h"
#include "instrumented.h"
#include "suite.h"
#include "versions.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { POOL = 24, PER_RELOAD = 3, PER_STRUCTURE = 12 };

/* Reloads in all, and how many of them make the memory's first and last sample. */
enum { PLAIN_RELOADS = 1000, SAMPLE = 100, SANITIZED_RELOADS = 160, VALGRIND_RELOADS = 40 };

/* It takes so many handshakes in many threads until the allocator's heaps have found their size. */
enum { WARM_UP = 2000 };

static int
rounds(void)
{
    const char *tool = instrumented();
    return tool == NULL ? PLAIN_RELOADS : strcmp(tool, "valgrind") == 0 ? VALGRIND_RELOADS : SANITIZED_RELOADS;
}

/* Connections that stay open all the while. They belong to the main thread. */

struct pool {
    struct live *lives[POOL];
    size_t removals[VERSIONS_CLIENTS];
};

static void
fill(struct pool *pool)
{
    memset(pool, 0, sizeof *pool);
    for (int i = 0; i < POOL; i++) {
        pool->lives[i] = crowd_new_live(i % VERSIONS_CLIENTS);
        ck_assert(crowd_connect(pool->lives[i], i / VERSIONS_CLIENTS % 2, NULL));
        crowd_enrol(pool->lives[i]);
    }
    crowd_agree();
}

/* Their owner's own question, and whose connections the sweeps have called back for so far: once for each removal. */
static void
look(struct pool *pool, uint64_t generation, bool exact)
{
    for (int c = 0; c < VERSIONS_CLIENTS; c++)
        pool->removals[c] += versions_reason(c, generation) != MTLSPIN_REASON_RULE
            && versions_reason(c, generation - 1) == MTLSPIN_REASON_RULE;
    for (int i = 0; i < POOL; i++) {
        struct live *live = pool->lives[i];
        struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
        (void)!mtlspin_check(crowd.verifier, live->pair.server, &decision);
        ck_assert_uint_eq(decision.generation, generation);
        crowd_compare(live, &decision, "live connection");
        if (exact)
            ck_assert_msg(live->calls == pool->removals[live->client], "%s: %zu calls for %zu removals",
                versions_name(live->client), live->calls, pool->removals[live->client]);
    }
    crowd_agree();
}

/* Two sweeps at once may find that who is removed is back again before they have told it. */
static void
drain(struct pool *pool)
{
    for (int i = 0; i < POOL; i++) {
        struct live *live = pool->lives[i];
        mtlspin_withdraw(live->enrolment);
        live->enrolment = NULL;
        ck_assert_uint_le(live->calls, pool->removals[live->client]);
        ck_assert_int_eq(live->calls > 0, pool->removals[live->client] > 0);
        crowd_dismiss(live);
    }
}

/* The hook and the statistics have seen the same, and the test has tested something. */
static void
sum_up(const char *what, int changes)
{
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    size_t decisions = 0, handshakes = 0;
    ck_assert_int_eq(mtlspin_verifier_stats(crowd.verifier, &stats, NULL), MTLSPIN_OK);
    for (size_t i = 0; i < MTLSPIN_STATS_REASONS; i++)
        decisions += stats.decisions[i];
    ck_assert_uint_eq(decisions, atomic_load(&crowd.seen.decisions));
    ck_assert_uint_eq(stats.swept, atomic_load(&crowd.seen.swept));
    for (int i = 0; i < VERSIONS_CLIENTS; i++)
        handshakes += atomic_load(&crowd.allowed[i]);
    ck_assert_uint_eq(stats.full_handshakes + stats.resumed_handshakes, handshakes);
    ck_assert_uint_eq(stats.resumed_handshakes, atomic_load(&crowd.resumed[0]) + atomic_load(&crowd.resumed[1]));
    ck_assert_uint_eq(stats.enrolled, 0);
    ck_assert_uint_eq(atomic_load(&crowd.seen.reloads), (size_t)changes);
    ck_assert(crowd.series == VERSIONS_STRUCTURES || atomic_load(&crowd.refused[VERSIONS_ALICE]) == 0);
    ck_assert_uint_gt(atomic_load(&crowd.allowed[VERSIONS_ALICE]), 0);
    ck_assert_uint_gt(atomic_load(&crowd.allowed[VERSIONS_KIOSK]), 0);
    ck_assert_uint_gt(atomic_load(&crowd.refused[VERSIONS_KIOSK]), 0);
    ck_assert_uint_gt(stats.resumed_handshakes, 0);
    printf("%s: %d changes, %zu handshakes, %zu resumed, %zu connections swept, %zu unknown\n", what, changes,
        atomic_load(&crowd.visits), (size_t)stats.resumed_handshakes, (size_t)stats.swept, atomic_load(&crowd.unknown));
}

/* Memory. */

struct memory {
    double first, last; /* pages, the sum of a sample */
};

static double
resident_pages(void)
{
    unsigned long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu %lu", &all, &resident), 2);
    (void)fclose(file);
    return (double)resident;
}

/* After the first hundred reloads every version has been there. */
static void
take_sample(struct memory *memory, int round)
{
    if (round > SAMPLE && round <= 2 * SAMPLE)
        memory->first += resident_pages();
    if (round > PLAIN_RELOADS - SAMPLE)
        memory->last += resident_pages();
}

static void
compare_memory(const struct memory *memory)
{
    double mean = (double)sysconf(_SC_PAGESIZE) / 1024 / (double)SAMPLE, ratio = memory->last / memory->first;
    if (instrumented() != NULL) {
        printf("skipped: the memory after a thousand reloads, since %s has its own\n", instrumented());
        return;
    }
    printf("memory: %.0f KiB at first, %.0f KiB in the end\n", memory->first * mean, memory->last * mean);
    ck_assert_msg(ratio > 0.95 && ratio < 1.05, "the memory is %.3f of what it was", ratio);
}

/* Tests. */

static void
reload_all_the_time(const char *what, int count, size_t visits, size_t per_reload, struct memory *memory)
{
    struct pool pool;
    fill(&pool);
    crowd_start(false);
    crowd_wait(visits);
    for (int round = 1; round <= count; round++) {
        uint64_t generation = (uint64_t)round + 1;
        struct mtlspin_error error = MTLSPIN_ERROR_INIT;
        versions_publish(generation);
        ck_assert_msg(mtlspin_verifier_reload(crowd.verifier, &error) == MTLSPIN_OK, "%s", error.message);
        ck_assert_uint_eq(mtlspin_verifier_generation(crowd.verifier), generation);
        (void)mtlspin_verifier_sweep(crowd.verifier, crowd_swept);
        look(&pool, generation, true);
        crowd_wait(visits + (size_t)round * per_reload);
        take_sample(memory, round);
    }
    crowd_join();
    drain(&pool);
    sum_up(what, count);
    ck_assert_uint_eq(atomic_load(&crowd.seen.failed_reloads), 0);
}

START_TEST(reloads)
{
    struct memory memory = { 0 };
    crowd_set_up(VERSIONS_EDITS);
    reload_all_the_time("reloads", rounds(), instrumented() == NULL ? WARM_UP : 0, PER_RELOAD, &memory);
    compare_memory(&memory);
}
END_TEST

START_TEST(structures)
{
    struct memory memory = { 0 };
    crowd_set_up(VERSIONS_STRUCTURES);
    reload_all_the_time("other structures", rounds() / 8 + VERSIONS_PERIOD, 0, PER_STRUCTURE, &memory);
}
END_TEST

/* Policies that have been in force before, by set_policy, while another thread reloads a file with a mistake. */
START_TEST(set_policies)
{
    struct pool pool;
    struct mtlspin_policy *policies[VERSIONS_PERIOD];
    crowd_set_up(VERSIONS_EDITS);
    for (int i = 0; i < VERSIONS_PERIOD; i++) {
        versions_publish((uint64_t)i + 1);
        policies[i] = versions_load();
    }
    versions_spoil();
    fill(&pool);
    crowd_start(true);
    for (int round = 1; round <= rounds() / 2; round++) {
        ck_assert_int_eq(mtlspin_verifier_set_policy(crowd.verifier, policies[round % VERSIONS_PERIOD], NULL), MTLSPIN_OK);
        (void)mtlspin_verifier_sweep(crowd.verifier, crowd_swept);
        look(&pool, (uint64_t)round + 1, false);
        crowd_wait((size_t)round * PER_RELOAD);
    }
    crowd_join();
    drain(&pool);
    sum_up("policies", rounds() / 2);
    ck_assert_uint_gt(atomic_load(&crowd.seen.failed_reloads), 0);
    for (int i = 0; i < VERSIONS_PERIOD; i++)
        mtlspin_policy_unref(policies[i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("load");
    TCase *all = tcase_create("load");
    tcase_set_timeout(all, 280);
    tcase_add_checked_fixture(all, NULL, crowd_tear_down);
    tcase_add_test(all, reloads);
    tcase_add_test(all, structures);
    tcase_add_test(all, set_policies);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
