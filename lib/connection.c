/* Records in ex_data (CRYPTO_get_ex_new_index(3)), and the verifier's reference in the SSL_CTX. */
#include "connection.h"
#include "error.h"
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int connection_index = -1, context_index = -1;
static atomic_bool have_indexes; /* asked for with every check, and CRYPTO_THREAD_run_once takes longer */

static void
forget(struct mtlspin__connection *connection)
{
    X509_free(connection->leaf);
    sk_X509_pop_free(connection->chain, X509_free);
    mtlspin__trail_unref(connection->trail);
    mtlspin__leaf_unref(connection->known);
    connection->leaf = NULL;
    connection->chain = NULL;
    connection->trail = NULL;
    connection->known = NULL;
    connection->live = connection->reported = false;
    connection->authenticated = 0;
    connection->judged = MTLSPIN__NOT_JUDGED;
    connection->audited = 0;
    connection->peername[0] = '\0';
    memset(connection->handshake, 0, sizeof connection->handshake);
    connection->decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    connection->decision.reason = MTLSPIN_REASON_NOT_JUDGED;
}

static void
free_connection(void *parent, void *data, CRYPTO_EX_DATA *list, int index, long number, void *pointer)
{
    struct mtlspin__connection *connection = data;
    (void)parent, (void)list, (void)index, (void)number, (void)pointer;
    if (connection == NULL)
        return;
    forget(connection);
    mtlspin__snapshot_release(&connection->snapshot);
    mtlspin_verifier_unref(connection->verifier);
    free(connection);
}

/* SSL_dup copies the pointer unless told otherwise; a copy was never judged. */
static int
dup_connection(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **data, int index, long number, void *pointer)
{
    (void)to, (void)from, (void)index, (void)number, (void)pointer;
    *data = NULL;
    return 1;
}

static void
free_attachment(void *parent, void *data, CRYPTO_EX_DATA *list, int index, long number, void *pointer)
{
    struct mtlspin__attachment *attachment = data;
    (void)parent, (void)list, (void)index, (void)number, (void)pointer;
    if (attachment == NULL)
        return;
    mtlspin_verifier_unref(attachment->verifier);
    free(attachment);
}

static void
make_indexes(void)
{
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, dup_connection, free_connection);
    context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_attachment);
    atomic_store(&have_indexes, connection_index >= 0 && context_index >= 0);
}

static bool
ready(void)
{
    return atomic_load(&have_indexes) || (CRYPTO_THREAD_run_once(&once, make_indexes) && atomic_load(&have_indexes));
}

struct mtlspin__connection *
mtlspin__connection_get(const SSL *ssl)
{
    return ready() ? SSL_get_ex_data(ssl, connection_index) : NULL;
}

struct mtlspin__connection *
mtlspin__connection_make(SSL *ssl)
{
    struct mtlspin__connection *connection = mtlspin__connection_get(ssl);
    if (connection != NULL || !ready())
        return connection;
    connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    forget(connection);
    if (SSL_set_ex_data(ssl, connection_index, connection))
        return connection;
    free(connection);
    return NULL;
}

X509_STORE *
mtlspin__connection_store(SSL *ssl)
{
    X509_STORE *store = NULL;
    (void)SSL_get0_verify_cert_store(ssl, &store);
    return store != NULL ? store : SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
}

const char *
mtlspin__connection_unfit(const SSL *ssl)
{
    if (SSL_is_dtls(ssl))
        return "DTLS is not supported";
#if OPENSSL_VERSION_NUMBER >= 0x30200000L && !defined(OPENSSL_NO_QUIC)
    if (SSL_is_quic(ssl))
        return "QUIC is not supported";
#endif
    return NULL;
}

void
mtlspin__connection_start(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier)
{
    struct mtlspin_verifier *before = connection->verifier;
    forget(connection);
    connection->host[0] = '\0';
    mtlspin__snapshot_release(&connection->snapshot);
    connection->verifier = mtlspin_verifier_ref(verifier);
    if (verifier != NULL)
        connection->snapshot = mtlspin__verifier_acquire(verifier);
    mtlspin_verifier_unref(before);
}

const struct mtlspin__snapshot *
mtlspin__connection_snapshot(struct mtlspin__connection *connection)
{
    if (connection->snapshot.policy == NULL)
        connection->snapshot = mtlspin__verifier_acquire(connection->verifier);
    return &connection->snapshot;
}

