/* Whom a policy lets in. */
#ifndef TESTS_POLICY_GRANTS_H
#define TESTS_POLICY_GRANTS_H

#include <mtlspin/mtlspin.h>
#include <stdbool.h>

enum { GRANTS_SIZE = 8192 };

/* Asks the policy about everybody the tests know, and writes a line "NAME as LABEL" for each whom it lets in ("NAME
   reported as LABEL" if no rule does). Servers are asked about under several hosts, where the policy has `host` domains:
   then a line starts with "NAME@HOST". No label is "-". */
void grants_list(struct mtlspin_policy *policy, bool hosts, char grants[GRANTS_SIZE]);

/* Whether the policy's text has `host` lines. */
bool grants_has_hosts(const char *text);

/* The first line of `part` that lets in somebody whom `whole` does not, or under another label; NULL = there is none. Who
   is only reported may have any label in the whole. Static text. */
const char *grants_beyond(const char *part, const char *whole);

#endif
