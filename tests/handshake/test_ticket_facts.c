/* What a ticket says of its client's certificate: never less to a policy than the certificate itself, nor anything else.
   What the policy of the time did not want to know is not in the ticket, and is looked up when a later one wants it. */
#include "pki.h"
#include "suite.h"
#include "ticket_rig.h"
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define CA "ca @pki@/root-ca.pem\n"

static const struct facts_case {
    const char *client, *before, *after; /* policies of one structure */
    const char *outcome;
} cases[] = {
    { "alice", CA "allow spki @spki:alice@ alice\n", CA "allow spki @spki:alice@ again\n", "resumed as again" },
    { "alice", CA "allow spki @spki:alice@ alice\n", CA "allow thumbprint @thumbprint:alice@ print\n", "resumed as print" },
    { "alice-renewed", CA "allow spki @spki:alice@ alice\n", CA "allow thumbprint @thumbprint:alice@ print\n",
      "full: NO_RULE" },
    { "alice", CA "allow thumbprint @thumbprint:alice@ print\n", CA "allow spki @spki:alice@ alice\n", "resumed as alice" },
    { "alice", CA "allow spki @spki:alice@ alice\n",
      CA "allow serial @serial:alice@ number issuer=@pki@/clients-ca.pem\n", "resumed as number" },
    { "alice", CA "allow spki @spki:alice@ alice\n", "deny serial @serial:alice@\n" CA "allow any member\n",
      "full: DENIED_SERIAL" },
    { "alice", CA "allow spki @spki:alice@ alice\n",
      "deny serial @serial:alice@ issuer=@pki@/clients-ca.pem\n" CA "allow any member\n", "full: DENIED_SERIAL" },
    { "alice", CA "allow spki @spki:alice@ alice\n",
      "deny serial @serial:clients-ca@ issuer=@pki@/root-ca.pem\n" CA "allow any member\n", "full: DENIED_SERIAL" },
    { "alice", CA "allow spki @spki:alice@ alice\n", "deny spki @spki:clients-ca@\n" CA "allow any member\n",
      "full: DENIED_SPKI" },
    { "alice", CA "allow spki @spki:alice@ alice\n", "deny spki @spki:root-ca@\n" CA "allow any member\n",
      "full: DENIED_SPKI" },
    { "alice", CA "allow spki @spki:alice@ alice\n", "deny serial @serial:root-ca@\n" CA "allow any member\n",
      "full: DENIED_SERIAL" },
    { "alice", CA "allow spki @spki:alice@ alice\n", CA "allow ca-spki @spki:clients-ca@ below\n", "resumed as below" },
    { "alice", CA "allow spki @spki:alice@ alice\n", CA "allow ca-spki @spki:root-ca@ top\n", "resumed as top" },
    { "alice", CA "allow spki @spki:alice@ alice\n", CA "allow dns agent.acme.example agent\n", "full: NO_RULE" },
    /* Names that the policy of the time did not ask for, and names that it did. */
    { "san-dns", CA "allow spki @spki:san-dns@ key\n", CA "allow dns agent.acme.example agent\n", "resumed as agent" },
    { "san-dns", CA "allow dns agent.acme.example agent\n", CA "allow spki @spki:san-dns@ key\n", "resumed as key" },
    { "san-dns", CA "allow dns agent.acme.example agent\n", CA "allow dns other.example other\n", "full: NO_RULE" },
    { "san-all", CA "allow any member\n", CA "allow email ops@acme.example ops\n", "resumed as ops" },
    { "san-all", CA "allow dns agent.acme.example agent\n", CA "allow uri spiffe://partner.example/gateway gate\n",
      "resumed as gate" },
    { "san-two-uris", CA "allow any member\n", CA "allow uri spiffe://partner.example/gateway gate\n", "full: NO_RULE" },
    { "san-two-uris", CA "allow any member\nallow dns other.example\n",
      CA "allow uri spiffe://partner.example/gateway gate\n", "full: NO_RULE" },
    { "san-uri", CA "allow uri spiffe://partner.example/gateway gate\n",
      CA "allow uri spiffe://partner.example/gateway again\n", "resumed as again" },
    { "san-four", CA "allow dns agent.acme.example agent\n", CA "allow dns b.example b\n", "resumed as b" },
    { "san-five", CA "allow dns agent.acme.example agent\n", CA "allow dns e.example e\n", "resumed as e" },
    { "san-five", CA "allow dns e.example e\n", CA "allow dns f.example f\n", "full: NO_RULE" },
    { "client-rsa", CA "allow any member\n", CA "allow thumbprint @thumbprint:client-rsa@ print\n", "resumed as print" },
    { "kiosk", CA "allow any member\n", CA "allow thumbprint @thumbprint:kiosk@ print\n", "resumed as print" },
    /* A client known by its pin alone, whose names nobody looks at. */
    { "scanner", CA "[pins]\nchain none\nallow spki @spki:scanner@ key\n",
      CA "[pins]\nchain none\nallow thumbprint @thumbprint:scanner@ print\n", "resumed as print" },
};
enum { CASES = sizeof cases / sizeof *cases };

