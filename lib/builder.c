/* The builder: calls that fail, and the current domain. */
#include "builder.h"
#include "anchors.h"
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
    if (line != 0)
        mtlspin__error_place(error, builder->file, line, column);
    status = mtlspin__scan_overlook(&builder->scan, status, error);
    builder->failed = status;
    return status;
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

enum mtlspin_status
mtlspin__builder_open(struct mtlspin_builder *builder, const char *name, struct mtlspin_error *error)
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
    memset(builder->spots[policy->domain_count], 0, sizeof *builder->spots);
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
    enum mtlspin_status status = mtlspin__builder_open(builder, "", error);
    builder->ruled = ruled;
    builder->damaged = damaged;
    if (status != MTLSPIN_OK)
        (void)mtlspin__builder_fail(builder, MTLSPIN__CALL, status);
    return status == MTLSPIN_OK ? builder->domain : NULL;
}

struct mtlspin__spot *
mtlspin__builder_spots(struct mtlspin_builder *builder, const struct mtlspin__domain *domain)
{
    return builder->spots[domain - builder->policy->domains];
}
