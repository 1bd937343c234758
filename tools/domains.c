/* Which domains see the same peers. */
#include "lint.h"
#include <openssl/x509.h>
#include <stdlib.h>

enum { DOMAINS = 32 };

static int
compare_anchors(const void *left, const void *right)
{
    return X509_cmp(((const struct anchor *)left)->certificate, ((const struct anchor *)right)->certificate);
}

/* Within each domain, so that two sets are alike if they are alike one by one. */
static void
sort_anchors(struct survey *survey)
{
    for (size_t i = 0; survey->anchor_count > 0 && i < survey->domain_count; i++)
        qsort(survey->anchors + survey->domains[i].anchor, survey->domains[i].anchors, sizeof *survey->anchors,
            compare_anchors);
}

static bool
same_peers(const struct survey *survey, const struct domain *a, const struct domain *b)
{
    if (a->anchors != b->anchors || a->application != b->application || a->chain_none != b->chain_none
        || a->partial_chain != b->partial_chain || a->hosts > 0 || b->hosts > 0)
        return false;
    for (size_t i = 0; i < a->anchors; i++)
        if (compare_anchors(&survey->anchors[a->anchor + i], &survey->anchors[b->anchor + i]) != 0)
            return false;
    return true;
}

/* Whether the domain has one of these settings. They stand before its first rule. */
static bool
has_setting(const struct lint *lint, const struct domain *domain, const char *const *words)
{
    unsigned end = domain->rules > 0 ? lint->survey->allow.list[domain->rule].line : domain->line;
    for (unsigned line = domain->line; line < end; line++)
        for (size_t i = 0; words[i] != NULL; i++)
            if (source_starts(lint->source, line, words[i]))
                return true;
    return false;
}

void
domains_compare(struct lint *lint)
{
    static const char *const narrowing[] = { "depth", "strict", "security-level", "crl", NULL };
    static const char *const widening[] = { "depth", NULL };
    const struct survey *survey = lint->survey;
    bool narrow[DOMAINS], wide[DOMAINS];
    lint->whole = lint->whole && survey->domain_count <= DOMAINS;
    if (!lint->whole || survey->domain_count < 2)
        return;
    sort_anchors(lint->survey);
    for (size_t i = 0; i < survey->domain_count; i++) {
        narrow[i] = has_setting(lint, &survey->domains[i], narrowing);
        wide[i] = has_setting(lint, &survey->domains[i], widening);
        for (size_t k = 0; k < i; k++)
            if (!narrow[k] && !wide[i] && same_peers(survey, &survey->domains[k], &survey->domains[i]))
                lint->before[i] |= 1U << k;
    }
}
