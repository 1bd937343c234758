/* The TLS alert that a refused peer receives. */
#ifndef MTLSPIN_TOOLS_ALERT_H
#define MTLSPIN_TOOLS_ALERT_H

#include <mtlspin/decision.h>

struct alert {
    int number;       /* RFC 8446, 6; 0 = none: the peer is let in */
    const char *name; /* "bad_certificate"; "" = none */
};

/* The alert for what path validation ends with (X509_V_…). TLS 1.2 and 1.3 differ only where no certificate comes at
   all. */
struct alert alert_of_error(int x509_error);

/* The alert for a decision about a certificate. */
struct alert alert_of(const struct mtlspin_decision *decision);

#endif
