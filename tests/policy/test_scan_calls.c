/* The scan's calls: which are made, what they are given, and what wrong arguments come to. */
#include "data.h"
#include "suite.h"
#include "told.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

#define A "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define B "sha256/K9gGyX8OAK8aH8Myj6djqSaXI8jbj6xPk69x2xhtbpA="

/* All that a policy can hold, without a mistake and with some. */
static const char *const texts[] = {
    "deny serial 0x12 issuer=clients-ca.pem\nca root-ca.pem\ncrl root.crl\nallow any\n[b]\nchain none\nallow spki " A "\n",
    "deny x\nca root-ca.pem\ncrl root.crl\ncrl x\nallow any\nallow\n[b c]\nallow spki " A "\n[d]\nallow any\n",
};

static void
check_silenced(const char *text, const struct mtlspin_scan *scan)
{
    uint8_t one[32], other[32];
    struct mtlspin_error loaded = MTLSPIN_ERROR_INIT, scanned = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *load = mtlspin_policy_parse(text, strlen(text), NULL, &loaded);
    struct mtlspin_policy *policy = mtlspin_policy_scan_text(text, strlen(text), NULL, scan, &scanned);
    mtlspin_policy_digest(load, one);
    mtlspin_policy_digest(policy, other);
    ck_assert_mem_eq(one, other, 32);
    ck_assert_int_eq(loaded.code, scanned.code);
    ck_assert_uint_eq(loaded.line, scanned.line);
    ck_assert_str_eq(loaded.message, scanned.message);
    ck_assert_str_eq(loaded.file, scanned.file);
    mtlspin_policy_unref(load);
    mtlspin_policy_unref(policy);
    policy = mtlspin_policy_scan_text(text, strlen(text), NULL, scan, NULL);
    ck_assert_int_eq(policy != NULL, loaded.code == MTLSPIN_OK);
    mtlspin_policy_unref(policy);
}

/* Whoever does not want to be told something is not, and the result is the same. */
START_TEST(a_call_is_left_out)
{
    struct told *told = told_new();
    struct mtlspin_scan scan = told_scan(told), none = MTLSPIN_SCAN_INIT;
    switch (_i / COUNT(texts)) {
    case 0: scan.start = NULL; break;
    case 1: scan.mistake = NULL; break;
    case 2: scan.rule = NULL; break;
    case 3: scan.anchor = NULL; break;
    case 4: scan.list = NULL; break;
    case 5: scan.domain = NULL; break;
    case 6: scan.file = NULL; break;
    default: scan = none; break;
    }
    check_silenced(texts[_i % COUNT(texts)], &scan);
    ck_assert_int_eq(told->log_length > 0, scan.context != NULL);
    free(told);
}
END_TEST

static const struct { size_t size; bool none, no_text; size_t length; enum mtlspin_status status; } wrong[] = {
    { sizeof(struct mtlspin_scan), true, false, 1, MTLSPIN_ERR_ARGUMENT },
    { 0, false, false, 1, MTLSPIN_ERR_ARGUMENT },
    { sizeof(struct mtlspin_scan) - 1, false, false, 1, MTLSPIN_ERR_ARGUMENT },
    { sizeof(struct mtlspin_scan) + 8, false, false, 1, MTLSPIN_ERR_ARGUMENT },
    { sizeof(struct mtlspin_scan), false, true, 1, MTLSPIN_ERR_ARGUMENT },
    { sizeof(struct mtlspin_scan), false, true, 0, MTLSPIN_ERR_ARGUMENT },
    { sizeof(struct mtlspin_scan), false, false, 0, MTLSPIN_ERR_POLICY },
};

