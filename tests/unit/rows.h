/* Tables of cases. */
#ifndef TESTS_ROWS_H
#define TESTS_ROWS_H

/* How many rows a table has, as the end of tcase_add_loop_test. */
#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

#endif
