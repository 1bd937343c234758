/* What loading a policy costs, and keeping it.

     bench-load NAME POLICY [LOADS]       (5 loads)

     load-NAME        the middle one of so many loads, after one that does not count
     rule-bytes/NAME  of malloc's memory, for each rule, while the policy is there
     load-peak/NAME   the most that a load adds to a program's resident memory, the file's text included
     load-kept/NAME   what it adds for good
     reload-peak/NAME the most that a second load beside the first takes, the first included, divided by load-kept */
#include "bench.h"
#include <malloc.h>
#include <mtlspin/mtlspin.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mtlspin_policy *
load(const char *path)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    if (policy == NULL)
        die(error.message);
    return policy;
}

static double
time_load(const char *path)
{
    double start = nanoseconds();
    struct mtlspin_policy *policy = load(path);
    double taken = nanoseconds() - start;
    mtlspin_policy_unref(policy);
    return taken;
}

static double
allocated(void)
{
    (void)malloc_trim(0);
    struct mallinfo2 info = mallinfo2();
    return (double)info.uordblks + (double)info.hblkhd;
}

/* Resident memory in bytes: now, and at its highest. */
struct resident {
    double now, peak;
};

static struct resident
resident(void)
{
    struct resident found;
    struct rusage usage;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1 || getrusage(RUSAGE_SELF, &usage) != 0)
        die("how much memory this is cannot be told");
    (void)fclose(file);
    found.now = (double)pages * (double)sysconf(_SC_PAGESIZE);
    found.peak = (double)usage.ru_maxrss * 1024;
    return found;
}

/* In a process of its own, which has not used any memory before. */
static _Noreturn void
measure_memory(const char *name, const char *path)
{
    double free_before = allocated();
    struct resident before = resident();
    struct mtlspin_policy *policy = load(path);
    struct resident most = resident();
    double kept = allocated() - free_before;
    struct resident after = resident();
    if (kept <= 0) { /* a sanitizer's malloc */
        printf("rule-bytes/%s\t-\tskipped: this malloc does not tell what it has handed out\n", name);
        exit(0);
    }
    if (after.now - before.now > kept * 1.25 + (16 << 20))
        die("the policy is kept in memory of which malloc does not tell");
    figure(kept / (double)mtlspin_policy_count_allow(policy, MTLSPIN_KIND_NONE), "bytes", "rule-bytes/%s", name);
    figure((most.peak - before.now) / (1 << 20), "MiB", "load-peak/%s", name);
    figure((after.now - before.now) / (1 << 20), "MiB", "load-kept/%s", name);
    mtlspin_policy_unref(load(path));
    figure((resident().peak - before.now) / (after.now - before.now), "ratio", "reload-peak/%s", name);
    mtlspin_policy_unref(policy);
    _exit(0);
}

static void
measure_times(const char *name, const char *path, size_t count)
{
    double *times = room(count, sizeof *times);
    (void)time_load(path);
    for (size_t i = 0; i < count; i++)
        times[i] = time_load(path);
    figure(median(times, count) / 1e9, "s", "load-%s", name);
    free(times);
}

int
main(int argc, char **argv)
{
    int status = 0;
    if (argc < 3)
        die("usage: bench-load NAME POLICY [LOADS]");
    pid_t child = fork();
    if (child == 0)
        measure_memory(argv[1], argv[2]);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        die("the load in a process of its own has failed");
    measure_times(argv[1], argv[2], number(argc, argv, 3, 5));
    return 0;
}
