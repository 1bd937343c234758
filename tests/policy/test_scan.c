/* A policy read aloud: the mistakes are those that a load reports, and all of them; the rest is what the file says. */
#include "data.h"
#include "pki.h"
#include "policy_text.h"
#include "suite.h"
#include "told.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

static struct data_files malformed_files, wellformed_files;

static struct mtlspin_policy *
scan_text(const char *text, const char *name, struct told *told, struct mtlspin_error *error)
{
    struct mtlspin_scan scan = told_scan(told);
    scan.file = NULL; /* see test_scan_calls.c */
    struct mtlspin_policy *policy = mtlspin_policy_scan_text(text, strlen(text), name, &scan, error);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return policy;
}

/* The files of malformed/ that hold more than one mistake. */
static const struct { const char *file, *places; } several[] = {
    { "ca-after-rule-missing.policy", "2:1 3:1" }, /* at the rule nothing was known of the line behind it */
    { "deny-after-domain.policy", "3:1 2:1" },     /* its domain is empty */
    { "rule-again-first.policy", "4:1 6:1" },
};

START_TEST(malformed)
{
    const char *name = malformed_files.name[_i];
    size_t length = 0;
    ck_assert_int_eq(chdir(TESTS "/policy/malformed"), 0);
    char *content = data_read(name, &length), *text = strlen(content) == length ? policy_text(content) : content;
    struct told *told = told_new();
    told_agrees(told, text, text == content ? length : strlen(text), name);
    ck_assert_uint_gt(told->mistake_count, 0);
    const char *expected = NULL;
    for (int i = 0; i < COUNT(several); i++)
        if (strcmp(several[i].file, name) == 0)
            expected = several[i].places;
    if (expected != NULL)
        ck_assert_str_eq(told_places(told), expected);
    else
        ck_assert_msg(told->mistake_count == 1, "%s: mistakes at %s", name, told_places(told));
    if (text != content)
        free(text);
    free(content);
    free(told);
}
END_TEST

/* Well-formed policies. */

static char *
read_wellformed(int i)
{
    size_t length = 0;
    ck_assert_int_eq(chdir(TESTS "/policy/wellformed"), 0);
    char *content = data_read(wellformed_files.name[i], &length), *text = policy_text(content);
    free(content);
    return text;
}

static const char *const kinds[] = { "", "spki", "thumbprint", "serial", "ca-spki", "email", "uri", "dns", "any" };

/* The rule's line begins with its statement and its kind, and its place is that of the next word. */
static void
check_place(const char *text, const struct told_rule *told)
{
    const char *line = text, *kind = kinds[told->rule.kind];
    char statement[8] = "", word[16] = "";
    int behind = 0, last = 0;
    for (unsigned i = 1; i < told->rule.line; i++)
        line = strchr(line, '\n') + 1;
    ck_assert_int_eq(sscanf(line, " %7[a-z] %n%15[a-z-]%n", statement, &last, word, &behind), 2);
    ck_assert_str_eq(statement, told->rule.domain == NULL ? "deny" : "allow");
    ck_assert_str_eq(word, kind);
    behind += (int)strspn(line + behind, " \t");
    ck_assert_uint_eq(told->rule.column, (unsigned)(told->rule.kind == MTLSPIN_ANY ? last : behind) + 1);
}

static void
check_counts(const struct mtlspin_policy *policy, const struct told *told)
{
    size_t allow[MTLSPIN_ANY + 1] = { 0 }, deny[MTLSPIN_ANY + 1] = { 0 };
    for (size_t i = 0; i < told->rule_count; i++) {
        const struct mtlspin_scan_rule *rule = &told->rules[i].rule;
        (rule->domain != NULL ? allow : deny)[rule->kind]++;
    }
    for (enum mtlspin_kind kind = MTLSPIN_SPKI; kind <= MTLSPIN_ANY; kind++) {
        ck_assert_uint_eq(allow[kind], mtlspin_policy_count_allow(policy, kind));
        ck_assert_uint_eq(deny[kind], mtlspin_policy_count_deny(policy, kind));
    }
}

