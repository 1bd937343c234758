/* Pins that others have published for certificates that others have made: the folder shared/vectors beside the tree. */
#include "suite.h"
#include <mtlspin/pin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER TESTS "/../../shared/vectors/"

enum { SKIPPED = 77 };

static size_t
read_file(const char *name, char *content, size_t room)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s%s", FOLDER, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    size_t length = fread(content, 1, room, file);
    ck_assert_uint_lt(length, room);
    (void)fclose(file);
    return length;
}

/* The folder knows one kind so far; another one is to be looked at by a human being first. */
static void
check_vector(const char *source, const char *kind, const char *value, const char *name)
{
    static char pem[1 << 16];
    char prefixed[136], text[MTLSPIN_PIN_TEXT_SIZE];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin, published;
    size_t length = read_file(name, pem, sizeof pem);
    ck_assert_msg(strcmp(kind, "spki") == 0, "%s: unknown kind %s", source, kind);
    ck_assert_msg(mtlspin_pin_from_pem(&pin, MTLSPIN_SPKI, pem, length, &error) == MTLSPIN_OK, "%s: %s", source,
        error.message);
    (void)snprintf(prefixed, sizeof prefixed, "sha256/%s", value);
    ck_assert_msg(mtlspin_pin_parse(&published, MTLSPIN_SPKI, prefixed, &error) == MTLSPIN_OK, "%s: %s", source,
        error.message);
    ck_assert_msg(mtlspin_pin_equal(&pin, &published) == 1, "%s: not the published pin %s", source, value);
    ck_assert_int_eq(mtlspin_pin_format(&pin, text, sizeof text), MTLSPIN_OK);
    ck_assert_str_eq(text, prefixed);
}

START_TEST(published_pins_are_ours)
{
    char line[1024], source[256], kind[32], value[128], name[256];
    int count = 0;
    FILE *table = fopen(FOLDER "pins.tsv", "r");
    ck_assert_ptr_nonnull(table);
    while (fgets(line, sizeof line, table) != NULL) {
        if (line[0] == '#')
            continue;
        ck_assert_msg(sscanf(line, "%255[^\t]\t%31[^\t]\t%127[^\t]\t%255[^\t\n]", source, kind, value, name) == 4,
            "not four columns: %s", line);
        check_vector(source, kind, value, name);
        count++;
    }
    (void)fclose(table);
    ck_assert_int_gt(count, 30);
}
END_TEST

int
main(void)
{
    FILE *table = fopen(FOLDER "pins.tsv", "r");
    if (table == NULL) {
        puts("skipped: the folder shared/vectors with the published pins is not beside the tree");
        return SKIPPED;
    }
    (void)fclose(table);
    Suite *suite = suite_create("vectors");
    TCase *tcase = tcase_create("vectors");
    tcase_add_test(tcase, published_pins_are_ours);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
