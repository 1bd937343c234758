/* Revocation lists over real handshakes. Each row of crl_rows.inc also is asked of mtlspin_evaluate, and has a control:
   the same policy without its lists lets the peer in. */
#include "made_crl.h"
#include "pki.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <dirent.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define R(name) MTLSPIN_REASON_##name

#define MEMBERS "ca @pki@/root-ca.pem\ncrl lists\nallow any member\n"
#define GRACE "crl-grace 2h\nca @pki@/root-ca.pem\ncrl lists\nallow any member\n"
#define TWO_CAS "ca @pki@/root-ca.pem\nca @pki@/other-ca.pem\ncrl lists\nallow any member\n"
#define ONE_FILE "ca @pki@/root-ca.pem\ncrl lists/all.pem\nallow any member\n"
#define TWO_DOMAINS "ca @pki@/root-ca.pem\ncrl lists\nallow any first\n[second]\nca @pki@/root-ca.pem\nallow any second\n"
#define PARTIAL "ca @pki@/clients-ca.pem\npartial-chain yes\ncrl lists\nallow any member\n"
#define WATCHED "ca @pki@/root-ca.pem\ncrl lists\nmode report-only unmatched=somebody\n"
#define SERVERS "host localhost\nca @pki@/root-ca.pem\ncrl lists\nallow any server\n"

enum { LISTS = 4 };

static const struct row {
    const char *what, *peer, *policy;
    struct crl_recipe lists[LISTS];
    enum mtlspin_reason reason;
    int depth;         /* of the certificate that is to blame */
    const char *label; /* NULL = refused */
} table[] = {
#include "crl_rows.inc"
};

#define ROWS (int)(sizeof table / sizeof *table)

/* A folder with the folder "lists" in it, for one test. */

static char workshop[64];

static void
set_up(void)
{
    (void)snprintf(workshop, sizeof workshop, "/tmp/mtlspin-crl-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(workshop));
    ck_assert_int_eq(chdir(workshop), 0);
    ck_assert_int_eq(mkdir("lists", 0700), 0);
}

static void
remove_lists(void)
{
    char path[300];
    DIR *stream = opendir("lists");
    ck_assert_ptr_nonnull(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        (void)snprintf(path, sizeof path, "lists/%s", entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(stream);
}

static void
tear_down(void)
{
    remove_lists();
    ck_assert_int_eq(rmdir("lists"), 0);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(workshop), 0);
}

static void
write_lists(const struct crl_recipe *lists, int count, int64_t now)
{
    for (int i = 0; i < count && lists[i].file != NULL; i++)
        crl_write(&lists[i], now);
}

/* The policy without the lines that name lists. */
static char *
without_lists(const char *policy)
{
    char *text = calloc(1, strlen(policy) + 1);
    ck_assert_ptr_nonnull(text);
    for (const char *line = policy; *line != '\0'; line = strchr(line, '\n') + 1)
        if (strncmp(line, "crl", 3) != 0)
            (void)strncat(text, line, strcspn(line, "\n") + 1);
    return text;
}

static int
shake(struct rig *rig, const char *policy, const char *peer, int version)
{
    bool client_side = strcmp(peer, "server") == 0;
    if (client_side)
        rig_make_client(rig, policy, peer, version);
    else
        rig_make(rig, policy, peer, version);
    return client_side ? rig_connect(rig, "localhost") : rig_shake(rig);
}

static int
x509_error(enum mtlspin_reason reason)
{
    switch (reason) {
    case R(REVOKED): return X509_V_ERR_CERT_REVOKED;
    case R(REVOCATION_UNKNOWN): return X509_V_ERR_UNABLE_TO_GET_CRL;
    case R(REVOCATION_EXPIRED): return X509_V_ERR_CRL_HAS_EXPIRED;
    case R(REVOCATION_SIGNATURE): return X509_V_ERR_CRL_SIGNATURE_FAILURE;
    default: return X509_V_OK;
    }
}

static void
check_decision(const struct row *row, const struct mtlspin_decision *decision)
{
    ck_assert_msg(decision->reason == row->reason, "%s: %s", row->what, mtlspin_reason_name(decision->reason));
    ck_assert_msg(decision->verdict == (row->label != NULL ? MTLSPIN_ALLOW : MTLSPIN_DENY), "%s", row->what);
    ck_assert_str_eq(decision->label, row->label != NULL ? row->label : "");
    ck_assert_msg(decision->x509_error == x509_error(row->reason), "%s: %d", row->what, decision->x509_error);
    ck_assert_msg(decision->x509_depth == row->depth, "%s: depth %d", row->what, decision->x509_depth);
}

/* Who is refused gets no byte to the application. */
static void
check_row(const struct row *row, int version)
{
    struct rig rig;
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    int finished = shake(&rig, row->policy, row->peer, version);
    ck_assert_msg(finished == (row->label != NULL), "%s: the handshake", row->what);
    (void)!mtlspin_check(rig.verifier, rig_judged(&rig), &decision);
    check_decision(row, &decision);
    if (row->label == NULL && !rig.client_side)
        ck_assert_int_eq(pair_talk(&rig.pair, "hello"), 0);
    if (row->reason == R(REVOKED) && !rig.client_side)
        ck_assert_int_eq(rig.pair.alert, 44); /* certificate_revoked: RFC 8446, 6.2 */
    rig_free(&rig);
}

static void
check_control(const struct row *row, int version)
{
    struct rig rig;
    char *policy = without_lists(row->policy);
    ck_assert_msg(shake(&rig, policy, row->peer, version), "%s: refused without lists, too", row->what);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig_judged(&rig), NULL), MTLSPIN_ALLOW);
    rig_free(&rig);
    free(policy);
}

