/* A client and a server in one process, joined by a pair of BIOs. */
#ifndef TESTS_PAIR_H
#define TESTS_PAIR_H

#include <openssl/ssl.h>

struct pair {
    SSL *server, *client;
    int accepted, connected; /* 1 = that side's handshake is finished */
    int alert;               /* that the client received, or -1 */
};

/* New connections of both contexts, not yet talking. */
void pair_make(struct pair *pair, SSL_CTX *server, SSL_CTX *client);

/* Runs the handshake until both are done or one fails, then lets the client read, which in TLS 1.3 is when it learns of a
   refusal. Leaves the error queue as the last call of the server left it. Returns `accepted`. */
int pair_shake(struct pair *pair);

/* The client sends `text`; returns how many bytes of it the server's SSL_read delivers (0 if it refuses). */
int pair_talk(struct pair *pair, const char *text);

void pair_free(struct pair *pair);

#endif
