/* Policies from a file, and the files that were read even if they are no policy. */
#ifndef MTLSPIN_LIB_POLICY_LOAD_H
#define MTLSPIN_LIB_POLICY_LOAD_H

#include "sources.h"
#include <mtlspin/scan.h>

/* mtlspin_policy_load that says in `tried`, empty before, what the last attempt has read: to be cleared, whatever comes of
   it. `scan` is NULL, or wants to be told. */
struct mtlspin_policy *mtlspin__policy_load(const char *path, struct mtlspin__sources *tried,
    const struct mtlspin_scan *scan, struct mtlspin_error *error);

#endif
