/* Rules: what `allow` and `deny` accept. */
#include "builder.h"
#include "certificate.h"
#include "encoding.h"
#include "error.h"
#include "file.h"
#include "name.h"
#include "rule_key.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A rule on its way into a table. */
struct draft {
    struct mtlspin_builder *builder;
    enum mtlspin_kind kind;
    const char *value, *label;
    struct mtlspin_rule_options options;
    struct mtlspin__rule rule;
    struct mtlspin_pin pin; /* of a rule by pin or serial number */
    char *name;             /* of a rule by name, in normal form, if somebody wants to know */
    struct mtlspin_error *error;
};

static enum mtlspin_status
fail(struct draft *d, enum mtlspin__culprit culprit, enum mtlspin_status status)
{
    return mtlspin__builder_fail(d->builder, culprit, status);
}

static bool
has_dates(const struct draft *d)
{
    return d->options.not_before != INT64_MIN || d->options.not_after != INT64_MAX;
}

/* A digest of any kind counts, so that a wrong one is called wrong and not a missing file. */
static bool
looks_like_pin(const char *text)
{
    size_t length = strlen(text);
    return strncasecmp(text, "sha256/", 7) == 0
        || (length >= 32 && strspn(text, "0123456789abcdefABCDEF:") == length);
}

/* A file with exactly one certificate: with several, nobody could tell which one is meant. */
static enum mtlspin_status
issuer_from_file(struct draft *d, struct mtlspin_pin *pin)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    size_t length = 0;
    char *path = mtlspin__path_beside(d->builder->file, d->options.issuer), *content = NULL;
    struct mtlspin_error damage = MTLSPIN_ERROR_INIT;
    enum mtlspin_status status = MTLSPIN_ERR_MEMORY;
    if (path == NULL)
        return mtlspin__fail(d->error, status, "out of memory");
    content = mtlspin__file_read(path, &length, &d->builder->policy->sources, d->error);
    const char *first = content != NULL ? strstr(content, begin) : NULL;
    if (content == NULL)
        status = MTLSPIN_ERR_FILE;
    else if (first == NULL || strlen(content) != length)
        status = mtlspin__fail(d->error, MTLSPIN_ERR_CERTIFICATE,
            "%s: no PEM certificate in it; take what `openssl x509 -in FILE -out FILE.pem` writes", path);
    else if (strstr(first + 1, begin) != NULL)
        status = mtlspin__fail(d->error, MTLSPIN_ERR_CERTIFICATE,
            "%s: several certificates in it; issuer= needs a file with that of the issuing CA alone", path);
    else
        status = mtlspin_pin_from_pem(pin, MTLSPIN_SPKI, first, length - (size_t)(first - content), &damage);
    if (damage.code != MTLSPIN_OK)
        (void)mtlspin__fail(d->error, status, "%s: %s", path, damage.message);
    else if (status == MTLSPIN_OK && !mtlspin__pem_is_ca(first, length - (size_t)(first - content)))
        status = mtlspin__fail(d->error, MTLSPIN_ERR_CERTIFICATE,
            "%s: not a CA's certificate; issuer= names the CA that issued the peer's", path);
    free(content);
    free(path);
    return status;
}

static enum mtlspin_status
find_issuer(struct draft *d)
{
    struct mtlspin_builder *builder = d->builder;
    struct mtlspin_pin pin;
    if (builder->issuer != NULL && strcmp(builder->issuer, d->options.issuer) == 0)
        return MTLSPIN_OK;
    enum mtlspin_status status = looks_like_pin(d->options.issuer)
        ? mtlspin_pin_parse(&pin, MTLSPIN_SPKI, d->options.issuer, d->error)
        : issuer_from_file(d, &pin);
    if (status != MTLSPIN_OK)
        return status;
    free(builder->issuer);
    builder->issuer = strdup(d->options.issuer);
    memcpy(builder->issuer_spki, pin.bytes, 32);
    return MTLSPIN_OK;
}

static enum mtlspin_status
make_serial_key(struct draft *d)
{
    enum mtlspin_status status = mtlspin_pin_parse(&d->pin, MTLSPIN_SERIAL, d->value, d->error);
    if (status != MTLSPIN_OK)
        return fail(d, MTLSPIN__VALUE, status);
    if (d->options.issuer != NULL && (status = find_issuer(d)) != MTLSPIN_OK)
        return fail(d, MTLSPIN__ISSUER, status);
    if (!mtlspin__serial_key(&d->pin, d->options.issuer != NULL ? d->builder->issuer_spki : NULL, d->rule.key))
        return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_OPENSSL, "the serial number cannot be hashed"));
    return MTLSPIN_OK;
}

