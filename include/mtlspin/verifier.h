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

/* Judges the peers of every SSL_CTX that it is attached to: clients on a server's side, servers on a client's. The
   policy in force can be replaced while it works: mtlspin_verifier_reload, mtlspin_verifier_set_policy. What it does
   *not* check: OCSP, the peer's IP address, what the peer does after the handshake; TLSA records (SSL_dane_enable(3))
   are not looked at. Threads: safe, once it is set up (the setters of hook, clock and session context come first).
   Since: 0.1.0 */
struct mtlspin_verifier;
struct ssl_session_st; /* SSL_SESSION, which <openssl/types.h> does not name */

/* Takes a reference of its own on `policy`. Returns a new reference, release with mtlspin_verifier_unref; NULL on error:
   MTLSPIN_ERR_ARGUMENT, MTLSPIN_ERR_MEMORY. Thread-safe. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_verifier *mtlspin_verifier_new(struct mtlspin_policy *policy,
    struct mtlspin_error *error);

/* Takes a further reference and returns its argument. Thread-safe. Since: 0.1.0 */
MTLSPIN_API struct mtlspin_verifier *mtlspin_verifier_ref(struct mtlspin_verifier *verifier);

/* Releases one reference; NULL is ignored. Each SSL_CTX it is attached to, and each of their connections, holds one of its
   own: the program may release its reference right after attaching. Thread-safe. Since: 0.1.0 */
MTLSPIN_API void mtlspin_verifier_unref(struct mtlspin_verifier *verifier);

/* Sets the hook that gets every decision; NULL removes it. `user` is borrowed until the verifier is gone.
   Before the verifier is attached or prepares a connection; later it is MTLSPIN_ERR_STATE. Threads: the one
   that sets the verifier up, before it is shared. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_verifier_set_audit(struct mtlspin_verifier *verifier, mtlspin_audit_hook *hook,
    void *user, struct mtlspin_error *error);

/* Replaces the clock, for tests: `now` returns Unix time in seconds. NULL is the system's clock. The same rules as for
   mtlspin_verifier_set_audit, threads included; `now` may be called from several threads at once. Since: 0.1.0 */
typedef int64_t mtlspin_clock(void *user);
MTLSPIN_API enum mtlspin_status mtlspin_verifier_set_clock(struct mtlspin_verifier *verifier, mtlspin_clock *now,
    void *user, struct mtlspin_error *error);

/* Adds up to 64 bytes of the application's own to the session-id context of its servers' connections, which
   SSL_CTX_set_session_id_context(3) cannot do any more: sessions of programs or services that must not resume at each other
   get different ones. Copied; 0 bytes are none. The same rules as for mtlspin_verifier_set_audit, threads included. Errors:
   MTLSPIN_ERR_ARGUMENT (no verifier, more than 64 bytes, or NULL with a length); MTLSPIN_ERR_STATE (the verifier is in
   use). Since: 0.3.0 */
MTLSPIN_API enum mtlspin_status mtlspin_verifier_set_session_context(struct mtlspin_verifier *verifier,
    const void *context, size_t length, struct mtlspin_error *error);

/* Another policy, at work. */

