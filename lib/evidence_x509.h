/* Evidence out of certificates. */
#ifndef MTLSPIN_LIB_EVIDENCE_X509_H
#define MTLSPIN_LIB_EVIDENCE_X509_H

#include "evidence.h"
#include <openssl/types.h>

struct stack_st_X509;

/* What the leaf says by itself; `thumbprint` and `names` only if asked for, since they cost time. On failure `complete`
   stays false. Release with mtlspin__evidence_clear. */
void mtlspin__evidence_leaf(struct mtlspin__evidence *evidence, X509 *leaf, bool thumbprint, bool names);

/* What the verified chain adds: replaces that of an earlier chain. false if a digest could not be made or the chain is
   longer than evidence can hold. */
bool mtlspin__evidence_chain(struct mtlspin__evidence *evidence, struct stack_st_X509 *chain);

void mtlspin__evidence_clear(struct mtlspin__evidence *evidence);

#endif
