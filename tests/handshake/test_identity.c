/* Whose certificate, whose key, in which order, among how many anchors. */
#include "pki.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n";

static EVP_PKEY *
read_key(const char *name)
{
    BIO *input = BIO_new_file(pki_path(name, ".key"), "r");
    EVP_PKEY *key = PEM_read_bio_PrivateKey(input, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(key);
    BIO_free(input);
    return key;
}

/* The public half of one key with the private half of another: what somebody has who took a certificate off the wire. */
static EVP_PKEY *
stolen_key(const char *victim, const char *thief)
{
    unsigned char point[133];
    size_t length = 0;
    BIGNUM *secret = NULL;
    EVP_PKEY *left = read_key(victim), *right = read_key(thief), *key = NULL;
    ck_assert_int_eq(EVP_PKEY_get_octet_string_param(left, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &length), 1);
    ck_assert_int_eq(EVP_PKEY_get_bn_param(right, OSSL_PKEY_PARAM_PRIV_KEY, &secret), 1);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, length);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    ck_assert_int_eq(EVP_PKEY_fromdata_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    BN_clear_free(secret);
    EVP_PKEY_free(left);
    EVP_PKEY_free(right);
    return key;
}

START_TEST(certificate_without_its_key)
{
    struct rig rig;
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    rig_make(&rig, members, "alice", rig_version(_i));
    EVP_PKEY *key = stolen_key("alice", "mallory");
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(rig.client, key), 1);
    EVP_PKEY_free(key);
    ck_assert(!rig_shake(&rig));
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &decision), MTLSPIN_DENY);
    ck_assert_int_eq(decision.reason, MTLSPIN_REASON_HANDSHAKE_FAILED);
    ck_assert_str_eq(decision.label, "");
    ck_assert_int_eq(rig.audit.events, 1); /* the allowance of the callback was never reported */
    ck_assert_int_eq(rig.audit.verdict, MTLSPIN_DENY);
    ck_assert_int_eq(pair_talk(&rig.pair, "hello"), 0);
    rig_free(&rig);
}
END_TEST

/* The first certificate is the peer's own, wherever the pinned one stands. */
START_TEST(chain_in_another_order)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    struct mtlspin_policy *policy = policy_of(members);
    X509 *first = pki_certificate("alice-reversed");
    STACK_OF(X509) *rest = pki_rest("alice-reversed");
    ck_assert_int_eq(mtlspin_evaluate(policy, first, rest, MTLSPIN_SERVER, NULL, (int64_t)time(NULL), &decision),
        MTLSPIN_DENY);
    ck_assert_str_eq(mtlspin_reason_name(decision.reason), "PURPOSE");
    X509_free(first);
    sk_X509_pop_free(rest, X509_free);
    mtlspin_policy_unref(policy);
}
END_TEST

/* A self-signed CA with a name of about 200 bytes. */
static X509 *
make_anchor(EVP_PKEY *key, int number)
{
    char name[64];
    X509 *anchor = X509_new();
    X509_NAME *subject = X509_NAME_new();
    for (int i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "%d.%d of an organization with a rather long name here", number, i);
        ck_assert_int_eq(X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_ASC, (unsigned char *)name, -1, -1, 0), 1);
    }
    ck_assert_int_eq(X509_set_version(anchor, 2), 1);
    ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(anchor), number + 1), 1);
    ck_assert_int_eq(X509_set_subject_name(anchor, subject) && X509_set_issuer_name(anchor, subject), 1);
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(anchor), -3600));
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(anchor), 3600));
    ck_assert_int_eq(X509_set_pubkey(anchor, key), 1);
    ck_assert_int_gt(X509_sign(anchor, key, EVP_sha256()), 0);
    X509_NAME_free(subject);
    return anchor;
}

