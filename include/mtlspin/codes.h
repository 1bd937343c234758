/* Every number that libmtlspin reports: statuses (could the call be carried out?) and reasons (why was the peer let in or
   refused?). One table each: name, number, sentence. A number never changes its meaning; new ones are added at the end of
   their group.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_CODES_H
#define MTLSPIN_CODES_H

#include <mtlspin/version.h>

#define MTLSPIN_STATUS_MAP(X)                                                              \
    X(OK, 0, "success")                                                                    \
    X(ERR_ARGUMENT, 1, "an argument is missing, out of range or of the wrong kind")        \
    X(ERR_MEMORY, 2, "out of memory")                                                      \
    X(ERR_FILE, 3, "a file or directory cannot be read")                                   \
    X(ERR_SYNTAX, 4, "a line of the policy cannot be understood")                          \
    X(ERR_VALUE, 5, "a value is not of the form that its place needs")                     \
    X(ERR_POLICY, 6, "the policy contradicts itself or a rule of the policy language")     \
    X(ERR_CERTIFICATE, 7, "a certificate, key or file of certificates cannot be used")     \
    X(ERR_CONTEXT, 8, "the SSL_CTX or SSL is of a kind that a verifier cannot guard")      \
    X(ERR_STATE, 9, "the call does not fit the object's state")                            \
    X(ERR_OPENSSL, 10, "a call to OpenSSL failed")

/* Why a decision came out as it did. 1 to 9 let the peer in, every other one refuses it. */
#define MTLSPIN_REASON_MAP(X)                                                              \
    X(NONE, 0, "no decision was made")                                                     \
    X(RULE, 1, "a rule allows the peer")                                                   \
    X(UNMATCHED, 2, "no rule allows the peer, but the domain only reports")                \
    X(NO_RULE, 10, "no rule allows the peer")                                              \
    X(NO_DOMAIN, 11, "the policy has no trust domain for this connection")                 \
    X(DENIED_SPKI, 12, "a deny rule names a key of the peer's chain")                      \
    X(DENIED_SERIAL, 13, "a deny rule names a serial number of the peer's chain")          \
    X(RULE_EXPIRED, 14, "the rule that names the peer has expired")                        \
    X(RULE_NOT_YET_VALID, 15, "the rule that names the peer is not yet valid")             \
    X(CA_CERTIFICATE, 16, "the peer identifies itself with a CA certificate")              \
    X(NO_CERTIFICATE, 30, "the peer sent no certificate")                                  \
    X(MALFORMED, 31, "the certificate holds a name or number that cannot be trusted")      \
    X(UNKNOWN_CA, 32, "the chain does not end in a trust anchor of the policy")            \
    X(EXPIRED, 33, "a certificate of the chain has expired")                               \
    X(NOT_YET_VALID, 34, "a certificate of the chain is not yet valid")                    \
    X(PURPOSE, 35, "key usage or extended key usage does not permit this use")             \
    X(WEAK, 36, "a key or signature of the chain is too weak")                             \
    X(SIGNATURE, 37, "a signature of the chain is wrong")                                  \
    X(REVOKED, 38, "a certificate of the chain is revoked")                                \
    X(HOST_MISMATCH, 39, "the certificate is not for this host")                           \
    X(CHAIN_TOO_LONG, 40, "the chain is longer than the policy permits")                   \
    X(CHAIN, 41, "the chain is not valid")                                                 \
    X(REVOCATION_UNKNOWN, 42, "no current revocation list covers the chain")               \
    X(REVOCATION_EXPIRED, 43, "the revocation list of an issuer has expired")              \
    X(REVOCATION_SIGNATURE, 44, "no revocation list of an issuer bears its signature")     \
    X(NOT_JUDGED, 60, "no verifier has judged this connection")                            \
    X(OTHER_VERIFIER, 61, "another verifier has judged this connection")                   \
    X(NOT_PREPARED, 62, "the connection was not prepared for this verifier")               \
    X(UNFINISHED, 63, "the handshake is not finished")                                     \
    X(HANDSHAKE_FAILED, 64, "OpenSSL or the peer has ended the connection")                \
    X(RESUMED, 65, "the session was resumed past the policy")                              \
    X(CERTIFICATE_CHANGED, 66, "the certificate is not the one that was judged")           \
    X(APPLICATION, 67, "the application's own verify callback or result refuses the peer") \
    X(ROLE, 68, "the verifier does not judge this side of a connection")                   \
    X(NO_HOST, 69, "no usable host name or IP address to check the server against")        \
    X(NO_STORE, 70, "the policy wants the application's trust store, and there is none")   \
    X(ANONYMOUS, 71, "the peer shows no certificate, which is optional here")              \
    X(SEVERAL_HOSTS, 72, "several host names or addresses are set, and one is needed")     \
    X(SESSION_EXPIRED, 73, "the session is older than the policy permits")                 \
    X(OUT_OF_MEMORY, 90, "out of memory while deciding")                                   \
    X(INTERNAL, 91, "the decision could not be made")

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a call could be carried out; zero is success. Since: 0.1.0 */
#define MTLSPIN_ENUM_STATUS(name, number, sentence) MTLSPIN_##name = number,
enum mtlspin_status { MTLSPIN_STATUS_MAP(MTLSPIN_ENUM_STATUS) MTLSPIN_STATUS_LAST_ = 0x7fffffff };
#undef MTLSPIN_ENUM_STATUS

/* Why a peer was let in or refused; zero is neither. Since: 0.1.0 */
#define MTLSPIN_ENUM_REASON(name, number, sentence) MTLSPIN_REASON_##name = number,
enum mtlspin_reason { MTLSPIN_REASON_MAP(MTLSPIN_ENUM_REASON) MTLSPIN_REASON_LAST_ = 0x7fffffff };
#undef MTLSPIN_ENUM_REASON

/* The stable name ("ERR_FILE", "NO_RULE") and the sentence of a number; "UNKNOWN" and "unknown code" for one that this
   version does not know. Static text. Thread-safe. Since: 0.1.0 */
MTLSPIN_API const char *mtlspin_status_name(enum mtlspin_status status);
MTLSPIN_API const char *mtlspin_status_text(enum mtlspin_status status);
MTLSPIN_API const char *mtlspin_reason_name(enum mtlspin_reason reason);
MTLSPIN_API const char *mtlspin_reason_text(enum mtlspin_reason reason);

#ifdef __cplusplus
}
#endif

#endif
