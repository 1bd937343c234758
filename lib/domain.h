/* A trust domain and the policy it belongs to, as the decision sees them. */
#ifndef MTLSPIN_LIB_DOMAIN_H
#define MTLSPIN_LIB_DOMAIN_H

#include "name.h"
#include "revocation.h"
#include "rule_table.h"
#include <mtlspin/decision.h>

enum { MTLSPIN__DOMAINS_MAX = 32, MTLSPIN__DEPTH_MAX = 16, MTLSPIN__DEPTH_DEFAULT = 8 };
enum { MTLSPIN__SESSION_LIFETIME_DEFAULT = 24 * 60 * 60 }; /* seconds; RFC 5246, F.1.4 */

struct mtlspin__anchors; /* anchors.h */

struct mtlspin__domain {
    char name[MTLSPIN_DOMAIN_SIZE];
    unsigned line; /* where it starts */
    struct mtlspin__rule_table rules;
    bool chain_none;  /* peers are known by pin alone */
    bool report_only;
    char unmatched[MTLSPIN_LABEL_SIZE];
    struct mtlspin__crls *crls; /* NULL = the domain names none, and nothing is revoked */
    int64_t crl_grace;          /* seconds for which an expired list will do */

    /* for path validation and for choosing the domain */
    uint8_t validation[16]; /* digest of what path validation depends on, the anchors apart; set when the policy is built */
    struct mtlspin__anchors *anchors;
    bool partial_chain, strict;
    bool has_depth, has_level;
    unsigned depth, level;
    int64_t session_lifetime; /* seconds; 0 = not given */
    char (*hosts)[MTLSPIN__HOST_SIZE];
    size_t host_count;
};

#endif
