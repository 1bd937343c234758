/* Servers and clients in one process: a server that is guarded by a verifier, one that is OpenSSL's alone and checks the
   same chains, and clients for both. */
#ifndef TESTS_BENCH_PEERS_H
#define TESTS_BENCH_PEERS_H

#include <mtlspin/mtlspin.h>
#include <openssl/ssl.h>
#include <stdbool.h>

struct server {
    SSL_CTX *context;
    struct mtlspin_verifier *verifier; /* borrowed; NULL = plain */
};

/* For one thread at a time. */
struct client {
    SSL_CTX *context;
    SSL_SESSION *session; /* the newest */
};

/* The policy of a file. */
struct mtlspin_policy *policy_load(const char *path);

/* A verifier with an audit hook that does nothing, for this policy or the one of a file. */
struct mtlspin_verifier *verifier_make(struct mtlspin_policy *policy);
struct mtlspin_verifier *verifier_load(const char *path);

/* `name` of the certificates' folder: "server" has a P-256 key, "server-rsa" one of RSA-2048. The plain server has the
   anchors and the list of accepted CAs that the guarded one gets from a policy of rules.h, and the same options. */
void server_make(struct server *server, struct mtlspin_verifier *verifier, int version, const char *name);
void server_free(struct server *server);

void client_make(struct client *client, int version, const char *name);
void client_free(struct client *client);

/* Called around what the server does of a connection, from SSL_new to SSL_free. */
struct meter {
    void (*begin)(void *user), (*end)(void *user);
    void *user;
};

/* A whole connection: handshake, mtlspin_check where the server is guarded, end. It must succeed, resumed or not as
   demanded. The client keeps its newest session. `meter` may be NULL. */
void shake(const struct server *server, struct client *client, bool resumed, const struct meter *meter);

/* A server's connection after the handshake, still there: SSL_free it. */
SSL *shake_and_stay(const struct server *server, struct client *client);

/* The nanoseconds that the server takes for such a connection. */
double time_server(const struct server *server, struct client *client, bool resumed);

#endif
