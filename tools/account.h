/* All that is known about one decision, and how it is told. */
#ifndef MTLSPIN_TOOLS_ACCOUNT_H
#define MTLSPIN_TOOLS_ACCOUNT_H

#include "near.h"
#include "reading.h"
#include "steps.h"

struct account {
    struct presented presented;
    struct near near;
    struct reading reading;
    struct question question;
    struct steps steps;
};

/* Why a rule that has to do with the peer does not let it in. */
enum { WHY_SIZE = 1000 };
struct why {
    const char *word; /* stays the same from version to version */
    char text[WHY_SIZE];
};

/* false: the rule did what it can, or says nothing about this peer. */
bool account_why(const struct account *account, const struct near_rule *rule, struct why *why);

/* One sentence of what to do about a refusal; "" where the peer is let in. Returns buffer. */
enum { ADVICE_SIZE = 800 };
const char *account_advice(const struct account *account, char buffer[ADVICE_SIZE]);

/* For people, and for programs: false if out of memory. */
void account_print(const struct account *account);
bool account_print_json(const struct account *account);

/* Words for people: "the unnamed domain" or "[name]"; "client" or "server", who is judged. */
enum { DOMAIN_NAME_SIZE = MTLSPIN_DOMAIN_SIZE + 24 };
const char *account_domain(const char *domain, char buffer[DOMAIN_NAME_SIZE]);
const char *account_peer(const struct account *account);

/* The word of a policy for a kind. */
const char *account_kind(enum mtlspin_kind kind);

#endif
