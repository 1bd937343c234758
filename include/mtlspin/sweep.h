/* Live connections, in a list of the verifier's: those that a later policy refuses are found without asking each.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_SWEEP_H
#define MTLSPIN_SWEEP_H

#include <mtlspin/decision.h>
#include <mtlspin/error.h>
#include <mtlspin/verifier.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A live connection as the verifier remembers it: its peer's certificate and verified chain, never the SSL.
   Threads: safe; each is withdrawn once. Since: 0.3.0 */
struct mtlspin_enrolment;

/* Called by mtlspin_verifier_sweep for a connection that is refused now, in the sweep's thread, without any lock of the
   library held. `user` is what was enrolled; `decision` is borrowed until the callback returns. The connection's own
   thread may be in the middle of SSL_read: do what is safe from outside, shutdown(2) on its socket, not SSL_shutdown and
   not close(2). Since: 0.3.0 */
typedef void mtlspin_sweep_callback(void *user, const struct mtlspin_decision *decision);

/* Enrols a connection that mtlspin_check allows (which is asked here, so that it need not be asked before), in the thread
   that uses `ssl`. What deciding again needs is copied or referenced, so that the SSL may be freed first; `user` is
   borrowed until mtlspin_withdraw has returned, and may be given to a callback before this call has returned. Holds a
   reference on the verifier. A certificate that is shown later (post-handshake authentication) makes another peer of it:
   withdraw and enrol again. Returns NULL on an error, MTLSPIN_ERR_STATE if the connection is not allowed. Since: 0.3.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_enrolment *mtlspin_enrol(struct mtlspin_verifier *verifier, SSL *ssl,
    void *user, struct mtlspin_error *error);

/* Ends an enrolment, before or after SSL_free; NULL is ignored. Waits for a callback about it that runs in another thread,
   so that afterwards nobody uses `user`, and the socket may be closed: hold no lock that the callback takes. Called from
   within that callback it does not wait. A callback withdraws no other enrolment than its own, unless all sweeps are made
   by one thread. Since: 0.3.0 */
MTLSPIN_API void mtlspin_withdraw(struct mtlspin_enrolment *enrolment);

/* Decides anew about each enrolled connection whose decision is of an earlier policy or has run out, as mtlspin_check
   would, and calls back for those that are refused: once each, and again only if it was allowed in between. To be called
   after each change of policy, and from time to time (say, every minute) for certificates and rules that expire meanwhile;
   where nothing has changed, it costs next to nothing. A connection that is enrolled during a sweep is judged under the
   policy in force by then. Each refusal is counted (mtlspin_verifier_stats) and reported to the audit hook
   (MTLSPIN_EVENT_SWEEP) before the callback. A verify callback of a trust store of the program's (`ca application`) may be
   run, without an SSL, and must not sweep itself. Returns how many times it has called back; 0 where `callback` is NULL.
   Thread-safe: any threads may sweep, enrol, withdraw and handshake at once. Since: 0.3.0 */
MTLSPIN_API size_t mtlspin_verifier_sweep(struct mtlspin_verifier *verifier, mtlspin_sweep_callback *callback);

#ifdef __cplusplus
}
#endif

#endif
