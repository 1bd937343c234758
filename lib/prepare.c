/* The per-connection part: what must hold for this SSL whatever SSL_CTX it has. */
#include "acceptable.h"
#include "client_session.h"
#include "connection.h"
#include "error.h"
#include "host.h"
#include "server_session.h"
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

/* No session can have been made under a context that nobody has used before, so that nothing resumes past the policy
   even if the application turns its cache or tickets on again. */
static bool
forbid_resumption(SSL *ssl)
{
    unsigned char unique[SSL_MAX_SID_CTX_LENGTH];
    if (RAND_bytes(unique, sizeof unique) != 1 || !SSL_set_session_id_context(ssl, unique, sizeof unique))
        return false;
    (void)SSL_set_options(ssl, SSL_OP_NO_TICKET);
    return true;
}

/* Only sessions from tickets resume, since only these are judged. External keys stand for clients that nobody has judged,
   and early data would be handed out before anybody has. */
static bool
limit_resumption(SSL *ssl, const struct mtlspin_verifier *verifier, const struct mtlspin_policy *policy, bool again)
{
    if (!again && !mtlspin__server_session_permit(ssl, verifier, policy) && !forbid_resumption(ssl))
        return false;
    (void)SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_set_psk_server_callback(ssl, NULL);
    SSL_set_psk_find_session_callback(ssl, NULL);
    if ((SSL_get_options(ssl) & SSL_OP_NO_TICKET) != 0 && !SSL_set_num_tickets(ssl, 0))
        return false; /* what would be issued in their place names an entry of the session cache */
    return SSL_set_max_early_data(ssl, 0) && SSL_set_recv_max_early_data(ssl, 0);
}

static bool
raise_floor(SSL *ssl)
{
    return SSL_get_min_proto_version(ssl) >= TLS1_2_VERSION || SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
}

/* A client without a certificate gets through where attaching has made that optional; a program may then ask for one later
   (SSL_VERIFY_POST_HANDSHAKE). */
static void
demand_certificate(SSL *ssl, bool optional)
{
    int mode = optional ? SSL_get_verify_mode(ssl) & SSL_VERIFY_POST_HANDSHAKE : SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_set_verify(ssl, SSL_VERIFY_PEER | mode, SSL_get_verify_callback(ssl));
}

/* In a servername callback the session may have been judged already, when the connection was prepared before. */
static bool
is_resuming(const struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, const SSL *ssl)
{
    return connection->verifier == verifier && connection->judged == MTLSPIN__BY_SESSION && SSL_session_reused(ssl) == 1
        && SSL_get0_peer_certificate(ssl) == connection->leaf;
}

static bool
prepare_server(struct mtlspin_verifier *verifier, SSL *ssl, struct mtlspin__connection *connection)
{
    bool again = connection->verifier == verifier && mtlspin__server_session_is_named(ssl); /* it has its context */
    if (!is_resuming(connection, verifier, ssl))
        mtlspin__connection_start(connection, verifier);
    const struct mtlspin_policy *policy = mtlspin__connection_snapshot(connection)->policy;
    if (!limit_resumption(ssl, verifier, policy, again) || !raise_floor(ssl) || !mtlspin__acceptable_set(ssl, policy))
        return false;
    demand_certificate(ssl, mtlspin__connection_optional(ssl, verifier));
    return true;
}

/* A session is offered as a copy that sends no data before the server has answered, and that knows no name, since
   SSL_get_servername(3) would tell it in place of the connection's. */
static bool
offer(SSL *ssl, const SSL_SESSION *session)
{
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    bool good = copy != NULL && SSL_SESSION_set_max_early_data(copy, 0) && SSL_SESSION_set1_hostname(copy, NULL)
        && SSL_set_session(ssl, copy);
    SSL_SESSION_free(copy);
    return good;
}

/* Without it, a full handshake does as well. */
static void
offer_if_allowed(struct mtlspin_verifier *verifier, SSL *ssl, SSL_SESSION *session,
    struct mtlspin__connection *connection)
{
    struct mtlspin__judgement judgement;
    mtlspin__client_session_judge(ssl, session, mtlspin__connection_snapshot(connection), connection->host,
        mtlspin__verifier_now(verifier), &judgement);
    if (judgement.decision.verdict == MTLSPIN_ALLOW && offer(ssl, session))
        mtlspin__connection_judge(connection, ssl, MTLSPIN__BY_SESSION, &judgement, SSL_SESSION_get0_peer(session));
    mtlspin__judgement_clear(&judgement);
}

