#include "told.h"
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct told *
told_new(void)
{
    struct told *told = calloc(1, sizeof *told);
    ck_assert_ptr_nonnull(told);
    return told;
}

__attribute__((format(printf, 2, 3))) static void
note(struct told *told, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(told->log + told->log_length, sizeof told->log - told->log_length, format, arguments);
    va_end(arguments);
    ck_assert(length > 0 && (size_t)length < sizeof told->log - told->log_length);
    told->log_length += (size_t)length;
}

static void
start(void *context)
{
    struct told *told = context;
    told->starts++;
    told->mistake_count = told->rule_count = told->domain_count = told->log_length = 0;
    told->log[0] = '\0';
}

static void
mistake(void *context, const struct mtlspin_error *error)
{
    struct told *told = context;
    ck_assert_uint_lt(told->mistake_count, TOLD_MOST);
    told->mistakes[told->mistake_count++] = *error;
    note(told, "M%u:%u ", error->line, error->column);
}

static void
rule(void *context, const struct mtlspin_scan_rule *rule)
{
    struct told *told = context;
    struct told_rule *copy = &told->rules[told->rule_count++];
    ck_assert_uint_lt(told->rule_count, TOLD_MOST);
    copy->rule = *rule;
    (void)snprintf(copy->domain, sizeof copy->domain, "%s", rule->domain != NULL ? rule->domain : "(all)");
    (void)snprintf(copy->name, sizeof copy->name, "%s", rule->name != NULL ? rule->name : "");
    (void)snprintf(copy->label, sizeof copy->label, "%s", rule->label);
    memset(copy->issuer, 0, sizeof copy->issuer);
    if (rule->issuer != NULL)
        memcpy(copy->issuer, rule->issuer, sizeof copy->issuer);
    note(told, "R%u:%u ", rule->line, rule->column);
}

static void
anchor(void *context, X509 *certificate, unsigned line, int system)
{
    ck_assert_ptr_nonnull(certificate);
    note(context, "%c%u ", system ? 'S' : 'A', line);
}

static void
list(void *context, X509_CRL *crl, unsigned line)
{
    ck_assert_ptr_nonnull(crl);
    note(context, "L%u ", line);
}

static void
domain(void *context, const struct mtlspin_scan_domain *domain)
{
    struct told *told = context;
    ck_assert_uint_lt(told->domain_count, TOLD_MOST);
    told->domains[told->domain_count++] = *domain;
    note(told, "D%u:%s ", domain->line, domain->name);
}

static void
file(void *context, const char *path)
{
    note(context, "F:%s ", path);
}

struct mtlspin_scan
told_scan(struct told *told)
{
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    scan.context = told;
    scan.start = start;
    scan.mistake = mistake;
    scan.rule = rule;
    scan.anchor = anchor;
    scan.list = list;
    scan.domain = domain;
    scan.file = file;
    return scan;
}

const char *
told_places(const struct told *told)
{
    static char text[TOLD_MOST * 16];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < told->mistake_count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%u:%u", i > 0 ? " " : "", told->mistakes[i].line,
            told->mistakes[i].column);
    return text;
}