/* Puts `policy` into force, in one step: every decision from then on is made under it, also about connections and sessions
   that are older (mtlspin_check, mtlspin_verifier_sweep). A handshake under way is finished under the policy that it began
   with, and the first mtlspin_check decides again. Takes a reference of its own. Errors, upon which nothing changes:
   MTLSPIN_ERR_ARGUMENT (no verifier or no policy); MTLSPIN_ERR_POLICY (it is for clients, with `host`, and the verifier
   guards servers). Reported to the audit hook (MTLSPIN_EVENT_RELOAD), the second error too. Thread-safe; no connection
   waits for it. Since: 0.3.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_verifier_set_policy(struct mtlspin_verifier *verifier,
    struct mtlspin_policy *policy, struct mtlspin_error *error);

/* Reads the file of the policy in force again, with every file that it names, and puts the result into force. On any
   mistake nothing changes, and `error` says what and where. Errors: those of mtlspin_policy_load, which may wait for files
   that were just written, as there; MTLSPIN_ERR_ARGUMENT (no verifier); MTLSPIN_ERR_POLICY, as with
   mtlspin_verifier_set_policy; MTLSPIN_ERR_STATE if the policy in force is not from mtlspin_policy_load, or if
   mtlspin_verifier_set_policy came in between. Reported to the audit hook (MTLSPIN_EVENT_RELOAD), failures too. Paths are
   what they were at the first load: a program that changes its directory or root gives absolute paths, or loads by itself
   and calls mtlspin_verifier_set_policy. Thread-safe, not for signal handlers; no connection waits for it.
   Since: 0.3.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_verifier_reload(struct mtlspin_verifier *verifier,
    struct mtlspin_error *error);

/* The number of the policy in force: 1 for the first, and one more for each after it. Thread-safe. Since: 0.3.0 */
MTLSPIN_API uint64_t mtlspin_verifier_generation(const struct mtlspin_verifier *verifier);

/* The policy in force: a new reference, release with mtlspin_policy_unref. Thread-safe. Since: 0.3.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_policy *mtlspin_verifier_policy(struct mtlspin_verifier *verifier);

/* Attaches the verifier to an SSL_CTX before its first connection. It takes the SSL_CTX's certificate verification
   callback (a program that needs the slot calls mtlspin_cert_verify_callback from its own, and sets it after
   attaching), sets SSL_VERIFY_PEER (a client's SSL_CTX starts with SSL_VERIFY_NONE), raises the protocol floor to TLS
   1.2 and switches off renegotiation and the session cache. A verify callback set with SSL_CTX_set_verify stays: it is
   called for the domain that decides, and can refuse, never allow.

   A server's SSL_CTX: also takes the client-hello callback and the session ticket callbacks, demands a certificate
   (SSL_VERIFY_FAIL_IF_NO_PEER_CERT), puts the names of the policy's anchors into the list of acceptable CAs
   (SSL_CTX_set_client_CA_list(3)), and switches off early data and external PSKs (per connection, in mtlspin_prepare).
   Sessions resume by stateless tickets only, and only if the policy in force at that moment allows their client: see
   mtlspin_ticket_decrypt. Sets of contexts behind SNI: attach to each; the servername callback calls
   mtlspin_prepare after SSL_set_SSL_CTX. Without that, clients are told the CA names of the SSL_CTX that was switched to.

   A client's SSL_CTX: each connection needs the one host name or IP address that its server must prove to be, set with
   SSL_set1_host(3) or X509_VERIFY_PARAM_set1_ip(3); where there is none, the SNI that it sends
   (SSL_set_tlsext_host_name) is enforced, and without that the server is refused. Only subject alternative names count,
   and no wildcard for a part of a label (RFC 9525, 6.3). To resume a saved session, see mtlspin_prepare; a program that
   collects sessions with SSL_CTX_sess_set_new_cb turns the cache on again (SSL_SESS_CACHE_CLIENT) after attaching.

   Refused: DTLS and QUIC, an SSL_CTX that ends below TLS 1.2, one that has another verifier; for servers also one with
   a get-session callback, and a policy with `host` domains. An SSL_CTX of TLS_method(3) is taken for a server's. On an
   error the SSL_CTX is unchanged. Attaching the same verifier again sets everything once more. Not thread-safe for one
   SSL_CTX, and not for one whose connections are in their handshakes just then. Source of the rules:
   SSL_CTX_set_cert_verify_callback(3).
   Errors: MTLSPIN_ERR_ARGUMENT; MTLSPIN_ERR_CONTEXT (an SSL_CTX of a kind that is refused); MTLSPIN_ERR_STATE (another
   verifier); MTLSPIN_ERR_POLICY (`host` on a server); MTLSPIN_ERR_OPENSSL. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_verifier_attach(struct mtlspin_verifier *verifier,
    SSL_CTX *context, struct mtlspin_error *error);

/* For `flags`. MTLSPIN_ATTACH_OPTIONAL, servers only: a client without a certificate gets through the handshake as
   anonymous. mtlspin_check still says MTLSPIN_DENY, with MTLSPIN_REASON_ANONYMOUS, upon which the program may show what is
   for everybody. A certificate that is shown and refused ends the handshake, and a pre-shared key is never anonymous. The
   program may ask for the certificate later (SSL_verify_client_post_handshake(3), TLS 1.3): the same decision is then made
   about it. With SSL_VERIFY_POST_HANDSHAKE, set on the SSL_CTX before, TLS 1.3 asks only then. Since: 0.2.0 */
