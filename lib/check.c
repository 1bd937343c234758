/* The answer after the handshake: positive evidence, or a refusal. */
#include "connection.h"
#include "error.h"
#include "judge.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

/* libssl has given up, as opposed to waiting for the peer. The state's name is the only sign of it that stays, but from
   OpenSSL 3.2 on it is not set for bytes that are no TLS at all: there only the error queue tells, which SSL_get_error(3)
   wants empty before each step anyway. */
static bool
has_failed(const SSL *ssl)
{
    bool error = ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_SSL && !SSL_in_before(ssl);
    return error || strcmp(SSL_state_string_long(ssl), "error") == 0;
}

static enum mtlspin_reason
unfinished(const SSL *ssl)
{
    unsigned long code = ERR_peek_last_error();
    if (!has_failed(ssl))
        return MTLSPIN_REASON_UNFINISHED;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return MTLSPIN_REASON_NO_CERTIFICATE;
    return MTLSPIN_REASON_HANDSHAKE_FAILED;
}

/* Why an allowance in the record does not hold for the connection as it is now, or MTLSPIN_REASON_NONE. */
static enum mtlspin_reason
outdated(const struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, const SSL *ssl)
{
    const X509 *leaf = SSL_get0_peer_certificate(ssl);
    if (!SSL_is_init_finished(ssl))
        return unfinished(ssl);
    if (SSL_session_reused(ssl))
        return MTLSPIN_REASON_RESUMED;
    if (leaf == NULL)
        return MTLSPIN_REASON_NO_CERTIFICATE;
    if (!connection->judged)
        return MTLSPIN_REASON_NOT_JUDGED;
    if (leaf != connection->leaf)
        return MTLSPIN_REASON_CERTIFICATE_CHANGED;
    if (SSL_get_verify_result(ssl) != X509_V_OK)
        return MTLSPIN_REASON_APPLICATION;
    return mtlspin__verifier_now(verifier) > connection->decision.valid_until ? connection->expiry : MTLSPIN_REASON_NONE;
}

static struct mtlspin_decision
refuse(const struct mtlspin_verifier *verifier, enum mtlspin_reason reason)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    decision.reason = reason;
    decision.generation = verifier->generation;
    return decision;
}

static struct mtlspin_decision
look(const struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, const SSL *ssl)
{
    if (connection != NULL && connection->judged && connection->decision.verdict != MTLSPIN_ALLOW
        && (connection->verifier == verifier || connection->verifier == NULL))
        return connection->decision;
    if (connection == NULL || connection->verifier == NULL)
        return refuse(verifier, SSL_is_init_finished(ssl) ? MTLSPIN_REASON_NOT_JUDGED : unfinished(ssl));
    if (connection->verifier != verifier)
        return refuse(verifier, MTLSPIN_REASON_OTHER_VERIFIER);
    enum mtlspin_reason reason = outdated(connection, verifier, ssl);
    if (reason == MTLSPIN_REASON_NONE && connection->decision.verdict == MTLSPIN_ALLOW)
        return connection->decision;
    return refuse(verifier, reason != MTLSPIN_REASON_NONE ? reason : MTLSPIN_REASON_INTERNAL);
}

/* Once for each different answer; a handshake that goes on is no answer yet. */
static bool
is_news(const struct mtlspin__connection *connection, const struct mtlspin_decision *decision)
{
    if (decision->reason == MTLSPIN_REASON_UNFINISHED)
        return false;
    return connection == NULL || !connection->audited || connection->audited_verdict != decision->verdict
        || connection->audited_reason != decision->reason;
}

enum mtlspin_verdict
mtlspin_check(struct mtlspin_verifier *verifier, SSL *ssl, struct mtlspin_decision *decision)
{
    if (verifier == NULL || ssl == NULL) {
        struct mtlspin_decision none = MTLSPIN_DECISION_INIT;
        (void)mtlspin__decision_give(decision, &none);
        return MTLSPIN_DENY;
    }
    struct mtlspin__connection *connection = mtlspin__connection_get(ssl);
    struct mtlspin_decision found = look(connection, verifier, ssl);
    if (is_news(connection, &found)) {
        ERR_set_mark();
        mtlspin__connection_audit(mtlspin__connection_make(ssl), verifier, ssl, &found);
        ERR_pop_to_mark();
    }
    return mtlspin__decision_give(decision, &found) ? found.verdict : MTLSPIN_DENY;
}
