/* Files that a policy names: relative to the policy file, wherever the program runs; folders; the system's anchors. */
#include "data.h"
#include "grants.h"
#include "pki.h"
#include "policy_text.h"
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *workshop;

static void
make(void)
{
    workshop = data_workshop();
}

static void
enter(void)
{
    ck_assert_int_eq(chdir(workshop), 0);
}

static struct mtlspin_policy *
must_load(const char *path)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    ck_assert_msg(policy != NULL, "%s", mtlspin_error_format(&error, line, sizeof line));
    return policy;
}

static void
check_same_digest(struct mtlspin_policy *a, struct mtlspin_policy *b)
{
    uint8_t digests[2][32];
    mtlspin_policy_digest(a, digests[0]);
    mtlspin_policy_digest(b, digests[1]);
    ck_assert_mem_eq(digests[0], digests[1], 32);
}

static void
check_refused(const char *text, const char *name, const char *message)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_ptr_null(mtlspin_policy_parse(text, strlen(text), name, &error));
    ck_assert_str_eq(error.message, message);
}

static const char relative[] =
    "ca root-ca.pem\n"
    "allow serial 0xD1D11C749D9C2D16 kiosk issuer=\"clients ca.pem\"\n";

/* The same file by four names, from three working directories. */
START_TEST(beside_the_policy)
{
    char path[300], grants[GRANTS_SIZE];
    struct mtlspin_policy *expected =
        policy_of("ca @pki@/root-ca.pem\nallow serial 0xD1D11C749D9C2D16 kiosk issuer=@spki:clients-ca@\n");
    data_write("a.policy", relative);
    static const char *const places[][2] = { { ".", "a.policy" }, { ".", "./a.policy" }, { "anchors", "../a.policy" },
        { "/", NULL } };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        (void)snprintf(path, sizeof path, "%s/a.policy", workshop);
        ck_assert_int_eq(chdir(places[i][0]), 0);
        struct mtlspin_policy *policy = must_load(places[i][1] != NULL ? places[i][1] : path);
        check_same_digest(policy, expected);
        grants_list(policy, false, grants);
        ck_assert_str_eq(grants, "kiosk as kiosk\n");
        mtlspin_policy_unref(policy);
        ck_assert_int_eq(chdir(workshop), 0);
    }
    mtlspin_policy_unref(expected);
}
END_TEST

#define NOT_THERE ": No such file or directory; put it there, or write another path " \
    "(within a policy it starts at the policy's folder)"
#define REMAKE "; take what `openssl x509 -in FILE -out FILE.pem` writes"

/* A name without a folder, and no name: the working directory. */
START_TEST(beside_nothing)
{
    static const char *const names[] = { NULL, "b.policy" };
    for (size_t i = 0; i < 2; i++) {
        struct mtlspin_policy *policy = mtlspin_policy_parse(relative, strlen(relative), names[i], NULL);
        ck_assert_ptr_nonnull(policy);
        mtlspin_policy_unref(policy);
    }
    ck_assert_int_eq(chdir("anchors"), 0);
    check_refused(relative, NULL, "root-ca.pem" NOT_THERE);
    check_refused(relative, "nowhere/b.policy", "nowhere/root-ca.pem" NOT_THERE);
}
END_TEST

/* *.pem and *.crt, neither hidden ones nor others: alice's certificate, which is no anchor, would be an error. */
START_TEST(folder)
{
    struct mtlspin_policy *of_files = policy_of("ca @pki@/root-ca.pem\nca @pki@/partner-ca.pem\nallow any\n");
    static const char *const texts[] = { "ca anchors\nallow any\n", "ca anchors/\nallow any\n",
        "ca \"anchors\"\nallow any\n" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        data_write("a.policy", texts[i]);
        struct mtlspin_policy *of_folder = must_load("a.policy");
        check_same_digest(of_folder, of_files);
        mtlspin_policy_unref(of_folder);
    }
    mtlspin_policy_unref(of_files);
}
END_TEST

/* One file that cannot be used spoils the folder. */
START_TEST(folder_spoilt)
{
    data_write("anchors/z.pem", "no certificate\n");
    check_refused("ca anchors\nallow any\n", "a.policy", "anchors/z.pem: no PEM certificate in it" REMAKE);
    ck_assert_int_eq(unlink("anchors/z.pem"), 0);
    ck_assert_int_eq(mkdir("anchors/z.crt", 0700), 0);
    check_refused("ca anchors\nallow any\n", "a.policy", "anchors/z.crt: Is a directory; name a file in it");
    ck_assert_int_eq(rmdir("anchors/z.crt"), 0);
    ck_assert_int_eq(symlink("nowhere", "anchors/z.pem"), 0);
    check_refused("ca anchors\nallow any\n", "a.policy", "anchors/z.pem" NOT_THERE);
    ck_assert_int_eq(unlink("anchors/z.pem"), 0);
}
END_TEST

