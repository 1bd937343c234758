/* HTTPS that greets every client by the name which a policy gives it: a template for servers of your own, built with
   `cc server.c $(pkg-config --cflags --libs mtlspin)`. Each connection has a thread, which may block wherever it likes; the
   main thread accepts, and once a second disconnects whoever is past its deadline. SIGHUP reloads the policy and
   disconnects whom it refuses from then on; SIGUSR1 prints statistics. libmtlspin is at work in audit, may_talk, page,
   enrol, run, disconnect, print_statistics, obey and make_context. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <getopt.h>
#include <inttypes.h>
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { HANDSHAKE_SECONDS = 10, REQUEST_SECONDS = 30, GOODBYE_SECONDS = 1, MAX_CONNECTIONS = 1000 };
enum { HEAD_SIZE = 8192, PATH_SIZE = 1024, BODY_SIZE = PATH_SIZE + MTLSPIN_LABEL_SIZE + 64, ADDRESS_SIZE = 80 };
enum { LISTEN, CERT, KEY, POLICY, OPTIONAL, HELP }; /* the options */

struct connection {
    BIO *socket; /* opened and closed by the main thread; NULL: this place is free */
    char peer[ADDRESS_SIZE];
    pthread_t thread;
    atomic_long deadline; /* by the monotonic clock; 0: the thread is done */
};

static SSL_CTX *context;
static struct mtlspin_verifier *verifier;
static struct connection connections[MAX_CONNECTIONS]; /* one client more is disconnected at once */
static volatile sig_atomic_t stopping, reloading, counting;

static void
stop(int number)
{
    stopping = number;
}

static void
ask(int number)
{
    if (number == SIGHUP)
        reloading = 1;
    else
        counting = 1;
}

/* Returns the mask as it was. */
static sigset_t
take_signals(void)
{
    static const struct { int number; void (*handler)(int); } table[] = { { SIGPIPE, SIG_IGN }, { SIGINT, stop },
        { SIGTERM, stop }, { SIGHUP, ask }, { SIGUSR1, ask } };
    sigset_t blocked, before;
    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        (void)sigaction(table[i].number, &(struct sigaction){ .sa_handler = table[i].handler }, NULL);
        (void)sigaddset(&blocked, table[i].number);
    }
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    return before;
}

static long
seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec;
}

/* One fprintf is one write, and two do not mix: standard error has no buffer, but a lock. */
static void
audit(const struct mtlspin_event *event, void *user)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    (void)user;
    if (mtlspin_event_json(event, line, sizeof line) > 0)
        (void)fprintf(stderr, "%s\n", line);
}

/* Up to the empty line, or as far as it goes; false if nothing comes. Byte by byte, but out of a record in memory. */
static bool
read_head(SSL *ssl, char head[HEAD_SIZE])
{
    size_t length = 0;
    while (length < HEAD_SIZE - 1 && (length < 4 || memcmp(head + length - 4, "\r\n\r\n", 4) != 0)
        && SSL_read(ssl, head + length, 1) == 1)
        length++;
    head[length] = '\0';
    return length > 0;
}

/* The answer's status. The path is echoed: printable ASCII only. Nobody reads a body, so one ends the connection. */
static const char *
parse(const char *head, char path[PATH_SIZE], bool *keep)
{
    char method[16] = "";
    int end = 0;
    (void)sscanf(head, "%15[A-Z]%*1[ ]%1023[!-~]%*1[ ]HTTP/1.1%n", method, path, &end);
    if (end == 0 || strncmp(head + end, "\r\n", 2) != 0 || path[0] != '/' || strstr(head, "\r\n\r\n") == NULL)
        return "400 Bad Request";
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return "405 Method Not Allowed\r\nAllow: GET, HEAD";
    *keep = strcasestr(head, "\r\nconnection: close") == NULL && strcasestr(head, "\r\ncontent-length") == NULL
        && strcasestr(head, "\r\ntransfer-encoding") == NULL;
    return "200 OK";
}

