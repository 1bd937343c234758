/* The builder: domains opened and closed, and the policy in the end. */
#include "builder.h"
#include "anchors.h"
#include "crl.h"
#include "error.h"
#include "utf8.h"
#include <stdlib.h>
#include <string.h>

struct mtlspin_builder *
mtlspin_builder_new(void)
{
    struct mtlspin_builder *builder = calloc(1, sizeof *builder);
    if (builder == NULL)
        return NULL;
    builder->policy = mtlspin__policy_new();
    if (builder->policy != NULL)
        return builder;
    free(builder);
    return NULL;
}

void
mtlspin_builder_free(struct mtlspin_builder *builder)
{
    if (builder == NULL)
        return;
    mtlspin_policy_unref(builder->policy);
    free(builder->issuer);
    free(builder);
}

enum mtlspin_status
mtlspin__builder_begin(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (builder == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no builder");
    if (builder->failed != MTLSPIN_OK)
        return mtlspin__fail(error, builder->failed, "an earlier call on this builder failed");
    builder->culprit = MTLSPIN__CALL;
    if (builder->policy == NULL)
        builder->policy = mtlspin__policy_new();
    if (builder->policy == NULL)
        return mtlspin__builder_fail(builder, MTLSPIN__CALL, mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory"));
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin__builder_fail(struct mtlspin_builder *builder, enum mtlspin__culprit culprit, enum mtlspin_status status)
{
    builder->failed = status;
    builder->culprit = culprit;
    return status;
}

enum mtlspin_status
mtlspin__builder_overlook(struct mtlspin_builder *builder, unsigned line, unsigned column, enum mtlspin_status status,
    struct mtlspin_error *error)
{
    if (builder->scan.listener != NULL && line != 0)
        mtlspin__error_place(error, builder->file, line, column);
    status = mtlspin__scan_overlook(&builder->scan, status, error);
    builder->failed = status;
    return status;
}

static enum mtlspin_status
fail_at_domain(struct mtlspin_builder *builder, enum mtlspin_status status)
{
    builder->failed_line = builder->domain->line;
    return mtlspin__builder_fail(builder, builder->failed_line != 0 ? MTLSPIN__PLACED : MTLSPIN__CALL, status);
}

enum mtlspin_status
mtlspin__label_check(const char *label, struct mtlspin_error *error)
{
    size_t length = strlen(label);
    if (length == 0)
        return mtlspin__fail(error, MTLSPIN_ERR_VALUE, "a label cannot be empty; leave it out");
    if (length >= MTLSPIN_LABEL_SIZE)
        return mtlspin__fail(error, MTLSPIN_ERR_VALUE, "this label has %zu bytes; shorten it to at most %d", length,
            MTLSPIN_LABEL_SIZE - 1);
    if (!mtlspin__utf8_printable(label, length))
        return mtlspin__fail(error, MTLSPIN_ERR_VALUE,
            "a label is UTF-8 without control or formatting characters; delete these, or save the file as UTF-8");
    return MTLSPIN_OK;
}

/* Domains. */

static enum mtlspin_status
open_domain(struct mtlspin_builder *builder, const char *name, struct mtlspin_error *error)
{
    struct mtlspin_policy *policy = builder->policy;
    if (policy->domain_count == MTLSPIN__DOMAINS_MAX)
        return mtlspin__fail(error, MTLSPIN_ERR_POLICY,
            "a policy has at most %d trust domains; put the rules of some together", MTLSPIN__DOMAINS_MAX);
    if (policy->domains == NULL)
        policy->domains = calloc(MTLSPIN__DOMAINS_MAX, sizeof *policy->domains);
    if (policy->domains == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    builder->domain = &policy->domains[policy->domain_count];
    builder->domain->anchors = mtlspin__anchors_new();
    if (builder->domain->anchors == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    memcpy(builder->domain->name, name, strlen(name) + 1);
    builder->domain->line = builder->line;
    builder->given = 0;
    builder->ruled = builder->damaged = builder->closed = false;
    policy->domain_count++;
    return MTLSPIN_OK;
}

struct mtlspin__domain *
mtlspin__builder_current(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    if (builder->domain != NULL)
        return builder->domain;
    bool ruled = builder->ruled, damaged = builder->damaged; /* by lines of it that were overlooked */
    enum mtlspin_status status = open_domain(builder, "", error);
    builder->ruled = ruled;
    builder->damaged = damaged;
    if (status != MTLSPIN_OK)
        (void)mtlspin__builder_fail(builder, MTLSPIN__CALL, status);
    return status == MTLSPIN_OK ? builder->domain : NULL;
}

static bool
has_anchors(const struct mtlspin__domain *domain)
{
    return domain->anchors->application || domain->anchors->count > 0;
}

/* What is wrong with the anchors of the domain's mode, as a sentence; NULL = nothing. */
static const char *
anchors_wrong(const struct mtlspin__domain *domain)
{
    if (domain->chain_none && has_anchors(domain))
        return "under `chain none` there is no `ca`; delete one of the two lines";
    if (domain->chain_none && domain->partial_chain)
        return "under `chain none` there is no `partial-chain`; delete that line";
    if (domain->chain_none && domain->crls != NULL)
        return "under `chain none` there is no `crl`: no CA could revoke anything; delete it, and the lines of the revoked";
    if (domain->chain_none && domain->strict)
        return "`strict` looks at chains, and under `chain none` there is none; delete that line";
    if (domain->crls == NULL && domain->crl_grace != 0)
        return "`crl-grace` needs a `crl`; write `crl FILE` above it, or delete the line";
    if (!domain->chain_none && !has_anchors(domain))
        return "this domain has no `ca`, and without `chain none` it needs one; write `ca FILE` above its first rule";
    if (domain->anchors->application && domain->anchors->count > 0)
        return "`ca application` cannot be combined with other anchors; delete it, or the other `ca` lines";
    if (!domain->report_only)
        return NULL;
    if (domain->chain_none)
        return "`mode report-only` is not for `chain none`: it would let in everybody; delete one of the two lines";
    if (domain->anchors->system || domain->anchors->application)
        return "`mode report-only` lets in whoever its CA knows; write `ca FILE` in place of `system` or `application`";
    return NULL;
}

/* A list that is not what it says is the fault of the line that names it. */
static enum mtlspin_status
settle_crls(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    const struct mtlspin__domain *domain = builder->domain;
    enum mtlspin_status status = MTLSPIN_OK;
    size_t next = 0;
    while (status == MTLSPIN_OK && domain->crls != NULL && next < domain->crls->count) {
        unsigned line = 0;
        status = mtlspin__crls_settle(domain->crls, domain->anchors->store, &next, &line, error);
        if (status == MTLSPIN_OK)
            break;
        if (line != 0)
            mtlspin__error_place(error, builder->file, line, 1);
        status = mtlspin__builder_overlook(builder, domain->line, 1, fail_at_domain(builder, status), error);
        builder->damaged = true;
    }
    return status;
}

enum mtlspin_status
mtlspin__builder_settle(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    const struct mtlspin__domain *domain = builder->domain;
    const char *wrong = anchors_wrong(domain);
    if (builder->damaged && builder->scan.mistakes > 0)
        return MTLSPIN_OK;
    if (wrong != NULL)
        return fail_at_domain(builder, mtlspin__fail(error, MTLSPIN_ERR_POLICY, "%s", wrong));
    if (domain->anchors->incomplete[0] != '\0' && !domain->partial_chain)
        return fail_at_domain(builder, mtlspin__fail(error, MTLSPIN_ERR_POLICY,
            "the anchor %.200s is not self-signed: name its root, or write `partial-chain yes`",
            domain->anchors->incomplete));
    const struct mtlspin__domain *previous = domain == builder->policy->domains ? NULL : domain - 1;
    if (previous != NULL && previous->report_only && !domain->report_only)
        return fail_at_domain(builder, mtlspin__fail(error, MTLSPIN_ERR_POLICY,
            "domains with `mode report-only` come after all others; move them to the end of the file"));
    return settle_crls(builder, error);
}

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
    builder->failed_line = c->line;
    return mtlspin__builder_fail(builder, builder->line != 0 ? MTLSPIN__PLACED : MTLSPIN__CALL,
        mtlspin__fail(error, MTLSPIN_ERR_POLICY, "line %u says the same under another label; delete one of the two",
            c->earlier));
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
        status = mtlspin__builder_overlook(builder, c.list[i].line, 1, report_conflict(builder, &c.list[i], error), error);
    free(c.list);
    return status;
}

enum mtlspin_status
mtlspin__builder_close(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    if (builder->domain == NULL || builder->closed)
        return MTLSPIN_OK;
    enum mtlspin_status status = mtlspin__builder_settle(builder, error);
    if (status != MTLSPIN_OK)
        status = mtlspin__builder_overlook(builder, builder->failed_line, 1, status, error);
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
    status = open_domain(builder, "?", error);
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
        status = open_domain(builder, name, error);
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
