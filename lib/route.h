/* The directories and symlinks that lead to a file. */
#ifndef MTLSPIN_LIB_ROUTE_H
#define MTLSPIN_LIB_ROUTE_H

#include <stdbool.h>

enum mtlspin__step {
    MTLSPIN__STEP_DIRECTORY, /* passed through */
    MTLSPIN__STEP_SYMLINK,   /* followed */
    MTLSPIN__STEP_END        /* the file or directory itself, or what is not there */
};

/* `path` stands in `directory`; neither has a symlink on its way. Valid during the call. false ends the walk. */
typedef bool mtlspin__step_visit(void *user, enum mtlspin__step step, const char *directory, const char *path);

/* Goes the way that the kernel goes, and calls `visit` at each step. Returns false if a visit did. */
bool mtlspin__route_walk(const char *path, mtlspin__step_visit *visit, void *user);

#endif
