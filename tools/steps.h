/* What each trust domain of a policy says of a peer, and what comes of it. */
#ifndef MTLSPIN_TOOLS_STEPS_H
#define MTLSPIN_TOOLS_STEPS_H

#include "presented.h"
#include <mtlspin/evaluate.h>

enum { STEPS_MAX = 32 }; /* a policy has no more domains */

struct step {
    struct mtlspin_decision decision;
    STACK_OF(X509) *chain; /* with references of its own; NULL = no chain was looked at */
    bool final;
};

struct steps {
    struct step list[STEPS_MAX];
    size_t count;
    struct mtlspin_decision decision; /* of all together */
    bool lost;                        /* there was no memory for all */
};

/* The question that is asked. */
struct question {
    enum mtlspin_role role;
    const char *host; /* NULL on a server's side */
    int64_t now;
};

/* Release with steps_clear. */
void steps_take(struct steps *steps, struct mtlspin_policy *policy, const struct presented *presented,
    const struct question *question);
void steps_clear(struct steps *steps);

/* The step of a domain, or NULL: it was not asked. */
const struct step *steps_find(const struct steps *steps, const char *domain);

/* Whether the chain of this step is valid, whatever else there is to say. */
bool step_has_chain(const struct step *step);

/* What is wrong with the step's chain, in plain words; "" where nothing is. Returns buffer. */
enum { TROUBLE_SIZE = 1200 };
const char *step_trouble(const struct step *step, char buffer[TROUBLE_SIZE]);

#endif
