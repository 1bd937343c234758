/* Out of memory, at every place: an error, never a crash or a leak, and never a decision that opens more. */
#include "data.h"
#include "pki.h"
#include "policy_text.h"
#include "starve.h"
#include "suite.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POLICIES = 2, PEERS = 8, SAMPLES = 250 };

/* All that a server's policy can use, and what only a client's can. */
static const char *const templates[POLICIES] = {
    "deny spki @spki:mallory@ stolen\n"
    "deny serial 0x1234\n"
    "deny serial 0xD1D11C749D9C2D16 issuer=@pki@/other-ca.pem\n"
    "ca anchors\n"
    "ca root-ca.pem\n"
    "crl root.crl\n"
    "crl lists\n"
    "crl-grace 3d\n"
    "depth 3\n"
    "session-lifetime 2h\n"
    "strict yes\n"
    "security-level 2\n"
    "allow spki @spki:alice@ \"Alice \\\"A.\\\"\" not-after=2199-12-31\n"
    "allow thumbprint sha256 Fingerprint=@thumbprint:build-agent@ \"build agent 7\"\n"
    "allow serial D1D11C749D9C2D16 kiosk issuer=\"clients ca.pem\" not-before=2001-01-01\n"
    "allow email ops@acme.example ops\n"
    "allow uri spiffe://partner.example/gateway gateway\n"
    "allow dns agent.acme.example\n"
    "allow ca-spki @spki:deep-ca@ deep\n"
    "[legacy]\n"
    "chain none\n"
    "allow thumbprint @thumbprint:scanner@ scanner\n"
    "[watched]\n"
    "ca clients-ca.pem\n"
    "partial-chain yes\n"
    "mode report-only unmatched=somebody\n"
    "allow any anybody\n",

    "[here]\n"
    "host localhost\n"
    "ca root-ca.pem\n"
    "allow any here\n"
    "[there]\n"
    "chain none\n"
    "host *.db.example\n"
    "host 127.0.0.1\n"
    "allow spki @spki:scanner-server-eku@ there\n",
};

/* Who is asked about, of which policy and under which host. */
static const struct { int policy; const char *name, *host; } asked[PEERS] = {
    { 0, "alice", NULL }, { 0, "kiosk", NULL }, { 0, "mallory", NULL }, { 0, "san-all", NULL }, { 0, "scanner", NULL },
    { 0, "client-ca", NULL },
    { 1, "server", "localhost" }, { 1, "scanner-server-eku", "a.db.example" },
};

static struct { X509 *leaf; STACK_OF(X509) *rest; } peers[PEERS];
static char *texts[POLICIES];
static int64_t now;

/* What one run came to. No assertion is made while allocations fail: Check allocates, too. */
struct run {
    struct starve_report memory;
    bool loaded[POLICIES], silent; /* silent: a load failed, and no error says so */
    uint8_t digest[POLICIES][32];
    struct mtlspin_decision decision[PEERS];
};

static void
load(struct run *run, int p, struct mtlspin_policy **policy)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    *policy = mtlspin_policy_parse(texts[p], strlen(texts[p]), NULL, &error);
    run->loaded[p] = *policy != NULL;
    run->silent |= *policy == NULL && (error.code == MTLSPIN_OK || error.message[0] == '\0');
    mtlspin_policy_digest(*policy, run->digest[p]);
}

/* A certificate as fresh as a handshake's, of which OpenSSL has cached nothing yet. */
static void
ask(struct run *run, size_t i, struct mtlspin_policy *policy)
{
    X509 *leaf = X509_dup(peers[i].leaf);
    run->decision[i] = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    (void)!mtlspin_evaluate(policy, leaf, peers[i].rest, asked[i].host != NULL ? MTLSPIN_CLIENT : MTLSPIN_SERVER,
        asked[i].host, now, &run->decision[i]);
    X509_free(leaf);
}

static void
run_once(struct run *run, enum starve_whom whom, size_t n, bool all)
{
    struct mtlspin_policy *policy[POLICIES];
    memset(run, 0, sizeof *run);
    starve_begin(whom, n, all);
    for (int p = 0; p < POLICIES; p++)
        load(run, p, &policy[p]);
    for (size_t i = 0; i < PEERS; i++)
        ask(run, i, policy[asked[i].policy]);
    for (int p = 0; p < POLICIES; p++)
        mtlspin_policy_unref(policy[p]);
    ERR_clear_error();
    run->memory = starve_end();
}