/* A FIFO would block whoever reads it. */
START_TEST(fifo)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    ck_assert_ptr_null(mtlspin_policy_load("fifo", &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_FILE);
    check_refused("ca fifo\n", "a.policy", "fifo: not a regular file; copy what it holds into one, and name that");
}
END_TEST

/* The first certificate is good, the second is cut off: nothing of the file is taken. */
START_TEST(cut_off)
{
    size_t length = 0;
    char *content = data_read(pki_path("partner-ca", ".pem"), &length);
    char *twice = calloc(2, length + 1);
    ck_assert_ptr_nonnull(twice);
    strcat(strcat(twice, content), content);
    data_write("twice.pem", twice);
    struct mtlspin_policy *policy = mtlspin_policy_parse("ca twice.pem\n", 13, NULL, NULL);
    ck_assert_ptr_nonnull(policy);
    mtlspin_policy_unref(policy);
    twice[length + length / 2] = '\0';
    data_write("twice.pem", twice);
    check_refused("ca twice.pem\n", NULL,
        "twice.pem: certificate 2 cannot be read (bad end line); replace it by a whole copy in plain PEM");
    free(twice);
    free(content);
}
END_TEST

/* A file of anchors that is being written: it cannot be used until it is whole. */
START_TEST(growing_file)
{
    size_t length = 0, loaded = 0;
    char *content = data_read(pki_path("partner-ca", ".pem"), &length);
    for (size_t size = 0; size <= length; size++) {
        struct mtlspin_builder *builder = mtlspin_builder_new();
        enum mtlspin_status status = mtlspin_builder_ca_pem(builder, content, size, NULL);
        ck_assert_int_eq(status, size + 1 >= length ? MTLSPIN_OK : MTLSPIN_ERR_CERTIFICATE);
        loaded += status == MTLSPIN_OK;
        mtlspin_builder_free(builder);
    }
    ck_assert_uint_eq(loaded, 2); /* with and without the last line break */
    free(content);
}
END_TEST

/* The environment chooses nothing: an operator of the policy does. */
START_TEST(system_anchors)
{
    char grants[GRANTS_SIZE];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    static const char text[] = "ca system\nallow any\n", watched[] = "depth 3\nca system\nmode report-only unmatched=x\n";
    ck_assert_int_eq(setenv("SSL_CERT_FILE", pki_path("root-ca", ".pem"), 1), 0);
    ck_assert_int_eq(setenv("SSL_CERT_DIR", "anchors", 1), 0);
    struct mtlspin_policy *policy = mtlspin_policy_parse(text, strlen(text), NULL, &error);
    if (policy == NULL) {
        ck_assert_ptr_null(strstr(error.message, "anchors"));
        printf("skipped: the rest of system_anchors, since this system has none: %s\n", error.message);
        return;
    }
    grants_list(policy, false, grants);
    ck_assert_str_eq(grants, "");
    mtlspin_policy_unref(policy);
    ck_assert_ptr_null(mtlspin_policy_parse(watched, strlen(watched), NULL, &error));
    ck_assert_uint_eq(error.line, 2);
    check_refused(watched, NULL,
        "`mode report-only` lets in whoever its CA knows; write `ca FILE` in place of `system` or `application`");
    check_refused("ca application\nca system\nallow any\n", NULL,
        "`ca application` cannot be combined with other anchors; delete it, or the other `ca` lines");
    check_refused("chain none\nca system\n", NULL, "under `chain none` there is no `ca`; delete one of the two lines");
}
END_TEST

/* It is the SSL_CTX's store, and there is none here. */
START_TEST(application_anchors)
{
    char grants[GRANTS_SIZE];
    struct mtlspin_policy *policy = policy_of("ca application\nallow any\n");
    grants_list(policy, false, grants);
    ck_assert_str_eq(grants, "");
    mtlspin_policy_unref(policy);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("paths");
    TCase *cases = tcase_create("cases");
    tcase_add_unchecked_fixture(cases, make, data_workshop_remove);
    tcase_add_checked_fixture(cases, enter, NULL);
    tcase_add_test(cases, beside_the_policy);
    tcase_add_test(cases, beside_nothing);
    tcase_add_test(cases, folder);
    tcase_add_test(cases, folder_spoilt);
    tcase_add_test(cases, fifo);
    tcase_add_test(cases, cut_off);
    tcase_add_test(cases, growing_file);
    tcase_add_test(cases, system_anchors);
    tcase_add_test(cases, application_anchors);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
