/* Sessions of our client, made and resumed by a server of plain OpenSSL. */
#ifndef TESTS_SAVED_H
#define TESTS_SAVED_H

#include "rig.h"

/* The ways to resume, for loops: _i % SAVED_KINDS. Where there are no tickets, the server has a cache. */
enum saved_kind { SAVED_TLS12_TICKET, SAVED_TLS12_ID, SAVED_TLS13_TICKET, SAVED_TLS13_STATEFUL, SAVED_KINDS };

int saved_version(int kind);

/* A server that resumes what it has made itself, and nothing of another one. NAME as in rig_public_server. */
SSL_CTX *saved_server(const char *name, int kind);

/* Another server in the place of the rig's. */
void saved_replace_server(struct rig *rig, const char *name, int kind);

/* rig_make_client with such a server; `policy` as there. */
void saved_make(struct rig *rig, const char *policy, const char *server, int kind);

/* Another client of the same server at the same time: with an SSL_CTX and a verifier of its own, maybe another policy. */
void saved_make_other(struct rig *other, const struct rig *rig, const char *policy, int kind);

/* A new connection to `host` (NULL = none is set) with `session` to resume (NULL = none): prepared, not yet talking. */
void saved_dial(struct rig *rig, const char *host, SSL_SESSION *session);

/* The handshake, and what TLS 1.3 sends to the client behind it. Leaves the error queue as the client's last step left it.
   Returns whether the client finished. */
int saved_shake(struct rig *rig);

/* saved_dial and saved_shake. */
int saved_connect(struct rig *rig, const char *host, SSL_SESSION *session);

/* Ends the connection in good order, and returns its newest session. */
SSL_SESSION *saved_close(struct pair *pair);

/* The session of a prepared full handshake that was allowed. */
SSL_SESSION *saved_visit(struct rig *rig, const char *host);

/* The session of a client without libmtlspin that trusts the root CA. */
SSL_SESSION *saved_plain(SSL_CTX *server, int kind);

/* The session as it comes back from a file, PEM or DER. They free what they are given. */
SSL_SESSION *saved_through_pem(SSL_SESSION *session);
SSL_SESSION *saved_through_der(SSL_SESSION *session);

/* What mtlspin_check says: "full as LABEL" or "resumed as LABEL", or else the reason's name. The audit hook and all else
   that tells of the verdict must agree. Static text. */
const char *saved_outcome(struct rig *rig);

#endif
