/* What a scan tells, written down. */
#ifndef TESTS_POLICY_TOLD_H
#define TESTS_POLICY_TOLD_H

#include <mtlspin/scan.h>
#include <stdbool.h>

enum { TOLD_MOST = 400, TOLD_LOG_SIZE = 16384 };

/* A rule with copies of what was lent. */
struct told_rule {
    struct mtlspin_scan_rule rule;
    char domain[64], name[512], label[128];
    uint8_t issuer[32];
};

struct told {
    int starts; /* readings; each wipes out what the one before told */
    struct mtlspin_error mistakes[TOLD_MOST];
    struct told_rule rules[TOLD_MOST];
    struct mtlspin_scan_domain domains[TOLD_MOST]; /* names are not kept */
    size_t mistake_count, rule_count, domain_count;

    /* All calls in their order, a word each: M2:1 a mistake and its place, R3:12 a rule, A4 an anchor (S4 by `ca system`),
       L5 a list, D1:name the end of a domain and the line of its header, F:path a file. */
    char log[TOLD_LOG_SIZE];
    size_t log_length;
};

/* Ready for use in a scan, empty. free() it. */
struct told *told_new(void);

/* The scan that fills it. */
struct mtlspin_scan told_scan(struct told *told);

/* The places of the mistakes alone: "2:1 4:7". Static text. */
const char *told_places(const struct told *told);

bool told_equal(const struct mtlspin_error *a, const struct mtlspin_error *b);

/* Scans the text into `told`, and loads it. The test fails unless the two agree on whether it is a policy, on which, and on
   the first mistake, and no mistake is told twice. */
void told_agrees(struct told *told, const char *text, size_t length, const char *name);

#endif