static enum mtlspin_status
make_name_key(struct draft *d)
{
    char normal[MTLSPIN__NAME_SIZE];
    const char *what = d->kind == MTLSPIN_EMAIL ? "e-mail address; write one such as ops@acme.example"
        : d->kind == MTLSPIN_URI                ? "URI; write one such as spiffe://acme.example/agent"
                                                : "DNS name; write one in ASCII such as agent.acme.example";
    if (d->kind == MTLSPIN_DNS && strchr(d->value, '*') != NULL)
        return fail(d, MTLSPIN__VALUE, mtlspin__fail(d->error, MTLSPIN_ERR_VALUE,
            "wildcards are not matched; write each name as it stands in the certificate"));
    if (!mtlspin__name_normal(d->kind, d->value, strlen(d->value), normal))
        return fail(d, MTLSPIN__VALUE, mtlspin__fail(d->error, MTLSPIN_ERR_VALUE, "this is no %s", what));
    d->rule.spiffe = d->kind == MTLSPIN_URI && mtlspin__name_is_spiffe(normal);
    if (!mtlspin__name_key(d->kind, normal, d->rule.key))
        return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_OPENSSL, "the name cannot be hashed"));
    if (d->builder->scan.listener != NULL && (d->name = strdup(normal)) == NULL)
        return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_MEMORY, "out of memory"));
    return MTLSPIN_OK;
}

static enum mtlspin_status
make_digest_key(struct draft *d)
{
    enum mtlspin_kind kind = d->kind == MTLSPIN_CA_SPKI ? MTLSPIN_SPKI : d->kind;
    enum mtlspin_status status = mtlspin_pin_parse(&d->pin, kind, d->value, d->error);
    if (status != MTLSPIN_OK)
        return fail(d, MTLSPIN__VALUE, status);
    memcpy(d->rule.key, d->pin.bytes, 32);
    return MTLSPIN_OK;
}

static enum mtlspin_status
make_key(struct draft *d)
{
    if ((d->value == NULL) != (d->kind == MTLSPIN_ANY))
        return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_ARGUMENT, "every rule but `any` has a value"));
    if (d->options.issuer != NULL && d->kind != MTLSPIN_SERIAL)
        return fail(d, MTLSPIN__ISSUER, mtlspin__fail(d->error, MTLSPIN_ERR_POLICY,
            "issuer= belongs to `serial` alone; delete it"));
    switch (d->kind) {
    case MTLSPIN_SPKI:
    case MTLSPIN_THUMBPRINT:
    case MTLSPIN_CA_SPKI: return make_digest_key(d);
    case MTLSPIN_SERIAL: return make_serial_key(d);
    case MTLSPIN_EMAIL:
    case MTLSPIN_URI:
    case MTLSPIN_DNS: return make_name_key(d);
    default: return MTLSPIN_OK; /* `any`: the zeroed key */
    }
}

static void
tell(const struct draft *d, bool denial)
{
    const struct mtlspin_builder *builder = d->builder;
    if (builder->scan.listener == NULL)
        return;
    const struct mtlspin_scan_rule rule = {
        .domain = denial ? NULL : builder->domain->name,
        .kind = d->kind,
        .pin = d->pin,
        .name = d->name,
        .issuer = d->options.issuer != NULL ? builder->issuer_spki : NULL,
        .label = d->label != NULL ? d->label : "",
        .not_before = d->options.not_before,
        .not_after = d->options.not_after,
        .line = d->rule.line,
        .column = builder->column,
    };
    mtlspin__scan_rule(&builder->scan, &rule);
}

static enum mtlspin_status
add(struct draft *d, struct mtlspin__rule_table *table)
{
    struct mtlspin__period period = { d->options.not_before, d->options.not_after };
    if (period.not_before > period.not_after)
        return fail(d, MTLSPIN__DATE, mtlspin__fail(d->error, MTLSPIN_ERR_VALUE,
            "this rule ends before it begins; write a not-after= that is later than its not-before="));
    enum mtlspin_status status = d->label != NULL ? mtlspin__label_check(d->label, d->error) : MTLSPIN_OK;
    if (status != MTLSPIN_OK)
        return fail(d, MTLSPIN__LABEL, status);
    d->builder->rule_number++;
    d->rule.line = d->builder->line != 0 ? d->builder->line : d->builder->rule_number;
    if (mtlspin__rules_add(table, d->kind, d->rule, d->label, has_dates(d) ? &period : NULL)) {
        tell(d, table == &d->builder->policy->denials);
        return MTLSPIN_OK;
    }
    return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_MEMORY, "out of memory"));
}

/* Field by field: an initializer would zero all of it first, which is seen in the time that a million rules take. */
static void
start(struct draft *d, struct mtlspin_builder *builder, enum mtlspin_kind kind, const char *value, const char *label,
    struct mtlspin_error *error)
{
    d->builder = builder;
    d->kind = kind;
    d->value = value;
    d->label = label;
    d->options = (struct mtlspin_rule_options)MTLSPIN_RULE_OPTIONS_INIT;
    memset(&d->rule, 0, sizeof d->rule);
    memset(&d->pin, 0, sizeof d->pin);
    d->name = NULL;
    d->error = error;
}

