/* The seal that a ticket carries: what becomes of a session whose seal is missing, spoilt, or somebody else's. Whoever has
   the ticket keys can write one; nobody who has a seal is let in as somebody else, nor without a rule. */
#include "pki.h"
#include "suite.h"
#include "ticket_rig.h"
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\nallow spki @spki:kiosk@ kiosk\n"
                              "allow dns agent.acme.example agent\n"
                              "[partner]\nca @pki@/other-ca.pem\nallow spki @spki:other-alice@ partner\n"
                              "[pins]\nchain none\nallow spki @spki:scanner@ scanner\n";

static struct {
    unsigned char bytes[4096];
    size_t length;
} kept; /* the seal of the last ticket that was kept */

static void
read_seal(SSL_SESSION *session)
{
    void *data = NULL;
    ck_assert_int_eq(SSL_SESSION_get0_ticket_appdata(session, &data, &kept.length), 1);
    ck_assert_uint_le(kept.length, sizeof kept.bytes);
    memcpy(kept.bytes, data, kept.length);
}

/* What a program with its own generate callback does to the seal, which is in `kept`. */

static void
leave(void)
{
}

static void
empty(void)
{
    kept.length = 0;
}

static void
head_alone(void)
{
    kept.length = 9;
}

static void
cut_a_byte(void)
{
    kept.length--;
}

static void
add_garbage(void)
{
    memset(kept.bytes + kept.length, 0xA5, 300);
    kept.length += 300;
}

static void
client_form(void)
{
    kept.bytes[0] = 1;
}

static void
earlier_form(void)
{
    kept.bytes[0]--;
}

static void
later_form(void)
{
    kept.bytes[0]++;
}

static void
from_the_future(void)
{
    kept.bytes[1] = 0x10;
}

static void
from_the_past(void)
{
    memset(kept.bytes + 1, 0, 8);
}

static void
before_all_time(void)
{
    memset(kept.bytes + 1, 0x80, 8);
}

static void
text(void)
{
    static const char words[] = "the program's own";
    memcpy(kept.bytes, words, sizeof words);
    kept.length = sizeof words;
}

static void (*tampering)(void);

static int
generate(SSL *ssl, void *verifier)
{
    ck_assert_int_eq(mtlspin_ticket_generate(ssl, verifier), 1);
    SSL_SESSION *session = SSL_get_session(ssl);
    read_seal(session);
    tampering();
    ck_assert_int_eq(SSL_SESSION_set1_ticket_appdata(session, kept.bytes, kept.length), 1);
    return 1;
}

static SSL_TICKET_RETURN
decrypt(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status, void *verifier)
{
    return mtlspin_ticket_decrypt(ssl, session, name, length, status, verifier);
}

static void
tamper(struct rig *rig, void (*how)(void))
{
    tampering = how;
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig->server, generate, decrypt, rig->verifier), 1);
}

static const struct seal_case {
    void (*how)(void);
    const char *outcome;
} seal_cases[] = {
    { leave, "resumed as alice" }, /* the control */
    { empty, "full as alice" },
    { head_alone, "full as alice" },
    { cut_a_byte, "full as alice" },
    { add_garbage, "full as alice" },
    { client_form, "full as alice" },
    { earlier_form, "full as alice" },
    { later_form, "full as alice" },
    { from_the_future, "full as alice" },
    { from_the_past, "full as alice" },
    { before_all_time, "full as alice" },
    { text, "full as alice" },
};
enum { SEAL_CASES = sizeof seal_cases / sizeof *seal_cases };

