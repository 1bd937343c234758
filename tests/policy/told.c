#include "told.h"
#include <check.h>
#include <openssl/err.h>
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

bool
told_equal(const struct mtlspin_error *a, const struct mtlspin_error *b)
{
    return a->code == b->code && a->line == b->line && a->column == b->column && strcmp(a->file, b->file) == 0
        && strcmp(a->message, b->message) == 0;
}

void
told_agrees(struct told *told, const char *text, size_t length, const char *name)
{
    struct mtlspin_error loaded = MTLSPIN_ERROR_INIT, scanned = MTLSPIN_ERROR_INIT;
    struct mtlspin_scan listener = told_scan(told);
    listener.file = NULL; /* see test_scan_calls.c */
    uint8_t one[32], other[32];
    struct mtlspin_policy *load = mtlspin_policy_parse(text, length, name, &loaded);
    struct mtlspin_policy *scan = mtlspin_policy_scan_text(text, length, name, &listener, &scanned);
    if ((load == NULL) != (scan == NULL) || !told_equal(&loaded, &scanned))
        ck_abort_msg("load: %u:%u %s\nscan: %u:%u %s\n%.*s", loaded.line, loaded.column, loaded.message, scanned.line,
            scanned.column, scanned.message, (int)length, text);
    if ((scan == NULL) != (told->mistake_count > 0) || (scan == NULL && !told_equal(&scanned, &told->mistakes[0])))
        ck_abort_msg("%zu mistakes told\n%.*s", told->mistake_count, (int)length, text);
    mtlspin_policy_digest(load, one);
    mtlspin_policy_digest(scan, other);
    ck_assert_mem_eq(one, other, 32);
    mtlspin_policy_unref(load);
    mtlspin_policy_unref(scan);
    ck_assert_int_eq(told->starts, 1);
    told->starts = 0;
    ck_assert_uint_eq(ERR_peek_error(), 0);
    for (size_t i = 1; i < told->mistake_count; i++)
        for (size_t k = 0; k < i; k++)
            if (told_equal(&told->mistakes[i], &told->mistakes[k]))
                ck_abort_msg("told twice: %u:%u %s\n%.*s", told->mistakes[i].line, told->mistakes[i].column,
                    told->mistakes[i].message, (int)length, text);
}
