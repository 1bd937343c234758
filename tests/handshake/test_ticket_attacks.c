/* Ways around the policy by resumption, at a server whose tickets resume. Seals: test_ticket_seals.c. */
#include "pki.h"
#include "suite.h"
#include "ticket_rig.h"
#include <openssl/err.h>
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\nallow spki @spki:kiosk@ kiosk\n";
static const char without_alice[] = "ca @pki@/root-ca.pem\nallow spki @spki:kiosk@ kiosk\n";
static const char called_otherwise[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ \"alice at b\"\n";

/* The shape of CVE-2025-23419: a servername callback leads b.example to an SSL_CTX of its own. */

struct site {
    SSL_CTX *context;
    struct mtlspin_verifier *verifier; /* NULL = plain OpenSSL */
};

static int
lead_to_site(SSL *ssl, int *alert, void *user)
{
    const struct site *site = user;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (name == NULL || strcmp(name, "b.example") != 0)
        return SSL_TLSEXT_ERR_OK;
    (void)SSL_set_SSL_CTX(ssl, site->context);
    if (site->verifier != NULL)
        ck_assert_int_eq(mtlspin_prepare(site->verifier, ssl, NULL), MTLSPIN_OK);
    return SSL_TLSEXT_ERR_OK;
}

static void
add_site(SSL_CTX *server, struct site *site)
{
    SSL_CTX_set_tlsext_servername_callback(server, lead_to_site);
    SSL_CTX_set_tlsext_servername_arg(server, site);
}

static const struct site_case {
    const char *policy;         /* of the second verifier; NULL = both SSL_CTXs have the same */
    const char *first, *second; /* SNI; NULL = none */
    const char *outcome;        /* by the verifier of the second one's site */
} site_cases[] = {
    { NULL, "a.example", "a.example", "resumed as alice" },
    { NULL, "b.example", "b.example", "resumed as alice" },
    { NULL, "a.example", "b.example", "full as alice" },
    { NULL, "b.example", "a.example", "full as alice" },
    { NULL, NULL, "b.example", "full as alice" },
    { NULL, "b.example", NULL, "full as alice" },
    { without_alice, "a.example", "a.example", "resumed as alice" },
    { without_alice, "a.example", "b.example", "full: NO_RULE" },
    { without_alice, NULL, "b.example", "full: NO_RULE" },
    { members, "a.example", "b.example", "full as alice" },
    { called_otherwise, "a.example", "b.example", "full as alice at b" },
    { called_otherwise, "b.example", "a.example", "full as alice" },
    { called_otherwise, "b.example", "b.example", "full as alice at b" }, /* no ticket is sealed behind another's callbacks */
};
enum { SITE_CASES = sizeof site_cases / sizeof *site_cases };

/* The connection goes over to the rig whose verifier has the say about it. */
static struct rig *
judge_of(struct rig *first, struct rig *second, const char *name)
{
    if (second->verifier == first->verifier || name == NULL || strcmp(name, "b.example") != 0)
        return first;
    second->pair = first->pair;
    memset(&first->pair, 0, sizeof first->pair);
    return second;
}

/* The second rig; with the first one's verifier where `policy` is NULL. */
static struct site
make_second(struct rig *first, struct rig *second, const char *policy, int kind)
{
    ticket_make(second, policy != NULL ? policy : members, kind);
    struct site site = { second->server, second->verifier };
    if (policy != NULL)
        return site;
    SSL_CTX_free(second->server);
    mtlspin_verifier_unref(second->verifier);
    site.verifier = second->verifier = mtlspin_verifier_ref(first->verifier);
    site.context = second->server = mtlspin_server_context(pki_path("server-chain", ".pem"), pki_path("server", ".key"),
        first->verifier, NULL);
    ck_assert_ptr_nonnull(site.context);
    return site;
}

START_TEST(session_of_one_site_at_another)
{
    const struct site_case *c = &site_cases[_i / 2];
    const int kind = _i % 2;
    struct rig rig, other;
    ticket_make(&rig, members, kind);
    struct site site = make_second(&rig, &other, c->policy, kind);
    add_site(rig.server, &site);
    ck_assert(ticket_connect(&rig, "alice", c->first, NULL, kind));
    ck_assert(!SSL_session_reused(rig.pair.server));
    SSL_SESSION *session = ticket_close(&rig);
    (void)ticket_connect(&rig, "alice", c->second, session, kind);
    struct rig *judge = judge_of(&rig, &other, c->second);
    ck_assert_str_eq(ticket_outcome(judge), c->outcome);
    if (judge == &other)
        ck_assert_int_eq(mtlspin_check(rig.verifier, other.pair.server, NULL), MTLSPIN_DENY);
    SSL_SESSION_free(session);
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

/* A program whose own client-hello callback leads everybody to the second SSL_CTX. */
static int
lead_by_hello(SSL *ssl, int *alert, void *user)
{
    const struct site *site = user;
    (void)alert;
    (void)SSL_set_SSL_CTX(ssl, site->context);
    ck_assert_int_eq(mtlspin_prepare(site->verifier, ssl, NULL), MTLSPIN_OK);
    return SSL_CLIENT_HELLO_SUCCESS;
}

static const struct site_case hello_cases[] = {
    { NULL, "b.example", "b.example", "resumed as alice" },
    { NULL, "b.example", "c.example", "full as alice" },
    { NULL, NULL, NULL, "resumed as alice" },
    { called_otherwise, "b.example", "b.example", "full as alice at b" }, /* the callbacks are those of the first SSL_CTX */
};
enum { HELLO_CASES = sizeof hello_cases / sizeof *hello_cases };

START_TEST(led_by_the_hello_callback)
{
    const struct site_case *c = &hello_cases[_i / 2];
    const int kind = _i % 2;
    struct rig rig, other;
    ticket_make(&rig, members, kind);
    struct site site = make_second(&rig, &other, c->policy, kind);
    SSL_CTX_set_client_hello_cb(rig.server, lead_by_hello, &site);
    ck_assert(ticket_connect(&rig, "alice", c->first, NULL, kind));
    SSL_SESSION *session = ticket_close(&rig);
    ck_assert(ticket_connect(&rig, "alice", c->second, session, kind));
    struct rig *judge = c->policy != NULL ? judge_of(&rig, &other, "b.example") : &rig;
    ck_assert_str_eq(ticket_outcome(judge), c->outcome);
    SSL_SESSION_free(session);
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

/* The first SSL_CTX, which alone decides about sessions, has no verifier: what it resumes by itself is denied. (In TLS 1.2 the
   name of a session that has resumed is that of its first handshake, so that it is not even led on.) */
START_TEST(first_context_without_verifier)
{
    const int kind = _i % 2;
    struct rig rig;
    ticket_make(&rig, members, kind);
    struct site site = { rig.server, rig.verifier };
    SSL_CTX *plain = ticket_plain_server(kind);
    add_site(plain, &site);
    rig.server = plain;
    ck_assert(ticket_connect(&rig, "alice", "a.example", NULL, kind)); /* not led anywhere */
    SSL_SESSION *session = ticket_close(&rig);
    SSL_SESSION *own = ticket_visit(&rig, "alice", "b.example", kind);
    ck_assert(ticket_connect(&rig, "alice", "b.example", own, kind)); /* got no ticket */
    ck_assert_str_eq(ticket_outcome(&rig), "full as alice");
    (void)ticket_connect(&rig, "alice", "b.example", session, kind);
    ck_assert_str_eq(ticket_outcome(&rig), kind == TICKET_TLS12 ? "resumed: NOT_JUDGED" : "resumed: RESUMED");
    SSL_SESSION_free(session);
    SSL_SESSION_free(own);
    SSL_CTX_free(site.context);
    rig_free(&rig);
}
END_TEST

static int
refuse_all(X509_STORE_CTX *context, void *user)
{
    (void)user;
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
    return 0;
}

/* The control: b.example has a session context of its own, and would refuse everybody. */
START_TEST(control_plain_sites)
{
    const int kind = _i % TICKET_KINDS;
    struct rig rig = { .server = ticket_plain_server(kind) };
    struct site site = { ticket_plain_server(kind), NULL };
    ck_assert_int_eq(SSL_CTX_set_session_id_context(site.context, (const unsigned char *)"b", 1), 1);
    SSL_CTX_set_cert_verify_callback(site.context, refuse_all, NULL);
    add_site(rig.server, &site);
    ck_assert(!ticket_connect(&rig, "alice", "b.example", NULL, kind));
    ck_assert(ticket_connect(&rig, "alice", "a.example", NULL, kind));
    SSL_SESSION *session = ticket_close(&rig);
    ck_assert(ticket_connect(&rig, "alice", "b.example", session, kind));
    ck_assert(SSL_session_reused(rig.pair.server));
    SSL_SESSION_free(session);
    SSL_CTX_free(site.context);
    rig_free(&rig);
}
END_TEST

/* What is known of a client is the same by session as by handshake. */

static const struct identity_case {
    const char *policy, *client;
} identity_cases[] = {
    { members, "alice" },
    { "ca @pki@/other-ca.pem\nallow any stranger\n[own]\nca @pki@/root-ca.pem\n"
      "allow ca-spki @spki:clients-ca@ member not-after=2999-01-01\n", "kiosk" },
    { "ca @pki@/root-ca.pem\nallow uri spiffe://partner.example/gateway \"the gateway\"\n", "san-uri" },
    { "ca @pki@/root-ca.pem\nallow email ops@acme.example\n", "san-email" },
    { "chain none\nallow thumbprint @thumbprint:scanner@ scanner\n", "scanner" },
    { "ca @pki@/root-ca.pem\nmode report-only unmatched=guest\nallow spki @spki:alice@ alice not-after=2020-01-01\n",
      "alice" },
};
enum { IDENTITY_CASES = sizeof identity_cases / sizeof *identity_cases };

/* An event as text, without the word that differs. */
static const char *
words_of(char *json)
{
    static const char key[] = "\"resumed\":";
    char *word = strstr(json, key);
    ck_assert_ptr_nonnull(word);
    word += strlen(key);
    size_t length = strcspn(word, ",}");
    memmove(word, word + length, strlen(word + length) + 1);
    return json;
}

START_TEST(identity_stays)
{
    const struct identity_case *c = &identity_cases[_i / 2];
    struct rig rig;
    struct mtlspin_decision full = MTLSPIN_DECISION_INIT, resumed = MTLSPIN_DECISION_INIT;
    ticket_make(&rig, c->policy, _i % 2);
    ck_assert(ticket_connect(&rig, c->client, NULL, NULL, _i % 2));
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &full), MTLSPIN_ALLOW);
    struct rig_audit first = rig.audit;
    SSL_SESSION *session = ticket_close(&rig);
    ck_assert(ticket_connect(&rig, c->client, NULL, session, _i % 2));
    ck_assert_int_eq(strncmp(ticket_outcome(&rig), "resumed as ", 11), 0);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &resumed), MTLSPIN_ALLOW);
    ck_assert_str_eq(words_of(rig.audit.json), words_of(first.json));
    ck_assert_int_le(resumed.valid_until, full.valid_until);
    ck_assert_int_le(resumed.valid_until, rig.now + 86400); /* the session's own end */
    resumed.valid_until = full.valid_until;
    ck_assert_mem_eq(&resumed, &full, sizeof full);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* A decision from a session holds for the session's lifetime, on a live connection too. */
