/* Post-handshake authentication (TLS 1.3, RFC 8446, 4.6.2): a server asks for the certificate later, or once more. */
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

static const char members[] = "deny spki @spki:client-p521@ stolen\nca @pki@/root-ca.pem\n"
                              "allow spki @spki:alice@ alice\n"
                              "allow spki @spki:kiosk@ kiosk not-after=2029-12-31\nallow spki @spki:expired@ expired\n"
                              "allow spki @spki:server-eku@ eku\nallow spki @spki:other-alice@ stranger\n";

/* The last two are optional as well, with SSL_VERIFY_POST_HANDSHAKE set on the SSL_CTX before and after attaching. */
enum setup { REQUIRED, OPTIONAL, LATER_BEFORE, LATER_AFTER };

static void
make(struct rig *rig, enum setup setup, const char *client)
{
    const int later = SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE;
    rig_verifier(rig, members);
    rig->server = rig_plain_server();
    if (setup == LATER_BEFORE)
        SSL_CTX_set_verify(rig->server, later, NULL);
    ck_assert_int_eq(mtlspin_verifier_attach_with(rig->verifier, rig->server,
        setup == REQUIRED ? 0 : MTLSPIN_ATTACH_OPTIONAL, NULL), MTLSPIN_OK);
    if (setup == LATER_AFTER)
        SSL_CTX_set_verify(rig->server, later, NULL);
    rig->client = rig_client(client, TLS1_3_VERSION);
    SSL_CTX_set_post_handshake_auth(rig->client, 1);
}

/* What the client shows from now on; NULL = nothing. */
static void
present(SSL *client, const char *name)
{
    SSL_certs_clear(client);
    if (name == NULL)
        return;
    ck_assert_int_eq(SSL_use_certificate_chain_file(client, pki_path(name, "-chain.pem")), 1);
    ck_assert_int_eq(SSL_use_PrivateKey_file(client, pki_path(name, ".key"), SSL_FILETYPE_PEM), 1);
}