static enum mtlspin_status
begin(struct draft *d, const struct mtlspin_rule_options *options)
{
    enum mtlspin_status status = mtlspin__builder_begin(d->builder, d->error);
    if (status != MTLSPIN_OK)
        return status;
    if (d->kind < MTLSPIN_SPKI || d->kind > MTLSPIN_ANY)
        return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_ARGUMENT, "not a kind of rule"));
    if (options == NULL)
        return MTLSPIN_OK;
    if (options->size != sizeof *options)
        return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_ARGUMENT,
            "start the options from MTLSPIN_RULE_OPTIONS_INIT"));
    d->options = *options;
    return MTLSPIN_OK;
}

/* A denial that names an issuer also stands for certificates whose issuer cannot be established (decide.c). */
static enum mtlspin_status
add_unissued(struct draft *d)
{
    if (mtlspin__serial_key(&d->pin, NULL, d->rule.key)
        && mtlspin__rules_add(&d->builder->policy->denials, MTLSPIN__UNISSUED_SERIAL, d->rule, d->label, NULL))
        return MTLSPIN_OK;
    return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_MEMORY, "out of memory"));
}

static enum mtlspin_status
check_deny(struct draft *d)
{
    if (d->builder->domain != NULL)
        return fail(d, MTLSPIN__CALL, mtlspin__fail(d->error, MTLSPIN_ERR_POLICY,
            "`deny` lines stand at the top, before the first `ca`, domain or rule; move this line there"));
    if (d->kind == MTLSPIN_THUMBPRINT)
        return fail(d, MTLSPIN__KIND, mtlspin__fail(d->error, MTLSPIN_ERR_POLICY, "a thumbprint cannot be denied: a "
            "certificate's hash can be changed without breaking its ECDSA signature; deny its key (`spki`) or `serial`"));
    if (d->kind != MTLSPIN_SPKI && d->kind != MTLSPIN_SERIAL)
        return fail(d, MTLSPIN__KIND, mtlspin__fail(d->error, MTLSPIN_ERR_POLICY,
            "`deny` takes `spki` or `serial`; write the key's pin or the serial number"));
    if (has_dates(d))
        return fail(d, MTLSPIN__DATE, mtlspin__fail(d->error, MTLSPIN_ERR_POLICY,
            "a denial has no dates: it holds until its line is removed; delete the date"));
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_builder_deny(struct mtlspin_builder *builder, enum mtlspin_kind kind, const char *value, const char *label,
    const struct mtlspin_rule_options *options, struct mtlspin_error *error)
{
    struct draft d;
    start(&d, builder, kind, value, label, error);
    enum mtlspin_status status = begin(&d, options);
    if (status == MTLSPIN_OK)
        status = check_deny(&d);
    if (status == MTLSPIN_OK)
        status = make_key(&d);
    if (status == MTLSPIN_OK)
        status = add(&d, &builder->policy->denials);
    return status == MTLSPIN_OK && d.options.issuer != NULL ? add_unissued(&d) : status;
}

/* The domain's settings are complete: what is missing shows at its first rule. */
static enum mtlspin_status
settle(struct draft *d)
{
    struct mtlspin_builder *builder = d->builder;
    if (builder->ruled)
        return MTLSPIN_OK;
    builder->ruled = true;
    return mtlspin__builder_settle(builder, (struct mtlspin__spot){ builder->line, builder->margin }, d->error);
}

static enum mtlspin_status
check_allow(struct draft *d, const struct mtlspin__domain *domain)
{
    enum mtlspin_status status = settle(d);
    if (status != MTLSPIN_OK)
        return status;
    if (domain->chain_none && d->kind != MTLSPIN_SPKI && d->kind != MTLSPIN_THUMBPRINT)
        return fail(d, MTLSPIN__KIND, mtlspin__fail(d->error, MTLSPIN_ERR_POLICY,
            "under `chain none` nothing but `spki` and `thumbprint` identifies a peer; write one of them, or name a `ca`"));
    if (d->kind == MTLSPIN_SERIAL && d->options.issuer == NULL)
        return fail(d, MTLSPIN__VALUE, mtlspin__fail(d->error, MTLSPIN_ERR_POLICY,
            "a serial number needs issuer= with the issuing CA's certificate file or SPKI pin: every CA can use it"));
    return MTLSPIN_OK;
}

enum mtlspin_status
mtlspin_builder_allow(struct mtlspin_builder *builder, enum mtlspin_kind kind, const char *value, const char *label,
    const struct mtlspin_rule_options *options, struct mtlspin_error *error)
{
    struct draft d;
    start(&d, builder, kind, value, label, error);
    enum mtlspin_status status = begin(&d, options);
    if (status != MTLSPIN_OK)
        return status;
    struct mtlspin__domain *domain = mtlspin__builder_current(builder, error);
    if (domain == NULL)
        return builder->failed;
    status = check_allow(&d, domain);
    if (status == MTLSPIN_OK)
        status = make_key(&d);
    if (status == MTLSPIN_OK)
        status = add(&d, &domain->rules);
    free(d.name);
    return status;
}
