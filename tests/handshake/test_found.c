/* What a handshake has found out about its peer is kept and spares path validation later. It must not stand for what it does
   not say: for another domain's revocation, for a trust store, for the time after a session's end. */
#include "connection.h"
#include "lists.h"
#include "live.h"
#include "pki.h"
#include "saved.h"
#include "suite.h"
#include "ticket_rig.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>

#define ALLOWED MTLSPIN_REASON_NONE

/* Nobody is revoked, or all that clients-ca has issued. */
static const struct crl_recipe lists[] = {
    { "root.pem", "root-ca", NULL, -60, 864000, NULL, 0 },
    { "clients.pem", "clients-ca", NULL, -60, 864000, NULL, 0 },
    { "servers.pem", "servers-ca", NULL, -60, 864000, NULL, 0 },
    { "clients-ca-revoked.pem", "root-ca", NULL, -60, 864000, "clients-ca", 0 },
};

/* The certificate of NAME with trust settings: "clientAuth" is rejected. */
static void
write_rejected(const char *name, const char *file)
{
    X509 *certificate = pki_certificate(name);
    BIO *output = BIO_new_file(file, "w");
    ck_assert_int_eq(X509_add1_reject_object(certificate, OBJ_nid2obj(NID_client_auth)), 1);
    ck_assert_int_eq(PEM_write_bio_X509_AUX(output, certificate), 1);
    BIO_free(output);
    X509_free(certificate);
}

static void
set_up(void)
{
    lists_enter();
    lists_write(lists, sizeof lists / sizeof *lists, (int64_t)time(NULL));
    write_rejected("clients-ca", "clients-ca-rejected.pem");
    write_rejected("other-ca", "other-ca-rejected.pem");
}

/* Open connections. A session keeps its client's certificate, but none of the CAs between it and the anchor. */

static const struct change {
    const char *before, *after;
    enum mtlspin_reason reasons[LIVE_COUNT]; /* of the open connections then; NONE = allowed */
    const char *back;                        /* what mallory gets who comes back with her session */
} changes[] = {
    /* A first domain in which her CA is revoked. It cannot validate a chain without that CA's certificate, where it validates
       in another way, but it can ask its lists. */
    { "[b]\n" LIVE_CA "allow any b\n",
        "[a]\n" LIVE_CA "depth 5\ncrl clients-ca-revoked.pem\nallow any a\n[b]\n" LIVE_CA "allow any b\n",
        { MTLSPIN_REASON_REVOKED, MTLSPIN_REASON_REVOKED, ALLOWED }, "full: REVOKED" },
    { "[b]\n" LIVE_CA "allow any b\n",
        "[a]\n" LIVE_CA "crl clients-ca-revoked.pem\nallow any a\n[b]\n" LIVE_CA "allow any b\n",
        { MTLSPIN_REASON_REVOKED, MTLSPIN_REASON_REVOKED, ALLOWED }, "full: REVOKED" },
    { "[b]\n" LIVE_CA "allow any b\n", "[a]\n" LIVE_CA "depth 5\nallow any a\n[b]\n" LIVE_CA "allow any b\n",
        { ALLOWED, ALLOWED, ALLOWED }, "full as a" },
    { LIVE_CA "allow any b\n", LIVE_CA "strict yes\nallow any b\n", { ALLOWED, MTLSPIN_REASON_UNKNOWN_CA, ALLOWED },
        "full as b" },
    /* A first domain whose anchors her certificates cannot lead to, and do not have to be tried; later they may. */
    { "[p]\nca @pki@/other-ca.pem\nallow any p\n[b]\n" LIVE_CA "allow any b\n",
        "[p]\nca @pki@/other-ca.pem\nallow any partner\n[b]\n" LIVE_CA "allow any b\n",
        { ALLOWED, ALLOWED, ALLOWED }, "resumed as b" },
    { "[p]\nca @pki@/other-ca.pem\nallow any p\n[b]\n" LIVE_CA "allow any b\n",
        "[p]\nca @pki@/other-ca.pem\n" LIVE_CA "allow any p\n[b]\n" LIVE_CA "allow any b\n",
        { ALLOWED, ALLOWED, ALLOWED }, "full as p" },
    { "[p]\nca @pki@/other-ca.pem\nallow any p\n[b]\n" LIVE_CA "allow any b\n",
        "[p]\nca @pki@/other-ca.pem\n" LIVE_CA "crl clients-ca-revoked.pem\nallow any p\n[b]\n" LIVE_CA "allow any b\n",
        { MTLSPIN_REASON_REVOKED, MTLSPIN_REASON_REVOKED, ALLOWED }, "full: REVOKED" },
    /* An anchor that takes trust away from those below it, though they have another anchor, too. */
    { LIVE_CA "ca @pki@/other-ca.pem\npartial-chain yes\nallow any b\n",
        LIVE_CA "ca @pki@/other-ca.pem\nca clients-ca-rejected.pem\npartial-chain yes\nallow any b\n",
        { MTLSPIN_REASON_CHAIN, MTLSPIN_REASON_CHAIN, ALLOWED }, "full: CHAIN" },
    { LIVE_CA "ca @pki@/other-ca.pem\npartial-chain yes\nallow any b\n",
        LIVE_CA "ca @pki@/other-ca.pem\nca @pki@/clients-ca.pem\npartial-chain yes\nallow any b\n",
        { ALLOWED, ALLOWED, ALLOWED }, "full as b" },
};
enum { CHANGES = sizeof changes / sizeof *changes };

