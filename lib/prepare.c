/* The per-connection part: what must hold for this SSL whatever SSL_CTX it has, or is switched to. */
#include "anchors.h"
#include "connection.h"
#include "error.h"
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

enum { NAMES_MOST = 16384 }; /* bytes; the message has room for 65535, but every client would get them */

/* Where the anchors are not named: they are not known, too many, or naming them would make clients withhold a certificate
   that needs no CA. */
static bool
names_are_withheld(const struct mtlspin_policy *policy)
{
    size_t length = 0;
    for (size_t d = 0; d < policy->domain_count; d++) {
        const struct mtlspin__anchors *anchors = policy->domains[d].anchors;
        length += anchors->subjects_length;
        if (policy->domains[d].chain_none || anchors->application || anchors->system || length > NAMES_MOST)
            return true;
    }
    return false;
}

/* The subjects of all anchors, or none; NULL if out of memory. */
static STACK_OF(X509_NAME) *
acceptable_names(const struct mtlspin_policy *policy)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    size_t domains = names_are_withheld(policy) ? 0 : policy->domain_count;
    for (size_t d = 0; names != NULL && d < domains; d++) {
        const struct mtlspin__anchors *anchors = policy->domains[d].anchors;
        for (int i = 0; i < sk_X509_NAME_num(anchors->subjects); i++) {
            X509_NAME *name = X509_NAME_dup(sk_X509_NAME_value(anchors->subjects, i));
            if (name != NULL && sk_X509_NAME_push(names, name) > 0)
                continue;
            X509_NAME_free(name);
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return NULL;
        }
    }
    return names;
}

/* Both lists, since an SSL without one falls back on the other's and then on its SSL_CTX's (SSL_set0_CA_list(3)). */
static bool
name_anchors(SSL *ssl, const struct mtlspin_policy *policy)
{
    STACK_OF(X509_NAME) *names = acceptable_names(policy), *none = sk_X509_NAME_new_null();
    if (names == NULL || none == NULL) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        sk_X509_NAME_free(none);
        return false;
    }
    SSL_set_client_CA_list(ssl, names);
    SSL_set0_CA_list(ssl, none);
    return true;
}

/* No session can have been made under a context that nobody has used before, so that nothing resumes past the policy
   even if the application turns its cache or tickets on again. */
static bool
forbid_resumption(SSL *ssl)
{
    unsigned char unique[SSL_MAX_SID_CTX_LENGTH];
    if (RAND_bytes(unique, sizeof unique) != 1 || !SSL_set_session_id_context(ssl, unique, sizeof unique))
        return false;
    (void)SSL_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_set_psk_server_callback(ssl, NULL);
    SSL_set_psk_find_session_callback(ssl, NULL);
    return SSL_set_num_tickets(ssl, 0) && SSL_set_max_early_data(ssl, 0) && SSL_set_recv_max_early_data(ssl, 0);
}

static bool
raise_floor(SSL *ssl)
{
    return SSL_get_min_proto_version(ssl) >= TLS1_2_VERSION || SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
}

static enum mtlspin_status
fit(const struct mtlspin_verifier *verifier, const SSL *ssl, struct mtlspin_error *error)
{
    const char *unfit = mtlspin__connection_unfit(ssl);
    if (unfit != NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_CONTEXT, "%s", unfit);
    if (SSL_is_init_finished(ssl))
        return mtlspin__fail(error, MTLSPIN_ERR_STATE, "prepare a connection before its handshake");
    if (verifier->policy->has_hosts)
        return mtlspin__fail(error, MTLSPIN_ERR_POLICY, "a policy with `host` is for clients");
    return MTLSPIN_OK;
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
    struct mtlspin__connection *connection = mtlspin__connection_make(ssl);
    bool good = connection != NULL && forbid_resumption(ssl) && raise_floor(ssl) && name_anchors(ssl, verifier->policy);
    if (good) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, SSL_get_verify_callback(ssl));
        mtlspin__connection_start(connection, verifier);
    } else if (connection != NULL) {
        mtlspin__connection_start(connection, NULL);
    }
    ERR_pop_to_mark();
    return good ? MTLSPIN_OK : mtlspin__fail(error, MTLSPIN_ERR_OPENSSL, "the connection cannot be prepared");
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
