/* The host that a server must prove to be: exactly one host name or IP address. */
#ifndef MTLSPIN_LIB_HOST_H
#define MTLSPIN_LIB_HOST_H

#include "name.h"
#include <mtlspin/codes.h>
#include <openssl/types.h>

/* Writes what the application has set for the connection, else the SNI that it sends, in normal form (name.h). A reason
   other than MTLSPIN_REASON_NONE if there is nothing to use, or several; then `host` is "". */
enum mtlspin_reason mtlspin__host_of(SSL *ssl, char host[MTLSPIN__HOST_SIZE]);

/* Makes `host` (normal) the one that path validation demands. */
bool mtlspin__host_demand(X509_VERIFY_PARAM *param, const char *host);

#endif
