/* Saved sessions of clients. libssl asks nobody about the server when a session resumes, so that it is judged before it is
   offered: from its certificate, and from the seal, which survives i2d_SSL_SESSION(3) and renewals. The seal is a byte for
   its form, eight for the time of the handshake that authenticated the server, and the DER of the verified chain's
   certificates between the server's own and the anchor. */
#include "client_session.h"
#include "connection.h"
#include "digest.h"
#include "encoding.h"
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { FORM = 1, HEAD = 9 };

bool
mtlspin__client_session_context(const struct mtlspin_policy *policy, const char *host,
    unsigned char context[SSL_MAX_SID_CTX_LENGTH])
{
    static const char purpose[] = "libmtlspin: session of a client";
    const struct mtlspin__bytes runs[] = { { purpose, sizeof purpose }, { policy->digest, sizeof policy->digest },
        { host, strlen(host) } };
    _Static_assert(SSL_MAX_SID_CTX_LENGTH == sizeof policy->digest, "the context is a SHA-256");
    return mtlspin__sha256(context, runs, sizeof runs / sizeof *runs);
}

/* The seal in memory of its own; NULL if there is none to be had. */
static unsigned char *
make_seal(const STACK_OF(X509) *chain, int64_t now, size_t *length)
{
    *length = HEAD;
    for (int i = 1; i < sk_X509_num(chain) - 1; i++) {
        int size = i2d_X509(sk_X509_value(chain, i), NULL);
        if (size <= 0)
            return NULL;
        *length += (size_t)size;
    }
    unsigned char *seal = malloc(*length), *at = seal;
    if (seal == NULL)
        return NULL;
    *at++ = FORM;
    mtlspin__number_put(at, now);
    at += 8;
    for (int i = 1; i < sk_X509_num(chain) - 1; i++)
        if (i2d_X509(sk_X509_value(chain, i), &at) <= 0) {
            free(seal);
            return NULL;
        }
    return seal;
}

void
mtlspin__client_session_seal(SSL *ssl, const struct mtlspin_policy *policy, const char *host,
    const struct mtlspin__judgement *judgement, int64_t now)
{
    unsigned char context[SSL_MAX_SID_CTX_LENGTH];
    size_t length = 0;
    SSL_SESSION *session = SSL_get_session(ssl);
    unsigned char *seal = make_seal(judgement->chain.chain, now, &length);
    if (session != NULL && seal != NULL && mtlspin__client_session_context(policy, host, context)
        && SSL_SESSION_set1_id_context(session, context, sizeof context))
        (void)SSL_SESSION_set1_ticket_appdata(session, seal, length);
    free(seal);
}

/* The certificates of a seal; NULL if one cannot be read. */
static STACK_OF(X509) *
certificates_of(const unsigned char *at, size_t length)
{
    const unsigned char *end = at + length;
    STACK_OF(X509) *certificates = sk_X509_new_null();
    while (certificates != NULL && at < end) {
        X509 *certificate = d2i_X509(NULL, &at, end - at);
        if (certificate != NULL && sk_X509_push(certificates, certificate) > 0)
            continue;
        X509_free(certificate);
        sk_X509_pop_free(certificates, X509_free);
        return NULL;
    }
    return certificates;
}

/* Finds the seal's time and certificates; false if the session has no seal, or is another host's or policy's. */
static bool
open_seal(SSL_SESSION *session, const struct mtlspin_policy *policy, const char *host, int64_t *authenticated,
    STACK_OF(X509) **certificates)
{
    unsigned char wanted[SSL_MAX_SID_CTX_LENGTH];
    unsigned length = 0;
    size_t size = 0;
    void *data = NULL;
    const unsigned char *context = SSL_SESSION_get0_id_context(session, &length), *seal = NULL;
    if (!mtlspin__client_session_context(policy, host, wanted) || length != sizeof wanted
        || memcmp(context, wanted, sizeof wanted) != 0)
        return false;
    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &size) || size < HEAD || *(seal = data) != FORM)
        return false;
    *authenticated = mtlspin__number_get(seal + 1);
    *certificates = certificates_of(seal + HEAD, size - HEAD);
    return *certificates != NULL;
}

/* The seal is older than the server's proof that the key is its own, and libssl offers a session that got no further: one
   with an empty secret, which whoever showed somebody else's certificate knows, too. A secret comes after the proof. */
static bool
is_proven(const SSL_SESSION *session)
{
    return SSL_SESSION_get_master_key(session, NULL, 0) > 0;
}

void
mtlspin__client_session_judge(SSL *ssl, SSL_SESSION *session, const struct mtlspin__snapshot *snapshot, const char *host,
    int64_t now, struct mtlspin__judgement *judgement)
{
    int64_t authenticated = 0;
    STACK_OF(X509) *certificates = NULL;
    struct mtlspin__peer peer = {
        .role = MTLSPIN_CLIENT,
        .leaf = SSL_SESSION_get0_peer(session),
        .host = host,
        .now = now,
        .level = SSL_get_security_level(ssl),
        .application = mtlspin__connection_store(ssl),
        .parameters = SSL_get0_param(ssl),
        .ssl = ssl,
    };
    memset(judgement, 0, sizeof *judgement);
    if (peer.leaf == NULL || !is_proven(session)
        || !open_seal(session, snapshot->policy, host, &authenticated, &certificates))
        return;
    peer.untrusted = certificates;
    mtlspin__judge(snapshot->policy, &peer, snapshot->generation, judgement);
    mtlspin__judgement_limit_age(judgement, authenticated, now);
    sk_X509_pop_free(certificates, X509_free);
}
