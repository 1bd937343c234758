/* Revocation lists in a policy that is built in code: which are refused, and when it is found out whose they are. */
#include "crl.h"
#include "made_crl.h"
#include "pki.h"
#include "policy.h"
#include "suite.h"
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PREFIX "revocation list: "

/* How a list reaches the builder. */
enum form { STRUCTURE, DER, PEM, FORMS };

static enum mtlspin_status
add_pem(struct mtlspin_builder *builder, X509_CRL *crl, struct mtlspin_error *error)
{
    char *text = NULL;
    BIO *output = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_X509_CRL(output, crl), 1);
    long length = BIO_get_mem_data(output, &text);
    enum mtlspin_status status = mtlspin_builder_crl_bytes(builder, text, (size_t)length, error);
    BIO_free(output);
    return status;
}

static enum mtlspin_status
add(struct mtlspin_builder *builder, X509_CRL *crl, enum form form, struct mtlspin_error *error)
{
    size_t length = 0;
    if (form == STRUCTURE)
        return mtlspin_builder_crl_x509(builder, crl, error);
    if (form == PEM)
        return add_pem(builder, crl, error);
    unsigned char *der = crl_der(crl, &length);
    enum mtlspin_status status = mtlspin_builder_crl_bytes(builder, der, length, error);
    OPENSSL_free(der);
    return status;
}

static struct mtlspin_builder *
new_builder(const char *anchor)
{
    struct mtlspin_builder *builder = mtlspin_builder_new();
    ck_assert_int_eq(mtlspin_builder_ca_file(builder, pki_path(anchor, ".pem"), NULL), MTLSPIN_OK);
    return builder;
}

static struct mtlspin_policy *
finish(struct mtlspin_builder *builder)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_int_eq(mtlspin_builder_allow(builder, MTLSPIN_ANY, NULL, "member", NULL, &error), MTLSPIN_OK);
    struct mtlspin_policy *policy = mtlspin_builder_build(builder, &error);
    ck_assert_msg(policy != NULL, "%s", error.message);
    mtlspin_builder_free(builder);
    return policy;
}

static enum mtlspin_reason
ask(struct mtlspin_policy *policy, const char *client)
{
    char name[64];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    (void)snprintf(name, sizeof name, "%s-chain", client);
    X509 *leaf = pki_certificate(name);
    STACK_OF(X509) *rest = pki_rest(name);
    (void)!mtlspin_evaluate(policy, leaf, rest, MTLSPIN_SERVER, NULL, (int64_t)time(NULL), &decision);
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
    return decision.reason;
}

/* Lists that are refused, and, as a control, lists that are nearly the same. */
static const struct {
    struct crl_recipe list;
    const char *message; /* NULL = good */
} odd[] = {
    { { NULL, "root-ca", NULL, -60, 60, "alice", 0 }, NULL },
    { { NULL, "root-ca", NULL, -60, 60, NULL, 0 }, NULL },
    { { NULL, "root-ca", NULL, -60, -30, NULL, 0 }, NULL },
    { { NULL, "root-ca", NULL, 30, 60, NULL, 0 }, NULL },
    { { NULL, "root-ca", NULL, 60, 60, NULL, 0 }, NULL },
    { { NULL, "root-ca", NULL, -60, 60, "negative-serial", CRL_ENTRY_REASON }, NULL },
    { { NULL, "root-ca", NULL, -60, 60, "zero-serial", CRL_NO_KEY_ID }, NULL },
    { { NULL, "root-ca", NULL, -60, 60, NULL, CRL_NO_END },
        PREFIX "this list has no nextUpdate, so nobody could tell that it is old; have the CA set one" },
    { { NULL, "root-ca", NULL, 60, 59, NULL, 0 }, PREFIX "this list ends before it begins; ask the CA for a new list" },
    { { NULL, "root-ca", NULL, -60, 60, NULL, CRL_LONG_SERIAL },
        PREFIX "an entry of this list has a serial number of more than 32 bytes; ask the CA for a list without it" },
    { { NULL, "root-ca", NULL, -60, 60, NULL, CRL_INDIRECT },
        PREFIX "this list names certificates of other CAs (indirect); give the list of each CA" },
    { { NULL, "root-ca", NULL, -60, 60, NULL, CRL_ENTRY_CRITICAL },
        PREFIX "an entry of this list has a critical extension that is not known here; ask the CA for a list without it" },
};

