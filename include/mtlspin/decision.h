/* What was decided about a peer, by value.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_DECISION_H
#define MTLSPIN_DECISION_H

#include <mtlspin/codes.h>
#include <stddef.h>
#include <stdint.h>

enum { MTLSPIN_LABEL_SIZE = 128, MTLSPIN_DOMAIN_SIZE = 64 }; /* bytes with the terminator */

/* Deny is zero: a zeroed decision refuses. Since: 0.1.0 */
enum mtlspin_verdict { MTLSPIN_DENY = 0, MTLSPIN_ALLOW = 1 };

/* Which side we are on. Since: 0.1.0 */
enum mtlspin_role {
    MTLSPIN_ROLE_NONE = 0,
    MTLSPIN_SERVER = 1, /* we are the server and judge a client */
    MTLSPIN_CLIENT = 2  /* we are the client and judge a server */
};

/* A decision. Text is UTF-8 without control characters, always terminated. Start from MTLSPIN_DECISION_INIT.
   Threads: a plain value. Since: 0.1.0 */
struct mtlspin_decision {
    size_t size; /* sizeof(struct mtlspin_decision), set by MTLSPIN_DECISION_INIT; with another size nothing is written
                    and the verdict is MTLSPIN_DENY */
    enum mtlspin_verdict verdict;
    enum mtlspin_reason reason;
    int x509_error;       /* X509_V_OK or what path validation said (X509_verify_cert_error_string); under MTLSPIN_ALLOW
                             always X509_V_OK */
    int x509_depth;       /* the certificate it is about: 0 = the peer's own */
    unsigned line;        /* of the rule that decided or came near: line of the policy file, or for a policy built in code
                             the number of the rule, 1 = first; 0 = none */
    uint64_t generation;  /* of the verifier's policy; 0 without a verifier */
    int64_t valid_until;  /* MTLSPIN_ALLOW: last second (Unix time) in which this holds; else 0 */
    char label[MTLSPIN_LABEL_SIZE];      /* the peer's name by the rule that allows it; "" under MTLSPIN_DENY, or if that
                                            rule has no label */
    char rule_label[MTLSPIN_LABEL_SIZE]; /* the label of the rule at `line`, whatever was decided */
    char domain[MTLSPIN_DOMAIN_SIZE];    /* the trust domain that decided; "" is the unnamed one */
};

#ifdef __cplusplus
#define MTLSPIN_DECISION_INIT                                                                                     \
    { sizeof(struct mtlspin_decision), MTLSPIN_DENY, MTLSPIN_REASON_NONE, 0, 0, 0, 0, 0, { 0 }, { 0 }, { 0 } }
#else
#define MTLSPIN_DECISION_INIT { .size = sizeof(struct mtlspin_decision) }
#endif

#endif
