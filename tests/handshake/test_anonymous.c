/* Who must not pass for anonymous where certificates are optional: who uses a shared key, comes back with a session, is
   switched to another SSL_CTX, or comes on an SSL that was somebody else's. */
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <openssl/ssl.h>
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n";

static SSL_CTX *
server_context(struct mtlspin_verifier *verifier, bool optional)
{
    SSL_CTX *context = mtlspin_server_context(pki_path("server-chain", ".pem"), pki_path("server", ".key"), verifier, NULL);
    ck_assert_ptr_nonnull(context);
    if (optional)
        ck_assert_int_eq(mtlspin_verifier_attach_with(verifier, context, MTLSPIN_ATTACH_OPTIONAL, NULL), MTLSPIN_OK);
    return context;
}

static void
make(struct rig *rig, bool optional, const char *client, int version)
{
    rig_verifier(rig, members);
    rig->server = server_context(rig->verifier, optional);
    rig->client = rig_client(client, version);
}

static int
ignore_hello(SSL *ssl, int *alert, void *user)
{
    (void)ssl, (void)alert, (void)user;
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* Shared keys. */

static const unsigned char shared[] = "a key that both know";

static unsigned
psk_server(SSL *ssl, const char *identity, unsigned char *key, unsigned size)
{
    (void)ssl, (void)identity;
    ck_assert_uint_ge(size, sizeof shared);
    memcpy(key, shared, sizeof shared);
    return sizeof shared;
}

static unsigned
psk_client(SSL *ssl, const char *hint, char *identity, unsigned identity_size, unsigned char *key, unsigned size)
{
    (void)hint;
    (void)snprintf(identity, identity_size, "client");
    return psk_server(ssl, identity, key, size);
}

/* TLS 1.3's own kind of callback. */
static int
psk_find(SSL *ssl, const unsigned char *identity, size_t length, SSL_SESSION **found)
{
    static const unsigned char aes_128_gcm_sha256[] = { 0x13, 0x01 };
    SSL_SESSION *session = SSL_SESSION_new();
    (void)identity, (void)length;
    ck_assert(SSL_SESSION_set1_master_key(session, shared, sizeof shared)
        && SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, aes_128_gcm_sha256))
        && SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
    *found = session;
    return 1;
}

static int
prepare_then_psk(SSL *ssl, int *alert, void *verifier)
{
    int result = mtlspin_client_hello_callback(ssl, alert, verifier);
    SSL_set_psk_server_callback(ssl, psk_server);
    return result;
}

static int
prepare_then_find(SSL *ssl, int *alert, void *verifier)
{
    int result = mtlspin_client_hello_callback(ssl, alert, verifier);
    SSL_set_psk_find_session_callback(ssl, psk_find);
    return result;
}

