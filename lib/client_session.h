/* What a client keeps in the sessions that it saves, and whether one may be offered again. */
#ifndef MTLSPIN_LIB_CLIENT_SESSION_H
#define MTLSPIN_LIB_CLIENT_SESSION_H

#include "judge.h"
#include "verifier.h"
#include <openssl/ssl.h>

/* The session-id context under which sessions with `host` (normal) are made and resumed: another policy or another host
   has another one, and OpenSSL resumes none across. */
bool mtlspin__client_session_context(const struct mtlspin_policy *policy, const char *host,
    unsigned char context[SSL_MAX_SID_CTX_LENGTH]);

/* Puts into the session of a handshake what it takes to judge the server again: its verified chain, and the time. Without
   it, out of memory for example, the session is not offered again. */
void mtlspin__client_session_seal(SSL *ssl, const struct mtlspin_policy *policy, const char *host,
    const struct mtlspin__judgement *judgement, int64_t now);

/* Judges the server of a sealed session anew, for a connection to `host`. Without MTLSPIN_ALLOW in the judgement,
   do not offer the session. Release with mtlspin__judgement_clear. */
void mtlspin__client_session_judge(SSL *ssl, SSL_SESSION *session, const struct mtlspin__snapshot *snapshot,
    const char *host, int64_t now, struct mtlspin__judgement *judgement);

#endif
