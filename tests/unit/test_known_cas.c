/* The keys of CAs that are remembered are the keys of those very CAs, whoever asks, how often, and in what order. */
#include "certificate_keys.h"
#include "known_cas.h"
#include "pki.h"
#include "suite.h"
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* More than can be remembered; some have the same subject, the same key or the same serial number. */
static const char *const names[] = { "root-ca", "clients-ca", "servers-ca", "upper-ca", "deep-ca", "twin-ca", "partner-ca",
    "other-ca", "client-ca", "no-crl-ca", "alice", "alice-renewed", "alice-clone", "other-alice", "mallory", "kiosk",
    "twin-kiosk", "other-kiosk", "small-serial", "zero-serial", "negative-serial", "scanner", "scanner-expired", "san-dns",
    "san-uri", "san-email", "deep", "expired", "client-rsa", "client-p384" };
enum { COUNT = sizeof names / sizeof *names, ISSUERS = 2, ROUNDS = 200, THREADS = 4 };

static X509 *certificates[COUNT];
static struct mtlspin__known_cas *known;
static struct mtlspin__certificate_keys issuers[ISSUERS], expected[COUNT][ISSUERS];

static void
set_up(void)
{
    struct mtlspin_pin serial;
    known = mtlspin__known_cas_new();
    ck_assert_ptr_nonnull(known);
    for (int i = 0; i < COUNT; i++)
        certificates[i] = pki_certificate(names[i]);
    for (int k = 0; k < ISSUERS; k++)
        ck_assert(mtlspin__keys_make(&issuers[k], certificates[k], &serial));
    for (int i = 0; i < COUNT; i++) {
        for (int k = 0; k < ISSUERS; k++) {
            ck_assert(mtlspin__keys_make(&expected[i][k], certificates[i], &serial));
            ck_assert(mtlspin__keys_add_issuer(&expected[i][k], certificates[i], &issuers[k]));
        }
    }
}

static void
tear_down(void)
{
    mtlspin__known_cas_free(known);
    for (int i = 0; i < COUNT; i++)
        X509_free(certificates[i]);
}

static bool
is_right(int i, int k)
{
    struct mtlspin__certificate_keys keys;
    memset(&keys, 0xA5, sizeof keys);
    return mtlspin__known_cas_keys(known, &keys, certificates[i], &issuers[k])
        && memcmp(&keys, &expected[i][k], sizeof keys) == 0;
}

START_TEST(each_has_its_own)
{
    for (int round = 1; round <= ROUNDS; round++)
        for (int i = 0; i < COUNT; i++)
            for (int again = 0; again < 3; again++)
                ck_assert_msg(is_right(i * round % COUNT, again % ISSUERS), "%s", names[i * round % COUNT]);
}
END_TEST

/* A copy of a certificate is the same certificate. */
START_TEST(a_copy_is_the_same)
{
    struct mtlspin__certificate_keys keys;
    for (int i = 0; i < COUNT; i++) {
        X509 *copy = X509_dup(certificates[i]);
        ck_assert(is_right(i, 0));
        ck_assert(mtlspin__known_cas_keys(known, &keys, copy, &issuers[0]));
        ck_assert_mem_eq(&keys, &expected[i][0], sizeof keys);
        X509_free(copy);
        ck_assert(is_right(i, 0));
    }
}
END_TEST

/* A program that changes a certificate of its own, and signs it again, has another one. */
START_TEST(a_changed_one_is_another)
{
    enum { PLACES = 16 };
    struct mtlspin__certificate_keys before, after, made;
    struct mtlspin_pin serial;
    X509 *mine = X509_dup(certificates[0]);
    EVP_PKEY *key = EVP_EC_gen("P-256"); /* whose signature it is does not matter here */
    ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(mine), 5), 1);
    ck_assert_int_gt(X509_sign(mine, key, EVP_sha256()), 0);
    ck_assert(mtlspin__known_cas_keys(known, &before, mine, &issuers[0]));
    ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(mine), 5 + PLACES), 1); /* where the other one is remembered */
    ck_assert_int_gt(X509_sign(mine, key, EVP_sha256()), 0);
    ck_assert(mtlspin__known_cas_keys(known, &after, mine, &issuers[0]));
    ck_assert(mtlspin__keys_make(&made, mine, &serial) && mtlspin__keys_add_issuer(&made, mine, &issuers[0]));
    ck_assert_mem_ne(&after, &before, sizeof after);
    ck_assert_mem_eq(&after, &made, sizeof after);
    EVP_PKEY_free(key);
    X509_free(mine);
}
END_TEST

struct asker {
    pthread_t thread;
    int step, wrong;
};

static void *
ask(void *user)
{
    struct asker *asker = user;
    for (int i = 0; i < ROUNDS * COUNT; i++)
        asker->wrong += !is_right(i * asker->step % COUNT, i / 7 % ISSUERS);
    return NULL;
}

START_TEST(all_at_once)
{
    struct asker askers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        askers[i].step = i * 2 + 1;
        askers[i].wrong = 0;
        ck_assert_int_eq(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(askers[i].thread, NULL), 0);
        ck_assert_int_eq(askers[i].wrong, 0);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("known_cas");
    TCase *all = tcase_create("CAs");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, each_has_its_own);
    tcase_add_test(all, a_copy_is_the_same);
    tcase_add_test(all, a_changed_one_is_another);
    tcase_add_test(all, all_at_once);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