START_TEST(wellformed)
{
    const char *name = wellformed_files.name[_i];
    char *text = read_wellformed(_i);
    uint8_t loaded[32], scanned[32];
    struct told *told = told_new();
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = scan_text(text, name, told, &error);
    ck_assert_msg(policy != NULL && told->mistake_count == 0, "%s: mistakes at %s", name, told_places(told));
    ck_assert_int_eq(error.code, MTLSPIN_OK);
    mtlspin_policy_digest(policy, scanned);
    check_counts(policy, told);
    mtlspin_policy_unref(policy);
    policy = mtlspin_policy_parse(text, strlen(text), name, NULL);
    mtlspin_policy_digest(policy, loaded);
    mtlspin_policy_unref(policy);
    ck_assert_mem_eq(loaded, scanned, 32);
    for (size_t i = 0; i < told->rule_count; i++) {
        check_place(text, &told->rules[i]);
        ck_assert(i == 0 || told->rules[i - 1].rule.line < told->rules[i].rule.line);
    }
    free(told);
    free(text);
}
END_TEST

/* What is told of one policy, rule by rule. */

#define NOBODY "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define NOBODY_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char spoken[] =
    "deny spki sha256/" NOBODY "   \"st\\\"olen\"\n"
    "  deny   serial 0D:11 issuer=sha256/" NOBODY "\n"
    "\n"
    "deny serial 0x00\n"
    "host DB.Example\n"
    "host *.b.example\n"
    "chain none\n"
    "allow thumbprint SHA256 Fingerprint=" NOBODY_HEX " not-after=1970-01-02 key\n"
    "allow\tspki\tsha256//" NOBODY "\n"
    "[b-1]\n"
    "ca @pki@/clients-ca.pem\n"
    "crl @pki@/clients.crl\n"
    "crl-grace 2h\n"
    "partial-chain yes\n"
    "mode report-only unmatched=x\n"
    "  allow ca-spki " NOBODY_HEX " not-before=1970-01-01T00:00:01Z\n"
    "allow email Ops@ACME.example \"#\"\n"
    "allow uri https://a.example/#x l\n"
    "allow dns A.Example\n"
    "allow serial 0x7f issuer=@pki@/clients-ca.pem\n"
    "allow any everybody not-before=1970-01-01 not-after=1970-01-01\n";

#define FOREVER INT64_MIN, INT64_MAX
static const struct {
    unsigned line, column;
    enum mtlspin_kind kind, pin;
    size_t length;      /* of the pin */
    const char *domain, *name, *label;
    char issuer;        /* n = none, p = nobody's pin, f = of a file */
    int64_t not_before, not_after;
} rules[] = {
    { 1, 11, MTLSPIN_SPKI, MTLSPIN_SPKI, 32, "(all)", NULL, "st\"olen", 'n', FOREVER },
    { 2, 17, MTLSPIN_SERIAL, MTLSPIN_SERIAL, 2, "(all)", NULL, "", 'p', FOREVER },
    { 4, 13, MTLSPIN_SERIAL, MTLSPIN_SERIAL, 0, "(all)", NULL, "", 'n', FOREVER },
    { 8, 18, MTLSPIN_THUMBPRINT, MTLSPIN_THUMBPRINT, 32, "", NULL, "key", 'n', INT64_MIN, 2 * 86400 - 1 },
    { 9, 12, MTLSPIN_SPKI, MTLSPIN_SPKI, 32, "", NULL, "", 'n', FOREVER },
    { 16, 17, MTLSPIN_CA_SPKI, MTLSPIN_SPKI, 32, "b-1", NULL, "", 'n', 1, INT64_MAX },
    { 17, 13, MTLSPIN_EMAIL, MTLSPIN_KIND_NONE, 0, "b-1", "Ops@acme.example", "#", 'n', FOREVER },
    { 18, 11, MTLSPIN_URI, MTLSPIN_KIND_NONE, 0, "b-1", "https://a.example/#x", "l", 'n', FOREVER },
    { 19, 11, MTLSPIN_DNS, MTLSPIN_KIND_NONE, 0, "b-1", "a.example", "", 'n', FOREVER },
    { 20, 14, MTLSPIN_SERIAL, MTLSPIN_SERIAL, 1, "b-1", NULL, "", 'f', FOREVER },
    { 21, 7, MTLSPIN_ANY, MTLSPIN_KIND_NONE, 0, "b-1", NULL, "everybody", 'n', 0, 86399 },
};

