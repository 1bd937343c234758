/* Policies built in code: the same as from a file, and mistakes that only code can make. */
#include "grants.h"
#include "pki.h"
#include "policy_text.h"
#include "suite.h"
#include <openssl/err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The policy that all() builds by calls. */
static const char text[] =
    "deny spki @spki:mallory@ stolen\n"
    "deny serial 0x1234\n"
    "deny serial 0xD1D11C749D9C2D16 issuer=@spki:other-ca@\n"
    "ca @pki@/root-ca.pem\n"
    "depth 3\n"
    "session-lifetime 2h\n"
    "strict yes\n"
    "security-level 2\n"
    "allow spki @spki:alice@ alice not-after=2199-12-31\n"
    "allow thumbprint @thumbprint:build-agent@ \"build agent 7\"\n"
    "allow serial 0xD1D11C749D9C2D16 kiosk issuer=@pki@/clients-ca.pem not-before=2001-01-01\n"
    "allow email ops@acme.example\n"
    "allow dns agent.acme.example agent\n"
    "[others]\n"
    "chain required\n"
    "ca @pki@/other-ca.pem\n"
    "allow ca-spki @spki:other-ca@ other\n"
    "[legacy]\n"
    "chain none\n"
    "allow spki @spki:scanner@ scanner\n"
    "[watched]\n"
    "ca @pki@/clients-ca.pem\n"
    "partial-chain yes\n"
    "mode report-only unmatched=somebody\n"
    "allow uri spiffe://partner.example/gateway gateway\n"
    "allow any anybody\n";

/* The value of a place, for use until the eighth call after. */
static const char *
filled(const char *place)
{
    static char values[8][512];
    static unsigned next;
    char *value = values[next++ % 8], *filled_in = policy_text(place);
    ck_assert_uint_lt(strlen(filled_in), sizeof values[0]);
    strcpy(value, filled_in);
    free(filled_in);
    return value;
}

#define GOOD(call) ck_assert_msg((call) == MTLSPIN_OK, "%s", error.message)

static void
deny_all(struct mtlspin_builder *b)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_rule_options options = MTLSPIN_RULE_OPTIONS_INIT;
    GOOD(mtlspin_builder_deny(b, MTLSPIN_SPKI, filled("@spki:mallory@"), "stolen", NULL, &error));
    GOOD(mtlspin_builder_deny(b, MTLSPIN_SERIAL, "0x1234", NULL, &options, &error));
    options.issuer = filled("@spki:other-ca@");
    GOOD(mtlspin_builder_deny(b, MTLSPIN_SERIAL, "d1d11c749d9c2d16", NULL, &options, &error));
}

static void
allow_unnamed(struct mtlspin_builder *b)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_rule_options until = MTLSPIN_RULE_OPTIONS_INIT, from = MTLSPIN_RULE_OPTIONS_INIT;
    until.not_after = 7258118399; /* 2199-12-31T23:59:59Z */
    from.not_before = 978307200;  /* 2001-01-01T00:00:00Z */
    from.issuer = filled("@pki@/clients-ca.pem");
    GOOD(mtlspin_builder_ca_file(b, filled("@pki@/root-ca.pem"), &error));
    GOOD(mtlspin_builder_security_level(b, 2, &error));
    GOOD(mtlspin_builder_strict(b, &error));
    GOOD(mtlspin_builder_session_lifetime(b, 7200, &error));
    GOOD(mtlspin_builder_depth(b, 3, &error));
    GOOD(mtlspin_builder_allow(b, MTLSPIN_SPKI, filled("@spki:alice@"), "alice", &until, &error));
    GOOD(mtlspin_builder_allow(b, MTLSPIN_THUMBPRINT, filled("@thumbprint:build-agent@"), "build agent 7", NULL, &error));
    GOOD(mtlspin_builder_allow(b, MTLSPIN_SERIAL, "serial=D1D11C749D9C2D16", "kiosk", &from, &error));
    GOOD(mtlspin_builder_allow(b, MTLSPIN_EMAIL, "ops@ACME.example", NULL, NULL, &error));
    GOOD(mtlspin_builder_allow(b, MTLSPIN_DNS, "agent.acme.example", "agent", NULL, &error));
}

