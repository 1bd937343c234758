/* Audit events that are about no call of the program's for one connection. */
#ifndef MTLSPIN_LIB_EVENT_H
#define MTLSPIN_LIB_EVENT_H

#include "verifier.h"
#include <openssl/types.h>

/* Tells the verifier's hook how a change of policy went: error->code is MTLSPIN_OK where it did. */
void mtlspin__event_reload(const struct mtlspin_verifier *verifier, const struct mtlspin_error *error);

/* Counts a sweep's refusal of the peer with the certificate `leaf` and reports it. `event` says what is known of the
   connection; the rest of it is filled in here. */
void mtlspin__event_sweep(const struct mtlspin_verifier *verifier, struct mtlspin_event *event,
    const struct mtlspin_decision *decision, const X509 *leaf);

#endif
