/* Running a suite of Check tests. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>

/* Runs the suite, prints Check's closing lines, and returns main's exit status. The suite must have tests. */
int run_suite(Suite *suite);

#endif
