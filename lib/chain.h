/* Path validation of a peer's certificate under one trust domain. */
#ifndef MTLSPIN_LIB_CHAIN_H
#define MTLSPIN_LIB_CHAIN_H

#include "trail.h"
#include <openssl/x509.h>

/* The peer and the circumstances: the same for every domain that is tried. Everything is borrowed. */
struct mtlspin__peer {
    enum mtlspin_role role;
    X509 *leaf;
    STACK_OF(X509) *untrusted;  /* what the peer sent besides; may be NULL */
    const char *host;           /* MTLSPIN_CLIENT: normal form (name.h); NULL = do not check names */
    bool thumbprint;            /* somebody wants to know it, even if the policy does not */
    bool any_purpose;           /* tests of path validation alone: any key usage will do */
    int64_t now;
    int level;                  /* security level, 0 to 5 */
    X509_STORE *application;    /* store for `ca application`; NULL = there is none */
    const X509_VERIFY_PARAM *parameters; /* the application's own, which may tighten; may be NULL */
    SSL *ssl;                   /* for the application's verify callback; may be NULL */
    X509_STORE_CTX_verify_cb callback;

    /* A peer that was judged before: what was found then, and it spares the path validation where it still holds.
       `untrusted` is then the chain that was verified, as far as it is kept. */
    struct mtlspin__trail *trail;       /* may be NULL */
    struct mtlspin__leaf *known;        /* what is kept of `leaf`; may be NULL */
    bool by_trail_alone;                /* where it does not hold, nothing is validated: refuse */
    bool incomplete;                    /* what the peer sent besides its certificate is not at hand any more */
};

/* A zeroed verdict is no success. */
struct mtlspin__chain_verdict {
    bool verified;              /* no error came up, and nobody refused */
    enum mtlspin_reason reason; /* if not */
    int error, depth;           /* X509_V_… */
    STACK_OF(X509) *chain;      /* as far as it was built; owned */
    char peername[MTLSPIN__HOST_SIZE]; /* the certificate's name that matched the host; "" = none had to */
};

/* Verifies anew into `verdict`, which is cleared first. What domains can share is in validations.h. */
void mtlspin__chain_verify(const struct mtlspin__domain *domain, const struct mtlspin__peer *peer,
    X509_STORE_CTX_verify_cb callback, struct mtlspin__chain_verdict *verdict);

void mtlspin__chain_clear(struct mtlspin__chain_verdict *verdict);

#endif
