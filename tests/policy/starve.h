/* Allocations that fail when a test wants them to: the library's own (the linker wraps malloc and its kin) and OpenSSL's
   (CRYPTO_set_mem_functions). */
#ifndef TESTS_POLICY_STARVE_H
#define TESTS_POLICY_STARVE_H

#include <stdbool.h>
#include <stddef.h>

enum starve_whom { STARVE_NOBODY, STARVE_LIBRARY, STARVE_OPENSSL };

/* Before OpenSSL's first allocation. false if it is too late. */
bool starve_init(void);

/* From now on the n-th allocation (1 = the next) of `whom` fails, and with `all` every later one. */
void starve_begin(enum starve_whom whom, size_t n, bool all);

/* The same, with `length` failures in a row. */
void starve_begin_window(enum starve_whom whom, size_t n, size_t length);

struct starve_report {
    size_t library, openssl;           /* allocations since starve_begin */
    size_t failed;
    long library_left, openssl_left;   /* allocated since, and not freed; below 0 if something older was freed */
};

/* Back to normal. */
struct starve_report starve_end(void);

#endif
