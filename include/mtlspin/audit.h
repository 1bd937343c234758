/* The record of a decision.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_AUDIT_H
#define MTLSPIN_AUDIT_H

#include <mtlspin/decision.h>
#include <mtlspin/error.h>
#include <mtlspin/pin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an event is about. Since: 0.3.0 */
enum mtlspin_event_kind {
    MTLSPIN_EVENT_DECISION = 0, /* a decision about a connection */
    MTLSPIN_EVENT_RELOAD = 1,   /* another policy was to come into force: `error` says whether it did (code MTLSPIN_OK), or
                                   why the one before stays; `decision` has nothing but the generation now in force */
    MTLSPIN_EVENT_SWEEP = 2     /* a decision of mtlspin_verifier_sweep that ends a live connection */
};

/* One decision about one connection, or one change of policy. Every pointer is borrowed until the hook returns; text is
   never NULL, but "" where nothing is known. subject and issuer are the peer's own words: escape them before showing
   them (mtlspin_event_json does). Fields may be added at the end in later versions. Since: 0.1.0 */
struct mtlspin_event {
    size_t size;                               /* of the struct as the library knows it */
    int64_t time;                              /* Unix time by the verifier's clock */
    const struct mtlspin_decision *decision;
    enum mtlspin_role role;
    const char *peer_address;                  /* as the application gave it: mtlspin_set_peer_address */
    const char *subject;                       /* RFC 4514 text in UTF-8, control characters escaped as in RFC 4514 */
    const char *issuer;                        /* the same */
    struct mtlspin_pin serial;                 /* kind MTLSPIN_KIND_NONE in these three: there is no certificate, or the */
    struct mtlspin_pin thumbprint;             /* value could not be had */
    struct mtlspin_pin spki;
    const char *protocol;                      /* "TLSv1.3", "TLSv1.2" */
    int resumed;                               /* 1 if the handshake resumed a session */
    unsigned long tls_error;                   /* MTLSPIN_REASON_HANDSHAKE_FAILED: OpenSSL's error code
                                                  (ERR_error_string_n(3)), or 0 */
    const char *host;                          /* MTLSPIN_CLIENT: the host name or IP address that was asked for */
    enum mtlspin_event_kind kind;              /* since 0.3.0 */
    const struct mtlspin_error *error;         /* MTLSPIN_EVENT_RELOAD; else NULL. Since 0.3.0 */
};

/* Called with every decision, in the thread that runs the handshake or the check, without any lock of the library held.
   A denial is reported in the handshake, or by the first mtlspin_check that sees it; an allowed peer by the first
   mtlspin_check after the handshake, since only then it has proved that it owns its key. Since 0.3.0 also called with every
   change of policy, in the thread that asked for it: look at `kind`. Since: 0.1.0 */
typedef void mtlspin_audit_hook(const struct mtlspin_event *event, void *user);

enum { MTLSPIN_EVENT_JSON_SIZE = 8192 }; /* bytes that hold every event as JSON */

/* Writes the event as one line of JSON (RFC 8259) without line break, and a terminator. Every byte that could harm a log
   viewer, a terminal or a web page is escaped: control characters, quotes, '<', '>', '&', invalid UTF-8 (as U+FFFD),
   bidirectional controls. Long text is cut and then ends in "…". No allocation. An event or decision whose size field
   this version does not know gives nothing.
   `size` is that of `buffer` and must be at least MTLSPIN_EVENT_JSON_SIZE: with less nothing but a terminator is written
   and 0 returned. Returns the length without terminator. Thread-safe. Since: 0.1.0 */
MTLSPIN_API size_t mtlspin_event_json(const struct mtlspin_event *event, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
