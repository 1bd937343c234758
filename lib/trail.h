/* What path validation has found about one peer, kept so that the peer can be judged again without it. */
#ifndef MTLSPIN_LIB_TRAIL_H
#define MTLSPIN_LIB_TRAIL_H

#include "domain.h"
#include "evidence.h"
#include <stddef.h>

/* One finding. It holds in every domain that validates in the same way and still has the anchor. */
struct mtlspin__finding {
    uint8_t validation[16];     /* of the domain: how it validates (domain.h) */
    uint8_t anchor[16];         /* that the chain ends in; for MTLSPIN_REASON_UNKNOWN_CA: of all anchors together */
    enum mtlspin_reason reason; /* MTLSPIN_REASON_NONE: verified; or MTLSPIN_REASON_UNKNOWN_CA */
    int64_t not_after;
    struct mtlspin__certificate_keys *chain; /* of `chain_count`, owned; NULL if not verified */
    size_t chain_count;
};

/* Immutable once it is shared. */
struct mtlspin__trail;

struct mtlspin__trail *mtlspin__trail_new(void);
struct mtlspin__trail *mtlspin__trail_ref(struct mtlspin__trail *trail); /* NULL is ignored */
void mtlspin__trail_unref(struct mtlspin__trail *trail);                 /* NULL is ignored */

/* Adds what was found out about the peer under this domain, if it is worth keeping. false if out of memory. */
bool mtlspin__trail_add(struct mtlspin__trail *trail, const struct mtlspin__domain *domain,
    const struct mtlspin__evidence *evidence);

/* Adds what `before` (may be NULL) knows besides, as far as there is room: an older finding may hold again. */
void mtlspin__trail_inherit(struct mtlspin__trail *trail, const struct mtlspin__trail *before);

/* The finding that holds for the leaf of `evidence` in this domain, or NULL. `trail` may be NULL. */
const struct mtlspin__finding *mtlspin__trail_find(const struct mtlspin__trail *trail,
    const struct mtlspin__domain *domain, const struct mtlspin__evidence *evidence);

/* Any finding of a verified chain of that leaf, whatever the domain, or NULL. */
const struct mtlspin__finding *mtlspin__trail_chain(const struct mtlspin__trail *trail,
    const struct mtlspin__evidence *evidence);

/* Makes it the evidence of the domain that is being tried. */
void mtlspin__trail_recall(const struct mtlspin__finding *finding, struct mtlspin__evidence *evidence, int64_t now);

/* As bytes, for a session ticket that has the leaf's own keys as well: the length. With `bytes` NULL only that. */
size_t mtlspin__trail_write(const struct mtlspin__trail *trail, const struct mtlspin__certificate_keys *leaf,
    unsigned char *bytes);

/* What a trail in a ticket leaves out. */
struct mtlspin__trail_source {
    const struct mtlspin__certificate_keys *leaf;
    const struct mtlspin__domain *domains; /* one of which has the anchor */
    size_t domain_count;
};

/* Back again: NULL if the bytes are none of a trail, an anchor is not known any more, or out of memory. */
struct mtlspin__trail *mtlspin__trail_read(const struct mtlspin__trail_source *source, const unsigned char *bytes,
    size_t length);

#endif
