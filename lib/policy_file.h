/* The policy file's text. */
#ifndef MTLSPIN_LIB_POLICY_FILE_H
#define MTLSPIN_LIB_POLICY_FILE_H

#include "sources.h"
#include <mtlspin/scan.h>

/* Parses text[0..length), which is taken apart in place; text[length] must be writable. `name` stands for the file in
   messages, and paths are relative to its directory. `sources`, where the text is from, go over to the policy. `scan` is
   NULL, or wants to be told. A new reference, or NULL. */
struct mtlspin_policy *mtlspin__policy_parse(char *text, size_t length, const char *name, struct mtlspin__sources *sources,
    const struct mtlspin_scan *scan, struct mtlspin_error *error);

#endif
