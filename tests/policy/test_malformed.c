/* Every mistake that a policy can hold, and what the operator is told. Each file of malformed/ starts with a line
 *
 *     # expect STATUS LINE:COLUMN: message
 *
 * so the mistake itself stands on line 2 or below. What needs no file, or is none, is in the table below. */
#include "data.h"
#include "policy_text.h"
#include "suite.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct data_files files;

/* An error that is full of an earlier call's words: each call must overwrite it. */
static struct mtlspin_error
used_error(void)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    error.code = MTLSPIN_ERR_STATE;
    error.line = error.column = 4711;
    (void)snprintf(error.file, sizeof error.file, "another file");
    (void)snprintf(error.message, sizeof error.message, "another message");
    return error;
}

/* "STATUS LINE:COLUMN: message", and the file's name is the policy's. */
static void
check_error(const char *name, const struct mtlspin_error *error, const char *expected)
{
    char line[1024], actual[1024];
    size_t front = strlen(name);
    ck_assert_msg(strcmp(error->file, name) == 0, "%s: the error names the file \"%s\"", name, error->file);
    (void)mtlspin_error_format(error, line, sizeof line);
    ck_assert_msg(strncmp(line, name, front) == 0 && line[front] == ':', "%s: printed as %s", name, line);
    front += line[front + 1] == ' ' ? 2 : 1;
    (void)snprintf(actual, sizeof actual, "%s %s", mtlspin_status_name(error->code), line + front);
    ck_assert_msg(strcmp(actual, expected) == 0, "%s\n  says     %s\n  expected %s", name, actual, expected);
}

/* The file as it lies there, by mtlspin_policy_load. */
static void
check_load(const char *name, const char *expected)
{
    struct mtlspin_error error = used_error();
    ck_assert_ptr_null(mtlspin_policy_load(name, &error));
    check_error(name, &error, expected);
    ck_assert_ptr_null(mtlspin_policy_load(name, NULL));
}

/* With its places filled in, by mtlspin_policy_parse. */
static void
check_parse(const char *name, const char *content, const char *expected)
{
    struct mtlspin_error error = used_error();
    char *filled = policy_text(content);
    ck_assert_ptr_null(mtlspin_policy_parse(filled, strlen(filled), name, &error));
    check_error(name, &error, expected);
    ck_assert_ptr_null(mtlspin_policy_parse(filled, strlen(filled), name, NULL));
    free(filled);
}

START_TEST(malformed)
{
    const char *name = files.name[_i];
    size_t length = 0;
    char *content = data_read(name, &length);
    const char *at = content;
    char *expected = data_line(&at, "# expect ");
    ck_assert_msg(expected != NULL, "%s: no line \"# expect \"", name);
    if (strstr(content, "@pki@") == NULL && strstr(content, "@spki:") == NULL)
        check_load(name, expected);
    if (strlen(content) == length)
        check_parse(name, content, expected);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    free(expected);
    free(content);
}
END_TEST

#define NOT_THERE ": No such file or directory; put it there, or write another path " \
    "(within a policy it starts at the policy's folder)"

/* What cannot be read at all. The message names the path, since there is no place in a file to name. */
static const struct { const char *path; enum mtlspin_status status; const char *message; } unreadable[] = {
    { "no-such.policy", MTLSPIN_ERR_FILE, "no-such.policy" NOT_THERE },
    { "no-such-folder/a.policy", MTLSPIN_ERR_FILE, "no-such-folder/a.policy" NOT_THERE },
    { "data/empty-folder", MTLSPIN_ERR_FILE, "data/empty-folder: Is a directory; name a file in it" },
    { "/dev/null", MTLSPIN_ERR_FILE, "/dev/null: not a regular file; copy what it holds into one, and name that" },
    { NULL, MTLSPIN_ERR_ARGUMENT, "no path" },
};

START_TEST(unreadable_file)
{
    struct mtlspin_error error = used_error();
    ck_assert_ptr_null(mtlspin_policy_load(unreadable[_i].path, &error));
    ck_assert_int_eq(error.code, unreadable[_i].status);
    ck_assert_str_eq(error.message, unreadable[_i].message);
    ck_assert_uint_eq(error.line, 0);
    ck_assert_uint_eq(error.column, 0);
    ck_assert_ptr_null(mtlspin_policy_load(unreadable[_i].path, NULL));
}
END_TEST

/* Texts that have no room for an "# expect" line. */
static const struct { const char *text; size_t length; unsigned line, column; const char *message; } whole[] = {
    { "", 0, 0, 0, "there is nothing in this policy; to refuse everybody, write `chain none`" },
    { "\xef\xbb\xbf", 3, 0, 0, "there is nothing in this policy; to refuse everybody, write `chain none`" },
    { "\n\r\n \t\n", 6, 3, 0, "there is nothing in this policy; to refuse everybody, write `chain none`" },
    { "\xef\xbb\xbfx\n", 5, 1, 1,
        "unknown word x; write allow, deny, ca, crl, crl-grace, chain, partial-chain, depth, session-lifetime, strict, "
        "security-level, host or mode, in lower case and without quotes" },
    { "\xef\xbb", 2, 1, 1,
        "the last line does not end with a line break; make sure that the file is complete, and add one" },
    { "\0", 1, 1, 1, "the last line does not end with a line break; make sure that the file is complete, and add one" },
    { "\0\n", 2, 1, 1, "a zero byte; save the file as UTF-8 text" },
};

START_TEST(whole_text)
{
    struct mtlspin_error error = used_error();
    ck_assert_ptr_null(mtlspin_policy_parse(whole[_i].text, whole[_i].length, "nothing.policy", &error));
    ck_assert_str_eq(error.message, whole[_i].message);
    ck_assert_str_eq(error.file, error.line != 0 ? "nothing.policy" : error.file);
    ck_assert_uint_eq(error.line, whole[_i].line);
    ck_assert_uint_eq(error.column, whole[_i].column);
}
END_TEST

/* No text at all; and no name, which then is "policy". */
START_TEST(arguments)
{
    struct mtlspin_error error = used_error();
    ck_assert_ptr_null(mtlspin_policy_parse(NULL, 0, "a.policy", &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
    ck_assert_ptr_null(mtlspin_policy_parse("x\n", 2, NULL, &error));
    ck_assert_str_eq(error.file, "policy");
    ck_assert_uint_eq(error.line, 1);
}
END_TEST

/* A file that is too large to read: sparse, so it takes no room on the disk. */
START_TEST(too_large)
{
    char path[] = "/tmp/mtlspin-large-XXXXXX", expected[128];
    struct mtlspin_error error = used_error();
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)0x7fffffff), 0);
    ck_assert_ptr_null(mtlspin_policy_load(path, &error));
    (void)close(fd);
    (void)unlink(path);
    (void)snprintf(expected, sizeof expected, "%s: File too large; take one of less than 2 GiB", path);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_FILE);
    ck_assert_str_eq(error.message, expected);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

int
main(void)
{
    Suite *suite = suite_create("malformed policies");
    TCase *cases = tcase_create("cases");
    if (chdir(TESTS "/policy/malformed") != 0) {
        perror(TESTS "/policy/malformed");
        return EXIT_FAILURE;
    }
    data_list(&files, ".");
    tcase_add_loop_test(cases, malformed, 0, (int)files.count);
    tcase_add_loop_test(cases, unreadable_file, 0, COUNT(unreadable));
    tcase_add_loop_test(cases, whole_text, 0, COUNT(whole));
    tcase_add_test(cases, arguments);
    tcase_add_test(cases, too_large);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
