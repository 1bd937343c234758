/* What a sweep costs after each of many changes, of a few clients' connections, whose chains have three certificates.
   Each line: what had changed, how many were refused, milliseconds for the sweep, microseconds for each connection. */
#include "lists.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include "sweep_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *const clients[] = { "alice", "mallory", "client-p384", "build-agent" };
enum { CLIENTS = sizeof clients / sizeof *clients };

#define CA "ca @pki@/root-ca.pem\n"
#define REST "allow spki @spki:mallory@ m\nallow spki @spki:client-p384@ p\nallow spki @spki:build-agent@ b\n"
#define ALL "allow spki @spki:alice@ a\n" REST
#define LISTED(list) CA "crl root.pem\ncrl " list "\n" ALL

/* The clients are all of one CA. */
static const struct crl_recipe lists[] = {
    { "root.pem", "root-ca", NULL, -60, 86400, NULL, 0 },
    { "nobody.pem", "clients-ca", NULL, -60, 86400, NULL, 0 },
    { "kiosk.pem", "clients-ca", NULL, -60, 86400, "kiosk", 0 },
    { "alice.pem", "clients-ca", NULL, -60, 86400, "alice", 0 },
};

static const struct change {
    const char *what, *policy;
} changes[] = {
    { "a rule added", CA ALL "allow spki @spki:kiosk@ kiosk\n" },
    { "nothing", NULL },
    { "a client's rule removed", CA REST },
    { "nothing", NULL },
    { "the rule is back", CA ALL },
    { "a client's key denied", "deny spki @spki:alice@ alice\n" CA ALL },
    { "a rule by thumbprint", CA ALL "allow thumbprint @thumbprint:kiosk@ kiosk\n" },
    { "a rule by name", CA ALL "allow dns agent.acme.example agent\n" },
    { "an anchor added", CA "ca @pki@/partner-ca.pem\n" ALL },
    { "the anchors are all others", "ca @pki@/other-ca.pem\n" ALL },
    { "the same again", "ca @pki@/other-ca.pem\n" ALL },
    { "the anchors are back", CA ALL },
    { "the first revocation lists", LISTED("nobody.pem") },
    { "only a list: somebody else is revoked", LISTED("kiosk.pem") },
    { "only a list: a client is revoked", LISTED("alice.pem") },
    { "only a list: nobody is revoked", LISTED("nobody.pem") },
    { "no lists any more", CA ALL },
    { "another depth: chains verified anew", "ca @pki@/root-ca.pem\ndepth 7\n" ALL },
    { "after that, a rule added", "ca @pki@/root-ca.pem\ndepth 7\n" ALL "allow spki @spki:kiosk@ kiosk\n" },
};

static void
forget(void *user, const struct mtlspin_decision *decision)
{
    (void)user, (void)decision;
}

static size_t count, handshakes;

static double
milliseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void
measure(struct rig *rig, const struct change *change)
{
    if (change->policy != NULL) {
        struct mtlspin_policy *policy = policy_of(change->policy);
        ck_assert_int_eq(mtlspin_verifier_set_policy(rig->verifier, policy, NULL), MTLSPIN_OK);
        mtlspin_policy_unref(policy);
    }
    double start = milliseconds();
    size_t refused = mtlspin_verifier_sweep(rig->verifier, forget);
    double taken = milliseconds() - start;
    printf("%-40s %6zu refused %10.3f ms %8.3f us each\n", change->what, refused, taken, taken * 1e3 / (double)count);
}

/* A few handshakes, whose connections are enrolled again and again; or as many as connections, so that every certificate is
   an object of its own, which the processor has forgotten by the next sweep. */
static void
enrol(struct rig *rig, struct mtlspin_enrolment **all)
{
    SSL_CTX *contexts[CLIENTS];
    for (size_t c = 0; c < CLIENTS; c++)
        contexts[c] = rig_client(clients[c], TLS1_3_VERSION);
    for (size_t h = 0; h < handshakes; h++) {
        rig->client = contexts[h % CLIENTS];
        ck_assert(rig_shake(rig));
        for (size_t i = h; i < count; i += handshakes) {
            all[i] = mtlspin_enrol(rig->verifier, rig->pair.server, NULL, NULL);
            ck_assert_ptr_nonnull(all[i]);
        }
    }
    rig->client = NULL;
    for (size_t c = 0; c < CLIENTS; c++)
        SSL_CTX_free(contexts[c]);
}

START_TEST(sweep)
{
    struct rig rig;
    struct mtlspin_enrolment **all = calloc(count + 1, sizeof(struct mtlspin_enrolment *));
    ck_assert_ptr_nonnull(all);
    rig_verifier(&rig, CA ALL);
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, NULL, NULL, NULL), MTLSPIN_OK);
    rig.server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    double start = milliseconds();
    enrol(&rig, all);
    printf("%zu connections enrolled in %.3f ms\n", count, milliseconds() - start);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        measure(&rig, &changes[i]);
    for (size_t i = 0; i < count; i++)
        mtlspin_withdraw(all[i]);
    free(all);
    rig_free(&rig);
}
END_TEST

static void
set_up(void)
{
    lists_enter();
    lists_write(lists, sizeof lists / sizeof *lists, (int64_t)time(NULL));
}

int
sweep_table(size_t connections, size_t shakes)
{
    Suite *suite = suite_create("sweep");
    TCase *only = tcase_create("sweep");
    count = connections;
    handshakes = shakes;
    tcase_set_timeout(only, 0);
    tcase_add_unchecked_fixture(only, set_up, lists_leave);
    tcase_add_test(only, sweep);
    suite_add_tcase(suite, only);
    return run_suite(suite);
}
