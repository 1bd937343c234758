/* The descriptor that tells an event loop when to look at files again. */
#ifndef MTLSPIN_LIB_WAKEUP_H
#define MTLSPIN_LIB_WAKEUP_H

#include "sources.h"

/* MTLSPIN__NO_WAKEUP is what one has that is not open; every call but open does nothing with it. */
struct mtlspin__wakeup {
    int epoll;   /* holds the other two: readable when one of them is */
    int inotify; /* -1 = none to be had: the timer must do */
    int timer;
    bool files; /* whether inotify is wanted at all: tests do without */
};
#define MTLSPIN__NO_WAKEUP { -1, -1, -1, true }

enum { MTLSPIN__NEVER = -1 };

/* 0, or an errno; ENOSYS where the system has no such thing. */
int mtlspin__wakeup_open(struct mtlspin__wakeup *wakeup);

/* Listens to what happens on the way to these files and in the directories that hold them. */
void mtlspin__wakeup_listen(struct mtlspin__wakeup *wakeup, const struct mtlspin__sources *sources);

/* Takes off what has come. `heard`: something happened to a file; `lost`: listen again. */
void mtlspin__wakeup_drain(const struct mtlspin__wakeup *wakeup, bool *heard, bool *lost);

/* When to wake next: after so many milliseconds (MTLSPIN__NEVER), and, with `files`, as soon as a file changes. */
void mtlspin__wakeup_set(const struct mtlspin__wakeup *wakeup, int64_t milliseconds, bool files);

/* At once; from any thread. */
void mtlspin__wakeup_now(const struct mtlspin__wakeup *wakeup);

void mtlspin__wakeup_close(struct mtlspin__wakeup *wakeup);

#endif