static void
expect(struct live *live, const struct change *change, int i)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    enum mtlspin_verdict verdict = mtlspin_check(live->rig.verifier, live->judged[i], &decision);
    ck_assert_msg((verdict == MTLSPIN_ALLOW) == (change->reasons[i] == ALLOWED), "connection %d: %s", i,
        mtlspin_reason_name(decision.reason));
    if (verdict != MTLSPIN_ALLOW)
        ck_assert_str_eq(mtlspin_reason_name(decision.reason), mtlspin_reason_name(change->reasons[i]));
}

/* A reason for each connection that was called back. */
static void
note(void *user, const struct mtlspin_decision *decision)
{
    enum mtlspin_reason *reason = user;
    ck_assert_int_eq(*reason, ALLOWED);
    *reason = decision->reason;
}

static void
come_back(struct live *live, const char *outcome)
{
    struct rig *rig = &live->rig;
    SSL_SESSION *session = saved_close(&live->pairs[LIVE_RESUMED]);
    pair_make(&rig->pair, rig->server, live->clients[1]);
    ck_assert_int_eq(SSL_set_session(rig->pair.client, session), 1);
    rig->audit.events = 0;
    ck_assert_int_eq(pair_shake(&rig->pair), strstr(outcome, " as ") != NULL);
    ck_assert_str_eq(ticket_outcome(rig), outcome);
    SSL_SESSION_free(session);
}

START_TEST(checked_after_a_change)
{
    const struct change *change = &changes[_i / 2];
    struct live live;
    live_make(&live, change->before, rig_version(_i));
    for (int i = 0; i < LIVE_COUNT; i++)
        ck_assert_int_eq(mtlspin_check(live.rig.verifier, live.judged[i], NULL), MTLSPIN_ALLOW);
    live_policy(&live, change->after);
    for (int i = LIVE_COUNT - 1; i >= 0; i--)
        expect(&live, change, i);
    come_back(&live, change->back);
    live_free(&live);
}
END_TEST

START_TEST(swept_after_a_change)
{
    const struct change *change = &changes[_i / 2];
    struct live live;
    struct mtlspin_enrolment *enrolments[LIVE_COUNT];
    enum mtlspin_reason told[LIVE_COUNT] = { ALLOWED, ALLOWED, ALLOWED };
    live_make(&live, change->before, rig_version(_i));
    for (int i = 0; i < LIVE_COUNT; i++) {
        enrolments[i] = mtlspin_enrol(live.rig.verifier, live.judged[i], &told[i], NULL);
        ck_assert_ptr_nonnull(enrolments[i]);
    }
    live_policy(&live, change->after);
    (void)mtlspin_verifier_sweep(live.rig.verifier, note);
    for (int i = 0; i < LIVE_COUNT; i++) {
        ck_assert_str_eq(mtlspin_reason_name(told[i]), mtlspin_reason_name(change->reasons[i]));
        mtlspin_withdraw(enrolments[i]);
    }
    come_back(&live, change->back);
    live_free(&live);
}
END_TEST

/* The first lists revoke nobody, and a sweep refuses nobody. Whose list is whose no session tells, but alice's chain does,
   whenever she has enrolled. */
static const int orders[][2] = { { LIVE_FULL, LIVE_RESUMED }, { LIVE_RESUMED, LIVE_FULL } };

