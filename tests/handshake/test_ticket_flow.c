/* What comes in the course of a connection that resumes: a policy put into force half-way, a second ClientHello, early data,
   keys of another kind, and post-handshake authentication with the tickets that follow it. */
#include "pki.h"
#include "suite.h"
#include "ticket_rig.h"
#include <openssl/err.h>
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\nallow spki @spki:kiosk@ kiosk\n";
static const char without_alice[] = "ca @pki@/root-ca.pem\nallow spki @spki:kiosk@ kiosk\n";
static const char another_label[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ \"alice II\"\n";
static const char another_ca[] = "ca @pki@/root-ca.pem\nca @pki@/other-ca.pem\nallow spki @spki:alice@ alice\n";

static int hellos; /* ClientHello messages that the server has got */

static void
count_hellos(int write, int version, int type, const void *bytes, size_t length, SSL *ssl, void *user)
{
    (void)version, (void)ssl, (void)user;
    if (!write && type == SSL3_RT_HANDSHAKE && length > 0 && *(const unsigned char *)bytes == SSL3_MT_CLIENT_HELLO)
        hellos++;
}

/* Runs the handshake until the server has got that many of them. */
static void
run_until(struct rig *rig, int wanted)
{
    hellos = 0;
    SSL_set_msg_callback(rig->pair.server, count_hellos);
    for (int turn = 0; turn < 10 && hellos < wanted; turn++) {
        (void)SSL_do_handshake(rig->pair.client);
        (void)SSL_do_handshake(rig->pair.server);
        ERR_clear_error();
    }
    ck_assert_int_eq(hellos, wanted);
}

struct flight {
    bool resumes; /* alice offers her session; else she has none */
    int after;    /* the policy comes after that ClientHello; 0 = before the first */
    const char *policy, *outcome;
};

static const struct flight flights[] = {
    { true, 1, members, "resumed as alice" },
    { true, 1, another_label, "resumed as alice II" },
    { true, 1, without_alice, "resumed: NO_RULE" },
    { true, 1, "deny spki @spki:clients-ca@\nca @pki@/root-ca.pem\nallow any member\n", "resumed: DENIED_SPKI" },
    { true, 1, "ca @pki@/other-ca.pem\nallow any member\n", "resumed: UNKNOWN_CA" },
    { true, 1, another_ca, "resumed as alice" },
    { true, 0, without_alice, "full: NO_RULE" },
    { false, 1, without_alice, "full: NO_RULE" },
    { false, 1, another_label, "full as alice II" },
};
enum { FLIGHTS = sizeof flights / sizeof *flights };

/* The server asks for another ClientHello, as TLS 1.3 can. Each is judged under the policy of its time. */
static const struct flight retries[] = {
    { true, 1, members, "resumed as alice" },
    { true, 1, another_label, "resumed as alice II" },
    { true, 1, without_alice, "full: NO_RULE" },
    { true, 1, another_ca, "full as alice" },
    { true, 2, without_alice, "resumed: NO_RULE" },
    { false, 1, without_alice, "full: NO_RULE" },
    { false, 1, another_label, "full as alice II" },
    { false, 2, without_alice, "full: NO_RULE" },
};
enum { RETRIES = sizeof retries / sizeof *retries };

static void
fly(const struct flight *flight, int kind, bool retry)
{
    struct rig rig;
    char group[] = "P-256"; /* of which the client has no key share at first */
    ticket_make(&rig, members, kind);
    SSL_SESSION *session = ticket_visit(&rig, "alice", NULL, kind);
    if (retry)
        ck_assert_int_eq((int)SSL_CTX_set1_groups_list(rig.server, group), 1);
    ticket_dial(&rig, "alice", NULL, flight->resumes ? session : NULL, kind);
    if (flight->after > 0)
        run_until(&rig, flight->after);
    ticket_set_policy(&rig, flight->policy);
    rig.audit.events = 0;
    hellos = 0;
    SSL_set_msg_callback(rig.pair.server, count_hellos);
    (void)pair_shake(&rig.pair);
    ck_assert_int_eq(flight->after + hellos, retry ? 2 : 1);
    ck_assert_str_eq(ticket_outcome(&rig), flight->outcome);
    SSL_SESSION_free(session);
    rig_free(&rig);
}

START_TEST(policy_half_way)
{
    fly(&flights[_i / 2], _i % 2, false);
}
END_TEST

START_TEST(policy_between_two_hellos)
{
    fly(&retries[_i], TICKET_TLS13, true);
}
END_TEST

/* Early data: the client believes that its session permits it. */

static const char request[] = "GET /everything";

/* What the server reads before its handshake is finished: the number of bytes. */
static size_t
read_early(struct pair *pair)
{
    char buffer[256];
    size_t sent = 0, got = 0, all = 0;
    ck_assert_int_eq(SSL_write_early_data(pair->client, request, sizeof request, &sent), 1);
    for (int turn = 0; turn < 10; turn++) {
        int result = SSL_read_early_data(pair->server, buffer, sizeof buffer, &got);
        if (result == SSL_READ_EARLY_DATA_SUCCESS)
            all += got;
        else
            (void)SSL_do_handshake(pair->client);
        if (result == SSL_READ_EARLY_DATA_FINISH)
            break;
        ERR_clear_error();
    }
    return all;
}

/* The session of the last visit, with early data permitted by the client's own hand, or by the server's. */
static void
permit_early(SSL_SESSION *session)
{
    ck_assert_int_eq(SSL_SESSION_set_max_early_data(session, 16384), 1);
}

START_TEST(early_data)
{
    struct rig rig;
    ticket_make(&rig, members, TICKET_TLS13);
    if (_i == 1) /* the program wants it */
        ck_assert(SSL_CTX_set_max_early_data(rig.server, 16384) && SSL_CTX_set_recv_max_early_data(rig.server, 16384));
    SSL_SESSION *session = ticket_visit(&rig, "alice", NULL, TICKET_TLS13);
    ck_assert_uint_eq(SSL_SESSION_get_max_early_data(session), 0);
    ck_assert(SSL_SESSION_has_ticket(session));
    permit_early(session);
    ticket_dial(&rig, "alice", NULL, session, TICKET_TLS13);
    ck_assert_uint_eq(read_early(&rig.pair), 0);
    ck_assert_int_ne(SSL_get_early_data_status(rig.pair.server), SSL_EARLY_DATA_ACCEPTED);
    ck_assert_int_eq(SSL_is_init_finished(rig.pair.server), 0);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_DENY);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

START_TEST(control_early_data)
{
    struct rig rig = { .server = ticket_plain_server(TICKET_TLS13) };
    ck_assert(SSL_CTX_set_max_early_data(rig.server, 16384) && SSL_CTX_set_recv_max_early_data(rig.server, 16384));
    ck_assert(ticket_connect(&rig, "alice", NULL, NULL, TICKET_TLS13));
    SSL_SESSION *session = ticket_close(&rig);
    ticket_dial(&rig, "alice", NULL, session, TICKET_TLS13);
    ck_assert_uint_eq(read_early(&rig.pair), sizeof request);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* External keys (RFC 8446, 4.2.11), which the client offers behind its ticket or in place of it. */

static SSL_SESSION *
external(SSL *ssl)
{
    static const unsigned char aes_256_gcm_sha384[] = { 0x13, 0x02 }, key[] = "a key that both know";
    SSL_SESSION *session = SSL_SESSION_new();
    ck_assert(SSL_SESSION_set1_master_key(session, key, sizeof key)
        && SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, aes_256_gcm_sha384))
        && SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
    return session;
}

static int
offer_external(SSL *ssl, const EVP_MD *digest, const unsigned char **id, size_t *length, SSL_SESSION **session)
{
    static const unsigned char name[] = "client";
    (void)digest;
    *id = name;
    *length = sizeof name;
    *session = external(ssl);
    return 1;
}

static int
find_external(SSL *ssl, const unsigned char *id, size_t length, SSL_SESSION **session)
{
    *session = length == sizeof "client" && memcmp(id, "client", length) == 0 ? external(ssl) : NULL;
    return 1;
}

static int
prepare_then_find(SSL *ssl, int *alert, void *verifier)
{
    int result = mtlspin_client_hello_callback(ssl, alert, verifier);
    SSL_set_psk_find_session_callback(ssl, find_external);
    return result;
}

enum ticket_of { NO_TICKET, OWN, OTHER_POLICY, OTHER_KEYS };

static const struct key_case {
    enum ticket_of ticket;  /* that alice offers first: of this server, or of one with another policy, or other keys */
    bool late;              /* the program sets its callback once more after preparing */
    const char *policy;     /* at that time */
    const char *outcome;
} key_cases[] = {
    { OWN, false, members, "resumed as alice" },
    { OWN, true, members, "resumed as alice" }, /* the ticket comes first */
    { OWN, false, without_alice, "full: NO_RULE" },
    { OWN, true, without_alice, "resumed: RESUMED" }, /* by the external key */
    { OTHER_KEYS, false, members, "full as alice" },
    { OTHER_KEYS, true, members, "resumed: RESUMED" },
    { OTHER_POLICY, false, members, "full as alice" },
    { OTHER_POLICY, true, members, "full as alice" }, /* libssl finds the other context when it has chosen the ticket */
    { NO_TICKET, false, members, "full as alice" },
    { NO_TICKET, true, members, "resumed: RESUMED" },
};
enum { KEY_CASES = sizeof key_cases / sizeof *key_cases };

static void
make_other(struct rig *other, enum ticket_of ticket)
{
    unsigned char keys[80] = { 0 };
    ticket_make(other, ticket == OTHER_POLICY ? another_ca : members, TICKET_TLS13);
    if (ticket == OTHER_KEYS)
        ck_assert_int_eq((int)SSL_CTX_set_tlsext_ticket_keys(other->server, keys, sizeof keys), 1);
}

START_TEST(several_keys_offered)
{
    const struct key_case *c = &key_cases[_i];
    struct rig rig, other;
    ticket_make(&rig, members, TICKET_TLS13);
    make_other(&other, c->ticket);
    SSL_SESSION *session = ticket_visit(c->ticket == OWN ? &rig : &other, "alice", NULL, TICKET_TLS13);
    SSL_CTX_set_psk_find_session_callback(rig.server, find_external);
    if (c->late)
        SSL_CTX_set_client_hello_cb(rig.server, prepare_then_find, rig.verifier);
    ticket_set_policy(&rig, c->policy);
    ticket_dial(&rig, "alice", NULL, c->ticket != NO_TICKET ? session : NULL, TICKET_TLS13);
    SSL_set_psk_use_session_callback(rig.pair.client, offer_external);
    (void)pair_shake(&rig.pair);
    ck_assert_str_eq(ticket_outcome(&rig), c->outcome);
    SSL_SESSION_free(session);
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

/* Post-handshake authentication (TLS 1.3) on a connection that has resumed, and the session that the client has then. */

static void
present(SSL *client, const char *name)
{
    SSL_certs_clear(client);
    if (name == NULL)
        return;
    ck_assert_int_eq(SSL_use_certificate_chain_file(client, pki_path(name, "-chain.pem")), 1);
    ck_assert_int_eq(SSL_use_PrivateKey_file(client, pki_path(name, ".key"), SSL_FILETYPE_PEM), 1);
}

static void
read_nothing(SSL *ssl)
{
    char byte = 0;
    ERR_clear_error();
    ck_assert_int_le(SSL_read(ssl, &byte, 1), 0);
}

static void
ask(struct pair *pair)
{
    ck_assert_int_eq(SSL_verify_client_post_handshake(pair->server), 1);
    ck_assert_int_eq(SSL_do_handshake(pair->server), 1);
    read_nothing(pair->client);
    read_nothing(pair->server); /* check wants to see its error */
}

static const struct later_case {
    bool optional;
    const char *answer;  /* to the request: a certificate, or NULL */
    const char *policy;  /* put into force before the request; NULL = it stays */
    const char *second;  /* outcome after it */
    const char *comes;   /* who comes then; NULL = without a certificate */
    const char *third;   /* the outcome of that; NULL = the connection died */
} later_cases[] = {
    { false, "alice", NULL, "resumed as alice", "alice", "resumed as alice" },
    { false, "kiosk", NULL, "resumed as kiosk", "alice", "resumed as kiosk" },
    { false, "kiosk", NULL, "resumed as kiosk", NULL, "resumed as kiosk" },
    { true, "kiosk", NULL, "resumed as kiosk", NULL, "resumed as kiosk" },
    { false, "kiosk", without_alice, "resumed as kiosk", "alice", "resumed as kiosk" },
    { false, "alice", another_label, "resumed as alice II", "alice", "resumed as alice II" },
    { false, "alice", without_alice, "resumed: NO_RULE", NULL, NULL },
    { false, "mallory", NULL, "resumed: NO_RULE", NULL, NULL },
    { true, "mallory", NULL, "resumed: NO_RULE", NULL, NULL },
    { false, NULL, NULL, "resumed: NO_CERTIFICATE", NULL, NULL },
    { true, NULL, NULL, "resumed: CERTIFICATE_CHANGED", NULL, "full: ANONYMOUS" },
    { true, NULL, NULL, "resumed: CERTIFICATE_CHANGED", "alice", "full as alice" },
};
enum { LATER_CASES = sizeof later_cases / sizeof *later_cases };

static void
make_later(struct rig *rig, bool optional)
{
    ticket_make(rig, members, TICKET_TLS13);
    ck_assert_int_eq(mtlspin_verifier_attach_with(rig->verifier, rig->server, optional ? MTLSPIN_ATTACH_OPTIONAL : 0, NULL),
        MTLSPIN_OK);
}

START_TEST(certificate_later)
{
    const struct later_case *c = &later_cases[_i];
    struct rig rig;
    make_later(&rig, c->optional);
    SSL_SESSION *session = ticket_visit(&rig, "alice", NULL, TICKET_TLS13);
    ticket_dial(&rig, "alice", NULL, session, TICKET_TLS13);
    SSL_set_post_handshake_auth(rig.pair.client, 1);
    ck_assert(pair_shake(&rig.pair));
    ck_assert_str_eq(ticket_outcome(&rig), "resumed as alice");
    present(rig.pair.client, c->answer);
    if (c->policy != NULL)
        ticket_set_policy(&rig, c->policy);
    rig.audit.events = 0;
    ask(&rig.pair);
    ck_assert_str_eq(ticket_outcome(&rig), c->second);
    read_nothing(rig.pair.client); /* tickets, or an alert */
    ck_assert_int_eq(pair_talk(&rig.pair, "hello") > 0, c->third != NULL);
    SSL_SESSION_free(session);
    session = ticket_close(&rig);
    if (c->third != NULL) {
        (void)ticket_connect(&rig, c->comes, NULL, session, TICKET_TLS13);
        ck_assert_str_eq(ticket_outcome(&rig), c->third);
    }
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ticket flow");
    TCase *all = tcase_create("flow");
    tcase_add_loop_test(all, policy_half_way, 0, 2 * FLIGHTS);
    tcase_add_loop_test(all, policy_between_two_hellos, 0, RETRIES);
    tcase_add_loop_test(all, early_data, 0, 2);
    tcase_add_test(all, control_early_data);
    tcase_add_loop_test(all, several_keys_offered, 0, KEY_CASES);
    tcase_add_loop_test(all, certificate_later, 0, LATER_CASES);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