START_TEST(spoilt_seal)
{
    struct rig rig;
    ticket_make(&rig, members, _i % 2);
    tamper(&rig, seal_cases[_i / 2].how);
    SSL_SESSION *session = ticket_visit(&rig, "alice", NULL, _i % 2);
    ck_assert(ticket_connect(&rig, "alice", NULL, session, _i % 2));
    ck_assert_str_eq(ticket_outcome(&rig), seal_cases[_i / 2].outcome);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* The seal of one client in the session of another, who has a ticket of her own. */

static unsigned char stolen[sizeof kept.bytes];
static size_t stolen_length;

static void
steal(void)
{
    memcpy(stolen, kept.bytes, kept.length);
    stolen_length = kept.length;
}

static void
use_stolen(void)
{
    memcpy(kept.bytes, stolen, stolen_length);
    kept.length = stolen_length;
}

static const struct stolen_case {
    const char *of, *by; /* clients */
    const char *after;   /* NULL = the policy stays */
    const char *outcome;
} stolen_cases[] = {
    { "alice", "alice", NULL, "resumed as alice" },
    { "alice", "kiosk", NULL, "full as kiosk" },
    { "alice", "alice-renewed", NULL, "full as alice" }, /* the same key in another certificate */
    { "alice-renewed", "alice", NULL, "full as alice" },
    { "san-all", "san-dns", NULL, "full as agent" },
    { "alice", "other-alice", NULL, "full as partner" },
    { "other-alice", "alice", NULL, "full as alice" },
    { "alice", "scanner", NULL, "full as scanner" },
    { "scanner", "alice", NULL, "full as alice" },
    /* The thief is removed, who would have to be somebody else to come in. */
    { "alice", "kiosk", "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n[partner]\nca @pki@/other-ca.pem\n"
      "[pins]\nchain none\n", "full: NO_RULE" },
    /* A rule for the thief where only the other one's chain leads to. */
    { "alice", "other-alice", "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n"
      "allow spki @spki:other-alice@ insider\n[partner]\nca @pki@/other-ca.pem\n[pins]\nchain none\n", "full: NO_RULE" },
    { "alice", "other-alice", "ca @pki@/root-ca.pem\nallow any insider\n[partner]\nca @pki@/other-ca.pem\n"
      "[pins]\nchain none\n", "full: NO_RULE" },
};
enum { STOLEN_CASES = sizeof stolen_cases / sizeof *stolen_cases };

START_TEST(seal_of_another_client)
{
    const struct stolen_case *c = &stolen_cases[_i / 2];
    struct rig rig;
    ticket_make(&rig, members, _i % 2);
    tamper(&rig, steal);
    SSL_SESSION_free(ticket_visit(&rig, c->of, NULL, _i % 2));
    tamper(&rig, use_stolen);
    SSL_SESSION *session = ticket_visit(&rig, c->by, NULL, _i % 2);
    if (c->after != NULL)
        ticket_set_policy(&rig, c->after);
    (void)ticket_connect(&rig, c->by, NULL, session, _i % 2);
    ck_assert_str_eq(ticket_outcome(&rig), c->outcome);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Every byte and every length of a seal, asked of mtlspin_ticket_decrypt directly. */

static SSL_SESSION *made;

static int
keep_session(SSL *ssl, void *verifier)
{
    ck_assert_int_eq(mtlspin_ticket_generate(ssl, verifier), 1);
    SSL_SESSION_free(made);
    made = SSL_SESSION_dup(SSL_get_session(ssl));
    ck_assert_ptr_nonnull(made);
    return 1;
}

/* The server's own session of a client that was there. */
static SSL_SESSION *
session_of(struct rig *rig, const char *client)
{
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig->server, keep_session, decrypt, rig->verifier), 1);
    SSL_SESSION_free(ticket_visit(rig, client, NULL, TICKET_TLS13));
    SSL_SESSION *session = made;
    made = NULL;
    return session;
}

static bool
is_good(struct rig *rig, SSL_SESSION *session, size_t length)
{
    ck_assert_int_eq(SSL_SESSION_set1_ticket_appdata(session, kept.bytes, length), 1);
    SSL_TICKET_RETURN answer = mtlspin_ticket_decrypt(rig->pair.server, session, NULL, 0, SSL_TICKET_SUCCESS,
        rig->verifier);
    ck_assert(answer == SSL_TICKET_RETURN_USE || answer == SSL_TICKET_RETURN_IGNORE_RENEW);
    ck_assert_int_eq(mtlspin_check(rig->verifier, rig->pair.server, NULL), MTLSPIN_DENY); /* no handshake is finished */
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return answer == SSL_TICKET_RETURN_USE;
}

/* One without names and one with three. */
static const char *const asked[] = { "alice", "san-all" };

static void
make_asked(struct rig *rig, SSL_SESSION **session, const char *client)
{
    ticket_make(rig, members, TICKET_TLS13);
    *session = session_of(rig, client);
    ticket_dial(rig, client, NULL, NULL, TICKET_TLS13);
    ck_assert_int_eq(mtlspin_prepare(rig->verifier, rig->pair.server, NULL), MTLSPIN_OK);
    read_seal(*session);
    ck_assert_uint_gt(kept.length, 9);
}