static void
allow_named(struct mtlspin_builder *b)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    X509 *other = pki_certificate("other-ca");
    GOOD(mtlspin_builder_domain(b, "others", &error));
    GOOD(mtlspin_builder_chain(b, MTLSPIN_CHAIN_REQUIRED, &error));
    GOOD(mtlspin_builder_ca_x509(b, other, &error));
    X509_free(other); /* the builder has a reference of its own */
    GOOD(mtlspin_builder_allow(b, MTLSPIN_CA_SPKI, filled("@spki:other-ca@"), "other", NULL, &error));
    GOOD(mtlspin_builder_domain(b, "legacy", &error));
    GOOD(mtlspin_builder_chain(b, MTLSPIN_CHAIN_NONE, &error));
    GOOD(mtlspin_builder_allow(b, MTLSPIN_SPKI, filled("@spki:scanner@"), "scanner", NULL, &error));
    GOOD(mtlspin_builder_domain(b, "watched", &error));
    GOOD(mtlspin_builder_partial_chain(b, &error));
    GOOD(mtlspin_builder_ca_file(b, filled("@pki@/clients-ca.pem"), &error));
    GOOD(mtlspin_builder_report_only(b, "somebody", &error));
    GOOD(mtlspin_builder_allow(b, MTLSPIN_URI, "spiffe://partner.example/gateway", "gateway", NULL, &error));
    GOOD(mtlspin_builder_allow(b, MTLSPIN_ANY, NULL, "anybody", NULL, &error));
}

static void
add_all(struct mtlspin_builder *b)
{
    deny_all(b);
    allow_unnamed(b);
    allow_named(b);
}

static void
check_same(struct mtlspin_policy *a, struct mtlspin_policy *b)
{
    uint8_t digests[2][32];
    char grants[2][GRANTS_SIZE];
    mtlspin_policy_digest(a, digests[0]);
    mtlspin_policy_digest(b, digests[1]);
    ck_assert_mem_eq(digests[0], digests[1], 32);
    grants_list(a, false, grants[0]);
    grants_list(b, false, grants[1]);
    ck_assert_str_eq(grants[0], grants[1]);
    ck_assert_ptr_nonnull(strstr(grants[0], "alice as alice\n"));
    for (enum mtlspin_kind kind = MTLSPIN_KIND_NONE; kind <= MTLSPIN_ANY; kind++) {
        ck_assert_uint_eq(mtlspin_policy_count_allow(a, kind), mtlspin_policy_count_allow(b, kind));
        ck_assert_uint_eq(mtlspin_policy_count_deny(a, kind), mtlspin_policy_count_deny(b, kind));
    }
}

/* Twice with the same builder, since a build empties it. */
START_TEST(same_as_file)
{
    struct mtlspin_policy *of_file = policy_of(text);
    struct mtlspin_builder *builder = mtlspin_builder_new();
    for (int turn = 0; turn < 2; turn++) {
        struct mtlspin_error error = MTLSPIN_ERROR_INIT;
        add_all(builder);
        struct mtlspin_policy *of_code = mtlspin_builder_build(builder, &error);
        ck_assert_msg(of_code != NULL, "%s", error.message);
        check_same(of_code, of_file);
        mtlspin_policy_unref(of_code);
    }
    mtlspin_builder_free(builder);
    mtlspin_policy_unref(of_file);
}
END_TEST

/* A rule is known by its number, denials counted. */
START_TEST(rule_numbers)
{
    struct mtlspin_builder *builder = mtlspin_builder_new();
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    X509 *leaf = pki_certificate("scanner");
    add_all(builder);
    struct mtlspin_policy *policy = mtlspin_builder_build(builder, NULL);
    ck_assert_int_eq(mtlspin_evaluate(policy, leaf, NULL, MTLSPIN_SERVER, NULL, (int64_t)time(NULL), &decision),
        MTLSPIN_ALLOW);
    ck_assert_uint_eq(decision.line, 10);
    ck_assert_str_eq(decision.domain, "legacy");
    X509_free(leaf);
    mtlspin_policy_unref(policy);
    mtlspin_builder_free(builder);
}
END_TEST

