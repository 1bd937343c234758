/* Policies with many mistakes: each is told once, at its place, and nothing that only follows from another. */
#include "data.h"
#include "made_crl.h"
#include "suite.h"
#include "told.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

#define A "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define B "sha256/K9gGyX8OAK8aH8Myj6djqSaXI8jbj6xPk69x2xhtbpA="
#define C "sha256/TqXuaP6gVYYQaJDe1XM4ILt32RnNonvEuBObfNM7iIk="
#define SHA1 "DA:39:A3:EE:5E:6B:4B:0D:32:55:BF:EF:95:60:18:90:AF:D8:07:09"

/* The texts, and all calls in their order (told.h). */
static const struct { const char *text, *log; } tables[] = {
    /* each line for itself */
    { "deny spki x\ndeny thumbprint " A "\ndney spki " A "\nca missing.pem\nchain nnoe\ndepth 99\nhost a_b:1\n"
      "allow spki " SHA1 " a\nallow\nalow spki " A "\nallow spki " A " good\nallow spki " A " one two\n",
      "M1:11 M2:6 M3:1 M4:4 M5:7 M6:7 M7:6 M8:12 M9:1 M10:1 R11:12 M12:68 D4: " },
    { "chain none\nallow any\nallow spki\nallow email a@b.example\nallow serial 1:23\nallow spki " A "\n",
      "M2:7 M3:7 M4:7 M5:7 R6:12 D1: " },
    { "ca root-ca.pem\nallow serial 1:23\nallow dns *.a.example\nallow uri x\nallow any \"\"\nallow any not-after=2027\n"
      "allow any not-before=2027-01-02 not-after=2027-01-01\nallow any issuer=" A "\nallow ca-spki x\nallow any l\n",
      "A1 M2:14 M3:11 M4:11 M5:11 M6:11 M7:33 M8:11 M9:15 R10:7 D1: " },

    /* settings */
    { "[a]\nca system x\nca \"\"\nca root-ca.pem\nca nothing\ndepth 1\ndepth 2\nstrict no\nallow any\n",
      "M2:11 M3:4 A4 M5:4 M7:1 M8:8 R9:7 D1:a " },
    { "depth 99\ndepth 3\nca root-ca.pem\nallow any\n", "M1:7 A3 R4:7 D1: " },
    { "ca root-ca.pem\nallow any\ndepth 3\nstrict yes\nallow any\n", "A1 R2:7 M3:1 M4:1 R5:7 D1: " },
    { "  allow any\n\tallow any\n", "M1:3 R1:9 R2:8 D1: " },
    { "chain none\nca root-ca.pem\n \tallow spki " A "\n[b]\nchain none\nstrict yes\n[c]\n",
      "A2 M2:1 R3:14 D1: M6:1 D4:b M7:1 D7:c " },
    { "[a]\nmode report-only unmatched=x\nca clients-ca.pem\npartial-chain yes\nallow any\n", "M1:1 A3 R5:7 D1:a " },
    { "ca root-ca.pem\nmode report-only unmatched=x\n[b]\nca root-ca.pem\nallow any\n[c]\nca root-ca.pem\nallow any\n",
      "A1 D1: A4 M2:1 R5:7 D3:b A7 R8:7 D6:c " },

    /* settings that do not go together: all of them, in the order of lines, each at the line that is to blame */
    { "chain none\nstrict yes\n  partial-chain yes\ncrl root.crl\nca root-ca.pem\nca partner-ca.pem\nallow spki " A "\n",
      "L4 A5 A6 M2:1 M3:3 M4:1 M5:1 R7:12 D1: " },
    { "[a]\ncrl root.crl\ncrl-grace 3d\nca application\nca clients-ca.pem\nchain none\nmode report-only unmatched=x\n"
      "strict yes\n[b]\nchain none\n", "L2 A5 M2:1 M3:1 M4:1 M7:1 D1:a D9:b " },
    { "ca root-ca.pem\n\tcrl-grace 3d\n ca application\nca clients-ca.pem\nca clients-ca.pem\nallow any\n",
      "A1 A4 M2:2 M3:2 M4:1 R6:7 D1: " },
    { "[a]\ncrl-grace 3d\n allow any\n[b]\ncrl-grace 3d\n", "M2:1 M3:2 R3:8 D1:a M4:1 M5:1 D4:b " },
    { "ca application\nca clients-ca.pem\nmode report-only unmatched=x\nallow any\n", "A2 M1:1 M2:1 R4:7 D1: " },
    { "[a]\ndepth 3\nca application\nmode report-only unmatched=x\ncrl root.crl\nallow any\n",
      "M3:1 L5 R6:7 D1:a " },
    { "ca root-ca.pem\nmode report-only unmatched=x\n[b]\nca root-ca.pem\n  mode report-only unmatched=x\n[c]\n"
      "ca clients-ca.pem\nallow any\n[d]\nca root-ca.pem\nmode report-only unmatched=x\n[e]\nchain none\n[f]\nchain none\n",
      "A1 D1: A4 D3:b A7 M2:1 M5:3 M7:1 R8:7 D6:c A10 D9:d M11:1 D12:e D14:f " },
    { "depth x\ndeny spki " A "\nca root-ca.pem\nallow any\n", "M1:7 M2:1 A3 R4:7 D1: " },

    /* a setting that is missing only since its line has a mistake; also before the domain began */
    { "caa root-ca.pem\nallow any\n", "M1:1 R2:7 D2: " },
    { "ca\nallow any\n", "M1:1 R2:7 D1: " },
    { "ca missing.pem\nallow any\n", "M1:4 R2:7 D1: " },
    { "chain nonee\nallow spki " A "\n", "M1:7 R2:12 D1: " },
    { "[a]\nca clients-ca.pem\npartial-chain ja\nallow any\n", "A2 M3:15 R4:7 D1:a " },
    { "ca root-ca.pem\ncrl missing.crl\ncrl-grace 3d\nallow any\n", "A1 M2:5 R4:7 D1: " },
    { "x\n[a]\nallow any\n", "M1:1 M3:1 R3:7 D2:a " },
    { "[a]\nhots a.example\nchain none\nallow spki " A "\n[b]\nhost b.example\nchain none\n", "M2:1 R4:12 D1:a D5:b " },
    { "allow\nca root-ca.pem\nallow any\n", "M1:1 M2:1 R3:7 D2: " },
    { "\"allow\" any\nchain none\n", "M1:1 M2:1 D2: " },

    /* headers */
    { "[a\nca root-ca.pem\nallow any\n[b c]\nca root-ca.pem\n d] # e\nca root-ca.pem\nallow any\n[e] f\n[]\n",
      "M1:1 A2 R3:7 M4:1 D1:? A5 M6:2 D4:? A7 R8:7 M9:1 D6:? D9:? M10:1 D10:? " },
    { "[a]\nchain none\nallow spki " A " x\n[a]\nchain none\nallow spki " A " y\n[a]\n",
      "R3:12 D1:a M4:1 R6:12 D4:? M7:1 D7:? " },
    { "chain none\n[\x01]\nca root-ca.pem\nallow any\n", "M2:2 D1: A3 R4:7 D2:? " },

    /* nobody can tell that this was one, and so what stands behind it comes too late */
    { "ca root-ca.pem\nallow any a\nb\nchain none\nallow spki " A "\nallow any a\n",
      "A1 R2:7 M3:1 M4:1 R5:12 R6:7 D1: " },

    /* contradictions: in the order of lines, each with the first of its kind */
    { "chain none\nallow spki " C " c\nallow spki " A " a\nallow spki " B " b\nallow spki " A " x\nallow spki " B " x\n"
      "allow spki " C " x\nallow spki " A " y\nallow spki " A " a\nallow spki " A "\n",
      "R2:12 R3:12 R4:12 R5:12 R6:12 R7:12 R8:12 R9:12 R10:12 M5:1 M6:1 M7:1 M8:1 M10:1 D1: " },
    { "deny spki " A " a\ndeny spki " B " b\ndeny serial 0x01 issuer=" A " a\ndeny spki " B " c\ndeny spki " A " c\n"
      "deny serial 0x01 issuer=" A " b\ndeny serial 0x01 issuer=" B " c\n[a]\nchain none\nallow spki x\n",
      "R1:11 R2:11 R3:13 R4:11 R5:11 R6:13 R7:13 M10:12 D8:a M4:1 M5:1 M6:1 " },

    /* what cannot be taken apart; the end; nothing at all */
    { "chain none\nallow spki " A " \"a\nallow spki \"" A "\"x\nallow sp\x7fki\nal\"low\n\tallow\tspki " A " \"\\x\"\n",
      "M2:64 M3:65 M4:9 M5:3 M6:66 D1: " },
    { "chain none\nallow spki " A, "M2:1 D1: " },
    { "allow spki", "M1:1 " },
    { "\x01\n", "M1:1 " },
    { "x\ny\n[", "M1:1 M2:1 M3:1 " },
    { "", "M0:0 " },
    { "# nothing\n\n", "M2:0 " },
    { "allow\n", "M1:1 " },
};

