#include "pair.h"
#include <check.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <string.h>

void
pair_make(struct pair *pair, SSL_CTX *server, SSL_CTX *client)
{
    BIO *left = NULL, *right = NULL;
    memset(pair, 0, sizeof *pair);
    pair->alert = -1;
    pair->server = SSL_new(server);
    pair->client = SSL_new(client);
    ck_assert_ptr_nonnull(pair->server);
    ck_assert_ptr_nonnull(pair->client);
    ck_assert_int_eq(BIO_new_bio_pair(&left, 1 << 20, &right, 1 << 20), 1);
    SSL_set_bio(pair->server, left, left);
    SSL_set_bio(pair->client, right, right);
    SSL_set_accept_state(pair->server);
    SSL_set_connect_state(pair->client);
}

static int
wants_more(const SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* The received alert is the reason code of OpenSSL's error, less SSL_AD_REASON_OFFSET. */
static void
note_alert(struct pair *pair)
{
    unsigned long code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET)
        pair->alert = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
}

/* One step of one side, with the error queue to itself. 1 = done, 0 = goes on, -1 = failed. */
static int
step(SSL *ssl)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    return result == 1 ? 1 : wants_more(ssl, result) ? 0 : -1;
}

static void
client_reads(struct pair *pair)
{
    char byte = 0;
    ERR_clear_error();
    if (SSL_read(pair->client, &byte, 1) <= 0)
        note_alert(pair);
}

int
pair_shake(struct pair *pair)
{
    int server = 0, client = 0;
    for (int turn = 0; turn < 50 && client >= 0 && server >= 0 && !(client == 1 && server == 1); turn++) {
        if (client == 0 && (client = step(pair->client)) < 0)
            note_alert(pair);
        if (server == 0)
            server = step(pair->server);
    }
    unsigned long code = ERR_peek_last_error();
    pair->accepted = server == 1;
    pair->connected = client == 1;
    if (client == 0 && (client = step(pair->client)) < 0)
        note_alert(pair);
    if (client == 1)
        client_reads(pair);
    ERR_clear_error();
    if (server < 0 && code != 0)
        ERR_raise(ERR_GET_LIB(code), ERR_GET_REASON(code));
    return pair->accepted;
}

int
pair_talk(struct pair *pair, const char *text)
{
    char buffer[256];
    ERR_clear_error();
    (void)SSL_write(pair->client, text, (int)strlen(text));
    int got = SSL_read(pair->server, buffer, sizeof buffer);
    ERR_clear_error();
    return got > 0 ? got : 0;
}

void
pair_free(struct pair *pair)
{
    SSL_free(pair->server);
    SSL_free(pair->client);
    memset(pair, 0, sizeof *pair);
}
