/* Lines that are read piece by piece: where a piece ends does not show. */
#include "lines.h"
#include "rows.h"
#include "suite.h"
#include <errno.h>
#include <mtlspin/policy.h>
#include <mtlspin/scan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = MTLSPIN__LINES_PIECE, WORDS = 256 };

/* The linker puts these in place of the C library's. */
ssize_t __real_read(int fd, void *buffer, size_t room);
ssize_t __wrap_read(int fd, void *buffer, size_t room);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* What is done to the reads of one test. */
static struct {
    size_t most;     /* bytes of one read; 0 = as many as are wanted */
    bool signals;    /* every other read is interrupted */
    size_t failing;  /* after so many bytes; 0 = never */
    bool endless;    /* no file is behind it: every piece is a line */
    bool no_memory;  /* for a longer line */
    size_t calls, total;
} world;

ssize_t
__wrap_read(int fd, void *buffer, size_t room)
{
    ssize_t got = -1;
    errno = EINTR;
    if (world.signals && world.calls++ % 2 == 0)
        return -1;
    errno = EIO;
    if (world.failing > 0 && world.total >= world.failing)
        return -1;
    if (world.most > 0 && room > world.most)
        room = world.most;
    if (world.endless) {
        memset(buffer, 'x', room);
        ((char *)buffer)[room - 1] = '\n';
    }
    got = world.endless ? (ssize_t)room : __real_read(fd, buffer, room);
    world.total += got > 0 ? (size_t)got : 0;
    return got;
}

void *
__wrap_realloc(void *old, size_t size)
{
    return world.no_memory && size > PIECE ? NULL : __real_realloc(old, size);
}

static char path[] = "/tmp/mtlspin-lines-XXXXXX";

static void
write_file(const char *text, size_t length)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static void
make_file(void)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    memset(&world, 0, sizeof world);
}

static void
remove_file(void)
{
    (void)unlink(path);
}

/* Every line of text[0..length), each taken apart as far as it may be, and the half one at its end. */
static void
check_lines(struct mtlspin__lines *lines, const char *text, size_t length)
{
    const char *at = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text, *end = text + length;
    size_t got = 0;
    for (char *line; (line = mtlspin__lines_next(lines, &got)) != NULL; at += got + 1) {
        ck_assert_uint_lt(got, (size_t)(end - at));
        ck_assert_int_eq(at[got], '\n');
        ck_assert_mem_eq(line, at, got);
        memset(line, 'W', got + 1);
    }
    ck_assert_ptr_null(memchr(at, '\n', (size_t)(end - at)));
    ck_assert_int_eq(mtlspin__lines_half(lines), at < end);
    ck_assert_ptr_null(mtlspin__lines_next(lines, &got));
    ck_assert(mtlspin__lines_close(lines, NULL));
}

static void
check_text(const char *text, size_t length)
{
    struct mtlspin__lines lines;
    struct mtlspin__sources sources = { 0 };
    ck_assert(mtlspin__lines_of(&lines, text, length));
    check_lines(&lines, text, length);
    write_file(text, length);
    ck_assert(mtlspin__lines_open(&lines, path, &sources, NULL));
    check_lines(&lines, text, length);
    ck_assert_uint_eq(sources.count, 1);
    mtlspin__sources_clear(&sources);
}

/* Around the end of a piece: what stands before and behind so many bytes of a line. */
static const struct {
    const char *before;
    const char *behind;
    size_t pieces; /* that the line between is long */
} edges[] = {
    { "", "", 1 }, { "", "\n", 1 }, { "", "\r\n", 1 }, { "\n", "\n\n\n", 1 }, { "", "\nlast", 1 }, { "", "\nnext\nlast\n", 1 },
    { "\xef\xbb\xbf", "\n", 1 }, { "\xef\xbb\xbf\n", "\r\n\r\n", 1 }, { "\xef\xbb", "\n", 1 },
    { "a\nb\n", "\nc\n", 2 }, { "a\nb\n", "\nc", 2 }, { "", "\n", 3 }, { "a\n", "", 4 }, { "", "\n\n", 5 },
};

static const struct { size_t most; bool signals; } reads[] = { { 0, false }, { 0, true }, { 4099, true } };

static char *
make_text(const char *before, size_t between, const char *behind, size_t *length)
{
    size_t front = strlen(before), back = strlen(behind);
    char *text = malloc(front + between + back);
    *length = front + between + back;
    ck_assert_ptr_nonnull(text);
    memcpy(text, before, front);
    for (size_t i = 0; i < between; i++)
        text[front + i] = (char)('a' + i % 23);
    memcpy(text + front + between, behind, back);
    return text;
}

START_TEST(a_piece_ends_anywhere)
{
    size_t most = edges[_i].pieces * PIECE + 4, length = 0;
    for (size_t r = 0; r < (size_t)ROWS(reads); r++)
        for (size_t between = most - 20; between < most; between++) {
            char *text = make_text(edges[_i].before, between, edges[_i].behind, &length);
            world.most = reads[r].most;
            world.signals = reads[r].signals;
            check_text(text, length);
            free(text);
        }
}
END_TEST

static const struct { const char *text; size_t length; } small[] = {
    { "", 0 }, { "\n", 1 }, { "a", 1 }, { "\xef\xbb\xbf", 3 }, { "\xef\xbb\xbf\n", 4 }, { "\xef\xbb", 2 }, { "\0\n\0", 3 },
    { "a\r\n\r\nb\n", 7 }, { "\n\n\nx", 4 },
};

