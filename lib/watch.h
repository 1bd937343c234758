/* Files that are looked at again and again, until they have changed and come to rest. */
#ifndef MTLSPIN_LIB_WATCH_H
#define MTLSPIN_LIB_WATCH_H

#include "wakeup.h"
#include <sys/types.h>

struct mtlspin__watch {
    pid_t owner;
    struct mtlspin__wakeup wakeup;
    struct mtlspin__sources base; /* as the policy in force was read, or as a reload failed */
    struct mtlspin__sources seen; /* at the last look, where it differs from that */
    bool differs, lost;           /* lost: inotify listens in the wrong places */
    int64_t since;                /* when `seen` was seen first; milliseconds of the monotonic clock */
    int64_t retry, patience;      /* when to try again though nothing has changed, and how long that took; 0 = not at all */
    bool following;
    uint64_t generation, failures; /* of the verifier, that `base` is of */
};

/* For this process; NULL if out of memory. */
struct mtlspin__watch *mtlspin__watch_new(void);

/* Takes over `base`. `retry`: it could not be read, which may pass without a change of a file. */
void mtlspin__watch_follow(struct mtlspin__watch *watch, struct mtlspin__sources *base, bool retry);

/* Nothing to look at. */
void mtlspin__watch_rest(struct mtlspin__watch *watch);

/* 1 = changed and at rest, 0 = not yet, -1 = out of memory. */
int mtlspin__watch_look(struct mtlspin__watch *watch);

void mtlspin__watch_free(struct mtlspin__watch *watch);

#endif
