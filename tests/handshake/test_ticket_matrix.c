/* What becomes of a client that comes back with its session: for each thing that may have changed meanwhile, in TLS 1.2 and
   TLS 1.3, by ticket and where the program has switched on a session cache, which resumes nothing. With tickets each row is
   run twice: the policy is replaced at work, and the client comes to another server that has the same ticket keys. */
#include "lists.h"
#include "pki.h"
#include "resumption_rows.h"
#include "suite.h"
#include <openssl/asn1.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The policy's text, with the date in an hour in place of @soon@, and ten minutes after that in place of @later@. */
static char *
dated(const char *text, int64_t now)
{
    static const struct { const char *place; int64_t after; } places[] = { { "@soon@", 3600 }, { "@later@", 4200 } };
    char *out = strdup(text), date[32], *at;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        time_t moment = (time_t)(now + places[i].after);
        struct tm parts;
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&moment, &parts));
        while ((at = strstr(out, places[i].place)) != NULL) {
            size_t size = strlen(out) + sizeof date, before = (size_t)(at - out);
            char *next = malloc(size);
            (void)snprintf(next, size, "%.*s%s%s", (int)before, out, date, at + strlen(places[i].place));
            free(out);
            out = next;
        }
    }
    return out;
}

static int64_t
end_of(const char *name)
{
    int days = 0, seconds = 0;
    X509 *certificate = pki_certificate(name);
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    ck_assert_int_eq(ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(certificate)), 1);
    ASN1_TIME_free(epoch);
    X509_free(certificate);
    return (int64_t)days * 86400 + seconds;
}

static const char *
client_of(const char *name)
{
    return name == NULL ? "alice" : strcmp(name, NOBODY) == 0 ? NULL : name;
}

static void
make(struct rig *rig, const struct row *row, const char *policy, int64_t now, int kind)
{
    char *text = dated(policy != NULL ? policy : MEMBERS, now);
    ticket_make(rig, text, kind);
    rig->now = now;
    if (row->set_up != NULL)
        row->set_up(rig);
    free(text);
}

/* The session of the first visit, which an optional certificate makes possible for an anonymous client, too. */
static SSL_SESSION *
first_visit(struct rig *rig, const struct row *row, int kind)
{
    const char *client = client_of(row->first);
    if (client != NULL)
        return ticket_visit(rig, client, row->sni[0], kind);
    ck_assert(ticket_connect(rig, NULL, row->sni[0], NULL, kind));
    ck_assert_str_eq(ticket_outcome(rig), "full: ANONYMOUS");
    return ticket_close(rig);
}

/* All visits but the first and the last; they resume. */
static SSL_SESSION *
renew(struct rig *rig, const struct row *row, SSL_SESSION *session, int kind)
{
    for (int i = 1; i < row->returns; i++) {
        rig->now += row->later;
        ck_assert(ticket_connect(rig, client_of(row->second), row->sni[1], session, kind));
        ck_assert_str_eq(ticket_outcome(rig), ticket_is_stateful(kind) ? "full as alice" : "resumed as alice");
        SSL_SESSION_free(session);
        session = ticket_close(rig);
    }
    return session;
}

/* Where nothing resumes, the handshake is a full one, and says the same about the client. */
static const char *
expected(const struct row *row, int kind, bool elsewhere)
{
    static char text[160];
    if (!ticket_is_stateful(kind))
        return elsewhere && row->elsewhere != NULL ? row->elsewhere : row->outcome;
    if (row->stateful != NULL)
        return row->stateful;
    bool resumes = strncmp(row->outcome, "resumed", 7) == 0;
    (void)snprintf(text, sizeof text, "%s%s", resumes ? "full" : "", row->outcome + (resumes ? 7 : 0));
    return text;
}

static void
come_back(struct rig *rig, const struct row *row, SSL_SESSION *session, int kind, bool elsewhere)
{
    const char *awaited = expected(row, kind, elsewhere);
    if (row->change != NULL)
        row->change(rig);
    int accepted = ticket_connect(rig, client_of(row->second), row->sni[1], session, kind);
    const char *outcome = ticket_outcome(rig);
    ck_assert_msg(strcmp(outcome, awaited) == 0, "%s: %s, not %s", row->name, outcome, awaited);
    ck_assert_msg(accepted || strncmp(outcome, "full: ", 6) == 0, "%s: %d", row->name, accepted);
    SSL_SESSION_free(session);
}

/* `elsewhere`: at a server of another verifier, which begins with the later policy. */
static void
run(const struct row *row, int kind, bool elsewhere)
{
    struct rig rig, other = { .now = 0 };
    int64_t now = row->at_end ? end_of("alice") - 3600 : (int64_t)time(NULL);
    make(&rig, row, row->before, now, kind);
    if (row->at_first != NULL)
        row->at_first(&rig);
    SSL_SESSION *session = renew(&rig, row, first_visit(&rig, row, kind), kind);
    const char *after = row->after != NULL ? row->after : row->before;
    if (elsewhere) {
        make(&other, row, after, now, kind);
        other.now = rig.now + row->later;
        come_back(&other, row, session, kind, true);
        rig_free(&other);
    } else {
        char *text = dated(after != NULL ? after : MEMBERS, now);
        ticket_set_policy(&rig, text);
        rig.now += row->later;
        come_back(&rig, row, session, kind, false);
        free(text);
    }
    rig_free(&rig);
}

START_TEST(ticket_at_the_same_server)
{
    run(&resumption_rows[_i / 2], _i % 2, false);
}
END_TEST

START_TEST(ticket_at_another_server)
{
    run(&resumption_rows[_i / 2], _i % 2, true);
}
END_TEST

