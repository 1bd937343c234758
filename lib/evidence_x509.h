/* Evidence out of certificates. */
#ifndef MTLSPIN_LIB_EVIDENCE_X509_H
#define MTLSPIN_LIB_EVIDENCE_X509_H

#include "evidence.h"
#include <openssl/types.h>

struct mtlspin__anchors;
struct stack_st_X509;

/* What identifies the leaf by itself; `thumbprint` only if asked for, since it costs time. On failure `complete` stays
   false. Release with mtlspin__evidence_clear. */
void mtlspin__evidence_leaf(struct mtlspin__evidence *evidence, X509 *leaf, bool thumbprint);

/* The leaf's names, once: whether they can be trusted, and, if `wanted`, their keys. For leaves whose chain is verified,
   since a stranger may send thousands. On failure false, and `complete` is taken back. */
bool mtlspin__evidence_names(struct mtlspin__evidence *evidence, X509 *leaf, bool wanted);

/* What the verified chain adds: replaces that of an earlier chain. false if a digest could not be made or the chain is
   longer than evidence can hold. */
bool mtlspin__evidence_chain(struct mtlspin__evidence *evidence, struct stack_st_X509 *chain,
    const struct mtlspin__anchors *anchors);

void mtlspin__evidence_clear(struct mtlspin__evidence *evidence);

#endif
