/* Three live connections of one verifier, for tests of what happens to them when policy or time changes. */
#ifndef TESTS_LIVE_H
#define TESTS_LIVE_H

#include "rig.h"

enum { LIVE_FULL, LIVE_RESUMED, LIVE_CLIENT, LIVE_COUNT };

/* alice, whose handshake was a full one; mallory, who has resumed by a ticket; and a server that our client talks to. */
struct live {
    struct rig rig;            /* verifier, hook, clock, the server's SSL_CTX */
    SSL_CTX *clients[2], *public_server, *our_client;
    struct pair pairs[LIVE_COUNT];
    SSL *judged[LIVE_COUNT];
    int64_t start;             /* the clock when they were made */
};

/* What allows all three, in pieces. */
#define LIVE_CA "ca @pki@/root-ca.pem\n"
#define LIVE_ALICE "allow spki @spki:alice@ alice\n"
#define LIVE_MALLORY "allow spki @spki:mallory@ mallory\n"
#define LIVE_SERVER "allow spki @spki:server@ server\n"
#define LIVE_ALL LIVE_CA LIVE_ALICE LIVE_MALLORY LIVE_SERVER

/* Makes them under the policy, which must allow them; mtlspin_check has not been called for any. */
void live_make(struct live *live, const char *policy, int version);

/* The same with another audit hook than the rig's, which is not for several threads. */
void live_make_with(struct live *live, const char *policy, int version, mtlspin_audit_hook *hook);

/* Puts another policy into force. SOON in its text becomes an hour after the start. */
void live_policy(struct live *live, const char *policy);

void live_free(struct live *live);

#endif
