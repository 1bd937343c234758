/* Whether the settings of a domain go together, and which line is to blame if they do not. */
#include "anchors.h"
#include "builder.h"
#include "crl.h"
#include "error.h"
#include <stdio.h>

/* Settings that contradict each other. */
struct fault {
    struct mtlspin__spot spot;
    const char *sentence;
};

enum { FAULTS_MOST = 6 + MTLSPIN__DOMAINS_MAX }; /* of one domain, and of those before it */

struct faults {
    struct fault list[FAULTS_MOST]; /* in the order of lines; in one line, as they were found */
    size_t count;
    char intermediate[320]; /* a sentence */
};

static void
find(struct faults *faults, bool there, struct mtlspin__spot spot, const char *sentence)
{
    size_t i = faults->count;
    if (!there)
        return;
    for (; i > 0 && faults->list[i - 1].spot.line > spot.line; i--)
        faults->list[i] = faults->list[i - 1];
    faults->list[i] = (struct fault){ spot, sentence };
    faults->count++;
}

static void
find_under_chain_none(struct mtlspin_builder *builder, struct faults *faults)
{
    const struct mtlspin__domain *domain = builder->domain;
    const struct mtlspin__spot *spots = mtlspin__builder_spots(builder, domain);
    find(faults, domain->anchors->application || domain->anchors->count > 0, spots[MTLSPIN__SET_CA],
        "under `chain none` there is no `ca`; delete one of the two lines");
    find(faults, domain->partial_chain, spots[MTLSPIN__SET_PARTIAL],
        "under `chain none` there is no `partial-chain`; delete this line");
    find(faults, domain->crls != NULL, spots[MTLSPIN__SET_CRL],
        "under `chain none` there is no `crl`: no CA could revoke anything; delete it, and the lines of the revoked");
    find(faults, domain->strict, spots[MTLSPIN__SET_STRICT],
        "`strict` looks at chains, and under `chain none` there is none; delete this line");
    find(faults, domain->crl_grace != 0, spots[MTLSPIN__SET_GRACE],
        "under `chain none` there is no `crl-grace`; delete this line");
    find(faults, domain->report_only, spots[MTLSPIN__SET_MODE],
        "`mode report-only` is not for `chain none`: it would let in everybody; delete one of the two lines");
}

static void
find_under_anchors(struct mtlspin_builder *builder, struct mtlspin__spot missing, struct faults *faults)
{
    static const char watched[] =
        "`mode report-only` lets in whoever its CA knows; write `ca FILE` in place of `system` or `application`";
    const struct mtlspin__domain *domain = builder->domain;
    const struct mtlspin__anchors *anchors = domain->anchors;
    const struct mtlspin__spot *spots = mtlspin__builder_spots(builder, domain);
    find(faults, domain->crls == NULL && domain->crl_grace != 0, spots[MTLSPIN__SET_GRACE],
        "`crl-grace` needs a `crl`; write `crl FILE` above it, or delete the line");
    find(faults, !anchors->application && anchors->count == 0, missing,
        "this domain has no `ca`, and without `chain none` it needs one; write `ca FILE` above its first rule");
    find(faults, anchors->application && anchors->count > 0, spots[MTLSPIN__SET_APPLICATION],
        "`ca application` cannot be combined with other anchors; delete it, or the other `ca` lines");
    find(faults, domain->report_only && anchors->system, spots[MTLSPIN__SET_SYSTEM], watched);
    find(faults, domain->report_only && anchors->application && anchors->count == 0, spots[MTLSPIN__SET_APPLICATION],
        watched);
    (void)snprintf(faults->intermediate, sizeof faults->intermediate,
        "the anchor %.200s is not self-signed: name its root, or write `partial-chain yes`", anchors->incomplete);
    find(faults, anchors->incomplete[0] != '\0' && !domain->partial_chain, spots[MTLSPIN__SET_INTERMEDIATE],
        faults->intermediate);
}

/* Domains directly before this one that must stand behind it. Of those under `chain none`, the same line was told of. */
static void
find_too_early(struct mtlspin_builder *builder, struct faults *faults)
{
    const struct mtlspin__domain *domain = builder->domain, *d = domain;
    for (; !domain->report_only && d > builder->policy->domains && d[-1].report_only; d--)
        find(faults, !d[-1].chain_none, mtlspin__builder_spots(builder, d - 1)[MTLSPIN__SET_MODE],
            "domains with `mode report-only` come after all others; move this one to the end of the file");
}

static enum mtlspin_status
report(struct mtlspin_builder *builder, const struct faults *faults, struct mtlspin_error *error)
{
    enum mtlspin_status status = MTLSPIN_OK;
    for (size_t i = 0; status == MTLSPIN_OK && i < faults->count; i++) {
        const struct fault *fault = &faults->list[i];
        status = mtlspin__builder_overlook(builder, fault->spot.line, fault->spot.column,
            mtlspin__fail(error, MTLSPIN_ERR_POLICY, "%s", fault->sentence), error);
        builder->damaged = true;
    }
    return status;
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
        status = mtlspin__builder_overlook(builder, line != 0 ? line : domain->line, 1, status, error);
        builder->damaged = true;
    }
    return status;
}

enum mtlspin_status
mtlspin__builder_settle(struct mtlspin_builder *builder, struct mtlspin__spot missing, struct mtlspin_error *error)
{
    struct faults faults;
    if (builder->damaged && builder->scan.mistakes > 0)
        return MTLSPIN_OK;
    faults.count = 0;
    if (builder->domain->chain_none)
        find_under_chain_none(builder, &faults);
    else
        find_under_anchors(builder, missing, &faults);
    find_too_early(builder, &faults);
    enum mtlspin_status status = report(builder, &faults, error);
    return status == MTLSPIN_OK && !builder->domain->chain_none ? settle_crls(builder, error) : status;
}
