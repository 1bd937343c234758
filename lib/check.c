/* The answer after the handshake: positive evidence, or a refusal. */
#include "connection.h"
#include "error.h"
#include "host.h"
#include "judge.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

/* libssl has given up for good. The state's name is the only sign of it that stays. */
static bool
has_failed(const SSL *ssl)
{
    return strcmp(SSL_state_string_long(ssl), "error") == 0;
}

/* The handshake does not wait for the peer or the application either: the peer is gone, or (from OpenSSL 3.2 on) has sent
   bytes that are no TLS at all. SSL_get_error(3) wants the error queue empty before each step, and so does this.
   TLS_ST_OK: what is unfinished is not the handshake, but a key update or a request for a certificate. */
static bool
has_ended(const SSL *ssl)
{
    if (SSL_get_state(ssl) == TLS_ST_OK)
        return false;
    switch (SSL_get_error(ssl, -1)) {
    case SSL_ERROR_SSL:
    case SSL_ERROR_SYSCALL:
    case SSL_ERROR_ZERO_RETURN: return !SSL_in_before(ssl);
    default: return false;
    }
}

static enum mtlspin_reason
unfinished(const SSL *ssl)
{
    unsigned long code = ERR_peek_last_error();
    if (!has_failed(ssl))
        return has_ended(ssl) ? MTLSPIN_REASON_HANDSHAKE_FAILED : MTLSPIN_REASON_UNFINISHED;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return MTLSPIN_REASON_NO_CERTIFICATE;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_ATTEMPT_TO_REUSE_SESSION_IN_DIFFERENT_CONTEXT)
        return MTLSPIN_REASON_RESUMED;
    return MTLSPIN_REASON_HANDSHAKE_FAILED;
}

/* A shared key (RFC 4279), a password (RFC 5054) or a raw public key (RFC 7250) stands for somebody, and nobody has judged
   whom. TLS 1.3 calls the use of a shared key a resumption. */
static bool
is_somebody(const SSL *ssl)
{
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
    if (SSL_get0_peer_rpk(ssl) != NULL)
        return true;
#endif
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    switch (cipher != NULL ? SSL_CIPHER_get_kx_nid(cipher) : NID_undef) {
    case NID_kx_psk:
    case NID_kx_ecdhe_psk:
    case NID_kx_dhe_psk:
    case NID_kx_rsa_psk:
    case NID_kx_srp: return true;
    default: return false;
    }
}

static enum mtlspin_reason
without_certificate(const struct mtlspin__connection *connection, const SSL *ssl)
{
    bool optional = mtlspin__connection_optional(ssl, connection->verifier);
    bool unseen = connection->judged == MTLSPIN__NOT_JUDGED || connection->judged == MTLSPIN__BY_SESSION; /* not resumed */
    bool anonymous = optional && unseen && !is_somebody(ssl);
    return anonymous ? MTLSPIN_REASON_ANONYMOUS : MTLSPIN_REASON_NO_CERTIFICATE;
}

/* What was judged must be what the connection rests on: the certificate of its handshake, or the session's; on a client for
   the host that is still the one that is meant. */
static enum mtlspin_reason
misplaced(const struct mtlspin__connection *connection, SSL *ssl)
{
    char host[MTLSPIN__HOST_SIZE];
    if (!SSL_session_reused(ssl))
        return connection->judged == MTLSPIN__BY_HANDSHAKE ? MTLSPIN_REASON_NONE : MTLSPIN_REASON_NOT_JUDGED;
    if (SSL_is_server(ssl))
        return connection->judged == MTLSPIN__BY_SESSION || connection->judged == MTLSPIN__BY_REQUEST
            ? MTLSPIN_REASON_NONE : MTLSPIN_REASON_RESUMED;
    if (connection->judged != MTLSPIN__BY_SESSION || mtlspin__host_of(ssl, host) != MTLSPIN_REASON_NONE
        || strcmp(host, connection->host) != 0)
        return MTLSPIN_REASON_RESUMED;
    return MTLSPIN_REASON_NONE;
}

