/* What evidence says of a peer's certificate alone, kept for later decisions about it. */
#ifndef MTLSPIN_LIB_LEAF_H
#define MTLSPIN_LIB_LEAF_H

#include "evidence.h"
#include <openssl/types.h>

/* Immutable. It may lack the thumbprint or the names, where the decision did not need them. */
struct mtlspin__leaf;

struct mtlspin__leaf *mtlspin__leaf_ref(struct mtlspin__leaf *leaf); /* NULL is ignored */
void mtlspin__leaf_unref(struct mtlspin__leaf *leaf);                /* NULL is ignored */

/* All that can be known; NULL if it cannot be had. */
struct mtlspin__leaf *mtlspin__leaf_new(X509 *certificate);

/* What complete evidence says, whose names it takes over; `before` (may be NULL) again if that is no more. NULL if out of
   memory. */
struct mtlspin__leaf *mtlspin__leaf_keep(struct mtlspin__leaf *before, struct mtlspin__evidence *evidence);

/* In place of mtlspin__evidence_leaf: what is kept of this certificate, so that it is not digested again. What is asked for
   and not kept is made from the certificate, names by mtlspin__evidence_names. */
void mtlspin__leaf_recall(const struct mtlspin__leaf *leaf, const X509 *certificate, bool thumbprint, bool names,
    struct mtlspin__evidence *evidence);

/* The keys that it has whatever its chain is. */
const struct mtlspin__certificate_keys *mtlspin__leaf_keys(const struct mtlspin__leaf *leaf);

/* The pins, as far as they are kept; else of no kind. */
void mtlspin__leaf_pins(const struct mtlspin__leaf *leaf, struct mtlspin_pin *spki, struct mtlspin_pin *thumbprint);

enum { MTLSPIN__LEAF_BYTES = 260 };

/* As bytes, for a session ticket that has the certificate as well: the length, or 0 if it cannot be written. */
size_t mtlspin__leaf_write(const struct mtlspin__leaf *leaf, const X509 *certificate,
    unsigned char bytes[MTLSPIN__LEAF_BYTES]);

/* Back again, from the front of *bytes, which moves on. NULL if the bytes are none of a leaf or are about another
   certificate, or out of memory. */
struct mtlspin__leaf *mtlspin__leaf_read(const unsigned char **bytes, size_t *length, const X509 *certificate);

#endif
