/* The policy file's text. */
#ifndef MTLSPIN_LIB_POLICY_FILE_H
#define MTLSPIN_LIB_POLICY_FILE_H

#include "lines.h"
#include <mtlspin/scan.h>

/* Parses all lines. `name` stands for the file in messages, and paths are relative to its directory. `sources`, where the
   text is from, go over to the policy. `scan` is NULL, or wants to be told. A new reference, or NULL; nothing is said in
   `error` of lines that cannot be read, which is for mtlspin__lines_close to do. */
struct mtlspin_policy *mtlspin__policy_parse(struct mtlspin__lines *lines, const char *name,
    struct mtlspin__sources *sources, const struct mtlspin_scan *scan, struct mtlspin_error *error);

#endif
