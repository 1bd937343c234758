/* Names as text: what is written without OpenSSL is what OpenSSL writes, byte for byte. */
#include "name_text.h"
#include "rows.h"
#include "suite.h"
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct entry {
    const char *type; /* OID; NULL = the end */
    int form;
    const char *bytes;
    int length;       /* -1 = up to the terminator */
    int set;          /* 0 = of its own; -1 = together with the one before */
};

#define PRINTABLE V_ASN1_PRINTABLESTRING
#define UTF8 V_ASN1_UTF8STRING
#define IA5 V_ASN1_IA5STRING
#define CN "2.5.4.3"
#define O "2.5.4.10"
#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { ENTRIES = 8 };

static const struct {
    bool plain; /* it should not take OpenSSL */
    struct entry entries[ENTRIES];
} names[] = {
    { true, { { NULL, 0, NULL, 0, 0 } } },
    { true, { { CN, UTF8, "alice", -1, 0 } } },
    { true, { { O, PRINTABLE, "Example", -1, 0 }, { CN, PRINTABLE, "alice", -1, 0 } } },
    { true, { { "2.5.4.6", PRINTABLE, "DE", -1, 0 }, { "2.5.4.8", UTF8, "Berlin", -1, 0 },
        { "2.5.4.7", UTF8, "Mitte", -1, 0 }, { O, UTF8, "Example GmbH", -1, 0 }, { "2.5.4.11", UTF8, "Build 7", -1, 0 },
        { CN, UTF8, "a.b-c.example", -1, 0 } } },
    { true, { { "0.9.2342.19200300.100.1.25", IA5, "com", -1, 0 },
        { "0.9.2342.19200300.100.1.25", IA5, "example", -1, 0 } } },
    { true, { { "2.5.4.5", PRINTABLE, "4711", -1, 0 }, { "2.5.4.4", UTF8, "Doe", -1, 0 },
        { "2.5.4.12", UTF8, "Dr.", -1, 0 } } },
    { true, { { "2.5.4.97", UTF8, "VATDE-1", -1, 0 } } },               /* a type of X.520 with a longer number */
    { true, { { CN, UTF8, "-", -1, 0 } } },
    { true, { { CN, UTF8, "a  b", -1, 0 } } },
    { true, { { CN, UTF8, "a", -1, 0 }, { CN, UTF8, "b", -1, 0 } } },
    { false, { { O, UTF8, "a", -1, 0 }, { CN, UTF8, "b", -1, -1 } } },  /* two in one set */
    { false, { { O, UTF8, "x", -1, 0 }, { CN, UTF8, "b", -1, 0 }, { "2.5.4.5", PRINTABLE, "1", -1, -1 } } },
    { false, { { CN, UTF8, "", -1, 0 } } },
    { false, { { O, UTF8, "", -1, 0 }, { CN, UTF8, "b", -1, 0 } } },
    { false, { { CN, UTF8, " a", -1, 0 } } },
    { false, { { CN, UTF8, "a ", -1, 0 } } },
    { false, { { CN, UTF8, " ", -1, 0 } } },
    { false, { { CN, UTF8, "#a", -1, 0 } } },
    { false, { { CN, UTF8, "a#", -1, 0 } } },
    { false, { { CN, UTF8, "a,b", -1, 0 } } },
    { false, { { CN, UTF8, "a+b", -1, 0 } } },
    { false, { { CN, UTF8, "a\"b", -1, 0 } } },
    { false, { { CN, UTF8, "a\\b", -1, 0 } } },
    { false, { { CN, UTF8, "a<b>;c", -1, 0 } } },
    { false, { { CN, UTF8, "a=b", -1, 0 } } },
    { false, { { CN, UTF8, "a\nb\x7f", -1, 0 } } },
    { false, { { CN, UTF8, "a\0b", 3, 0 } } },
    { false, { { CN, UTF8, "\0", 1, 0 } } },
    { false, { { CN, UTF8, "J\xc3\xb6rg", -1, 0 } } },
    { false, { { CN, IA5, "J\xf6rg", -1, 0 } } },
    { false, { { CN, V_ASN1_T61STRING, "J\xf6rg", -1, 0 } } },
    { false, { { CN, V_ASN1_T61STRING, "alice", -1, 0 } } },
    { false, { { CN, V_ASN1_BMPSTRING, "\0a\0b", 4, 0 } } },
    { false, { { CN, V_ASN1_BMPSTRING, "ab", 2, 0 } } },
    { false, { { CN, V_ASN1_UNIVERSALSTRING, "\0\0\0a", 4, 0 } } },
    { false, { { CN, V_ASN1_NUMERICSTRING, "12", -1, 0 } } },
    { false, { { CN, V_ASN1_BIT_STRING, "alice", -1, 0 } } },
    { false, { { "1.2.3.4.5.6", UTF8, "unknown type", -1, 0 } } },
    { false, { { "1.2.840.113549.1.9.1", IA5, "a@example.com", -1, 0 } } },
    { false, { { "2.5.4.3.1", UTF8, "longer", -1, 0 } } },
    { false, { { "2.5.5", UTF8, "shorter", -1, 0 } } },
    { false, { { CN, UTF8, LONG LONG LONG, -1, 0 } } },
    { true, { { CN, UTF8, LONG LONG, -1, 0 } } },
    { false, { { O, UTF8, LONG, -1, 0 }, { CN, UTF8, LONG, -1, 0 }, { CN, UTF8, LONG, -1, 0 } } },
};

