/* Good policies damaged line by line, and at random: what is told, and that a load says the same. */
#include "data.h"
#include "suite.h"
#include "told.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

#define A "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define B "sha256/K9gGyX8OAK8aH8Myj6djqSaXI8jbj6xPk69x2xhtbpA="
#define SHA256 "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55"

/* Every line of a good policy broken in turn: one mistake, and that alone is told. */

static const char good[] =
    "deny spki " A " stolen\n"
    "deny serial 0x1234 issuer=clients-ca.pem\n"
    "ca anchors\n"
    "ca clients-ca.pem\n"
    "partial-chain yes\n"
    "crl clients.crl\n"
    "crl-grace 3d\n"
    "depth 3\n"
    "session-lifetime 2h\n"
    "strict yes\n"
    "security-level 2\n"
    "allow spki " A " alice not-after=2199-12-31\n"
    "allow thumbprint sha256 Fingerprint=" SHA256 " \"build agent 7\"\n"
    "allow serial 0x1234 kiosk issuer=\"clients ca.pem\"\n"
    "allow email ops@acme.example ops\n"
    "allow uri spiffe://partner.example/gateway gateway\n"
    "allow dns agent.acme.example\n"
    "allow ca-spki " B " deep\n"
    "[legacy]\n"
    "chain none\n"
    "allow thumbprint " SHA256 " scanner\n"
    "[watched]\n"
    "ca root-ca.pem\n"
    "mode report-only unmatched=somebody\n"
    "allow any anybody\n";

static const char hosts[] =
    "[here]\n"
    "host localhost\n"
    "ca root-ca.pem\n"
    "allow any here\n"
    "[there]\n"
    "host *.db.example\n"
    "chain none\n"
    "allow spki " A " there\n"
    "[elsewhere]\n"
    "ca partner-ca.pem\n"
    "allow dns a.example\n";

static const char *const bases[] = { good, hosts };

/* The ways to break a line, its line break excepted. false = it does not apply. */

static bool
misspell_first(char *line)
{
    char *word = line + (line[0] == '[');
    word[1] = word[1] == '!' ? '?' : '!';
    return true;
}

static bool
misspell_second(char *line)
{
    char *space = strchr(line, ' ');
    if (space == NULL)
        return false;
    space[1] = '/';
    return true;
}

/* Also a header loses its bracket. */
static bool
lose_first(char *line)
{
    memmove(line, line + 1, strlen(line));
    return true;
}

/* The longest word loses its last character. */
static bool
cut(char *line)
{
    size_t most = 0;
    char *longest = line;
    for (char *word = line; *word != '\0'; word += strcspn(word, " ") + (strchr(word, ' ') != NULL)) {
        size_t length = strcspn(word, " ");
        if (length <= most)
            continue;
        most = length;
        longest = word;
    }
    memmove(longest + most - 1, longest + most, strlen(longest + most) + 1);
    return strstr(line, "sha256/") != NULL || strstr(line, "Fingerprint") != NULL || line[0] == '[';
}

static bool
add_word(char *line)
{
    strcat(line, " more words");
    return true;
}

static bool
add_control(char *line)
{
    strcat(line, "\x1b");
    return true;
}

static bool
open_quote(char *line)
{
    strcat(line, " \"");
    return true;
}

static bool
lose_rest(char *line)
{
    char *space = strchr(line, ' ');
    if (space != NULL)
        *space = '\0';
    return space != NULL;
}

static bool (*const ways[])(char *line) = {
    misspell_first, misspell_second, lose_first, cut, add_word, add_control, open_quote, lose_rest,
};

/* The text with line `number` (1 = first) broken; NULL = it cannot be in this way, or there is no such line. */
static char *
broken_at(const char *text, unsigned number, bool (*way)(char *line), char line[512])
{
    const char *at = text;
    for (unsigned i = 1; i < number && *at != '\0'; i++)
        at = strchr(at, '\n') + 1;
    size_t length = strcspn(at, "\n"), room = strlen(text) + 64;
    (void)snprintf(line, 512, "%.*s", (int)length, at);
    char *whole = *at != '\0' && way(line) ? malloc(room) : NULL;
    if (whole != NULL)
        (void)snprintf(whole, room, "%.*s%s%s", (int)(at - text), text, line, at + length);
    return whole;
}

