/* Revocation lists as the decision sees them: dates, serial numbers, and whose they are. */
#ifndef MTLSPIN_LIB_REVOCATION_H
#define MTLSPIN_LIB_REVOCATION_H

#include <mtlspin/codes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mtlspin__crl_origin; /* crl.c: what is needed to find out whose a list is */

/* SHA-256 of a key identifier. */
struct mtlspin__key_id {
    bool given;
    uint8_t digest[32];
};

/* One list. All but the last four members stay as they were made. */
struct mtlspin__crl {
    int64_t this_update, next_update; /* the first and the last second in which it is current */
    uint8_t (*serials)[32];           /* keys of the revoked serial numbers (rule_key.h, without an issuer), sorted */
    size_t count;
    uint8_t digest[32]; /* of the whole list */
    size_t group;       /* number of the first list that names the same issuer */
    unsigned line;      /* of the policy that names it; 0 = none */
    struct mtlspin__key_id names; /* the key that it says to be signed by */

    atomic_bool known;  /* the key with the digest `issuer` has signed the list; once true, it stays */
    uint8_t issuer[32]; /* SHA-256 of the SPKI; written before `known` becomes true, and never again */
    struct mtlspin__key_id signer; /* how that key's certificate calls it; as `issuer` */
    struct mtlspin__crl_origin *origin;
};

/* The lists of one domain. Their order decides nothing. */
struct mtlspin__crls {
    struct mtlspin__crl **list;
    size_t count;
    atomic_size_t unknown; /* how many lists are not known yet */
    atomic_bool doubtful;  /* what another policy's lists know could not be made use of */
    void *lock;            /* crl.c: one thread at a time finds out */
};

/* What the lists say of one certificate. */
struct mtlspin__revocation_answer {
    enum mtlspin_reason reason; /* NONE = not revoked; else REVOKED or REVOCATION_… */
    int64_t good_until;         /* not revoked: the last second for which that can be said now */
    enum mtlspin_reason expiry; /* what is to be expected after it */
};

/* Asks the lists signed by the issuer's key about a serial number. The newest of those that are current counts, else the
   newest of those that have expired; `grace`: seconds for which an expired one will do. What a list does not yet say at
   `now` counts for nothing, what one has said after the list that counts was issued still revokes.

   One key may have several names: a CA is renamed, and it is not known here under which of them it issued the
   certificate. Lists of one name do not stand in for those of another: each name is asked for itself, and every one of
   them may revoke. Only that a name's lists have all expired is no obstacle while another name has a good one.

   REVOCATION_SIGNATURE: a list would count if it were by this key, as it says, and that is not known. */
struct mtlspin__revocation_answer mtlspin__revocation_ask(const struct mtlspin__crls *crls, const uint8_t issuer[32],
    const uint8_t serial[32], int64_t grace, int64_t now);

/* Whether it is known that this key has signed the list. */
bool mtlspin__crl_is_of(struct mtlspin__crl *list, const uint8_t issuer[32]);

/* The first expiry (next_update, which may have passed) among the lists that count at `now`, or INT64_MAX. `crls` may be
   NULL. */
int64_t mtlspin__crls_next_expiry(const struct mtlspin__crls *crls, int64_t now);

#endif
