/* Saved sessions that were tampered with, that come past mtlspin_prepare, or that were never finished. */
#include "saved.h"
#include "suite.h"
#include <openssl/err.h>
#include <string.h>

static const char pinned[] = "ca @pki@/root-ca.pem\nallow spki @spki:server@ db\n";
static const char any[] = "ca @pki@/root-ca.pem\nallow any member\n";

/* The seal, changed in the file by somebody. Whatever comes of it, no handshake fails that could be a full one. */

struct seal {
    unsigned char bytes[4096];
    size_t length; /* a byte for its form, eight for the time, certificates */
};

static void empty(struct seal *seal) { seal->length = 0; }
static void no_time(struct seal *seal) { seal->length = 1; }
static void half_a_time(struct seal *seal) { seal->length = 8; }
static void no_certificates(struct seal *seal) { seal->length = 9; }
static void cut_short(struct seal *seal) { seal->length--; }
static void another_form(struct seal *seal) { seal->bytes[0]++; }
static void no_form(struct seal *seal) { seal->bytes[0] = 0; }
static void before_time(struct seal *seal) { memcpy(seal->bytes + 1, "\x80\0\0\0\0\0\0\0", 8); }
static void after_time(struct seal *seal) { memset(seal->bytes + 1, 0x7f, 8); }
static void minus_one(struct seal *seal) { memset(seal->bytes + 1, 0xff, 8); }
static void epoch(struct seal *seal) { memset(seal->bytes + 1, 0, 8); }
static void garbage(struct seal *seal) { memset(seal->bytes + 9, 0xa5, seal->length - 9); }
static void wrong_signature(struct seal *seal) { seal->bytes[seal->length - 1] ^= 1; }
static void more_bytes(struct seal *seal) { seal->bytes[seal->length++] = 0x30; }
static void long_length(struct seal *seal) { memcpy(seal->bytes + 9, "\x30\x84\x7f\xff\xff\xff", 6); }

static void (*const tampers[])(struct seal *) = { empty, no_time, half_a_time, no_certificates, cut_short, another_form,
    no_form, before_time, after_time, minus_one, epoch, garbage, wrong_signature, more_bytes, long_length };
enum { TAMPERS = sizeof tampers / sizeof *tampers };

static void
tamper(SSL_SESSION *session, void (*change)(struct seal *))
{
    struct seal seal = { .length = 0 };
    void *bytes = NULL;
    ck_assert_int_eq(SSL_SESSION_get0_ticket_appdata(session, &bytes, &seal.length), 1);
    ck_assert_uint_gt(seal.length, 9);
    ck_assert_uint_lt(seal.length, sizeof seal.bytes);
    memcpy(seal.bytes, bytes, seal.length);
    change(&seal);
    ck_assert_int_eq(SSL_SESSION_set1_ticket_appdata(session, seal.bytes, seal.length), 1);
}

START_TEST(tampered_seal)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i % SAVED_KINDS);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    tamper(session, tampers[_i / SAVED_KINDS]);
    session = saved_through_pem(session);
    ck_assert(saved_connect(&rig, "localhost", session));
    ck_assert_str_eq(saved_outcome(&rig), "full as db");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Sessions that come past mtlspin_prepare: on a connection that is not prepared, or set when it was prepared already,
   with or without a session of its own that was found good. */

static SSL_SESSION *
of_this_host(struct rig *rig, int kind)
{
    (void)kind;
    return saved_visit(rig, "localhost");
}

static SSL_SESSION *
of_another_host(struct rig *rig, int kind)
{
    (void)kind;
    return saved_visit(rig, "127.0.0.1");
}

static SSL_SESSION *
of_openssl(struct rig *rig, int kind)
{
    return saved_plain(rig->server, kind);
}

static SSL_SESSION *
of_another_policy(struct rig *rig, int kind)
{
    struct rig other;
    saved_make_other(&other, rig, any, kind);
    SSL_SESSION *session = saved_visit(&other, "localhost");
    rig_free(&other);
    return session;
}

/* As if it were one of this host and policy. */
static SSL_SESSION *
forge(SSL_SESSION *session, struct rig *rig)
{
    unsigned length = 0;
    SSL_SESSION *own = saved_visit(rig, "localhost");
    const unsigned char *context = SSL_SESSION_get0_id_context(own, &length);
    ck_assert_int_eq(SSL_SESSION_set1_id_context(session, context, length), 1);
    SSL_SESSION_free(own);
    return session;
}

static SSL_SESSION *
forged_of_openssl(struct rig *rig, int kind)
{
    return forge(of_openssl(rig, kind), rig);
}

static SSL_SESSION *
forged_of_another_host(struct rig *rig, int kind)
{
    return forge(of_another_host(rig, kind), rig);
}

static SSL_SESSION *
too_old(struct rig *rig, int kind)
{
    SSL_SESSION *session = of_this_host(rig, kind);
    rig->now += 25 * 60 * 60;
    return session;
}

/* On a connection that is not prepared, is prepared without a session, is prepared with a good one. */
enum connection { UNPREPARED, PREPARED, BESIDES, CONNECTIONS };

