/* The digest of a policy's content: what decides, in one fixed order and encoding; no path, no line, no spacing. */
#include "anchors.h"
#include "digest.h"
#include "encoding.h"
#include "policy.h"
#include <stdlib.h>
#include <string.h>

/* Numbers and texts are written so that no two contents give the same bytes. */
static void
add_number(struct mtlspin__hash *hash, int64_t number)
{
    uint8_t bytes[8];
    mtlspin__number_put(bytes, number);
    mtlspin__hash_add(hash, bytes, sizeof bytes);
}

static void
add_text(struct mtlspin__hash *hash, const char *text)
{
    add_number(hash, (int64_t)strlen(text));
    mtlspin__hash_add(hash, text, strlen(text));
}

/* In few bytes, since there are many rules: what is always there, the period if there is one, the label with its end. */
static void
add_rule(struct mtlspin__hash *hash, const struct mtlspin__rule_table *table, const struct mtlspin__rule *rule)
{
    enum { DATED = 0x80 };
    const char *label = mtlspin__rules_label(table, rule);
    uint8_t front[1 + sizeof rule->key];
    front[0] = (uint8_t)(rule->kind | (rule->period != 0 ? DATED : 0));
    memcpy(front + 1, rule->key, sizeof rule->key);
    mtlspin__hash_add(hash, front, sizeof front);
    if (rule->period != 0) {
        add_number(hash, mtlspin__rules_period(table, rule)->not_before);
        add_number(hash, mtlspin__rules_period(table, rule)->not_after);
    }
    mtlspin__hash_add(hash, label, strlen(label) + 1);
}

bool
mtlspin__rules_digest(struct mtlspin__rule_table *table)
{
    struct mtlspin__hash *hash = mtlspin__hash_new();
    for (size_t i = 0; i < table->count; i++)
        add_rule(hash, table, &table->rules[i]);
    return mtlspin__hash_finish(hash, table->digest);
}

static int
compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, 64);
}

/* Their order decides nothing. */
static bool
identify_anchors(struct mtlspin__anchors *anchors)
{
    uint8_t digest[32];
    void *sorted = malloc(anchors->count * 64 + 1);
    if (sorted == NULL)
        return false;
    if (anchors->count > 0) {
        memcpy(sorted, anchors->digests, anchors->count * 64);
        qsort(sorted, anchors->count, 64, compare_digests);
    }
    struct mtlspin__hash *hash = mtlspin__hash_new();
    add_number(hash, anchors->application);
    add_number(hash, (int64_t)anchors->count);
    mtlspin__hash_add(hash, sorted, anchors->count * 64);
    bool good = mtlspin__hash_finish(hash, digest);
    memcpy(anchors->id, digest, sizeof anchors->id);
    free(sorted);
    return good;
}

static bool
identify_validation(struct mtlspin__domain *domain)
{
    const int64_t numbers[] = { domain->chain_none, domain->partial_chain, domain->strict, domain->has_depth, domain->depth,
        domain->has_level, domain->level, domain->anchors->application };
    uint8_t digest[32];
    struct mtlspin__hash *hash = mtlspin__hash_new();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        add_number(hash, numbers[i]);
    bool good = mtlspin__hash_finish(hash, digest);
    memcpy(domain->validation, digest, sizeof domain->validation);
    return good;
}

/* What a session may not outlive, whatever its peer: under another structure another chain or domain may count. */
static bool
make_structure(struct mtlspin_policy *policy)
{
    struct mtlspin__hash *hash = mtlspin__hash_new();
    for (size_t i = 0; i < policy->domain_count; i++) {
        const struct mtlspin__domain *domain = &policy->domains[i];
        add_text(hash, domain->name);
        mtlspin__hash_add(hash, domain->validation, sizeof domain->validation);
        mtlspin__hash_add(hash, domain->anchors->id, sizeof domain->anchors->id);
        add_number(hash, domain->report_only);
        add_number(hash, domain->session_lifetime);
        add_number(hash, (int64_t)domain->host_count);
        for (size_t h = 0; h < domain->host_count; h++)
            add_text(hash, domain->hosts[h]);
    }
    return mtlspin__hash_finish(hash, policy->structure);
}

static int
compare_lists(const void *left, const void *right)
{
    const struct mtlspin__crl *const *a = left, *const *b = right;
    return memcmp((*a)->digest, (*b)->digest, 32);
}

/* The same goes for them. */
static void
add_crls(struct mtlspin__hash *hash, struct mtlspin__crls *crls)
{
    add_number(hash, crls != NULL ? (int64_t)crls->count : -1);
    if (crls == NULL || crls->count == 0)
        return;
    qsort(crls->list, crls->count, sizeof(struct mtlspin__crl *), compare_lists);
    for (size_t i = 0; i < crls->count; i++)
        mtlspin__hash_add(hash, crls->list[i]->digest, sizeof crls->list[i]->digest);
}

static void
add_domain(struct mtlspin__hash *hash, const struct mtlspin__domain *domain)
{
    const int64_t numbers[] = { domain->chain_none, domain->report_only, domain->partial_chain, domain->strict,
        domain->has_depth, domain->depth, domain->has_level, domain->level, domain->session_lifetime,
        domain->crl_grace, (int64_t)domain->host_count };
    add_text(hash, domain->name);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        add_number(hash, numbers[i]);
    add_text(hash, domain->unmatched);
    for (size_t i = 0; i < domain->host_count; i++)
        add_text(hash, domain->hosts[i]);
    mtlspin__hash_add(hash, domain->anchors->id, sizeof domain->anchors->id);
    add_crls(hash, domain->crls);
    mtlspin__hash_add(hash, domain->rules.digest, sizeof domain->rules.digest);
}

bool
mtlspin__policy_make_digest(struct mtlspin_policy *policy)
{
    struct mtlspin__hash *hash = mtlspin__hash_new();
    bool good = true;
    mtlspin__hash_add(hash, policy->denials.digest, sizeof policy->denials.digest);
    for (size_t i = 0; good && i < policy->domain_count; i++)
        good = identify_anchors(policy->domains[i].anchors) && identify_validation(&policy->domains[i]);
    add_number(hash, (int64_t)policy->domain_count);
    for (size_t i = 0; good && i < policy->domain_count; i++)
        add_domain(hash, &policy->domains[i]);
    return mtlspin__hash_finish(hash, policy->digest) && good && make_structure(policy);
}
