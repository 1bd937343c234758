/* A folder for one test program, in which revocation lists lie that a policy names without a path. */
#ifndef TESTS_LISTS_H
#define TESTS_LISTS_H

#include "made_crl.h"
#include <stddef.h>

/* Makes the folder, and makes it the current directory; removes it with the files in it. Unchecked fixtures. */
void lists_enter(void);
void lists_leave(void);

void lists_write(const struct crl_recipe *recipes, size_t count, int64_t now);

#endif