void
mtlspin__connection_judge(struct mtlspin__connection *connection, const SSL *ssl, enum mtlspin__ground ground,
    const struct mtlspin__judgement *judgement, X509 *leaf)
{
    forget(connection);
    (void)SSL_get_client_random(ssl, connection->handshake, sizeof connection->handshake);
    connection->decision = judgement->decision;
    connection->expiry = judgement->expiry;
    connection->leaf = leaf != NULL && X509_up_ref(leaf) ? leaf : NULL;
    connection->known = mtlspin__leaf_ref(judgement->known);
    memcpy(connection->peername, judgement->chain.peername, sizeof connection->peername);
    connection->judged = ground;
    connection->authenticated = judgement->authenticated;
    connection->trail = mtlspin__trail_ref(judgement->trail);
    if (judgement->chain.chain != NULL)
        connection->chain = X509_chain_up_ref(judgement->chain.chain);
}

void
mtlspin__connection_rejudge(struct mtlspin__connection *connection, const struct mtlspin__judgement *judgement)
{
    struct mtlspin__trail *trail = connection->trail;
    struct mtlspin__leaf *known = connection->known;
    connection->decision = judgement->decision;
    connection->reported = false;
    connection->expiry = judgement->expiry;
    connection->trail = mtlspin__trail_ref(judgement->trail);
    connection->known = mtlspin__leaf_ref(judgement->known);
    mtlspin__trail_unref(trail);
    mtlspin__leaf_unref(known);
}

bool
mtlspin__connection_is_other(const struct mtlspin__connection *connection, const SSL *ssl)
{
    unsigned char now[SSL3_RANDOM_SIZE] = { 0 };
    (void)SSL_get_client_random(ssl, now, sizeof now);
    return memcmp(connection->handshake, now, sizeof now) != 0;
}

/* A client may go on without preparing, and a client's session is judged before its handshake has a random: that of the
   first look counts. */
void
mtlspin__connection_refresh(struct mtlspin__connection *connection, const SSL *ssl)
{
    static const unsigned char none[SSL3_RANDOM_SIZE] = { 0 };
    if (!mtlspin__connection_is_other(connection, ssl))
        return;
    if (memcmp(connection->handshake, none, sizeof none) != 0 && SSL_is_server(ssl))
        mtlspin__connection_start(connection, NULL); /* preparing would have begun the record anew */
    else if (memcmp(connection->handshake, none, sizeof none) != 0)
        forget(connection);
    memset(connection->handshake, 0, sizeof connection->handshake);
    (void)SSL_get_client_random(ssl, connection->handshake, sizeof connection->handshake);
}

struct mtlspin__attachment *
mtlspin__attachment_get(const SSL_CTX *context)
{
    return ready() ? SSL_CTX_get_ex_data(context, context_index) : NULL;
}

bool
mtlspin__connection_optional(const SSL *ssl, const struct mtlspin_verifier *verifier)
{
    const struct mtlspin__attachment *attachment = mtlspin__attachment_get(SSL_get_SSL_CTX(ssl));
    return attachment != NULL && attachment->verifier == verifier && attachment->optional;
}

bool
mtlspin__attachment_set(SSL_CTX *context, struct mtlspin_verifier *verifier)
{
    struct mtlspin__attachment *before = mtlspin__attachment_get(context), *attachment = NULL;
    if (!ready())
        return false;
    if (verifier != NULL && (attachment = calloc(1, sizeof *attachment)) == NULL)
        return false;
    if (!SSL_CTX_set_ex_data(context, context_index, attachment)) {
        free(attachment);
        return false;
    }
    if (attachment != NULL)
        attachment->verifier = mtlspin_verifier_ref(verifier);
    free_attachment(NULL, before, NULL, 0, 0, NULL);
    return true;
}

enum mtlspin_status
mtlspin_set_peer_address(SSL *ssl, const char *address, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (ssl == NULL || address == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no connection or no address");
    struct mtlspin__connection *connection = mtlspin__connection_make(ssl);
    if (connection == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    (void)snprintf(connection->address, sizeof connection->address, "%s", address);
    return MTLSPIN_OK;
}
