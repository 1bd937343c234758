/* Open connections, when the policy or the time changes: exactly the right ones are refused, and come back when they are
   allowed again; by mtlspin_check, and by a sweep. */
#include "live.h"
#include "policy.h"
#include "policy_text.h"
#include "suite.h"
#include "verifier.h"

/* What each step changes, and what the three connections then are: allowed (NONE), or refused for this reason. */
#define ALLOWED MTLSPIN_REASON_NONE
static const struct step {
    const char *what, *policy; /* NULL = as before */
    int hours;                 /* after the start */
    enum mtlspin_reason reasons[LIVE_COUNT];
} steps[] = {
    { "nothing", NULL, 0, { ALLOWED, ALLOWED, ALLOWED } },
    { "mallory's rule removed", LIVE_CA LIVE_ALICE LIVE_SERVER, 0, { ALLOWED, MTLSPIN_REASON_NO_RULE, ALLOWED } },
    { "and alice denied", "deny spki @spki:alice@ alice\n" LIVE_CA LIVE_ALICE LIVE_SERVER, 0,
        { MTLSPIN_REASON_DENIED_SPKI, MTLSPIN_REASON_NO_RULE, ALLOWED } },
    { "both back", LIVE_ALL, 0, { ALLOWED, ALLOWED, ALLOWED } },
    { "two lines swapped", LIVE_CA LIVE_MALLORY LIVE_ALICE LIVE_SERVER, 0, { ALLOWED, ALLOWED, ALLOWED } },
    { "alice's rule removed", LIVE_CA LIVE_MALLORY LIVE_SERVER, 0, { MTLSPIN_REASON_NO_RULE, ALLOWED, ALLOWED } },
    { "the server's, not alice's", LIVE_CA LIVE_MALLORY LIVE_ALICE, 0, { ALLOWED, ALLOWED, MTLSPIN_REASON_NO_RULE } },
    { "mallory denied by key", "deny spki @spki:mallory@ m\n" LIVE_ALL, 0, { ALLOWED, MTLSPIN_REASON_DENIED_SPKI, ALLOWED } },
    { "mallory back", LIVE_ALL, 0, { ALLOWED, ALLOWED, ALLOWED } },
    { "denied by serial number", "deny serial @serial:mallory@ m\n" LIVE_ALL, 0,
        { ALLOWED, MTLSPIN_REASON_DENIED_SERIAL, ALLOWED } },
    { "an intermediate CA denied", "deny spki @spki:servers-ca@ s\n" LIVE_ALL, 0,
        { ALLOWED, ALLOWED, MTLSPIN_REASON_DENIED_SPKI } },
    { "another CA, and only that", "ca @pki@/other-ca.pem\n" LIVE_ALICE LIVE_MALLORY LIVE_SERVER, 0,
        { MTLSPIN_REASON_UNKNOWN_CA, MTLSPIN_REASON_UNKNOWN_CA, MTLSPIN_REASON_UNKNOWN_CA } },
    { "one more CA", LIVE_CA "ca @pki@/other-ca.pem\n" LIVE_ALICE LIVE_MALLORY LIVE_SERVER, 0,
        { ALLOWED, ALLOWED, ALLOWED } },
    { "only the clients' CA", "ca @pki@/clients-ca.pem\npartial-chain yes\n" LIVE_ALICE LIVE_MALLORY LIVE_SERVER, 0,
        { ALLOWED, ALLOWED, MTLSPIN_REASON_UNKNOWN_CA } },
    /* chains are verified anew, and a ticket brings none: the client that resumed has to connect again */
    { "chains of another depth", LIVE_CA "depth 7\n" LIVE_ALICE LIVE_MALLORY LIVE_SERVER, 0,
        { ALLOWED, MTLSPIN_REASON_UNKNOWN_CA, ALLOWED } },
    { "chains too long", LIVE_CA "depth 0\n" LIVE_ALICE LIVE_MALLORY LIVE_SERVER, 0,
        { MTLSPIN_REASON_CHAIN_TOO_LONG, MTLSPIN_REASON_UNKNOWN_CA, MTLSPIN_REASON_CHAIN_TOO_LONG } },
    /* the server's SSL_CTX has the CA, our client's has none */
    { "the SSL_CTX's own CAs", "ca application\n" LIVE_ALICE LIVE_MALLORY LIVE_SERVER, 0,
        { ALLOWED, MTLSPIN_REASON_UNKNOWN_CA, MTLSPIN_REASON_UNKNOWN_CA } },
    { "as in the beginning", LIVE_ALL, 0, { ALLOWED, ALLOWED, ALLOWED } },
    { "a rule by thumbprint", LIVE_CA "allow thumbprint @thumbprint:alice@ alice\n" LIVE_MALLORY LIVE_SERVER, 0,
        { ALLOWED, ALLOWED, ALLOWED } },
    { "a rule by name", LIVE_CA LIVE_ALICE LIVE_MALLORY "allow dns localhost server\n", 0, { ALLOWED, ALLOWED, ALLOWED } },
    { "a rule's end is set", LIVE_CA "allow spki @spki:alice@ alice not-after=SOON\n" LIVE_MALLORY LIVE_SERVER, 0,
        { ALLOWED, ALLOWED, ALLOWED } },
    { "the rule expires", NULL, 2, { MTLSPIN_REASON_RULE_EXPIRED, ALLOWED, ALLOWED } },
    { "the rule is renewed", LIVE_ALL, 2, { ALLOWED, ALLOWED, ALLOWED } },
    { "the session is too old", NULL, 25, { ALLOWED, MTLSPIN_REASON_SESSION_EXPIRED, ALLOWED } },
    { "sessions may be older", LIVE_CA "session-lifetime 7d\n" LIVE_ALICE LIVE_MALLORY LIVE_SERVER, 25,
        { ALLOWED, ALLOWED, ALLOWED } },
    { "the certificates expire", NULL, 11 * 366 * 24,
        { MTLSPIN_REASON_EXPIRED, MTLSPIN_REASON_EXPIRED, MTLSPIN_REASON_EXPIRED } },
};
enum { STEPS = sizeof steps / sizeof *steps };