/* With an audit hook, which wants the thumbprint, or without. */
static void
make(struct rig *rig, const char *policy, bool hook)
{
    rig_verifier(rig, policy);
    if (!hook)
        ck_assert_int_eq(mtlspin_verifier_set_audit(rig->verifier, NULL, NULL, NULL), MTLSPIN_OK);
    rig->server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, rig->server, NULL), MTLSPIN_OK);
}

static const char *
outcome(struct rig *rig)
{
    static char text[MTLSPIN_LABEL_SIZE + 16];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    bool allowed = mtlspin_check(rig->verifier, rig->pair.server, &decision) == MTLSPIN_ALLOW;
    (void)snprintf(text, sizeof text, "%s%s%s", SSL_session_reused(rig->pair.server) ? "resumed" : "full",
        allowed ? " as " : ": ", allowed ? decision.label : mtlspin_reason_name(decision.reason));
    ERR_clear_error();
    return text;
}

START_TEST(later_policy)
{
    const struct facts_case *c = &cases[_i / 4];
    int kind = _i % 2 == 0 ? TICKET_TLS12 : TICKET_TLS13;
    struct rig rig;
    make(&rig, c->before, _i % 4 < 2);
    SSL_SESSION *session = ticket_visit(&rig, c->client, NULL, kind);
    ticket_set_policy(&rig, c->after);
    (void)ticket_connect(&rig, c->client, NULL, session, kind);
    ck_assert_str_eq(outcome(&rig), c->outcome);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* What is known from a ticket serves later decisions about the live connection, too. */
START_TEST(later_policy_for_a_live_connection)
{
    const struct facts_case *c = &cases[_i / 4];
    int kind = _i % 2 == 0 ? TICKET_TLS12 : TICKET_TLS13;
    char wanted[MTLSPIN_LABEL_SIZE + 16];
    struct rig rig;
    make(&rig, c->before, _i % 4 < 2);
    SSL_SESSION *session = ticket_visit(&rig, c->client, NULL, kind);
    ck_assert(ticket_connect(&rig, c->client, NULL, session, kind));
    ck_assert_int_eq(SSL_session_reused(rig.pair.server), 1);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
    ticket_set_policy(&rig, c->after);
    (void)snprintf(wanted, sizeof wanted, "resumed%s", strpbrk(c->outcome, " :")); /* it is open already */
    ck_assert_str_eq(outcome(&rig), wanted);
    ticket_set_policy(&rig, c->before);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_ALLOW);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

static void
copy_field(const char *json, const char *name, char *out, size_t size)
{
    char start[32];
    (void)snprintf(start, sizeof start, "\"%s\":\"", name);
    const char *at = strstr(json, start);
    ck_assert_msg(at != NULL, "%s in %s", name, json);
    at += strlen(start);
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

/* The hook is told the same of a client that resumes. */
START_TEST(event_of_a_resumed_client)
{
    static const char *const clients[] = { "alice", "san-five", "client-rsa", "kiosk", "small-serial" };
    static const char *const fields[] = { "spki", "thumbprint", "serial", "subject", "issuer" };
    struct rig rig;
    char full[MTLSPIN_EVENT_JSON_SIZE], before[512], after[512];
    make(&rig, CA "allow any member\n", true);
    SSL_SESSION *session = ticket_visit(&rig, clients[_i / 2], NULL, _i % 2);
    (void)snprintf(full, sizeof full, "%s", rig.audit.json);
    ck_assert(ticket_connect(&rig, clients[_i / 2], NULL, session, _i % 2));
    ck_assert_str_eq(outcome(&rig), "resumed as member");
    ck_assert_ptr_nonnull(strstr(rig.audit.json, "\"resumed\":true"));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        copy_field(full, fields[i], before, sizeof before);
        copy_field(rig.audit.json, fields[i], after, sizeof after);
        ck_assert_str_eq(after, before);
        ck_assert_str_ne(after, "");
    }
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Tickets of a server without libmtlspin that has the same keys, and even the same session context. */

static unsigned char context[SSL_MAX_SID_CTX_LENGTH];
static unsigned context_length;

static int
note_context(SSL *ssl, void *verifier)
{
    const unsigned char *id = SSL_SESSION_get0_id_context(SSL_get_session(ssl), &context_length);
    memcpy(context, id, context_length);
    return mtlspin_ticket_generate(ssl, verifier);
}

static SSL_TICKET_RETURN
decrypt(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status, void *verifier)
{
    return mtlspin_ticket_decrypt(ssl, session, name, length, status, verifier);
}

static const struct plain_case {
    bool same_context, verifies;
    const char *client, *outcome;
} plain_cases[] = {
    { false, true, "alice", "full as alice" },
    { false, false, "alice", "full as alice" },
    { true, true, "alice", "full as alice" },
    { true, false, "alice", "full as alice" }, /* nobody has asked her for her certificate */
    { true, true, "mallory", "full: NO_RULE" },
    { true, false, NULL, "full: NO_CERTIFICATE" },
};
enum { PLAIN_CASES = sizeof plain_cases / sizeof *plain_cases };

START_TEST(ticket_of_a_plain_server)
{
    const struct plain_case *c = &plain_cases[_i / 2];
    struct rig rig, plain = { .server = ticket_plain_server(_i % 2) };
    ticket_make(&rig, CA "allow spki @spki:alice@ alice\n", _i % 2);
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig.server, note_context, decrypt, rig.verifier), 1);
    SSL_SESSION_free(ticket_visit(&rig, "alice", NULL, _i % 2));
    ck_assert_uint_eq(context_length, sizeof context);
    if (c->same_context)
        ck_assert_int_eq(SSL_CTX_set_session_id_context(plain.server, context, context_length), 1);
    if (!c->verifies)
        SSL_CTX_set_verify(plain.server, SSL_VERIFY_NONE, NULL);
    ck_assert(ticket_connect(&plain, c->client, NULL, NULL, _i % 2));
    SSL_SESSION *session = ticket_close(&plain);
    ck_assert(SSL_SESSION_has_ticket(session));
    (void)ticket_connect(&rig, c->client, NULL, session, _i % 2);
    ck_assert_str_eq(ticket_outcome(&rig), c->outcome);
    SSL_SESSION_free(session);
    rig_free(&plain);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ticket facts");
    TCase *all = tcase_create("facts");
    tcase_add_loop_test(all, later_policy, 0, 4 * CASES);
    tcase_add_loop_test(all, later_policy_for_a_live_connection, 0, 4 * CASES);
    tcase_add_loop_test(all, event_of_a_resumed_client, 0, 10);
    tcase_add_loop_test(all, ticket_of_a_plain_server, 0, 2 * PLAIN_CASES);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
