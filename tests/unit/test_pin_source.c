/* Pins out of certificates, requests and keys, against what the openssl command says. */
#include "blob.h"
#include "pki.h"
#include "rows.h"
#include "suite.h"
#include <mtlspin/pin.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "alice", "alice-renewed", "build-agent", "kiosk", "client-p384", "client-p521",
    "client-ed448", "client-rsa-pss", "weak-rsa", "sha1-signed", "negative-serial", "zero-serial", "small-serial", "nul-cn",
    "root-ca", "scanner" };

static const enum mtlspin_kind kinds[] = { MTLSPIN_SPKI, MTLSPIN_THUMBPRINT, MTLSPIN_SERIAL };

/* What was in OpenSSL's error queue before a call must be all that is there after it. */
enum { MARK = 4711 };

static void
leave_mark(void)
{
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, MARK);
}

static void
assert_mark(void)
{
    unsigned long code = ERR_get_error();
    ck_assert_int_eq(ERR_GET_LIB(code), ERR_LIB_USER);
    ck_assert_int_eq(ERR_GET_REASON(code), MARK);
    ck_assert_uint_eq(ERR_get_error(), 0);
}

static void
assert_from_der(const struct blob *der, enum mtlspin_kind kind, enum mtlspin_status wanted, struct mtlspin_pin *pin,
    struct mtlspin_error *error)
{
    leave_mark();
    ck_assert_int_eq(mtlspin_pin_from_der(pin, kind, der->data, der->length, error), wanted);
    assert_mark();
}

static void
assert_from_pem(const struct blob *pem, enum mtlspin_kind kind, enum mtlspin_status wanted, struct mtlspin_pin *pin,
    struct mtlspin_error *error)
{
    leave_mark();
    ck_assert_int_eq(mtlspin_pin_from_pem(pin, kind, pem->data, pem->length, error), wanted);
    assert_mark();
}

/* What openssl prints, in the form of mtlspin_pin_format. */
static void
openssl_says(enum mtlspin_kind kind, const char *name, char text[256])
{
    static const char *const commands[] = {
        [MTLSPIN_SPKI] = "openssl x509 -in '%s' -noout -pubkey | openssl pkey -pubin -outform DER"
                         " | openssl dgst -sha256 -binary | openssl base64 | sed 's,^,sha256/,'",
        [MTLSPIN_THUMBPRINT] = "openssl x509 -in '%s' -noout -fingerprint -sha256 | sed 's/.*=//'",
        [MTLSPIN_SERIAL] = "openssl x509 -in '%s' -noout -serial | sed -e 's/.*=//' -e 's/^-*/&0x/'",
    };
    char command[1024];
    (void)snprintf(command, sizeof command, commands[kind], pki_path(name, ".pem"));
    FILE *output = popen(command, "r");
    ck_assert_ptr_nonnull(output);
    text[0] = '\0';
    ck_assert_msg(fgets(text, 256, output) != NULL, "says nothing: %s", command);
    ck_assert_int_eq(pclose(output), 0);
    text[strcspn(text, "\n")] = '\0';
}

START_TEST(pins_are_what_openssl_prints)
{
    const char *name = names[_i / ROWS(kinds)];
    enum mtlspin_kind kind = kinds[_i % ROWS(kinds)];
    char wanted[256], text[MTLSPIN_PIN_TEXT_SIZE];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin, from_der, from_pem, from_text;
    X509 *certificate = pki_certificate(name);
    struct blob pem = blob_from_file(pki_path(name, ".pem")), der = blob_from_pem(pki_path(name, ".pem"));
    leave_mark();
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, kind, certificate, &error), MTLSPIN_OK);
    assert_mark();
    assert_from_der(&der, kind, MTLSPIN_OK, &from_der, &error);
    assert_from_pem(&pem, kind, MTLSPIN_OK, &from_pem, &error);
    ck_assert_int_eq(mtlspin_pin_format(&pin, text, sizeof text), MTLSPIN_OK);
    openssl_says(kind, name, wanted);
    ck_assert_str_eq(text, wanted);
    ck_assert_int_eq(mtlspin_pin_parse(&from_text, kind, wanted, &error), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &from_text), 1);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &from_der), 1);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &from_pem), 1);
    X509_free(certificate);
    free(pem.data);
    free(der.data);
}
END_TEST

