/* The rows of the matrix in test_ticket_matrix.c. */
#ifndef TESTS_RESUMPTION_ROWS_H
#define TESTS_RESUMPTION_ROWS_H

#include "ticket_rig.h"

#define CA "ca @pki@/root-ca.pem\n"
#define ALICE "allow spki @spki:alice@ alice\n"
#define MEMBERS CA ALICE "allow spki @spki:kiosk@ kiosk\n"
#define NOBODY "nobody" /* a client without a certificate */

struct row {
    const char *name;
    const char *before, *after;   /* policies; NULL = MEMBERS, or after: the same. @soon@ and @later@ are dates */
    const char *first, *second;   /* the client at the first and at the later visits; NULL = alice */
    const char *sni[2];           /* at the first and at the later visits; NULL = none */
    bool at_end;                  /* the clock starts an hour before alice's certificate ends, not now */
    long later;                   /* seconds from visit to visit */
    int returns;                  /* visits after the first; 0 = 1. All but the last resume */
    void (*set_up)(struct rig *); /* what the program does to each server */
    void (*at_first)(struct rig *); /* and to the first server alone */
    void (*change)(struct rig *); /* and to the server before the last visit */
    const char *outcome;          /* of the last visit, as ticket_outcome tells it */
    const char *elsewhere;        /* at another server; NULL = the same */
    const char *stateful;         /* with a session cache; NULL = the same, but a full handshake */
};

extern const struct row resumption_rows[];
extern const size_t resumption_row_count;

#endif
