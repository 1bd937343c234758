/* Lines that begin with `allow` or `deny`. */
#ifndef MTLSPIN_LIB_POLICY_RULE_H
#define MTLSPIN_LIB_POLICY_RULE_H

#include "policy_parser.h"

enum mtlspin_status mtlspin__parser_allow(struct mtlspin__parser *p);
enum mtlspin_status mtlspin__parser_deny(struct mtlspin__parser *p);

#endif
