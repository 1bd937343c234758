/* A client's SSL that is used again, for the same server or another one: it inherits nothing. */
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ server\n";

static int
accept_all(X509_STORE_CTX *context, void *user)
{
    (void)user;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

/* Connects rig->pair.client to a new connection of such a server. */
static void
join(struct rig *rig, const char *server)
{
    BIO *left = NULL, *right = NULL;
    SSL_CTX *context = rig_public_server(server);
    SSL_free(rig->pair.server);
    rig->pair.server = SSL_new(context);
    SSL_CTX_free(context);
    ck_assert_int_eq(BIO_new_bio_pair(&left, 1 << 20, &right, 1 << 20), 1);
    SSL_set_bio(rig->pair.server, left, left);
    SSL_set_bio(rig->pair.client, right, right);
    SSL_set_accept_state(rig->pair.server);
    SSL_set_connect_state(rig->pair.client);
}

/* SSL_clear(3), and the same SSL for another connection. */
static void
connect_again(struct rig *rig, const char *server)
{
    ck_assert_int_eq(SSL_clear(rig->pair.client), 1);
    join(rig, server);
}

static void
prepare(struct rig *rig)
{
    ck_assert_int_eq(mtlspin_prepare(rig->verifier, rig->pair.client, NULL), MTLSPIN_OK);
}

static const struct { const char *server; enum mtlspin_reason reason; } others[] = {
    { "other-server", MTLSPIN_REASON_UNKNOWN_CA },
    { "server-rsa", MTLSPIN_REASON_NO_RULE },
    { "server-db", MTLSPIN_REASON_HOST_MISMATCH },
};
enum { OTHERS = sizeof others / sizeof *others };

/* Of every two rounds the second prepares its connections. */
START_TEST(cleared_ssl_inherits_nothing)
{
    bool prepared = _i / 2 % 2 == 1;
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    rig_dial(&rig, "localhost");
    if (prepared)
        prepare(&rig);
    ck_assert(rig_finish(&rig));
    rig_allowed(&rig, "server");
    ck_assert_str_eq(mtlspin_peername(rig.pair.client), "localhost");
    connect_again(&rig, others[_i / 4].server);
    rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    if (prepared)
        prepare(&rig);
    rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
    ck_assert(!rig_finish(&rig));
    rig_refused(&rig, others[_i / 4].reason);
    connect_again(&rig, "server");
    if (prepared)
        prepare(&rig);
    ck_assert(rig_finish(&rig));
    rig_allowed(&rig, "server");
    rig_free(&rig);
}
END_TEST

/* OpenSSL lets the other server pass, and the record is still the one of the first connection. */
START_TEST(cleared_ssl_past_the_callback)
{
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    ck_assert(rig_connect(&rig, "localhost"));
    rig_allowed(&rig, "server");
    SSL_CTX_set_cert_verify_callback(rig.client, accept_all, NULL);
    connect_again(&rig, "other-server");
    ck_assert(rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    connect_again(&rig, "server"); /* the same certificate, but not judged in this handshake */
    ck_assert(rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    rig_free(&rig);
}
END_TEST

/* Every connection has its own answer and its own event, also if nobody prepares it and it fails before any certificate. */
START_TEST(cleared_ssl_is_reported_each_time)
{
    struct rig rig;
    rig_make_client(&rig, members, "server-rsa", rig_version(_i));
    ck_assert(!rig_connect(&rig, "localhost"));
    rig_refused(&rig, MTLSPIN_REASON_NO_RULE);
    for (int round = 1; round <= 3; round++) {
        connect_again(&rig, "server");
        rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
        ck_assert_int_eq(rig.audit.events, round);
        (void)SSL_set_min_proto_version(rig.pair.server, _i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
        (void)SSL_set_max_proto_version(rig.pair.server, _i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
        (void)pair_shake(&rig.pair);
        rig_refused(&rig, MTLSPIN_REASON_HANDSHAKE_FAILED);
        ck_assert_int_eq(rig.audit.events, round + 1);
        ck_assert_str_eq(rig.audit.host, "localhost");
        ERR_clear_error();
    }
    rig_free(&rig);
}
END_TEST

/* Another host for the second connection: neither the record's nor the one that preparing has fixed is left. */
static const struct { const char *host; int prepared; enum mtlspin_reason reason; } hosts[] = {
    { "db.example", 0, MTLSPIN_REASON_HOST_MISMATCH },
    { "db.example", 1, MTLSPIN_REASON_HOST_MISMATCH },
    { NULL, 0, MTLSPIN_REASON_NO_HOST },
    { NULL, 1, MTLSPIN_REASON_NO_HOST },
    { "localhost", 0, MTLSPIN_REASON_RULE },
    { "localhost", 1, MTLSPIN_REASON_RULE },
};
enum { HOSTS = sizeof hosts / sizeof *hosts };

START_TEST(cleared_ssl_for_another_host)
{
    enum mtlspin_reason reason = hosts[_i / 2].reason;
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    rig_dial(&rig, "localhost");
    if (hosts[_i / 2].prepared)
        prepare(&rig);
    ck_assert(rig_finish(&rig));
    rig_allowed(&rig, "server");
    connect_again(&rig, "server");
    ck_assert_int_eq(SSL_set1_host(rig.pair.client, hosts[_i / 2].host), 1);
    ck_assert_int_eq(rig_finish(&rig), reason == MTLSPIN_REASON_RULE);
    if (reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "server");
    else
        rig_refused(&rig, reason);
    rig_free(&rig);
}
END_TEST

/* Where the SNI is all there is, it is the new one that counts, whatever an earlier preparing has made of the old one. */
static const struct { int first, cleared, second; } rounds[] = { /* prepared, SSL_clear, prepared */
    { 0, 1, 0 }, { 0, 1, 1 }, { 1, 1, 0 }, { 1, 1, 1 }, { 1, 0, 0 }, { 1, 0, 1 },
};
enum { ROUNDS = sizeof rounds / sizeof *rounds };

START_TEST(another_sni_is_another_host)
{
    char one[] = "localhost", other[] = "db.example"; /* OpenSSL's macro would cast away a const */
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    rig_dial(&rig, NULL);
    ck_assert_int_eq(SSL_set_tlsext_host_name(rig.pair.client, one), 1);
    if (rounds[_i / 2].first)
        prepare(&rig);
    if (rounds[_i / 2].cleared) {
        ck_assert(rig_finish(&rig));
        rig_allowed(&rig, "server");
        connect_again(&rig, "server");
    }
    ck_assert_int_eq(SSL_set_tlsext_host_name(rig.pair.client, other), 1);
    if (rounds[_i / 2].second)
        prepare(&rig);
    ck_assert(!rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_HOST_MISMATCH);
    ck_assert_str_eq(rig.audit.host, other);
    rig_free(&rig);
}
END_TEST

/* SSL_dup(3): a copy has the host, and was never judged. */
START_TEST(duplicated_ssl_was_not_judged)
{
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    rig_dial(&rig, "localhost");
    prepare(&rig);
    SSL *copy = SSL_dup(rig.pair.client);
    ck_assert_ptr_nonnull(copy);
    ck_assert_int_eq(mtlspin_check(rig.verifier, copy, NULL), MTLSPIN_DENY);
    ck_assert(rig_finish(&rig));
    rig_allowed(&rig, "server");
    SSL *original = rig.pair.client;
    rig.pair.client = copy;
    rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
    join(&rig, "server-db");
    ck_assert(!rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_HOST_MISMATCH);
    SSL_free(original);
    rig_free(&rig);
}
END_TEST

/* The control: the copy of a connection to the right server comes up, and is allowed on its own account. */
START_TEST(duplicated_ssl_is_judged)
{
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    rig_dial(&rig, "localhost");
    SSL *copy = SSL_dup(rig.pair.client);
    ck_assert_ptr_nonnull(copy);
    SSL_free(rig.pair.client);
    rig.pair.client = copy;
    join(&rig, "server");
    ck_assert(rig_finish(&rig));
    rig_allowed(&rig, "server");
    ck_assert_str_eq(rig.audit.host, "localhost");
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("client reuse");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_add_loop_test(both, cleared_ssl_inherits_nothing, 0, 4 * OTHERS);
    tcase_add_loop_test(both, cleared_ssl_past_the_callback, 0, 2);
    tcase_add_loop_test(both, cleared_ssl_is_reported_each_time, 0, 2);
    tcase_add_loop_test(both, cleared_ssl_for_another_host, 0, 2 * HOSTS);
    tcase_add_loop_test(both, another_sni_is_another_host, 0, 2 * ROUNDS);
    tcase_add_loop_test(both, duplicated_ssl_was_not_judged, 0, 2);
    tcase_add_loop_test(both, duplicated_ssl_is_judged, 0, 2);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
