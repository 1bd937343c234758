/* Policies that are right: each file of wellformed/ says in its first lines what it comes to:
 *
 *     # counts KIND=NUMBER … deny-KIND=NUMBER …      every number that is not zero, in the order of enum mtlspin_kind
 *     # grants NAME as LABEL                         everybody who is let in, in the order of grants.c
 *
 * And every prefix of each, byte by byte, grants no more than the whole: a file that was saved halfway opens nothing. */
#include "data.h"
#include "grants.h"
#include "policy_text.h"
#include "suite.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct data_files files;

/* The text of the file, places filled in. */
static char *
text_of(int i)
{
    size_t length = 0;
    char *content = data_read(files.name[i], &length);
    ck_assert_uint_eq(strlen(content), length);
    char *text = policy_text(content);
    free(content);
    return text;
}

static struct mtlspin_policy *
load(const char *text, size_t length, const char *name)
{
    return mtlspin_policy_parse(text, length, name, NULL);
}

static struct mtlspin_policy *
must_load(const char *text, const char *name)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_parse(text, strlen(text), name, &error);
    ck_assert_msg(policy != NULL, "%s", mtlspin_error_format(&error, line, sizeof line));
    ck_assert_int_eq(error.code, MTLSPIN_OK);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return policy;
}

static size_t
write_counts(const struct mtlspin_policy *policy, const char *front,
    size_t (*count)(const struct mtlspin_policy *policy, enum mtlspin_kind kind), char *text, size_t room)
{
    static const char *const kinds[] = { "", "spki", "thumbprint", "serial", "ca-spki", "email", "uri", "dns", "any" };
    size_t sum = 0, used = 0;
    text[0] = '\0';
    for (enum mtlspin_kind kind = MTLSPIN_SPKI; kind <= MTLSPIN_ANY; kind++) {
        size_t number = count(policy, kind);
        sum += number;
        if (number > 0)
            used += (size_t)snprintf(text + used, room - used, "%s%s=%zu ", front, kinds[kind], number);
    }
    ck_assert_uint_eq(count(policy, MTLSPIN_KIND_NONE), sum);
    return used;
}

START_TEST(counts)
{
    char actual[512];
    char *text = text_of(_i);
    const char *at = text;
    char *expected = data_line(&at, "# counts ");
    struct mtlspin_policy *policy = must_load(text, files.name[_i]);
    size_t used = write_counts(policy, "", mtlspin_policy_count_allow, actual, sizeof actual);
    used += write_counts(policy, "deny-", mtlspin_policy_count_deny, actual + used, sizeof actual - used);
    actual[used > 0 ? used - 1 : 0] = '\0';
    ck_assert_msg(expected != NULL && strcmp(actual, expected) == 0, "%s: counts %s", files.name[_i], actual);
    mtlspin_policy_unref(policy);
    free(expected);
    free(text);
}
END_TEST

START_TEST(grants)
{
    char actual[GRANTS_SIZE], expected[GRANTS_SIZE] = "";
    char *text = text_of(_i), *line = NULL;
    struct mtlspin_policy *policy = must_load(text, files.name[_i]);
    for (const char *at = text; (line = data_line(&at, "# grants ")) != NULL; free(line)) {
        ck_assert_uint_lt(strlen(expected) + strlen(line) + 2, sizeof expected);
        strcat(strcat(expected, line), "\n");
    }
    grants_list(policy, grants_has_hosts(text), actual);
    ck_assert_msg(expected[0] != '\0' && strcmp(actual, expected) == 0, "%s grants\n%s, not\n%s", files.name[_i], actual,
        expected);
    mtlspin_policy_unref(policy);
    free(text);
}
END_TEST

START_TEST(prefixes)
{
    char whole[GRANTS_SIZE], part[GRANTS_SIZE];
    char *text = text_of(_i);
    bool hosts = grants_has_hosts(text);
    size_t length = strlen(text), loaded = 0;
    struct mtlspin_policy *policy = must_load(text, files.name[_i]);
    grants_list(policy, hosts, whole);
    mtlspin_policy_unref(policy);
    for (size_t size = 0; size < length; size++) {
        policy = load(text, size, files.name[_i]);
        if (policy == NULL)
            continue;
        loaded++;
        grants_list(policy, hosts, part);
        const char *beyond = grants_beyond(part, whole);
        ck_assert_msg(beyond == NULL, "%s: its first %zu bytes let in %s", files.name[_i], size, beyond);
        ck_assert_msg(text[size - 1] == '\n', "%s: its first %zu bytes load", files.name[_i], size);
        mtlspin_policy_unref(policy);
    }
    ck_assert_msg(loaded > 0, "%s: no prefix loads", files.name[_i]);
    free(text);
}
END_TEST

/* What the other test's verdict hangs on. */
START_TEST(beyond)
{
    static const char whole[] = "alice as alice\nbob as bob the builder\n";
    ck_assert_ptr_null(grants_beyond("", ""));
    ck_assert_ptr_null(grants_beyond("bob as bob the builder\n", whole));
    ck_assert_ptr_null(grants_beyond("alice reported as anybody\n", whole));
    ck_assert_str_eq(grants_beyond("alice as alice\nbob as bob\n", whole), "bob as bob");
    ck_assert_str_eq(grants_beyond("al as alice\n", whole), "al as alice");
    ck_assert_str_eq(grants_beyond("bo reported as anybody\n", whole), "bo reported as anybody");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("well-formed policies");
    TCase *cases = tcase_create("cases");
    if (chdir(TESTS "/policy/wellformed") != 0) {
        perror(TESTS "/policy/wellformed");
        return EXIT_FAILURE;
    }
    data_list(&files, ".");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, counts, 0, (int)files.count);
    tcase_add_loop_test(cases, grants, 0, (int)files.count);
    tcase_add_loop_test(cases, prefixes, 0, (int)files.count);
    tcase_add_test(cases, beyond);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
