/* One thread, many clients, and a policy that changes meanwhile: a template for servers around an event loop, built with
   `cc reload.c $(pkg-config --cflags --libs mtlspin)`. It greets each client by its name and then sends it lines, one every
   100 ms: as many as the path says (/50), for ever if that is no number. When the policy's files change, or on SIGHUP, it
   reloads them, and disconnects whom the policy refuses from then on; SIGUSR1 prints statistics. libmtlspin is at work in
   audit, admit, disconnect, reload, and make_context. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <errno.h>
#include <getopt.h>
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { HANDSHAKE_TICKS = 100, REQUEST_TICKS = 300, IDLE_TICKS = 600 }; /* how long a client may do nothing, in 100 ms */
enum { HEAD_SIZE = 4096, OUT_SIZE = 512, ADDRESS_SIZE = 80, EVENTS = 64 };
enum { LISTEN, CERT, KEY, POLICY, HELP }; /* the options */

enum stage { HANDSHAKE, REQUEST, ANSWER, GONE };

struct client {
    struct client *next;
    SSL *ssl;
    BIO *socket;
    struct mtlspin_enrolment *enrolment;
    enum stage stage;
    bool endless;
    unsigned long lines, sent; /* to send */
    long deadline;             /* in ticks */
    char head[HEAD_SIZE], out[OUT_SIZE];
    size_t head_length, out_length;
};

static SSL_CTX *context;
static struct mtlspin_verifier *verifier;
static struct client *clients;
static long ticks;
static int epoll = -1;

/* What epoll tells apart from clients, by address. */
static char from_listener, from_signals, from_timer, from_watch;

static void
audit(const struct mtlspin_event *event, void *user)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    (void)user;
    if (mtlspin_event_json(event, line, sizeof line) > 0)
        (void)fprintf(stderr, "%s\n", line);
}

static bool
listen_to(int operation, int fd, unsigned events, void *who)
{
    struct epoll_event event = { .events = events, .data = { .ptr = who } };
    return fd >= 0 && epoll_ctl(epoll, operation, fd, &event) == 0;
}

/* Whatever SSL_accept said, the policy is asked, since that also audits what OpenSSL refused by itself. */
static bool
admit(struct client *client, bool finished)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    if (mtlspin_check(verifier, client->ssl, &decision) != MTLSPIN_ALLOW || !finished)
        return false;
    client->enrolment = mtlspin_enrol(verifier, client->ssl, client, NULL);
    client->out_length = (size_t)snprintf(client->out, OUT_SIZE,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nhello, %s!\n",
        decision.label);
    client->stage = REQUEST;
    client->deadline = ticks + REQUEST_TICKS;
    return client->enrolment != NULL;
}

/* By the sweep: this client's connection is one that the policy refuses now. The loop closes it. */
static void
disconnect(void *user, const struct mtlspin_decision *decision)
{
    struct client *client = user;
    (void)decision; /* the audit hook was told */
    client->stage = GONE;
}

/* GET /NUMBER, with an empty line at the end of the request's head. */
static void
take_request(struct client *client)
{
    char *end = NULL;
    client->head[client->head_length] = '\0';
    if (strstr(client->head, "\r\n\r\n") == NULL)
        return;
    bool get = strncmp(client->head, "GET /", 5) == 0;
    client->lines = get ? strtoul(client->head + 5, &end, 10) : 0;
    client->endless = get && end == client->head + 5;
    client->stage = get ? ANSWER : GONE;
}

/* What is next for this client; the result as of SSL_read(3). */
static int
step(struct client *client)
{
    if (client->stage == HANDSHAKE)
        return SSL_accept(client->ssl);
    if (client->stage == REQUEST)
        return SSL_read(client->ssl, client->head + client->head_length, (int)(HEAD_SIZE - 1 - client->head_length));
    if (client->out_length > 0)
        return SSL_write(client->ssl, client->out, (int)client->out_length);
    return SSL_read(client->ssl, client->head, HEAD_SIZE); /* nothing is expected but the end */
}

static void
advance(struct client *client, int result)
{
    if (client->stage == HANDSHAKE) {
        client->stage = admit(client, true) ? REQUEST : GONE;
    } else if (client->stage == REQUEST) {
        client->head_length += (size_t)result;
        take_request(client);
        if (client->head_length == HEAD_SIZE - 1 && client->stage == REQUEST)
            client->stage = GONE;
    } else if (client->out_length > 0) {
        client->out_length = 0;
        client->deadline = ticks + IDLE_TICKS;
        if (!client->endless && client->sent == client->lines) {
            (void)SSL_shutdown(client->ssl);
            client->stage = GONE;
        }
    } else {
        client->stage = GONE; /* it talks out of turn */
    }
}