START_TEST(odd_lists)
{
    for (enum form form = STRUCTURE; form < FORMS; form++) {
        struct mtlspin_error error = MTLSPIN_ERROR_INIT;
        struct mtlspin_builder *builder = new_builder("root-ca");
        X509_CRL *crl = crl_make(&odd[_i].list, (int64_t)time(NULL));
        enum mtlspin_status status = add(builder, crl, form, &error);
        ck_assert_str_eq(error.message, odd[_i].message != NULL ? odd[_i].message : "");
        ck_assert_int_eq(status, odd[_i].message != NULL ? MTLSPIN_ERR_CERTIFICATE : MTLSPIN_OK);
        ck_assert_uint_eq(ERR_peek_error(), 0);
        X509_CRL_free(crl);
        mtlspin_builder_free(builder);
    }
}
END_TEST

/* Bytes that are no list. The length is counted, so that nothing behind it is read. */
static const struct { const char *bytes; size_t length; const char *message; } strange[] = {
    { "", 0, PREFIX "no revocation list in it; name one that `openssl crl -in FILE -noout` can read" },
    { "0", 1, PREFIX "no revocation list in it; name one that `openssl crl -in FILE -noout` can read" },
    { "0 is how this text begins\n", 26,
        PREFIX "no revocation list in it; name one that `openssl crl -in FILE -noout` can read" },
    { "a\0b", 3, PREFIX "neither PEM nor DER; name a list that `openssl crl -in FILE -noout` can read" },
    { "\x30\x82\x01", 3, PREFIX "no revocation list in DER; name one that `openssl crl -in FILE -noout` can read" },
    { "\x30\x80\x00\x00", 4, PREFIX "no revocation list in DER; name one that `openssl crl -in FILE -noout` can read" },
    { "-----BEGIN X509 CRL-----\n", 25,
        PREFIX "revocation list 1 cannot be read (bad end line); replace it by a whole copy" },
};

START_TEST(strange_bytes)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_builder *builder = new_builder("root-ca");
    ck_assert_int_eq(mtlspin_builder_crl_bytes(builder, strange[_i].bytes, strange[_i].length, &error),
        MTLSPIN_ERR_CERTIFICATE);
    ck_assert_str_eq(error.message, strange[_i].message);
    ck_assert_int_eq(mtlspin_builder_crl_grace(builder, 1, NULL), MTLSPIN_ERR_CERTIFICATE); /* the builder is spoilt */
    mtlspin_builder_free(builder);
}
END_TEST

