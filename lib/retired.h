/* Policies that are not in force any more, kept until nobody uses them: the last handshake under a large one shall not be
   the one that takes the time to free it. */
#ifndef MTLSPIN_LIB_RETIRED_H
#define MTLSPIN_LIB_RETIRED_H

#include "policy.h"

/* Zeroed it holds none. Without a lock of its own. */
struct mtlspin__retired {
    struct mtlspin_policy **list; /* a reference to each */
    size_t count;
};

/* Takes over the reference. false if out of memory: it is still the caller's. */
MTLSPIN_MUST_CHECK bool mtlspin__retired_add(struct mtlspin__retired *retired, struct mtlspin_policy *policy);

/* One to which nobody else has a reference, nor ever will: its last one goes to the caller. NULL = there is none. */
struct mtlspin_policy *mtlspin__retired_take(struct mtlspin__retired *retired);

/* Gives all references back. */
void mtlspin__retired_clear(struct mtlspin__retired *retired);

#endif