static void
take_step(struct live *live, const struct step *step)
{
    live->rig.now = live->start + (int64_t)step->hours * 3600;
    if (step->policy != NULL)
        live_policy(live, step->policy);
}

/* mtlspin_check must say so, more than once. */
static void
expect(const struct live *live, const struct step *step, int i)
{
    static const char *const labels[] = { "alice", "mallory", "server" };
    for (int round = 0; round < 2; round++) {
        struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
        bool allowed = mtlspin_check(live->rig.verifier, live->judged[i], &decision) == MTLSPIN_ALLOW;
        ck_assert_msg(allowed == (step->reasons[i] == ALLOWED), "%s: %s: %s", step->what, labels[i],
            mtlspin_reason_name(decision.reason));
        ck_assert_int_eq(decision.verdict, allowed);
        ck_assert_str_eq(decision.label, allowed ? labels[i] : "");
        ck_assert_uint_eq(decision.generation, mtlspin_verifier_generation(live->rig.verifier));
        if (!allowed)
            ck_assert_msg(decision.reason == step->reasons[i], "%s: %s: %s", step->what, labels[i],
                mtlspin_reason_name(decision.reason));
    }
}

START_TEST(by_check)
{
    struct live live;
    live_make(&live, LIVE_ALL, rig_version(_i));
    for (int s = 0; s < STEPS; s++) {
        take_step(&live, &steps[s]);
        for (int i = 0; i < LIVE_COUNT; i++)
            expect(&live, &steps[s], i);
    }
    live_free(&live);
}
END_TEST

/* What the sweep has called back for one connection. */
struct told {
    int calls;
    struct mtlspin_decision last;
};

static void
note(void *user, const struct mtlspin_decision *decision)
{
    struct told *told = user;
    told->calls++;
    told->last = *decision;
}