START_TEST(stateful)
{
    run(&resumption_rows[_i / 2], TICKET_STATEFUL_TLS12 + _i % 2, false);
}
END_TEST

/* Controls: the same ways on plain OpenSSL, which resumes whatever its callbacks would say of the client. */

static int
refuse_all(X509_STORE_CTX *context, void *user)
{
    (void)user;
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static void
nothing(SSL_CTX *server)
{
    (void)server;
}

static void
remove_everybody(SSL_CTX *server)
{
    SSL_CTX_set_cert_verify_callback(server, refuse_all, NULL);
}

static void
remove_ca(SSL_CTX *server)
{
    SSL_CTX_set_cert_store(server, X509_STORE_new());
}

static void
let_time_pass(SSL_CTX *server)
{
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(server), (time_t)end_of("alice") + 1);
}

/* OpenSSL's own look at the lists of set_up. */
static void
revoke(SSL_CTX *server)
{
    X509_STORE *store = SSL_CTX_get_cert_store(server);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    ck_assert_int_eq(X509_load_crl_file(lookup, "root.pem", X509_FILETYPE_PEM), 1);
    ck_assert_int_eq(X509_load_crl_file(lookup, "clients-alice-revoked.pem", X509_FILETYPE_PEM), 1);
    ck_assert_int_eq(X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL), 1);
}

/* A group that the client has no key share of: hello retry request. */
static void
want_another_group(SSL_CTX *server)
{
    char group[] = "P-256";
    ck_assert_int_eq((int)SSL_CTX_set1_groups_list(server, group), 1);
}

static const struct { void (*change)(SSL_CTX *); bool still_good; } controls[] = { { nothing, true },
    { want_another_group, true }, { remove_everybody, false }, { remove_ca, false }, { let_time_pass, false },
    { revoke, false } };
enum { CONTROLS = sizeof controls / sizeof *controls };

START_TEST(control_plain_openssl_resumes)
{
    const int kind = _i % TICKET_KINDS;
    struct rig rig = { .server = ticket_plain_server(kind) };
    ck_assert(ticket_connect(&rig, "alice", "a.example", NULL, kind));
    SSL_SESSION *session = ticket_close(&rig);
    controls[_i / TICKET_KINDS].change(rig.server);
    ck_assert(ticket_connect(&rig, "alice", "b.example", session, kind));
    ck_assert(SSL_session_reused(rig.pair.server));
    pair_free(&rig.pair);
    ck_assert_int_eq(ticket_connect(&rig, "alice", "b.example", NULL, kind), controls[_i / TICKET_KINDS].still_good);
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* Each ticket is as old as this when it comes back: so its date says. */
static int64_t age;

static int
make_older(SSL *ssl, void *user)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    (void)user;
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
    return SSL_SESSION_set_time_ex(session, SSL_SESSION_get_time_ex(session) - (time_t)age) > 0;
#else
    return SSL_SESSION_set_time(session, (long)(SSL_SESSION_get_time(session) - age)) > 0;
#endif
}

/* In TLS 1.3 each resumption brings a ticket of a new lifetime (7200 seconds), though alice's certificate has ended. */
START_TEST(control_plain_openssl_renews)
{
    struct rig rig = { .server = ticket_plain_server(TICKET_TLS13) };
    age = 6000;
    (void)SSL_CTX_set_timeout(rig.server, 7200);
    ck_assert_int_eq(SSL_CTX_set_session_ticket_cb(rig.server, make_older, NULL, NULL), 1);
    ck_assert(ticket_connect(&rig, "alice", NULL, NULL, TICKET_TLS13));
    SSL_SESSION *session = ticket_close(&rig);
    let_time_pass(rig.server);
    for (int i = 0; i < 8; i++) {
        age = i < 7 ? 6000 : 8000; /* at last older than that, to see that the lifetime holds */
        ck_assert(ticket_connect(&rig, "alice", NULL, session, TICKET_TLS13));
        ck_assert(SSL_session_reused(rig.pair.server));
        SSL_SESSION_free(session);
        session = ticket_close(&rig);
    }
    ck_assert(!ticket_connect(&rig, "alice", NULL, session, TICKET_TLS13));
    SSL_SESSION_free(session);
    rig_free(&rig);
}
END_TEST

/* The lists that the rows name. What expires does so within the lifetime of sessions. */
static const struct crl_recipe lists[] = {
    { "root.pem", "root-ca", NULL, -60, 864000, NULL, 0 },
    { "root-ca-revoked.pem", "root-ca", NULL, -60, 864000, "clients-ca", 0 },
    { "clients.pem", "clients-ca", NULL, -60, 36000, NULL, 0 },
    { "clients-kiosk-revoked.pem", "clients-ca", NULL, -60, 36000, "kiosk", 0 },
    { "clients-alice-revoked.pem", "clients-ca", NULL, -60, 36000, "alice", 0 },
};

static void
set_up(void)
{
    lists_enter();
    lists_write(lists, sizeof lists / sizeof *lists, (int64_t)time(NULL));
}

int
main(void)
{
    Suite *suite = suite_create("ticket matrix");
    TCase *all = tcase_create("matrix");
    tcase_add_unchecked_fixture(all, set_up, lists_leave);
    const int rows = (int)resumption_row_count;
    tcase_add_loop_test(all, ticket_at_the_same_server, 0, 2 * rows);
    tcase_add_loop_test(all, ticket_at_another_server, 0, 2 * rows);
    tcase_add_loop_test(all, stateful, 0, 2 * rows);
    tcase_add_loop_test(all, control_plain_openssl_resumes, 0, TICKET_KINDS * CONTROLS);
    tcase_add_test(all, control_plain_openssl_renews);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
