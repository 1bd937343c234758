/* A server and a client, one of them with a verifier, ready for a handshake that a test then spoils. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "pair.h"
#include <mtlspin/mtlspin.h>
#include <stdbool.h>

/* What the audit hook has seen, the last event by value. */
struct rig_audit {
    int events;
    enum mtlspin_verdict verdict;
    enum mtlspin_reason reason;
    unsigned long tls_error;
    enum mtlspin_role role;
    int resumed;
    char host[256];
    char json[MTLSPIN_EVENT_JSON_SIZE];
};

struct rig {
    struct mtlspin_verifier *verifier;
    SSL_CTX *server, *client;
    struct pair pair;
    struct rig_audit audit;
    int64_t now;      /* the verifier's clock */
    bool client_side; /* the verifier judges pair.client's server, not pair.server's client */
};

/* The two versions, for loops: _i = 0 is TLS 1.2, 1 is TLS 1.3. */
int rig_version(int index);

/* A verifier for the policy (tests/support/policy_text.h) with hook and clock, attached to nothing yet. */
void rig_verifier(struct rig *rig, const char *policy);

/* The same, with both SSL_CTXs: the server's by mtlspin_server_context. `client` as in cases.txt: NAME or NULL. */
void rig_make(struct rig *rig, const char *policy, const char *client, int version);

/* Only the client's SSL_CTX, or a server's without any verifier but with the root CA in its own store. */
SSL_CTX *rig_client(const char *client, int version);
SSL_CTX *rig_plain_server(void);

/* The client's side: a server without a verifier that presents NAME of certs/make-certs.sh, and a client of
   mtlspin_client_context that has no certificate. */
void rig_make_client(struct rig *rig, const char *policy, const char *server, int version);

/* A server's SSL_CTX that presents NAME and asks for no certificate. */
SSL_CTX *rig_public_server(const char *server);

/* A new pair of connections, and its handshake. Returns whether the server finished it. */
int rig_shake(struct rig *rig);

/* A new pair of connections whose client wants this host (SSL_set1_host; NULL = none is set), not yet talking. */
void rig_dial(struct rig *rig, const char *host);

/* Its handshake, after which the error queue is empty: what is left in it was the server's. Returns whether the client
   finished it. */
int rig_finish(struct rig *rig);

/* Both in one. */
int rig_connect(struct rig *rig, const char *host);

/* The connection that the verifier judges. */
SSL *rig_judged(const struct rig *rig);

/* mtlspin_check must refuse for this reason, and agree with itself. */
void rig_refused(struct rig *rig, enum mtlspin_reason reason);

/* mtlspin_check must allow under this label. */
void rig_allowed(struct rig *rig, const char *label);

void rig_free(struct rig *rig);

#endif