/* Nothing was added: nobody gets in. */
START_TEST(empty)
{
    char grants[GRANTS_SIZE];
    struct mtlspin_builder *builder = mtlspin_builder_new();
    struct mtlspin_policy *policy = mtlspin_builder_build(builder, NULL);
    ck_assert_ptr_nonnull(policy);
    grants_list(policy, true, grants);
    ck_assert_str_eq(grants, "");
    mtlspin_policy_unref(policy);
    mtlspin_builder_free(builder);
    mtlspin_builder_free(NULL);
}
END_TEST

/* Calls that fail: each poisons the builder. */

typedef enum mtlspin_status failing_call(struct mtlspin_builder *b, struct mtlspin_error *e);

static enum mtlspin_status
zeroed_options(struct mtlspin_builder *b, struct mtlspin_error *e)
{
    struct mtlspin_rule_options zeroed = { 0 };
    return mtlspin_builder_allow(b, MTLSPIN_SPKI, filled("@spki:alice@"), "alice", &zeroed, e);
}

static enum mtlspin_status
zeroed_deny_options(struct mtlspin_builder *b, struct mtlspin_error *e)
{
    struct mtlspin_rule_options zeroed = { 0 };
    return mtlspin_builder_deny(b, MTLSPIN_SPKI, filled("@spki:alice@"), "alice", &zeroed, e);
}

static enum mtlspin_status
intermediate(struct mtlspin_builder *b, struct mtlspin_error *e)
{
    X509 *ca = pki_certificate("clients-ca");
    ck_assert_int_eq(mtlspin_builder_ca_x509(b, ca, e), MTLSPIN_OK);
    X509_free(ca);
    return mtlspin_builder_allow(b, MTLSPIN_ANY, NULL, NULL, NULL, e);
}

static enum mtlspin_status
again(struct mtlspin_builder *b, struct mtlspin_error *e)
{
    ck_assert_int_eq(mtlspin_builder_chain(b, MTLSPIN_CHAIN_NONE, e), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_builder_allow(b, MTLSPIN_SPKI, filled("@spki:alice@"), "alice", NULL, e), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_builder_allow(b, MTLSPIN_SPKI, filled("@spki:alice@"), "bob", NULL, e), MTLSPIN_OK);
    return mtlspin_builder_domain(b, "next", e);
}

#define CALL(name, expression)                                                  \
    static enum mtlspin_status name(struct mtlspin_builder *b, struct mtlspin_error *e) { return expression; }

CALL(no_kind, mtlspin_builder_allow(b, MTLSPIN_KIND_NONE, "x", NULL, NULL, e))
CALL(wild_kind, mtlspin_builder_allow(b, (enum mtlspin_kind)77, "x", NULL, NULL, e))
CALL(no_value,
    (mtlspin_builder_chain(b, MTLSPIN_CHAIN_NONE, e), mtlspin_builder_allow(b, MTLSPIN_SPKI, NULL, "x", NULL, e)))
