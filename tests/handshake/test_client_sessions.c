/* Saved sessions of a client that does it right: prepared in time, resumed only where a full handshake would be allowed,
   and a full handshake otherwise, which is judged anew. */
#include "pki.h"
#include "policy_text.h"
#include "saved.h"
#include "suite.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char any[] = "ca @pki@/root-ca.pem\nallow any member\n";
static const char pinned[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ db\n";
static const char in_other_words[] = "# the same\n\nca  @pki@/root-ca.pem\n\tallow  spki @spki:server@  db   # it\n";
static const char renamed[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ database\n";
static const char stranger[] = "ca @pki@/root-ca.pem\nallow spki @spki:server-rsa@ other\n";
static const char other_root[] = "ca @pki@/other-ca.pem\nallow spki @spki:server@ db\n";
static const char deny_key[] = "deny spki @spki:server@\nca @pki@/root-ca.pem\nallow any member\n";
static const char deny_ca[] = "deny spki @spki:servers-ca@\nca @pki@/root-ca.pem\nallow any member\n";
static const char two_pins[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ db\nallow spki @spki:server-rsa@ rsa\n";
static const char hour[] = "[x]\nhost localhost\nca @pki@/root-ca.pem\nsession-lifetime 1h\nallow spki @spki:server@ db\n"
                           "[y]\nca @pki@/root-ca.pem\nallow any member\n";
static const char upper[] = "ca @pki@/root-ca.pem\nallow ca-spki @spki:upper-ca@ upper\n";
static const char lower[] = "ca @pki@/root-ca.pem\nallow ca-spki @spki:deep-ca@ lower\n";
static const char root[] = "ca @pki@/root-ca.pem\nallow ca-spki @spki:root-ca@ root\n";
static const char deny_deep[] = "deny spki @spki:deep-ca@\nca @pki@/root-ca.pem\nallow ca-spki @spki:upper-ca@ upper\n";
static const char middle[] = "ca @pki@/upper-ca.pem\npartial-chain yes\nallow any middle\n";
static const char self[] = "[own]\nhost localhost\nchain none\nallow spki @spki:self-server@ own\n";
static const char self_twice[] = "[own]\nhost localhost\nchain none\nallow spki @spki:self-server@ own\n"
                                 "[more]\nhost 127.0.0.1\nchain none\nallow spki @spki:self-server@ more\n";
static const char second_domain[] = "[a]\nca @pki@/partner-ca.pem\nallow any partner\n"
                                    "[b]\nca @pki@/root-ca.pem\nallow ca-spki @spki:upper-ca@ upper\n";
static const char reported[] = "ca @pki@/root-ca.pem\nmode report-only unmatched=someone\n"
                               "allow spki @spki:server-rsa@ rsa\n";

enum { HOUR = 60 * 60, DAY = 24 * HOUR };

/* A first visit, what happens then, and the second visit, which offers the session. */
static const struct visit {
    const char *what;
    const char *policy, *server, *host;
    const char *policy_later, *server_later, *host_later; /* NULL = the same */
    int64_t passes;                                       /* seconds */
    SSL_SESSION *(*carry)(SSL_SESSION *);                 /* NULL = in memory */
    const char *outcome;                                  /* saved_outcome */
} visits[] = {
    /* nothing that counts */
    { "nothing", any, "server", "localhost", .outcome = "resumed as member" },
    { "nothing", pinned, "server", "127.0.0.1", .outcome = "resumed as db" },
    { "time", pinned, "server", "localhost", .passes = HOUR, .outcome = "resumed as db" },
    { "another process", pinned, "server", "localhost", pinned, .carry = saved_through_pem, .outcome = "resumed as db" },
    { "file", pinned, "server", "localhost", .carry = saved_through_pem, .outcome = "resumed as db" },
    { "file", pinned, "server", "localhost", .carry = saved_through_der, .outcome = "resumed as db" },
    { "comments", pinned, "server", "localhost", in_other_words, .outcome = "resumed as db" },
    { "spelling", pinned, "server", "localhost", .host_later = "LocalHost.", .outcome = "resumed as db" },
    { "spelling", pinned, "server", "::1", .host_later = "0:0::0001", .outcome = "resumed as db" },
    { "only reported", reported, "server", "localhost", .outcome = "resumed as someone" },

    /* the chain is known from the session alone */
    { "file", upper, "server-deep", "localhost", .carry = saved_through_pem, .outcome = "resumed as upper" },
    { "file", lower, "server-deep", "localhost", .carry = saved_through_der, .outcome = "resumed as lower" },
    { "file", root, "server-deep", "localhost", .carry = saved_through_der, .outcome = "resumed as root" },
    { "file", middle, "server-deep", "localhost", .carry = saved_through_pem, .outcome = "resumed as middle" },
    { "file", second_domain, "server-deep", "localhost", .carry = saved_through_pem, .outcome = "resumed as upper" },
    { "file", self, "self-server", "localhost", .carry = saved_through_pem, .outcome = "resumed as own" },

    /* the policy */
    { "label", pinned, "server", "localhost", renamed, .outcome = "full as database" },
    { "pin", any, "server", "localhost", pinned, .outcome = "full as db" },
    { "pin of another", any, "server", "localhost", stranger, .outcome = "NO_RULE" },
    { "pin of another, file", any, "server", "localhost", stranger, .carry = saved_through_pem, .outcome = "NO_RULE" },
    { "anchor", pinned, "server", "localhost", other_root, .outcome = "UNKNOWN_CA" },
    { "key denied", any, "server", "localhost", deny_key, .outcome = "DENIED_SPKI" },
    { "CA denied", any, "server", "localhost", deny_ca, .outcome = "DENIED_SPKI" },
    { "CA denied", upper, "server-deep", "localhost", deny_deep, .outcome = "DENIED_SPKI" },
    { "a CA wanted", any, "server", "localhost", self, .outcome = "NO_RULE" },

    /* the host: the server has a certificate for all of these */
    { "host", pinned, "server", "localhost", .host_later = "127.0.0.1", .outcome = "full as db" },
    { "host", pinned, "server", "127.0.0.1", .host_later = "localhost", .outcome = "full as db" },
    { "host", pinned, "server", "127.0.0.1", .host_later = "::1", .outcome = "full as db" },
    { "domain", hour, "server", "localhost", .host_later = "127.0.0.1", .outcome = "full as member" },
    { "domain", self_twice, "self-server", "localhost", .host_later = "127.0.0.1", .outcome = "full as more" },
    { "unknown host", pinned, "server", "localhost", .host_later = "db.example", .outcome = "HOST_MISMATCH" },

    /* the time */
    { "24 hours", pinned, "server", "localhost", .passes = DAY, .outcome = "resumed as db" },
    { "a second more", pinned, "server", "localhost", .passes = DAY + 1, .outcome = "full as db" },
    { "lifetime", hour, "server", "localhost", .passes = HOUR, .outcome = "resumed as db" },
    { "a second more", hour, "server", "localhost", .passes = HOUR + 1, .outcome = "full as db" },
    { "lifetime of another domain", hour, "server", "127.0.0.1", .passes = HOUR + 1, .outcome = "resumed as member" },
    { "clock backwards", pinned, "server", "localhost", .passes = -1, .outcome = "full as db" },
    { "clock back by years", pinned, "server", "localhost", .passes = -2000 * DAY, .outcome = "NOT_YET_VALID" },

    /* a server that does not know the session */
    { "same certificate", pinned, "server", "localhost", .server_later = "server", .outcome = "full as db" },
    { "same key", pinned, "server", "localhost", .server_later = "server-renewed", .outcome = "full as db" },
    { "another pin", two_pins, "server", "localhost", .server_later = "server-rsa", .outcome = "full as rsa" },
    { "unknown key", pinned, "server", "localhost", .server_later = "server-rsa", .outcome = "NO_RULE" },
    { "unknown CA", any, "server", "localhost", .server_later = "other-server", .outcome = "UNKNOWN_CA" },
    { "expired", any, "server", "localhost", .server_later = "server-expired", .outcome = "EXPIRED" },
    { "without the CA", upper, "server-deep", "localhost", .server_later = "server", .outcome = "NO_RULE" },
};
enum { VISITS = sizeof visits / sizeof *visits };

static void
visit_again(struct rig *rig, const struct visit *v, SSL_SESSION *session, int kind)
{
    if (v->server_later != NULL)
        saved_replace_server(rig, v->server_later, kind);
    (void)saved_connect(rig, v->host_later != NULL ? v->host_later : v->host, session);
    const char *outcome = saved_outcome(rig);
    ck_assert_msg(strcmp(outcome, v->outcome) == 0, "%s: %s, not %s", v->what, outcome, v->outcome);
}

START_TEST(second_visit)
{
    const struct visit *v = &visits[_i / SAVED_KINDS];
    struct rig rig, later;
    saved_make(&rig, v->policy, v->server, _i % SAVED_KINDS);
    SSL_SESSION *session = saved_visit(&rig, v->host);
    if (v->carry != NULL)
        session = v->carry(session);
    rig.now += v->passes;
    if (v->policy_later != NULL) {
        saved_make_other(&later, &rig, v->policy_later, _i % SAVED_KINDS);
        visit_again(&later, v, session, _i % SAVED_KINDS);
        rig_free(&later);
    } else {
        visit_again(&rig, v, session, _i % SAVED_KINDS);
    }
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* The decision about the second visit is that about the first one, but for its end. */

static const struct { const char *policy, *server, *peername; int64_t lifetime; } identities[] = {
    { hour, "server", "localhost", HOUR },
    { upper, "server-deep", "localhost", DAY },
    { self, "self-server", NULL, DAY },
    { reported, "server", "localhost", DAY },
};
enum { IDENTITIES = sizeof identities / sizeof *identities };

static struct mtlspin_decision
decide(struct rig *rig, const char *peername)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(mtlspin_check(rig->verifier, rig->pair.client, &decision), MTLSPIN_ALLOW);
    ck_assert_pstr_eq(mtlspin_peername(rig->pair.client), peername);
    ck_assert_str_eq(rig->audit.host, "localhost");
    return decision;
}

START_TEST(identity_stays)
{
    struct rig rig;
    int which = _i / SAVED_KINDS;
    saved_make(&rig, identities[which].policy, identities[which].server, _i % SAVED_KINDS);
    X509 *leaf = pki_certificate(identities[which].server);
    ck_assert(saved_connect(&rig, "localhost", NULL));
    struct mtlspin_decision before = decide(&rig, identities[which].peername);
    SSL_SESSION *session = saved_through_pem(saved_close(&rig.pair));
    int64_t end = rig.now + identities[which].lifetime;
    rig.now += 60;
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert(SSL_session_reused(rig.pair.client));
    struct mtlspin_decision after = decide(&rig, identities[which].peername);
    ck_assert_int_eq(after.valid_until, end);
    ck_assert_int_gt(before.valid_until, end);
    after.valid_until = before.valid_until;
    ck_assert_mem_eq(&after, &before, sizeof after);
    ck_assert_int_eq(X509_cmp(SSL_get0_peer_certificate(rig.pair.client), leaf), 0);
    X509_free(leaf);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Rule or certificate end. Before, the session resumes, which is the control. Afterwards a live connection is refused, and
   the session, which is young enough, is not offered any more. */

static void
make_rule_with_end(struct rig *rig, int kind)
{
    char date[32], policy[160];
    time_t end = time(NULL) + HOUR;
    struct tm parts;
    ck_assert_ptr_nonnull(gmtime_r(&end, &parts));
    ck_assert_uint_gt(strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts), 0);
    (void)snprintf(policy, sizeof policy, "ca @pki@/root-ca.pem\nallow spki @spki:server@ db not-after=%s\n", date);
    saved_make(rig, policy, "server", kind);
    rig->now = (int64_t)end - 10;
}

static void
make_certificate_with_end(struct rig *rig, int kind)
{
    struct tm parts;
    int days = 0, seconds = 0;
    X509 *leaf = pki_certificate("server");
    ck_assert_int_eq(ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &parts), 1);
    ck_assert_int_eq(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)), 1);
    saved_make(rig, pinned, "server", kind);
    rig->now = (int64_t)time(NULL) + (int64_t)days * DAY + seconds - 10;
    X509_free(leaf);
}