/* Lets one side read what is no application data; -1 = the connection has failed. */
static int
listen(SSL *ssl)
{
    char byte = 0;
    ERR_clear_error();
    int result = SSL_read(ssl, &byte, 1);
    ck_assert_int_le(result, 0);
    return SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* The server's request, up to the client's answer, which the server has not read yet. */
static void
ask(struct pair *pair)
{
    ck_assert_int_eq(SSL_verify_client_post_handshake(pair->server), 1);
    ck_assert_int_eq(SSL_do_handshake(pair->server), 1);
    ck_assert_int_eq(listen(pair->client), 0);
}

/* What mtlspin_check says: "ANONYMOUS", or "RULE alice". */
static const char *
answer_of(struct rig *rig)
{
    static char text[160];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    enum mtlspin_verdict verdict = mtlspin_check(rig->verifier, rig->pair.server, &decision);
    ck_assert_int_eq(verdict, decision.verdict);
    bool allowed = verdict == MTLSPIN_ALLOW;
    ck_assert(allowed == (decision.reason == MTLSPIN_REASON_RULE) && allowed == (decision.label[0] != '\0'));
    (void)snprintf(text, sizeof text, "%s%s%s", mtlspin_reason_name(decision.reason), allowed ? " " : "", decision.label);
    return text;
}

static const struct later_case {
    enum setup setup;
    bool demand;             /* PEER|FAIL_IF_NO_PEER_CERT is set on the SSL before asking */
    const char *client;      /* in the handshake */
    const char *first;       /* what check then says */
    const char *answer;      /* the certificate shown later */
    const char *second;
    int alert;               /* that the client gets; -1 = the connection lives on */
} later_cases[] = {
    { OPTIONAL, false, NULL, "ANONYMOUS", "alice", "RULE alice", -1 },
    { OPTIONAL, true, NULL, "ANONYMOUS", "alice", "RULE alice", -1 },
    { LATER_BEFORE, false, NULL, "ANONYMOUS", "alice", "RULE alice", -1 },
    { LATER_AFTER, false, NULL, "ANONYMOUS", "alice", "RULE alice", -1 },
    { LATER_BEFORE, false, "alice", "ANONYMOUS", "alice", "RULE alice", -1 }, /* nobody had asked her */
    { LATER_AFTER, false, "mallory", "ANONYMOUS", "alice", "RULE alice", -1 },
    { OPTIONAL, false, "alice", "RULE alice", "alice", "RULE alice", -1 },
    { OPTIONAL, false, "alice", "RULE alice", "kiosk", "RULE kiosk", -1 },
    { REQUIRED, false, "alice", "RULE alice", "alice", "RULE alice", -1 },
    { REQUIRED, false, "alice", "RULE alice", "alice-renewed", "RULE alice", -1 },
    { REQUIRED, false, "alice", "RULE alice", "kiosk", "RULE kiosk", -1 },
    { OPTIONAL, false, NULL, "ANONYMOUS", "mallory", "NO_RULE", SSL_AD_BAD_CERTIFICATE },
    { OPTIONAL, false, NULL, "ANONYMOUS", "other-alice", "UNKNOWN_CA", SSL_AD_UNKNOWN_CA },
    { OPTIONAL, false, NULL, "ANONYMOUS", "expired", "EXPIRED", SSL_AD_CERTIFICATE_EXPIRED },
    { OPTIONAL, false, NULL, "ANONYMOUS", "server-eku", "PURPOSE", SSL_AD_UNSUPPORTED_CERTIFICATE },
    { OPTIONAL, false, NULL, "ANONYMOUS", "client-p521", "DENIED_SPKI", SSL_AD_BAD_CERTIFICATE },
    { LATER_BEFORE, false, NULL, "ANONYMOUS", "mallory", "NO_RULE", SSL_AD_BAD_CERTIFICATE },
    { LATER_AFTER, false, "mallory", "ANONYMOUS", "mallory", "NO_RULE", SSL_AD_BAD_CERTIFICATE },
    { OPTIONAL, false, "alice", "RULE alice", "mallory", "NO_RULE", SSL_AD_BAD_CERTIFICATE },
    { REQUIRED, false, "alice", "RULE alice", "mallory", "NO_RULE", SSL_AD_BAD_CERTIFICATE },
    { REQUIRED, false, "alice", "RULE alice", "other-alice", "UNKNOWN_CA", SSL_AD_UNKNOWN_CA },
    { OPTIONAL, false, NULL, "ANONYMOUS", NULL, "ANONYMOUS", -1 },
    { LATER_BEFORE, false, NULL, "ANONYMOUS", NULL, "ANONYMOUS", -1 },
    { OPTIONAL, true, NULL, "ANONYMOUS", NULL, "NO_CERTIFICATE", SSL_AD_CERTIFICATE_REQUIRED },
    { LATER_AFTER, true, NULL, "ANONYMOUS", NULL, "NO_CERTIFICATE", SSL_AD_CERTIFICATE_REQUIRED },
    { OPTIONAL, false, "alice", "RULE alice", NULL, "NO_CERTIFICATE", -1 },
    { OPTIONAL, true, "alice", "RULE alice", NULL, "NO_CERTIFICATE", SSL_AD_CERTIFICATE_REQUIRED },
    { REQUIRED, false, "alice", "RULE alice", NULL, "NO_CERTIFICATE", SSL_AD_CERTIFICATE_REQUIRED },
};
enum { LATER_CASES = sizeof later_cases / sizeof *later_cases };

/* The client's last words, which the server does not get, and the alert that it got itself. */
static void
check_death(struct rig *rig, int alert)
{
    char byte = 0;
    ck_assert_int_eq(pair_talk(&rig->pair, "hello"), 0);
    ck_assert_int_le(SSL_read(rig->pair.client, &byte, 1), 0);
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_last_error()) - SSL_AD_REASON_OFFSET, alert);
    ERR_clear_error();
}