CALL(any_value, (mtlspin_builder_ca_application(b, e), mtlspin_builder_allow(b, MTLSPIN_ANY, "x", NULL, NULL, e)))
CALL(deny_no_value, mtlspin_builder_deny(b, MTLSPIN_SPKI, NULL, NULL, NULL, e))
CALL(no_ca, mtlspin_builder_allow(b, MTLSPIN_ANY, NULL, NULL, NULL, e))
CALL(no_name, mtlspin_builder_domain(b, NULL, e))
CALL(no_path, mtlspin_builder_ca_file(b, NULL, e))
CALL(no_file, mtlspin_builder_ca_file(b, "no-such.pem", e))
CALL(no_folder_path, mtlspin_builder_ca_directory(b, NULL, e))
CALL(no_folder, mtlspin_builder_ca_directory(b, "no-such-folder", e))
CALL(no_pem, mtlspin_builder_ca_pem(b, NULL, 5, e))
CALL(empty_pem, mtlspin_builder_ca_pem(b, "", 0, e))
CALL(zero_pem, mtlspin_builder_ca_pem(b, "\0", 1, e))
CALL(huge_pem, mtlspin_builder_ca_pem(b, "x", (size_t)1 << 31, e))
CALL(no_x509, mtlspin_builder_ca_x509(b, NULL, e))
CALL(wild_chain, mtlspin_builder_chain(b, (enum mtlspin_chain)7, e))
CALL(deep, mtlspin_builder_depth(b, 17, e))
CALL(no_lifetime, mtlspin_builder_session_lifetime(b, 0, e))
CALL(past_lifetime, mtlspin_builder_session_lifetime(b, INT64_MIN, e))
CALL(high_level, mtlspin_builder_security_level(b, 6, e))
CALL(no_host, mtlspin_builder_host(b, NULL, e))
CALL(no_unmatched, mtlspin_builder_report_only(b, NULL, e))
CALL(deny_email, mtlspin_builder_deny(b, MTLSPIN_EMAIL, "a@b.example", NULL, NULL, e))

#define NOT_THERE ": No such file or directory; put it there, or write another path " \
    "(within a policy it starts at the policy's folder)"
#define REMAKE "; take what `openssl x509 -in FILE -out FILE.pem` writes"

static const struct { failing_call *call; enum mtlspin_status status; const char *message; } failing[] = {
    { zeroed_options, MTLSPIN_ERR_ARGUMENT, "start the options from MTLSPIN_RULE_OPTIONS_INIT" },
    { zeroed_deny_options, MTLSPIN_ERR_ARGUMENT, "start the options from MTLSPIN_RULE_OPTIONS_INIT" },
    { intermediate, MTLSPIN_ERR_POLICY,
        "the anchor /O=Example/CN=Example Clients CA is not self-signed: name its root, or write `partial-chain yes`" },
    { again, MTLSPIN_ERR_POLICY, "line 2 says the same under another label; delete one of the two" },
    { no_kind, MTLSPIN_ERR_ARGUMENT, "not a kind of rule" },
    { wild_kind, MTLSPIN_ERR_ARGUMENT, "not a kind of rule" },
    { no_value, MTLSPIN_ERR_ARGUMENT, "every rule but `any` has a value" },
    { any_value, MTLSPIN_ERR_ARGUMENT, "every rule but `any` has a value" },
    { deny_no_value, MTLSPIN_ERR_ARGUMENT, "every rule but `any` has a value" },
    { no_ca, MTLSPIN_ERR_POLICY,
        "this domain has no `ca`, and without `chain none` it needs one; write `ca FILE` above its first rule" },
    { no_name, MTLSPIN_ERR_VALUE, "a domain's name is 1 to 63 letters, digits, '.', '_' and '-'" },
    { no_path, MTLSPIN_ERR_VALUE, "an empty path; write the name of a file or folder" },
    { no_file, MTLSPIN_ERR_FILE, "no-such.pem" NOT_THERE },
    { no_folder_path, MTLSPIN_ERR_VALUE, "an empty path; write the name of a file or folder" },
    { no_folder, MTLSPIN_ERR_FILE, "no-such-folder" NOT_THERE },
    { no_pem, MTLSPIN_ERR_ARGUMENT, "no text" },
    { empty_pem, MTLSPIN_ERR_CERTIFICATE, "PEM text: no PEM certificate in it" REMAKE },
    { zero_pem, MTLSPIN_ERR_CERTIFICATE, "PEM text: a zero byte in it, so it is no PEM text" REMAKE },
    { huge_pem, MTLSPIN_ERR_ARGUMENT, "PEM text: more than 2 GiB" },
    { no_x509, MTLSPIN_ERR_ARGUMENT, "no certificate" },
    { wild_chain, MTLSPIN_ERR_ARGUMENT, "neither required nor none" },
    { deep, MTLSPIN_ERR_VALUE, "this depth is too large; write 0 to 16" },
    { no_lifetime, MTLSPIN_ERR_VALUE, "a session lives 1 second (1s) to 7 days (7d); write a time in between" },
    { past_lifetime, MTLSPIN_ERR_VALUE, "a session lives 1 second (1s) to 7 days (7d); write a time in between" },
    { high_level, MTLSPIN_ERR_VALUE, "this security level is too high; write 0 to 5" },
    { no_host, MTLSPIN_ERR_VALUE,
        "a host is a DNS name in ASCII without trailing dot, \"*.\" and such a name, or an IP address" },
    { no_unmatched, MTLSPIN_ERR_ARGUMENT, "no label" },
    { deny_email, MTLSPIN_ERR_POLICY, "`deny` takes `spki` or `serial`; write the key's pin or the serial number" },
};

