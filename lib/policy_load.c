/* Policies from a file and from memory. */
#include "policy_load.h"
#include "error.h"
#include "policy.h"
#include "policy_file.h"
#include <limits.h>
#include <string.h>
#include <time.h>

enum { ATTEMPTS = 8, PAUSE = 25 }; /* to find the files of a policy at rest; milliseconds */

/* Parses the lines and closes them. */
static struct mtlspin_policy *
parse_lines(struct mtlspin__lines *lines, const char *name, struct mtlspin__sources *sources,
    const struct mtlspin_scan *scan, struct mtlspin_error *error)
{
    struct mtlspin_policy *policy = mtlspin__policy_parse(lines, name, sources, scan, error);
    if (mtlspin__lines_close(lines, error))
        return policy;
    mtlspin_policy_unref(policy);
    return NULL;
}

/* `tried` gets what was read, also where it is no policy. */
static struct mtlspin_policy *
load_once(const char *path, struct mtlspin__sources *tried, const struct mtlspin_scan *scan, struct mtlspin_error *error)
{
    struct mtlspin__sources sources = { .also = tried };
    struct mtlspin_policy *policy = NULL;
    struct mtlspin__lines lines;
    if (mtlspin__lines_open(&lines, path, &sources, error))
        policy = parse_lines(&lines, path, &sources, scan, error);
    else if (tried->count == 0)
        (void)mtlspin__sources_note_now(tried, path); /* what cannot be opened may come back */
    mtlspin__sources_clear(&sources);
    if (policy == NULL)
        return NULL;
    policy->sources.also = NULL;
    policy->path = strdup(path);
    if (policy->path != NULL)
        return policy;
    mtlspin_policy_unref(policy);
    (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    return NULL;
}

static int64_t
wall_clock(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
tell_start(const struct mtlspin_scan *scan)
{
    if (scan != NULL && scan->start != NULL)
        scan->start(scan->context);
}

static void
tell_files(const struct mtlspin_scan *scan, const struct mtlspin__sources *tried)
{
    for (size_t i = 0; scan != NULL && scan->file != NULL && i < tried->count; i++)
        if (!tried->list[i].symlink && tried->list[i].look.there)
            scan->file(scan->context, tried->list[i].path);
}

/* The time at which reading may begin: a file that was changed just now could change again without its times telling. */
static int64_t
begin(const struct mtlspin__sources *known)
{
    static const struct timespec pause = { 0, PAUSE * 1000000L };
    int64_t now = wall_clock();
    if (!mtlspin__sources_recent(known, now, now))
        return now;
    (void)nanosleep(&pause, NULL);
    return wall_clock();
}

/* Files that were exchanged while they were being read may not belong together (Kubernetes swaps whole directories). So
   what was read counts only if all of it was at rest from before the first byte until after the last. */
struct mtlspin_policy *
mtlspin__policy_load(const char *path, struct mtlspin__sources *tried, const struct mtlspin_scan *scan,
    struct mtlspin_error *error)
{
    (void)mtlspin__sources_note_now(tried, path);
    for (int i = 0; i < ATTEMPTS; i++) {
        int64_t begun = begin(tried);
        mtlspin__sources_clear(tried);
        mtlspin__error_clear(error);
        tell_start(scan);
        struct mtlspin_policy *policy = load_once(path, tried, scan, error);
        if (!mtlspin__sources_recent(tried, begun, wall_clock()) && mtlspin__sources_hold(tried))
            return policy;
        mtlspin_policy_unref(policy);
    }
    tell_start(scan); /* nothing of what was told counts */
    mtlspin__error_clear(error);
    (void)mtlspin__fail(error, MTLSPIN_ERR_FILE, "%s: its files change while they are read; try again", path);
    return NULL;
}

static struct mtlspin_policy *
load(const char *path, const struct mtlspin_scan *scan, struct mtlspin_error *error)
{
    struct mtlspin__sources tried = { 0 };
    if (path == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no path");
        return NULL;
    }
    struct mtlspin_policy *policy = mtlspin__policy_load(path, &tried, scan, error);
    tell_files(scan, &tried);
    mtlspin__sources_clear(&tried);
    return policy;
}

static struct mtlspin_policy *
parse(const void *text, size_t length, const char *name, const struct mtlspin_scan *scan, struct mtlspin_error *error)
{
    struct mtlspin__sources tried = { 0 }, sources = { .also = &tried };
    struct mtlspin__lines lines;
    if (text == NULL || length >= INT_MAX || !mtlspin__lines_of(&lines, text, length)) {
        (void)mtlspin__fail(error, text == NULL ? MTLSPIN_ERR_ARGUMENT : MTLSPIN_ERR_MEMORY,
            "no text, or no memory for it");
        return NULL;
    }
    tell_start(scan);
    struct mtlspin_policy *policy = parse_lines(&lines, name != NULL ? name : "policy", &sources, scan, error);
    if (policy != NULL)
        policy->sources.also = NULL;
    tell_files(scan, &tried);
    mtlspin__sources_clear(&tried);
    return policy;
}

struct mtlspin_policy *
mtlspin_policy_load(const char *path, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    return load(path, NULL, error);
}

struct mtlspin_policy *
mtlspin_policy_parse(const void *text, size_t length, const char *name, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    return parse(text, length, name, NULL, error);
}

/* Reading on behind mistakes needs an error to hand on, whether or not the caller wants one. */

static bool
is_scan(const struct mtlspin_scan *scan, struct mtlspin_error *found)
{
    if (scan != NULL && scan->size == sizeof *scan)
        return true;
    (void)mtlspin__fail(found, MTLSPIN_ERR_ARGUMENT, "start the scan from MTLSPIN_SCAN_INIT");
    return false;
}

struct mtlspin_policy *
mtlspin_policy_scan(const char *path, const struct mtlspin_scan *scan, struct mtlspin_error *error)
{
    struct mtlspin_error found = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = is_scan(scan, &found) ? load(path, scan, &found) : NULL;
    (void)mtlspin__error_pass(error, &found, found.code);
    return policy;
}

struct mtlspin_policy *
mtlspin_policy_scan_text(const void *text, size_t length, const char *name, const struct mtlspin_scan *scan,
    struct mtlspin_error *error)
{
    struct mtlspin_error found = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = is_scan(scan, &found) ? parse(text, length, name, scan, &found) : NULL;
    (void)mtlspin__error_pass(error, &found, found.code);
    return policy;
}
