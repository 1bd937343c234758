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
    bool symlink; /* not read itself: it stands on the way to the next file of the list */
};

/* In the order of reading; a directory stands before the files in it. Zeroed it is empty. */
struct mtlspin__sources {
    struct mtlspin__source *list;
    size_t count;
    struct mtlspin__sources *also; /* gets every note, too, and outlives a load that fails; NULL = none */
};

/* Notes the state in which `path` (copied) is being read, and the symlinks that lead to it. false if out of memory. */
bool mtlspin__sources_note(struct mtlspin__sources *sources, const char *path, const struct stat *info);

/* The same with the state in which `path` is now, even if it is not there. */
bool mtlspin__sources_note_now(struct mtlspin__sources *sources, const char *path);

/* Adds the notes of `sources` to `to`. false if out of memory. */
bool mtlspin__sources_copy(const struct mtlspin__sources *sources, struct mtlspin__sources *to);

/* Notes in `now`, which is cleared first, what the files of `sources` look like now. false if out of memory. */
bool mtlspin__sources_survey(const struct mtlspin__sources *sources, struct mtlspin__sources *now);

/* Whether every file still is as it was read. Allocates nothing. */
bool mtlspin__sources_hold(const struct mtlspin__sources *sources);

/* Whether a file was changed from `from` to `until` (of CLOCK_REALTIME, in nanoseconds), or so shortly before that a
   further change might not have shown in its times. A time that lies ahead is another machine's and says nothing here. */
bool mtlspin__sources_recent(const struct mtlspin__sources *sources, int64_t from, int64_t until);

/* Empties it; `also` is left alone. */
void mtlspin__sources_clear(struct mtlspin__sources *sources);

#endif