enum mtlspin_attach { MTLSPIN_ATTACH_OPTIONAL = 1 };

/* mtlspin_verifier_attach with flags, 0 or more of enum mtlspin_attach. On an SSL_CTX that has this verifier already, also
   that of mtlspin_server_context, it replaces the flags. Threads and errors as there; besides, an
   unknown flag is MTLSPIN_ERR_ARGUMENT, and MTLSPIN_ATTACH_OPTIONAL for a client MTLSPIN_ERR_CONTEXT. Since: 0.2.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_verifier_attach_with(struct mtlspin_verifier *verifier,
    SSL_CTX *context, unsigned flags, struct mtlspin_error *error);

/* The decision about a connection: positive evidence or MTLSPIN_DENY. Required on every connection, after the handshake
   (whatever SSL_accept or SSL_connect returned: on a failure it says why and reports to the audit hook what OpenSSL
   refused by itself; call it before ERR_clear_error) and at any time later on a live connection, in the thread that
   uses `ssl`. Between handshake steps it says MTLSPIN_REASON_UNFINISHED and reports nothing. MTLSPIN_ALLOW needs all
   of: this verifier judged the certificate in this very handshake (or in mtlspin_prepare, where a client's session
   resumed) and allowed it, the handshake is finished, the certificate is still the connection's and its verify result
   X509_V_OK, and the time is within decision.valid_until. A client that is allowed to talk to its server is not yet
   allowed in there: under TLS 1.3 the server judges the client's certificate after SSL_connect has returned 1, and its
   refusal is what the first SSL_read fails with. Compare with MTLSPIN_ALLOW, never with MTLSPIN_OK, which is zero as
   MTLSPIN_DENY is. While a key update or post-handshake authentication is under way, a live connection is
   MTLSPIN_REASON_UNFINISHED, too. `decision` is written (NULL if not wanted). OpenSSL's error queue is left as it was.
   Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_verdict mtlspin_check(struct mtlspin_verifier *verifier, SSL *ssl,
    struct mtlspin_decision *decision);

/* What the audit hook shall say about where the connection comes from, for example "192.0.2.1:40112". Copied, cut to 127
   bytes; before or during the handshake. It stays over SSL_clear: set it anew for each client. In the thread that uses
   `ssl`. Errors: MTLSPIN_ERR_ARGUMENT, MTLSPIN_ERR_MEMORY. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_set_peer_address(SSL *ssl, const char *address, struct mtlspin_error *error);

/* The name in the server's certificate that matched the host ("*.example.com" for a wildcard), in place of
   SSL_get0_peername(3), which knows nothing of the verifier's own validation. NULL where no name had to match (an IP
   address, `chain none`), on a server's side, and on a connection whose server was not allowed. Borrowed until the next
   handshake or SSL_free. In the thread that uses `ssl`. Since: 0.2.0 */
MTLSPIN_API const char *mtlspin_peername(SSL *ssl);

/* For programs that own the callback slots, and for clients that resume sessions. */