START_TEST(no_arguments)
{
    typedef enum mtlspin_status path_call(struct mtlspin_builder *builder, const char *path,
        struct mtlspin_error *error);
    static path_call *const calls[] = { mtlspin_builder_crl_file, mtlspin_builder_crl_directory };
    for (int i = 0; i < 2; i++) {
        struct mtlspin_builder *builder = new_builder("root-ca");
        ck_assert_int_eq(calls[i](NULL, "x", NULL), MTLSPIN_ERR_ARGUMENT);
        ck_assert_int_eq(calls[i](builder, i == 0 ? NULL : "", NULL), MTLSPIN_ERR_VALUE);
        mtlspin_builder_free(builder);
        builder = new_builder("root-ca");
        ck_assert_int_eq(i == 0 ? mtlspin_builder_crl_bytes(builder, NULL, 1, NULL) : mtlspin_builder_crl_x509(builder,
        NULL, NULL),
            MTLSPIN_ERR_ARGUMENT);
        mtlspin_builder_free(builder);
    }
    ck_assert_int_eq(mtlspin_builder_crl_bytes(NULL, "x", 1, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_builder_crl_x509(NULL, NULL, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_builder_crl_grace(NULL, 1, NULL), MTLSPIN_ERR_ARGUMENT);
}
END_TEST

static const struct { int64_t seconds; bool good; } graces[] = { { INT64_MIN, false }, { -1, false }, { 0, false },
    { 1, true },
    { 2592000, true }, { 2592001, false }, { INT64_MAX, false } };

START_TEST(grace)
{
    struct mtlspin_builder *builder = new_builder("root-ca");
    ck_assert_int_eq(mtlspin_builder_crl_grace(builder, graces[_i].seconds, NULL),
        graces[_i].good ? MTLSPIN_OK : MTLSPIN_ERR_VALUE);
    mtlspin_builder_free(builder);
}
END_TEST

static const struct crl_recipe root_list = { NULL, "root-ca", NULL, -60, 3600, NULL, 0 };
static const struct crl_recipe clients_list = { NULL, "clients-ca", NULL, -60, 3600, "mallory", 0 };

static struct mtlspin_policy *
make_policy(const char *anchor, const struct crl_recipe *second)
{
    struct mtlspin_builder *builder = new_builder(anchor);
    const struct crl_recipe *lists[] = { &root_list, second };
    for (int i = 0; i < 2; i++) {
        X509_CRL *crl = crl_make(lists[i], (int64_t)time(NULL));
        ck_assert_int_eq(mtlspin_builder_crl_x509(builder, crl, NULL), MTLSPIN_OK);
        ck_assert_int_eq(mtlspin_builder_crl_x509(builder, crl, NULL), MTLSPIN_OK); /* counts once */
        X509_CRL_free(crl);
    }
    return finish(builder);
}

static size_t
unknown(const struct mtlspin_policy *policy)
{
    return atomic_load(&policy->domains[0].crls->unknown);
}

/* The root's list is known at load, the intermediate's with the first chain; another policy inherits it. */
START_TEST(learning)
{
    struct mtlspin_policy *policy = make_policy("root-ca", &clients_list), *next = make_policy("root-ca",
        &clients_list);
    ck_assert_uint_eq(policy->domains[0].crls->count, 2);
    ck_assert_uint_eq(unknown(policy), 1);
    ck_assert_int_eq(ask(policy, "other-alice"), MTLSPIN_REASON_UNKNOWN_CA);
    ck_assert_uint_eq(unknown(policy), 1); /* a chain that is not verified teaches nothing */
    ck_assert_int_eq(ask(policy, "mallory"), MTLSPIN_REASON_REVOKED);
    ck_assert_uint_eq(unknown(policy), 0);
    ck_assert_int_eq(ask(policy, "alice"), MTLSPIN_REASON_RULE);
    mtlspin__crls_inherit(next->domains[0].crls, policy->domains[0].crls);
    ck_assert_uint_eq(unknown(next), 0);
    mtlspin_policy_unref(policy); /* what was inherited lives on */
    ck_assert_int_eq(ask(next, "mallory"), MTLSPIN_REASON_REVOKED);
    mtlspin__crls_inherit(next->domains[0].crls, NULL);
    mtlspin__crls_inherit(NULL, next->domains[0].crls);
    mtlspin_policy_unref(next);
}
END_TEST

/* What is inherited is the issuer's certificate, not trust in a list. */
START_TEST(forged_lists_are_not_inherited)
{
    static const struct crl_recipe forged = { NULL, "clients-ca", "mallory", -60, 3600, NULL, 0 };
    struct mtlspin_policy *policy = make_policy("root-ca", &clients_list), *next = make_policy("root-ca", &forged);
    ck_assert_int_eq(ask(policy, "alice"), MTLSPIN_REASON_RULE);
    mtlspin__crls_inherit(next->domains[0].crls, policy->domains[0].crls);
    ck_assert_uint_eq(unknown(next), 1);
    for (int i = 0; i < 300; i++) /* so often that the signature is tried again and again */
        ck_assert_int_eq(ask(next, "alice"), MTLSPIN_REASON_REVOCATION_SIGNATURE);
    ck_assert_uint_eq(unknown(next), 1);
    mtlspin_policy_unref(policy);
    mtlspin_policy_unref(next);
}
END_TEST

/* A CA has two names for one key. Whatever the lists of the one say, those of the other may revoke. */

static void
rename_to(X509_NAME *name, const char *text)
{
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0), 1);
}

/* The root's certificate under the name. */
static X509 *
renamed_root(const X509_NAME *name)
{
    BIO *input = BIO_new_file(pki_path("root-ca", ".key"), "r");
    EVP_PKEY *key = PEM_read_bio_PrivateKey(input, NULL, NULL, NULL);
    X509 *root = pki_certificate("root-ca");
    ck_assert_ptr_nonnull(key);
    ck_assert_int_eq(X509_set_subject_name(root, name), 1);
    ck_assert_int_eq(X509_set_issuer_name(root, name), 1);
    ck_assert_int_gt(X509_sign(root, key, EVP_sha256()), 0);
    EVP_PKEY_free(key);
    BIO_free(input);
    return root;
}

static void
add_list(struct mtlspin_builder *builder, const struct crl_recipe *recipe, const X509_NAME *name)
{
    X509_CRL *crl = crl_make(recipe, (int64_t)time(NULL));
    ck_assert_int_eq(name == NULL || X509_CRL_set_issuer_name(crl, name), 1);
    crl_extend(crl, 0x7001, 1, recipe->issuer);
    ck_assert_int_eq(add(builder, crl, DER, NULL), MTLSPIN_OK);
    X509_CRL_free(crl);
}

