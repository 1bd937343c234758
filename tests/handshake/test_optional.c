/* Optional certificates: who shows none is anonymous, and a certificate that is shown counts as without the flag. */
#include "case_file.h"
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n";

static void
attach(struct rig *rig, unsigned flags)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_msg(mtlspin_verifier_attach_with(rig->verifier, rig->server, flags, &error) == MTLSPIN_OK, "%s",
        error.message);
}

/* A rig whose SSL_CTX takes the flag on top of what mtlspin_server_context has done. */
static void
make(struct rig *rig, const char *policy, const char *client, int version)
{
    rig_make(rig, policy, client, version);
    attach(rig, MTLSPIN_ATTACH_OPTIONAL);
}

/* MTLSPIN_REASON_RULE stands for "allowed as alice". */
static void
expect(struct rig *rig, enum mtlspin_reason reason)
{
    if (reason == MTLSPIN_REASON_RULE)
        rig_allowed(rig, "alice");
    else
        rig_refused(rig, reason);
}

/* One Certificate message of the client's, as the server reads it. */
static struct { int count; size_t size; } shown;

static void
watch(int sent, int version, int type, const void *bytes, size_t size, SSL *ssl, void *user)
{
    (void)version, (void)ssl, (void)user;
    if (sent || type != SSL3_RT_HANDSHAKE || ((const unsigned char *)bytes)[0] != SSL3_MT_CERTIFICATE)
        return;
    shown.count++;
    shown.size = size;
}

/* Who shows nothing. */

static const struct {
    bool own;           /* the application's own SSL_CTX, not mtlspin_server_context's */
    int mode;           /* that it sets after attaching; 0 = none */
    int certificates[2]; /* messages, in TLS 1.2 and 1.3: an empty one, or none where nobody asks */
} silences[] = {
    { false, 0, { 1, 1 } },
    { true, 0, { 1, 1 } },
    { false, SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE, { 1, 0 } },
};
enum { SILENCES = sizeof silences / sizeof *silences };

static void
make_silence(struct rig *rig, int index, int version)
{
    if (silences[index].own) {
        rig_verifier(rig, members);
        rig->server = rig_plain_server();
        rig->client = rig_client(NULL, version);
        attach(rig, MTLSPIN_ATTACH_OPTIONAL);
    } else {
        make(rig, members, NULL, version);
    }
    if (silences[index].mode != 0)
        SSL_CTX_set_verify(rig->server, silences[index].mode, NULL);
    memset(&shown, 0, sizeof shown);
    SSL_CTX_set_msg_callback(rig->server, watch);
}

START_TEST(anonymous_gets_the_public_page)
{
    struct rig rig;
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    make_silence(&rig, _i / 2, rig_version(_i));
    ck_assert(rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_ANONYMOUS);
    ck_assert_int_eq(shown.count, silences[_i / 2].certificates[_i % 2]);
    ck_assert_uint_le(shown.size, 8); /* a list without an entry */
    ck_assert_int_gt(pair_talk(&rig.pair, "GET /public"), 0);
    ck_assert_int_gt(SSL_write(rig.pair.server, "for everybody", 13), 0);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &decision), MTLSPIN_DENY);
    ck_assert_int_eq(decision.reason, MTLSPIN_REASON_ANONYMOUS);
    ck_assert_str_eq(decision.rule_label, "");
    ck_assert_uint_eq(decision.line, 0);
    ck_assert_int_eq(decision.x509_error, X509_V_OK);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.server));
    ck_assert_int_eq(rig.audit.events, 1);
    ck_assert_int_eq(rig.audit.verdict, MTLSPIN_DENY);
    ck_assert_ptr_nonnull(strstr(rig.audit.json, "\"reason\":\"ANONYMOUS\",\"label\":\"\""));
    ck_assert_ptr_nonnull(strstr(rig.audit.json, "\"subject\":\"\""));
    rig_free(&rig);
}
END_TEST

