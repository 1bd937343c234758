#include "rig.h"
#include "pki.h"
#include "policy_text.h"
#include <check.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int
rig_version(int index)
{
    return index % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

static void
hook(const struct mtlspin_event *event, void *user)
{
    struct rig_audit *audit = user;
    audit->events++;
    audit->verdict = event->decision->verdict;
    audit->reason = event->decision->reason;
    audit->tls_error = event->tls_error;
    audit->role = event->role;
    audit->resumed = event->resumed;
    (void)snprintf(audit->host, sizeof audit->host, "%s", event->host);
    ck_assert_uint_gt(mtlspin_event_json(event, audit->json, sizeof audit->json), 0);
}

static int64_t
read_clock(void *user)
{
    return *(int64_t *)user;
}

void
rig_verifier(struct rig *rig, const char *text)
{
    struct mtlspin_policy *policy = policy_of(text);
    memset(rig, 0, sizeof *rig);
    rig->now = (int64_t)time(NULL);
    rig->verifier = mtlspin_verifier_new(policy, NULL);
    mtlspin_policy_unref(policy);
    ck_assert_ptr_nonnull(rig->verifier);
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig->verifier, hook, &rig->audit, NULL), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_verifier_set_clock(rig->verifier, read_clock, &rig->now, NULL), MTLSPIN_OK);
}

void
rig_make(struct rig *rig, const char *policy, const char *client, int version)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(rig, policy);
    rig->server = mtlspin_server_context(pki_path("server-chain", ".pem"), pki_path("server", ".key"), rig->verifier,
        &error);
    ck_assert_msg(rig->server != NULL, "%s", error.message);
    rig->client = rig_client(client, version);
}

SSL_CTX *
rig_client(const char *client, int version)
{
    char chain[96];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(context, version), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, version), 1);
    if (client == NULL)
        return context;
    (void)snprintf(chain, sizeof chain, "%s-chain", client);
    pki_use(context, chain, client);
    return context;
}

SSL_CTX *
rig_plain_server(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    pki_use(context, "server-chain", "server");
    ck_assert_int_eq(SSL_CTX_load_verify_file(context, pki_path("root-ca", ".pem")), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    ck_assert_int_eq(SSL_CTX_set_session_id_context(context, (const unsigned char *)"plain", 5), 1);
    return context;
}

SSL_CTX *
rig_public_server(const char *server)
{
    char chain[96];
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    (void)snprintf(chain, sizeof chain, "%s-chain", server);
    pki_use(context, chain, server);
    return context;
}

void
rig_make_client(struct rig *rig, const char *policy, const char *server, int version)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_verifier(rig, policy);
    rig->client_side = true;
    rig->server = rig_public_server(server);
    rig->client = mtlspin_client_context(NULL, NULL, rig->verifier, &error);
    ck_assert_msg(rig->client != NULL, "%s", error.message);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(rig->client, version), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(rig->client, version), 1);
}

int
rig_shake(struct rig *rig)
{
    pair_free(&rig->pair);
    pair_make(&rig->pair, rig->server, rig->client);
    return pair_shake(&rig->pair);
}

void
rig_dial(struct rig *rig, const char *host)
{
    pair_free(&rig->pair);
    pair_make(&rig->pair, rig->server, rig->client);
    if (host != NULL)
        ck_assert_int_eq(SSL_set1_host(rig->pair.client, host), 1);
}

int
rig_finish(struct rig *rig)
{
    (void)pair_shake(&rig->pair);
    ERR_clear_error();
    return rig->pair.connected;
}

int
rig_connect(struct rig *rig, const char *host)
{
    rig_dial(rig, host);
    return rig_finish(rig);
}

SSL *
rig_judged(const struct rig *rig)
{
    return rig->client_side ? rig->pair.client : rig->pair.server;
}

void
rig_refused(struct rig *rig, enum mtlspin_reason reason)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(mtlspin_check(rig->verifier, rig_judged(rig), &decision), MTLSPIN_DENY);
    ck_assert_str_eq(mtlspin_reason_name(decision.reason), mtlspin_reason_name(reason));
    ck_assert_int_eq(decision.verdict, MTLSPIN_DENY);
    ck_assert_str_eq(decision.label, "");
    ck_assert_int_eq(decision.valid_until, 0);
    ck_assert_int_eq(mtlspin_check(rig->verifier, rig_judged(rig), NULL), MTLSPIN_DENY);
}

void
rig_allowed(struct rig *rig, const char *label)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_msg(mtlspin_check(rig->verifier, rig_judged(rig), &decision) == MTLSPIN_ALLOW, "%s",
        mtlspin_reason_name(decision.reason));
    ck_assert_str_eq(decision.label, label);
    ck_assert_uint_eq(decision.generation, 1);
}

void
rig_free(struct rig *rig)
{
    pair_free(&rig->pair);
    SSL_CTX_free(rig->server);
    SSL_CTX_free(rig->client);
    mtlspin_verifier_unref(rig->verifier);
    memset(rig, 0, sizeof *rig);
}
