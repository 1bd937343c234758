/* What the library keeps with each SSL: what was decided about it, and by whom. */
#ifndef MTLSPIN_LIB_CONNECTION_H
#define MTLSPIN_LIB_CONNECTION_H

#include "verifier.h"
#include <openssl/ssl.h>

struct mtlspin__connection {
    struct mtlspin_verifier *verifier; /* that prepared it; a reference; NULL = none did */
    bool judged;                       /* `decision` was made in the current handshake, about `leaf` */
    struct mtlspin_decision decision;
    enum mtlspin_reason expiry;        /* the reason for refusing after decision.valid_until */
    X509 *leaf;                        /* a reference: while it is held, no other certificate can have this address */
    const struct mtlspin_verifier *audited; /* whose hook has seen audited_verdict and audited_reason; only compared */
    enum mtlspin_verdict audited_verdict;
    enum mtlspin_reason audited_reason;
    char address[128];                 /* what the application said of where it comes from */
};

/* The SSL's record; NULL if there is none. */
struct mtlspin__connection *mtlspin__connection_get(const SSL *ssl);

/* The same, made if needed; NULL if out of memory. */
struct mtlspin__connection *mtlspin__connection_make(SSL *ssl);

/* Why no verifier guards this kind of connection (DTLS, QUIC, a client's side), as a sentence; NULL = one does. */
const char *mtlspin__connection_unfit(const SSL *ssl);

/* Starts the record anew for a handshake under `verifier`. Nothing of an earlier handshake stays but the address. */
void mtlspin__connection_start(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier);

/* Replaces the decision and what it is about; takes a reference of its own on `leaf`, which may be NULL. */
void mtlspin__connection_judge(struct mtlspin__connection *connection, const struct mtlspin_decision *decision,
    enum mtlspin_reason expiry, X509 *leaf);

/* Reports to the verifier's hook. `connection` may be NULL: there was no memory for it. */
void mtlspin__connection_audit(struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, SSL *ssl,
    const struct mtlspin_decision *decision);

/* The verifier that an SSL_CTX holds; NULL = none. */
struct mtlspin_verifier *mtlspin__context_verifier(const SSL_CTX *context);

/* Makes the SSL_CTX hold a reference on `verifier` (NULL = none), in place of the one that it held. */
bool mtlspin__context_hold(SSL_CTX *context, struct mtlspin_verifier *verifier);

#endif