/* Called back are those that were allowed before; then nobody any more. */
static void
expect_sweep(struct live *live, const struct step *step, struct told told[LIVE_COUNT], bool refused[LIVE_COUNT])
{
    size_t news = 0;
    for (int i = 0; i < LIVE_COUNT; i++) {
        told[i].calls = 0;
        news += step->reasons[i] != ALLOWED && !refused[i];
    }
    ck_assert_msg(mtlspin_verifier_sweep(live->rig.verifier, note) == news, "%s: %zu expected", step->what, news);
    ck_assert_uint_eq(mtlspin_verifier_sweep(live->rig.verifier, note), 0);
    for (int i = 0; i < LIVE_COUNT; i++) {
        bool now = step->reasons[i] != ALLOWED;
        ck_assert_msg(told[i].calls == (now && !refused[i]), "%s: connection %d, %d calls", step->what, i, told[i].calls);
        if (told[i].calls > 0) {
            ck_assert_str_eq(mtlspin_reason_name(told[i].last.reason), mtlspin_reason_name(step->reasons[i]));
            ck_assert_int_eq(told[i].last.verdict, MTLSPIN_DENY);
        }
        refused[i] = now;
    }
}

/* With and without a check of each connection at each step; the SSLs may be gone, too. */
START_TEST(by_sweep)
{
    struct live live;
    struct told told[LIVE_COUNT] = { { 0, MTLSPIN_DECISION_INIT } };
    bool refused[LIVE_COUNT] = { false, false, false };
    struct mtlspin_enrolment *enrolments[LIVE_COUNT];
    live_make(&live, LIVE_ALL, rig_version(_i));
    for (int i = 0; i < LIVE_COUNT; i++) {
        enrolments[i] = mtlspin_enrol(live.rig.verifier, live.judged[i], &told[i], NULL);
        ck_assert_ptr_nonnull(enrolments[i]);
        if (_i >= 4)
            pair_free(&live.pairs[i]);
    }
    for (int s = 0; s < STEPS; s++) {
        take_step(&live, &steps[s]);
        expect_sweep(&live, &steps[s], told, refused);
        for (int i = 0; i < LIVE_COUNT && _i / 2 == 1; i++)
            expect(&live, &steps[s], i);
    }
    for (int i = 0; i < LIVE_COUNT; i++)
        mtlspin_withdraw(enrolments[i]);
    live_free(&live);
}
END_TEST

/* An open connection holds no policy: that of its handshake until its first check, and none afterwards. The verifier keeps
   what was in force until nobody else does. */
START_TEST(policies_are_let_go)
{
    struct live live;
    live_make(&live, LIVE_ALL, rig_version(_i));
    struct mtlspin_policy *first = mtlspin_verifier_policy(live.rig.verifier);
    struct mtlspin_enrolment *enrolment = mtlspin_enrol(live.rig.verifier, live.judged[0], NULL, NULL);
    live_policy(&live, LIVE_ALL);
    ck_assert_uint_gt(atomic_load(&first->references), 2); /* those of two connections that nobody has checked, too */
    for (int i = 0; i < LIVE_COUNT; i++)
        ck_assert_int_eq(mtlspin_check(live.rig.verifier, live.judged[i], NULL), MTLSPIN_ALLOW);
    ck_assert_uint_eq(atomic_load(&first->references), 2);
    mtlspin_policy_unref(first);
    for (int round = 0; round < 3; round++) {
        struct mtlspin_policy *before = mtlspin_verifier_policy(live.rig.verifier);
        live_policy(&live, LIVE_ALL);
        ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, note), 0);
        ck_assert_int_eq(mtlspin_check(live.rig.verifier, live.judged[round], NULL), MTLSPIN_ALLOW);
        ck_assert_uint_eq(atomic_load(&before->references), 2);
        mtlspin_policy_unref(before);
        ck_assert_uint_gt(live.rig.verifier->retired.count, 0);
        ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, note), 0);
        ck_assert_uint_eq(live.rig.verifier->retired.count, 0);
    }
    mtlspin_withdraw(enrolment);
    live_free(&live);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("live");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both, 60);
    tcase_add_loop_test(both, by_check, 0, 2);
    tcase_add_loop_test(both, by_sweep, 0, 6);
    tcase_add_loop_test(both, policies_are_let_go, 0, 2);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
