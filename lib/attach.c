/* Putting a verifier into an SSL_CTX: set once, before the first connection, and never changed on a live one. */
#include "connection.h"
#include "error.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

/* An SSL tells what its SSL_CTX does not. */
static enum mtlspin_status
probe(SSL_CTX *context, struct mtlspin_error *error)
{
    SSL *ssl = SSL_new(context);
    const char *wrong = ssl != NULL ? mtlspin__connection_unfit(ssl) : "OpenSSL makes no connection of this SSL_CTX";
    SSL_free(ssl);
    return wrong == NULL ? MTLSPIN_OK : mtlspin__fail(error, MTLSPIN_ERR_CONTEXT, "%s", wrong);
}

static enum mtlspin_status
fit(const struct mtlspin_verifier *verifier, SSL_CTX *context, struct mtlspin_error *error)
{
    long most = SSL_CTX_get_max_proto_version(context);
    struct mtlspin_verifier *held = mtlspin__context_verifier(context);
    if (held != NULL && held != verifier)
        return mtlspin__fail(error, MTLSPIN_ERR_STATE, "the SSL_CTX has another verifier already");
    if (verifier->policy->has_hosts)
        return mtlspin__fail(error, MTLSPIN_ERR_POLICY, "the policy has `host` domains, which are for clients");
    if (SSL_CTX_sess_get_get_cb(context) != NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_CONTEXT,
            "the SSL_CTX has a get-session callback, which would resume sessions past the policy");
    enum mtlspin_status status = probe(context, error);
    if (status == MTLSPIN_OK && most != 0 && most < TLS1_2_VERSION)
        status = mtlspin__fail(error, MTLSPIN_ERR_CONTEXT, "the SSL_CTX permits no version from TLS 1.2 on");
    return status;
}

/* Only the first two can fail, and leave nothing behind. */
static bool
set_up(struct mtlspin_verifier *verifier, SSL_CTX *context)
{
    static const unsigned char unused[] = "libmtlspin: not prepared";
    bool held = mtlspin__context_verifier(context) == verifier;
    if (!held && !mtlspin__context_hold(context, verifier))
        return false;
    if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION
        && !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)) {
        if (!held)
            (void)mtlspin__context_hold(context, NULL);
        return false;
    }
    SSL_CTX_set_cert_verify_callback(context, mtlspin_cert_verify_callback, verifier);
    SSL_CTX_set_client_hello_cb(context, mtlspin_client_hello_callback, verifier);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, SSL_CTX_get_verify_callback(context));
    (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 0);
    (void)SSL_CTX_set_max_early_data(context, 0);
    (void)SSL_CTX_set_session_id_context(context, unused, sizeof unused);
    return true;
}

enum mtlspin_status
mtlspin_verifier_attach(struct mtlspin_verifier *verifier, SSL_CTX *context, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (verifier == NULL || context == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no verifier or no SSL_CTX");
    ERR_set_mark();
    enum mtlspin_status status = fit(verifier, context, error);
    if (status == MTLSPIN_OK && !set_up(verifier, context))
        status = mtlspin__fail(error, MTLSPIN_ERR_OPENSSL, "the SSL_CTX cannot be set up");
    if (status == MTLSPIN_OK)
        atomic_store(&verifier->used, true);
    ERR_pop_to_mark();
    return status;
}