static const char *const key_sources[] = { "alice.pem", "alice-renewed.pem", "alice.csr", "alice.pub.pem" };

START_TEST(one_key_has_one_pin_wherever_it_stands)
{
    struct mtlspin_pin pin, wanted;
    X509 *alice = pki_certificate("alice");
    struct blob pem = blob_from_file(pki_path(key_sources[_i], "")), der = blob_from_pem(pki_path(key_sources[_i], ""));
    ck_assert_int_eq(mtlspin_pin_from_x509(&wanted, MTLSPIN_SPKI, alice, NULL), MTLSPIN_OK);
    assert_from_pem(&pem, MTLSPIN_SPKI, MTLSPIN_OK, &pin, NULL);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &wanted), 1);
    assert_from_der(&der, MTLSPIN_SPKI, MTLSPIN_OK, &pin, NULL);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &wanted), 1);
    X509_free(alice);
    free(pem.data);
    free(der.data);
}
END_TEST

#define NO_DER "this is no DER of a certificate; take a whole one"
#define NO_SPKI_DER "this is no DER of a certificate, certificate request or public key; take a whole one"

static const struct refused {
    const char *file;
    enum mtlspin_kind kind;
    const char *pem, *der; /* the messages for the file and for the content of its first block */
} refused[] = {
    { "alice.key", MTLSPIN_SPKI, "a PEM block \"PRIVATE KEY\" has no such pin; take the certificate", NO_SPKI_DER },
    { "alice.key", MTLSPIN_THUMBPRINT, "a PEM block \"PRIVATE KEY\" has no such pin; take the certificate", NO_DER },
    { "alice.key", MTLSPIN_SERIAL, "a PEM block \"PRIVATE KEY\" has no such pin; take the certificate", NO_DER },
    { "alice.pub.pem", MTLSPIN_THUMBPRINT, "a PEM block \"PUBLIC KEY\" has no such pin; take the certificate", NO_DER },
    { "alice.pub.pem", MTLSPIN_SERIAL, "a PEM block \"PUBLIC KEY\" has no such pin; take the certificate", NO_DER },
    { "alice.csr", MTLSPIN_THUMBPRINT,
        "a PEM block \"CERTIFICATE REQUEST\" has no such pin; take the certificate", NO_DER },
    { "alice.csr", MTLSPIN_SERIAL, "a PEM block \"CERTIFICATE REQUEST\" has no such pin; take the certificate", NO_DER },
};

static void
assert_zeroed(const struct mtlspin_pin *pin)
{
    static const struct mtlspin_pin nothing;
    ck_assert_mem_eq(pin, &nothing, sizeof nothing);
}

START_TEST(refuses_what_has_no_such_pin)
{
    const struct refused *row = &refused[_i];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin;
    struct blob pem = blob_from_file(pki_path(row->file, "")), der = blob_from_pem(pki_path(row->file, ""));
    memset(&pin, 0xa5, sizeof pin);
    assert_from_pem(&pem, row->kind, MTLSPIN_ERR_CERTIFICATE, &pin, &error);
    ck_assert_str_eq(error.message, row->pem);
    assert_zeroed(&pin);
    memset(&pin, 0xa5, sizeof pin);
    assert_from_der(&der, row->kind, MTLSPIN_ERR_CERTIFICATE, &pin, &error);
    ck_assert_str_eq(error.message, row->der);
    assert_zeroed(&pin);
    free(pem.data);
    free(der.data);
}
END_TEST

static const char *const garbage[] = { "", "\n", "garbage", "-----BEGIN CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n", "\x30\x80", "\x30\x84\xff\xff\xff\xff",
    "\x30\x03\x02\x01" };

START_TEST(refuses_garbage)
{
    struct blob blob = blob_of(garbage[_i], strlen(garbage[_i]));
    for (int k = 0; k < ROWS(kinds); k++) {
        struct mtlspin_pin pin;
        assert_from_der(&blob, kinds[k], MTLSPIN_ERR_CERTIFICATE, &pin, NULL);
        assert_zeroed(&pin);
        assert_from_pem(&blob, kinds[k], MTLSPIN_ERR_CERTIFICATE, &pin, NULL);
        assert_zeroed(&pin);
    }
    free(blob.data);
}
END_TEST

