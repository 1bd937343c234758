/* Who wants to be told what a policy says, and every mistake in it (mtlspin/scan.h). Nobody listens to a zeroed one: then
   nothing is told, and a mistake ends the reading. */
#ifndef MTLSPIN_LIB_SCAN_H
#define MTLSPIN_LIB_SCAN_H

#include "domain.h"
#include <mtlspin/scan.h>

struct mtlspin__scan {
    const struct mtlspin_scan *listener; /* borrowed */
    size_t mistakes;                     /* told so far */
    struct mtlspin_error first;          /* of them */
};

/* Tells of the mistake in `error`, which has its place, and forgets it: MTLSPIN_OK. Returns `status` instead where nobody
   listens, or there is no memory to go on with. */
enum mtlspin_status mtlspin__scan_overlook(struct mtlspin__scan *scan, enum mtlspin_status status,
    struct mtlspin_error *error);

void mtlspin__scan_rule(const struct mtlspin__scan *scan, const struct mtlspin_scan_rule *rule);

/* The anchors or lists of a domain from number `from` on, which came in at `line`. */
void mtlspin__scan_anchors(const struct mtlspin__scan *scan, const struct mtlspin__domain *domain, size_t from,
    unsigned line, bool system);
void mtlspin__scan_lists(const struct mtlspin__scan *scan, const struct mtlspin__domain *domain, size_t from,
    unsigned line);

/* A domain, at its end. */
void mtlspin__scan_domain(const struct mtlspin__scan *scan, const struct mtlspin__domain *domain);

#endif