/* The root's list under its own name, and one under the new name; which of them revokes clients-ca, or has expired. */
static const struct { struct crl_recipe former, renamed; enum mtlspin_reason reason; } by_name[] = {
    { { NULL, "root-ca", NULL, -60, 3600, NULL, 0 }, { NULL, "root-ca", NULL, -30, 3600, NULL, 0 }, MTLSPIN_REASON_RULE },
    { { NULL, "root-ca", NULL, -60, 3600, "clients-ca", 0 }, { NULL, "root-ca", NULL, -30, 3600, NULL, 0 },
        MTLSPIN_REASON_REVOKED },
    { { NULL, "root-ca", NULL, -30, 3600, NULL, 0 }, { NULL, "root-ca", NULL, -60, 3600, "clients-ca", 0 },
        MTLSPIN_REASON_REVOKED },
    { { NULL, "root-ca", NULL, -60, -40, NULL, 0 }, { NULL, "root-ca", NULL, -30, 3600, NULL, 0 }, MTLSPIN_REASON_RULE },
    { { NULL, "root-ca", NULL, -60, -40, "clients-ca", 0 }, { NULL, "root-ca", NULL, -30, 3600, NULL, 0 },
        MTLSPIN_REASON_REVOKED },
    { { NULL, "root-ca", NULL, -60, -40, NULL, 0 }, { NULL, "root-ca", NULL, -60, -40, NULL, 0 },
        MTLSPIN_REASON_REVOCATION_EXPIRED },
};

START_TEST(renamed_ca)
{
    X509_NAME *name = X509_NAME_new();
    rename_to(name, "Example Renamed CA");
    X509 *root = renamed_root(name);
    struct mtlspin_builder *builder = new_builder("root-ca");
    ck_assert_int_eq(mtlspin_builder_ca_x509(builder, root, NULL), MTLSPIN_OK);
    add_list(builder, &clients_list, NULL);
    add_list(builder, &by_name[_i].former, NULL);
    add_list(builder, &by_name[_i].renamed, name);
    struct mtlspin_policy *policy = finish(builder);
    ck_assert_int_eq(ask(policy, "alice"), by_name[_i].reason);
    mtlspin_policy_unref(policy);
    X509_free(root);
    X509_NAME_free(name);
}
END_TEST

/* Long lists, read from bytes: the first and the last entry are found, and nothing else. */
START_TEST(long_list)
{
    enum { MANY = 20000 };
    struct mtlspin_builder *builder = new_builder("root-ca");
    X509_CRL *root = crl_make(&root_list, (int64_t)time(NULL)), *clients = crl_make(&clients_list, (int64_t)time(NULL));
    crl_extend(clients, 0x1234, MANY, "clients-ca"); /* small-serial's */
    ck_assert_int_eq(add(builder, root, DER, NULL), MTLSPIN_OK);
    ck_assert_int_eq(add(builder, clients, DER, NULL), MTLSPIN_OK);
    struct mtlspin_policy *policy = finish(builder);
    ck_assert_uint_eq(policy->domains[0].crls->list[0]->count + policy->domains[0].crls->list[1]->count, MANY + 1);
    ck_assert_int_eq(ask(policy, "small-serial"), MTLSPIN_REASON_REVOKED);
    ck_assert_int_eq(ask(policy, "mallory"), MTLSPIN_REASON_REVOKED);
    ck_assert_int_eq(ask(policy, "alice"), MTLSPIN_REASON_RULE);
    ck_assert_int_eq(ask(policy, "zero-serial"), MTLSPIN_REASON_RULE);
    X509_CRL_free(root);
    X509_CRL_free(clients);
    mtlspin_policy_unref(policy);
}
END_TEST

/* Numbers of every sign and length are the same in a list and in a certificate. */
START_TEST(serial_numbers)
{
    static const char *const names[] = { "negative-serial", "zero-serial", "small-serial", "kiosk", "san-uri" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct crl_recipe list = clients_list;
        list.revoked = names[i];
        struct mtlspin_policy *policy = make_policy("root-ca", &list);
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            ck_assert_msg(ask(policy, names[k]) == (i == k ? MTLSPIN_REASON_REVOKED : MTLSPIN_REASON_RULE),
            "%s, where %s is",
                names[k], names[i]);
        mtlspin_policy_unref(policy);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("revocation lists of a policy");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, odd_lists, 0, (int)(sizeof odd / sizeof *odd));
    tcase_add_loop_test(cases, strange_bytes, 0, (int)(sizeof strange / sizeof *strange));
    tcase_add_loop_test(cases, grace, 0, (int)(sizeof graces / sizeof *graces));
    tcase_add_test(cases, no_arguments);
    tcase_add_test(cases, learning);
    tcase_add_test(cases, forged_lists_are_not_inherited);
    tcase_add_loop_test(cases, renamed_ca, 0, (int)(sizeof by_name / sizeof *by_name));
    tcase_add_test(cases, long_list);
    tcase_add_test(cases, serial_numbers);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
