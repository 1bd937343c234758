/* The digest of a policy: what changes it, and what does not. */
#include "policy_text.h"
#include "suite.h"
#include <stdlib.h>
#include <string.h>

/* Each case replaces one piece of this text. */
static const char base[] =
    "# a comment\n"
    "deny spki @spki:mallory@ stolen\n"
    "deny serial 0x1234\n"
    "[clients]\n"
    "ca @pki@/root-ca.pem\n"
    "ca @pki@/other-ca.pem\n"
    "depth 3\n"
    "session-lifetime 12h\n"
    "security-level 2\n"
    "crl @pki@/lists\n"
    "crl-grace 12h\n"
    "allow spki @spki:alice@ alice not-after=2199-12-31\n"
    "allow serial 0x5678 kiosk issuer=@pki@/clients-ca.pem\n"
    "allow email ops@acme.example ops\n"
    "[legacy]\n"
    "chain none\n"
    "allow thumbprint @thumbprint:scanner@ scanner\n"
    "[watched]\n"
    "ca @pki@/partner-ca.pem\n"
    "mode report-only unmatched=somebody\n";

enum expected { SAME, OTHER };

static const struct { const char *from, *to; enum expected expected; } cases[] = {
    /* how it is written */
    { "# a comment\n", "", SAME },
    { "# a comment\n", "\n\n   # another\n", SAME },
    { "allow spki @spki:alice@ alice not-after=2199-12-31",
        "\tallow  spki\t@spki:alice@ not-after=2199-12-31 \"alice\" #", SAME },
    { "depth 3\nsession-lifetime 12h\n", "session-lifetime 43200s\ndepth 3\n", SAME },
    { "0x1234", "serial=001234", SAME },
    { "issuer=@pki@/clients-ca.pem", "issuer=@spki:clients-ca@", SAME },
    { "ca @pki@/root-ca.pem", "ca \"@pki@/../pki/root-ca.pem\"", SAME },
    { "not-after=2199-12-31", "not-after=2199-12-31T23:59:59Z", SAME },
    { "ops@acme.example", "ops@ACME.Example", SAME },
    { "[watched]\n", "[watched]\nchain required\n", SAME },
    { "[legacy]\nchain none\n", "[legacy]\r\nchain none\r\n", SAME },
    /* what it says of anchors */
    { "ca @pki@/root-ca.pem\nca @pki@/other-ca.pem\n", "ca @pki@/other-ca.pem\nca @pki@/root-ca.pem\n", SAME },
    { "ca @pki@/root-ca.pem\n", "ca @pki@/root-ca.pem\nca @pki@/root-ca.pem\n", SAME },
    { "ca @pki@/other-ca.pem\n", "", OTHER },
    { "ca @pki@/other-ca.pem\n", "ca @pki@/partner-ca.pem\n", OTHER },
    { "ca @pki@/root-ca.pem\nca @pki@/other-ca.pem\n", "ca application\n", OTHER },
    /* of revocation lists */
    { "crl @pki@/lists\n", "crl @pki@/clients.crl\ncrl @pki@/root.crl\n", SAME },
    { "crl @pki@/lists\n", "crl @pki@/root-and-clients.crl\ncrl @pki@/root-crl.der\n", SAME },
    { "crl @pki@/lists\ncrl-grace 12h\n", "crl-grace 720m\ncrl @pki@/lists\n", SAME },
    { "crl @pki@/lists\n", "crl @pki@/root.crl\n", OTHER },
    { "crl @pki@/lists\n", "crl @pki@/lists\ncrl @pki@/deep.crl\n", OTHER },
    { "crl @pki@/lists\ncrl-grace 12h\n", "", OTHER },
    { "crl-grace 12h\n", "", OTHER },
    { "crl-grace 12h\n", "crl-grace 13h\n", OTHER },
    { "ca @pki@/partner-ca.pem\n", "ca @pki@/partner-ca.pem\ncrl @pki@/lists\n", OTHER },
    /* of settings */
    { "depth 3\n", "", OTHER },
    { "depth 3", "depth 4", OTHER },
    { "depth 3", "depth 8", OTHER },
    { "session-lifetime 12h\n", "", OTHER },
    { "session-lifetime 12h", "session-lifetime 13h", OTHER },
    { "security-level 2\n", "", OTHER },
    { "security-level 2", "security-level 3", OTHER },
    { "depth 3\n", "depth 3\npartial-chain yes\n", OTHER },
    { "depth 3\n", "depth 3\nstrict yes\n", OTHER },
    { "unmatched=somebody", "unmatched=anybody", OTHER },
    { "mode report-only unmatched=somebody\n", "", OTHER },
    { "mode report-only unmatched=somebody\n", "mode report-only unmatched=somebody\nallow any somebody\n", OTHER },
    /* of domains */
    { "[legacy]", "[Legacy]", OTHER },
    { "[legacy]\nchain none\nallow thumbprint @thumbprint:scanner@ scanner\n", "", OTHER },
    { "[watched]\n", "[other]\nchain none\n[watched]\n", OTHER },
    /* of rules */
    { "ops@acme.example ops", "ops@acme.example oops", OTHER },
    { "ops@acme.example ops", "ops@acme.example", OTHER },
    { "ops@acme.example ops", "op@acme.example ops", OTHER },
    { "not-after=2199-12-31", "not-after=2199-12-30", OTHER },
    { "not-after=2199-12-31", "not-before=2199-12-31", OTHER },
    { "not-after=2199-12-31", "", OTHER },
    { "spki @spki:alice@", "spki @spki:kiosk@", OTHER },
    { "issuer=@pki@/clients-ca.pem", "issuer=@pki@/other-ca.pem", OTHER },
    { "serial 0x5678", "serial -0x5678", OTHER },
    { "allow email ops@acme.example ops\n", "", OTHER },
    { "allow email ops@acme.example ops\n", "allow email ops@acme.example ops\nallow email ops@acme.example ops\n", OTHER },
    { "allow email ops@acme.example ops\n", "allow uri mailto:ops@acme.example ops\n", OTHER },
    { "allow serial 0x5678 kiosk issuer=@pki@/clients-ca.pem\nallow email ops@acme.example ops\n",
        "allow email ops@acme.example ops\nallow serial 0x5678 kiosk issuer=@pki@/clients-ca.pem\n", OTHER },
    { "thumbprint @thumbprint:scanner@", "spki @spki:scanner@", OTHER },
    { "allow spki @spki:alice@", "allow ca-spki @spki:alice@", OTHER },
    /* of denials */
    { "deny serial 0x1234\n", "", OTHER },
    { "deny serial 0x1234\n", "deny serial 0x1234 issuer=@spki:clients-ca@\n", OTHER },
    { "stolen", "lost", OTHER },
    { "deny serial 0x1234\n", "deny serial 0x1235\n", OTHER },
    /* where one text ends and the next begins */
    { "chain none\nallow thumbprint @thumbprint:scanner@ scanner\n[watched]",
        "chain none\nallow thumbprint @thumbprint:scanner@ scannerw\n[atched]", OTHER },
};