static const struct {
    SSL_SESSION *(*make)(struct rig *, int kind);
    const char *outcomes[CONNECTIONS]; /* saved_outcome */
} smuggled[] = {
    { of_this_host, { "RESUMED", "RESUMED", "CERTIFICATE_CHANGED" } },
    { of_another_host, { "RESUMED", "RESUMED", "RESUMED" } },
    { of_openssl, { "RESUMED", "RESUMED", "RESUMED" } },
    { of_another_policy, { "RESUMED", "RESUMED", "RESUMED" } },
    { forged_of_openssl, { "RESUMED", "RESUMED", "CERTIFICATE_CHANGED" } },
    { forged_of_another_host, { "RESUMED", "RESUMED", "CERTIFICATE_CHANGED" } },
    { too_old, { "RESUMED", "RESUMED", "CERTIFICATE_CHANGED" } },
};
enum { SMUGGLED = sizeof smuggled / sizeof *smuggled };

START_TEST(session_past_prepare)
{
    int kind = _i % SAVED_KINDS, connection = _i / SAVED_KINDS % CONNECTIONS, row = _i / SAVED_KINDS / CONNECTIONS;
    struct rig rig;
    saved_make(&rig, pinned, "server", kind);
    SSL_SESSION *session = smuggled[row].make(&rig, kind), *good = saved_visit(&rig, "localhost");
    if (connection == UNPREPARED)
        rig_dial(&rig, "localhost");
    else
        saved_dial(&rig, "localhost", connection == BESIDES ? good : NULL);
    ck_assert_int_eq(SSL_set_session(rig.pair.client, session), 1);
    int connected = saved_shake(&rig);
    ck_assert(SSL_session_reused(rig.pair.client));
    ck_assert(!connected || connection != UNPREPARED);
    ck_assert_str_eq(saved_outcome(&rig), smuggled[row].outcomes[connection]);
    ck_assert_ptr_null(mtlspin_peername(rig.pair.client));
    ck_assert(saved_connect(&rig, "localhost", good)); /* the control: it is good */
    ck_assert_str_eq(saved_outcome(&rig), "resumed as db");
    SSL_SESSION_free(session);
    SSL_SESSION_free(good);
    rig_free(&rig);
}
END_TEST

/* The context taken over from a connection that was prepared does not help either. */
START_TEST(session_of_a_prepared_connection)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", _i);
    SSL_SESSION *session = saved_visit(&rig, "localhost");
    saved_dial(&rig, "localhost", session);
    SSL *prepared = rig.pair.client;
    ck_assert_int_eq(SSL_up_ref(prepared), 1);
    rig_dial(&rig, "localhost");
    ck_assert_int_eq(SSL_copy_session_id(rig.pair.client, prepared), 1);
    ck_assert(saved_shake(&rig));
    ck_assert(SSL_session_reused(rig.pair.client));
    ck_assert_str_eq(saved_outcome(&rig), "NOT_JUDGED");
    SSL_free(prepared);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Somebody without the server's key shows its certificate and then falls silent. That makes a session with a seal, of which
   nobody has proved anything. */

enum { RECORDS = 2 }; /* TLS 1.2: ServerHello, Certificate */

static void
show_certificate_only(struct pair *pair)
{
    unsigned char flight[1 << 16] = { 0 };
    int length = 0;
    BIO *input = BIO_new(BIO_s_mem());
    ck_assert_int_lt(SSL_do_handshake(pair->client), 0);
    ck_assert_int_lt(SSL_do_handshake(pair->server), 0);
    ck_assert_int_gt(BIO_read(SSL_get_rbio(pair->client), flight, sizeof flight), 0);
    for (int i = 0; i < RECORDS; i++)
        length += 5 + flight[length + 3] * 256 + flight[length + 4];
    ck_assert_int_eq(BIO_write(input, flight, length), length);
    (void)BIO_set_mem_eof_return(input, -1);
    SSL_set0_rbio(pair->client, input);
    ck_assert_int_lt(SSL_do_handshake(pair->client), 0);
    ERR_clear_error();
}

START_TEST(session_of_an_unfinished_handshake)
{
    struct rig rig;
    saved_make(&rig, pinned, "server", SAVED_TLS12_ID);
    saved_dial(&rig, "localhost", NULL);
    show_certificate_only(&rig.pair);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.client, NULL), MTLSPIN_DENY);
    SSL_SESSION *session = SSL_get1_session(rig.pair.client);
    ck_assert_int_eq(SSL_SESSION_is_resumable(session), 1); /* says libssl */
    ck_assert_ptr_nonnull(SSL_SESSION_get0_peer(session));
    saved_dial(&rig, "localhost", session);
    ck_assert_ptr_null(SSL_get_session(rig.pair.client));
    ck_assert(saved_shake(&rig));
    ck_assert_str_eq(saved_outcome(&rig), "full as db");
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("client session forgery");
    TCase *all = tcase_create("ticket, session id; TLS 1.2, 1.3");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, tampered_seal, 0, TAMPERS * SAVED_KINDS);
    tcase_add_loop_test(all, session_past_prepare, 0, SMUGGLED * CONNECTIONS * SAVED_KINDS);
    tcase_add_loop_test(all, session_of_a_prepared_connection, 0, SAVED_KINDS);
    tcase_add_test(all, session_of_an_unfinished_handshake);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
