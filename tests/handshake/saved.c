#include "saved.h"
#include "pki.h"
#include <check.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

int
saved_version(int kind)
{
    return kind == SAVED_TLS12_TICKET || kind == SAVED_TLS12_ID ? TLS1_2_VERSION : TLS1_3_VERSION;
}

SSL_CTX *
saved_server(const char *name, int kind)
{
    SSL_CTX *context = rig_public_server(name);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(context, saved_version(kind)), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, saved_version(kind)), 1);
    ck_assert_int_eq(SSL_CTX_set_session_id_context(context, (const unsigned char *)"plain", 5), 1);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    if (kind == SAVED_TLS12_ID || kind == SAVED_TLS13_STATEFUL)
        (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    return context;
}

void
saved_replace_server(struct rig *rig, const char *name, int kind)
{
    SSL_CTX_free(rig->server);
    rig->server = saved_server(name, kind);
}

void
saved_make(struct rig *rig, const char *policy, const char *server, int kind)
{
    rig_make_client(rig, policy, server, saved_version(kind));
    saved_replace_server(rig, server, kind);
}

void
saved_make_other(struct rig *other, const struct rig *rig, const char *policy, int kind)
{
    rig_make_client(other, policy, "server", saved_version(kind));
    SSL_CTX_free(other->server);
    ck_assert_int_eq(SSL_CTX_up_ref(rig->server), 1);
    other->server = rig->server;
    other->now = rig->now;
}

void
saved_dial(struct rig *rig, const char *host, SSL_SESSION *session)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_dial(rig, host);
    if (session != NULL)
        ck_assert_int_eq(SSL_set_session(rig->pair.client, session), 1);
    ck_assert_msg(mtlspin_prepare(rig->verifier, rig->pair.client, &error) == MTLSPIN_OK, "%s", error.message);
}

/* One step with the error queue to itself: 1 = finished, 0 = waits for the other side, -1 = failed. */
static int
step(SSL *ssl)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl), error = SSL_get_error(ssl, result);
    return result == 1 ? 1 : error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int
saved_shake(struct rig *rig)
{
    char byte = 0;
    int client = 0, server = 0;
    for (int turn = 0; turn < 20 && client >= 0 && (client == 0 || server == 0); turn++) {
        if (server == 0 && turn > 0)
            server = step(rig->pair.server);
        if (client == 0)
            client = step(rig->pair.client);
    }
    rig->pair.connected = client == 1;
    rig->pair.accepted = server == 1;
    if (client == 1)
        ck_assert_int_le(SSL_read(rig->pair.client, &byte, 1), 0);
    return rig->pair.connected;
}

int
saved_connect(struct rig *rig, const char *host, SSL_SESSION *session)
{
    saved_dial(rig, host, session);
    return saved_shake(rig);
}

/* libssl spoils the session of a connection that is freed without a close_notify. */
SSL_SESSION *
saved_close(struct pair *pair)
{
    SSL_SESSION *session = SSL_get1_session(pair->client);
    (void)SSL_shutdown(pair->client);
    (void)SSL_shutdown(pair->server);
    pair_free(pair);
    ck_assert_int_eq(SSL_SESSION_is_resumable(session), 1);
    return session;
}

SSL_SESSION *
saved_visit(struct rig *rig, const char *host)
{
    ck_assert(saved_connect(rig, host, NULL));
    ck_assert_int_eq(mtlspin_check(rig->verifier, rig->pair.client, NULL), MTLSPIN_ALLOW);
    return saved_close(&rig->pair);
}

SSL_SESSION *
saved_plain(SSL_CTX *server, int kind)
{
    struct rig rig = { .server = server, .client = rig_client(NULL, saved_version(kind)) };
    ck_assert_int_eq(SSL_CTX_load_verify_file(rig.client, pki_path("root-ca", ".pem")), 1);
    SSL_CTX_set_verify(rig.client, SSL_VERIFY_PEER, NULL);
    pair_make(&rig.pair, rig.server, rig.client);
    ck_assert(saved_shake(&rig));
    SSL_SESSION *session = saved_close(&rig.pair);
    SSL_CTX_free(rig.client);
    return session;
}

SSL_SESSION *
saved_through_pem(SSL_SESSION *session)
{
    BIO *file = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_SSL_SESSION(file, session), 1);
    SSL_SESSION_free(session);
    session = PEM_read_bio_SSL_SESSION(file, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(session);
    BIO_free(file);
    return session;
}

SSL_SESSION *
saved_through_der(SSL_SESSION *session)
{
    unsigned char *der = NULL;
    int length = i2d_SSL_SESSION(session, &der);
    const unsigned char *at = der;
    ck_assert_int_gt(length, 0);
    SSL_SESSION_free(session);
    session = d2i_SSL_SESSION(NULL, &at, length);
    ck_assert_ptr_nonnull(session);
    OPENSSL_free(der);
    return session;
}

const char *
saved_outcome(struct rig *rig)
{
    static char text[MTLSPIN_LABEL_SIZE + 16];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    SSL *ssl = rig->pair.client;
    enum mtlspin_verdict verdict = mtlspin_check(rig->verifier, ssl, &decision);
    int resumed = SSL_session_reused(ssl);
    (void)snprintf(text, sizeof text, "%s as %s", resumed ? "resumed" : "full", decision.label);
    ck_assert_int_eq(decision.verdict, verdict);
    ck_assert_int_eq(mtlspin_check(rig->verifier, ssl, NULL), verdict);
    ck_assert_int_eq(rig->audit.verdict, verdict);
    ck_assert_int_eq(rig->audit.reason, decision.reason);
    ck_assert_int_eq(rig->audit.resumed, resumed);
    if (verdict == MTLSPIN_ALLOW) {
        ck_assert_int_eq(SSL_get_verify_result(ssl), X509_V_OK);
        return text;
    }
    ck_assert_str_eq(decision.label, "");
    ck_assert_int_eq(decision.valid_until, 0);
    return mtlspin_reason_name(decision.reason);
}