static void
set_up(void)
{
    now = (int64_t)time(NULL);
    (void)data_workshop();
    for (int p = 0; p < POLICIES; p++)
        texts[p] = policy_text(templates[p]);
    for (size_t i = 0; i < PEERS; i++) {
        char file[64];
        (void)snprintf(file, sizeof file, "%s-chain", asked[i].name);
        peers[i].leaf = pki_certificate(file);
        peers[i].rest = pki_rest(file);
    }
}

static void
tear_down(void)
{
    for (int p = 0; p < POLICIES; p++)
        free(texts[p]);
    for (size_t i = 0; i < PEERS; i++) {
        X509_free(peers[i].leaf);
        sk_X509_pop_free(peers[i].rest, X509_free);
    }
    data_workshop_remove();
}

/* The run with all the memory it wants; a second one, since the first fills OpenSSL's caches. */
static void
run_whole(struct run *whole)
{
    run_once(whole, STARVE_NOBODY, 0, false);
    run_once(whole, STARVE_NOBODY, 0, false);
    ck_assert(whole->loaded[0] && whole->loaded[1]);
    for (size_t i = 0; i < PEERS; i++) {
        bool refused = strcmp(asked[i].name, "mallory") == 0 || strcmp(asked[i].name, "client-ca") == 0;
        ck_assert_msg((whole->decision[i].verdict == MTLSPIN_DENY) == refused, "%s: %s", asked[i].name,
            mtlspin_reason_name(whole->decision[i].reason));
    }
    ck_assert_int_eq(whole->memory.library_left, 0);
    ck_assert_int_eq(whole->memory.openssl_left, 0);
    ck_assert_uint_gt(whole->memory.library, 100);
    ck_assert_uint_gt(whole->memory.openssl, 1000);
}

/* Without memory OpenSSL may take a good signature for a wrong one. Then a later domain, if one knows the peer, too, may
   answer for the one that could not: by a rule further down, which the peer matches as well. */
static bool
grants_no_more(const struct mtlspin_decision *d, const struct mtlspin_decision *full, bool later)
{
    if (d->verdict == MTLSPIN_DENY)
        return true;
    return full->verdict == MTLSPIN_ALLOW && (strcmp(d->label, full->label) == 0 || (later && d->line > full->line));
}

static void
check_run(const struct run *run, const struct run *whole, size_t n, bool later)
{
    ck_assert_msg(run->memory.library_left == 0, "allocation %zu: %ld are left", n, run->memory.library_left);
    ck_assert_msg(!run->silent, "allocation %zu: no policy, and no error", n);
    for (int p = 0; p < POLICIES; p++)
        ck_assert_msg(!run->loaded[p] || memcmp(run->digest[p], whole->digest[p], 32) == 0,
            "allocation %zu: another policy than the one that was written", n);
    for (size_t i = 0; i < PEERS; i++) {
        const struct mtlspin_decision *d = &run->decision[i], *full = &whole->decision[i];
        ck_assert_msg(grants_no_more(d, full, later), "allocation %zu: %s is let in as \"%s\"", n, asked[i].name, d->label);
        ck_assert_msg(d->verdict == MTLSPIN_ALLOW || d->label[0] == '\0', "allocation %zu: a label on a denial", n);
        ck_assert_int_ne(d->reason, MTLSPIN_REASON_NONE);
    }
}

static const bool modes[] = { false, true }; /* one allocation fails; or that one and all that follow */

START_TEST(library)
{
    struct run whole, run;
    size_t n = 1;
    run_whole(&whole);
    for (;; n++) {
        run_once(&run, STARVE_LIBRARY, n, modes[_i]);
        if (run.memory.failed == 0)
            break;
        check_run(&run, &whole, n, false);
        ck_assert_msg(run.memory.openssl_left == 0, "allocation %zu: OpenSSL has %ld left", n, run.memory.openssl_left);
    }
    ck_assert_uint_eq(n, whole.memory.library + 1);
}
END_TEST

/* A sample, spread evenly. What OpenSSL itself loses when it runs out of memory is not ours to count. */
START_TEST(openssl)
{
    struct run whole, run;
    run_whole(&whole);
    size_t step = whole.memory.openssl / SAMPLES + 1;
    for (size_t n = 1; n <= whole.memory.openssl; n += step) {
        run_once(&run, STARVE_OPENSSL, n, modes[_i]);
        ck_assert_uint_gt(run.memory.failed, 0);
        check_run(&run, &whole, n, true);
    }
    run_once(&run, STARVE_NOBODY, 0, false); /* nothing of it lasts */
    check_run(&run, &whole, 0, false);
    ck_assert_int_eq(run.decision[0].verdict, MTLSPIN_ALLOW);
}
END_TEST