/* Why the record does not hold for the connection as it is now, or MTLSPIN_REASON_NONE. */
static enum mtlspin_reason
outdated(const struct mtlspin__connection *connection, SSL *ssl)
{
    const X509 *leaf = SSL_get0_peer_certificate(ssl);
    if (!SSL_is_init_finished(ssl))
        return unfinished(ssl);
    if (leaf == NULL && !SSL_session_reused(ssl))
        return without_certificate(connection, ssl);
    enum mtlspin_reason reason = misplaced(connection, ssl);
    if (reason != MTLSPIN_REASON_NONE)
        return reason;
    if (leaf == NULL || leaf != connection->leaf)
        return MTLSPIN_REASON_CERTIFICATE_CHANGED;
    return SSL_get_verify_result(ssl) == X509_V_OK ? MTLSPIN_REASON_NONE : MTLSPIN_REASON_APPLICATION;
}

static struct mtlspin_decision
refuse(const struct mtlspin_verifier *verifier, enum mtlspin_reason reason)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    decision.reason = reason;
    decision.generation = mtlspin_verifier_generation(verifier);
    return decision;
}

/* Where the same policy refuses before it looks for a rule, since a certificate has expired, the rule that allowed is still
   the one to name. */
static void
name_the_rule(struct mtlspin_decision *decision, const struct mtlspin_decision *before)
{
    if (decision->verdict == MTLSPIN_ALLOW || decision->line != 0 || decision->generation != before->generation)
        return;
    decision->line = before->line;
    memcpy(decision->rule_label, before->rule_label, sizeof decision->rule_label);
    memcpy(decision->domain, before->domain, sizeof decision->domain);
}

/* Under the policy in force, by what its handshake has shown. The program's verify callback was asked then. */
static void
decide_anew(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier, SSL *ssl, int64_t now)
{
    struct mtlspin__judgement judgement;
    struct mtlspin__snapshot snapshot = mtlspin__verifier_acquire(verifier);
    struct mtlspin__peer peer = {
        .role = SSL_is_server(ssl) ? MTLSPIN_SERVER : MTLSPIN_CLIENT,
        .leaf = connection->leaf,
        .untrusted = connection->chain,
        .host = SSL_is_server(ssl) ? NULL : connection->host,
        .now = now,
        .level = SSL_get_security_level(ssl),
        .application = mtlspin__connection_store(ssl),
        .parameters = SSL_get0_param(ssl),
        .ssl = ssl,
        .trail = connection->trail,
        .known = connection->known,
        .incomplete = connection->judged == MTLSPIN__BY_SESSION && connection->chain == NULL,
    };
    mtlspin__judge(snapshot.policy, &peer, snapshot.generation, &judgement);
    if (connection->judged == MTLSPIN__BY_SESSION)
        mtlspin__judgement_limit_age(&judgement, connection->authenticated, now);
    name_the_rule(&judgement.decision, &connection->decision);
    mtlspin__connection_rejudge(connection, &judgement);
    mtlspin__judgement_clear(&judgement);
    mtlspin__snapshot_release(&snapshot);
}

/* A record that says no, and that no later policy can change: the handshake was refused. */
static bool
is_settled(const struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier)
{
    return connection->judged != MTLSPIN__NOT_JUDGED && connection->decision.verdict != MTLSPIN_ALLOW && !connection->live
        && (connection->verifier == verifier || connection->verifier == NULL);
}

/* The handshake is over: its policy need not be kept any longer, however long the connection lives. */
static struct mtlspin_decision
look_at_live(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier, SSL *ssl)
{
    int64_t now = mtlspin__verifier_now(verifier);
    bool allowed = connection->decision.verdict == MTLSPIN_ALLOW;
    connection->live = true;
    mtlspin__snapshot_release(&connection->snapshot);
    if (connection->decision.generation != mtlspin_verifier_generation(verifier)
        || (allowed && now > connection->decision.valid_until))
        decide_anew(connection, verifier, ssl, now);
    return connection->decision;
}

