/* A policy that has been read for an explanation. */
#ifndef MTLSPIN_TOOLS_READING_H
#define MTLSPIN_TOOLS_READING_H

#include "near.h"
#include <mtlspin/scan.h>

enum { DOMAINS_MAX = 32, MISTAKES_SHOWN = 5, LINE_SIZE = 1000 };

struct reading_domain {
    char name[MTLSPIN_DOMAIN_SIZE];
    unsigned line;
    bool chain_none, report_only, application, hosts;
};

struct reading {
    const char *path; /* as it was given */
    char *text;
    size_t length;
    struct mtlspin_policy *policy;
    struct near *near;
    struct reading_domain domains[DOMAINS_MAX];
    size_t domain_count, rules, denials;
    size_t mistakes;
    struct mtlspin_error shown[MISTAKES_SHOWN]; /* the first of them */
};

/* Reads a policy, "-" is standard input, and tells `near` of its rules and anchors. On false trouble() has said what is
   wrong. Release with reading_clear in any case. */
bool reading_start(struct reading *reading, const char *command, const char *path, struct near *near);

void reading_clear(struct reading *reading);

/* The domain of that name, or NULL. */
const struct reading_domain *reading_find(const struct reading *reading, const char *name);

/* The policy's name in messages. */
const char *reading_name(const struct reading *reading);

/* A line as it stands in the policy, its outer space apart, fit to be shown and cut to fit. Returns buffer. */
const char *reading_line(const struct reading *reading, unsigned line, char buffer[LINE_SIZE]);

#endif