START_TEST(all_mistakes)
{
    struct told *told = told_new();
    told_agrees(told, tables[_i].text, strlen(tables[_i].text), "a.policy");
    ck_assert_msg(strcmp(told->log, tables[_i].log) == 0, "%s\nis told as %s\nand not as %s", tables[_i].text, told->log,
        tables[_i].log);
    free(told);
}
END_TEST

/* So many domains are too many: each that is, and what is in it. */
static const struct { int domains; const char *places; } crowds[] = {
    { 32, "" }, { 33, "65:1" }, { 40, "65:1 67:1 69:1 71:1 73:1 75:1 77:1 79:1" },
};

START_TEST(too_many_domains)
{
    char text[4096] = "";
    size_t used = 0;
    struct told *told = told_new();
    for (int i = 1; i <= crowds[_i].domains; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "[d%d]\nchain none\n", i);
    told_agrees(told, text, used, "a.policy");
    ck_assert_str_eq(told_places(told), crowds[_i].places);
    ck_assert_uint_eq(told->domain_count, (size_t)crowds[_i].domains);
    free(told);
}
END_TEST

/* Lists that are not by their CA: each at its line, in every domain, also several of one. */
START_TEST(wrong_lists)
{
    static const struct crl_recipe lists[] = {
        { .file = "1.pem", .issuer = "root-ca", .key = "other-ca", .end = 1000 },
        { .file = "2.pem", .issuer = "partner-ca", .key = "other-ca", .end = 1000 },
        { .file = "3.pem", .issuer = "root-ca", .end = 1000 },
    };
    static const char text[] =
        "ca root-ca.pem\nca partner-ca.pem\ncrl 1.pem\ncrl 3.pem\ncrl 2.pem\nallow any\n"
        "[b]\nca root-ca.pem\ncrl 3.pem\nallow any\n"
        "[c]\nca root-ca.pem\ncrl 1.pem\ncrl 2.pem\n"
        "[d]\nca clients-ca.pem\npartial-chain yes\ncrl 1.pem\nmode report-only unmatched=x\nallow any\n"
        "[e]\nca partner-ca.pem\ncrl 2.pem\nmode report-only unmatched=x\nallow any\n";
    struct told *told = told_new();
    for (int i = 0; i < COUNT(lists); i++)
        crl_write(&lists[i], (int64_t)time(NULL));
    told_agrees(told, text, strlen(text), "a.policy");
    ck_assert_str_eq(told->log, "A1 A2 L3 L4 L5 M3:1 M5:1 R6:7 D1: A8 L9 R10:7 D7:b A12 L13 L14 M13:1 D11:c "
        "A16 L18 R20:7 D15:d A22 L23 M23:1 R25:7 D21:e ");
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
    Suite *suite = suite_create("policies with many mistakes");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, set_up, data_workshop_remove);
    tcase_add_loop_test(cases, all_mistakes, 0, COUNT(tables));
    tcase_add_loop_test(cases, too_many_domains, 0, COUNT(crowds));
    tcase_add_test(cases, wrong_lists);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
