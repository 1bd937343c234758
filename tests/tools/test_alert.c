/* The table of alerts against what OpenSSL sends: a handshake for every error of path validation, in both directions. */
#include "alert.h"
#include "pair.h"
#include "pki.h"
#include "suite.h"
#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { ERRORS = 128 }; /* more than there are (X509_V_…) */

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static int
refuse(X509_STORE_CTX *context, void *error)
{
    X509_STORE_CTX_set_error(context, *(int *)error);
    return 0;
}

static SSL_CTX *
context_of(const SSL_METHOD *method, const char *name, int version)
{
    SSL_CTX *context = SSL_CTX_new(method);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(context, version), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(context, version), 1);
    pki_use(context, name, name);
    return context;
}

/* pair_shake leaves the server's error in the queue. */
static int
alert_at_server(void)
{
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET ? ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET : -1;
}

/* The alert that a peer receives which is refused with this error. */
static int
alert_received(int error, int version, bool by_server)
{
    SSL_CTX *server = context_of(TLS_server_method(), "server", version);
    SSL_CTX *client = context_of(TLS_client_method(), "alice", version);
    SSL_CTX *judge = by_server ? server : client;
    struct pair pair;
    SSL_CTX_set_verify(judge, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(judge, refuse, &error);
    pair_make(&pair, server, client);
    ck_assert_int_eq(pair_shake(&pair), 0);
    int alert = by_server ? pair.alert : alert_at_server();
    ERR_clear_error();
    pair_free(&pair);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return alert;
}

START_TEST(every_error)
{
    struct alert alert = alert_of_error(_i);
    for (size_t i = 0; i < 4; i++) {
        int received = alert_received(_i, versions[i % 2], i / 2 == 0);
        ck_assert_msg(received == alert.number, "X509_V error %d (%s), case %zu: alert %d, and the table says %d", _i,
            X509_verify_cert_error_string(_i), i, received, alert.number);
    }
    ck_assert_msg(strlen(alert.name) > 5, "alert %d has no name", alert.number);
}
END_TEST

/* The names are the standard's, of which OpenSSL's are a spelling with spaces. */
START_TEST(names)
{
    for (int error = 1; error < ERRORS; error++) {
        struct alert alert = alert_of_error(error);
        char name[64];
        (void)snprintf(name, sizeof name, "%s", alert.name);
        for (char *at = strchr(name, '_'); at != NULL; at = strchr(at, '_'))
            *at = ' ';
        const char *known = SSL_alert_desc_string_long(alert.number);
        ck_assert_msg(strcasecmp(name, known) == 0, "alert %d: %s, OpenSSL says %s", alert.number, alert.name, known);
    }
}
END_TEST

START_TEST(decisions)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(alert_of(&decision).number, SSL_AD_BAD_CERTIFICATE); /* no rule, and nothing wrong with the chain */
    decision.x509_error = X509_V_ERR_CERT_HAS_EXPIRED;
    ck_assert_int_eq(alert_of(&decision).number, SSL_AD_CERTIFICATE_EXPIRED);
    decision.verdict = MTLSPIN_ALLOW;
    ck_assert_int_eq(alert_of(&decision).number, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("alert");
    TCase *errors = tcase_create("errors"), *values = tcase_create("values");
    tcase_set_timeout(errors, 60);
    tcase_add_loop_test(errors, every_error, 1, ERRORS);
    tcase_add_test(values, names);
    tcase_add_test(values, decisions);
    suite_add_tcase(suite, errors);
    suite_add_tcase(suite, values);
    return run_suite(suite);
}