/* Whether the client gets any answer. With --optional, one that shows no certificate is anonymous; it is denied all the
   same, but for what is for everybody. */
static bool
may_talk(SSL *ssl, struct mtlspin_decision *decision)
{
    *decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    return mtlspin_check(verifier, ssl, decision) == MTLSPIN_ALLOW || decision->reason == MTLSPIN_REASON_ANONYMOUS;
}

/* The private page needs MTLSPIN_ALLOW; whatever else may_talk lets pass gets the public one. */
static int
page(char body[BODY_SIZE], const struct mtlspin_decision *decision, const char *path)
{
    if (decision->verdict == MTLSPIN_ALLOW)
        return snprintf(body, BODY_SIZE, "hello, %s! (path: %s)\n", decision->label, path);
    return snprintf(body, BODY_SIZE, "this page is for everybody (path: %s)\n", path);
}

/* One request and its answer, about which the policy is asked again. False if the connection is to end. */
static bool
greet(SSL *ssl)
{
    struct mtlspin_decision decision;
    char head[HEAD_SIZE], path[PATH_SIZE], body[BODY_SIZE] = "", text[BODY_SIZE + 256];
    bool keep = false;
    if (!read_head(ssl, head) || !may_talk(ssl, &decision))
        return false;
    const char *status = parse(head, path, &keep);
    int size = status[0] == '2' ? page(body, &decision, path) : 0;
    int length = snprintf(text, sizeof text,
        "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s",
        status, size, keep ? "keep-alive" : "close", strncmp(head, "HEAD ", 5) == 0 ? "" : body);
    return SSL_write(ssl, text, length) == length && keep;
}

/* Until the end of its thread a connection is enrolled: a later policy can end it, whatever the thread waits for. An
   anonymous client has nothing that a policy could take away. */
static bool
enrol(SSL *ssl, struct connection *connection, struct mtlspin_enrolment **enrolment)
{
    struct mtlspin_decision decision;
    bool may = may_talk(ssl, &decision);
    if (may && decision.verdict == MTLSPIN_ALLOW)
        may = (*enrolment = mtlspin_enrol(verifier, ssl, connection, NULL)) != NULL;
    return may;
}

/* A thread. The policy is asked whatever SSL_accept said, since that also audits what OpenSSL refused by itself. */
static void *
run(void *argument)
{
    struct connection *connection = argument;
    struct mtlspin_enrolment *enrolment = NULL;
    int fd = (int)BIO_get_fd(connection->socket, NULL);
    SSL *ssl = SSL_new(context);
    if (ssl != NULL && SSL_set_fd(ssl, fd) && mtlspin_set_peer_address(ssl, connection->peer, NULL) == MTLSPIN_OK) {
        (void)SSL_accept(ssl);
        for (bool open = enrol(ssl, connection, &enrolment); open; open = greet(ssl))
            atomic_store(&connection->deadline, seconds() + REQUEST_SECONDS);
        (void)SSL_shutdown(ssl);
    }
    mtlspin_withdraw(enrolment);
    SSL_free(ssl);
    /* A socket that is closed with unread bytes in it is reset, and then our last words, an alert perhaps, may be lost. */
    atomic_store(&connection->deadline, seconds() + GOODBYE_SECONDS);
    (void)shutdown(fd, SHUT_WR);
    for (char rest[1024]; recv(fd, rest, sizeof rest, 0) > 0;)
        ;
    atomic_store(&connection->deadline, 0);
    return NULL;
}

static void
address_text(char text[ADDRESS_SIZE], const char *host, const char *port)
{
    const char *form = host != NULL && strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s";
    (void)snprintf(text, ADDRESS_SIZE, form, host != NULL ? host : "?", port != NULL ? port : "?");
}

