/* Names out of subject alternative names, in the one spelling under which they are compared (RFC 5280, 4.2.1.6 and 7). */
#ifndef MTLSPIN_LIB_NAME_H
#define MTLSPIN_LIB_NAME_H

#include <mtlspin/pin.h>
#include <stdbool.h>

enum { MTLSPIN__NAME_SIZE = 2049, MTLSPIN__HOST_SIZE = 256 }; /* with the terminator; 2048 is SPIFFE's longest ID */

/* Writes the comparable form of a name of MTLSPIN_EMAIL, MTLSPIN_URI or MTLSPIN_DNS: ASCII letters in lower case where
   case does not count (the host of an address, scheme and host of a URI, a whole DNS name). false if it is no such name,
   too long, or holds a zero byte or a byte outside printable ASCII. */
bool mtlspin__name_normal(enum mtlspin_kind kind, const char *name, size_t length, char normal[MTLSPIN__NAME_SIZE]);

/* Whether a normal URI is a SPIFFE ID. */
bool mtlspin__name_is_spiffe(const char *normal_uri);

/* A host name (lower case, no trailing dot) or IP address (canonical text), or with `pattern` also "*.example.com".
   false if it is none. */
bool mtlspin__host_normal(const char *host, bool pattern, char normal[MTLSPIN__HOST_SIZE]);

/* Whether the host (normal) is the pattern's (normal). */
bool mtlspin__host_matches(const char *pattern, const char *host);

/* Whether a normal host is an IP address. */
bool mtlspin__host_is_address(const char *host);

#endif