static void
check_evaluate(const struct row *row, int64_t now)
{
    char chain[64];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    bool server = strcmp(row->peer, "server") == 0;
    struct mtlspin_policy *policy = policy_of(row->policy);
    (void)snprintf(chain, sizeof chain, "%s-chain", row->peer);
    X509 *leaf = pki_certificate(chain);
    STACK_OF(X509) *rest = pki_rest(chain);
    (void)!mtlspin_evaluate(policy, leaf, rest, server ? MTLSPIN_CLIENT : MTLSPIN_SERVER, server ? "localhost" : NULL,
        now, &decision);
    check_decision(row, &decision);
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
    mtlspin_policy_unref(policy);
}

START_TEST(rows)
{
    const struct row *row = &table[_i];
    int64_t now = (int64_t)time(NULL);
    write_lists(row->lists, LISTS, now);
    check_row(row, TLS1_2_VERSION);
    check_row(row, TLS1_3_VERSION);
    check_evaluate(row, now);
    check_control(row, _i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
}
END_TEST

/* A list that names a CA of `ca`, and is not signed by it, is found at load. */
START_TEST(forged_list_of_an_anchor)
{
    static const struct crl_recipe forged[] = {
        { "lists/root.pem", "root-ca", "other-ca", -60, 3600, NULL, 0 },
        { "lists/root.pem", "root-ca", "clients-ca", -60, 3600, "alice", CRL_NO_KEY_ID },
    };
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    char *text = policy_text(MEMBERS);
    write_lists(&forged[_i], 1, (int64_t)time(NULL));
    ck_assert_ptr_null(mtlspin_policy_parse(text, strlen(text), "test.policy", &error));
    ck_assert_str_eq(error.message, "lists/root.pem: the signature is not by the key of /O=Example/CN=Example Root CA; "
                                    "get the list again from this CA");
    ck_assert_uint_eq(error.line, 2);
    free(text);
}
END_TEST

/* The clock passes the end of the list, and of its grace. */
static const struct { int64_t at; enum mtlspin_reason reason; } moments[] = {
    { 0, R(RULE) }, { 1000, R(RULE) }, { 1001, R(RULE) }, { 8200, R(RULE) }, { 8201, R(REVOCATION_EXPIRED) },
    { 99999, R(REVOCATION_EXPIRED) }, { -60, R(RULE) }, { -61, R(REVOCATION_UNKNOWN) },
};

START_TEST(time_passes)
{
    static const struct crl_recipe lists[] = { { "lists/r.pem", "root-ca", NULL, -60, 100000, NULL, 0 },
        { "lists/c.pem", "clients-ca", NULL, -60, 1000, NULL, 0 } };
    struct rig rig;
    int64_t now = (int64_t)time(NULL);
    write_lists(lists, 2, now);
    rig_make(&rig, GRACE, "alice", rig_version(_i));
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
        rig.now = now + moments[i].at;
        ck_assert_int_eq(rig_shake(&rig), moments[i].reason == R(RULE));
        (void)!mtlspin_check(rig.verifier, rig.pair.server, &decision);
        ck_assert_msg(decision.reason == moments[i].reason, "%d: %s", (int)moments[i].at,
            mtlspin_reason_name(decision.reason));
        ck_assert_int_eq(decision.valid_until, moments[i].reason == R(RULE) ? now + 8200 : 0);
    }
    rig_free(&rig);
}
END_TEST

