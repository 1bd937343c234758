/* Clients that come back to a server that has a verifier, with the session that they were given. */
#ifndef TESTS_TICKET_RIG_H
#define TESTS_TICKET_RIG_H

#include "rig.h"

/* The ways to resume, for loops. Where there are no tickets, the program has switched a session cache on. */
enum ticket_kind { TICKET_TLS12, TICKET_TLS13, TICKET_STATEFUL_TLS12, TICKET_STATEFUL_TLS13, TICKET_KINDS };

int ticket_version(int kind);
bool ticket_is_stateful(int kind);

/* What a program does after attaching: a cache in place of tickets. Nothing for the other kinds. */
void ticket_use_cache(SSL_CTX *server, int kind);

/* The same ticket keys for all servers that are given them. */
void ticket_share_keys(SSL_CTX *server);

/* rig_verifier, and a server of that verifier with the shared keys and the cache of `kind`. No client yet. */
void ticket_make(struct rig *rig, const char *policy, int kind);

/* A server without libmtlspin that resumes in the same way: it has the root CA and demands a certificate. */
SSL_CTX *ticket_plain_server(int kind);

/* Puts `policy` into force. */
void ticket_set_policy(struct rig *rig, const char *policy);

/* A new connection of `client` (NAME, or NULL without a certificate) to the host of `sni` (NULL = none is named), with
   `session` to resume (NULL = none): not yet talking. */
void ticket_dial(struct rig *rig, const char *client, const char *sni, SSL_SESSION *session, int kind);

/* The same and its handshake. Returns whether the server finished it. */
int ticket_connect(struct rig *rig, const char *client, const char *sni, SSL_SESSION *session, int kind);

/* Ends the connection in good order. The client's newest session: the caller's. */
SSL_SESSION *ticket_close(struct rig *rig);

/* A full handshake of a client that must be allowed, and its session. */
SSL_SESSION *ticket_visit(struct rig *rig, const char *client, const char *sni, int kind);

/* What mtlspin_check says about the server's connection: "resumed as LABEL", "full as LABEL", or why not: "resumed: REASON",
   "full: REASON". The hook must have been told of this connection once, in the same words. Static text. */
const char *ticket_outcome(struct rig *rig);

#endif
