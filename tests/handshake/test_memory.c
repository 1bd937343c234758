/* A handshake that runs out of memory: at each allocation of the library, and at a sample of OpenSSL's. Nobody gets in who
   would not get in otherwise, and nobody under another name. */
#include "rig.h"
#include "starve.h"
#include "suite.h"
#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>

static const char policy[] = "deny serial @serial:kiosk@ issuer=@pki@/clients-ca.pem\n"
                             "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\nallow dns agent.acme.example agent\n"
                             "[pinned]\nchain none\nallow spki @spki:scanner@ scanner\n"
                             "[partner]\nca @pki@/partner-ca.pem\nallow any partner\n";

static const struct { const char *client, *label; } peers[] = {
    { "alice", "alice" }, { "san-dns", "agent" }, { "scanner", "scanner" }, { "partner-gateway", "partner" },
    { "mallory", NULL }, { "kiosk", NULL }, { "expired", NULL }, { "other-alice", NULL },
};
enum { PEERS = sizeof peers / sizeof *peers };

/* One handshake and its check, starved. Returns the verdict. */
static enum mtlspin_verdict
shake(struct rig *rig, enum starve_whom whom, size_t n, struct mtlspin_decision *decision, struct starve_report *report)
{
    *decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    pair_make(&rig->pair, rig->server, rig->client);
    starve_begin(whom, n, false);
    (void)pair_shake(&rig->pair);
    enum mtlspin_verdict verdict = mtlspin_check(rig->verifier, rig->pair.server, decision);
    *report = starve_end();
    ERR_clear_error();
    pair_free(&rig->pair);
    return verdict;
}

static void
check(size_t peer, size_t n, enum mtlspin_verdict verdict, const struct mtlspin_decision *decision)
{
    bool may = peers[peer].label != NULL;
    ck_assert_msg(verdict == MTLSPIN_DENY || (may && strcmp(decision->label, peers[peer].label) == 0),
        "allocation %zu: %s is let in as \"%s\"", n, peers[peer].client, decision->label);
    ck_assert_int_eq(decision->verdict, verdict);
    ck_assert_int_ne(decision->reason, MTLSPIN_REASON_NONE);
    if (verdict == MTLSPIN_DENY)
        ck_assert_str_eq(decision->label, "");
}

/* The first run tells how many allocations there are; the step makes a sample of them. */
static void
starve(enum starve_whom whom, size_t peer, int version, size_t step)
{
    struct rig rig;
    struct starve_report report;
    struct mtlspin_decision decision;
    rig_verifier(&rig, policy);
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig.verifier, NULL, NULL, NULL), MTLSPIN_OK); /* Check allocates in it */
    rig.server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    rig.client = rig_client(peers[peer].client, version);
    for (int warm = 0; warm < 2; warm++) {
        enum mtlspin_verdict verdict = shake(&rig, STARVE_NOBODY, 0, &decision, &report);
        ck_assert_int_eq(verdict, peers[peer].label != NULL ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    }
    size_t count = whom == STARVE_LIBRARY ? report.library : report.openssl;
    ck_assert_uint_gt(count, 2);
    for (size_t n = 1; n <= count; n += step) {
        enum mtlspin_verdict verdict = shake(&rig, whom, n, &decision, &report);
        check(peer, n, verdict, &decision);
    }
    rig_free(&rig);
}

START_TEST(library)
{
    starve(STARVE_LIBRARY, (size_t)_i / 2, rig_version(_i), 1);
}
END_TEST

START_TEST(openssl)
{
    starve(STARVE_OPENSSL, (size_t)_i / 2, rig_version(_i), 37);
}
END_TEST

int
main(void)
{
    if (!starve_init())
        return 1;
    Suite *suite = suite_create("handshakes out of memory");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both, 120);
    tcase_add_loop_test(both, library, 0, 2 * PEERS);
    tcase_add_loop_test(both, openssl, 0, 2 * PEERS);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
