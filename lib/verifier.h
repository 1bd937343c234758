/* The verifier's inside. */
#ifndef MTLSPIN_LIB_VERIFIER_H
#define MTLSPIN_LIB_VERIFIER_H

#include "policy.h"
#include <mtlspin/verifier.h>
#include <stdatomic.h>

struct mtlspin_verifier {
    atomic_size_t references;
    uint64_t number; /* no other verifier of the process has ever had it */
    atomic_bool used; /* attached or preparing connections: the setters are closed */
    struct mtlspin_policy *policy;
    uint64_t generation;
    mtlspin_audit_hook *hook;
    void *hook_user;
    mtlspin_clock *clock;
    void *clock_user;
};

int64_t mtlspin__verifier_now(const struct mtlspin_verifier *verifier);

#endif
