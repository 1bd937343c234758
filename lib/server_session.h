/* Sessions of servers: stateless tickets, each of which is judged again before it resumes. */
#ifndef MTLSPIN_LIB_SERVER_SESSION_H
#define MTLSPIN_LIB_SERVER_SESSION_H

#include "connection.h"

/* Lets the connection issue and accept tickets under the context of its policy's structure, its SNI and the application's
   own bytes. Without a ClientHello at hand, where its SSL_CTX would resume by other means, or on failure false: then forbid
   resumption. */
bool mtlspin__server_session_permit(SSL *ssl, const struct mtlspin_verifier *verifier,
    const struct mtlspin_policy *policy);

/* Whether libssl has read the ClientHello's host name already, as in a servername callback: it is no more at hand then. */
bool mtlspin__server_session_is_named(SSL *ssl);

#endif
