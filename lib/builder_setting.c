/* A domain's anchors and settings. */
#include "anchors.h"
#include "builder.h"
#include "crl.h"
#include "crl_source.h"
#include "error.h"
#include "file.h"
#include <stdlib.h>
#include <string.h>

enum { LIFETIME_MOST = 604800 }; /* seconds: RFC 8446, 4.6.1 */
enum { GRACE_MOST = 30 * 86400 }; /* seconds; whoever needs longer has no use for lists that expire */

static void
remember(struct mtlspin_builder *builder, enum mtlspin__setting setting)
{
    struct mtlspin__spot *spot = &mtlspin__builder_spots(builder, builder->domain)[setting];
    if (spot->line == 0)
        *spot = (struct mtlspin__spot){ builder->line, builder->margin };
}

/* Starts a call that changes the current domain's settings; NULL if it cannot. */
static struct mtlspin__domain *
begin(struct mtlspin_builder *builder, enum mtlspin__setting setting, struct mtlspin_error *error)
{
    if (mtlspin__builder_begin(builder, error) != MTLSPIN_OK)
        return NULL;
    struct mtlspin__domain *domain = mtlspin__builder_current(builder, error);
    const char *wrong = NULL;
    if (domain == NULL)
        return NULL;
    if (builder->ruled)
        wrong = "a domain's settings stand before its first rule; move this line up";
    else if ((builder->given & 1U << MTLSPIN__SET_MODE) != 0)
        wrong = "`mode` is the last of a domain's settings, and stands once; move this line up, or delete a second `mode`";
    else if (setting < MTLSPIN__SET_HOST && (builder->given & 1U << setting) != 0)
        wrong = "this setting was given already; delete one of the two lines";
    if (wrong != NULL) {
        (void)mtlspin__builder_fail(builder, MTLSPIN__CALL, mtlspin__fail(error, MTLSPIN_ERR_POLICY, "%s", wrong));
        return NULL;
    }
    builder->given |= 1U << setting;
    remember(builder, setting);
    return domain;
}

static enum mtlspin_status
failed(const struct mtlspin_builder *builder)
{
    return builder != NULL ? builder->failed : MTLSPIN_ERR_ARGUMENT;
}

static enum mtlspin_status
fail_value(struct mtlspin_builder *builder, enum mtlspin_status status)
{
    return mtlspin__builder_fail(builder, MTLSPIN__VALUE, status);
}

/* Anchors. */

typedef enum mtlspin_status add_path(struct mtlspin__anchors *anchors, const char *path, struct mtlspin__sources *sources,
    struct mtlspin_error *error);

/* The path as seen from the policy file; NULL after a failure. */
static char *
whole_path(struct mtlspin_builder *builder, const char *path, struct mtlspin_error *error)
{
    char *whole = NULL;
    if (path == NULL || path[0] == '\0')
        (void)fail_value(builder,
            mtlspin__fail(error, MTLSPIN_ERR_VALUE, "an empty path; write the name of a file or folder"));
    else if ((whole = mtlspin__path_beside(builder->file, path)) == NULL)
        (void)fail_value(builder, mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory"));
    return whole;
}

static enum mtlspin_status
added_anchors(struct mtlspin_builder *builder, size_t before, enum mtlspin_status status)
{
    if (status != MTLSPIN_OK)
        return fail_value(builder, status);
    if (builder->domain->anchors->incomplete[0] != '\0')
        remember(builder, MTLSPIN__SET_INTERMEDIATE);
    mtlspin__scan_anchors(&builder->scan, builder->domain, before, builder->line, false);
    return status;
}

static enum mtlspin_status
add_from(struct mtlspin_builder *builder, const char *path, add_path *add, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_CA, error);
    char *whole = domain != NULL ? whole_path(builder, path, error) : NULL;
    if (domain == NULL || whole == NULL)
        return failed(builder);
    size_t before = domain->anchors->count;
    enum mtlspin_status status = add(domain->anchors, whole, &builder->policy->sources, error);
    free(whole);
    return added_anchors(builder, before, status);
}

enum mtlspin_status
mtlspin_builder_ca_file(struct mtlspin_builder *builder, const char *path, struct mtlspin_error *error)
{
    return add_from(builder, path, mtlspin__anchors_add_file, error);
}

enum mtlspin_status
mtlspin_builder_ca_directory(struct mtlspin_builder *builder, const char *path, struct mtlspin_error *error)
{
    return add_from(builder, path, mtlspin__anchors_add_directory, error);
}

enum mtlspin_status
mtlspin_builder_ca_pem(struct mtlspin_builder *builder, const void *pem, size_t length, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_CA, error);
    if (domain == NULL)
        return failed(builder);
    enum mtlspin_status status = pem == NULL ? mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no text")
                                             : mtlspin__anchors_add_pem(domain->anchors, pem, length, "PEM text", error);
    return status == MTLSPIN_OK ? status : fail_value(builder, status);
}