START_TEST(decision_of_another_size)
{
    struct rig rig;
    struct mtlspin_decision unsized = { .verdict = MTLSPIN_ALLOW };
    make(&rig, members, NULL, rig_version(_i));
    ck_assert(rig_shake(&rig));
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, &unsized), MTLSPIN_DENY);
    ck_assert_int_eq(unsized.reason, MTLSPIN_REASON_NONE); /* nothing is written */
    rig_refused(&rig, MTLSPIN_REASON_ANONYMOUS);
    rig_free(&rig);
}
END_TEST

/* What is shown: every case of cases.txt, with the flag and without. */

struct outcome {
    int accepted, alert, bytes, events;
    enum mtlspin_verdict verdict;
    struct mtlspin_decision decision;
};

static void
run_case(const struct handshake_case *c, int version, unsigned flags, struct outcome *outcome)
{
    struct rig rig;
    rig_make(&rig, c->policy, NULL, version);
    attach(&rig, flags);
    if (c->chain[0] != '\0')
        pki_use(rig.client, c->chain, c->key);
    rig.now = c->now != 0 ? c->now : rig.now;
    outcome->decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    outcome->accepted = rig_shake(&rig);
    outcome->verdict = mtlspin_check(rig.verifier, rig.pair.server, &outcome->decision);
    outcome->alert = rig.pair.alert;
    outcome->bytes = pair_talk(&rig.pair, "hello");
    outcome->events = rig.audit.events;
    rig_free(&rig);
}

START_TEST(certificate_that_is_shown)
{
    size_t count = 0;
    const struct handshake_case *c = &handshake_cases(&count)[_i / 2];
    struct outcome required, optional;
    run_case(c, rig_version(_i), 0, &required);
    run_case(c, rig_version(_i), MTLSPIN_ATTACH_OPTIONAL, &optional);
    const struct mtlspin_decision *with = &optional.decision, *without = &required.decision;
    if (c->chain[0] == '\0') {
        ck_assert_int_eq(required.accepted, 0);
        ck_assert_int_eq(optional.accepted, 1);
        ck_assert_int_eq(with->reason, MTLSPIN_REASON_ANONYMOUS);
        return;
    }
    ck_assert_msg(optional.accepted == c->allow && optional.verdict == required.verdict, "cases.txt:%d", c->line);
    ck_assert_msg(optional.alert == required.alert, "cases.txt:%d: alert %d", c->line, optional.alert);
    ck_assert_str_eq(mtlspin_reason_name(with->reason), mtlspin_reason_name(without->reason));
    ck_assert_str_eq(with->label, without->label);
    ck_assert_str_eq(with->rule_label, without->rule_label);
    ck_assert_uint_eq(with->line, without->line);
    ck_assert_int_eq(with->x509_error, without->x509_error);
    ck_assert_int_eq(optional.bytes, required.bytes);
    ck_assert_int_eq(optional.bytes > 0, c->allow);
    ck_assert_int_eq(optional.events, 1);
}
END_TEST

/* Attaching. */