/* The per-connection part of attach, done by hand.

   Servers: before the handshake, in a client-hello callback or, after SSL_set_SSL_CTX, in a servername callback. A
   connection that was not prepared is refused.

   Clients: before the handshake, and after the host, the SNI and the session to resume were set (SSL_set_session(3)).
   It needs the host (MTLSPIN_ERR_STATE if there is none), switches off external PSKs and session secrets
   (SSL_set_session_secret_cb; set none afterwards), and judges the session's server anew: under the verifier's policy,
   by the certificate and the verified chain that the session keeps. A session of another host or another policy, of a
   server that is not allowed any more, older than its domain's `session-lifetime` (24 hours where there is none), or
   made without libmtlspin, is taken out without an error, and the handshake is a full one. A verify callback of the
   program is not asked about a session. A session offered so
   sends no early data; with one that is set later or without this call, SSL_write_early_data(3) sends it to a server that
   nobody has judged: do not use it. A connection that is not prepared is judged all the
   same, but resumes nothing: the handshake of one that tries fails. What makes it possible is kept in the session's
   ticket application data (SSL_SESSION_set1_ticket_appdata(3)), which is not the program's to use.

   The connection holds a reference on the verifier until SSL_free. In the thread that uses `ssl`. Errors:
   MTLSPIN_ERR_ARGUMENT; MTLSPIN_ERR_CONTEXT (a connection of a kind that is refused); MTLSPIN_ERR_STATE (too late, or no
   host or several); MTLSPIN_ERR_POLICY (`host` on a server); MTLSPIN_ERR_OPENSSL. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK enum mtlspin_status mtlspin_prepare(struct mtlspin_verifier *verifier, SSL *ssl,
    struct mtlspin_error *error);

/* The two halves of SSL_CTX_set_session_ticket_cb(3), for programs that own that slot: to be called from their own
   callbacks, which they set after attaching. What makes a ticket good is kept in its application data
   (SSL_SESSION_set1_ticket_appdata(3)), which is not the program's to use.

   generate: seals the session of a connection that this verifier has allowed. Returns 1, also where there is nothing to
   seal; such a ticket resumes nowhere.

   decrypt: decides about the session's client under the policy in force, as at a full handshake: rules, denials,
   revocation lists, dates; by what its handshake has verified. A session older than its domain's `session-lifetime` (24
   hours where there is none), counted from the handshake that authenticated the client however often it was renewed,
   does not resume, nor one of another structure of domains and anchors, of another host name (SNI), without a
   certificate, or without a seal, nor where only a trust store can tell (`ca application`, anchors with trust
   settings). A verify callback of the program is not asked. Returns SSL_TICKET_RETURN_IGNORE_RENEW then, which makes
   the handshake a full one, in which the client is judged by its certificate; otherwise a SSL_TICKET_RETURN_USE value
   that fits `status`.

   `verifier` is a struct mtlspin_verifier *; the other arguments are the callbacks' (SSL_TICKET_RETURN and
   SSL_TICKET_STATUS are int). Servers that share ticket keys
   (SSL_CTX_set_tlsext_ticket_keys(3)) and a policy of the same content resume each other's sessions. Threads: any number of
   connections at once, each in its own thread. Since: 0.3.0 */
MTLSPIN_API int mtlspin_ticket_generate(SSL *ssl, void *verifier);
MTLSPIN_API int mtlspin_ticket_decrypt(SSL *ssl, struct ssl_session_st *session, const unsigned char *key_name,
    size_t key_name_length, int status, void *verifier);

/* For SSL_CTX_set_client_hello_cb, or to be called from such a callback: prepares the connection. `verifier` is a struct
   mtlspin_verifier *. Returns SSL_CLIENT_HELLO_SUCCESS or SSL_CLIENT_HELLO_ERROR. Threads: any number of
   connections at once, each in its own thread. Since: 0.1.0 */
MTLSPIN_API int mtlspin_client_hello_callback(SSL *ssl, int *alert, void *verifier);

/* For SSL_CTX_set_cert_verify_callback, or to be called from such a callback, whose result it must then be: judges the
   peer's certificate, sets error, depth and verified chain in `context`. `verifier` is a struct mtlspin_verifier *.
   Returns 1 or 0. Threads: any number of connections at once, each in its own thread. Since: 0.1.0 */
MTLSPIN_API int mtlspin_cert_verify_callback(X509_STORE_CTX *context, void *verifier);

#ifdef __cplusplus
}
#endif

#endif
