/* What the library keeps with each SSL: what was decided about it, and by whom. */
#ifndef MTLSPIN_LIB_CONNECTION_H
#define MTLSPIN_LIB_CONNECTION_H

#include "judge.h"
#include "leaf.h"
#include "verifier.h"
#include <openssl/ssl.h>

/* On what ground a decision was made. */
enum mtlspin__ground {
    MTLSPIN__NOT_JUDGED,
    MTLSPIN__BY_HANDSHAKE, /* the certificate that came in the current handshake, or the lack of one */
    MTLSPIN__BY_SESSION,   /* the peer's certificate in the session that is to resume */
    MTLSPIN__BY_REQUEST    /* the certificate that a client showed on request, later on a connection that has resumed */
};

struct mtlspin__connection {
    struct mtlspin_verifier *verifier; /* that prepared it; a reference; NULL = none did */
    struct mtlspin__snapshot snapshot; /* what its handshake is judged under; empty when that is over */
    enum mtlspin__ground judged;       /* on which `decision` was made, about `leaf` */
    struct mtlspin_decision decision;
    enum mtlspin_reason expiry;        /* the reason for refusing after decision.valid_until */
    X509 *leaf;                        /* a reference: while it is held, no other certificate can have this address */
    bool reported;                     /* `decision` allows, has been given out, and the hook has seen it */
    bool live;                         /* it was allowed when its handshake was over: later policies decide about it anew */
    struct mtlspin__leaf *known;       /* a reference: what is kept of `leaf`; may be NULL */
    STACK_OF(X509) *chain;             /* as it was verified, for that; NULL = not kept */
    struct mtlspin__trail *trail;      /* a reference, for that; may be NULL */
    int64_t authenticated;             /* as in the judgement: when `leaf` was shown */
    unsigned char handshake[SSL3_RANDOM_SIZE]; /* the client's random in the handshake that `decision` is about; all zero:
                                                  it had none yet */
    uint64_t audited;                  /* number of the verifier whose hook has seen the next three */
    enum mtlspin_verdict audited_verdict;
    enum mtlspin_reason audited_reason;
    char audited_label[MTLSPIN_LABEL_SIZE];
    char host[MTLSPIN__HOST_SIZE];     /* MTLSPIN_CLIENT: that the server must prove to be; normal form */
    char peername[MTLSPIN__HOST_SIZE]; /* the name in `leaf` that matched it; "" = none had to */
    char address[128];                 /* what the application said of where it comes from */
};

/* The SSL's record; NULL if there is none. */
struct mtlspin__connection *mtlspin__connection_get(const SSL *ssl);

/* The same, made if needed; NULL if out of memory. */
struct mtlspin__connection *mtlspin__connection_make(SSL *ssl);

/* The trust store that libssl chooses for the connection's handshake. */
X509_STORE *mtlspin__connection_store(SSL *ssl);

/* Why no verifier guards this kind of connection (DTLS, QUIC), as a sentence; NULL = one does. */
const char *mtlspin__connection_unfit(const SSL *ssl);

/* Starts the record anew for a handshake under `verifier`. Nothing of an earlier handshake stays but the address. */
void mtlspin__connection_start(struct mtlspin__connection *connection, struct mtlspin_verifier *verifier);

/* Replaces the decision and what it is about; takes references of its own on `leaf`, which may be NULL, chain
   and trail. */
void mtlspin__connection_judge(struct mtlspin__connection *connection, const SSL *ssl, enum mtlspin__ground ground,
    const struct mtlspin__judgement *judgement, X509 *leaf);

/* Whether the present handshake is another one than that of the first look at the record. */
bool mtlspin__connection_is_other(const struct mtlspin__connection *connection, const SSL *ssl);

/* Forgets a decision that is about another handshake than the present one (SSL_clear keeps the record). */
void mtlspin__connection_refresh(struct mtlspin__connection *connection, const SSL *ssl);

/* Replaces the decision by a later one about the same peer. */
void mtlspin__connection_rejudge(struct mtlspin__connection *connection, const struct mtlspin__judgement *judgement);

/* The policy that the connection's handshake is judged under: that in force when it began, or now if it is over (a
   certificate that comes later). Borrowed from the connection. */
const struct mtlspin__snapshot *mtlspin__connection_snapshot(struct mtlspin__connection *connection);

/* Reports to the verifier's hook. `connection` may be NULL: there was no memory for it. */
void mtlspin__connection_audit(struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, SSL *ssl,
    const struct mtlspin_decision *decision);

/* What the library keeps with each SSL_CTX that a verifier is attached to. */
struct mtlspin__attachment {
    struct mtlspin_verifier *verifier; /* a reference */
    bool optional;                     /* its clients need no certificate */
};

/* Whether a client of this connection may stay anonymous: where the SSL_CTX that it has now was attached so. */
bool mtlspin__connection_optional(const SSL *ssl, const struct mtlspin_verifier *verifier);

/* The SSL_CTX's attachment; NULL if there is none. */
struct mtlspin__attachment *mtlspin__attachment_get(const SSL_CTX *context);

/* Makes the SSL_CTX hold a reference on `verifier`, or removes what it holds if that is NULL. */
bool mtlspin__attachment_set(SSL_CTX *context, struct mtlspin_verifier *verifier);

#endif
