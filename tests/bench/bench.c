#include "bench.h"
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

_Noreturn void
die(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

void
figure(double value, const char *unit, const char *name, ...)
{
    va_list rest;
    va_start(rest, name);
    (void)vprintf(name, rest);
    va_end(rest);
    if (printf("\t%.6g\t%s\n", value, unit) < 0 || fflush(stdout) != 0)
        die("the figure cannot be written");
}

size_t
number(int argc, char **argv, int index, size_t otherwise)
{
    char *end = NULL;
    if (index >= argc)
        return otherwise;
    unsigned long long value = strtoull(argv[index], &end, 10);
    if (end == argv[index] || *end != '\0' || value == 0 || argv[index][0] == '-')
        die("a number above zero is wanted; see the top of the source");
    return (size_t)value;
}

static double
read_clock(clockid_t clock)
{
    struct timespec now = { 0 };
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double
nanoseconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double
processor_nanoseconds(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int
compare(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

double
quantile(double *values, size_t count, double part)
{
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)((double)(count - 1) * part)];
}

double
median(double *values, size_t count)
{
    return quantile(values, count, 0.5);
}

void *
room(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        die("out of memory");
    return memory;
}

uint64_t
draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}