START_TEST(wrong_arguments)
{
    struct told *told = told_new();
    struct mtlspin_scan scan = told_scan(told);
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    error.line = 4711;
    scan.size = wrong[_i].size;
    const struct mtlspin_scan *given = wrong[_i].none ? NULL : &scan;
    const char *text = wrong[_i].no_text ? NULL : "";
    ck_assert_ptr_null(mtlspin_policy_scan_text(text, wrong[_i].length, NULL, given, &error));
    ck_assert_int_eq(error.code, wrong[_i].status);
    ck_assert_str_ne(error.message, "");
    ck_assert_uint_eq(error.line, 0);
    ck_assert_ptr_null(mtlspin_policy_scan_text(text, wrong[_i].length, NULL, given, NULL));
    ck_assert_ptr_null(mtlspin_policy_scan(NULL, given, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
    ck_assert_uint_eq(told->mistake_count, wrong[_i].status == MTLSPIN_ERR_POLICY);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    free(told);
}
END_TEST

/* Files. */

static const struct { const char *text, *files; } reads[] = {
    { "chain none\nallow spki " A "\n", "F:a.policy " },
    { "ca anchors\nca root-ca.pem\ncrl lists\nallow serial 0x12 issuer=clients-ca.pem\n",
        "F:a.policy F:anchors F:anchors/partner.crt F:anchors/root.pem F:root-ca.pem F:lists F:lists/again.der "
        "F:lists/clients.crl F:lists/root.pem F:clients-ca.pem " },
    { "x\nca missing.pem\nca root-ca.pem\n[b]\nca partner-ca.pem\ny\n", "F:a.policy F:root-ca.pem F:partner-ca.pem " },
};

START_TEST(files_read)
{
    struct told *told = told_new();
    struct mtlspin_scan scan = told_scan(told);
    data_write("a.policy", reads[_i].text);
    mtlspin_policy_unref(mtlspin_policy_scan("a.policy", &scan, NULL));
    const char *first = strstr(told->log, "F:");
    ck_assert_str_eq(first, reads[_i].files);
    ck_assert_int_ge(told->starts, 1);
    free(told);
}
END_TEST

/* A text is no file, but what it names are some. */
START_TEST(files_of_a_text)
{
    static const char own[] = "F:a.policy ";
    struct told *told = told_new();
    struct mtlspin_scan scan = told_scan(told);
    const char *text = reads[_i].text, *files = reads[_i].files + sizeof own - 1;
    mtlspin_policy_unref(mtlspin_policy_scan_text(text, strlen(text), "a.policy", &scan, NULL));
    const char *first = strstr(told->log, "F:");
    ck_assert_str_eq(first != NULL ? first : "", files);
    ck_assert_int_eq(told->starts, 1);
    free(told);
}
END_TEST

static const struct { const char *path, *log; } unreadable[] = {
    { "missing.policy", "" }, { "missing/a.policy", "" }, { "anchors", "F:anchors " },
};

/* What cannot be read has no mistake. */
START_TEST(no_file)
{
    struct told *told = told_new();
    struct mtlspin_scan scan = told_scan(told);
    struct mtlspin_error error = MTLSPIN_ERROR_INIT, loaded = MTLSPIN_ERROR_INIT;
    ck_assert_ptr_null(mtlspin_policy_scan(unreadable[_i].path, &scan, &error));
    ck_assert_ptr_null(mtlspin_policy_load(unreadable[_i].path, &loaded));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_FILE);
    ck_assert_str_eq(error.message, loaded.message);
    ck_assert_str_eq(told->log, unreadable[_i].log);
    free(told);
}
END_TEST

/* A file that somebody writes while it is read. */
struct writer {
    struct told *told;
    int writings; /* how often */
    const char *text;
};

static void
write_again(void *context, const struct mtlspin_scan_rule *rule)
{
    struct writer *writer = context;
    struct mtlspin_scan scan = told_scan(writer->told);
    scan.rule(writer->told, rule);
    if (writer->writings-- > 0)
        data_write("a.policy", writer->text);
}

static void
begin_again(void *context)
{
    struct writer *writer = context;
    struct mtlspin_scan scan = told_scan(writer->told);
    scan.start(writer->told);
}

static void
tell_mistake(void *context, const struct mtlspin_error *error)
{
    struct writer *writer = context;
    struct mtlspin_scan scan = told_scan(writer->told);
    scan.mistake(writer->told, error);
}

static const struct { const char *text; int writings; const char *log; enum mtlspin_status status; } changing[] = {
    { "chain none\nallow spki " A "\nallow spki " B "\n", 1, "R2:12 R3:12 ", MTLSPIN_OK },
    { "chain none\nallow spki " A "\nallow spki " B "\n", 3, "R2:12 R3:12 ", MTLSPIN_OK },
    { "chain none\nallow spki " A "\nalow\n", 1, "R2:12 M3:1 ", MTLSPIN_ERR_SYNTAX },
    { "chain none\nallow spki " A "\nalow\n", 1000, "", MTLSPIN_ERR_FILE },
};

START_TEST(files_change)
{
    struct writer writer = { told_new(), changing[_i].writings, changing[_i].text };
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    scan.context = &writer;
    scan.start = begin_again;
    scan.rule = write_again;
    scan.mistake = tell_mistake;
    data_write("a.policy", "x\nchain none\nallow spki " A "\n");
    struct mtlspin_policy *policy = mtlspin_policy_scan("a.policy", &scan, &error);
    ck_assert_int_gt(writer.told->starts, 1);
    ck_assert_str_eq(writer.told->log, changing[_i].log);
    ck_assert_int_eq(error.code, changing[_i].status);
    ck_assert_int_eq(policy != NULL, changing[_i].status == MTLSPIN_OK);
    mtlspin_policy_unref(policy);
    free(writer.told);
}
END_TEST

/* What is lent can be kept. */

static void
keep_anchor(void *context, X509 *certificate, unsigned line, int system)
{
    X509 **kept = context;
    (void)line, (void)system;
    ck_assert_int_eq(X509_up_ref(certificate), 1);
    X509_free(*kept);
    *kept = certificate;
}

static void
keep_list(void *context, X509_CRL *list, unsigned line)
{
    X509_CRL **kept = context;
    (void)line;
    ck_assert_int_eq(X509_CRL_up_ref(list), 1);
    X509_CRL_free(*kept);
    *kept = list;
}

START_TEST(what_is_lent_is_kept)
{
    static const char text[] = "ca root-ca.pem\nca root-ca.pem\ncrl root.crl\nallow any\n";
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    X509 *anchor = NULL;
    X509_CRL *list = NULL;
    scan.context = &anchor;
    scan.anchor = keep_anchor;
    mtlspin_policy_unref(mtlspin_policy_scan_text(text, sizeof text - 1, NULL, &scan, NULL));
    scan.context = &list;
    scan.anchor = NULL;
    scan.list = keep_list;
    mtlspin_policy_unref(mtlspin_policy_scan_text(text, sizeof text - 1, NULL, &scan, NULL));
    ck_assert_int_eq(X509_CRL_verify(list, X509_get0_pubkey(anchor)), 1);
    X509_CRL_free(list);
    X509_free(anchor);
}
END_TEST

/* The anchors of the system, if it has any: by `ca system`, and told but once. */
START_TEST(anchors_of_the_system)
{
    static const char text[] = "ca system\nca system\nallow any\n";
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct told *told = told_new();
    struct mtlspin_scan scan = told_scan(told);
    struct mtlspin_policy *policy = mtlspin_policy_scan_text(text, sizeof text - 1, NULL, &scan, &error);
    ck_assert_ptr_null(strstr(told->log, "A1"));
    ck_assert_ptr_null(strstr(told->log, "S2"));
    ck_assert_int_eq(strstr(told->log, "S1") != NULL, policy != NULL);
    mtlspin_policy_unref(policy);
    free(told);
}
END_TEST

static void
set_up(void)
{
    (void)data_workshop();
}

int
main(void)
{
    Suite *suite = suite_create("calls of a scan");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, set_up, data_workshop_remove);
    tcase_add_loop_test(cases, a_call_is_left_out, 0, 8 * COUNT(texts));
    tcase_add_loop_test(cases, wrong_arguments, 0, COUNT(wrong));
    tcase_add_loop_test(cases, files_read, 0, COUNT(reads));
    tcase_add_loop_test(cases, files_of_a_text, 0, COUNT(reads));
    tcase_add_loop_test(cases, no_file, 0, COUNT(unreadable));
    tcase_add_loop_test(cases, files_change, 0, COUNT(changing));
    tcase_add_test(cases, what_is_lent_is_kept);
    tcase_add_test(cases, anchors_of_the_system);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
