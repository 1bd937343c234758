/* What every measurement here needs: a clock, the middle of many values, numbers by chance, and lines of figures. */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* Ends the program with a message, so that what did not work gives no figure. */
_Noreturn void die(const char *what);

/* A line of standard output, where nothing else may go: NAME, value and unit between tabs. */
void figure(double value, const char *unit, const char *name, ...) __attribute__((format(printf, 3, 4)));

/* Argument `index` as a number above zero, or what there is to be without it. */
size_t number(int argc, char **argv, int index, size_t otherwise);

/* Monotonic time; and the processor's, which this thread has used. */
double nanoseconds(void);
double processor_nanoseconds(void);

/* The value below which so large a part of all lies; sorts them. */
double quantile(double *values, size_t count, double part);
double median(double *values, size_t count);

/* Zeroed memory. */
void *room(size_t count, size_t size);

/* The next of a row of numbers that is the same each time (splitmix64). */
uint64_t draw(uint64_t *state);

#endif