START_TEST(first_lists)
{
    const int *order = orders[_i / 2];
    struct live live;
    struct mtlspin_enrolment *enrolments[2];
    enum mtlspin_reason told[2] = { ALLOWED, ALLOWED };
    live_make(&live, LIVE_CA "allow any member\n", rig_version(_i));
    for (int i = 0; i < 2; i++)
        enrolments[i] = mtlspin_enrol(live.rig.verifier, live.judged[order[i]], &told[i], NULL);
    live_policy(&live, LIVE_CA "crl root.pem\ncrl clients.pem\nallow any member\n");
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, note), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(mtlspin_check(live.rig.verifier, live.judged[order[i]], NULL), MTLSPIN_ALLOW);
    live_policy(&live, LIVE_CA "crl clients-ca-revoked.pem\ncrl clients.pem\nallow any member\n");
    ck_assert_uint_eq(mtlspin_verifier_sweep(live.rig.verifier, note), 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(told[i], MTLSPIN_REASON_REVOKED);
        mtlspin_withdraw(enrolments[i]);
    }
    live_free(&live);
}
END_TEST

/* The program's trust store may change at any time: it is asked with each change of policy. */
START_TEST(trust_store_of_the_program)
{
    static const char policy[] = "ca application\nallow any member\n";
    struct rig rig;
    rig_verifier(&rig, policy);
    rig.server = rig_plain_server();
    rig.client = rig_client("alice", rig_version(_i));
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    ck_assert(rig_shake(&rig));
    rig_allowed(&rig, "member");
    for (int round = 0; round < 2; round++) {
        SSL_CTX_set_cert_store(rig.server, X509_STORE_new());
        ticket_set_policy(&rig, policy);
        rig_refused(&rig, MTLSPIN_REASON_UNKNOWN_CA);
        ck_assert_int_eq(SSL_CTX_load_verify_file(rig.server, pki_path("root-ca", ".pem")), 1);
        ticket_set_policy(&rig, policy);
        ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
    }
    rig_free(&rig);
}
END_TEST

