/* Domains begun and ended, and the policy in the end. */
#include "anchors.h"
#include "builder.h"
#include "error.h"
#include <stdlib.h>
#include <string.h>

/* Of several rules that contradict earlier ones, the first is reported; where every mistake is wanted, each. */
struct conflict {
    unsigned line, earlier;
};

struct conflicts {
    bool every;            /* is wanted */
    bool lost;             /* no memory for one */
    struct conflict first; /* by line; zeroed = none */
    struct conflict *list; /* of `every` */
    size_t count;
};

static void
note_conflict(void *context, unsigned line, unsigned earlier)
{
    struct conflicts *c = context;
    if (c->first.line == 0 || line < c->first.line)
        c->first = (struct conflict){ line, earlier };
    if (!c->every)
        return;
    struct conflict *grown = realloc(c->list, (c->count + 1) * sizeof *grown);
    c->lost |= grown == NULL;
    if (grown == NULL)
        return;
    c->list = grown;
    c->list[c->count++] = (struct conflict){ line, earlier };
}

static int
compare_conflicts(const void *left, const void *right)
{
    const struct conflict *a = left, *b = right;
    return (a->line > b->line) - (a->line < b->line);
}

static enum mtlspin_status
report_conflict(struct mtlspin_builder *builder, const struct conflict *c, struct mtlspin_error *error)
{
    enum mtlspin_status status = mtlspin__fail(error, MTLSPIN_ERR_POLICY,
        "line %u says the same under another label; delete one of the two", c->earlier);
    return mtlspin__builder_overlook(builder, builder->line != 0 ? c->line : 0, 1, status, error);
}

static enum mtlspin_status
seal(struct mtlspin_builder *builder, struct mtlspin__rule_table *table, struct mtlspin_error *error)
{
    struct conflicts c = { .every = builder->scan.listener != NULL };
    enum mtlspin_status status = MTLSPIN_OK;
    if (!mtlspin__rules_digest(table) || !mtlspin__rules_seal(table, note_conflict, &c) || c.lost)
        status = mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    else if (!c.every && c.first.line != 0)
        status = report_conflict(builder, &c.first, error);
    if (c.count > 0)
        qsort(c.list, c.count, sizeof *c.list, compare_conflicts);
    for (size_t i = 0; status == MTLSPIN_OK && i < c.count; i++)
        status = report_conflict(builder, &c.list[i], error);
    free(c.list);
    return status;
}

enum mtlspin_status
mtlspin__builder_close(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    if (builder->domain == NULL || builder->closed)
        return MTLSPIN_OK;
    struct mtlspin__spot start = { builder->domain->line, 1 };
    enum mtlspin_status status = mtlspin__builder_settle(builder, start, error);
    if (status == MTLSPIN_OK)
        status = seal(builder, &builder->domain->rules, error);
    if (status == MTLSPIN_OK)
        mtlspin__scan_domain(&builder->scan, builder->domain);
    builder->closed = status == MTLSPIN_OK;
    return status;
}

enum mtlspin_status
mtlspin__builder_open_anyway(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    struct mtlspin_policy *policy = builder->policy;
    enum mtlspin_status status = mtlspin__builder_close(builder, error);
    if (status != MTLSPIN_OK)
        return status;
    if (policy->domain_count == MTLSPIN__DOMAINS_MAX) {
        struct mtlspin__domain *last = &policy->domains[--policy->domain_count];
        mtlspin__domain_clear(last);
        memset(last, 0, sizeof *last);
    }
    status = mtlspin__builder_open(builder, "?", error);
    builder->damaged = true;
    return status;
}

static bool
is_domain_name(const char *name)
{
    size_t length = strlen(name);
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return length > 0 && length < MTLSPIN_DOMAIN_SIZE && strspn(name, allowed) == length;
}

static bool
domain_exists(const struct mtlspin_policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->domain_count; i++)
        if (strcmp(policy->domains[i].name, name) == 0)
            return true;
    return false;
}

enum mtlspin_status
mtlspin_builder_domain(struct mtlspin_builder *builder, const char *name, struct mtlspin_error *error)
{
    enum mtlspin_status status = mtlspin__builder_begin(builder, error);
    if (status != MTLSPIN_OK)
        return status;
    status = mtlspin__builder_close(builder, error);
    if (status != MTLSPIN_OK)
        return status;
    if (name == NULL || !is_domain_name(name))
        status = mtlspin__fail(error, MTLSPIN_ERR_VALUE, "a domain's name is 1 to %d letters, digits, '.', '_' and '-'",
            MTLSPIN_DOMAIN_SIZE - 1);
    else if (domain_exists(builder->policy, name))
        status = mtlspin__fail(error, MTLSPIN_ERR_POLICY,
            "there is a domain of this name already; take another name, or move these lines there");
    else
        status = mtlspin__builder_open(builder, name, error);
    return status == MTLSPIN_OK ? status : mtlspin__builder_fail(builder, MTLSPIN__VALUE, status);
}

/* The end. */

static enum mtlspin_status
finish(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    struct mtlspin_policy *policy = builder->policy;
    enum mtlspin_status status = mtlspin__builder_close(builder, error);
    if (status == MTLSPIN_OK)
        status = seal(builder, &policy->denials, error);
    if (status != MTLSPIN_OK)
        return status;
    for (size_t i = 0; i < policy->domain_count; i++) {
        const struct mtlspin__domain *domain = &policy->domains[i];
        const size_t *kinds = domain->rules.kinds;
        policy->has_chain_none |= domain->chain_none;
        policy->has_hosts |= domain->host_count > 0;
        policy->has_application |= domain->anchors->application;
        policy->wants_thumbprint |= kinds[MTLSPIN_THUMBPRINT] > 0;
        policy->wants_names |= kinds[MTLSPIN_EMAIL] + kinds[MTLSPIN_URI] + kinds[MTLSPIN_DNS] > 0;
    }
    if (!mtlspin__policy_make_digest(policy))
        return mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "the policy's digest could not be made");
    return MTLSPIN_OK;
}

struct mtlspin_policy *
mtlspin_builder_build(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    struct mtlspin_policy *policy = NULL;
    enum mtlspin_status status = mtlspin__builder_begin(builder, error);
    if (builder == NULL)
        return NULL;
    if (status == MTLSPIN_OK)
        status = finish(builder, error);
    policy = builder->policy;
    if (status != MTLSPIN_OK) {
        mtlspin_policy_unref(policy);
        policy = NULL;
    }
    free(builder->issuer);
    builder->issuer = NULL; /* its file may be another one when the builder is used again */
    builder->policy = NULL;
    builder->domain = NULL;
    builder->rule_number = 0;
    builder->ruled = builder->damaged = false;
    builder->failed = MTLSPIN_OK;
    return policy;
}
