/* The certificates that the peer would present. */
#ifndef MTLSPIN_TOOLS_PRESENTED_H
#define MTLSPIN_TOOLS_PRESENTED_H

#include <openssl/x509.h>
#include <stdbool.h>

struct presented {
    X509 *leaf;           /* the peer's own */
    STACK_OF(X509) *sent; /* what comes with it */
};

/* Reads them: PEM or DER, "-" is standard input; the first certificate of `path` is the peer's own. `more` may be NULL. On
   false trouble() has said what is wrong. Release with presented_clear in any case. */
bool presented_read(struct presented *presented, const char *command, const char *path, const char *more);

void presented_clear(struct presented *presented);

#endif