START_TEST(certificate_later)
{
    const struct later_case *c = &later_cases[_i];
    const int events = strcmp(c->second, "ANONYMOUS") == 0 ? 1 : 2; /* an unchanged answer is no news */
    struct rig rig;
    make(&rig, c->setup, c->client);
    ck_assert(rig_shake(&rig));
    ck_assert_str_eq(answer_of(&rig), c->first);
    if (c->demand)
        SSL_set_verify(rig.pair.server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    present(rig.pair.client, c->answer);
    ask(&rig.pair);
    ck_assert_str_eq(answer_of(&rig), c->first); /* the request is out */
    ck_assert_int_eq(rig.audit.events, 1);
    ck_assert_int_eq(listen(rig.pair.server), c->alert < 0 ? 0 : -1);
    ck_assert_str_eq(answer_of(&rig), c->second);
    ck_assert_int_eq(rig.audit.events, events);
    ck_assert_int_eq(rig.audit.verdict == MTLSPIN_ALLOW, strncmp(c->second, "RULE ", 5) == 0);
    if (c->alert < 0)
        ck_assert_int_gt(pair_talk(&rig.pair, "hello"), 0);
    else
        check_death(&rig, c->alert);
    ck_assert_str_eq(answer_of(&rig), c->second);
    ck_assert_int_eq(rig.audit.events, events);
    rig_free(&rig);
}
END_TEST

/* While the answer comes in byte by byte. */

static const struct piece_case {
    enum setup setup;
    const char *client, *first, *answer, *second;
    bool last; /* byte comes */
} piece_cases[] = {
    { OPTIONAL, NULL, "ANONYMOUS", "alice", "RULE alice", true },
    { OPTIONAL, NULL, "ANONYMOUS", "alice", "HANDSHAKE_FAILED", false }, /* the client is gone before the last byte */
    { OPTIONAL, NULL, "ANONYMOUS", NULL, "ANONYMOUS", true },
    { REQUIRED, "alice", "RULE alice", "kiosk", "RULE kiosk", true },
    { REQUIRED, "alice", "RULE alice", "kiosk", "HANDSHAKE_FAILED", false },
};
enum { PIECE_CASES = sizeof piece_cases / sizeof *piece_cases };

/* What the client has sent, taken off the wire; the server reads from `to` from now on. */
static size_t
intercept(SSL *server, unsigned char *bytes, size_t size, BIO **to)
{
    int length = BIO_read(SSL_get_rbio(server), bytes, (int)size);
    ck_assert(length > 0 && length < (int)size);
    *to = BIO_new(BIO_s_mem());
    (void)BIO_set_mem_eof_return(*to, -1);
    SSL_set0_rbio(server, *to);
    return (size_t)length;
}

START_TEST(answer_in_pieces)
{
    const struct piece_case *c = &piece_cases[_i];
    struct rig rig;
    BIO *wire = NULL;
    unsigned char bytes[8192];
    bool unfinished = false;
    make(&rig, c->setup, c->client);
    ck_assert(rig_shake(&rig));
    ck_assert_str_eq(answer_of(&rig), c->first);
    present(rig.pair.client, c->answer);
    ask(&rig.pair);
    size_t length = intercept(rig.pair.server, bytes, sizeof bytes, &wire);
    for (size_t i = 0; i + 1 < length; i++) {
        ck_assert_int_eq(BIO_write(wire, bytes + i, 1), 1);
        ck_assert_int_eq(listen(rig.pair.server), 0);
        unfinished = unfinished || strcmp(answer_of(&rig), "UNFINISHED") == 0;
        ck_assert_str_eq(answer_of(&rig), unfinished ? "UNFINISHED" : c->first); /* and never back */
    }
    ck_assert(unfinished);
    if (c->last)
        ck_assert_int_eq(BIO_write(wire, bytes + length - 1, 1), 1);
    (void)BIO_set_mem_eof_return(wire, c->last ? -1 : 0);
    ck_assert_int_eq(listen(rig.pair.server), c->last ? 0 : -1);
    ck_assert_str_eq(answer_of(&rig), c->second);
    ck_assert_int_eq(rig.audit.events, strcmp(c->second, c->first) == 0 ? 1 : 2);
    rig_free(&rig);
}
END_TEST

/* Between SSL_verify_client_post_handshake, or SSL_key_update, and the SSL_do_handshake that sends the message. */
START_TEST(request_not_yet_sent)
{
    struct rig rig;
    const char *first = _i < 2 ? "ANONYMOUS" : "RULE alice";
    make(&rig, _i < 2 ? OPTIONAL : REQUIRED, _i < 2 ? NULL : "alice");
    ck_assert(rig_shake(&rig));
    ck_assert_str_eq(answer_of(&rig), first);
    if (_i % 2 == 0)
        ck_assert_int_eq(SSL_verify_client_post_handshake(rig.pair.server), 1);
    else
        ck_assert_int_eq(SSL_key_update(rig.pair.server, SSL_KEY_UPDATE_REQUESTED), 1);
    ck_assert_str_eq(answer_of(&rig), "UNFINISHED");
    ck_assert_int_eq(rig.audit.events, 1);
    ck_assert_int_eq(SSL_do_handshake(rig.pair.server), 1);
    ck_assert_str_eq(answer_of(&rig), first);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

/* The public half of alice's key with the private half of mallory's: 32 bytes from the eighth on (RFC 5915). */
static EVP_PKEY *
stolen_key(void)
{
    const char *const names[] = { "alice", "mallory" };
    unsigned char *bytes[2] = { NULL, NULL };
    int length = 0;
    for (int i = 0; i < 2; i++) {
        BIO *input = BIO_new_file(pki_path(names[i], ".key"), "r");
        EVP_PKEY *key = PEM_read_bio_PrivateKey(input, NULL, NULL, NULL);
        length = i2d_PrivateKey(key, &bytes[i]);
        EVP_PKEY_free(key);
        BIO_free(input);
    }
    ck_assert_int_gt(length, 39);
    memcpy(bytes[0] + 7, bytes[1] + 7, 32);
    const unsigned char *at = bytes[0];
    EVP_PKEY *stolen = d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, length);
    ck_assert_ptr_nonnull(stolen);
    OPENSSL_free(bytes[0]);
    OPENSSL_free(bytes[1]);
    return stolen;
}

START_TEST(certificate_without_its_key)
{
    struct rig rig;
    make(&rig, _i == 0 ? OPTIONAL : REQUIRED, _i == 0 ? NULL : "alice");
    ck_assert(rig_shake(&rig));
    ck_assert_str_eq(answer_of(&rig), _i == 0 ? "ANONYMOUS" : "RULE alice");
    EVP_PKEY *key = stolen_key();
    present(rig.pair.client, "alice");
    ck_assert_int_eq(SSL_use_PrivateKey(rig.pair.client, key), 1);
    EVP_PKEY_free(key);
    ask(&rig.pair);
    ck_assert_int_eq(listen(rig.pair.server), -1);
    ck_assert_str_eq(answer_of(&rig), "HANDSHAKE_FAILED");
    ck_assert_int_eq(rig.audit.events, 2);
    check_death(&rig, SSL_AD_DECRYPT_ERROR);
    rig_free(&rig);
}
END_TEST

/* The reason of a death stays, even if the error queue that told it is gone. */
START_TEST(reason_outlives_the_error_queue)
{
    struct rig rig;
    make(&rig, _i == 0 ? OPTIONAL : REQUIRED, _i == 0 ? NULL : "alice");
    ck_assert(rig_shake(&rig));
    ck_assert_str_eq(answer_of(&rig), _i == 0 ? "ANONYMOUS" : "RULE alice");
    SSL_set_verify(rig.pair.server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    present(rig.pair.client, NULL);
    ask(&rig.pair);
    ck_assert_int_eq(listen(rig.pair.server), -1);
    ck_assert_str_eq(answer_of(&rig), "NO_CERTIFICATE");
    ERR_clear_error();
    ck_assert_str_eq(answer_of(&rig), "NO_CERTIFICATE");
    ck_assert_int_eq(rig.audit.events, 2);
    rig_free(&rig);
}
END_TEST

/* Again and again on one connection. The time of each answer counts. */
START_TEST(one_after_the_other)
{
    static const struct { const char *shows, *says; } turns[] = {
        { "alice", "RULE alice" }, { NULL, "NO_CERTIFICATE" }, { "kiosk", "RULE kiosk" }, { "alice-renewed", "RULE alice" },
        { NULL, "NO_CERTIFICATE" }, { NULL, "NO_CERTIFICATE" }, { "alice", "RULE alice" }, { "kiosk", "RULE_EXPIRED" },
    };
    enum { TURNS = sizeof turns / sizeof *turns };
    struct rig rig;
    make(&rig, OPTIONAL, NULL);
    ck_assert(rig_shake(&rig));
    ck_assert_str_eq(answer_of(&rig), "ANONYMOUS");
    for (size_t i = 0; i < TURNS; i++) {
        present(rig.pair.client, turns[i].shows);
        ask(&rig.pair);
        if (i + 1 == TURNS)
            rig.now = 1893456000; /* 2030-01-01 */
        (void)listen(rig.pair.server);
        ck_assert_str_eq(answer_of(&rig), turns[i].says);
    }
    ck_assert_int_eq(rig.audit.events, TURNS); /* the anonymous one is added; the second NO_CERTIFICATE is no news */
    check_death(&rig, SSL_AD_BAD_CERTIFICATE);
    rig_free(&rig);
}
END_TEST

/* A client that cannot be asked stays what it is. */
START_TEST(client_that_cannot_be_asked)
{
    struct rig rig;
    make(&rig, OPTIONAL, _i < 2 ? NULL : "alice");
    SSL_CTX_set_post_handshake_auth(rig.client, 0);
    if (_i % 2 == 0)
        ck_assert(SSL_CTX_set_min_proto_version(rig.client, TLS1_2_VERSION)
            && SSL_CTX_set_max_proto_version(rig.client, TLS1_2_VERSION));
    ck_assert(rig_shake(&rig));
    const char *first = _i < 2 ? "ANONYMOUS" : "RULE alice";
    ck_assert_str_eq(answer_of(&rig), first);
    ck_assert_int_eq(SSL_verify_client_post_handshake(rig.pair.server), 0);
    ck_assert_str_eq(answer_of(&rig), first);
    ck_assert_int_gt(pair_talk(&rig.pair, "hello"), 0);
    ck_assert_str_eq(answer_of(&rig), first);
    ck_assert_int_eq(rig.audit.events, 1);
    rig_free(&rig);
}
END_TEST

static int
accept_all(X509_STORE_CTX *context, void *user)
{
    (void)context, (void)user;
    return 1;
}

START_TEST(verify_callback_replaced_meanwhile)
{
    struct rig rig;
    make(&rig, OPTIONAL, _i == 0 ? NULL : "alice");
    ck_assert(rig_shake(&rig));
    ck_assert_str_eq(answer_of(&rig), _i == 0 ? "ANONYMOUS" : "RULE alice");
    SSL_CTX_set_cert_verify_callback(rig.server, accept_all, NULL);
    present(rig.pair.client, "mallory");
    ask(&rig.pair);
    ck_assert_int_eq(listen(rig.pair.server), 0); /* OpenSSL lets it pass */
    ck_assert_str_eq(answer_of(&rig), _i == 0 ? "NOT_JUDGED" : "CERTIFICATE_CHANGED");
    rig_free(&rig);
}
END_TEST

/* What OpenSSL does by itself: whoever came in as alice goes on as nobody, or as somebody else, and all looks well. */
START_TEST(control_plain_openssl_goes_on)
{
    struct rig rig = { .server = rig_plain_server() };
    SSL_CTX_set_verify(rig.server, SSL_VERIFY_PEER, NULL);
    rig.client = rig_client("alice", TLS1_3_VERSION);
    SSL_CTX_set_post_handshake_auth(rig.client, 1);
    ck_assert(rig_shake(&rig));
    present(rig.pair.client, _i == 0 ? NULL : "mallory");
    ask(&rig.pair);
    ck_assert_int_eq(listen(rig.pair.server), 0);
    ck_assert_int_eq((int)SSL_get_verify_result(rig.pair.server), X509_V_OK);
    ck_assert_int_gt(pair_talk(&rig.pair, "hello"), 0);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    const TTest *const twice[] = { certificate_without_its_key, reason_outlives_the_error_queue,
        verify_callback_replaced_meanwhile, control_plain_openssl_goes_on };
    Suite *suite = suite_create("post-handshake");
    TCase *all = tcase_create("TLS 1.3");
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
        tcase_add_loop_test(all, twice[i], 0, 2);
    tcase_add_loop_test(all, request_not_yet_sent, 0, 4);
    tcase_add_loop_test(all, certificate_later, 0, LATER_CASES);
    tcase_add_loop_test(all, answer_in_pieces, 0, PIECE_CASES);
    tcase_add_test(all, one_after_the_other);
    tcase_add_loop_test(all, client_that_cannot_be_asked, 0, 4);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