enum mtlspin_status
mtlspin_builder_ca_x509(struct mtlspin_builder *builder, X509 *certificate, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_CA, error);
    if (domain == NULL)
        return failed(builder);
    enum mtlspin_status status = certificate == NULL
        ? mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no certificate")
        : mtlspin__anchors_add_x509(domain->anchors, certificate, error);
    return status == MTLSPIN_OK ? status : fail_value(builder, status);
}

enum mtlspin_status
mtlspin_builder_ca_system(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_CA, error);
    if (domain == NULL)
        return failed(builder);
    size_t before = domain->anchors->count;
    enum mtlspin_status status = mtlspin__anchors_add_system(domain->anchors, &builder->policy->sources, error);
    if (status != MTLSPIN_OK)
        return fail_value(builder, status);
    remember(builder, MTLSPIN__SET_SYSTEM);
    mtlspin__scan_anchors(&builder->scan, builder->domain, before, builder->line, true);
    return status;
}

enum mtlspin_status
mtlspin_builder_ca_application(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_CA, error);
    if (domain == NULL)
        return failed(builder);
    domain->anchors->application = true;
    remember(builder, MTLSPIN__SET_APPLICATION);
    return MTLSPIN_OK;
}

/* Revocation lists. */

/* The lists of the current domain, made by the first call; NULL after a failure. */
static struct mtlspin__crls *
begin_crls(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_CRL, error);
    if (domain == NULL)
        return NULL;
    if (domain->crls == NULL)
        domain->crls = mtlspin__crls_new();
    if (domain->crls == NULL)
        (void)mtlspin__builder_fail(builder, MTLSPIN__CALL, mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory"));
    return domain->crls;
}

typedef enum mtlspin_status add_crls(struct mtlspin__crls *crls, const char *path, unsigned line,
    struct mtlspin__sources *sources, struct mtlspin_error *error);

static enum mtlspin_status
add_crls_from(struct mtlspin_builder *builder, const char *path, add_crls *call, struct mtlspin_error *error)
{
    struct mtlspin__crls *crls = begin_crls(builder, error);
    char *whole = crls != NULL ? whole_path(builder, path, error) : NULL;
    if (crls == NULL || whole == NULL)
        return failed(builder);
    size_t before = crls->count;
    enum mtlspin_status status = call(crls, whole, builder->line, &builder->policy->sources, error);
    free(whole);
    if (status != MTLSPIN_OK)
        return fail_value(builder, status);
    mtlspin__scan_lists(&builder->scan, builder->domain, before, builder->line);
    return status;
}

enum mtlspin_status
mtlspin_builder_crl_file(struct mtlspin_builder *builder, const char *path, struct mtlspin_error *error)
{
    return add_crls_from(builder, path, mtlspin__crls_add_file, error);
}

enum mtlspin_status
mtlspin_builder_crl_directory(struct mtlspin_builder *builder, const char *path, struct mtlspin_error *error)
{
    return add_crls_from(builder, path, mtlspin__crls_add_directory, error);
}

enum mtlspin_status
mtlspin_builder_crl_bytes(struct mtlspin_builder *builder, const void *bytes, size_t length, struct mtlspin_error *error)
{
    struct mtlspin__crls *crls = begin_crls(builder, error);
    if (crls == NULL)
        return failed(builder);
    enum mtlspin_status status = bytes == NULL
        ? mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no revocation list")
        : mtlspin__crls_add_bytes(crls, bytes, length, "revocation list", 0, error);
    return status == MTLSPIN_OK ? status : fail_value(builder, status);
}

enum mtlspin_status
mtlspin_builder_crl_x509(struct mtlspin_builder *builder, X509_CRL *list, struct mtlspin_error *error)
{
    struct mtlspin__crls *crls = begin_crls(builder, error);
    if (crls == NULL)
        return failed(builder);
    enum mtlspin_status status = list == NULL ? mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no revocation list")
                                              : mtlspin__crls_add_x509(crls, list, error);
    return status == MTLSPIN_OK ? status : fail_value(builder, status);
}

enum mtlspin_status
mtlspin_builder_crl_grace(struct mtlspin_builder *builder, int64_t seconds, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_GRACE, error);
    if (domain == NULL)
        return failed(builder);
    if (seconds < 1 || seconds > GRACE_MOST)
        return fail_value(builder, mtlspin__fail(error, MTLSPIN_ERR_VALUE,
            "a grace is 1 second (1s) to 30 days (30d); write a time in between"));
    domain->crl_grace = seconds;
    return MTLSPIN_OK;
}

/* Settings. */

