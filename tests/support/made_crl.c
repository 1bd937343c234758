#include "made_crl.h"
#include "pki.h"
#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static EVP_PKEY *
read_key(const char *name)
{
    BIO *input = BIO_new_file(pki_path(name, ".key"), "r");
    ck_assert_msg(input != NULL, "%s: no key", name);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(input, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(key);
    BIO_free(input);
    return key;
}

static void
sign(X509_CRL *crl, const char *name)
{
    EVP_PKEY *key = read_key(name);
    ck_assert_int_gt(X509_CRL_sign(crl, key, EVP_sha256()), 0);
    EVP_PKEY_free(key);
}

static void
set_time(X509_CRL *crl, int (*set)(X509_CRL *crl, const ASN1_TIME *time), int64_t seconds)
{
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)seconds);
    ck_assert_int_eq(set(crl, when), 1);
    ASN1_TIME_free(when);
}

static X509_REVOKED *
new_entry(const ASN1_INTEGER *serial)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *copy = ASN1_INTEGER_dup(serial);
    ASN1_TIME *when = ASN1_TIME_set(NULL, 0);
    ck_assert_int_eq(X509_REVOKED_set_serialNumber(entry, copy), 1);
    ck_assert_int_eq(X509_REVOKED_set_revocationDate(entry, when), 1);
    ASN1_INTEGER_free(copy);
    ASN1_TIME_free(when);
    return entry;
}

static void
add_certificate(X509_CRL *crl, const char *name)
{
    X509 *certificate = pki_certificate(name);
    ck_assert_int_eq(X509_CRL_add0_revoked(crl, new_entry(X509_get0_serialNumber(certificate))), 1);
    X509_free(certificate);
}

static void
add_critical(X509_REVOKED *entry)
{
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:FALSE");
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_REVOKED_add_ext(entry, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void
add_reason(X509_REVOKED *entry)
{
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    ck_assert_int_eq(ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE), 1);
    ck_assert_int_eq(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 1, 0), 1);
    ASN1_ENUMERATED_free(reason);
}

static void
add_issuer(X509_REVOKED *entry)
{
    X509 *other = pki_certificate("other-ca");
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(X509_get_subject_name(other)));
    sk_GENERAL_NAME_push(names, name);
    ck_assert_int_eq(X509_REVOKED_add1_ext_i2d(entry, NID_certificate_issuer, names, 1, 0), 1);
    GENERAL_NAMES_free(names);
    X509_free(other);
}

/* An entry that is unlike others; its number is of no certificate. */
static void
add_strange(X509_CRL *crl, unsigned differences)
{
    BIGNUM *number = BN_new();
    ck_assert_int_eq(BN_lshift(number, BN_value_one(), differences & CRL_LONG_SERIAL ? 32 * 8 : 32 * 8 - 1), 1);
    ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(number, NULL);
    X509_REVOKED *entry = new_entry(serial);
    if (differences & CRL_INDIRECT)
        add_issuer(entry);
    if (differences & CRL_ENTRY_CRITICAL)
        add_critical(entry);
    if (differences & CRL_ENTRY_REASON)
        add_reason(entry);
    ck_assert_int_eq(X509_CRL_add0_revoked(crl, entry), 1);
    ASN1_INTEGER_free(serial);
    BN_free(number);
}

/* `other`: of another certificate of this issuer, as after renewal. */
static void
add_key_id(X509_CRL *crl, X509 *issuer, bool other)
{
    X509V3_CTX context;
    X509 *named = X509_dup(issuer);
    ck_assert_int_eq(!other || ASN1_INTEGER_set(X509_get_serialNumber(named), 4711), 1);
    X509V3_set_ctx(&context, named, NULL, NULL, crl, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, NID_authority_key_identifier,
        other ? "keyid:always,issuer:always" : "keyid:always");
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_CRL_add_ext(crl, extension, -1), 1);
    X509_EXTENSION_free(extension);
    X509_free(named);
}

X509_CRL *
crl_make(const struct crl_recipe *recipe, int64_t now)
{
    X509_CRL *crl = X509_CRL_new();
    X509 *issuer = pki_certificate(recipe->issuer);
    ck_assert_int_eq(X509_CRL_set_version(crl, 1), 1);
    ck_assert_int_eq(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)), 1);
    set_time(crl, X509_CRL_set1_lastUpdate, now + recipe->begin);
    if ((recipe->differences & CRL_NO_END) == 0)
        set_time(crl, X509_CRL_set1_nextUpdate, now + recipe->end);
    if ((recipe->differences & CRL_NO_KEY_ID) == 0)
        add_key_id(crl, issuer, (recipe->differences & CRL_OTHER_CERTIFICATE) != 0);
    if (recipe->revoked != NULL)
        add_certificate(crl, recipe->revoked);
    if (recipe->differences & (CRL_LONG_SERIAL | CRL_INDIRECT | CRL_ENTRY_CRITICAL | CRL_ENTRY_REASON))
        add_strange(crl, recipe->differences);
    sign(crl, recipe->key != NULL ? recipe->key : recipe->issuer);
    X509_free(issuer);
    return crl;
}

void
crl_extend(X509_CRL *crl, int64_t first, int count, const char *key)
{
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(ASN1_INTEGER_set_int64(serial, first + i), 1);
        ck_assert_int_eq(X509_CRL_add0_revoked(crl, new_entry(serial)), 1);
    }
    ASN1_INTEGER_free(serial);
    sign(crl, key);
}

void
crl_write(const struct crl_recipe *recipe, int64_t now)
{
    const char *dot = strrchr(recipe->file, '.');
    X509_CRL *crl = crl_make(recipe, now);
    BIO *output = BIO_new_file(recipe->file, "ab");
    ck_assert_ptr_nonnull(output);
    bool der = dot != NULL && strcmp(dot, ".der") == 0;
    ck_assert_int_eq(der ? i2d_X509_CRL_bio(output, crl) : PEM_write_bio_X509_CRL(output, crl), 1);
    BIO_free(output);
    X509_CRL_free(crl);
}

unsigned char *
crl_der(X509_CRL *crl, size_t *length)
{
    unsigned char *der = NULL;
    int size = i2d_X509_CRL(crl, &der);
    ck_assert_int_gt(size, 0);
    *length = (size_t)size;
    return der;
}
