/* Connections that stay open keep no policy that is not in force any more, however many there were. */
#include "instrumented.h"
#include "policy.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RULES = 100000, ROUNDS = 50, EACH = 2, IDLE = ROUNDS * EACH };

static char folder[64];

/* A policy's file with alice, and so many others. */
static void
write_policy(int rules)
{
    char *head = policy_text("ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n");
    FILE *file = fopen("policy", "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(head, file), 0);
    for (int i = 0; i < rules; i++)
        (void)fprintf(file, "allow spki %064x client-%d\n", (unsigned)i, i);
    ck_assert_int_eq(fclose(file), 0);
    free(head);
}

static void
set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/mtlspin-footprint-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void
tear_down(void)
{
    (void)unlink("policy");
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void
make_rig(struct rig *rig, int rules, int version)
{
    rig_make(rig, "ca @pki@/root-ca.pem\n", "alice", version);
    write_policy(rules);
    struct mtlspin_policy *policy = mtlspin_policy_load("policy", NULL);
    ck_assert_ptr_nonnull(policy);
    ck_assert_int_eq(mtlspin_verifier_set_policy(rig->verifier, policy, NULL), MTLSPIN_OK);
    mtlspin_policy_unref(policy);
}

static void
reload(const struct rig *rig)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_msg(mtlspin_verifier_reload(rig->verifier, &error) == MTLSPIN_OK, "%s", error.message);
}

/* A connection of the caller's, with its handshake done, and without the buffers between its ends. */
static SSL *
open_one(struct rig *rig)
{
    ck_assert(rig_shake(rig));
    SSL *server = rig->pair.server;
    rig->pair.server = NULL;
    SSL_set_bio(server, NULL, NULL);
    return server;
}

static void
check(const struct rig *rig, SSL *ssl)
{
    ck_assert_int_eq(mtlspin_check(rig->verifier, ssl, NULL), MTLSPIN_ALLOW);
}

/* Nobody but this test has the policy, and the verifier, which waits for that: it is as good as gone. */
static bool
is_forgotten(struct mtlspin_policy *policy)
{
    return atomic_load(&policy->references) == 2;
}

/* Row after row: what is done with an open connection before the reload, and whether it has forgotten its policy then.
   One that nobody has asked about is as in the midst of its handshake. */
static const struct { const char *what; bool checked, enrolled, forgets; } habits[] = {
    { "a connection that was never checked", false, false, false },
    { "a connection that was checked once", true, false, true },
    { "a connection that was enrolled", false, true, true },
};
enum { HABITS = sizeof habits / sizeof *habits };

START_TEST(one_connection)
{
    struct rig rig;
    struct mtlspin_enrolment *enrolment = NULL;
    int habit = _i / 2;
    make_rig(&rig, 10, rig_version(_i));
    struct mtlspin_policy *old = mtlspin_verifier_policy(rig.verifier);
    SSL *ssl = open_one(&rig);
    if (habits[habit].checked)
        check(&rig, ssl);
    if (habits[habit].enrolled)
        ck_assert_ptr_nonnull(enrolment = mtlspin_enrol(rig.verifier, ssl, NULL, NULL));
    reload(&rig);
    ck_assert_msg(is_forgotten(old) == habits[habit].forgets, "%s", habits[habit].what);
    check(&rig, ssl); /* at the latest */
    ck_assert_msg(is_forgotten(old), "%s", habits[habit].what);
    mtlspin_withdraw(enrolment);
    SSL_free(ssl);
    mtlspin_policy_unref(old);
    rig_free(&rig);
}
END_TEST

static double
resident_mib(void)
{
    unsigned long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu %lu", &all, &resident), 2);
    (void)fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* Every policy gets connections that outlive it, asked about once. Returns by how many MiB the process has grown since the
   policies have been replaced a few times. */
static double
grow(struct rig *rig, int rounds, struct mtlspin_policy **keep)
{
    static SSL *idle[IDLE];
    double before = 0;
    for (int round = 0; round < rounds; round++) {
        for (int i = round * EACH; i < (round + 1) * EACH; i++) {
            idle[i] = open_one(rig);
            check(rig, idle[i]);
        }
        if (round == 5)
            before = resident_mib();
        if (keep != NULL)
            keep[round] = mtlspin_verifier_policy(rig->verifier);
        reload(rig);
    }
    double grown = resident_mib() - before;
    for (int i = 0; i < rounds * EACH; i++)
        SSL_free(idle[i]);
    return grown;
}

/* The control keeps the policies on purpose, fewer of them, and sees it. It comes first: what it frees is at once used
   again. */
START_TEST(many_connections)
{
    enum { KEPT = 15 };
    struct rig rig;
    struct mtlspin_policy *kept[KEPT];
    make_rig(&rig, RULES, TLS1_3_VERSION);
    double one = grow(&rig, KEPT, kept) / (KEPT - 5);
    for (int i = 0; i < KEPT; i++)
        mtlspin_policy_unref(kept[i]);
    double idle = grow(&rig, ROUNDS, NULL);
    printf("%d reloads, %d idle connections: %.1f MiB; a policy of %d rules has %.1f MiB\n", ROUNDS, IDLE, idle, RULES,
        one);
    ck_assert(one > 1);
    ck_assert_msg(idle < 3 * one, "%.1f MiB for %d connections", idle, IDLE);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("footprint");
    TCase *all = tcase_create("footprint");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, one_connection, 0, 2 * HABITS);
    if (instrumented() == NULL)
        tcase_add_test(all, many_connections);
    else
        printf("skipped: the memory of many connections, since %s has its own\n", instrumented());
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