static const struct psk_case {
    const char *suites;           /* the client's */
    int version;
    SSL_client_hello_cb_fn hello; /* sets the key's callback after preparing; NULL = it is only on the SSL_CTX */
    const char *client;
    int accepted;
    enum mtlspin_reason reason;
} psk_cases[] = {
    { "PSK-AES128-GCM-SHA256", TLS1_2_VERSION, prepare_then_psk, NULL, 1, MTLSPIN_REASON_NO_CERTIFICATE },
    { "PSK-AES128-GCM-SHA256", TLS1_2_VERSION, prepare_then_psk, "alice", 1, MTLSPIN_REASON_NO_CERTIFICATE },
    { "ECDHE-PSK-AES128-CBC-SHA256", TLS1_2_VERSION, prepare_then_psk, NULL, 1, MTLSPIN_REASON_NO_CERTIFICATE },
    { "ECDHE-PSK-CHACHA20-POLY1305", TLS1_2_VERSION, prepare_then_psk, NULL, 1, MTLSPIN_REASON_NO_CERTIFICATE },
    { "DHE-PSK-AES128-GCM-SHA256", TLS1_2_VERSION, prepare_then_psk, NULL, 1, MTLSPIN_REASON_NO_CERTIFICATE },
    { "RSA-PSK-AES128-GCM-SHA256", TLS1_2_VERSION, prepare_then_psk, NULL, 1, MTLSPIN_REASON_NO_CERTIFICATE },
    { "RSA-PSK-AES128-GCM-SHA256", TLS1_2_VERSION, prepare_then_psk, "mallory", 0, MTLSPIN_REASON_NO_RULE },
    { "ECDHE-PSK-AES128-CBC-SHA256", TLS1_2_VERSION, NULL, NULL, 0, MTLSPIN_REASON_HANDSHAKE_FAILED },
    { "", TLS1_3_VERSION, prepare_then_psk, NULL, 1, MTLSPIN_REASON_RESUMED }, /* so TLS 1.3 calls it */
    { "", TLS1_3_VERSION, prepare_then_psk, "alice", 1, MTLSPIN_REASON_RESUMED },
    { "", TLS1_3_VERSION, prepare_then_find, NULL, 1, MTLSPIN_REASON_RESUMED },
    { "", TLS1_3_VERSION, NULL, NULL, 1, MTLSPIN_REASON_ANONYMOUS }, /* the key is offered, and not used */
};
enum { PSK_CASES = sizeof psk_cases / sizeof *psk_cases };

static void
use_psk(struct rig *rig, const struct psk_case *c)
{
    SSL_CTX_set_psk_server_callback(rig->server, psk_server);
    SSL_CTX_set_psk_find_session_callback(rig->server, psk_find);
    SSL_CTX_set_psk_client_callback(rig->client, psk_client);
    if (c->hello != NULL)
        SSL_CTX_set_client_hello_cb(rig->server, c->hello, rig->verifier);
    pki_use(rig->server, "server-rsa-chain", "server-rsa"); /* RSA-PSK wants that kind */
    SSL_CTX_set_security_level(rig->client, 0); /* and DHE-PSK a short prime */
    ck_assert_int_eq((int)SSL_CTX_set_dh_auto(rig->server, 1), 1);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->server, "PSK:kECDHEPSK:kDHEPSK:kRSAPSK:ECDHE"), 1);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig->client, c->suites[0] != '\0' ? c->suites : "DEFAULT"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig->client, "TLS_AES_128_GCM_SHA256"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig->server, "TLS_AES_128_GCM_SHA256"), 1);
}

