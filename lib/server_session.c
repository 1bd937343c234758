/* Sessions of servers. libssl asks no verify callback when a session resumes, but it asks the ticket callback, which
   has the client's certificate and what the seal keeps: a byte for its form, eight for the time of the handshake that
   authenticated the client, what is known of its certificate, and the trail. The ticket is encrypted and authenticated, so
   that only holders of its keys can write one; who has the keys could forge the certificate in it, too. */
#include "server_session.h"
#include "digest.h"
#include "encoding.h"
#include <openssl/err.h>
#include <openssl/tls1.h>
#include <stdlib.h>
#include <string.h>

enum { FORM = 3, HEAD = 9, NAME_MOST = 255 };

/* The one host name of a server_name extension (RFC 6066, 3) in lower case, or nothing if there is no extension. false if
   it is none of the usual form. */
static bool
parse_name(const unsigned char *data, size_t length, unsigned char name[NAME_MOST], size_t *name_length)
{
    enum { PREFIX = 5 }; /* length of the list, type, length of the name */
    if (length <= PREFIX || length > PREFIX + NAME_MOST || data[2] != TLSEXT_NAMETYPE_host_name)
        return false;
    *name_length = length - PREFIX;
    if ((size_t)(data[0] << 8 | data[1]) != length - 2 || (size_t)(data[3] << 8 | data[4]) != *name_length)
        return false;
    for (size_t i = 0; i < *name_length; i++) {
        unsigned char c = data[PREFIX + i];
        name[i] = c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
    }
    return true;
}

/* SSL_get_servername(3) does not know the name yet when this is asked. */
static bool
name_of(SSL *ssl, unsigned char name[NAME_MOST], size_t *length)
{
    const unsigned char *data = NULL;
    size_t size = 0;
    *length = 0;
    if (SSL_client_hello_get0_random(ssl, &data) == 0)
        return false; /* no ClientHello is at hand */
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size))
        return true;
    return parse_name(data, size, name, length);
}

bool
mtlspin__server_session_is_named(SSL *ssl)
{
    const unsigned char *data = NULL;
    size_t size = 0;
    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) && size == 0;
}

/* Whether libssl would look for sessions where no ticket callback is asked. */
static bool
is_stateful(const SSL *ssl)
{
    SSL_CTX *context = SSL_get_SSL_CTX(ssl);
    return (SSL_CTX_get_session_cache_mode(context) & SSL_SESS_CACHE_SERVER) != 0
        || SSL_CTX_sess_get_get_cb(context) != NULL;
}

bool
mtlspin__server_session_permit(SSL *ssl, const struct mtlspin_verifier *verifier, const struct mtlspin_policy *policy)
{
    unsigned char context[SSL_MAX_SID_CTX_LENGTH], name[NAME_MOST];
    size_t length = 0;
    if (is_stateful(ssl) || !name_of(ssl, name, &length))
        return false;
    unsigned char head[] = { 'S' /* a server's */, (unsigned char)length, (unsigned char)verifier->session_context_length,
        (unsigned char)SSL_get_security_level(ssl), mtlspin__connection_optional(ssl, verifier) };
    const struct mtlspin__bytes runs[] = { { head, sizeof head }, { policy->structure, sizeof policy->structure },
        { name, length }, { verifier->session_context, verifier->session_context_length } };
    _Static_assert(SSL_MAX_SID_CTX_LENGTH == sizeof policy->structure, "the context is a SHA-256");
    return mtlspin__sha256(context, runs, sizeof runs / sizeof *runs)
        && SSL_set_session_id_context(ssl, context, sizeof context);
}

/* The seal in memory of its own; NULL if there is none to be had. The trail of a client known by its pin alone is empty. */
static unsigned char *
make_seal(const struct mtlspin__connection *connection, size_t *length)
{
    unsigned char leaf[MTLSPIN__LEAF_BYTES];
    const struct mtlspin__certificate_keys *keys = mtlspin__leaf_keys(connection->known);
    size_t leaf_length = mtlspin__leaf_write(connection->known, connection->leaf, leaf);
    size_t size = HEAD + leaf_length + mtlspin__trail_write(connection->trail, keys, NULL);
    unsigned char *seal = leaf_length > 0 ? malloc(size) : NULL;
    if (seal == NULL)
        return NULL;
    seal[0] = FORM;
    mtlspin__number_put(seal + 1, connection->authenticated);
    memcpy(seal + HEAD, leaf, leaf_length);
    (void)mtlspin__trail_write(connection->trail, keys, seal + HEAD + leaf_length);
    *length = size;
    return seal;
}

