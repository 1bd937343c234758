/* What is told of a policy while it is read. */
#include "scan.h"
#include "anchors.h"
#include "crl.h"
#include "error.h"

enum mtlspin_status
mtlspin__scan_overlook(struct mtlspin__scan *scan, enum mtlspin_status status, struct mtlspin_error *error)
{
    if (scan->listener == NULL || status == MTLSPIN_ERR_MEMORY)
        return status;
    if (scan->mistakes++ == 0)
        scan->first = *error;
    if (scan->listener->mistake != NULL)
        scan->listener->mistake(scan->listener->context, error);
    mtlspin__error_clear(error);
    return MTLSPIN_OK;
}

void
mtlspin__scan_rule(const struct mtlspin__scan *scan, const struct mtlspin_scan_rule *rule)
{
    if (scan->listener != NULL && scan->listener->rule != NULL)
        scan->listener->rule(scan->listener->context, rule);
}

void
mtlspin__scan_anchors(const struct mtlspin__scan *scan, const struct mtlspin__domain *domain, size_t from, unsigned line,
    bool system)
{
    if (scan->listener == NULL || scan->listener->anchor == NULL)
        return;
    for (size_t i = from; i < domain->anchors->count; i++)
        scan->listener->anchor(scan->listener->context, mtlspin__anchors_get(domain->anchors, i), line, system);
}

void
mtlspin__scan_lists(const struct mtlspin__scan *scan, const struct mtlspin__domain *domain, size_t from, unsigned line)
{
    if (scan->listener == NULL || scan->listener->list == NULL)
        return;
    for (size_t i = from; i < domain->crls->count; i++)
        scan->listener->list(scan->listener->context, mtlspin__crls_get(domain->crls, i), line);
}

void
mtlspin__scan_domain(const struct mtlspin__scan *scan, const struct mtlspin__domain *domain)
{
    if (scan->listener == NULL || scan->listener->domain == NULL)
        return;
    const struct mtlspin_scan_domain view = {
        .name = domain->name,
        .line = domain->line,
        .chain_none = domain->chain_none,
        .report_only = domain->report_only,
        .application = domain->anchors->application,
        .partial_chain = domain->partial_chain,
        .hosts = domain->host_count,
        .crl_grace = domain->crl_grace,
    };
    scan->listener->domain(scan->listener->context, &view);
}
