/* Putting a verifier into an SSL_CTX: set once, before the first connection, and never changed on a live one. */
#include "acceptable.h"
#include "connection.h"
#include "error.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

/* Whether `context` makes connections that a verifier can guard, and of which side: an SSL tells what its SSL_CTX does not.
   TLS_method() counts as a server's. */
static enum mtlspin_status
probe(SSL_CTX *context, bool *server, struct mtlspin_error *error)
{
    SSL *ssl = SSL_new(context);
    const char *wrong = ssl != NULL ? mtlspin__connection_unfit(ssl) : "OpenSSL makes no connection of this SSL_CTX";
    *server = ssl != NULL && SSL_is_server(ssl);
    SSL_free(ssl);
    return wrong == NULL ? MTLSPIN_OK : mtlspin__fail(error, MTLSPIN_ERR_CONTEXT, "%s", wrong);
}

static enum mtlspin_status
fit_server(struct mtlspin_verifier *verifier, SSL_CTX *context, struct mtlspin_error *error)
{
    if (SSL_CTX_sess_get_get_cb(context) != NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_CONTEXT,
            "the SSL_CTX has a get-session callback, which would resume sessions past the policy");
    if (!mtlspin__verifier_serve(verifier))
        return mtlspin__fail(error, MTLSPIN_ERR_POLICY,
            "the policy has `host` domains, which are for clients (TLS_client_method); delete its `host` lines");
    return MTLSPIN_OK;
}

static enum mtlspin_status
fit_client(unsigned flags, struct mtlspin_error *error)
{
    if ((flags & MTLSPIN_ATTACH_OPTIONAL) != 0)
        return mtlspin__fail(error, MTLSPIN_ERR_CONTEXT, "certificates are optional for clients, never for servers");
    return MTLSPIN_OK;
}

static enum mtlspin_status
fit(struct mtlspin_verifier *verifier, SSL_CTX *context, unsigned flags, bool *server, struct mtlspin_error *error)
{
    long most = SSL_CTX_get_max_proto_version(context);
    const struct mtlspin__attachment *held = mtlspin__attachment_get(context);
    if (held != NULL && held->verifier != verifier)
        return mtlspin__fail(error, MTLSPIN_ERR_STATE, "the SSL_CTX has another verifier already");
    enum mtlspin_status status = probe(context, server, error);
    if (status == MTLSPIN_OK)
        status = *server ? fit_server(verifier, context, error) : fit_client(flags, error);
    if (status == MTLSPIN_OK && most != 0 && most < TLS1_2_VERSION)
        status = mtlspin__fail(error, MTLSPIN_ERR_CONTEXT, "the SSL_CTX permits no version from TLS 1.2 on");
    return status;
}

static void
set_up_server(struct mtlspin_verifier *verifier, SSL_CTX *context, bool optional)
{
    struct mtlspin__snapshot snapshot = mtlspin__verifier_acquire(verifier);
    int later = SSL_CTX_get_verify_mode(context) & SSL_VERIFY_POST_HANDSHAKE;
    int mode = optional ? later : SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | mode, SSL_CTX_get_verify_callback(context));
    SSL_CTX_set_client_hello_cb(context, mtlspin_client_hello_callback, verifier);
    (void)SSL_CTX_set_session_ticket_cb(context, mtlspin_ticket_generate, mtlspin_ticket_decrypt, verifier);
    (void)SSL_CTX_set_max_early_data(context, 0);
    mtlspin__acceptable_attach(context, snapshot.policy);
    mtlspin__snapshot_release(&snapshot);
}

/* Only the first two can fail, and leave nothing behind. A session of the context set here resumes nowhere, since no
   prepared connection has it, and a client's sessions are given another one (client_session.h). */
static bool
set_up(struct mtlspin_verifier *verifier, SSL_CTX *context, unsigned flags, bool server)
{
    static const unsigned char unused[] = "libmtlspin: not prepared";
    struct mtlspin__attachment *held = mtlspin__attachment_get(context);
    if (held == NULL && !mtlspin__attachment_set(context, verifier))
        return false;
    if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION
        && !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)) {
        if (held == NULL)
            (void)mtlspin__attachment_set(context, NULL);
        return false;
    }
    mtlspin__attachment_get(context)->optional = (flags & MTLSPIN_ATTACH_OPTIONAL) != 0;
    SSL_CTX_set_cert_verify_callback(context, mtlspin_cert_verify_callback, verifier);
    if (server)
        set_up_server(verifier, context, (flags & MTLSPIN_ATTACH_OPTIONAL) != 0);
    else
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, SSL_CTX_get_verify_callback(context));
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_session_id_context(context, unused, sizeof unused);
    return true;
}

enum mtlspin_status
mtlspin_verifier_attach_with(struct mtlspin_verifier *verifier, SSL_CTX *context, unsigned flags,
    struct mtlspin_error *error)
{
    bool server = false;
    mtlspin__error_clear(error);
    if (verifier == NULL || context == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier or no SSL_CTX");
    if ((flags & ~(unsigned)MTLSPIN_ATTACH_OPTIONAL) != 0)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "a flag is unknown");
    ERR_set_mark();
    enum mtlspin_status status = fit(verifier, context, flags, &server, error);
    if (status == MTLSPIN_OK && !set_up(verifier, context, flags, server))
        status = mtlspin__fail(error, MTLSPIN_ERR_OPENSSL, "the SSL_CTX cannot be set up");
    if (status == MTLSPIN_OK)
        atomic_store(&verifier->used, true);
    ERR_pop_to_mark();
    return status;
}

enum mtlspin_status
mtlspin_verifier_attach(struct mtlspin_verifier *verifier, SSL_CTX *context, struct mtlspin_error *error)
{
    return mtlspin_verifier_attach_with(verifier, context, 0, error);
}
