/* The files that a policy was read from, and what they looked like. */
#ifndef MTLSPIN_LIB_SOURCES_H
#define MTLSPIN_LIB_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* What tells two states of a file apart without reading it. */
struct mtlspin__look {
    uint64_t device, inode, size;
    int64_t modified, changed; /* nanoseconds */
    bool there;
};

struct mtlspin__source {
    char *path;
    struct mtlspin__look look;
};

/* In the order of reading; a directory stands before the files in it. Zeroed it is empty. */
struct mtlspin__sources {
    struct mtlspin__source *list;
    size_t count;
};

/* Notes the state in which `path` (copied) is being read. false if out of memory. */
bool mtlspin__sources_note(struct mtlspin__sources *sources, const char *path, const struct stat *info);

/* What `path` looks like now; a file that is not there has a look of its own. */
struct mtlspin__look mtlspin__look_at(const char *path);
bool mtlspin__look_equal(const struct mtlspin__look *a, const struct mtlspin__look *b);

/* Whether every file still is as it was read. */
bool mtlspin__sources_hold(const struct mtlspin__sources *sources);

void mtlspin__sources_clear(struct mtlspin__sources *sources);

#endif