START_TEST(live_connection_ends_with_its_session)
{
    struct rig rig;
    ticket_make(&rig, "ca @pki@/root-ca.pem\nsession-lifetime 10m\nallow any member\n", _i);
    SSL_SESSION *session = ticket_visit(&rig, "alice", NULL, _i);
    rig.now += 500;
    ck_assert(ticket_connect(&rig, "alice", NULL, session, _i));
    ck_assert_str_eq(ticket_outcome(&rig), "resumed as member");
    rig.now += 100;
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
    ticket_set_policy(&rig, "ca @pki@/root-ca.pem\nsession-lifetime 10m\nallow any citizen\n");
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
    rig.now++;
    rig_refused(&rig, MTLSPIN_REASON_SESSION_EXPIRED);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* An SSL of the server that is used again. */

static void
reuse(struct rig *rig, const char *client, SSL_SESSION *session, int kind)
{
    BIO *left = NULL, *right = NULL;
    SSL *again = rig->pair.server;
    ck_assert_int_eq(SSL_up_ref(again), 1);
    SSL_SESSION_free(ticket_close(rig));
    ticket_dial(rig, client, NULL, session, kind);
    SSL_free(rig->pair.server);
    rig->pair.server = again;
    ck_assert_int_eq(SSL_clear(again), 1);
    ck_assert_int_eq(mtlspin_check(rig->verifier, again, NULL), MTLSPIN_DENY);
    rig->audit.events = 0;
    ck_assert_int_eq(BIO_new_bio_pair(&left, 1 << 20, &right, 1 << 20), 1);
    SSL_set_bio(again, left, left);
    SSL_set_bio(rig->pair.client, right, right);
    (void)pair_shake(&rig->pair);
}

static const struct reuse_case {
    bool first_resumes;
    const char *client;  /* the second; NULL = none */
    bool second_resumes; /* alice's session, that is */
    bool removed;        /* alice, in between */
    const char *outcome;
} reuse_cases[] = {
    { true, "alice", true, false, "resumed as alice" },
    { true, "kiosk", false, false, "full as kiosk" },
    { true, "mallory", false, false, "full: NO_RULE" },
    { true, NULL, false, false, "full: NO_CERTIFICATE" },
    { true, "alice", true, true, "full: NO_RULE" },
    { true, NULL, true, true, "full: NO_CERTIFICATE" },
    { false, "kiosk", true, false, "resumed as alice" },
    { false, "kiosk", true, true, "full as kiosk" },
};
enum { REUSE_CASES = sizeof reuse_cases / sizeof *reuse_cases };

START_TEST(cleared_ssl_inherits_nothing)
{
    const struct reuse_case *c = &reuse_cases[_i / 2];
    struct rig rig;
    ticket_make(&rig, members, _i % 2);
    SSL_SESSION *session = ticket_visit(&rig, "alice", NULL, _i % 2);
    ck_assert(ticket_connect(&rig, "alice", NULL, c->first_resumes ? session : NULL, _i % 2));
    ck_assert_str_eq(ticket_outcome(&rig), c->first_resumes ? "resumed as alice" : "full as alice");
    if (c->removed)
        ticket_set_policy(&rig, without_alice);
    reuse(&rig, c->client, c->second_resumes ? session : NULL, _i % 2);
    ck_assert_str_eq(ticket_outcome(&rig), c->outcome);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* How long the seal is that a call leaves on a session without one. */
static size_t
seal_by(struct mtlspin_verifier *verifier, SSL *ssl)
{
    void *data = NULL;
    size_t length = 0;
    ck_assert_int_eq(SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), "", 0), 1);
    ck_assert_int_eq(mtlspin_ticket_generate(ssl, verifier), 1);
    ck_assert_int_eq(SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &data, &length), 1);
    return length;
}

