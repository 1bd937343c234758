/* The rules of a policy that have to do with one peer, collected while the policy is read. */
#ifndef MTLSPIN_TOOLS_NEAR_H
#define MTLSPIN_TOOLS_NEAR_H

#include "near_name.h"
#include "presented.h"
#include <mtlspin/decision.h>
#include <mtlspin/scan.h>

/* A certificate that a rule could mean: the peer's own first, then those sent with it, then anchors. */
struct known {
    X509 *certificate; /* a reference */
    struct mtlspin_pin spki, thumbprint, serial;
};

/* What a rule's value is to the peer. */
enum bond {
    BOND_NONE,
    BOND_NAMES,   /* it names the peer; `ca-spki`: a CA */
    BOND_ANOTHER, /* it names another certificate of the chain where the peer's own is meant */
    BOND_SWAPPED, /* the thumbprint stands for the pin of the key, or the other way round */
    BOND_OWN_KEY, /* `ca-spki` with the peer's own key */
    BOND_NAME     /* one of the peer's names, but not quite: see `likeness` */
};

struct near_rule {
    char domain[MTLSPIN_DOMAIN_SIZE], label[MTLSPIN_LABEL_SIZE];
    bool denial;
    enum mtlspin_kind kind;
    enum bond bond;
    enum likeness likeness;
    size_t known; /* which certificate */
    bool spiffe;
    bool has_issuer;
    uint8_t issuer[MTLSPIN_DIGEST_SIZE];
    int64_t not_before, not_after;
    unsigned line, column;
};

struct near {
    struct known *known;
    size_t known_count, presented; /* `presented` of them are the peer's */
    struct near_names names;
    uint8_t digests[8192]; /* a bit for the first two bytes of each digest: most rules are of no concern */
    struct near_rule *rules;
    size_t rule_count;
    bool lost; /* there was no memory for all */
};

/* Starts with what the peer presents. false if out of memory. Release with near_clear in any case. */
bool near_start(struct near *near, const struct presented *presented);

/* Forgets all rules and anchors: reading begins anew. */
void near_restart(struct near *near);

void near_add_anchor(struct near *near, X509 *certificate);
void near_add_rule(struct near *near, const struct mtlspin_scan_rule *rule);

void near_clear(struct near *near);

#endif
