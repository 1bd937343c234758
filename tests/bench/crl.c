/* What long revocation lists cost: at the load of a policy, and at the handshake.

     bench-crl [ENTRIES...]          (without arguments: 100000 and 1000000)

   Handshakes with the list and handshakes under the same policy with an empty one take turns; so do the decisions about a
   live connection after a change of policy. The middle one of each is shown, in processor time of both sides. */
#include "made_crl.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLICY "ca @pki@/root-ca.pem\ncrl root.der\ncrl clients.%s\nallow spki @spki:alice@ alice\n"

enum { HANDSHAKES = 300, DECISIONS = 3000 };

static int entries[8] = { 100000, 1000000 }, sizes = 2;
static char folder[64];

static double
seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double
middle(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

/* Serial numbers of eight bytes, none of them alice's. */
static void
write_lists(int count)
{
    const struct crl_recipe recipe = { .issuer = "clients-ca", .begin = -60, .end = 86400 };
    X509_CRL *crl = crl_make(&recipe, (int64_t)time(NULL));
    BIO *pem = BIO_new_file("clients.pem", "wb"), *der = BIO_new_file("clients.der", "wb");
    ck_assert(pem != NULL && der != NULL);
    if (count > 0)
        crl_extend(crl, INT64_MAX / 2, count, "clients-ca");
    ck_assert_int_eq(PEM_write_bio_X509_CRL(pem, crl), 1);
    ck_assert_int_eq(i2d_X509_CRL_bio(der, crl), 1);
    BIO_free(pem);
    BIO_free(der);
    X509_CRL_free(crl);
}

static void
write_policy(const char *form)
{
    char text[256];
    (void)snprintf(text, sizeof text, POLICY, form);
    char *filled = policy_text(text);
    FILE *file = fopen("policy", "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(filled, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    free(filled);
}

static struct mtlspin_policy *
load(void)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load("policy", &error);
    ck_assert_msg(policy != NULL, "%s", error.message);
    return policy;
}

/* The best of some loads. */
static struct mtlspin_policy *
time_load(const char *form)
{
    double best = 1e9;
    char path[32];
    struct stat file;
    struct mtlspin_policy *policy = NULL;
    write_policy(form);
    (void)snprintf(path, sizeof path, "clients.%s", form);
    ck_assert_int_eq(stat(path, &file), 0);
    for (int i = 0; i < 3; i++) {
        mtlspin_policy_unref(policy);
        double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
        policy = load();
        double taken = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
        best = taken < best ? taken : best;
    }
    printf("  %s, %5.1f MiB: loaded in %8.1f ms\n", form, (double)file.st_size / (1 << 20), best * 1e3);
    return policy;
}

static void
make_rig(struct rig *rig, struct mtlspin_policy *policy)
{
    rig_make(rig, "ca @pki@/root-ca.pem\n", "alice", TLS1_3_VERSION);
    ck_assert_int_eq(mtlspin_verifier_set_policy(rig->verifier, policy, NULL), MTLSPIN_OK);
    ck_assert(rig_shake(rig)); /* the list is known for its issuer's from now on */
    ck_assert_int_eq(mtlspin_check(rig->verifier, rig->pair.server, NULL), MTLSPIN_ALLOW);
}

static double
time_handshake(struct rig *rig)
{
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    ck_assert(rig_shake(rig));
    ck_assert_int_eq(mtlspin_check(rig->verifier, rig->pair.server, NULL), MTLSPIN_ALLOW);
    return seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static double
time_decision(struct rig *rig, struct mtlspin_policy *policy)
{
    ck_assert_int_eq(mtlspin_verifier_set_policy(rig->verifier, policy, NULL), MTLSPIN_OK);
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    ck_assert_int_eq(mtlspin_check(rig->verifier, rig->pair.server, NULL), MTLSPIN_ALLOW);
    return seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static void
compare(struct mtlspin_policy *empty, struct mtlspin_policy *full)
{
    static double shakes[2][HANDSHAKES], decisions[2][DECISIONS];
    struct mtlspin_policy *const policies[] = { empty, full };
    struct rig rigs[2];
    for (int i = 0; i < 2; i++)
        make_rig(&rigs[i], policies[i]);
    for (int n = 0; n < 2 * HANDSHAKES; n++)
        shakes[n % 2][n / 2] = time_handshake(&rigs[n % 2]);
    for (int n = 0; n < 2 * DECISIONS; n++)
        decisions[n % 2][n / 2] = time_decision(&rigs[n % 2], policies[n % 2]);
    double without = middle(shakes[0], HANDSHAKES), with = middle(shakes[1], HANDSHAKES);
    printf("  a handshake:              %8.1f us with an empty list, %8.1f us with this one (%+.2f %%)\n", without * 1e6,
        with * 1e6, (with / without - 1) * 100);
    printf("  a live connection's turn: %8.2f us with an empty list, %8.2f us with this one\n",
        middle(decisions[0], DECISIONS) * 1e6, middle(decisions[1], DECISIONS) * 1e6);
    for (int i = 0; i < 2; i++)
        rig_free(&rigs[i]);
}

static void
measure(int count)
{
    write_lists(0);
    write_policy("der");
    struct mtlspin_policy *empty = load();
    write_lists(count);
    printf("%d entries\n", count);
    mtlspin_policy_unref(time_load("pem"));
    struct mtlspin_policy *full = time_load("der");
    compare(empty, full);
    mtlspin_policy_unref(full);
    mtlspin_policy_unref(empty);
}

START_TEST(lists)
{
    const struct crl_recipe root = { .file = "root.der", .issuer = "root-ca", .begin = -60, .end = 86400 };
    (void)snprintf(folder, sizeof folder, "/tmp/mtlspin-bench-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    crl_write(&root, (int64_t)time(NULL));
    for (int i = 0; i < sizes; i++)
        measure(entries[i]);
}
END_TEST

static void
tear_down(void)
{
    static const char *const files[] = { "policy", "root.der", "clients.der", "clients.pem" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)unlink(files[i]);
    (void)chdir("/");
    (void)rmdir(folder);
}

int
main(int argc, char **argv)
{
    Suite *suite = suite_create("crl");
    TCase *only = tcase_create("crl");
    for (int i = 1; i < argc && i <= 8; i++)
        entries[i - 1] = atoi(argv[i]);
    sizes = argc > 1 ? argc - 1 < 8 ? argc - 1 : 8 : sizes;
    tcase_set_timeout(only, 0);
    tcase_add_checked_fixture(only, NULL, tear_down);
    tcase_add_test(only, lists);
    suite_add_tcase(suite, only);
    return run_suite(suite);
}