START_TEST(shared_key_is_not_anonymous)
{
    const struct psk_case *c = &psk_cases[_i];
    struct rig rig;
    make(&rig, true, c->client, c->version);
    use_psk(&rig, c);
    ck_assert_int_eq(rig_shake(&rig), c->accepted);
    if (c->accepted && c->suites[0] != '\0')
        ck_assert_str_eq(SSL_get_cipher_name(rig.pair.server), c->suites);
    ck_assert_int_eq(SSL_session_reused(rig.pair.server), c->reason == MTLSPIN_REASON_RESUMED);
    rig_refused(&rig, c->reason);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

/* SNI: the servername callback switches to another SSL_CTX. */

struct change {
    SSL_CTX *to;
    struct mtlspin_verifier *prepare; /* NULL = the program forgets it */
};

static int
switch_context(SSL *ssl, int *alert, void *user)
{
    struct change *change = user;
    (void)alert;
    SSL_set_SSL_CTX(ssl, change->to);
    if (change->prepare != NULL)
        ck_assert_int_eq(mtlspin_prepare(change->prepare, ssl, NULL), MTLSPIN_OK);
    return SSL_TLSEXT_ERR_OK;
}

enum prepared { FORGOTTEN, BY_THE_SECOND, BY_THE_FIRST };

static const struct sni_case {
    bool from, to;                     /* is optional */
    bool other;                        /* the second has a verifier of its own */
    enum prepared prepared;            /* again, after the switch */
    const char *client;
    int accepted;
    enum mtlspin_reason first, second; /* what the verifiers say; the same if there is one */
} sni_cases[] = {
    { true, false, false, BY_THE_SECOND, NULL, 0, MTLSPIN_REASON_NO_CERTIFICATE, MTLSPIN_REASON_NO_CERTIFICATE },
    { true, false, true, BY_THE_SECOND, NULL, 0, MTLSPIN_REASON_OTHER_VERIFIER, MTLSPIN_REASON_NO_CERTIFICATE },
    { false, true, false, BY_THE_SECOND, NULL, 1, MTLSPIN_REASON_ANONYMOUS, MTLSPIN_REASON_ANONYMOUS },
    { false, true, true, BY_THE_SECOND, NULL, 1, MTLSPIN_REASON_OTHER_VERIFIER, MTLSPIN_REASON_ANONYMOUS },
    { false, true, true, BY_THE_SECOND, "mallory", 0, MTLSPIN_REASON_OTHER_VERIFIER, MTLSPIN_REASON_NO_RULE },
    { true, true, true, BY_THE_SECOND, NULL, 1, MTLSPIN_REASON_OTHER_VERIFIER, MTLSPIN_REASON_ANONYMOUS },
    { false, true, true, BY_THE_FIRST, NULL, 0, MTLSPIN_REASON_NO_CERTIFICATE, MTLSPIN_REASON_OTHER_VERIFIER },
    /* What was prepared was the SSL_CTX before. */
    { false, true, false, FORGOTTEN, NULL, 0, MTLSPIN_REASON_NO_CERTIFICATE, MTLSPIN_REASON_NO_CERTIFICATE },
    { false, true, true, FORGOTTEN, NULL, 0, MTLSPIN_REASON_NO_CERTIFICATE, MTLSPIN_REASON_OTHER_VERIFIER },
    { true, true, true, FORGOTTEN, "alice", 0, MTLSPIN_REASON_OTHER_VERIFIER, MTLSPIN_REASON_OTHER_VERIFIER },
    { true, true, false, FORGOTTEN, NULL, 1, MTLSPIN_REASON_ANONYMOUS, MTLSPIN_REASON_ANONYMOUS },
    { true, false, false, FORGOTTEN, NULL, 1, MTLSPIN_REASON_NO_CERTIFICATE, MTLSPIN_REASON_NO_CERTIFICATE },
    { true, false, true, FORGOTTEN, NULL, 1, MTLSPIN_REASON_NO_CERTIFICATE, MTLSPIN_REASON_OTHER_VERIFIER },
    { true, true, true, FORGOTTEN, NULL, 1, MTLSPIN_REASON_NO_CERTIFICATE, MTLSPIN_REASON_OTHER_VERIFIER },
};
enum { SNI_CASES = sizeof sni_cases / sizeof *sni_cases };

static void
check_reason(struct mtlspin_verifier *verifier, SSL *ssl, enum mtlspin_reason reason)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ck_assert_int_eq(mtlspin_check(verifier, ssl, &decision), MTLSPIN_DENY);
    ck_assert_str_eq(mtlspin_reason_name(decision.reason), mtlspin_reason_name(reason));
    ck_assert_str_eq(decision.label, "");
}

/* One SSL_CTX is for everybody, the other is not. */
START_TEST(switch_by_servername)
{
    const struct sni_case *c = &sni_cases[_i / 2];
    struct rig rig, other;
    make(&rig, c->from, c->client, rig_version(_i));
    rig_verifier(&other, members);
    struct mtlspin_verifier *second = c->other ? other.verifier : rig.verifier;
    other.server = server_context(second, c->to);
    struct change change = { other.server, c->prepared == BY_THE_SECOND ? second : NULL };
    if (c->prepared == BY_THE_FIRST)
        change.prepare = rig.verifier;
    SSL_CTX_set_tlsext_servername_callback(rig.server, switch_context);
    SSL_CTX_set_tlsext_servername_arg(rig.server, &change);
    ck_assert_int_eq(rig_shake(&rig), c->accepted);
    check_reason(rig.verifier, rig.pair.server, c->first);
    check_reason(second, rig.pair.server, c->second);
    rig_free(&rig);
    rig_free(&other);
}
END_TEST

