#ifndef TESTS_BENCH_SWEEP_TABLE_H
#define TESTS_BENCH_SWEEP_TABLE_H

#include <stddef.h>

/* Prints the table, and returns what main returns. */
int sweep_table(size_t connections, size_t shakes);

#endif