/* As far as it goes without waiting. */
static void
run(struct client *client)
{
    while (client->stage != GONE) {
        int result = step(client);
        int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(client->ssl, result);
        if (error == SSL_ERROR_NONE) {
            advance(client, result);
        } else if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
            unsigned events = error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
            (void)listen_to(EPOLL_CTL_MOD, SSL_get_fd(client->ssl), events, client);
            return;
        } else {
            if (client->stage == HANDSHAKE)
                (void)admit(client, false);
            client->stage = GONE;
        }
        ERR_clear_error();
    }
}

static void
release(struct client *client)
{
    mtlspin_withdraw(client->enrolment);
    SSL_free(client->ssl);
    BIO_free(client->socket); /* closes, and epoll forgets it */
    free(client);
}

static void
release_gone(void)
{
    for (struct client **at = &clients; *at != NULL;) {
        struct client *client = *at;
        if (client->stage != GONE && client->deadline >= ticks) {
            at = &client->next;
            continue;
        }
        *at = client->next;
        release(client);
    }
}

static void
accept_one(BIO *listener)
{
    char peer[ADDRESS_SIZE];
    if (BIO_do_accept(listener) <= 0)
        return;
    const char *host = BIO_get_peer_name(listener), *port = BIO_get_peer_port(listener);
    (void)snprintf(peer, sizeof peer, "%s:%s", host != NULL ? host : "?", port != NULL ? port : "?");
    struct client *client = calloc(1, sizeof *client);
    BIO *accepted = BIO_pop(listener);
    if (client == NULL) {
        BIO_free(accepted);
        return;
    }
    client->socket = accepted;
    client->deadline = ticks + HANDSHAKE_TICKS;
    client->next = clients;
    clients = client;
    client->ssl = SSL_new(context);
    int fd = (int)BIO_get_fd(accepted, NULL);
    if (client->ssl != NULL && BIO_socket_nbio(fd, 1) && SSL_set_fd(client->ssl, fd)
        && mtlspin_set_peer_address(client->ssl, peer, NULL) == MTLSPIN_OK && listen_to(EPOLL_CTL_ADD, fd, EPOLLIN, client))
        run(client);
    else
        client->stage = GONE;
}

/* A mistake in the policy changes nothing: the hook logs it, and the policy before it stays in force. */
static void
reload(void)
{
    if (mtlspin_verifier_reload(verifier, NULL) == MTLSPIN_OK)
        (void)mtlspin_verifier_sweep(verifier, disconnect);
}

/* Once a second the sweep also finds whose certificate or rule has expired; without either it costs next to nothing. */
static void
tick(int timer)
{
    uint64_t count = 0;
    if (read(timer, &count, sizeof count) != sizeof count)
        return;
    ticks++;
    if (ticks % 10 == 0)
        (void)mtlspin_verifier_sweep(verifier, disconnect);
    for (struct client *client = clients; client != NULL; client = client->next) {
        if (client->stage != ANSWER || client->out_length > 0)
            continue;
        client->out_length = (size_t)snprintf(client->out, OUT_SIZE, "line %lu\n", ++client->sent);
        run(client);
    }
}

static void
print_statistics(void)
{
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    if (mtlspin_verifier_stats(verifier, &stats, NULL) != MTLSPIN_OK)
        return;
    (void)fprintf(stderr, "generation %llu, %llu connected, %llu allowed by full handshakes and %llu by sessions\n",
        (unsigned long long)stats.generation, (unsigned long long)stats.enrolled, (unsigned long long)stats.full_handshakes,
        (unsigned long long)stats.resumed_handshakes);
    for (int i = 0; i < MTLSPIN_STATS_REASONS; i++)
        if (stats.decisions[i] > 0)
            (void)fprintf(stderr, "  %-20s %llu\n", mtlspin_reason_name((enum mtlspin_reason)i),
                (unsigned long long)stats.decisions[i]);
}

/* False if the program is to end. */
static bool
take_signal(int signals)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info)
        return true;
    if (info.ssi_signo == SIGHUP)
        reload();
    else if (info.ssi_signo == SIGUSR1)
        print_statistics();
    return info.ssi_signo == SIGHUP || info.ssi_signo == SIGUSR1;
}

