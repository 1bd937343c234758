/* A policy is read piece by piece (lines.h). Wherever a piece ends within it, it says the same. */
#include "data.h"
#include "lines.h"
#include "suite.h"
#include "told.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

#define A "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define COLONS "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55"

enum { PIECE = MTLSPIN__LINES_PIECE, AROUND = 2 };

static const struct { const char *text; size_t length; } endings[] = {
#define TEXT(text) { text, sizeof(text) - 1 }
    TEXT("chain none\nallow spki " A " one\nallow thumbprint " COLONS " \"t w o\"\n"),
    TEXT("chain none\r\nallow spki " A " one\r\n\r\nallow thumbprint " COLONS " not-after=2199-12-31\r\n"),
    TEXT("ca root-ca.pem\nallow serial 0x12 kiosk issuer=\"clients ca.pem\"\nallow dns a.example\n[b]\nchain none\n"),
    TEXT("chain none\nallow spki " A " \"one\nallow spki " A "\n"),
    TEXT("chain none\nallow spki " A " one\0two\nallow any\n"),
    TEXT("chain none\nallow spki " A " one\rtwo\n"),
    TEXT("chain none\nallow spki " A " one"),
    TEXT("chain none\nallow spki " A " one\r"),
    TEXT("chain none\nallow spki " A " one\nallow spki " A " two\n[b\nallow any"),
};

/* One line of so many bytes, then the ending, as the policy's text; free() it. */
static char *
make_text(size_t front, int ending, size_t *length)
{
    char *text = malloc(front + endings[ending].length);
    ck_assert_ptr_nonnull(text);
    memset(text, '#', front - 1);
    text[front - 1] = '\n';
    memcpy(text + front, endings[ending].text, endings[ending].length);
    *length = front + endings[ending].length;
    return text;
}

/* All that is said of a policy. */
struct answer {
    struct told *told;
    struct mtlspin_error error;
    uint8_t digest[32];
};

static struct answer
answer_of(const char *text, size_t length, const char *path)
{
    struct answer answer = { .told = told_new(), .error = MTLSPIN_ERROR_INIT };
    struct mtlspin_scan scan = told_scan(answer.told);
    scan.file = NULL;
    struct mtlspin_policy *policy = text != NULL ? mtlspin_policy_scan_text(text, length, path, &scan, &answer.error)
                                                 : mtlspin_policy_scan(path, &scan, &answer.error);
    mtlspin_policy_digest(policy, answer.digest);
    mtlspin_policy_unref(policy);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return answer;
}

static void
check_same(struct answer answer, const struct answer *wanted, size_t front)
{
    ck_assert_msg(strcmp(answer.told->log, wanted->told->log) == 0, "%zu bytes in front: %s, not %s", front,
        answer.told->log, wanted->told->log);
    ck_assert_msg(told_equal(&answer.error, &wanted->error), "%zu bytes in front: %s", front, answer.error.message);
    ck_assert_mem_eq(answer.digest, wanted->digest, 32);
    for (size_t i = 0; i < wanted->told->mistake_count; i++)
        ck_assert(told_equal(&answer.told->mistakes[i], &wanted->told->mistakes[i]));
    for (size_t i = 0; i < wanted->told->rule_count; i++) {
        ck_assert_str_eq(answer.told->rules[i].label, wanted->told->rules[i].label);
        ck_assert_str_eq(answer.told->rules[i].name, wanted->told->rules[i].name);
    }
    free(answer.told);
}

START_TEST(a_piece_ends_anywhere)
{
    size_t length = 0, end = PIECE + AROUND;
    char *text = make_text(1, _i, &length);
    struct answer wanted = answer_of(text, length, "a.policy");
    ck_assert_str_ne(wanted.told->log, "");
    free(text);
    for (size_t front = end - endings[_i].length - 2 * AROUND; front <= end; front++) {
        text = make_text(front, _i, &length);
        check_same(answer_of(text, length, "a.policy"), &wanted, front);
        free(text);
    }
    free(wanted.told);
}
END_TEST

/* The same from files. A piece is the whole, or a little more or less, or ends in the middle of a line; or there are several. */
static const size_t lengths[] = { 0, PIECE - 1, PIECE, PIECE + 1, PIECE + 17, PIECE + 40, PIECE + 64, 2 * PIECE,
    3 * PIECE + 1 };

static size_t
front_of(size_t wanted, size_t ending)
{
    return wanted > ending ? wanted - ending : 1;
}

static void
write_policy(const char *name, size_t front, int ending)
{
    size_t length = 0;
    char *text = make_text(front, ending, &length);
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
    free(text);
}

START_TEST(a_file_of_any_length)
{
    struct answer wanted = { 0 };
    for (int i = 0; i < COUNT(lengths); i++) {
        size_t front = front_of(lengths[i], endings[_i].length);
        write_policy("a.policy", front, _i);
        struct answer answer = answer_of(NULL, 0, "a.policy");
        if (i == 0)
            wanted = answer;
        else
            check_same(answer, &wanted, front);
    }
    free(wanted.told);
}
END_TEST

static void
enter(void)
{
    (void)data_workshop();
}

int
main(void)
{
    Suite *suite = suite_create("pieces of a policy");
    TCase *tcase = tcase_create("pieces");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, enter, data_workshop_remove);
    tcase_add_loop_test(tcase, a_piece_ends_anywhere, 0, COUNT(endings));
    tcase_add_loop_test(tcase, a_file_of_any_length, 0, COUNT(endings));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