static void
check_issuer(const struct told_rule *told, char issuer)
{
    struct mtlspin_pin pin = { 0 };
    X509 *ca = pki_certificate("clients-ca");
    ck_assert_int_eq(told->rule.issuer != NULL, issuer != 'n');
    if (issuer == 'p')
        ck_assert_int_eq(mtlspin_pin_parse(&pin, MTLSPIN_SPKI, NOBODY_HEX, NULL), MTLSPIN_OK);
    else if (issuer == 'f')
        ck_assert_int_eq(mtlspin_pin_from_x509(&pin, MTLSPIN_SPKI, ca, NULL), MTLSPIN_OK);
    ck_assert_mem_eq(pin.bytes, told->issuer, 32);
    X509_free(ca);
}

static void
check_rule(const struct told_rule *told, int i)
{
    ck_assert_uint_eq(told->rule.line, rules[i].line);
    ck_assert_uint_eq(told->rule.column, rules[i].column);
    ck_assert_int_eq(told->rule.kind, rules[i].kind);
    ck_assert_int_eq(told->rule.pin.kind, rules[i].pin);
    ck_assert_uint_eq(told->rule.pin.length, rules[i].length);
    ck_assert_str_eq(told->domain, rules[i].domain);
    ck_assert_int_eq(told->rule.name != NULL, rules[i].name != NULL);
    ck_assert_str_eq(told->name, rules[i].name != NULL ? rules[i].name : "");
    ck_assert_str_eq(told->label, rules[i].label);
    ck_assert_int_eq(told->rule.not_before, rules[i].not_before);
    ck_assert_int_eq(told->rule.not_after, rules[i].not_after);
    check_issuer(told, rules[i].issuer);
}

START_TEST(everything_told)
{
    char *text = policy_text(spoken);
    struct told *told = told_new();
    struct mtlspin_policy *policy = scan_text(text, "a.policy", told, NULL);
    ck_assert_str_eq(told->log,
        "R1:11 R2:17 R4:13 R8:18 R9:12 D5: A11 L12 R16:17 R17:13 R18:11 R19:11 R20:14 R21:7 D10:b-1 ");
    ck_assert_ptr_nonnull(policy);
    for (int i = 0; i < COUNT(rules); i++)
        check_rule(&told->rules[i], i);
    const struct mtlspin_scan_domain *a = &told->domains[0], *b = &told->domains[1];
    ck_assert(a->chain_none && !a->report_only && !a->application && !a->partial_chain && a->hosts == 2);
    ck_assert(!b->chain_none && b->report_only && !b->application && b->partial_chain && b->hosts == 0);
    ck_assert_int_eq(a->crl_grace, 0);
    ck_assert_int_eq(b->crl_grace, 7200);
    mtlspin_policy_unref(policy);
    free(told);
    free(text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("scanned policies");
    TCase *cases = tcase_create("cases");
    if (chdir(TESTS "/policy") != 0) {
        perror(TESTS "/policy");
        return EXIT_FAILURE;
    }
    data_list(&malformed_files, "malformed");
    data_list(&wellformed_files, "wellformed");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, malformed, 0, (int)malformed_files.count);
    tcase_add_loop_test(cases, wellformed, 0, (int)wellformed_files.count);
    tcase_add_test(cases, everything_told);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