START_TEST(refuses_der_cut_at_any_byte)
{
    struct blob whole = blob_from_pem(pki_path(key_sources[_i], ""));
    for (size_t length = 0; length < whole.length; length++) {
        struct blob cut = blob_of(whole.data, length);
        struct mtlspin_pin pin;
        for (int k = 0; k < ROWS(kinds); k++)
            assert_from_der(&cut, kinds[k], MTLSPIN_ERR_CERTIFICATE, &pin, NULL);
        assert_zeroed(&pin);
        free(cut.data);
    }
    free(whole.data);
}
END_TEST

/* Cut PEM either is no PEM, or lacks nothing but the end of its last line. */
START_TEST(reads_cut_pem_wholly_or_not_at_all)
{
    struct mtlspin_pin pin, wanted;
    struct blob whole = blob_from_file(pki_path(key_sources[_i], ""));
    assert_from_pem(&whole, MTLSPIN_SPKI, MTLSPIN_OK, &wanted, NULL);
    for (size_t length = 0; length < whole.length; length++) {
        struct blob cut = blob_of(whole.data, length);
        enum mtlspin_status status = mtlspin_pin_from_pem(&pin, MTLSPIN_SPKI, cut.data, cut.length, NULL);
        ck_assert_int_eq(status, length == whole.length - 1 ? MTLSPIN_OK : MTLSPIN_ERR_CERTIFICATE);
        ck_assert_int_eq(mtlspin_pin_equal(&pin, &wanted), status == MTLSPIN_OK);
        free(cut.data);
    }
    free(whole.data);
}
END_TEST

/* A thumbprint stands for every byte of the certificate: no other bytes may have it. */
START_TEST(a_changed_byte_never_keeps_the_thumbprint)
{
    struct mtlspin_pin pin, wanted;
    struct blob der = blob_from_file(pki_path("alice", ".der"));
    assert_from_der(&der, MTLSPIN_THUMBPRINT, MTLSPIN_OK, &wanted, NULL);
    for (size_t i = 0; i < der.length; i++) {
        unsigned char mask = (unsigned char)(1U << _i);
        der.data[i] ^= mask;
        if (mtlspin_pin_from_der(&pin, MTLSPIN_THUMBPRINT, der.data, der.length, NULL) != MTLSPIN_OK)
            assert_zeroed(&pin);
        ck_assert_msg(mtlspin_pin_equal(&pin, &wanted) == 0, "bit %d of byte %zu does not count", _i, i);
        der.data[i] ^= mask;
    }
    free(der.data);
}
END_TEST

START_TEST(refuses_bytes_behind_the_structure)
{
    struct mtlspin_pin pin;
    struct blob whole = blob_from_pem(pki_path(key_sources[_i], "")),
                longer = { malloc(whole.length + 1), whole.length + 1 };
    ck_assert_ptr_nonnull(longer.data);
    memcpy(longer.data, whole.data, whole.length);
    for (int last = 0; last <= 0x30; last += 0x30) {
        longer.data[whole.length] = (unsigned char)last;
        struct blob pem = blob_to_pem("CERTIFICATE", longer.data, longer.length);
        for (int k = 0; k < ROWS(kinds); k++) {
            assert_from_der(&longer, kinds[k], MTLSPIN_ERR_CERTIFICATE, &pin, NULL);
            assert_from_pem(&pem, kinds[k], MTLSPIN_ERR_CERTIFICATE, &pin, NULL);
        }
        free(pem.data);
    }
    free(whole.data);
    free(longer.data);
}
END_TEST

/* A file of certificate and key, in either order. */
START_TEST(the_first_block_decides)
{
    struct mtlspin_pin pin, wanted;
    struct blob first = blob_from_file(pki_path("alice", _i == 0 ? ".pem" : ".key")),
                second = blob_from_file(pki_path("alice", _i == 0 ? ".key" : ".pem")),
                both = { malloc(first.length + second.length), first.length + second.length };
    X509 *alice = pki_certificate("alice");
    ck_assert_ptr_nonnull(both.data);
    memcpy(both.data, first.data, first.length);
    memcpy(both.data + first.length, second.data, second.length);
    ck_assert_int_eq(mtlspin_pin_from_x509(&wanted, MTLSPIN_THUMBPRINT, alice, NULL), MTLSPIN_OK);
    assert_from_pem(&both, MTLSPIN_THUMBPRINT, _i == 0 ? MTLSPIN_OK : MTLSPIN_ERR_CERTIFICATE, &pin, NULL);
    ck_assert_int_eq(mtlspin_pin_equal(&pin, &wanted), _i == 0);
    X509_free(alice);
    free(first.data);
    free(second.data);
    free(both.data);
}
END_TEST