START_TEST(broken_lines)
{
    const char *text = bases[_i / COUNT(ways)];
    char line[512];
    int tried = 0;
    struct told *told = told_new();
    told_agrees(told, text, strlen(text), "a.policy");
    ck_assert_uint_eq(told->mistake_count, 0);
    for (unsigned number = 1; number <= 25; number++) {
        char *broken = broken_at(text, number, ways[_i % COUNT(ways)], line);
        if (broken == NULL)
            continue;
        told_agrees(told, broken, strlen(broken), "a.policy");
        ck_assert_msg(told->mistake_count == 1 && told->mistakes[0].line == number, "%u: %s: mistakes at \"%s\"", number,
            line, told_places(told));
        tried++;
        free(broken);
    }
    ck_assert_int_gt(tried, 3);
    free(told);
}
END_TEST

/* Policies damaged at random, always in the same way. */

enum { DAMAGED = 400, SIZE = 4096 };

struct chance {
    uint64_t state;
};

static size_t
draw(struct chance *chance, size_t below)
{
    chance->state = chance->state * 6364136223846793005U + 1442695040888963407U;
    return (size_t)(chance->state >> 33) % below;
}

/* Puts `length` bytes in place of text[at..at+old). */
static void
splice(char text[SIZE], size_t at, size_t old, const char *bytes, size_t length)
{
    size_t rest = strlen(text + at + old) + 1;
    if (at + length + rest > SIZE)
        return;
    memmove(text + at + length, text + at + old, rest);
    memcpy(text + at, bytes, length);
}

/* The start of a line. */
static size_t
draw_line(struct chance *chance, const char *text)
{
    size_t at = draw(chance, strlen(text));
    while (at > 0 && text[at - 1] != '\n')
        at--;
    return at;
}

static void
damage(struct chance *chance, char text[SIZE])
{
    static const char denial[] = "deny spki " A "\n", rule[] = "allow spki " A " other\n";
    static const char *const bits[] = { " ", "\n", "\"", "\\", "#", "[", "]", "=", "\r", "\x01", "\xff", "x", "ca ",
        "allow ", "[x]\n", "chain none\n", denial, "allow any x\n", "host a.example\n", "mode report-only unmatched=y\n",
        rule, "crl root.crl\n", "depth 3\n" };
    size_t length = strlen(text), from = length > 0 ? draw(chance, length) : 0;
    const char *bit = bits[draw(chance, sizeof bits / sizeof *bits)];
    char line[SIZE];
    if (length == 0)
        return;
    size_t start = draw_line(chance, text), size = strcspn(text + start, "\n") + (strchr(text + start, '\n') != NULL);
    switch (draw(chance, 6)) {
    case 0: splice(text, from, 1, "", 0); break;
    case 1: splice(text, bit[strlen(bit) - 1] == '\n' ? start : from, 0, bit, strlen(bit)); break;
    case 2: splice(text, from, 1, bit, strlen(bit)); break;
    case 3: splice(text, start, size, "", 0); break;
    case 4: /* another place for a line, or a second one */
        memcpy(line, text + start, size);
        if (draw(chance, 2) == 0)
            splice(text, start, size, "", 0);
        splice(text, text[0] != '\0' ? draw_line(chance, text) : 0, 0, line, size);
        break;
    default: splice(text, from, strcspn(text + from, " \n"), "", 0); break;
    }
}

START_TEST(damaged)
{
    struct chance chance = { (uint64_t)_i };
    struct told *told = told_new();
    int policies = 0;
    for (int i = 0; i < DAMAGED; i++) {
        char text[SIZE];
        (void)snprintf(text, sizeof text, "%s", bases[_i]);
        for (size_t k = draw(&chance, 5); k > 0; k--)
            damage(&chance, text);
        told_agrees(told, text, strlen(text), "a.policy");
        policies += told->mistake_count == 0;
    }
    ck_assert_int_gt(policies, DAMAGED / 20);
    ck_assert_int_lt(policies, DAMAGED / 2);
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
    Suite *suite = suite_create("damaged policies");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, set_up, data_workshop_remove);
    tcase_add_loop_test(cases, broken_lines, 0, COUNT(bases) * COUNT(ways));
    tcase_add_loop_test(cases, damaged, 0, COUNT(bases));
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