START_TEST(a_short_text)
{
    check_text(small[_i].text, small[_i].length);
}
END_TEST

/* Whatever was read before. */
static void
check_failure(size_t wanted, const char *words)
{
    struct mtlspin__lines lines;
    struct mtlspin__sources sources = { 0 };
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    char message[WORDS];
    size_t count = 0, length = 0;
    ck_assert(mtlspin__lines_open(&lines, path, &sources, &error));
    while (mtlspin__lines_next(&lines, &length) != NULL)
        count++;
    ck_assert_uint_eq(count, wanted);
    ck_assert(!mtlspin__lines_half(&lines));
    error.code = MTLSPIN_ERR_SYNTAX;
    error.line = 4711;
    ck_assert(!mtlspin__lines_close(&lines, &error));
    (void)snprintf(message, sizeof message, "%s: %s", path, words);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_FILE);
    ck_assert_str_eq(error.message, message);
    ck_assert_uint_eq(error.line, 0);
    mtlspin__sources_clear(&sources);
}

static char *
lines_of_ten(size_t length)
{
    char *text = malloc(length);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < length; i++)
        text[i] = i % 10 == 9 ? '\n' : 'x';
    return text;
}

START_TEST(a_read_fails_in_the_middle)
{
    char *text = lines_of_ten(2 * PIECE);
    write_file(text, 2 * PIECE);
    world.failing = PIECE;
    check_failure(PIECE / 10, "Input/output error; try again, or take another copy");
    free(text);
}
END_TEST

/* What is read before the read fails, and how many mistakes are in that. */
static const struct { const char *text; int mistakes; } fronts[] = {
    { "", 0 },
    { "chain none\n", 0 },
    { "chain none\nallow spki E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855\n", 0 },
    { "chain none\nx\nallow y\n", 2 },
};

static void
count(void *context, const struct mtlspin_error *error)
{
    ck_assert_uint_lt(error->line, 4);
    ++*(int *)context;
}

static void
check_refused(const struct mtlspin_policy *policy, const struct mtlspin_error *error)
{
    ck_assert_ptr_null(policy);
    ck_assert_int_eq(error->code, MTLSPIN_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(error->message, ": Input/output error; try again, or take another copy"));
    ck_assert_uint_eq(error->line, 0);
    ck_assert_str_eq(error->file, "");
    world.total = 0;
}

START_TEST(half_a_policy_is_none)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    size_t front = strlen(fronts[_i].text);
    int mistakes = 0;
    char *text = malloc(2 * PIECE);
    ck_assert_ptr_nonnull(text);
    memset(text, '#', 2 * PIECE);
    memcpy(text, fronts[_i].text, front);
    text[2 * PIECE - 1] = '\n';
    write_file(text, 2 * PIECE);
    world.failing = PIECE;
    if (fronts[_i].mistakes == 0) /* else the load does not come to that */
        check_refused(mtlspin_policy_load(path, &error), &error);
    scan.context = &mistakes;
    scan.mistake = count;
    check_refused(mtlspin_policy_scan(path, &scan, &error), &error);
    ck_assert_int_eq(mistakes, fronts[_i].mistakes);
    free(text);
}
END_TEST

START_TEST(a_read_fails_at_once)
{
    struct mtlspin__lines lines;
    struct mtlspin__sources sources = { 0 };
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    write_file("allow any\n", 10);
    world.failing = 1;
    world.total = 1;
    ck_assert(!mtlspin__lines_open(&lines, path, &sources, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(error.message, "Input/output error"));
    mtlspin__sources_clear(&sources);
}
END_TEST

START_TEST(a_file_grows_beyond_2_gib)
{
    char *text = lines_of_ten(PIECE);
    write_file(text, PIECE);
    free(text);
    world.endless = true;
    check_failure(0x80000000U / PIECE - 1, "File too large; take one of less than 2 GiB");
}
END_TEST

START_TEST(no_memory_for_a_long_line)
{
    struct mtlspin__lines lines;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    char *text = lines_of_ten(3 * PIECE);
    size_t length = 0;
    memset(text + 10, 'x', 3 * PIECE - 11);
    write_file(text, 3 * PIECE);
    world.no_memory = true;
    check_failure(1, "Cannot allocate memory; try again, or take another copy");
    ck_assert(mtlspin__lines_of(&lines, text, 3 * PIECE));
    ck_assert_ptr_nonnull(mtlspin__lines_next(&lines, &length));
    ck_assert_ptr_null(mtlspin__lines_next(&lines, &length));
    ck_assert(!mtlspin__lines_close(&lines, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_MEMORY);
    free(text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("lines");
    TCase *tcase = tcase_create("lines");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, make_file, remove_file);
    tcase_add_loop_test(tcase, a_piece_ends_anywhere, 0, ROWS(edges));
    tcase_add_loop_test(tcase, a_short_text, 0, ROWS(small));
    tcase_add_test(tcase, a_read_fails_in_the_middle);
    tcase_add_loop_test(tcase, half_a_policy_is_none, 0, ROWS(fronts));
    tcase_add_test(tcase, a_read_fails_at_once);
    tcase_add_test(tcase, a_file_grows_beyond_2_gib);
    tcase_add_test(tcase, no_memory_for_a_long_line);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
