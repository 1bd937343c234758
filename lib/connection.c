/* Records in ex_data (CRYPTO_get_ex_new_index(3)), and the verifier's reference in the SSL_CTX. */
#include "connection.h"
#include "error.h"
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int connection_index = -1, context_index = -1;

static void
forget(struct mtlspin__connection *connection)
{
    X509_free(connection->leaf);
    connection->leaf = NULL;
    connection->judged = false;
    connection->audited = NULL;
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
free_verifier(void *parent, void *data, CRYPTO_EX_DATA *list, int index, long number, void *pointer)
{
    (void)parent, (void)list, (void)index, (void)number, (void)pointer;
    mtlspin_verifier_unref(data);
}

static void
make_indexes(void)
{
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, dup_connection, free_connection);
    context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_verifier);
}

static bool
ready(void)
{
    return CRYPTO_THREAD_run_once(&once, make_indexes) && connection_index >= 0 && context_index >= 0;
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

const char *
mtlspin__connection_unfit(const SSL *ssl)
{
    if (SSL_is_dtls(ssl))
        return "DTLS is not supported";
#if OPENSSL_VERSION_NUMBER >= 0x30200000L && !defined(OPENSSL_NO_QUIC)
    if (SSL_is_quic(ssl))
        return "QUIC is not supported";
#endif
    return SSL_is_server(ssl) ? NULL : "this version judges clients only, and this is a client's side";
}

void
mtlspin__connection_start(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier)
{
    struct mtlspin_verifier *before = connection->verifier;
    forget(connection);
    connection->verifier = mtlspin_verifier_ref(verifier);
    mtlspin_verifier_unref(before);
}

void
mtlspin__connection_judge(struct mtlspin__connection *connection, const struct mtlspin_decision *decision,
    enum mtlspin_reason expiry, X509 *leaf)
{
    forget(connection);
    connection->decision = *decision;
    connection->expiry = expiry;
    connection->leaf = leaf != NULL && X509_up_ref(leaf) ? leaf : NULL;
    connection->judged = true;
}

struct mtlspin_verifier *
mtlspin__context_verifier(const SSL_CTX *context)
{
    return ready() ? SSL_CTX_get_ex_data(context, context_index) : NULL;
}

bool
mtlspin__context_hold(SSL_CTX *context, struct mtlspin_verifier *verifier)
{
    struct mtlspin_verifier *before = mtlspin__context_verifier(context);
    if (!ready() || !SSL_CTX_set_ex_data(context, context_index, verifier))
        return false;
    (void)mtlspin_verifier_ref(verifier);
    mtlspin_verifier_unref(before);
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
