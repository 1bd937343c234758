/* The tables of handshakes: cases.txt, where we are the server, and client_cases.txt, where we are the client. */
#ifndef TESTS_CASE_FILE_H
#define TESTS_CASE_FILE_H

#include <mtlspin/decision.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a client learns which host its server must prove to be. */
enum case_way { CASE_NO_HOST, CASE_HOST, CASE_PARAM, CASE_SNI };

struct handshake_case {
    const char *file; /* name of the table */
    int line;
    const char *policy; /* text */
    int64_t now;        /* 0 = the system's time */
    char chain[64], key[64]; /* of the peer: file names without suffix; "" = no certificate */
    bool allow;
    char reason[2][24]; /* of TLS 1.2 and 1.3 */
    int alert[2];       /* that the peer receives; -1 = none */
    char label[64];     /* "" = none */

    /* client_cases.txt alone */
    enum case_way way;
    char host[80];      /* as it is set */
    char host_told[80]; /* as the audit hook gets it */
    char peername[64];  /* "" = none */
};

/* All cases of one table; kept until the program ends. The program exits if the file cannot be understood. */
const struct handshake_case *handshake_cases(size_t *count);
const struct handshake_case *client_cases(size_t *count);

/* The test fails if the decision is not the case's. `version` is 0 for TLS 1.2, 1 for TLS 1.3. */
void case_check(const struct handshake_case *c, size_t version, enum mtlspin_verdict verdict,
    const struct mtlspin_decision *decision);

#endif
