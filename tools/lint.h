/* What is no mistake and still unwise: each of these looks for some of the warnings. */
#ifndef MTLSPIN_TOOLS_LINT_H
#define MTLSPIN_TOOLS_LINT_H

#include "index.h"

struct lint {
    struct survey *survey;
    const struct source *source;
    struct findings *findings;
    struct index allow, deny; /* of the survey's rules */
    int64_t at, within;       /* seconds */
    bool asked;               /* `within` is what the operator asked for */
    bool whole;               /* nothing is missing, for there was no mistake */
    uint32_t before[32];      /* bits for lint_precedes; a policy has no more domains */
};

/* All of them. Where memory ran out, findings->failed says so. */
void lint(struct lint *lint);

/* Rules: dates, denials, repetitions and contradictions. Marks those that never matter. */
void lint_rules(const struct lint *lint);

/* Domains as a whole; after lint_rules. */
void lint_domains(const struct lint *lint);

/* Anchors and revocation lists. */
void lint_certificates(const struct lint *lint);

/* Who may write the files. */
void lint_files(const struct lint *lint);

/* Whether the domain `earlier` lets in, if it has a rule for them, whomever `later` could: so that the same rule in the
   later one never matters. Only where that is beyond doubt. domains_compare finds it out. */
bool lint_precedes(const struct lint *lint, unsigned earlier, unsigned later);
void domains_compare(struct lint *lint);

/* For messages: a moment in UTC, and the days until then ("in 3 days"). Buffers of their callers. */
enum { WHEN_SIZE = 40 };
const char *when_text(int64_t moment, char text[WHEN_SIZE]);
const char *days_text(int64_t seconds, char text[WHEN_SIZE]);

/* How messages call a domain, such as "[web]". */
const char *domain_text(const struct domain *domain, char text[MTLSPIN_DOMAIN_SIZE + 32]);

#endif