static bool
set_session_context(SSL *ssl, const struct mtlspin_policy *policy, const char *host)
{
    unsigned char context[SSL_MAX_SID_CTX_LENGTH];
    return mtlspin__client_session_context(policy, host, context)
        && SSL_set_session_id_context(ssl, context, sizeof context);
}

/* Keys that stand for a server whose certificate nobody sees: external ones, and that of RFC 4851, 3.2.2. */
static void
forbid_other_keys(SSL *ssl)
{
    SSL_set_psk_client_callback(ssl, NULL);
    SSL_set_psk_use_session_callback(ssl, NULL);
    (void)SSL_set_session_secret_cb(ssl, NULL, NULL);
}

/* The session is taken out first (SSL_get_servername(3) would also tell that one's name) and goes back if allowed. */
static enum mtlspin_reason
prepare_client(struct mtlspin_verifier *verifier, SSL *ssl, struct mtlspin__connection *connection)
{
    SSL_SESSION *session = SSL_get1_session(ssl);
    enum mtlspin_reason reason = SSL_set_session(ssl, NULL) ? MTLSPIN_REASON_NONE : MTLSPIN_REASON_INTERNAL;
    mtlspin__connection_start(connection, verifier);
    forbid_other_keys(ssl);
    (void)SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, SSL_get_verify_callback(ssl));
    if (reason == MTLSPIN_REASON_NONE)
        reason = mtlspin__host_of(ssl, connection->host);
    if (reason == MTLSPIN_REASON_NONE
        && (!raise_floor(ssl)
            || !set_session_context(ssl, mtlspin__connection_snapshot(connection)->policy, connection->host)))
        reason = MTLSPIN_REASON_INTERNAL;
    if (reason == MTLSPIN_REASON_NONE && session != NULL)
        offer_if_allowed(verifier, ssl, session, connection);
    SSL_SESSION_free(session);
    return reason;
}

static enum mtlspin_status
fit(struct mtlspin_verifier *verifier, const SSL *ssl, struct mtlspin_error *error)
{
    const char *unfit = mtlspin__connection_unfit(ssl);
    if (unfit != NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_CONTEXT, "%s", unfit);
    if (SSL_is_server(ssl) ? SSL_is_init_finished(ssl) : !SSL_in_before(ssl)) /* a server's callbacks are within it */
        return mtlspin__fail(error, MTLSPIN_ERR_STATE, "prepare a connection before its handshake");
    if (SSL_is_server(ssl) && !mtlspin__verifier_serve(verifier))
        return mtlspin__fail(error, MTLSPIN_ERR_POLICY, "a policy with `host` is for clients; delete its `host` lines");
    return MTLSPIN_OK;
}

static enum mtlspin_status
prepare(struct mtlspin_verifier *verifier, SSL *ssl, struct mtlspin_error *error)
{
    struct mtlspin__connection *connection = mtlspin__connection_make(ssl);
    enum mtlspin_reason reason = MTLSPIN_REASON_INTERNAL;
    if (connection != NULL && !SSL_is_server(ssl))
        reason = prepare_client(verifier, ssl, connection);
    else if (connection != NULL && prepare_server(verifier, ssl, connection))
        reason = MTLSPIN_REASON_NONE;
    if (reason == MTLSPIN_REASON_NONE)
        return MTLSPIN_OK;
    if (connection != NULL)
        mtlspin__connection_start(connection, NULL);
    if (reason != MTLSPIN_REASON_INTERNAL)
        return mtlspin__fail(error, MTLSPIN_ERR_STATE, "%s", mtlspin_reason_text(reason));
    return mtlspin__fail(error, MTLSPIN_ERR_OPENSSL, "the connection cannot be prepared");
}

enum mtlspin_status
mtlspin_prepare(struct mtlspin_verifier *verifier, SSL *ssl, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL || ssl == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier or no connection");
    enum mtlspin_status status = fit(verifier, ssl, error);
    if (status != MTLSPIN_OK)
        return status;
    atomic_store(&verifier->used, true);
    ERR_set_mark();
    status = prepare(verifier, ssl, error);
    ERR_pop_to_mark();
    return status;
}

int
mtlspin_client_hello_callback(SSL *ssl, int *alert, void *verifier)
{
    if (mtlspin_prepare(verifier, ssl, NULL) == MTLSPIN_OK)
        return SSL_CLIENT_HELLO_SUCCESS;
    if (alert != NULL)
        *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}