static const struct { void (*make)(struct rig *, int); const char *outcome; } ends[] = {
    { make_rule_with_end, "RULE_EXPIRED" },
    { make_certificate_with_end, "EXPIRED" },
};
enum { ENDS = sizeof ends / sizeof *ends };

START_TEST(end_of_a_rule_or_certificate)
{
    struct rig rig;
    ends[_i / SAVED_KINDS].make(&rig, _i % SAVED_KINDS);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    rig.now += 5;
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    rig.now += 60;
    ck_assert_str_eq(saved_outcome(&rig), ends[_i / SAVED_KINDS].outcome);
    ck_assert(!saved_connect(&rig, "localhost", session));
    ck_assert(!SSL_session_reused(rig.pair.client));
    ck_assert_str_eq(saved_outcome(&rig), ends[_i / SAVED_KINDS].outcome);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* The newest session each time: it does not get younger. */
START_TEST(renewed_many_times)
{
    struct rig rig;
    int resumed = 0, full = 0;
    saved_make(&rig, hour, "server", _i);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    int64_t authenticated = rig.now;
    for (int i = 0; i < 25; i++) { /* every ten minutes */
        rig.now += HOUR / 6;
        ck_assert(saved_connect(&rig, "localhost", session));
        bool due = rig.now - authenticated > HOUR;
        ck_assert_str_eq(saved_outcome(&rig), due ? "full as db" : "resumed as db");
        authenticated = due ? rig.now : authenticated;
        due ? full++ : resumed++;
        SSL_SESSION_free(session);
        session = saved_close(&rig.pair);
    }
    ck_assert_int_eq(full, 3);
    ck_assert_int_eq(resumed, 22);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* A live connection that was resumed ends with its session; one of a full handshake goes on. */
START_TEST(live_connection)
{
    struct rig rig;
    saved_make(&rig, hour, "server", _i);
    ck_assert(saved_connect(&rig, "localhost", NULL));
    rig.now += 2 * DAY;
    ck_assert_str_eq(saved_outcome(&rig), "full as db");
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    ck_assert(saved_connect(&rig, "localhost", session));
    rig.now += HOUR;
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    rig.now += 1;
    ck_assert_str_eq(saved_outcome(&rig), "SESSION_EXPIRED");
    ck_assert_ptr_nonnull(strstr(rig.audit.json, "\"rule_label\":\"db\""));
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = { renewed_many_times, live_connection };
    Suite *suite = suite_create("client sessions");
    TCase *all = tcase_create("ticket, session id; TLS 1.2, 1.3");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, second_visit, 0, VISITS * SAVED_KINDS);
    tcase_add_loop_test(all, identity_stays, 0, IDENTITIES * SAVED_KINDS);
    tcase_add_loop_test(all, end_of_a_rule_or_certificate, 0, ENDS * SAVED_KINDS);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_loop_test(all, tests[i], 0, SAVED_KINDS);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
