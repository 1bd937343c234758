/* docs/policy.md: its policies load, its refused lines are refused, and its messages are the ones that are given. */
#include "data.h"
#include "policy_text.h"
#include "suite.h"
#include <mtlspin/mtlspin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char page[] = TESTS "/../docs/policy.md";
static const char no_anchors[] = "*.pem or *.crt";

/* The next block that begins with the line `fence`, taken out of the text at *at, which is moved behind it; NULL = none. */
static char *
next_block(char **at, const char *fence)
{
    char *block = strstr(*at, fence);
    if (block == NULL)
        return NULL;
    block += strlen(fence);
    char *end = strstr(block, "\n```");
    ck_assert_ptr_nonnull(end);
    end[1] = '\0';
    *at = end + 2;
    return block;
}

START_TEST(policies)
{
    size_t length = 0, count = 0;
    char *text = data_read(page, &length), *at = text, *block = NULL;
    for (; (block = next_block(&at, "\n```policy\n")) != NULL; count++) {
        struct mtlspin_error error = MTLSPIN_ERROR_INIT;
        struct mtlspin_policy *policy = mtlspin_policy_parse(block, strlen(block), NULL, &error);
        if (policy == NULL && strstr(block, "system\n") != NULL && strstr(error.message, no_anchors) != NULL)
            printf("skipped: the block with `ca system`, since this system has no anchors\n");
        else
            ck_assert_msg(policy != NULL, "line %u: %s in\n%s", error.line, error.message, block);
        mtlspin_policy_unref(policy);
    }
    ck_assert_uint_ge(count, 8);
    free(text);
}
END_TEST

/* Each line alone: denials at the top, all else in a domain. */
START_TEST(refused)
{
    char policy_line[700];
    size_t length = 0, count = 0;
    char *text = data_read(page, &length), *at = text, *block = NULL;
    while ((block = next_block(&at, "\n```refused\n")) != NULL) {
        for (char *line = strtok(block, "\n"); line != NULL; line = strtok(NULL, "\n"), count++) {
            struct mtlspin_error error = MTLSPIN_ERROR_INIT;
            const char *front = strncmp(line, "deny", 4) == 0 ? "" : "ca root-ca.pem\n";
            (void)snprintf(policy_line, sizeof policy_line, "%s%s\n", front, line);
            ck_assert_msg(mtlspin_policy_parse(policy_line, strlen(policy_line), NULL, &error) == NULL, "loads: %s", line);
            ck_assert_uint_eq(error.line, front[0] != '\0' ? 2 : 1);
            ck_assert_int_ne(error.code, MTLSPIN_ERR_FILE);
        }
    }
    ck_assert_uint_ge(count, 10);
    free(text);
}
END_TEST

/* `all`, grown by the first `length` bytes of `text` and a line break. */
static char *
append(char *all, const char *text, size_t length)
{
    size_t used = all != NULL ? strlen(all) : 0;
    all = realloc(all, used + length + 2);
    ck_assert_ptr_nonnull(all);
    memcpy(all + used, text, length);
    memcpy(all + used + length, "\n", 2);
    return all;
}

/* All that tests/policy/malformed expects, and what test_crl.c does of lists that no file holds, in one text. */
static char *
all_messages(void)
{
    struct data_files files;
    char path[600];
    size_t length = 0;
    char *content = data_read(TESTS "/policy/test_crl.c", &length), *all = append(NULL, content, length);
    free(content);
    data_list(&files, TESTS "/policy/malformed");
    for (size_t i = 0; i < files.count; i++) {
        (void)snprintf(path, sizeof path, "%s/policy/malformed/%s", TESTS, files.name[i]);
        content = data_read(path, &length);
        all = append(all, content, strcspn(content, "\n"));
        free(content);
    }
    return all;
}

START_TEST(messages)
{
    size_t length = 0, count = 0;
    char *text = data_read(page, &length), *all = all_messages();
    char *table = strstr(text, "\n| message | what to do |\n");
    ck_assert_ptr_nonnull(table);
    (void)strtok(table, "\n");
    (void)strtok(NULL, "\n");
    for (char *row = strtok(NULL, "\n"); row != NULL && row[0] == '|'; row = strtok(NULL, "\n"), count++) {
        char *end = strstr(row, " | ");
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        ck_assert_msg(strstr(all, row + 2) != NULL, "no policy is told: %s", row + 2);
    }
    ck_assert_uint_ge(count, 10);
    free(all);
    free(text);
}
END_TEST

static void
make(void)
{
    (void)data_workshop();
}

int
main(void)
{
    Suite *suite = suite_create("docs/policy.md");
    TCase *cases = tcase_create("page");
    tcase_add_unchecked_fixture(cases, make, data_workshop_remove);
    tcase_add_test(cases, policies);
    tcase_add_test(cases, refused);
    tcase_add_test(cases, messages);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