/* Returns how many connections there are; `place` is where one more could go, or NULL. */
static size_t
look_after(struct connection **place)
{
    size_t used = 0;
    *place = NULL;
    for (struct connection *c = connections; c < connections + MAX_CONNECTIONS; c++) {
        long deadline = atomic_load(&c->deadline);
        if (c->socket != NULL && deadline == 0) {
            (void)pthread_join(c->thread, NULL);
            BIO_free(c->socket);
            c->socket = NULL;
        } else if (c->socket != NULL && (stopping || deadline < seconds())) {
            (void)shutdown((int)BIO_get_fd(c->socket, NULL), SHUT_RDWR);
        }
        used += c->socket != NULL;
        *place = c->socket == NULL ? c : *place;
    }
    return used;
}

/* The thread may be using the SSL, but not even a blocked read survives this. */
static void
disconnect(void *user, const struct mtlspin_decision *decision)
{
    const struct connection *connection = user;
    (void)decision; /* the audit hook was told */
    (void)shutdown((int)BIO_get_fd(connection->socket, NULL), SHUT_RDWR);
}

static void
print_expiry(const char *what, int64_t last)
{
    char text[32] = "no";
    struct tm utc;
    if (last != INT64_MAX && gmtime_r(&(time_t){ (time_t)last }, &utc) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    (void)fprintf(stderr, "  %s next to expire: %s\n", what, text);
}

/* Decisions by reason and by domain, and what needs somebody's care before long. */
static void
print_statistics(void)
{
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    struct mtlspin_domain_stats domain = MTLSPIN_DOMAIN_STATS_INIT;
    if (mtlspin_verifier_stats(verifier, &stats, NULL) != MTLSPIN_OK)
        return;
    (void)fprintf(stderr, "generation %" PRIu64 ", %zu connected, %" PRIu64 " full handshakes and %" PRIu64 " resumed, %"
        PRIu64 " report-only\n", stats.generation, stats.enrolled, stats.full_handshakes, stats.resumed_handshakes,
        stats.report_only);
    for (int i = 0; i < MTLSPIN_STATS_REASONS; i++)
        if (stats.decisions[i] > 0)
            (void)fprintf(stderr, "  %s: %" PRIu64 "\n", mtlspin_reason_name((enum mtlspin_reason)i), stats.decisions[i]);
    for (size_t i = 0; mtlspin_verifier_domain_stats(verifier, i, &domain, NULL) == MTLSPIN_OK; i++)
        (void)fprintf(stderr, "  domain [%s]: %" PRIu64 " allowed, %" PRIu64 " refused\n", domain.name, domain.allowed,
            domain.refused);
    print_expiry("rule", stats.next_rule_expiry);
    print_expiry("CA", stats.next_ca_expiry);
    print_expiry("CRL", stats.next_crl_expiry);
}

/* What signals have asked for meanwhile. A mistake in the policy changes nothing: the hook logs it, and the policy before
   it stays in force. The sweep also finds whose certificate or rule has expired. */
static void
obey(void)
{
    if (reloading)
        (void)!mtlspin_verifier_reload(verifier, NULL);
    (void)mtlspin_verifier_sweep(verifier, disconnect);
    if (counting)
        print_statistics();
    reloading = counting = 0;
}

static void
accept_one(BIO *listener, struct connection *place)
{
    BIO *accepted = BIO_do_accept(listener) > 0 ? BIO_pop(listener) : NULL;
    if (accepted == NULL)
        (void)poll(NULL, 0, 100); /* out of descriptors, most likely: do not spin until one is free */
    if (accepted != NULL && place != NULL) {
        address_text(place->peer, BIO_get_peer_name(listener), BIO_get_peer_port(listener));
        atomic_store(&place->deadline, seconds() + HANDSHAKE_SECONDS);
        place->socket = accepted;
        if (pthread_create(&place->thread, NULL, run, place) == 0)
            return;
        place->socket = NULL;
    }
    BIO_free(accepted);
}

/* Signals come while it waits, and only then: so none is late, and the threads, which inherit what is blocked, get none. */
static void
accept_all(BIO *listener, const sigset_t *while_waiting)
{
    struct pollfd wanted = { .fd = (int)BIO_get_fd(listener, NULL), .events = POLLIN };
    static const struct timespec second = { 1, 0 }, moment = { 0, 10000000 };
    struct connection *place;
    while (look_after(&place) > 0 || !stopping) {
        obey();
        if (ppoll(&wanted, stopping ? 0 : 1, stopping ? &moment : &second, while_waiting) > 0)
            accept_one(listener, place);
    }
}

/* The first BIO_do_accept only binds; after that the BIO knows the port that the system has picked for 0. */
static BIO *
listen_on(const char *address)
{
    const char *port = strrchr(address, ':');
    BIO *listener = port != NULL && strtoul(port + 1, NULL, 10) <= 65535 ? BIO_new_accept(address) : NULL;
    if (listener != NULL && BIO_set_bind_mode(listener, BIO_BIND_REUSEADDR) > 0 && BIO_set_nbio_accept(listener, 1) > 0
        && BIO_do_accept(listener) > 0) {
        char text[ADDRESS_SIZE];
        address_text(text, BIO_get_accept_name(listener), BIO_get_accept_port(listener));
        (void)printf("listening on %s\n", text);
        (void)fflush(stdout);
        return listener;
    }
    const char *details = "";
    unsigned long error = ERR_peek_error_data(&details, NULL);
    const char *why = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : details;
    (void)fprintf(stderr, "server: cannot listen on %s: %s\n", address, why[0] != '\0' ? why : "not ADDRESS:PORT");
    BIO_free(listener);
    return NULL;
}

static bool
make_context(const char *const value[])
{
    char text[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(value[POLICY], &error);
    if (policy != NULL)
        verifier = mtlspin_verifier_new(policy, &error);
    mtlspin_policy_unref(policy);
    if (verifier != NULL && mtlspin_verifier_set_audit(verifier, audit, NULL, &error) == MTLSPIN_OK)
        context = mtlspin_server_context(value[CERT], value[KEY], verifier, &error);
    if (context != NULL && value[OPTIONAL] != NULL
        && mtlspin_verifier_attach_with(verifier, context, MTLSPIN_ATTACH_OPTIONAL, &error) != MTLSPIN_OK) {
        SSL_CTX_free(context);
        context = NULL;
    }
    if (context == NULL)
        (void)fprintf(stderr, "server: %s\n", mtlspin_error_format(&error, text, sizeof text));
    return context != NULL;
}

int
main(int argc, char **argv)
{
    static const char usage[] =
        "usage: server [--listen ADDRESS:PORT] [--cert FILE|URI] [--key FILE|URI] [--policy FILE] [--optional]\n"
        "Port 0 is any. With --optional, clients without a certificate get a public page; without it, nothing.\n"
        "SIGHUP reloads the policy, SIGUSR1 prints statistics.\n"
        "The defaults: --listen 127.0.0.1:8443 --cert build/certs/pki/server-chain.pem\n"
        "              --key build/certs/pki/server.key --policy build/examples/server.policy\n";
    static const struct option names[] = { { "listen", required_argument, NULL, LISTEN },
        { "cert", required_argument, NULL, CERT }, { "key", required_argument, NULL, KEY },
        { "policy", required_argument, NULL, POLICY }, { "optional", no_argument, NULL, OPTIONAL },
        { "help", no_argument, NULL, HELP }, { NULL, 0, NULL, 0 } };
    const char *value[] = { "127.0.0.1:8443", "build/certs/pki/server-chain.pem", "build/certs/pki/server.key",
        "build/examples/server.policy", NULL };
    int option = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) >= LISTEN && option <= OPTIONAL)
        value[option] = optarg != NULL ? optarg : ""; /* --optional has no value */
    if (option != -1 || optind < argc) {
        (void)fputs(usage, option == HELP ? stdout : stderr);
        return option == HELP ? 0 : 2;
    }
    const sigset_t while_waiting = take_signals();
    BIO *listener = make_context(value) ? listen_on(value[LISTEN]) : NULL;
    if (listener != NULL)
        accept_all(listener, &while_waiting);
    BIO_free(listener);
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
    return listener != NULL ? 0 : 1;
}