/* A session that resumes keeps the seal that it has, and with it its age. */
static void
seal(SSL *ssl, const struct mtlspin__connection *connection)
{
    size_t length = 0;
    unsigned char *bytes = NULL;
    SSL_SESSION *session = SSL_get_session(ssl);
    if (connection->judged == MTLSPIN__BY_SESSION)
        return;
    if (connection->judged != MTLSPIN__NOT_JUDGED && connection->decision.verdict == MTLSPIN_ALLOW
        && connection->known != NULL && connection->trail != NULL && SSL_SESSION_get0_peer(session) == connection->leaf)
        bytes = make_seal(connection, &length);
    (void)SSL_SESSION_set1_ticket_appdata(session, bytes != NULL ? bytes : (const unsigned char *)"", length);
    free(bytes);
}

int
mtlspin_ticket_generate(SSL *ssl, void *verifier)
{
    const struct mtlspin__connection *connection = ssl != NULL ? mtlspin__connection_get(ssl) : NULL;
    if (connection == NULL || verifier == NULL || connection->verifier != verifier)
        return 1;
    ERR_set_mark();
    seal(ssl, connection);
    ERR_pop_to_mark();
    return 1;
}

/* What the seal says of its client, into `peer`. Release both parts. */
static bool
open_seal(SSL_SESSION *session, const struct mtlspin_policy *policy, struct mtlspin__peer *peer, int64_t *authenticated)
{
    void *data = NULL;
    size_t length = 0;
    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &length) || length < HEAD)
        return false;
    const unsigned char *bytes = data;
    if (bytes[0] != FORM)
        return false;
    *authenticated = mtlspin__number_get(bytes + 1);
    bytes += HEAD;
    length -= HEAD;
    peer->known = mtlspin__leaf_read(&bytes, &length, peer->leaf);
    if (peer->known == NULL)
        return false;
    const struct mtlspin__trail_source source = { mtlspin__leaf_keys(peer->known), policy->domains, policy->domain_count };
    peer->trail = mtlspin__trail_read(&source, bytes, length);
    return peer->trail != NULL;
}

/* Whether the session's client may come in without showing its certificate again. */
static bool
decide(SSL *ssl, SSL_SESSION *session, struct mtlspin__connection *connection)
{
    struct mtlspin__judgement judgement;
    const struct mtlspin__snapshot *snapshot = mtlspin__connection_snapshot(connection);
    int64_t authenticated = 0;
    struct mtlspin__peer peer = {
        .role = MTLSPIN_SERVER,
        .leaf = SSL_SESSION_get0_peer(session),
        .now = mtlspin__verifier_now(connection->verifier),
        .thumbprint = connection->verifier->hook != NULL,
        .level = SSL_get_security_level(ssl),
        .by_trail_alone = true,
    };
    bool allowed = false;
    if (peer.leaf != NULL && open_seal(session, snapshot->policy, &peer, &authenticated)) {
        mtlspin__judge(snapshot->policy, &peer, snapshot->generation, &judgement);
        mtlspin__judgement_limit_age(&judgement, authenticated, peer.now);
        allowed = judgement.decision.verdict == MTLSPIN_ALLOW;
        if (allowed)
            mtlspin__connection_judge(connection, ssl, MTLSPIN__BY_SESSION, &judgement, peer.leaf);
        mtlspin__judgement_clear(&judgement);
    }
    mtlspin__trail_unref(peer.trail);
    mtlspin__leaf_unref(peer.known);
    return allowed;
}

int
mtlspin_ticket_decrypt(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name, size_t key_name_length, int status,
    void *verifier)
{
    struct mtlspin__connection *connection = ssl != NULL ? mtlspin__connection_get(ssl) : NULL;
    (void)key_name, (void)key_name_length;
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) || session == NULL || connection == NULL
        || verifier == NULL || connection->verifier != verifier)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    ERR_set_mark();
    bool allowed = decide(ssl, session, connection);
    ERR_pop_to_mark();
    if (!allowed)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}
