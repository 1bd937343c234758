/* What resumes, and what does not, whatever the application turns on again: tickets alone, and only those that we have asked
   about. Each case has its control on plain OpenSSL, where the same client does resume. What may have changed between two
   visits is in test_ticket_matrix.c. */
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n";

/* What the client was given to come back with. */
static SSL_SESSION *saved;

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(saved);
    saved = session;
    return 1;
}

/* What the application does to the server's SSL_CTX, after attaching. */

static void
leave(SSL_CTX *context)
{
    (void)context;
}

static void
turn_cache_on(SSL_CTX *context)
{
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
}

static void
turn_tickets_on(SSL_CTX *context)
{
    (void)SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(context, 2);
}

static void
turn_all_on(SSL_CTX *context)
{
    turn_cache_on(context);
    turn_tickets_on(context);
}

/* The client's session, found by the server whatever its id: the way of a shared cache. */
static SSL_SESSION *
find_session(SSL *ssl, const unsigned char *id, int length, int *copy)
{
    (void)ssl, (void)id, (void)length;
    *copy = 1;
    return saved;
}

static void
share_cache(SSL_CTX *context)
{
    turn_all_on(context);
    SSL_CTX_sess_set_get_cb(context, find_session);
}

static SSL_TICKET_RETURN
use_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status, void *user)
{
    (void)ssl, (void)session, (void)name, (void)length, (void)user;
    return status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE
                                                                              : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static void
own_ticket_callback(SSL_CTX *context)
{
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(context, NULL, use_ticket, NULL), 1);
}

static void
turn_tickets_off(SSL_CTX *context)
{
    turn_cache_on(context);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(context, 2);
}

static void
only_the_cache_of_the_application(SSL_CTX *context)
{
    (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_sess_set_get_cb(context, find_session);
}

/* On plain OpenSSL all of them resume. */
static const struct change {
    void (*change)(SSL_CTX *);
    bool resumes;              /* with a verifier */
    enum mtlspin_reason reason; /* what check then says */
} changes[] = {
    { leave, true, MTLSPIN_REASON_RULE },
    { turn_tickets_on, true, MTLSPIN_REASON_RULE },
    { turn_cache_on, false, MTLSPIN_REASON_RULE },
    { turn_all_on, false, MTLSPIN_REASON_RULE },
    { turn_tickets_off, false, MTLSPIN_REASON_RULE },
    { share_cache, false, MTLSPIN_REASON_RULE },
    { only_the_cache_of_the_application, false, MTLSPIN_REASON_RULE },
    { own_ticket_callback, true, MTLSPIN_REASON_RESUMED },
};
enum { CHANGES = sizeof changes / sizeof *changes };

/* Two handshakes of one client, the second with what it kept of the first. Returns whether that one was resumed. */
static int
come_back(SSL_CTX *server, SSL_CTX *client, struct pair *second)
{
    struct pair first;
    (void)SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, keep_session);
    pair_make(&first, server, client);
    ck_assert(pair_shake(&first));
    (void)pair_talk(&first, "hello");
    if (saved == NULL)
        saved = SSL_get1_session(first.client);
    (void)SSL_shutdown(first.client);
    pair_make(second, server, client);
    if (saved != NULL)
        (void)SSL_set_session(second->client, saved);
    ck_assert(pair_shake(second));
    pair_free(&first);
    return SSL_session_reused(second->server);
}

static void
forget_saved(void)
{
    SSL_SESSION_free(saved);
    saved = NULL;
}

START_TEST(only_asked_tickets_resume)
{
    const struct change *c = &changes[_i / 2];
    struct rig rig;
    rig_make(&rig, members, "alice", rig_version(_i));
    c->change(rig.server);
    ck_assert_int_eq(come_back(rig.server, rig.client, &rig.pair), c->resumes);
    if (c->reason == MTLSPIN_REASON_RULE)
        rig_allowed(&rig, "alice");
    else
        rig_refused(&rig, c->reason);
    ck_assert(saved == NULL || SSL_SESSION_has_ticket(saved) == c->resumes);
    ck_assert_int_eq(rig.audit.resumed, c->resumes);
    ck_assert_int_eq(rig.audit.events, 1); /* nobody has checked the first connection */
    forget_saved();
    rig_free(&rig);
}
END_TEST

