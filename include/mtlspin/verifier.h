/* The verifier: a policy attached to SSL_CTXs.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_VERIFIER_H
#define MTLSPIN_VERIFIER_H

#include <mtlspin/audit.h>
#include <mtlspin/decision.h>
#include <mtlspin/policy.h>
#include <openssl/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Judges the peers of every SSL_CTX that it is attached to. This version judges clients, on the server's side.
   What it does *not* check: revocation (CRLs, OCSP), the client's IP address, what the client does after the handshake.
   Threads: safe, once it is set up (the two setters below come first). Since: 0.1.0 */
struct mtlspin_verifier;

/* Takes a reference of its own on `policy`. Returns a new reference, release with mtlspin_verifier_unref; NULL on error.
   Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_verifier *mtlspin_verifier_new(struct mtlspin_policy *policy,
    struct mtlspin_error *error);

/* Takes a further reference and returns its argument. Thread-safe. Since: 0.1.0 */
MTLSPIN_API struct mtlspin_verifier *mtlspin_verifier_ref(struct mtlspin_verifier *verifier);

/* Releases one reference; NULL is ignored. Each SSL_CTX it is attached to, and each of their connections, holds one of its
   own: the program may release its reference right after attaching. Thread-safe. Since: 0.1.0 */
MTLSPIN_API void mtlspin_verifier_unref(struct mtlspin_verifier *verifier);

/* Sets the hook that gets every decision; NULL removes it. `user` is borrowed until the verifier is gone.
   Before the verifier is attached or prepares a connection; later it is MTLSPIN_ERR_STATE. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_verifier_set_audit(struct mtlspin_verifier *verifier, mtlspin_audit_hook *hook,
    void *user, struct mtlspin_error *error);

/* Replaces the clock, for tests: `now` returns Unix time in seconds. NULL is the system's clock. The same rules as for
   mtlspin_verifier_set_audit. Since: 0.1.0 */
typedef int64_t mtlspin_clock(void *user);
MTLSPIN_API enum mtlspin_status mtlspin_verifier_set_clock(struct mtlspin_verifier *verifier, mtlspin_clock *now,
    void *user, struct mtlspin_error *error);

/* Attaches the verifier to a server's SSL_CTX before its first connection. It takes the SSL_CTX's certificate verification
   callback and client-hello callback (a program that needs these slots calls the two callbacks below from its own, and sets
   them after attaching), demands a certificate (SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT), raises the protocol
   floor to TLS 1.2, and switches off renegotiation, early data, external PSKs (per connection, in mtlspin_prepare), and
   resumption in all its forms (session cache, tickets): nothing resumes past the policy. A verify callback set with
   SSL_CTX_set_verify stays: it is called for the domain that decides, and can refuse, never allow.
   Refused: DTLS and QUIC, contexts of clients, one that ends below TLS 1.2, one with a get-session callback, one that has
   another verifier, a policy with `host` domains. On an error the SSL_CTX is unchanged. Attaching the same verifier again
   sets everything once more.
   Sets of contexts behind SNI: attach to each; the servername callback calls mtlspin_prepare after SSL_set_SSL_CTX.
   Not thread-safe for one SSL_CTX. Source of the rules: SSL_CTX_set_cert_verify_callback(3). Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_verifier_attach(struct mtlspin_verifier *verifier,
    SSL_CTX *context, struct mtlspin_error *error);

/* The decision about a connection: positive evidence or MTLSPIN_DENY. Required on every connection, after the handshake
   (whatever SSL_accept returned: on a failure it says why and reports to the audit hook what OpenSSL refused by itself;
   call it before ERR_clear_error) and at any time later on a live connection, in the thread that uses `ssl`. Between
   handshake steps it says MTLSPIN_REASON_UNFINISHED and reports nothing. MTLSPIN_ALLOW needs all of: this verifier judged
   the certificate in this very handshake and allowed it, the handshake is finished, the certificate is still the
   connection's and its verify result X509_V_OK, no session was resumed, and the time is within decision.valid_until.
   Compare with MTLSPIN_ALLOW, never with MTLSPIN_OK, which is zero as MTLSPIN_DENY is. While a key update or post-handshake
   authentication is under way, a live connection is MTLSPIN_REASON_UNFINISHED, too.
   `decision` is written (NULL if not wanted). OpenSSL's error queue is left as it was. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_verdict mtlspin_check(struct mtlspin_verifier *verifier, SSL *ssl,
    struct mtlspin_decision *decision);

/* What the audit hook shall say about where the connection comes from, for example "192.0.2.1:40112". Copied, cut to 127
   bytes; before or during the handshake. It stays over SSL_clear: set it anew for each client. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_set_peer_address(SSL *ssl, const char *address, struct mtlspin_error *error);

/* For programs that own the callback slots. */

/* The per-connection part of attach, done by hand: before the handshake, in a client-hello callback or, after
   SSL_set_SSL_CTX, in a servername callback. A connection that was not prepared is refused.
   The connection holds a reference on the verifier until SSL_free. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_prepare(struct mtlspin_verifier *verifier, SSL *ssl,
    struct mtlspin_error *error);

/* For SSL_CTX_set_client_hello_cb, or to be called from such a callback: prepares the connection. `verifier` is a struct
   mtlspin_verifier *. Returns SSL_CLIENT_HELLO_SUCCESS or SSL_CLIENT_HELLO_ERROR. Since: 0.1.0 */
MTLSPIN_API int mtlspin_client_hello_callback(SSL *ssl, int *alert, void *verifier);

/* For SSL_CTX_set_cert_verify_callback, or to be called from such a callback, whose result it must then be: judges the
   peer's certificate, sets error, depth and verified chain in `context`. `verifier` is a struct mtlspin_verifier *.
   Returns 1 or 0. Since: 0.1.0 */
MTLSPIN_API int mtlspin_cert_verify_callback(X509_STORE_CTX *context, void *verifier);

#ifdef __cplusplus
}
#endif

#endif
