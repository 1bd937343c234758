/* The validations that were made about one peer: domains that ask the same share one, and some need none. */
#ifndef MTLSPIN_LIB_VALIDATIONS_H
#define MTLSPIN_LIB_VALIDATIONS_H

#include "chain.h"

struct mtlspin__validation {
    struct mtlspin__validation *next;
    const struct mtlspin__domain *domain; /* that it was made for */
    bool sole; /* the application had its say, which counts once: it answers no other */
    struct mtlspin__chain_verdict verdict;
};

/* The one among those that were made about this peer which answers the domain, or a new one in front of them. With
   `callback` always a new one. NULL if out of memory. */
struct mtlspin__validation *mtlspin__validate(struct mtlspin__validation **made, const struct mtlspin__domain *domain,
    const struct mtlspin__peer *peer, X509_STORE_CTX_verify_cb callback);
void mtlspin__validations_free(struct mtlspin__validation *made);

/* Whether validation under this domain is sure to fail: nothing that the peer sent is one of its anchors, or names one as
   its issuer. false where that would take long to find out. */
bool mtlspin__validation_is_hopeless(const struct mtlspin__domain *domain, const struct mtlspin__peer *peer);

#endif