START_TEST(control_plain_openssl_resumes)
{
    struct pair second;
    SSL_CTX *server = rig_plain_server(), *client = rig_client("alice", rig_version(_i));
    changes[_i / 2].change(server);
    ck_assert(come_back(server, client, &second));
    forget_saved();
    pair_free(&second);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}
END_TEST

/* A session that was made before the verifier was there, under the very same SSL_CTX. */
START_TEST(older_session_does_not_resume)
{
    struct rig rig;
    struct pair first;
    rig_verifier(&rig, "ca @pki@/root-ca.pem\nallow spki @spki:mallory@ mallory\n");
    rig.server = rig_plain_server();
    rig.client = rig_client("alice", rig_version(_i));
    ck_assert(come_back(rig.server, rig.client, &first)); /* the control: it does resume */
    pair_free(&first);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    turn_all_on(rig.server);
    pair_make(&rig.pair, rig.server, rig.client);
    ck_assert_int_eq(SSL_set_session(rig.pair.client, saved), 1);
    ck_assert(!pair_shake(&rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_NO_RULE);
    forget_saved();
    rig_free(&rig);
}
END_TEST

/* A resumed connection of an SSL_CTX that no verifier knows: check has the last word. */
START_TEST(resumed_elsewhere)
{
    struct rig rig;
    rig_make(&rig, members, "alice", rig_version(_i));
    SSL_CTX *plain = rig_plain_server();
    ck_assert(come_back(plain, rig.client, &rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_NOT_JUDGED);
    ck_assert_ptr_nonnull(strstr(rig.audit.json, "\"resumed\":true"));
    forget_saved();
    SSL_CTX_free(plain);
    rig_free(&rig);
}
END_TEST

/* The program undoes, on the prepared connection, what keeps sessions apart, and takes away the ticket callbacks: it resumes,
   and check refuses. */
static int
prepare_and_undo(SSL *ssl, int *alert, void *verifier)
{
    int result = mtlspin_client_hello_callback(ssl, alert, verifier);
    ck_assert_int_eq(SSL_set_session_id_context(ssl, (const unsigned char *)"plain", 5), 1);
    (void)SSL_clear_options(ssl, SSL_OP_NO_TICKET);
    return result;
}

START_TEST(resumed_on_a_prepared_connection)
{
    struct rig rig;
    struct pair first;
    rig_verifier(&rig, "ca @pki@/root-ca.pem\nallow spki @spki:mallory@ mallory\n");
    rig.server = rig_plain_server();
    rig.client = rig_client("alice", rig_version(_i));
    ck_assert(come_back(rig.server, rig.client, &first));
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    SSL_CTX_set_client_hello_cb(rig.server, prepare_and_undo, rig.verifier);
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig.server, NULL, NULL, NULL), 1);
    pair_make(&rig.pair, rig.server, rig.client);
    ck_assert_int_eq(SSL_set_session(rig.pair.client, saved), 1);
    ck_assert(pair_shake(&rig.pair));
    rig_refused(&rig, MTLSPIN_REASON_RESUMED);
    pair_free(&first);
    forget_saved();
    rig_free(&rig);
}
END_TEST

START_TEST(no_early_data)
{
    struct rig rig;
    rig_make(&rig, members, "alice", rig_version(_i));
    (void)SSL_CTX_set_max_early_data(rig.server, 16384);
    ck_assert(rig_shake(&rig));
    ck_assert_uint_eq(SSL_get_max_early_data(rig.pair.server), 0);
    ck_assert_int_eq(SSL_get_early_data_status(rig.pair.server), SSL_EARLY_DATA_NOT_SENT);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("resumption");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_add_loop_test(both, only_asked_tickets_resume, 0, 2 * CHANGES);
    tcase_add_loop_test(both, control_plain_openssl_resumes, 0, 2 * CHANGES);
    tcase_add_loop_test(both, older_session_does_not_resume, 0, 2);
    tcase_add_loop_test(both, resumed_elsewhere, 0, 2);
    tcase_add_loop_test(both, resumed_on_a_prepared_connection, 0, 2);
    tcase_add_loop_test(both, no_early_data, 0, 2);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
