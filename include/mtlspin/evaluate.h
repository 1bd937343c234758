/* The decision without a connection.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_EVALUATE_H
#define MTLSPIN_EVALUATE_H

#include <mtlspin/decision.h>
#include <mtlspin/policy.h>
#include <openssl/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stack_st_X509;

/* Proves no possession of the key; never authenticate a certificate out of an HTTP header with it. For offline tools,
   audit replay, and TLS stacks that prove possession themselves.
   Decides about `leaf` as a handshake at `now` (Unix time) would, at security level 2. `intermediates`, a STACK_OF(X509) or
   NULL, is what the peer would send besides; trusted in nothing. `host`: MTLSPIN_CLIENT needs the host name or IP address
   that the connection is for; NULL with MTLSPIN_SERVER. A policy with `ca application` refuses everybody here
   (MTLSPIN_REASON_NO_STORE): which trust store is meant, only a connection tells. All arguments are borrowed
   for the call; `decision` may be NULL. Compare the result with MTLSPIN_ALLOW, never with MTLSPIN_OK.
   Thread-safe as long as no other thread changes the certificates. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_verdict mtlspin_evaluate(struct mtlspin_policy *policy, X509 *leaf,
    struct stack_st_X509 *intermediates, enum mtlspin_role role, const char *host, int64_t now,
    struct mtlspin_decision *decision);

/* What one trust domain says, in the order in which domains are tried. Borrowed until the callback returns; fields may be
   added at the end in later versions. Since: 0.4.0 */
struct mtlspin_step {
    const struct mtlspin_decision *decision; /* as if there were no other domain; its `domain` is the one that was tried */
    struct stack_st_X509 *chain; /* STACK_OF(X509), the peer's own certificate first, as far as it could be built: up to the
                                    anchor where the chain is valid; NULL = the domain looked at no chain */
    int final;                   /* 1 = no later domain is asked */
};
typedef void mtlspin_step_hook(void *context, const struct mtlspin_step *step);

/* mtlspin_evaluate that also tells each step. Without any call the peer was refused before a domain was asked: a denial of
   its own certificate, or nothing to ask. The first of the steps that tell most is the decision. Since: 0.4.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_verdict mtlspin_evaluate_steps(struct mtlspin_policy *policy, X509 *leaf,
    struct stack_st_X509 *intermediates, enum mtlspin_role role, const char *host, int64_t now, mtlspin_step_hook *hook,
    void *context, struct mtlspin_decision *decision);

#ifdef __cplusplus
}
#endif

#endif
