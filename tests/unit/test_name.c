/* Names of certificates and hosts in their comparable form. */
#include "name.h"
#include "rows.h"
#include "suite.h"
#include <mtlspin/name.h>
#include <string.h>

#define LABEL63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define NAME251 LABEL63 "." LABEL63 "." LABEL63 "." "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvw"

static const struct name {
    enum mtlspin_kind kind;
    const char *text;
    const char *normal; /* NULL = no such name */
} names[] = {
    { MTLSPIN_EMAIL, "ops@acme.example", "ops@acme.example" },
    { MTLSPIN_EMAIL, "Ops@ACME.Example", "Ops@acme.example" }, /* the mailbox counts case (RFC 5280, 7.5) */
    { MTLSPIN_EMAIL, "a+b/c@x", "a+b/c@x" },
    { MTLSPIN_EMAIL, "ops", NULL },
    { MTLSPIN_EMAIL, "@acme.example", NULL },
    { MTLSPIN_EMAIL, "ops@", NULL },
    { MTLSPIN_EMAIL, "ops@@acme.example", NULL },
    { MTLSPIN_EMAIL, "ops@acme@example", NULL },
    { MTLSPIN_EMAIL, "\"ops@home\"@acme.example", NULL },
    { MTLSPIN_EMAIL, "ops@acme.example.", NULL },
    { MTLSPIN_EMAIL, "ops@*.example", NULL },
    { MTLSPIN_EMAIL, "ops@[192.0.2.1]", NULL },
    { MTLSPIN_EMAIL, "the ops@acme.example", NULL },
    { MTLSPIN_EMAIL, "Ops <ops@acme.example>", NULL },
    { MTLSPIN_EMAIL, "\xc3\xb6ps@acme.example", NULL },
    { MTLSPIN_EMAIL, "", NULL },
    { MTLSPIN_URI, "spiffe://partner.example/gateway", "spiffe://partner.example/gateway" },
    { MTLSPIN_URI, "SPIFFE://Partner.EXAMPLE/Gateway", "spiffe://partner.example/Gateway" },
    { MTLSPIN_URI, "https://User:Pass@Acme.Example:443/A?B#C", "https://User:Pass@acme.example:443/A?B#C" },
    { MTLSPIN_URI, "https://ACME.example?Q", "https://acme.example?Q" },
    { MTLSPIN_URI, "https://ACME.example#F", "https://acme.example#F" },
    { MTLSPIN_URI, "https://acme.example/X@Y", "https://acme.example/X@Y" },
    { MTLSPIN_URI, "https://A@B@ACME/", "https://A@B@acme/" },
    { MTLSPIN_URI, "https://[2001:DB8::1]/A", "https://[2001:db8::1]/A" },
    { MTLSPIN_URI, "URN:UUID:F81D4FAE", "urn:UUID:F81D4FAE" },
    { MTLSPIN_URI, "https://acme.example/%41", "https://acme.example/%41" }, /* compared as it stands */
    { MTLSPIN_URI, "https://acme.example/a", "https://acme.example/a" },
    { MTLSPIN_URI, "https://acme.example", "https://acme.example" },
    { MTLSPIN_URI, "https://acme.example/", "https://acme.example/" },
    { MTLSPIN_URI, "https://", NULL },
    { MTLSPIN_URI, "https:///path", NULL },
    { MTLSPIN_URI, "https://user@/path", NULL },
    { MTLSPIN_URI, "https://?query", NULL },
    { MTLSPIN_URI, "agent.acme.example", NULL },
    { MTLSPIN_URI, "/path", NULL },
    { MTLSPIN_URI, "/path:x", NULL },
    { MTLSPIN_URI, ":x", NULL },
    { MTLSPIN_URI, "urn:", NULL },
    { MTLSPIN_URI, "https://acme example/", NULL },
    { MTLSPIN_URI, "https://acme.example/\xc3\xa4", NULL },
    { MTLSPIN_URI, "https://acme.example/\x7f", NULL },
    { MTLSPIN_URI, "", NULL },
    { MTLSPIN_DNS, "agent.acme.example", "agent.acme.example" },
    { MTLSPIN_DNS, "Agent.ACME.Example", "agent.acme.example" },
    { MTLSPIN_DNS, "XN--BCHER-KVA.Example", "xn--bcher-kva.example" },
    { MTLSPIN_DNS, "_tls._tcp.acme-7.example", "_tls._tcp.acme-7.example" },
    { MTLSPIN_DNS, "localhost", "localhost" },
    { MTLSPIN_DNS, "192.0.2.1", "192.0.2.1" },
    { MTLSPIN_DNS, LABEL63, LABEL63 },
    { MTLSPIN_DNS, LABEL63 "a", NULL },
    { MTLSPIN_DNS, NAME251, NAME251 },
    { MTLSPIN_DNS, NAME251 ".a", NAME251 ".a" },
    { MTLSPIN_DNS, NAME251 ".ab", NULL },
    { MTLSPIN_DNS, "*.acme.example", NULL },
    { MTLSPIN_DNS, "acme.example.", NULL },
    { MTLSPIN_DNS, ".acme.example", NULL },
    { MTLSPIN_DNS, "acme..example", NULL },
    { MTLSPIN_DNS, ".", NULL },
    { MTLSPIN_DNS, "acme example", NULL },
    { MTLSPIN_DNS, "acme/example", NULL },
    { MTLSPIN_DNS, "b\xc3\xbc" "cher.example", NULL },
    { MTLSPIN_DNS, "2001:db8::1", NULL },
    { MTLSPIN_DNS, "", NULL },
    { MTLSPIN_ANY, "x", NULL },
    { MTLSPIN_SPKI, "x", NULL },
    { MTLSPIN_KIND_NONE, "x", NULL },
};