static bool
dispatch(const struct epoll_event *event, BIO *listener, int signals, int timer)
{
    void *who = event->data.ptr;
    if (who == &from_signals)
        return take_signal(signals);
    if (who == &from_timer)
        tick(timer);
    else if (who == &from_listener)
        accept_one(listener);
    else if (who != &from_watch)
        run(who);
    else if (mtlspin_verifier_watch_due(verifier, NULL) == 1)
        reload();
    return true;
}

static bool
serve(BIO *listener)
{
    struct epoll_event events[EVENTS];
    struct itimerspec every = { .it_interval = { 0, 100000000 }, .it_value = { 0, 100000000 } };
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < 4; i++)
        (void)sigaddset(&set, (const int[]){ SIGHUP, SIGUSR1, SIGINT, SIGTERM }[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    int watch = mtlspin_verifier_watch_fd(verifier, &error);
    if (watch < 0)
        (void)fprintf(stderr, "reload: %s\n", error.message);
    bool going = timer >= 0 && timerfd_settime(timer, 0, &every, NULL) == 0
        && listen_to(EPOLL_CTL_ADD, signals, EPOLLIN, &from_signals)
        && listen_to(EPOLL_CTL_ADD, timer, EPOLLIN, &from_timer)
        && listen_to(EPOLL_CTL_ADD, (int)BIO_get_fd(listener, NULL), EPOLLIN, &from_listener)
        && listen_to(EPOLL_CTL_ADD, watch, EPOLLIN, &from_watch);
    bool started = going;
    while (going) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count && going; i++)
            going = dispatch(&events[i], listener, signals, timer);
        release_gone(); /* only here: later events of this round may be about them */
    }
    while (clients != NULL) {
        struct client *client = clients;
        clients = client->next;
        release(client);
    }
    (void)close(epoll);
    (void)close(timer);
    (void)close(signals);
    return started;
}

/* The first BIO_do_accept only binds; after that the BIO knows the port that the system has picked for 0. */
static BIO *
listen_on(const char *address)
{
    BIO *listener = BIO_new_accept(address);
    if (listener != NULL && BIO_set_bind_mode(listener, BIO_BIND_REUSEADDR) > 0 && BIO_set_nbio_accept(listener, 1) > 0
        && BIO_do_accept(listener) > 0) {
        (void)printf("listening on %s:%s\n", BIO_get_accept_name(listener), BIO_get_accept_port(listener));
        (void)fflush(stdout);
        return listener;
    }
    (void)fprintf(stderr, "reload: cannot listen on %s\n", address);
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
    mtlspin_policy_unref(policy); /* the verifier has its own reference, and later another policy */
    if (verifier != NULL && mtlspin_verifier_set_audit(verifier, audit, NULL, &error) == MTLSPIN_OK)
        context = mtlspin_server_context(value[CERT], value[KEY], verifier, &error);
    if (context == NULL)
        (void)fprintf(stderr, "reload: %s\n", mtlspin_error_format(&error, text, sizeof text));
    return context != NULL;
}

int
main(int argc, char **argv)
{
    static const char usage[] =
        "usage: reload [--listen ADDRESS:PORT] [--cert FILE|URI] [--key FILE|URI] [--policy FILE]\n"
        "Port 0 is any. SIGHUP and changed files reload the policy, SIGUSR1 prints statistics.\n"
        "The defaults: --listen 127.0.0.1:8443 --cert build/certs/pki/server-chain.pem\n"
        "              --key build/certs/pki/server.key --policy build/examples/server.policy\n";
    static const struct option names[] = { { "listen", required_argument, NULL, LISTEN },
        { "cert", required_argument, NULL, CERT }, { "key", required_argument, NULL, KEY },
        { "policy", required_argument, NULL, POLICY }, { "help", no_argument, NULL, HELP }, { NULL, 0, NULL, 0 } };
    const char *value[] = { "127.0.0.1:8443", "build/certs/pki/server-chain.pem", "build/certs/pki/server.key",
        "build/examples/server.policy" };
    int option = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) >= LISTEN && option <= POLICY)
        value[option] = optarg;
    if (option != -1 || optind < argc) {
        (void)fputs(usage, option == HELP ? stdout : stderr);
        return option == HELP ? 0 : 2;
    }
    (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    BIO *listener = make_context(value) ? listen_on(value[LISTEN]) : NULL;
    bool served = listener != NULL && serve(listener);
    BIO_free(listener);
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
    return served ? 0 : 1;
}
