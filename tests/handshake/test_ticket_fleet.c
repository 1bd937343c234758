/* A fleet: two servers, each a process of its own, that share ticket keys and have policies of the same content in files of
   their own. A client that one of them knows comes to the other. */
#include "made_crl.h"
#include "pki.h"
#include "policy_text.h"
#include "suite.h"
#include "ticket_rig.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 60, OUTCOME_SIZE = 160 };

struct server {
    char folder[64]; /* with its policy, its copy of the CA, and its revocation lists */
    const char *session_context;
    bool own_keys;
    int control; /* the parent's end: a letter for each order (accept, reload, quit), an outcome for each connection */
    in_port_t port;
    pid_t process;
};

static void
path_of(const struct server *server, const char *name, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", server->folder, name);
}

static void
write_file(const struct server *server, const char *name, const char *text)
{
    char path[128];
    path_of(server, name, path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void
write_policy(const struct server *server, const char *text)
{
    char *filled = policy_text(text);
    write_file(server, "clients.policy", filled);
    free(filled);
}

static void
copy_ca(const struct server *server)
{
    char text[8192];
    FILE *file = fopen(pki_path("root-ca", ".pem"), "r");
    ck_assert_ptr_nonnull(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    ck_assert_int_eq(fclose(file), 0);
    write_file(server, "own-ca.pem", text);
}

static const struct { const char *name, *issuer; } lists[] = { { "root.crl", "root-ca" }, { "clients.crl", "clients-ca" } };
enum { LISTS = sizeof lists / sizeof *lists };

/* A new list in place of the one that is there. */
static void
write_list(const struct server *server, size_t which, const char *revoked)
{
    char path[128], written[128];
    const struct crl_recipe recipe = { written, lists[which].issuer, NULL, -60, 3600, revoked, 0 };
    path_of(server, lists[which].name, path);
    path_of(server, "new.crl", written);
    crl_write(&recipe, (int64_t)time(NULL));
    ck_assert_int_eq(rename(written, path), 0);
}

/* The server's process. It leaves by _exit: Check must not run on in it. */

static void
demand(bool condition)
{
    if (!condition)
        _exit(3);
}

static SSL_CTX *
context_of(const struct server *server, struct mtlspin_verifier *verifier)
{
    SSL_CTX *context = mtlspin_server_context(pki_path("server-chain", ".pem"), pki_path("server", ".key"), verifier, NULL);
    demand(context != NULL);
    if (!server->own_keys)
        ticket_share_keys(context);
    return context;
}

static struct mtlspin_verifier *
verifier_of(const struct server *server)
{
    char path[128];
    path_of(server, "clients.policy", path);
    struct mtlspin_policy *policy = mtlspin_policy_load(path, NULL);
    demand(policy != NULL);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, NULL);
    mtlspin_policy_unref(policy);
    demand(verifier != NULL);
    if (server->session_context != NULL)
        demand(mtlspin_verifier_set_session_context(verifier, server->session_context, strlen(server->session_context),
            NULL) == MTLSPIN_OK);
    return verifier;
}

static void
tell(int control, struct mtlspin_verifier *verifier, SSL *ssl)
{
    char text[OUTCOME_SIZE] = "";
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    bool allowed = mtlspin_check(verifier, ssl, &decision) == MTLSPIN_ALLOW;
    (void)snprintf(text, sizeof text, "%s%s%s", SSL_session_reused(ssl) ? "resumed" : "full", allowed ? " as " : ": ",
        allowed ? decision.label : mtlspin_reason_name(decision.reason));
    demand(write(control, text, sizeof text) == sizeof text);
}

static void
accept_one(int listener, int control, struct mtlspin_verifier *verifier, SSL_CTX *context)
{
    int connection = accept(listener, NULL, NULL);
    SSL *ssl = SSL_new(context);
    demand(connection >= 0 && ssl != NULL && SSL_set_fd(ssl, connection) == 1);
    if (SSL_accept(ssl) == 1)
        demand(SSL_write(ssl, "!", 1) == 1);
    tell(control, verifier, ssl);
    (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    (void)close(connection);
}

static void
serve(const struct server *server, int listener, int control)
{
    char order = 0;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(PATIENCE);
    struct mtlspin_verifier *verifier = verifier_of(server);
    SSL_CTX *context = context_of(server, verifier);
    while (read(control, &order, 1) == 1 && order != 'q') {
        if (order == 'a')
            accept_one(listener, control, verifier, context);
        else
            demand(mtlspin_verifier_reload(verifier, NULL) == MTLSPIN_OK && write(control, "r", 1) == 1);
    }
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
    _exit(0);
}

/* The parent's side. */

static int
listen_anywhere(struct server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    server->port = address.sin_port;
    return listener;
}

static void
start(struct server *server, const char *policy)
{
    int ends[2];
    (void)snprintf(server->folder, sizeof server->folder, "%s", "fleet-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(server->folder));
    copy_ca(server);
    for (size_t i = 0; i < LISTS; i++)
        write_list(server, i, NULL);
    write_policy(server, policy);
    int listener = listen_anywhere(server);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    server->process = fork();
    ck_assert_int_ge(server->process, 0);
    if (server->process == 0) {
        (void)close(ends[0]);
        serve(server, listener, ends[1]);
    }
    (void)close(ends[1]);
    (void)close(listener);
    server->control = ends[0];
}

static void
stop(struct server *server)
{
    const char *const names[] = { "clients.policy", "own-ca.pem", lists[0].name, lists[1].name };
    char path[128];
    int status = 0;
    ck_assert_int_eq((int)write(server->control, "q", 1), 1);
    (void)close(server->control);
    ck_assert_int_eq(waitpid(server->process, &status, 0), server->process);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        path_of(server, names[i], path);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(server->folder), 0);
    ck_assert_int_eq(status, 0);
}

static void
reload(struct server *server, const char *policy)
{
    char answer = 0;
    write_policy(server, policy);
    ck_assert_int_eq((int)write(server->control, "r", 1), 1);
    ck_assert_int_eq((int)read(server->control, &answer, 1), 1);
}

static int
dial(const struct server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = server->port,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(connection, 0);
    ck_assert_int_eq(connect(connection, (const struct sockaddr *)&address, sizeof address), 0);
    return connection;
}

/* alice comes to a server, which then tells the outcome. Replaces the session by the newest if she is let in. */
static const char *
visit(const struct server *server, SSL_CTX *client, SSL_SESSION **session)
{
    static char outcome[OUTCOME_SIZE], host[] = "fleet.example";
    char byte = 0;
    int connection = dial(server);
    SSL *ssl = SSL_new(client);
    ck_assert_int_eq((int)write(server->control, "a", 1), 1);
    ck_assert_int_eq(SSL_set_fd(ssl, connection), 1);
    ck_assert_int_eq((int)SSL_set_tlsext_host_name(ssl, host), 1);
    if (*session != NULL)
        ck_assert_int_eq(SSL_set_session(ssl, *session), 1);
    bool served = SSL_connect(ssl) == 1 && SSL_read(ssl, &byte, 1) == 1;
    ck_assert_int_eq((int)recv(server->control, outcome, sizeof outcome, MSG_WAITALL), (int)sizeof outcome);
    ck_assert(served == (strstr(outcome, " as ") != NULL));
    (void)SSL_shutdown(ssl);
    if (served) {
        SSL_SESSION_free(*session);
        *session = SSL_get1_session(ssl);
    }
    SSL_free(ssl);
    (void)close(connection);
    return outcome;
}

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\nallow spki @spki:kiosk@ kiosk\n";
static const char the_same[] = "# of the second server\n\nca own-ca.pem\n"
                               "allow  spki  @spki:alice@  alice\nallow  spki  @spki:kiosk@  \"kiosk\"\n";
static const char without_alice[] = "ca own-ca.pem\nallow spki @spki:kiosk@ kiosk\n";

static const struct fleet_case {
    const char *second, *reloaded; /* the second server's policy, at first and after the first visit there; NULL = stays */
    const char *contexts[2];       /* of the programs' own */
    bool own_keys;
    const char *there, *back, *again; /* outcomes: at the second server, at the first, and there once more */
} fleet_cases[] = {
    { the_same, NULL, { NULL, NULL }, false, "resumed as alice", "resumed as alice", "resumed as alice" },
    { the_same, without_alice, { NULL, NULL }, false, "resumed as alice", "resumed as alice", "full: NO_RULE" },
    { without_alice, NULL, { NULL, NULL }, false, "full: NO_RULE", "resumed as alice", "full: NO_RULE" },
    { without_alice, the_same, { NULL, NULL }, false, "full: NO_RULE", "resumed as alice", "resumed as alice" },
    { "ca own-ca.pem\nca @pki@/other-ca.pem\nallow spki @spki:alice@ alice\n", NULL, { NULL, NULL }, false,
        "full as alice", "full as alice", "full as alice" },
    { "ca @pki@/other-ca.pem\nallow spki @spki:alice@ alice\n", NULL, { NULL, NULL }, false, "full: UNKNOWN_CA",
        "resumed as alice", "full: UNKNOWN_CA" },
    { the_same, NULL, { "shop", "shop" }, false, "resumed as alice", "resumed as alice", "resumed as alice" },
    { the_same, NULL, { "shop", "bank" }, false, "full as alice", "full as alice", "full as alice" },
    { the_same, NULL, { NULL, "bank" }, false, "full as alice", "full as alice", "full as alice" },
    { the_same, NULL, { NULL, NULL }, true, "full as alice", "full as alice", "full as alice" },
};
enum { FLEET_CASES = sizeof fleet_cases / sizeof *fleet_cases };

START_TEST(from_one_server_to_the_other)
{
    const struct fleet_case *c = &fleet_cases[_i / 2];
    struct server first = { .session_context = c->contexts[0] };
    struct server second = { .session_context = c->contexts[1], .own_keys = c->own_keys };
    SSL_CTX *client = rig_client("alice", rig_version(_i));
    SSL_SESSION *session = NULL;
    (void)signal(SIGPIPE, SIG_IGN);
    start(&first, members);
    start(&second, c->second);
    ck_assert_str_eq(visit(&first, client, &session), "full as alice");
    ck_assert_str_eq(visit(&second, client, &session), c->there);
    ck_assert_str_eq(visit(&first, client, &session), c->back);
    if (c->reloaded != NULL)
        reload(&second, c->reloaded);
    ck_assert_str_eq(visit(&second, client, &session), c->again);
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    stop(&first);
    stop(&second);
}
END_TEST

static const char listed[] = "ca own-ca.pem\ncrl root.crl\ncrl clients.crl\nallow spki @spki:alice@ alice\n";

/* Visits in their order, each maybe after the server has got a list that revokes. A server that has seen no chain with the
   intermediate does not know whose the intermediate's list is: there the first visit resumes nothing. */
static const struct { int server; bool revoke; const char *outcome; } visits[] = {
    { 0, false, "full as alice" },
    { 1, false, "full as alice" },
    { 1, false, "resumed as alice" },
    { 0, false, "resumed as alice" },
    { 1, false, "resumed as alice" },
    { 1, true, "full: REVOKED" },
    { 0, false, "resumed as alice" },
    { 1, false, "full: REVOKED" },
    { 0, true, "full: REVOKED" },
};

/* She is revoked (0, 1), or her CA is (2, 3). */
START_TEST(revoked_at_one_server)
{
    struct server servers[2] = { { .own_keys = false }, { .own_keys = false } };
    SSL_CTX *client = rig_client("alice", rig_version(_i));
    SSL_SESSION *session = NULL;
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < 2; i++)
        start(&servers[i], listed);
    for (size_t i = 0; i < sizeof visits / sizeof *visits; i++) {
        struct server *server = &servers[visits[i].server];
        if (visits[i].revoke) {
            write_list(server, _i < 2 ? 1 : 0, _i < 2 ? "alice" : "clients-ca");
            reload(server, listed);
        }
        const char *outcome = visit(server, client, &session);
        ck_assert_msg(strcmp(outcome, visits[i].outcome) == 0, "visit %zu: %s", i + 1, outcome);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    for (size_t i = 0; i < 2; i++)
        stop(&servers[i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ticket fleet");
    TCase *all = tcase_create("fleet");
    tcase_set_timeout(all, 2 * PATIENCE);
    tcase_add_loop_test(all, from_one_server_to_the_other, 0, 2 * FLEET_CASES);
    tcase_add_loop_test(all, revoked_at_one_server, 0, 4);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