START_TEST(attach_again_without_the_flag)
{
    struct rig rig;
    make(&rig, members, NULL, rig_version(_i));
    SSL_CTX *kept = rig.server;
    pair_make(&rig.pair, rig.server, rig.client); /* made while it was optional, prepared when it is not */
    attach(&rig, 0);
    ck_assert_int_eq(SSL_CTX_get_verify_mode(kept), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    ck_assert(!pair_shake(&rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    ck_assert_int_eq(pair_talk(&rig.pair, "hello"), 0);
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    attach(&rig, MTLSPIN_ATTACH_OPTIONAL);
    ck_assert(rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_ANONYMOUS);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK); /* is attaching with 0 */
    ck_assert(!rig_shake(&rig));
    rig_free(&rig);
}
END_TEST

static const unsigned unknown_flags[] = { 2, MTLSPIN_ATTACH_OPTIONAL | 2, 0x80000000U, ~0U };
enum { UNKNOWN_FLAGS = sizeof unknown_flags / sizeof *unknown_flags };

START_TEST(unknown_flags_are_refused)
{
    struct rig rig;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_make(&rig, members, NULL, rig_version(_i));
    ck_assert_int_eq(mtlspin_verifier_attach_with(rig.verifier, rig.server, unknown_flags[_i / 2], &error),
        MTLSPIN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "a flag is unknown");
    ck_assert(!rig_shake(&rig)); /* as required as before */
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    rig_free(&rig);
}
END_TEST

START_TEST(flag_where_it_does_not_belong)
{
    struct rig rig, other;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    rig_make(&rig, members, NULL, rig_version(_i));
    rig_verifier(&other, members);
    ck_assert_int_eq(mtlspin_verifier_attach_with(rig.verifier, rig.client, MTLSPIN_ATTACH_OPTIONAL, &error),
        MTLSPIN_ERR_CONTEXT);
    ck_assert_str_eq(error.message, "certificates are optional for clients, never for servers");
    ck_assert_int_eq(mtlspin_verifier_attach_with(other.verifier, rig.server, MTLSPIN_ATTACH_OPTIONAL, NULL),
        MTLSPIN_ERR_STATE);
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

/* What is required is not put off until later (SSL_VERIFY_POST_HANDSHAKE, set before or after attaching). */
START_TEST(required_is_required_at_once)
{
    const int later = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_POST_HANDSHAKE;
    struct rig rig;
    rig_verifier(&rig, members);
    rig.server = rig_plain_server();
    rig.client = rig_client(_i < 4 ? NULL : "alice", rig_version(_i));
    if (_i / 2 % 2 == 0)
        SSL_CTX_set_verify(rig.server, later, NULL);
    attach(&rig, 0);
    if (_i / 2 % 2 == 1)
        SSL_CTX_set_verify(rig.server, later, NULL);
    ck_assert_int_eq(rig_shake(&rig), _i >= 4);
    expect(&rig, _i < 4 ? MTLSPIN_REASON_NO_CERTIFICATE : MTLSPIN_REASON_RULE);
    rig_free(&rig);
}
END_TEST

/* Verify modes and callbacks that the application changes. */

enum moment { ON_THE_CONTEXT, ON_THE_SSL, AFTER_THE_REQUEST };

static const struct lowering {
    enum moment moment;
    const char *client;
    enum mtlspin_reason reason;
} lowerings[] = {
    { ON_THE_CONTEXT, NULL, MTLSPIN_REASON_ANONYMOUS },
    { ON_THE_CONTEXT, "alice", MTLSPIN_REASON_RULE },
    { ON_THE_CONTEXT, "mallory", MTLSPIN_REASON_NO_RULE },
    { ON_THE_SSL, NULL, MTLSPIN_REASON_ANONYMOUS },
    { ON_THE_SSL, "alice", MTLSPIN_REASON_ANONYMOUS }, /* nobody asks her */
    { ON_THE_SSL, "mallory", MTLSPIN_REASON_ANONYMOUS },
    { AFTER_THE_REQUEST, NULL, MTLSPIN_REASON_ANONYMOUS },
    { AFTER_THE_REQUEST, "alice", MTLSPIN_REASON_RULE },
    { AFTER_THE_REQUEST, "mallory", MTLSPIN_REASON_NO_RULE },
};
enum { LOWERINGS = sizeof lowerings / sizeof *lowerings };

static int
prepare_and_lower(SSL *ssl, int *alert, void *verifier)
{
    int result = mtlspin_client_hello_callback(ssl, alert, verifier);
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    return result;
}

START_TEST(verify_mode_lowered)
{
    const struct lowering *c = &lowerings[_i / 2];
    struct rig rig;
    make(&rig, members, c->client, rig_version(_i));
    if (c->moment == ON_THE_CONTEXT)
        SSL_CTX_set_verify(rig.server, SSL_VERIFY_NONE, NULL);
    if (c->moment == ON_THE_SSL)
        SSL_CTX_set_client_hello_cb(rig.server, prepare_and_lower, rig.verifier);
    pair_make(&rig.pair, rig.server, rig.client);
    (void)SSL_do_handshake(rig.pair.client);
    (void)SSL_do_handshake(rig.pair.server); /* its certificate and its request are on the way */
    if (c->moment == AFTER_THE_REQUEST)
        SSL_set_verify(rig.pair.server, SSL_VERIFY_NONE, NULL);
    ck_assert_int_eq(pair_shake(&rig.pair), c->reason != MTLSPIN_REASON_NO_RULE);
    expect(&rig, c->reason);
    ck_assert_int_eq(pair_talk(&rig.pair, "hello") > 0, c->reason != MTLSPIN_REASON_NO_RULE);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

static int
ignore_hello(SSL *ssl, int *alert, void *user)
{
    (void)ssl, (void)alert, (void)user;
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int
accept_all(X509_STORE_CTX *context, void *user)
{
    (void)user;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

/* Nobody is anonymous who was not prepared, or who shows what nobody judges. */
static const struct replacement {
    bool hello, verify; /* which callback is replaced */
    const char *client;
    enum mtlspin_reason reason;
    int accepted;
} replacements[] = {
    { true, false, NULL, MTLSPIN_REASON_NOT_JUDGED, 1 },
    { true, false, "alice", MTLSPIN_REASON_NOT_PREPARED, 0 },
    { false, true, NULL, MTLSPIN_REASON_ANONYMOUS, 1 },
    { false, true, "alice", MTLSPIN_REASON_NOT_JUDGED, 1 },
    { false, true, "mallory", MTLSPIN_REASON_NOT_JUDGED, 1 },
    { true, true, NULL, MTLSPIN_REASON_NOT_JUDGED, 1 },
    { true, true, "mallory", MTLSPIN_REASON_NOT_JUDGED, 1 },
};
enum { REPLACEMENTS = sizeof replacements / sizeof *replacements };

START_TEST(callbacks_replaced)
{
    const struct replacement *c = &replacements[_i / 2];
    struct rig rig;
    make(&rig, members, c->client, rig_version(_i));
    if (c->hello)
        SSL_CTX_set_client_hello_cb(rig.server, ignore_hello, NULL);
    if (c->verify)
        SSL_CTX_set_cert_verify_callback(rig.server, accept_all, NULL);
    ck_assert_int_eq(rig_shake(&rig), c->accepted);
    rig_refused(&rig, c->reason);
    rig_free(&rig);
}
END_TEST

#if OPENSSL_VERSION_NUMBER >= 0x30200000L
/* A raw public key (RFC 7250) is not nothing. */
START_TEST(raw_public_key)
{
    static const unsigned char types[] = { TLSEXT_cert_type_rpk };
    struct rig rig;
    make(&rig, members, "alice", rig_version(_i));
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
    const TTest *const tests[] = { decision_of_another_size, attach_again_without_the_flag, flag_where_it_does_not_belong };
    size_t count = 0;
    (void)handshake_cases(&count);
    Suite *suite = suite_create("optional");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both, 60);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_loop_test(both, tests[i], 0, 2);
    tcase_add_loop_test(both, anonymous_gets_the_public_page, 0, 2 * SILENCES);
    tcase_add_loop_test(both, certificate_that_is_shown, 0, (int)count * 2);
    tcase_add_loop_test(both, unknown_flags_are_refused, 0, 2 * UNKNOWN_FLAGS);
    tcase_add_loop_test(both, required_is_required_at_once, 0, 8);
    tcase_add_loop_test(both, verify_mode_lowered, 0, 2 * LOWERINGS);
    tcase_add_loop_test(both, callbacks_replaced, 0, 2 * REPLACEMENTS);
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
    tcase_add_loop_test(both, raw_public_key, 0, 2);
#else
    puts("skipped: raw public keys, which come with OpenSSL 3.2");
#endif
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