enum mtlspin_status
mtlspin_builder_chain(struct mtlspin_builder *builder, enum mtlspin_chain chain, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_CHAIN, error);
    if (domain == NULL)
        return failed(builder);
    if (chain != MTLSPIN_CHAIN_REQUIRED && chain != MTLSPIN_CHAIN_NONE)
        return fail_value(builder, mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "neither required nor none"));
    domain->chain_none = chain == MTLSPIN_CHAIN_NONE;
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_builder_depth(struct mtlspin_builder *builder, unsigned depth, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_DEPTH, error);
    if (domain == NULL)
        return failed(builder);
    if (depth > MTLSPIN__DEPTH_MAX)
        return fail_value(builder,
            mtlspin__fail(error, MTLSPIN_ERR_VALUE, "this depth is too large; write 0 to %d", MTLSPIN__DEPTH_MAX));
    domain->has_depth = true;
    domain->depth = depth;
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_builder_session_lifetime(struct mtlspin_builder *builder, int64_t seconds, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_LIFETIME, error);
    if (domain == NULL)
        return failed(builder);
    if (seconds < 1 || seconds > LIFETIME_MOST)
        return fail_value(builder, mtlspin__fail(error, MTLSPIN_ERR_VALUE,
            "a session lives 1 second (1s) to 7 days (7d); write a time in between"));
    domain->session_lifetime = seconds;
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_builder_partial_chain(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_PARTIAL, error);
    if (domain == NULL)
        return failed(builder);
    domain->partial_chain = true;
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_builder_strict(struct mtlspin_builder *builder, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_STRICT, error);
    if (domain == NULL)
        return failed(builder);
    domain->strict = true;
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_builder_security_level(struct mtlspin_builder *builder, unsigned level, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_LEVEL, error);
    if (domain == NULL)
        return failed(builder);
    if (level > 5)
        return fail_value(builder,
            mtlspin__fail(error, MTLSPIN_ERR_VALUE, "this security level is too high; write 0 to 5"));
    domain->has_level = true;
    domain->level = level;
    return MTLSPIN_OK;
}

/* A policy cut off behind any line must not hand a host to a more general domain than the whole policy would: so specific
   comes before general. What is wrong with the pattern's place, as a sentence; NULL = nothing. */
static const char *
host_misplaced(const struct mtlspin_builder *builder, const char *pattern)
{
    const struct mtlspin__domain *domain = builder->domain;
    for (const struct mtlspin__domain *d = builder->policy->domains; d <= domain; d++) {
        if (d->host_count == 0 && d != domain && !builder->doubtful)
            return "domains with `host` stand before those without; move this domain up";
        for (size_t i = 0; i < d->host_count; i++) {
            if (strcmp(d->hosts[i], pattern) == 0)
                return "this host has a domain already; delete one of the two lines";
            if (d != domain && mtlspin__host_matches(d->hosts[i], pattern))
                return "this host stands behind a wildcard that covers it; put it first";
        }
    }
    return NULL;
}

enum mtlspin_status
mtlspin_builder_host(struct mtlspin_builder *builder, const char *pattern, struct mtlspin_error *error)
{
    char normal[MTLSPIN__HOST_SIZE];
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_HOST, error);
    if (domain == NULL)
        return failed(builder);
    if (pattern == NULL || !mtlspin__host_normal(pattern, true, normal))
        return fail_value(builder, mtlspin__fail(error, MTLSPIN_ERR_VALUE,
            "a host is a DNS name in ASCII without trailing dot, \"*.\" and such a name, or an IP address"));
    const char *wrong = host_misplaced(builder, normal);
    if (wrong != NULL)
        return fail_value(builder, mtlspin__fail(error, MTLSPIN_ERR_POLICY, "%s", wrong));
    void *grown = realloc(domain->hosts, (domain->host_count + 1) * sizeof *domain->hosts);
    if (grown == NULL)
        return fail_value(builder, mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory"));
    domain->hosts = grown;
    memcpy(domain->hosts[domain->host_count++], normal, sizeof normal);
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_builder_report_only(struct mtlspin_builder *builder, const char *unmatched_label, struct mtlspin_error *error)
{
    struct mtlspin__domain *domain = begin(builder, MTLSPIN__SET_MODE, error);
    if (domain == NULL)
        return failed(builder);
    enum mtlspin_status status = unmatched_label != NULL ? mtlspin__label_check(unmatched_label, error)
                                                         : mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no label");
    if (status != MTLSPIN_OK || unmatched_label == NULL)
        return mtlspin__builder_fail(builder, MTLSPIN__LABEL, status);
    domain->report_only = true;
    memcpy(domain->unmatched, unmatched_label, strlen(unmatched_label) + 1);
    size_t mistakes = builder->scan.mistakes;
    status = mtlspin__builder_settle(builder, (struct mtlspin__spot){ domain->line, 1 }, error);
    if (builder->scan.mistakes > mistakes)
        builder->given &= ~(1U << MTLSPIN__SET_MODE); /* the settings that would mend it may stand behind this line */
    return status;
}