static void
add(X509_NAME *name, const struct entry *entry)
{
    ASN1_OBJECT *type = OBJ_txt2obj(entry->type, 1);
    int length = entry->length >= 0 ? entry->length : (int)strlen(entry->bytes);
    ck_assert_int_eq(X509_NAME_add_entry_by_OBJ(name, type, entry->form, (const unsigned char *)entry->bytes, length, -1,
                         entry->set), 1);
    ASN1_OBJECT_free(type);
}

/* As it comes in a certificate. */
static X509_NAME *
parsed(X509_NAME *built)
{
    unsigned char *der = NULL;
    int length = i2d_X509_NAME(built, &der);
    const unsigned char *at = der;
    X509_NAME *name = d2i_X509_NAME(NULL, &at, length);
    OPENSSL_free(der);
    X509_NAME_free(built);
    return name;
}

/* Whether it took OpenSSL to write it. */
static bool
compare(const X509_NAME *name)
{
    struct mtlspin__name_text text;
    BIO *bio = BIO_new(BIO_s_mem());
    char *wanted = NULL;
    bool good = X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0;
    ck_assert_int_eq(BIO_write(bio, "", 1), 1);
    (void)BIO_get_mem_data(bio, &wanted);
    mtlspin__name_text_make(&text, name);
    ck_assert_str_eq(text.text, good ? wanted : "");
    bool printed = text.text != text.plain;
    mtlspin__name_text_clear(&text);
    BIO_free(bio);
    return printed;
}

START_TEST(writes)
{
    X509_NAME *built = X509_NAME_new();
    for (const struct entry *entry = names[_i].entries; entry->type != NULL; entry++)
        add(built, entry);
    (void)compare(built);
    X509_NAME *name = parsed(built);
    ck_assert_ptr_nonnull(name);
    ck_assert_int_eq(!compare(name), names[_i].plain);
    X509_NAME_free(name);
}
END_TEST

/* The longest that has room, and each length about it. */
START_TEST(length)
{
    static const struct entry empty = { CN, UTF8, "", 0, 0 };
    char text[MTLSPIN__NAME_TEXT + 10];
    memset(text, 'x', sizeof text);
    for (int most = MTLSPIN__NAME_TEXT - 10; most < MTLSPIN__NAME_TEXT + 10; most++) {
        struct entry entry = empty;
        entry.bytes = text;
        entry.length = most - 3; /* CN= */
        X509_NAME *name = X509_NAME_new();
        add(name, &entry);
        ck_assert_int_eq(compare(name), most >= MTLSPIN__NAME_TEXT);
        X509_NAME_free(name);
    }
}
END_TEST

START_TEST(none)
{
    struct mtlspin__name_text text;
    mtlspin__name_text_make(&text, NULL);
    ck_assert_str_eq(text.text, "");
    mtlspin__name_text_clear(&text);
}
END_TEST

static unsigned
draw(uint64_t *state, unsigned below)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(*state >> 33) % below;
}

/* Names of any types, forms and bytes; mostly plain ones, or the interesting ones would hide each other. */
START_TEST(any)
{
    static const char *const types[] = { CN, O, "2.5.4.6", "2.5.4.11", "2.5.4.5", "0.9.2342.19200300.100.1.1",
        "1.2.3.4" };
    static const int forms[] = { PRINTABLE, UTF8, IA5, UTF8, UTF8, V_ASN1_T61STRING, V_ASN1_NUMERICSTRING,
        V_ASN1_BIT_STRING };
    static const char usual[] = "abcXYZ019 -.";
    uint64_t state = 1;
    int printed = 0;
    for (int round = 0; round < 20000; round++) {
        X509_NAME *name = X509_NAME_new();
        for (unsigned i = draw(&state, 5); i > 0; i--) {
            char bytes[12] = "";
            int count = (int)draw(&state, sizeof bytes);
            for (int k = 0; k < count; k++)
                bytes[k] = draw(&state, 12) == 0 ? (char)draw(&state, 256) : usual[draw(&state, sizeof usual - 1)];
            bool joined = X509_NAME_entry_count(name) > 0 && draw(&state, 10) == 0;
            const struct entry entry = { types[draw(&state, ROWS(types))], forms[draw(&state, ROWS(forms))], bytes, count,
                joined ? -1 : 0 };
            add(name, &entry);
        }
        printed += compare(name);
        X509_NAME_free(name);
    }
    ck_assert_int_gt(printed, 1000);
    ck_assert_int_lt(printed, 19000);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("name_text");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, writes, 0, ROWS(names));
    tcase_add_test(all, length);
    tcase_add_test(all, none);
    tcase_add_test(all, any);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
