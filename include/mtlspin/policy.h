/* Policies: who may connect. Immutable; built whole or not at all.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_POLICY_H
#define MTLSPIN_POLICY_H

#include <mtlspin/error.h>
#include <mtlspin/pin.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A policy is immutable after it is built (its reference count apart): to change it, build another one.
   Threads: safe; one policy may serve any number of verifiers and threads. Since: 0.1.0 */
struct mtlspin_policy;

/* Reads a policy file and every file of certificates or revocation lists that it names (paths are relative to the file's
   directory); the language is described in docs/policy.md. Any mistake makes the whole load fail, with file, line and
   column in `error`. What was read must have been at rest: where a file was written within the last 20 ms, or changes
   meanwhile, the calling thread waits 25 ms and reads again, eight times at most (together 0.2 s), and then fails with
   MTLSPIN_ERR_FILE. Returns a new reference, release with mtlspin_policy_unref; NULL on error. Thread-safe.
   Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_policy *mtlspin_policy_load(const char *path, struct mtlspin_error *error);

/* The same from `length` bytes of text, which are copied. `name` stands for the file in messages, and its directory is
   what paths are relative to; NULL means "policy" in the current directory. Thread-safe. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_policy *mtlspin_policy_parse(const void *text, size_t length,
    const char *name, struct mtlspin_error *error);

/* Takes a further reference and returns its argument. Thread-safe. Since: 0.1.0 */
MTLSPIN_API struct mtlspin_policy *mtlspin_policy_ref(struct mtlspin_policy *policy);

/* Releases one reference; NULL is ignored. Thread-safe. Since: 0.1.0 */
MTLSPIN_API void mtlspin_policy_unref(struct mtlspin_policy *policy);

/* The number of `allow` rules of one kind over all trust domains; MTLSPIN_KIND_NONE counts all kinds.
   Thread-safe. Since: 0.1.0 */
MTLSPIN_API size_t mtlspin_policy_count_allow(const struct mtlspin_policy *policy, enum mtlspin_kind kind);

/* The same for `deny` rules (MTLSPIN_SPKI and MTLSPIN_SERIAL). Thread-safe. Since: 0.1.0 */
MTLSPIN_API size_t mtlspin_policy_count_deny(const struct mtlspin_policy *policy, enum mtlspin_kind kind);

/* SHA-256 over the policy's content: domains, anchors, revocation lists, settings and rules, but no path, comment or
   spacing. Two policies with the same digest decide alike, except for what `ca system` and `ca application` bring in from
   outside (`ca system` counts with the anchors that were read). Thread-safe. Since: 0.1.0 */
MTLSPIN_API void mtlspin_policy_digest(const struct mtlspin_policy *policy, uint8_t digest[32]);

#ifdef __cplusplus
}
#endif

#endif
