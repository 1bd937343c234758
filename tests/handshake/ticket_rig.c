#include "ticket_rig.h"
#include "pki.h"
#include "policy_text.h"
#include <check.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

int
ticket_version(int kind)
{
    return kind == TICKET_TLS12 || kind == TICKET_STATEFUL_TLS12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

bool
ticket_is_stateful(int kind)
{
    return kind == TICKET_STATEFUL_TLS12 || kind == TICKET_STATEFUL_TLS13;
}

void
ticket_use_cache(SSL_CTX *server, int kind)
{
    if (!ticket_is_stateful(kind))
        return;
    (void)SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER);
    (void)SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
    ck_assert_int_eq(SSL_CTX_set_num_tickets(server, 2), 1);
}

void
ticket_share_keys(SSL_CTX *server)
{
    unsigned char keys[80];
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (unsigned char)(i * 7 + 1);
    ck_assert_int_eq((int)SSL_CTX_set_tlsext_ticket_keys(server, keys, sizeof keys), 1);
}

void
ticket_make(struct rig *rig, const char *policy, int kind)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(rig, policy);
    rig->server = mtlspin_server_context(pki_path("server-chain", ".pem"), pki_path("server", ".key"), rig->verifier,
        &error);
    ck_assert_msg(rig->server != NULL, "%s", error.message);
    ticket_share_keys(rig->server);
    ticket_use_cache(rig->server, kind);
}

SSL_CTX *
ticket_plain_server(int kind)
{
    SSL_CTX *server = rig_plain_server();
    ticket_share_keys(server);
    ticket_use_cache(server, kind);
    return server;
}

void
ticket_set_policy(struct rig *rig, const char *text)
{
    struct mtlspin_policy *policy = policy_of(text);
    ck_assert_int_eq(mtlspin_verifier_set_policy(rig->verifier, policy, NULL), MTLSPIN_OK);
    mtlspin_policy_unref(policy);
}

void
ticket_dial(struct rig *rig, const char *client, const char *sni, SSL_SESSION *session, int kind)
{
    char name[256]; /* libssl's macro wants it writable */
    (void)snprintf(name, sizeof name, "%s", sni != NULL ? sni : "");
    pair_free(&rig->pair);
    SSL_CTX_free(rig->client);
    rig->client = rig_client(client, ticket_version(kind));
    pair_make(&rig->pair, rig->server, rig->client);
    if (sni != NULL)
        ck_assert_int_eq((int)SSL_set_tlsext_host_name(rig->pair.client, name), 1);
    if (session != NULL)
        ck_assert_int_eq(SSL_set_session(rig->pair.client, session), 1);
    rig->audit.events = 0;
}

int
ticket_connect(struct rig *rig, const char *client, const char *sni, SSL_SESSION *session, int kind)
{
    ticket_dial(rig, client, sni, session, kind);
    return pair_shake(&rig->pair);
}

/* libssl spoils the session of a connection that is freed without a close_notify. */
SSL_SESSION *
ticket_close(struct rig *rig)
{
    SSL_SESSION *session = SSL_get1_session(rig->pair.client);
    (void)SSL_shutdown(rig->pair.client);
    (void)SSL_shutdown(rig->pair.server);
    pair_free(&rig->pair);
    ERR_clear_error();
    return session;
}

SSL_SESSION *
ticket_visit(struct rig *rig, const char *client, const char *sni, int kind)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert(ticket_connect(rig, client, sni, NULL, kind));
    ck_assert(!SSL_session_reused(rig->pair.server));
    ck_assert_msg(mtlspin_check(rig->verifier, rig->pair.server, &decision) == MTLSPIN_ALLOW, "%s",
        mtlspin_reason_name(decision.reason));
    return ticket_close(rig);
}

static void
compare_with_audit(const struct rig *rig, const struct mtlspin_decision *decision, int resumed)
{
    ck_assert_int_eq(rig->audit.events, 1);
    ck_assert_int_eq(rig->audit.verdict, decision->verdict);
    ck_assert_str_eq(mtlspin_reason_name(rig->audit.reason), mtlspin_reason_name(decision->reason));
    ck_assert_int_eq(rig->audit.resumed, resumed);
    ck_assert_int_eq(rig->audit.role, MTLSPIN_SERVER);
    ck_assert_ptr_nonnull(strstr(rig->audit.json, resumed ? "\"resumed\":true" : "\"resumed\":false"));
}

static void
check_allowed(const struct rig *rig, const struct mtlspin_decision *decision)
{
    ck_assert_int_eq(SSL_is_init_finished(rig->pair.server), 1);
    ck_assert_int_eq((int)SSL_get_verify_result(rig->pair.server), X509_V_OK);
    ck_assert_ptr_nonnull(SSL_get0_peer_certificate(rig->pair.server));
    ck_assert_uint_eq(decision->generation, mtlspin_verifier_generation(rig->verifier));
    ck_assert_int_ge(decision->valid_until, rig->now);
}

const char *
ticket_outcome(struct rig *rig)
{
    static char text[MTLSPIN_LABEL_SIZE + 16];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    SSL *ssl = rig->pair.server;
    enum mtlspin_verdict verdict = mtlspin_check(rig->verifier, ssl, &decision);
    int resumed = SSL_session_reused(ssl);
    ck_assert_int_eq(decision.verdict, verdict);
    ck_assert_int_eq(mtlspin_check(rig->verifier, ssl, NULL), verdict);
    compare_with_audit(rig, &decision, resumed);
    (void)snprintf(text, sizeof text, "%s as %s", resumed ? "resumed" : "full", decision.label);
    if (verdict == MTLSPIN_ALLOW) {
        check_allowed(rig, &decision);
        return text;
    }
    ck_assert_str_eq(decision.label, "");
    ck_assert_int_eq(decision.valid_until, 0);
    (void)snprintf(text, sizeof text, "%s: %s", resumed ? "resumed" : "full", mtlspin_reason_name(decision.reason));
    return text;
}
