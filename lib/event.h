/* Audit events that are about no handshake. */
#ifndef MTLSPIN_LIB_EVENT_H
#define MTLSPIN_LIB_EVENT_H

#include "verifier.h"

/* Tells the verifier's hook how a change of policy went: error->code is MTLSPIN_OK where it did. */
void mtlspin__event_reload(const struct mtlspin_verifier *verifier, const struct mtlspin_error *error);

#endif
