/* The watch of a verifier, as others see it. */
#ifndef MTLSPIN_LIB_WATCH_DUE_H
#define MTLSPIN_LIB_WATCH_DUE_H

#include "verifier.h"

/* Another policy is in force, or was not to be had: the watch has new files to follow. From any thread. */
void mtlspin__watch_wake(struct mtlspin_verifier *verifier);

/* mtlspin_verifier_watch_fd; without `files` as where inotify is not to be had. */
int mtlspin__watch_open(struct mtlspin_verifier *verifier, bool files, struct mtlspin_error *error);

#endif