START_TEST(only_the_verifier_that_has_judged_seals)
{
    struct rig rig, other;
    ticket_make(&rig, members, _i);
    ticket_make(&other, members, _i);
    ck_assert(ticket_connect(&rig, "alice", NULL, NULL, _i));
    ck_assert_uint_gt(seal_by(rig.verifier, rig.pair.server), 9);
    ck_assert_uint_eq(seal_by(other.verifier, rig.pair.server), 0);
    ck_assert(!ticket_connect(&rig, "mallory", NULL, NULL, _i));
    ck_assert_uint_eq(seal_by(rig.verifier, rig.pair.server), 0);
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

START_TEST(no_renegotiation)
{
    struct rig rig;
    ticket_make(&rig, members, TICKET_TLS12);
    (void)SSL_CTX_clear_options(rig.server, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_options(rig.server, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    SSL_SESSION *session = ticket_visit(&rig, "alice", NULL, TICKET_TLS12);
    ck_assert(ticket_connect(&rig, "alice", NULL, session, TICKET_TLS12));
    ck_assert_int_eq(SSL_renegotiate(rig.pair.server), 0);
    ck_assert_int_eq(SSL_renegotiate_abbreviated(rig.pair.server), 0);
    ERR_clear_error();
    ck_assert_str_eq(ticket_outcome(&rig), "resumed as alice");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ticket attacks");
    TCase *all = tcase_create("attacks");
    tcase_add_loop_test(all, session_of_one_site_at_another, 0, 2 * SITE_CASES);
    tcase_add_loop_test(all, led_by_the_hello_callback, 0, 2 * HELLO_CASES);
    tcase_add_loop_test(all, first_context_without_verifier, 0, 2);
    tcase_add_loop_test(all, control_plain_sites, 0, TICKET_KINDS);
    tcase_add_loop_test(all, identity_stays, 0, 2 * IDENTITY_CASES);
    tcase_add_loop_test(all, live_connection_ends_with_its_session, 0, 2);
    tcase_add_loop_test(all, cleared_ssl_inherits_nothing, 0, 2 * REUSE_CASES);
    tcase_add_loop_test(all, only_the_verifier_that_has_judged_seals, 0, 2);
    tcase_add_test(all, no_renegotiation);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