/* To an SSL_CTX that no verifier knows, forgotten: it is not known to be optional. */
START_TEST(switch_to_a_context_without_verifier)
{
    struct rig rig;
    make(&rig, true, NULL, rig_version(_i));
    struct change change = { rig_plain_server(), NULL };
    SSL_CTX_set_tlsext_servername_callback(rig.server, switch_context);
    SSL_CTX_set_tlsext_servername_arg(rig.server, &change);
    ck_assert(rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_NO_CERTIFICATE);
    rig_free(&rig);
    SSL_CTX_free(change.to);
}
END_TEST

/* SSL objects that are used again. */

static void
connect_again(struct rig *rig, const char *client, int version)
{
    BIO *left = NULL, *right = NULL;
    SSL_CTX *context = rig_client(client, version);
    ck_assert_int_eq(SSL_clear(rig->pair.server), 1);
    SSL_free(rig->pair.client);
    rig->pair.client = SSL_new(context);
    SSL_CTX_free(context);
    ck_assert_int_eq(BIO_new_bio_pair(&left, 1 << 20, &right, 1 << 20), 1);
    SSL_set_bio(rig->pair.server, left, left);
    SSL_set_bio(rig->pair.client, right, right);
    SSL_set_accept_state(rig->pair.server);
    SSL_set_connect_state(rig->pair.client);
}

static const struct visitor { const char *client; enum mtlspin_reason reason; } visitors[] = {
    { "alice", MTLSPIN_REASON_RULE },
    { NULL, MTLSPIN_REASON_ANONYMOUS },
    { "mallory", MTLSPIN_REASON_NO_RULE },
};
enum { VISITORS = sizeof visitors / sizeof *visitors };

static void
expect(struct rig *rig, enum mtlspin_reason reason)
{
    if (reason == MTLSPIN_REASON_RULE)
        rig_allowed(rig, "alice");
    else
        rig_refused(rig, reason);
}

/* Each visitor after each, on one SSL. */
START_TEST(cleared_ssl_inherits_nothing)
{
    const struct visitor *before = &visitors[_i / 2 / VISITORS], *after = &visitors[_i / 2 % VISITORS];
    struct rig rig;
    make(&rig, true, before->client, rig_version(_i));
    (void)rig_shake(&rig);
    expect(&rig, before->reason);
    connect_again(&rig, after->client, rig_version(_i));
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_DENY);
    ck_assert_int_eq(pair_shake(&rig.pair), after->reason != MTLSPIN_REASON_NO_RULE);
    expect(&rig, after->reason);
    ck_assert_int_eq(rig.audit.events, 2);
    rig_free(&rig);
}
END_TEST

