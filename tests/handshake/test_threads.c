/* Many handshakes at once on one SSL_CTX and one verifier: for the sanitizers, and for the counts in the end. */
#include "rig.h"
#include "suite.h"
#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, HANDSHAKES = 8 };

static atomic_int allowed, refused, audited;

static void
count(const struct mtlspin_event *event, void *user)
{
    (void)event, (void)user;
    atomic_fetch_add(&audited, 1);
}

/* Check's assertions are for the main thread; here the counts tell. */
static void *
run(void *user)
{
    struct rig *rig = user;
    for (int i = 0; i < HANDSHAKES; i++) {
        struct pair pair;
        pair_make(&pair, rig->server, rig->client);
        if (rig->client_side)
            (void)SSL_set1_host(pair.client, "localhost");
        if (rig->client_side && i % 2 == 0)
            (void)!mtlspin_prepare(rig->verifier, pair.client, NULL);
        (void)pair_shake(&pair);
        if (mtlspin_check(rig->verifier, rig->client_side ? pair.client : pair.server, NULL) == MTLSPIN_ALLOW)
            atomic_fetch_add(&allowed, 1);
        else
            atomic_fetch_add(&refused, 1);
        pair_free(&pair);
    }
    return NULL;
}

/* Starts all threads, waits for them, and looks at what they counted. */
static void
run_all(struct rig *rig, bool allow)
{
    pthread_t threads[THREADS];
    atomic_store(&allowed, 0);
    atomic_store(&refused, 0);
    atomic_store(&audited, 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, rig), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(atomic_load(&allowed), allow ? THREADS * HANDSHAKES : 0);
    ck_assert_int_eq(atomic_load(&refused), allow ? 0 : THREADS * HANDSHAKES);
    ck_assert_int_eq(atomic_load(&audited), THREADS * HANDSHAKES);
}

START_TEST(handshakes_in_parallel)
{
    struct rig rig;
    rig_verifier(&rig, "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n");
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, count, NULL, NULL), MTLSPIN_OK);
    rig.server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    rig.client = rig_client(_i < 2 ? "alice" : "mallory", rig_version(_i));
    run_all(&rig, _i < 2);
    rig_free(&rig);
}
END_TEST

/* The same on the client's side: every other connection is prepared. */
START_TEST(clients_in_parallel)
{
    struct rig rig;
    rig_verifier(&rig, "ca @pki@/root-ca.pem\nallow spki @spki:server@ server\n");
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, count, NULL, NULL), MTLSPIN_OK);
    rig.client_side = true;
    rig.server = rig_public_server(_i < 2 ? "server" : "server-rsa");
    rig.client = rig_client(NULL, rig_version(_i));
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.client, NULL), MTLSPIN_OK);
    run_all(&rig, _i < 2);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("threads");
    TCase *all = tcase_create("threads");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, handshakes_in_parallel, 0, 4);
    tcase_add_loop_test(all, clients_in_parallel, 0, 4);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
