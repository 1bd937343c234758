/* A program that watches its policy, and the files that it watches. */
#ifndef TESTS_WATCHER_H
#define TESTS_WATCHER_H

#include <mtlspin/mtlspin.h>

#define POLICY "conf/clients.policy"
#define BEFORE "ca ca.pem\nca more\nallow spki @spki:alice@ before\n"
#define AFTER "ca ca.pem\nca more\nallow spki @spki:alice@ before\nallow spki @spki:kiosk@ after\n"

/* What wakes it up. The timer takes its time, and gets fewer tests. */
enum way { INOTIFY, BY_HAND, TIMER, WAYS };

/* Times that the last wait has called mtlspin_verifier_watch_due. */
extern int watcher_wakeups;

int64_t watcher_clock(void); /* milliseconds */

/* conf with the policy BEFORE, its CA, and more, a directory of CAs. */
void watcher_tree(void);

struct mtlspin_verifier *watcher_verifier(const char *path);
void watcher_set_file(struct mtlspin_verifier *verifier, const char *path);

/* The descriptor, or -1. */
int watcher_open(struct mtlspin_verifier *verifier, enum way way);

/* Waits as a program does, for so many milliseconds; 1 as soon as it is due. */
int watcher_wait(struct mtlspin_verifier *verifier, int fd, int milliseconds);

void must_be_due(struct mtlspin_verifier *verifier, int fd);
void must_rest(struct mtlspin_verifier *verifier, int fd, int milliseconds);
void must_reload(struct mtlspin_verifier *verifier);

/* What is in force is what the files say. */
void must_be_current(struct mtlspin_verifier *verifier, const char *path);

#endif