static struct mtlspin_decision
look(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier, SSL *ssl)
{
    if (connection != NULL && is_settled(connection, verifier))
        return connection->decision;
    if (connection == NULL || connection->verifier == NULL)
        return refuse(verifier, SSL_is_init_finished(ssl) ? MTLSPIN_REASON_NOT_JUDGED : unfinished(ssl));
    if (connection->verifier != verifier)
        return refuse(verifier, MTLSPIN_REASON_OTHER_VERIFIER);
    enum mtlspin_reason reason = outdated(connection, ssl);
    return reason == MTLSPIN_REASON_NONE ? look_at_live(connection, verifier, ssl) : refuse(verifier, reason);
}

/* Once for each different answer; a handshake that goes on is no answer yet. */
static bool
is_news(const struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier,
    const struct mtlspin_decision *decision)
{
    if (decision->reason == MTLSPIN_REASON_UNFINISHED)
        return false;
    return connection == NULL || connection->audited != verifier->number || connection->audited_verdict != decision->verdict
        || connection->audited_reason != decision->reason || strcmp(connection->audited_label, decision->label) != 0;
}

/* Reports what the hook has not seen. The end of a connection is kept: the error queue, which tells why, is not. */
static void
note(struct mtlspin_verifier *verifier, SSL *ssl, const struct mtlspin_decision *found)
{
    struct mtlspin__connection *connection = mtlspin__connection_make(ssl);
    const struct mtlspin__judgement end = { .decision = *found };
    bool keep = connection != NULL && has_failed(ssl) && found->verdict != MTLSPIN_ALLOW
        && (connection->verifier == NULL || connection->verifier == verifier);
    if (keep)
        mtlspin__connection_judge(connection, ssl, MTLSPIN__BY_HANDSHAKE, &end, SSL_get0_peer_certificate(ssl));
    mtlspin__connection_audit(connection, verifier, ssl, found);
}

/* Nothing has changed since the last check, which allowed: what a live connection costs for as long as it lives. */
static bool
still_holds(const struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, SSL *ssl)
{
    return connection->reported && connection->verifier == verifier
        && connection->decision.generation == atomic_load(&verifier->generation)
        && !mtlspin__connection_is_other(connection, ssl) && outdated(connection, ssl) == MTLSPIN_REASON_NONE
        && mtlspin__verifier_now(verifier) <= connection->decision.valid_until;
}

static enum mtlspin_verdict
check(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier, SSL *ssl,
    struct mtlspin_decision *decision)
{
    if (connection != NULL)
        mtlspin__connection_refresh(connection, ssl);
    struct mtlspin_decision found = look(connection, verifier, ssl);
    if (is_news(connection, verifier, &found)) {
        ERR_set_mark();
        note(verifier, ssl, &found);
        ERR_pop_to_mark();
    }
    if (connection != NULL)
        connection->reported = found.verdict == MTLSPIN_ALLOW;
    (void)mtlspin__decision_give(decision, &found);
    return found.verdict;
}

enum mtlspin_verdict
mtlspin_check(struct mtlspin_verifier *verifier, SSL *ssl, struct mtlspin_decision *decision)
{
    static const struct mtlspin_decision none = MTLSPIN_DECISION_INIT;
    if (decision != NULL && decision->size != sizeof *decision)
        return MTLSPIN_DENY;
    if (verifier == NULL || ssl == NULL) {
        (void)mtlspin__decision_give(decision, &none);
        return MTLSPIN_DENY;
    }
    struct mtlspin__connection *connection = mtlspin__connection_get(ssl);
    if (connection == NULL || !still_holds(connection, verifier, ssl))
        return check(connection, verifier, ssl, decision);
    (void)mtlspin__decision_give(decision, &connection->decision);
    return connection->decision.verdict;
}

const char *
mtlspin_peername(SSL *ssl)
{
    const struct mtlspin__connection *connection = ssl != NULL ? mtlspin__connection_get(ssl) : NULL;
    if (connection == NULL || SSL_is_server(ssl) || connection->peername[0] == '\0' || connection->verifier == NULL)
        return NULL;
    const struct mtlspin_decision *decision = &connection->decision;
    int64_t now = mtlspin__verifier_now(connection->verifier);
    bool allowed = decision->verdict == MTLSPIN_ALLOW && now <= decision->valid_until;
    return allowed && outdated(connection, ssl) == MTLSPIN_REASON_NONE ? connection->peername : NULL;
}
