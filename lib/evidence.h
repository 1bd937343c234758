/* What a decision is made from: plain values, no OpenSSL. */
#ifndef MTLSPIN_LIB_EVIDENCE_H
#define MTLSPIN_LIB_EVIDENCE_H

#include <mtlspin/decision.h>
#include <mtlspin/pin.h>
#include <stdbool.h>

enum { MTLSPIN__CHAIN_MAX = 18 }; /* certificates: the peer's, at most 16 intermediates, the anchor */

/* The keys under which rules name one certificate. A zeroed flag means: no rule of that kind can match. */
struct mtlspin__certificate_keys {
    uint8_t spki[32];
    uint8_t serial[32];        /* digest of the serial number alone */
    uint8_t issued_serial[32]; /* digest of the serial number and the verified issuer's SPKI */
    bool has_issuer;
};

/* A subject alternative name as the key of its rule. */
struct mtlspin__name {
    enum mtlspin_kind kind;
    uint8_t key[32];
};

struct mtlspin__evidence {
    bool complete;  /* the digests below could be made */
    bool malformed; /* a name or number with which one certificate can pass for another */
    bool is_ca;     /* the leaf says CA:TRUE */
    bool has_thumbprint;
    uint8_t thumbprint[32];
    bool examined;  /* its names are clean, or it is malformed */
    bool listed;    /* those of them that rules can have are the following */
    struct mtlspin__name *names;
    size_t name_count, uri_count;

    /* The chain as it was verified under the domain that is being tried; [0] is the leaf, whose issuer only the chain
       tells. The leaf's other keys are valid before any chain is. */
    bool verified; /* path validation succeeded without any error left over */
    enum mtlspin_reason chain_reason; /* why it did not */
    struct mtlspin__certificate_keys chain[MTLSPIN__CHAIN_MAX];
    size_t chain_count;
    uint8_t anchor[16]; /* what the chain ends in, with its trust settings (certificate.h) */
    int64_t not_after; /* the last second in which no certificate of the chain has expired */
};

#endif