/* Reading aloud: of a policy without mistake, and of one with mistakes of every sort. */

static const char mistaken[] =
    "deny spki @spki:mallory@ stolen\n"
    "deny spki @spki:mallory@ lost\n"
    "dney spki @spki:mallory@\n"
    "ca root-ca.pem\n"
    "ca missing.pem\n"
    "crl clients.crl\n"
    "depth 99\n"
    "allow serial D1D11C749D9C2D16 kiosk issuer=\"clients ca.pem\"\n"
    "allow spki x\n"
    "allow email ops@acme.example ops\n"
    "allow email ops@acme.example others\n"
    "[legacy\n"
    "chain none\n"
    "allow thumbprint @thumbprint:scanner@ scanner\n"
    "allow thumbprint @thumbprint:scanner@ another\n"
    "[no-ca]\n"
    "allow any\n";

/* What one scan came to. */
struct aloud {
    struct starve_report memory;
    bool loaded;
    enum mtlspin_status code;
    size_t mistakes;
    enum mtlspin_status first; /* of them */
    uint8_t digest[32];
};

static void
count_mistake(void *context, const struct mtlspin_error *error)
{
    struct aloud *aloud = context;
    if (aloud->mistakes++ == 0)
        aloud->first = error->code;
}

static void
read_aloud(struct aloud *aloud, const char *text, enum starve_whom whom, size_t n, bool all)
{
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    memset(aloud, 0, sizeof *aloud);
    scan.context = aloud;
    scan.mistake = count_mistake;
    starve_begin(whom, n, all);
    struct mtlspin_policy *policy = mtlspin_policy_scan_text(text, strlen(text), NULL, &scan, &error);
    aloud->loaded = policy != NULL;
    aloud->code = error.code;
    mtlspin_policy_digest(policy, aloud->digest);
    mtlspin_policy_unref(policy);
    ERR_clear_error();
    aloud->memory = starve_end();
}

/* Never a policy with a mistake, nor another one; and of two reasons to fail, the lack of memory or the first mistake. What
   is read from files fails with the words of the system or of OpenSSL, as in a load. */
static void
check_aloud(const struct aloud *aloud, const struct aloud *whole, size_t n)
{
    ck_assert_msg(aloud->memory.library_left == 0, "allocation %zu: %ld are left", n, aloud->memory.library_left);
    ck_assert_msg(aloud->loaded == (aloud->code == MTLSPIN_OK), "allocation %zu: a policy and an error, or neither", n);
    ck_assert_msg(!aloud->loaded || (whole->loaded && aloud->mistakes == 0), "allocation %zu: a policy with mistakes", n);
    ck_assert_msg(!aloud->loaded || memcmp(aloud->digest, whole->digest, 32) == 0, "allocation %zu: another policy", n);
    if (aloud->code != MTLSPIN_OK && aloud->code != MTLSPIN_ERR_MEMORY)
        ck_assert_msg(aloud->mistakes > 0 && aloud->code == aloud->first, "allocation %zu: status %d", n, (int)aloud->code);
}

/* _i: 1 = all that follow fail, too; 2 = with mistakes. */
START_TEST(scan)
{
    struct aloud whole, aloud;
    char *text = policy_text((_i & 2) != 0 ? mistaken : templates[0]);
    size_t n = 1;
    read_aloud(&whole, text, STARVE_NOBODY, 0, false);
    read_aloud(&whole, text, STARVE_NOBODY, 0, false);
    ck_assert_uint_eq(whole.mistakes, (_i & 2) != 0 ? 9 : 0);
    for (;; n++) {
        read_aloud(&aloud, text, STARVE_LIBRARY, n, (_i & 1) != 0);
        if (aloud.memory.failed == 0)
            break;
        check_aloud(&aloud, &whole, n);
    }
    ck_assert_uint_eq(n, whole.memory.library + 1);
    size_t step = whole.memory.openssl / (SAMPLES / 4) + 1;
    for (n = 1; n <= whole.memory.openssl; n += step) {
        read_aloud(&aloud, text, STARVE_OPENSSL, n, (_i & 1) != 0);
        check_aloud(&aloud, &whole, n);
    }
    free(text);
}
END_TEST

int
main(void)
{
    if (!starve_init()) {
        puts("skipped: OpenSSL has allocated already, its allocations cannot be made to fail");
        return 77;
    }
    Suite *suite = suite_create("out of memory");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 200);
    tcase_add_unchecked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, library, 0, 2);
    tcase_add_loop_test(cases, openssl, 0, 2);
    tcase_add_loop_test(cases, scan, 0, 4);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