/* A certificate of which only the serial number is there: 0x0101... of that many bytes. */
static X509 *
bare_certificate(int serial_length)
{
    unsigned char bytes[64];
    X509 *certificate = X509_new();
    memset(bytes, 1, sizeof bytes);
    BIGNUM *number = BN_bin2bn(bytes, serial_length, NULL);
    ck_assert_ptr_nonnull(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)));
    BN_free(number);
    return certificate;
}

START_TEST(a_serial_number_has_at_most_32_bytes)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin;
    X509 *longest = bare_certificate(MTLSPIN_SERIAL_SIZE), *longer = bare_certificate(MTLSPIN_SERIAL_SIZE + 1);
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, MTLSPIN_SERIAL, longest, &error), MTLSPIN_OK);
    ck_assert_int_eq(pin.length, MTLSPIN_SERIAL_SIZE);
    leave_mark();
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, MTLSPIN_SERIAL, longer, &error), MTLSPIN_ERR_CERTIFICATE);
    assert_mark();
    ck_assert_str_eq(error.message, "the serial number has more than 32 bytes");
    assert_zeroed(&pin);
    X509_free(longest);
    X509_free(longer);
}
END_TEST

START_TEST(a_certificate_without_content_has_no_digest)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin;
    X509 *empty = bare_certificate(1);
    leave_mark();
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, kinds[_i], empty, &error), MTLSPIN_ERR_OPENSSL);
    assert_mark();
    ck_assert_str_eq(error.message, "the certificate cannot be hashed");
    assert_zeroed(&pin);
    X509_free(empty);
}
END_TEST

START_TEST(missing_arguments_are_errors)
{
    static const char message[] = "no pin, no source, or not a kind of pin";
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_pin pin;
    X509 *alice = pki_certificate("alice");
    leave_mark();
    ck_assert_int_eq(mtlspin_pin_from_x509(NULL, MTLSPIN_SPKI, alice, &error), MTLSPIN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, message);
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, MTLSPIN_SPKI, NULL, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, MTLSPIN_KIND_NONE, alice, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, MTLSPIN_CA_SPKI, alice, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_pin_from_der(&pin, MTLSPIN_SPKI, NULL, 0, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_pin_from_der(NULL, MTLSPIN_SPKI, "", 0, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_pin_from_der(&pin, MTLSPIN_SPKI, "", (size_t)1 << 31, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_pin_from_pem(&pin, MTLSPIN_SPKI, NULL, 0, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_pin_from_pem(NULL, MTLSPIN_SPKI, "", 0, NULL), MTLSPIN_ERR_ARGUMENT);
    ck_assert_int_eq(mtlspin_pin_from_pem(&pin, MTLSPIN_SPKI, "", (size_t)1 << 31, NULL), MTLSPIN_ERR_ARGUMENT);
    assert_mark();
    X509_free(alice);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("pin_source");
    TCase *tcase = tcase_create("pin_source");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, pins_are_what_openssl_prints, 0, ROWS(names) * ROWS(kinds));
    tcase_add_loop_test(tcase, one_key_has_one_pin_wherever_it_stands, 0, ROWS(key_sources));
    tcase_add_loop_test(tcase, refuses_what_has_no_such_pin, 0, ROWS(refused));
    tcase_add_loop_test(tcase, refuses_garbage, 0, ROWS(garbage));
    tcase_add_loop_test(tcase, refuses_der_cut_at_any_byte, 0, ROWS(key_sources));
    tcase_add_loop_test(tcase, reads_cut_pem_wholly_or_not_at_all, 0, ROWS(key_sources));
    tcase_add_loop_test(tcase, a_changed_byte_never_keeps_the_thumbprint, 0, 8);
    tcase_add_loop_test(tcase, refuses_bytes_behind_the_structure, 0, ROWS(key_sources));
    tcase_add_loop_test(tcase, the_first_block_decides, 0, 2);
    tcase_add_test(tcase, a_serial_number_has_at_most_32_bytes);
    tcase_add_loop_test(tcase, a_certificate_without_content_has_no_digest, 0, 2);
    tcase_add_test(tcase, missing_arguments_are_errors);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