START_TEST(every_length)
{
    struct rig rig;
    SSL_SESSION *session = NULL;
    make_asked(&rig, &session, asked[_i / 2]);
    const size_t whole = kept.length;
    memset(kept.bytes + whole, _i % 2, 200);
    for (size_t length = 0; length < whole + 200; length++)
        ck_assert_msg(is_good(&rig, session, length) == (length == whole), "%zu of %zu", length, whole);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* A changed seal may be as good as before (what it says of the CA above), but only for its own certificate. */
START_TEST(every_byte)
{
    struct rig rig;
    SSL_SESSION *session = NULL, *kiosk = NULL;
    int good = 0;
    make_asked(&rig, &session, asked[_i]);
    kiosk = session_of(&rig, "kiosk");
    ticket_dial(&rig, asked[_i], NULL, NULL, TICKET_TLS13);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.server, NULL), MTLSPIN_OK);
    for (size_t at = 0; at < kept.length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            kept.bytes[at] ^= (unsigned char)(1 << bit);
            ck_assert(!is_good(&rig, kiosk, kept.length));
            good += is_good(&rig, session, kept.length);
            kept.bytes[at] ^= (unsigned char)(1 << bit);
        }
    }
    ck_assert(is_good(&rig, session, kept.length));
    ck_assert_int_gt(good, 0);
    SSL_SESSION_free(session);
    SSL_SESSION_free(kiosk);
    rig_free(&rig);
}
END_TEST

/* Calls that fit nothing: no verifier, another one's connection, a ticket that was not decrypted. */
START_TEST(halves_called_wrongly)
{
    struct rig rig, other;
    SSL_SESSION *alice = NULL;
    make_asked(&rig, &alice, "alice");
    rig_verifier(&other, members);
    SSL *ssl = rig.pair.server, *bare = SSL_new(rig.server);
    const struct { SSL *ssl; SSL_SESSION *session; int status; void *verifier; int answer; } calls[] = {
        { ssl, alice, SSL_TICKET_SUCCESS, rig.verifier, SSL_TICKET_RETURN_USE },
        { ssl, alice, SSL_TICKET_SUCCESS_RENEW, rig.verifier, SSL_TICKET_RETURN_USE_RENEW },
        { ssl, alice, SSL_TICKET_NO_DECRYPT, rig.verifier, SSL_TICKET_RETURN_IGNORE_RENEW },
        { ssl, alice, SSL_TICKET_EMPTY, rig.verifier, SSL_TICKET_RETURN_IGNORE_RENEW },
        { ssl, NULL, SSL_TICKET_EMPTY, rig.verifier, SSL_TICKET_RETURN_IGNORE_RENEW },
        { ssl, NULL, SSL_TICKET_SUCCESS, rig.verifier, SSL_TICKET_RETURN_IGNORE_RENEW },
        { NULL, alice, SSL_TICKET_SUCCESS, rig.verifier, SSL_TICKET_RETURN_IGNORE_RENEW },
        { bare, alice, SSL_TICKET_SUCCESS, rig.verifier, SSL_TICKET_RETURN_IGNORE_RENEW },
        { ssl, alice, SSL_TICKET_SUCCESS, other.verifier, SSL_TICKET_RETURN_IGNORE_RENEW },
        { ssl, alice, SSL_TICKET_SUCCESS, NULL, SSL_TICKET_RETURN_IGNORE_RENEW },
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        ck_assert_msg(mtlspin_ticket_decrypt(calls[i].ssl, calls[i].session, NULL, 0, calls[i].status, calls[i].verifier)
            == calls[i].answer, "call %zu", i);
    ck_assert_int_eq(mtlspin_ticket_generate(NULL, rig.verifier), 1);
    ck_assert_int_eq(mtlspin_ticket_generate(bare, rig.verifier), 1);
    ck_assert_int_eq(mtlspin_ticket_generate(ssl, NULL), 1);
    ck_assert_int_eq(mtlspin_ticket_generate(ssl, other.verifier), 1);
    SSL_free(bare);
    SSL_SESSION_free(alice);
    rig_free(&other);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ticket seals");
    TCase *all = tcase_create("seals");
    tcase_add_loop_test(all, spoilt_seal, 0, 2 * SEAL_CASES);
    tcase_add_loop_test(all, seal_of_another_client, 0, 2 * STOLEN_CASES);
    tcase_add_loop_test(all, every_length, 0, 4);
    tcase_add_loop_test(all, every_byte, 0, 2);
    tcase_add_test(all, halves_called_wrongly);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
