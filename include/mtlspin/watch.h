/* When to reload: a descriptor for the program's own event loop.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_WATCH_H
#define MTLSPIN_WATCH_H

#include <mtlspin/verifier.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A descriptor for poll, select or epoll (level-triggered) that becomes readable when it is time to call
   mtlspin_verifier_watch_due; do nothing else with it. The same one at each call; the verifier owns it, and closes it with
   its last reference. It is closed on exec. No thread is started. It wakes up within moments of a change, and every two
   seconds, since network file systems tell of no changes.

   -1 on error: MTLSPIN_ERR_STATE if the policy in force is not from mtlspin_policy_load, if the system has no such
   descriptor (only Linux has: call mtlspin_verifier_watch_due by a timer of your own), and in another process than that of
   the first call to one of these two: call them only after the fork. MTLSPIN_ERR_FILE if there are too many descriptors.
   One thread at a time for both calls; others may reload meanwhile. Since: 0.3.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK int mtlspin_verifier_watch_fd(struct mtlspin_verifier *verifier,
    struct mtlspin_error *error);

/* Looks at the files that the policy in force was read from, and at the symlinks that lead to them. Returns 1 if they
   differ from what was read and have not changed for a fifth of a second: call mtlspin_verifier_reload. 0 if not yet; then
   the descriptor wakes up again in time. After a reload that failed, only a further change counts; but where a file could
   not be read, or memory was short, it is due again after 1, 2, 4, … 64 seconds, too.

   To be called when the descriptor is readable, or without one every second or so. -1 on error: MTLSPIN_ERR_STATE as above
   (under a policy that is not from a file the descriptor rests until another one is in force), MTLSPIN_ERR_MEMORY.
   Since: 0.3.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK int mtlspin_verifier_watch_due(struct mtlspin_verifier *verifier,
    struct mtlspin_error *error);

#ifdef __cplusplus
}
#endif

#endif
