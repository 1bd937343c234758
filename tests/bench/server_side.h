/* A server that is guarded by a verifier, a plain one that checks the same chain, and clients for both, in one process. */
#ifndef TESTS_BENCH_SERVER_SIDE_H
#define TESTS_BENCH_SERVER_SIDE_H

#include <mtlspin/mtlspin.h>
#include <openssl/ssl.h>
#include <stdbool.h>

/* Ends the program with a message. */
_Noreturn void die(const char *what);

struct side {
    struct mtlspin_verifier *verifier; /* NULL = plain */
    SSL_CTX *server, *client;
    SSL_SESSION *session;              /* the client's newest */
};

struct sides {
    struct mtlspin_policy *policy;
    struct side plain, guarded;
};

/* Both for this TLS version, with keys P-256 or (rsa) RSA-2048. `policy`: the guarded side's file, which allows the
   client. */
void sides_make(struct sides *sides, int version, bool rsa, const char *policy);
void sides_free(struct sides *sides);

/* One handshake, which must succeed, and be resumed or not. Nanoseconds that the server took. */
double shake(struct side *side, bool resumed);

#endif