/* The same where the second connection is not prepared: what was prepared or judged was another one. */
START_TEST(cleared_ssl_past_the_hello_callback)
{
    struct rig rig;
    make(&rig, true, "alice", rig_version(_i));
    ck_assert(rig_shake(&rig));
    rig_allowed(&rig, "alice");
    SSL_CTX_set_client_hello_cb(rig.server, ignore_hello, NULL);
    connect_again(&rig, NULL, rig_version(_i));
    ck_assert(pair_shake(&rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    rig_free(&rig);
}
END_TEST

/* Sessions. */

static void
turn_all_on(SSL_CTX *context)
{
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    (void)SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
}

/* The session of a first connection, which is ended properly. */
static SSL_SESSION *
visit(SSL_CTX *server, SSL_CTX *client)
{
    struct pair pair;
    pair_make(&pair, server, client);
    ck_assert(pair_shake(&pair));
    ck_assert_int_gt(pair_talk(&pair, "hello"), 0);
    SSL_SESSION *session = SSL_get1_session(pair.client);
    (void)SSL_shutdown(pair.client);
    (void)SSL_shutdown(pair.server);
    pair_free(&pair);
    return session;
}

static int
come_back(struct pair *pair, SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session)
{
    pair_make(pair, server, client);
    ck_assert_int_eq(SSL_set_session(pair->client, session), 1);
    ck_assert(pair_shake(pair));
    SSL_SESSION_free(session);
    return SSL_session_reused(pair->server);
}

/* With a cache, alice's session is worth as little as an anonymous one. For tickets see test_ticket_matrix.c. */
START_TEST(nothing_resumes)
{
    struct rig rig;
    make(&rig, true, _i < 2 ? NULL : "alice", rig_version(_i));
    turn_all_on(rig.server);
    SSL_SESSION *session = visit(rig.server, rig.client);
    SSL_CTX *anonymous = rig_client(NULL, rig_version(_i));
    ck_assert(!come_back(&rig.pair, rig.server, anonymous, session));
    rig_refused(&rig, MTLSPIN_REASON_ANONYMOUS);
    ck_assert_int_eq(SSL_CTX_sess_hits(rig.server), 0);
    SSL_CTX_free(anonymous);
    rig_free(&rig);
}
END_TEST

/* The program undoes what keeps sessions apart, and what asks about tickets. */
static int
prepare_and_undo(SSL *ssl, int *alert, void *verifier)
{
    int result = mtlspin_client_hello_callback(ssl, alert, verifier);
    ck_assert_int_eq(SSL_set_session_id_context(ssl, (const unsigned char *)"plain", 5), 1);
    (void)SSL_clear_options(ssl, SSL_OP_NO_TICKET);
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(SSL_get_SSL_CTX(ssl), NULL, NULL, NULL), 1);
    return result;
}

/* A session that was made before the verifier came. The control comes first: then it resumes. */
START_TEST(session_from_before)
{
    struct rig rig;
    rig_verifier(&rig, members);
    rig.server = rig_plain_server();
    SSL_CTX_set_verify(rig.server, SSL_VERIFY_PEER, NULL);
    rig.client = rig_client(_i < 4 ? NULL : "alice", rig_version(_i));
    SSL_CTX *anonymous = rig_client(NULL, rig_version(_i));
    ck_assert(come_back(&rig.pair, rig.server, anonymous, visit(rig.server, rig.client)));
    pair_free(&rig.pair);
    SSL_SESSION *session = visit(rig.server, rig.client);
    ck_assert_int_eq(mtlspin_verifier_attach_with(rig.verifier, rig.server, MTLSPIN_ATTACH_OPTIONAL, NULL), MTLSPIN_OK);
    turn_all_on(rig.server);
    bool undone = _i / 2 % 2 == 1;
    if (undone)
        SSL_CTX_set_client_hello_cb(rig.server, prepare_and_undo, rig.verifier);
    ck_assert_int_eq(come_back(&rig.pair, rig.server, anonymous, session), undone);
    rig_refused(&rig, undone ? MTLSPIN_REASON_RESUMED : MTLSPIN_REASON_ANONYMOUS);
    SSL_CTX_free(anonymous);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("anonymous");
    TCase *all = tcase_create("anonymous");
    tcase_add_loop_test(all, shared_key_is_not_anonymous, 0, PSK_CASES);
    tcase_add_loop_test(all, switch_by_servername, 0, 2 * SNI_CASES);
    tcase_add_loop_test(all, switch_to_a_context_without_verifier, 0, 2);
    tcase_add_loop_test(all, cleared_ssl_inherits_nothing, 0, 2 * VISITORS * VISITORS);
    tcase_add_loop_test(all, cleared_ssl_past_the_hello_callback, 0, 2);
    tcase_add_loop_test(all, nothing_resumes, 0, 4);
    tcase_add_loop_test(all, session_from_before, 0, 8);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