START_TEST(poison)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    enum mtlspin_status status = failing[_i].status;
    struct mtlspin_builder *builder = mtlspin_builder_new();
    ck_assert_int_eq(mtlspin_builder_deny(builder, MTLSPIN_SERIAL, "0x1234", NULL, NULL, &error), MTLSPIN_OK);
    ck_assert_int_eq(failing[_i].call(builder, &error), status);
    ck_assert_int_eq(error.code, status);
    ck_assert_str_eq(error.message, failing[_i].message);
    ck_assert_uint_eq(error.line, 0);
    ck_assert_uint_eq(error.column, 0);
    ck_assert_str_eq(error.file, "");
    ck_assert_int_eq(mtlspin_builder_strict(builder, &error), status);
    ck_assert_str_eq(error.message, "an earlier call on this builder failed");
    ck_assert_int_eq(mtlspin_builder_domain(builder, "next", NULL), status);
    ck_assert_ptr_null(mtlspin_builder_build(builder, &error));
    ck_assert_int_eq(error.code, status);
    struct mtlspin_policy *policy = mtlspin_builder_build(builder, &error); /* it is empty and good again */
    ck_assert_ptr_nonnull(policy);
    ck_assert_uint_eq(mtlspin_policy_count_deny(policy, MTLSPIN_KIND_NONE), 0);
    mtlspin_policy_unref(policy);
    ck_assert_int_eq(failing[_i].call(builder, &error), status); /* and refuses the same again */
    ck_assert_uint_eq(error.column, 0);
    mtlspin_builder_free(builder);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

/* What the build itself finds. */
START_TEST(poison_by_build)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_builder *builder = mtlspin_builder_new();
    ck_assert_int_eq(mtlspin_builder_deny(builder, MTLSPIN_SERIAL, "0x1234", "stolen", NULL, &error), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_builder_deny(builder, MTLSPIN_SERIAL, "0x1234", "lost", NULL, &error), MTLSPIN_OK);
    ck_assert_ptr_null(mtlspin_builder_build(builder, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_POLICY);
    ck_assert_str_eq(error.message, "line 1 says the same under another label; delete one of the two");
    ck_assert_uint_eq(error.column, 0);
    mtlspin_builder_free(builder);
}
END_TEST

START_TEST(no_builder)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_int_eq(failing[_i].call == intermediate || failing[_i].call == again
            ? mtlspin_builder_strict(NULL, &error) : failing[_i].call(NULL, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "no builder");
    ck_assert_ptr_null(mtlspin_builder_build(NULL, &error));
    ck_assert_int_eq(error.code, MTLSPIN_ERR_ARGUMENT);
}
END_TEST

int
main(void)
{
    int count = (int)(sizeof failing / sizeof *failing);
    Suite *suite = suite_create("builder");
    TCase *cases = tcase_create("cases");
    tcase_add_test(cases, same_as_file);
    tcase_add_test(cases, rule_numbers);
    tcase_add_test(cases, empty);
    tcase_add_loop_test(cases, poison, 0, count);
    tcase_add_test(cases, poison_by_build);
    tcase_add_loop_test(cases, no_builder, 0, count);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