static void
digest_of(const char *text, uint8_t digest[32])
{
    static const uint8_t zero[32];
    struct mtlspin_policy *policy = policy_of(text);
    mtlspin_policy_digest(policy, digest);
    ck_assert_mem_ne(digest, zero, 32);
    mtlspin_policy_unref(policy);
}

static char *
replaced(const char *from, const char *to)
{
    const char *at = strstr(base, from);
    ck_assert_msg(at != NULL, "not in the base: %s", from);
    char *text = calloc(1, sizeof base + strlen(to));
    ck_assert_ptr_nonnull(text);
    memcpy(text, base, (size_t)(at - base));
    strcat(strcat(text, to), at + strlen(from));
    return text;
}

START_TEST(pair)
{
    uint8_t digests[2][32];
    char *text = replaced(cases[_i].from, cases[_i].to);
    digest_of(base, digests[0]);
    digest_of(text, digests[1]);
    ck_assert_msg((memcmp(digests[0], digests[1], 32) == 0) == (cases[_i].expected == SAME), "%s\n  for %s", cases[_i].to,
        cases[_i].from);
    free(text);
}
END_TEST

/* All that differ from the base also differ from each other. */
START_TEST(all_differ)
{
    static uint8_t digests[sizeof cases / sizeof *cases][32];
    size_t count = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].expected == SAME)
            continue;
        char *text = replaced(cases[i].from, cases[i].to);
        digest_of(text, digests[count]);
        free(text);
        for (size_t k = 0; k < count; k++)
            ck_assert_msg(memcmp(digests[k], digests[count], 32) != 0, "the same as another: %s", cases[i].to);
        count++;
    }
    ck_assert_uint_gt(count, 1);
}
END_TEST

START_TEST(hosts)
{
    static const char *const texts[] = { "chain none\nhost a.example\n", "chain none\nhost b.example\n",
        "chain none\nhost *.example\n", "chain none\nhost a.example\nhost b.example\n", "chain none\n" };
    uint8_t digests[6][32];
    for (size_t i = 0; i < 5; i++) {
        digest_of(texts[i], digests[i]);
        for (size_t k = 0; k < i; k++)
            ck_assert_mem_ne(digests[k], digests[i], 32);
    }
    digest_of("chain none\nhost A.EXAMPLE\n", digests[5]);
    ck_assert_mem_eq(digests[5], digests[0], 32);
}
END_TEST

START_TEST(no_policy)
{
    static const uint8_t zero[32];
    uint8_t digest[32];
    memset(digest, 1, sizeof digest);
    mtlspin_policy_digest(NULL, digest);
    ck_assert_mem_eq(digest, zero, 32);
    ck_assert_uint_eq(mtlspin_policy_count_allow(NULL, MTLSPIN_KIND_NONE), 0);
    ck_assert_uint_eq(mtlspin_policy_count_deny(NULL, MTLSPIN_KIND_NONE), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("policy digest");
    TCase *pairs = tcase_create("pairs");
    tcase_add_loop_test(pairs, pair, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_test(pairs, all_differ);
    tcase_add_test(pairs, hosts);
    tcase_add_test(pairs, no_policy);
    suite_add_tcase(suite, pairs);
    return run_suite(suite);
}
