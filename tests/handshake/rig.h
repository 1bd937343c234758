/* A server with a verifier and a client, ready for a handshake that a test then spoils. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "pair.h"
#include <mtlspin/mtlspin.h>

/* What the audit hook has seen, the last event by value. */
struct rig_audit {
    int events;
    enum mtlspin_verdict verdict;
    enum mtlspin_reason reason;
    unsigned long tls_error;
    char json[MTLSPIN_EVENT_JSON_SIZE];
};

struct rig {
    struct mtlspin_verifier *verifier;
    SSL_CTX *server, *client;
    struct pair pair;
    struct rig_audit audit;
    int64_t now; /* the verifier's clock */
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

/* A new pair of connections, and its handshake. Returns whether the server finished it. */
int rig_shake(struct rig *rig);

/* mtlspin_check must refuse for this reason, and agree with itself. */
void rig_refused(struct rig *rig, enum mtlspin_reason reason);

/* mtlspin_check must allow under this label. */
void rig_allowed(struct rig *rig, const char *label);

void rig_free(struct rig *rig);

#endif
