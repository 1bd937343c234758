/* The certificate verification callback: the one place at which a handshake asks the policy. */
#include "client_session.h"
#include "connection.h"
#include "host.h"
#include "judge.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

/* libssl takes alert, verify result and verified chain from its own X509_STORE_CTX. A refusal always leaves an error:
   without one the application would read X509_V_OK. */
static void
hand_over(X509_STORE_CTX *context, const struct mtlspin__judgement *judgement)
{
    int depth = judgement->decision.x509_depth;
    STACK_OF(X509) *chain = judgement->chain.chain;
    X509_STORE_CTX_set_error(context, mtlspin__judgement_error(&judgement->decision));
    X509_STORE_CTX_set_error_depth(context, depth);
    if (chain == NULL)
        return;
    if (depth < sk_X509_num(chain))
        X509_STORE_CTX_set_current_cert(context, sk_X509_value(chain, depth));
    X509_STORE_CTX_set0_verified_chain(context, X509_chain_up_ref(chain));
}

/* A client's connection that was not prepared resumes nothing (client_session.h), and its server is judged all the same:
   programs like libcurl's know their SSL only when it is too late to prepare it. */
static enum mtlspin_reason
client_unanswerable(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier, SSL *ssl)
{
    if (connection->verifier == NULL)
        mtlspin__connection_start(connection, verifier);
    return mtlspin__host_of(ssl, connection->host);
}

/* Why the policy cannot even be asked, or MTLSPIN_REASON_NONE. */
static enum mtlspin_reason
unanswerable(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier, SSL *ssl, const X509 *leaf)
{
    if (connection == NULL)
        return MTLSPIN_REASON_OUT_OF_MEMORY;
    if (connection->verifier == NULL && SSL_is_server(ssl))
        return MTLSPIN_REASON_NOT_PREPARED;
    if (connection->verifier != NULL && connection->verifier != verifier)
        return MTLSPIN_REASON_OTHER_VERIFIER;
    if (leaf == NULL)
        return MTLSPIN_REASON_NO_CERTIFICATE; /* a raw public key */
    return SSL_is_server(ssl) ? MTLSPIN_REASON_NONE : client_unanswerable(connection, verifier, ssl);
}

static void
judge(X509_STORE_CTX *context, const struct mtlspin_verifier *verifier, SSL *ssl, struct mtlspin__connection *connection,
    struct mtlspin__judgement *judgement)
{
    const struct mtlspin__snapshot *snapshot = mtlspin__connection_snapshot(connection);
    bool server = SSL_is_server(ssl);
    struct mtlspin__peer peer = {
        .role = server ? MTLSPIN_SERVER : MTLSPIN_CLIENT,
        .leaf = X509_STORE_CTX_get0_cert(context),
        .untrusted = X509_STORE_CTX_get0_untrusted(context),
        .host = server ? NULL : connection->host,
        .now = mtlspin__verifier_now(verifier),
        .thumbprint = verifier->hook != NULL,
        .level = SSL_get_security_level(ssl),
        .application = X509_STORE_CTX_get0_store(context),
        .parameters = SSL_get0_param(ssl),
        .ssl = ssl,
        .callback = SSL_get_verify_callback(ssl),
    };
    mtlspin__judge(snapshot->policy, &peer, snapshot->generation, judgement);
    if (!server && judgement->decision.verdict == MTLSPIN_ALLOW)
        mtlspin__client_session_seal(ssl, snapshot->policy, connection->host, judgement, peer.now);
}

/* libssl ignores a client's refusal while its verify mode is SSL_VERIFY_NONE, which it looks at after the callback. */
static void
refuse(struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, SSL *ssl,
    const struct mtlspin_decision *decision)
{
    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
        SSL_set_verify(ssl, SSL_VERIFY_PEER, SSL_get_verify_callback(ssl));
    mtlspin__connection_audit(connection, verifier, ssl, decision);
}

/* Where a session has resumed, certificates come only by post-handshake authentication (RFC 8446, 4.6.2). */
static enum mtlspin__ground
ground_of(const SSL *ssl)
{
    return SSL_session_reused(ssl) == 1 ? MTLSPIN__BY_REQUEST : MTLSPIN__BY_HANDSHAKE;
}

static int
decide(X509_STORE_CTX *context, struct mtlspin_verifier *verifier, SSL *ssl)
{
    struct mtlspin__judgement judgement = { .decision = MTLSPIN_DECISION_INIT };
    struct mtlspin__connection *connection = mtlspin__connection_make(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(context);
    judgement.decision.reason = unanswerable(connection, verifier, ssl, leaf);
    judgement.decision.generation = mtlspin_verifier_generation(verifier);
    if (judgement.decision.reason == MTLSPIN_REASON_NONE)
        judge(context, verifier, ssl, connection, &judgement);
    hand_over(context, &judgement);
    int accepted = judgement.decision.verdict == MTLSPIN_ALLOW;
    if (connection != NULL)
        mtlspin__connection_judge(connection, ssl, ground_of(ssl), &judgement, leaf);
    if (!accepted)
        refuse(connection, verifier, ssl, &judgement.decision);
    mtlspin__judgement_clear(&judgement);
    return accepted;
}

int
mtlspin_cert_verify_callback(X509_STORE_CTX *context, void *verifier)
{
    if (context == NULL)
        return 0;
    SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (ssl == NULL || verifier == NULL) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    ERR_set_mark();
    int accepted = decide(context, verifier, ssl);
    ERR_pop_to_mark();
    return accepted;
}
