/* Policies as texts with places to fill in, since the certificates are new in every build folder. */
#ifndef TESTS_POLICY_TEXT_H
#define TESTS_POLICY_TEXT_H

#include <mtlspin/mtlspin.h>

/* Replaces @pki@ by the folder of the certificates, and @spki:NAME@, @thumbprint:NAME@, @serial:NAME@ by that pin of
   NAME.pem. free() the result. */
char *policy_text(const char *text);

/* The policy of such a text; the test fails if it is refused. */
struct mtlspin_policy *policy_of(const char *text);

#endif