/* The names of very many anchors would not fit into the message; then none is sent, and clients come in all the same. */
START_TEST(very_many_anchors)
{
    enum { MANY = 400 };
    struct rig rig;
    EVP_PKEY *key = read_key("partner-ca");
    struct mtlspin_builder *builder = mtlspin_builder_new();
    ck_assert_int_eq(mtlspin_builder_ca_file(builder, pki_path("root-ca", ".pem"), NULL), MTLSPIN_OK);
    for (int i = 0; i < MANY; i++) {
        X509 *anchor = make_anchor(key, i);
        ck_assert_int_eq(mtlspin_builder_ca_x509(builder, anchor, NULL), MTLSPIN_OK);
        X509_free(anchor);
    }
    ck_assert_int_eq(mtlspin_builder_allow(builder, MTLSPIN_ANY, NULL, "member", NULL, NULL), MTLSPIN_OK);
    struct mtlspin_policy *policy = mtlspin_builder_build(builder, NULL);
    memset(&rig, 0, sizeof rig);
    rig.verifier = mtlspin_verifier_new(policy, NULL);
    rig.server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    rig.client = rig_client("alice", rig_version(_i));
    ck_assert(rig_shake(&rig));
    rig_allowed(&rig, "member");
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(rig.pair.client);
    ck_assert_int_eq(names != NULL ? sk_X509_NAME_num(names) : 0, 0);
    mtlspin_policy_unref(policy);
    mtlspin_builder_free(builder);
    EVP_PKEY_free(key);
    rig_free(&rig);
}
END_TEST

/* The trust settings of an anchor decide, so that they count in the digest, and an anchor cannot have two sets of them. */
START_TEST(trust_settings_of_an_anchor)
{
    uint8_t digests[2][32];
    X509 *anchors[] = { pki_certificate("root-ca"), pki_certificate("root-ca") };
    ck_assert_int_eq(X509_add1_reject_object(anchors[1], OBJ_nid2obj(NID_client_auth)), 1);
    for (int i = 0; i < 2; i++) {
        struct mtlspin_builder *builder = mtlspin_builder_new();
        ck_assert_int_eq(mtlspin_builder_ca_x509(builder, anchors[i], NULL), MTLSPIN_OK);
        struct mtlspin_policy *policy = mtlspin_builder_build(builder, NULL);
        mtlspin_policy_digest(policy, digests[i]);
        mtlspin_policy_unref(policy);
        mtlspin_builder_free(builder);
    }
    ck_assert_mem_ne(digests[0], digests[1], 32);
    struct mtlspin_builder *builder = mtlspin_builder_new();
    ck_assert_int_eq(mtlspin_builder_ca_x509(builder, anchors[0], NULL), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_builder_ca_x509(builder, anchors[0], NULL), MTLSPIN_OK);
    ck_assert_int_ne(mtlspin_builder_ca_x509(builder, anchors[1], NULL), MTLSPIN_OK);
    mtlspin_builder_free(builder);
    X509_free(anchors[0]);
    X509_free(anchors[1]);
}
END_TEST

#if OPENSSL_VERSION_NUMBER >= 0x30200000L
/* A raw public key (RFC 7250) is no certificate, even if it is the very key of a rule. */
START_TEST(raw_public_key)
{
    static const unsigned char types[] = { TLSEXT_cert_type_rpk };
    struct rig rig;
    rig_make(&rig, members, "alice", rig_version(_i));
    ck_assert_int_eq(SSL_CTX_set1_client_cert_type(rig.server, types, sizeof types), 1);
    ck_assert_int_eq(SSL_CTX_set1_client_cert_type(rig.client, types, sizeof types), 1);
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    rig_free(&rig);
}
END_TEST
#endif

int
main(void)
{
    Suite *suite = suite_create("identity");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both, 120);
    tcase_add_loop_test(both, certificate_without_its_key, 0, 2);
    tcase_add_test(both, chain_in_another_order);
    tcase_add_loop_test(both, very_many_anchors, 0, 2);
    tcase_add_test(both, trust_settings_of_an_anchor);
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
    tcase_add_loop_test(both, raw_public_key, 0, 2);
#else
    puts("skipped: raw public keys, which come with OpenSSL 3.2");
#endif
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