/* A ticket under a policy whose anchors have trust settings brings nothing that would hold. */
START_TEST(no_ticket_where_anchors_have_settings)
{
    struct rig rig;
    ticket_make(&rig, "ca @pki@/root-ca.pem\nca other-ca-rejected.pem\nallow any member\n", _i);
    SSL_SESSION *session = ticket_visit(&rig, "alice", NULL, _i);
    ck_assert(ticket_connect(&rig, "alice", NULL, session, _i));
    ck_assert_str_eq(ticket_outcome(&rig), "full as member");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* A server may issue tickets at any time (TLS 1.3). They are as old as the handshake that proved the client's key. */

#define TEN_MINUTES "ca @pki@/root-ca.pem\nsession-lifetime 10m\nallow any member\n"

static const struct late {
    bool resumed;       /* the connection that gets the ticket */
    const char *policy; /* under which it is checked before that; NULL = it is not */
    int64_t issued, used;
    const char *outcome;
} lates[] = {
    { false, NULL, 500, 600, "resumed as member" },
    { false, NULL, 500, 601, "full as member" },
    { false, NULL, 5000, 5000, "full as member" },
    { false, TEN_MINUTES, 500, 601, "full as member" },
    { false, TEN_MINUTES "# again\n", 70000, 70001, "full as member" },
    { true, NULL, 500, 600, "resumed as member" },
    { true, NULL, 500, 601, "full as member" },
    { true, TEN_MINUTES, 500, 601, "full as member" },
};
enum { LATES = sizeof lates / sizeof *lates };

/* The session of a ticket that the server issues now. */
static SSL_SESSION *
one_more_ticket(struct rig *rig)
{
    char byte = 'x';
    SSL_SESSION *before = SSL_get1_session(rig->pair.client);
    ck_assert_int_eq(SSL_new_session_ticket(rig->pair.server), 1);
    ck_assert_int_eq(SSL_write(rig->pair.server, &byte, 1), 1);
    ck_assert_int_eq(SSL_read(rig->pair.client, &byte, 1), 1);
    SSL_SESSION *after = ticket_close(rig);
    ck_assert_ptr_ne(before, after);
    SSL_SESSION_free(before);
    return after;
}

START_TEST(late_ticket)
{
    const struct late *late = &lates[_i];
    struct rig rig;
    ticket_make(&rig, TEN_MINUTES, TICKET_TLS13);
    int64_t start = rig.now;
    SSL_SESSION *first = late->resumed ? ticket_visit(&rig, "alice", NULL, TICKET_TLS13) : NULL;
    ck_assert(ticket_connect(&rig, "alice", NULL, first, TICKET_TLS13));
    ck_assert_int_eq(SSL_session_reused(rig.pair.server), late->resumed);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
    rig.now = start + late->issued;
    if (late->policy != NULL)
        ticket_set_policy(&rig, late->policy);
    if (late->policy != NULL)
        ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
    SSL_SESSION *session = one_more_ticket(&rig);
    rig.now = start + late->used;
    ck_assert(ticket_connect(&rig, "alice", NULL, session, TICKET_TLS13));
    ck_assert_str_eq(ticket_outcome(&rig), late->outcome);
    SSL_SESSION_free(session);
    SSL_SESSION_free(first);
    rig_free(&rig);
}
END_TEST

/* What one connection knows of domains that were in force once does not become more and more. */

/* A domain of others before alice's, never the same twice. */
static void
nth_policy(int n, char *text, size_t size)
{
    static const char *const anchors[] = { "other-ca", "partner-ca", "twin-ca" };
    int length = snprintf(text, size, "[partner]\n");
    for (int i = 0, set = n % 7 + 1; i < 3; i++)
        if (set >> i & 1)
            length += snprintf(text + length, size - (size_t)length, "ca @pki@/%s.pem\n", anchors[i]);
    (void)snprintf(text + length, size - (size_t)length,
        "depth %d\nsecurity-level %d\n%sallow any partner\n[own]\n" LIVE_CA "allow any member\n", n / 7 % 17,
        n / 119 % 5 + 1, n / 595 % 2 == 0 ? "strict yes\n" : "");
}

static size_t
trail_length(const struct rig *rig)
{
    const struct mtlspin__connection *connection = mtlspin__connection_get(rig->pair.server);
    return mtlspin__trail_write(connection->trail, mtlspin__leaf_keys(connection->known), NULL);
}

START_TEST(a_thousand_policies)
{
    enum { EARLY = 100, ALL = 1000 };
    struct rig rig;
    char text[512];
    size_t early = 0;
    nth_policy(0, text, sizeof text);
    rig_make(&rig, text, "alice", rig_version(_i));
    ck_assert(rig_shake(&rig));
    size_t first = trail_length(&rig);
    for (int i = 1; i <= ALL; i++) {
        nth_policy(i, text, sizeof text);
        ticket_set_policy(&rig, text);
        ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
        if (i == EARLY)
            early = trail_length(&rig);
    }
    ck_assert_uint_gt(early, first); /* or it would not be about anything */
    ck_assert_uint_le(trail_length(&rig), early);
    rig_free(&rig);
}
END_TEST

/* Another label is news for the audit hook, once. */
START_TEST(another_label_is_reported)
{
    static const char guest[] = LIVE_CA "allow any guest\n", admin[] = LIVE_CA "allow any admin\n";
    const char *const labels[] = { "guest", "admin", "admin", "guest" };
    struct rig rig;
    ticket_make(&rig, guest, _i % 2);
    SSL_SESSION *session = _i >= 2 ? ticket_visit(&rig, "alice", NULL, _i % 2) : NULL;
    ck_assert(ticket_connect(&rig, "alice", NULL, session, _i % 2));
    ck_assert_str_eq(ticket_outcome(&rig), _i >= 2 ? "resumed as guest" : "full as guest");
    for (int i = 1; i < 4; i++) {
        struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
        bool news = strcmp(labels[i], labels[i - 1]) != 0;
        ticket_set_policy(&rig, strcmp(labels[i], "admin") == 0 ? admin : guest);
        rig.audit.events = 0;
        for (int round = 0; round < 3; round++)
            ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &decision), MTLSPIN_ALLOW);
        ck_assert_str_eq(decision.label, labels[i]);
        ck_assert_int_eq(rig.audit.events, news);
        ck_assert(!news || strstr(rig.audit.json, labels[i]) != NULL);
    }
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("found");
    TCase *all = tcase_create("found");
    tcase_set_timeout(all, 120);
    tcase_add_unchecked_fixture(all, set_up, lists_leave);
    tcase_add_loop_test(all, checked_after_a_change, 0, 2 * CHANGES);
    tcase_add_loop_test(all, swept_after_a_change, 0, 2 * CHANGES);
    tcase_add_loop_test(all, first_lists, 0, 4);
    tcase_add_loop_test(all, trust_store_of_the_program, 0, 2);
    tcase_add_loop_test(all, no_ticket_where_anchors_have_settings, 0, 2);
    tcase_add_loop_test(all, late_ticket, 0, LATES);
    tcase_add_loop_test(all, a_thousand_policies, 0, 2);
    tcase_add_loop_test(all, another_label_is_reported, 0, 4);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