/* On an open connection the same moment ends what was allowed: the list is too old, or the next one revokes. */
static const struct { const char *what; struct crl_recipe list; int64_t last; enum mtlspin_reason reason; } ends[] = {
    { "expires", { "lists/c.pem", "clients-ca", NULL, -60, 1000, NULL, 0 }, 1000, R(REVOCATION_EXPIRED) },
    { "is replaced", { "lists/next.pem", "clients-ca", NULL, 500, 90000, "alice", 0 }, 499, R(REVOKED) },
};

START_TEST(open_connection)
{
    static const struct crl_recipe root = { "lists/r.pem", "root-ca", NULL, -60, 100000, NULL, 0 };
    static const struct crl_recipe first = { "lists/first.pem", "clients-ca", NULL, -90, 900, NULL, 0 };
    struct rig rig;
    int64_t now = (int64_t)time(NULL);
    crl_write(&root, now);
    crl_write(&ends[_i / 2].list, now);
    if (ends[_i / 2].list.begin > 0)
        crl_write(&first, now);
    rig_make(&rig, MEMBERS, "alice", rig_version(_i));
    rig.now = now;
    ck_assert(rig_shake(&rig));
    rig_allowed(&rig, "member");
    rig.now = now + ends[_i / 2].last;
    rig_allowed(&rig, "member");
    rig.now++;
    rig_refused(&rig, ends[_i / 2].reason);
    rig_free(&rig);
}
END_TEST

/* One policy, many threads that all see the intermediate's list for the first time. */

struct crowd {
    struct mtlspin_policy *policy;
    X509 *leaf;
    STACK_OF(X509) *rest;
    int64_t now;
};

static void *
ask(void *user)
{
    const struct crowd *crowd = user;
    size_t wrong = 0;
    for (int i = 0; i < 20; i++) {
        struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
        (void)!mtlspin_evaluate(crowd->policy, crowd->leaf, crowd->rest, MTLSPIN_SERVER, NULL, crowd->now, &decision);
        wrong += decision.reason != R(REVOKED);
    }
    return wrong == 0 ? NULL : user;
}

/* What libcrypto remembers of a certificate's extensions it reads without its lock. ThreadSanitizer does not see the atomics
   inside libcrypto, and would call it a race. */
static void
look_at_extensions(const struct crowd *crowd)
{
    (void)X509_check_purpose(crowd->leaf, -1, 0);
    for (int i = 0; i < sk_X509_num(crowd->rest); i++)
        (void)X509_check_purpose(sk_X509_value(crowd->rest, i), -1, 0);
}

START_TEST(threads)
{
    enum { THREADS = 8 };
    static const struct crl_recipe lists[] = { { "lists/r.pem", "root-ca", NULL, -60, 3600, NULL, 0 },
        { "lists/c.pem", "clients-ca", NULL, -60, 3600, "alice", 0 },
        { "lists/forged.pem", "clients-ca", "mallory", -60, 3600, NULL, 0 } };
    pthread_t thread[THREADS];
    struct crowd crowd = { .now = (int64_t)time(NULL) };
    write_lists(lists, 3, crowd.now);
    crowd.policy = policy_of(MEMBERS);
    crowd.leaf = pki_certificate("alice-chain");
    crowd.rest = pki_rest("alice-chain");
    look_at_extensions(&crowd);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, ask, &crowd), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        ck_assert_int_eq(pthread_join(thread[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
    X509_free(crowd.leaf);
    sk_X509_pop_free(crowd.rest, X509_free);
    mtlspin_policy_unref(crowd.policy);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("revocation lists");
    TCase *cases = tcase_create("handshakes");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, rows, 0, ROWS);
    tcase_add_loop_test(cases, forged_list_of_an_anchor, 0, 2);
    tcase_add_loop_test(cases, time_passes, 0, 2);
    tcase_add_loop_test(cases, open_connection, 0, 4);
    tcase_add_test(cases, threads);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