START_TEST(a_name_has_one_form)
{
    const struct name *row = &names[_i];
    char normal[MTLSPIN__NAME_SIZE], again[MTLSPIN__NAME_SIZE];
    bool good = mtlspin__name_normal(row->kind, row->text, strlen(row->text), normal);
    ck_assert_msg(good == (row->normal != NULL), "%s", row->text);
    if (!good)
        return;
    ck_assert_str_eq(normal, row->normal);
    ck_assert(mtlspin__name_normal(row->kind, normal, strlen(normal), again));
    ck_assert_str_eq(normal, again);
}
END_TEST

/* Names out of certificates are counted, not terminated; a zero byte in one is there to deceive. */
START_TEST(a_program_gets_the_same_form)
{
    char normal[MTLSPIN_NAME_SIZE] = "left over";
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    const struct name *name = &names[_i];
    enum mtlspin_status status = mtlspin_name_normal(name->kind, name->text, strlen(name->text), normal, &error);
    ck_assert_int_eq(status, name->normal != NULL ? MTLSPIN_OK : MTLSPIN_ERR_VALUE);
    ck_assert_int_eq(error.code, status);
    ck_assert_str_eq(normal, name->normal != NULL ? name->normal : "");
    ck_assert_int_eq(mtlspin_name_normal(name->kind, NULL, 1, normal, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_name_normal(name->kind, name->text, 1, NULL, NULL), MTLSPIN_ERR_ARGUMENT);
}
END_TEST

START_TEST(a_name_ends_where_its_length_says)
{
    static const char zero[] = "agent.acme.example\0.evil.example";
    char normal[MTLSPIN__NAME_SIZE];
    ck_assert(mtlspin__name_normal(MTLSPIN_DNS, zero, 18, normal));
    ck_assert_str_eq(normal, "agent.acme.example");
    ck_assert(mtlspin__name_normal(MTLSPIN_DNS, zero, 5, normal));
    ck_assert_str_eq(normal, "agent");
    for (size_t length = 19; length < sizeof zero; length++)
        ck_assert(!mtlspin__name_normal(MTLSPIN_DNS, zero, length, normal));
}
END_TEST

START_TEST(a_name_has_at_most_2048_bytes)
{
    char uri[MTLSPIN__NAME_SIZE + 1], normal[MTLSPIN__NAME_SIZE];
    memset(uri, 'a', sizeof uri);
    memcpy(uri, "spiffe://x/", 11);
    ck_assert(mtlspin__name_normal(MTLSPIN_URI, uri, 2048, normal));
    ck_assert_uint_eq(strlen(normal), 2048);
    ck_assert(!mtlspin__name_normal(MTLSPIN_URI, uri, 2049, normal));
}
END_TEST

static const struct {
    const char *uri;
    bool spiffe;
} uris[] = { { "spiffe://partner.example/gateway", true }, { "spiffe:x", true }, { "spiffes://x/", false },
    { "https://spiffe:x/", false },
    { "spiffe", false }, { "", false } };

START_TEST(a_spiffe_id_is_known_by_its_scheme)
{
    ck_assert(mtlspin__name_is_spiffe(uris[_i].uri) == uris[_i].spiffe);
}
END_TEST

static const struct host {
    const char *text;
    const char *host, *pattern; /* normal forms; NULL = none */
} hosts[] = {
    { "example.com", "example.com", "example.com" },
    { "EXAMPLE.com", "example.com", "example.com" },
    { "example.com.", "example.com", NULL },
    { "example.com..", NULL, NULL },
    { "localhost", "localhost", "localhost" },
    { "*.example.com", NULL, "*.example.com" },
    { "*.EXAMPLE.com", NULL, "*.example.com" },
    { "*.*.example.com", NULL, NULL },
    { "w*.example.com", NULL, NULL },
    { "www.*.com", NULL, NULL },
    { "*", NULL, NULL },
    { "*.", NULL, NULL },
    { "*.192.0.2.1", NULL, NULL },
    { "", NULL, NULL },
    { ".", NULL, NULL },
    { "exa mple.com", NULL, NULL },
    { "example.com:443", NULL, NULL },
    { "https://example.com", NULL, NULL },
    { "b\xc3\xbc" "cher.example", NULL, NULL },
    { "192.0.2.1", "192.0.2.1", "192.0.2.1" },
    { "192.0.2.256", NULL, NULL },
    { "192.0.2", NULL, NULL },
    { "192.0.2.1.", NULL, NULL },
    { "3221225985", NULL, NULL },
    { "1.2.3.example", "1.2.3.example", "1.2.3.example" },
    { "2001:db8::1", "2001:db8::1", "2001:db8::1" },
    { "2001:DB8:0:0:0:0:0:1", "2001:db8::1", "2001:db8::1" },
    { "::ffff:192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
    { "::FFFF:C000:0201", "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
    { "[2001:db8::1]", NULL, NULL },
    { "fe80::1%eth0", NULL, NULL },
    { "2001:db8::1::2", NULL, NULL },
    { NAME251 ".a", NAME251 ".a", NAME251 ".a" },
    { NAME251 ".ab", NULL, NULL },
};

START_TEST(a_host_has_one_form)
{
    const struct host *row = &hosts[_i];
    for (int pattern = 0; pattern <= 1; pattern++) {
        char normal[MTLSPIN__HOST_SIZE];
        const char *wanted = pattern ? row->pattern : row->host;
        bool good = mtlspin__host_normal(row->text, pattern == 1, normal);
        ck_assert_msg(good == (wanted != NULL), "%s", row->text);
        if (good)
            ck_assert_str_eq(normal, wanted);
    }
}
END_TEST

START_TEST(a_host_fits_its_buffer)
{
    char host[400], normal[MTLSPIN__HOST_SIZE];
    for (size_t length = 1; length < sizeof host; length++) {
        memset(host, 0, sizeof host);
        for (size_t i = 0; i < length; i++)
            host[i] = i % 2 == 1 && i + 1 < length ? '.' : 'a';
        ck_assert_msg(mtlspin__host_normal(host, false, normal) == (length <= 253), "%zu bytes", length);
        memcpy(host, "*.", 2);
        (void)mtlspin__host_normal(host, true, normal);
    }
}
END_TEST

static const struct {
    const char *pattern, *host;
    bool matches;
} matches[] = {
    { "example.com", "example.com", true },
    { "example.com", "www.example.com", false },
    { "example.com", "example.org", false },
    { "*.example.com", "www.example.com", true },
    { "*.example.com", "example.com", false },
    { "*.example.com", "a.b.example.com", false },
    { "*.example.com", "wwwexample.com", false },
    { "*.example.com", ".example.com", false },
    { "*.example.com", "www.example.org", false },
    { "*.example.com", "www.example.com.evil", false },
    { "*.com", "example.com", true },
    { "192.0.2.1", "192.0.2.1", true },
    { "*.0.2.1", "192.0.2.1", false },
    { "2001:db8::1", "2001:db8::1", true },
    { "*.example.com", "localhost", false },
};

START_TEST(a_star_is_one_whole_label)
{
    ck_assert_msg(mtlspin__host_matches(matches[_i].pattern, matches[_i].host) == matches[_i].matches, "%s %s",
        matches[_i].pattern, matches[_i].host);
}
END_TEST

static const struct {
    const char *host;
    bool address;
} addresses[] = { { "192.0.2.1", true }, { "2001:db8::1", true }, { "::", true }, { "example.com", false },
    { "192.0.2", false },
    { "1.2.3.4.5", false }, { "", false } };

START_TEST(an_address_is_told_from_a_name)
{
    ck_assert(mtlspin__host_is_address(addresses[_i].host) == addresses[_i].address);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("name");
    TCase *tcase = tcase_create("name");
    tcase_add_loop_test(tcase, a_name_has_one_form, 0, ROWS(names));
    tcase_add_loop_test(tcase, a_program_gets_the_same_form, 0, ROWS(names));
    tcase_add_test(tcase, a_name_ends_where_its_length_says);
    tcase_add_test(tcase, a_name_has_at_most_2048_bytes);
    tcase_add_loop_test(tcase, a_spiffe_id_is_known_by_its_scheme, 0, ROWS(uris));
    tcase_add_loop_test(tcase, a_host_has_one_form, 0, ROWS(hosts));
    tcase_add_test(tcase, a_host_fits_its_buffer);
    tcase_add_loop_test(tcase, a_star_is_one_whole_label, 0, ROWS(matches));
    tcase_add_loop_test(tcase, an_address_is_told_from_a_name, 0, ROWS(addresses));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
