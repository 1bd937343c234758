/* One thread, many clients, and a policy that changes meanwhile: a template for servers around an event loop, built with
   `cc -pthread reload.c $(pkg-config --cflags --libs mtlspin)`. It greets each client by its name, then sends it lines, one
   every 100 ms: as many as the path says (/50), for ever if that is no number. If the policy's files change, or at SIGHUP,
   a second thread reloads them, and whom the policy then refuses is disconnected; SIGUSR1 prints statistics. libmtlspin is
   at work in audit, end, disconnect, admit, load, tick, print_statistics and make_context. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
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

enum { HANDSHAKE_TICKS = 100, REQUEST_TICKS = 300, IDLE_TICKS = 600, GOODBYE_TICKS = 10 }; /* at most so long, in 100 ms */
enum { HEAD_SIZE = 4096, OUT_SIZE = 512, ADDRESS_SIZE = 80, EVENTS = 64 };
enum { LISTEN, CERT, KEY, POLICY, HELP }; /* the options */

struct client {
    struct client *next;
    SSL *ssl;
    struct mtlspin_enrolment *enrolment;
    enum { HANDSHAKE, REQUEST, ANSWER, GOODBYE, GONE } stage;
    unsigned long lines, sent;
    long deadline; /* in ticks */
    char head[HEAD_SIZE], out[OUT_SIZE];
    size_t head_length, out_length;
};

static SSL_CTX *context;
static struct mtlspin_verifier *verifier;
static struct client *clients;
static bool some_gone;
static long ticks;
static int epoll = -1, watch = -1, requests[2] = { -1, -1 };
static char from_listener, from_signals, from_timer; /* what epoll tells apart from clients, by address */

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

/* `sound`: the client's connection has not failed. A socket that is closed with unread bytes in it is reset, and then our
   last words, an alert perhaps, may be lost: so what the client still sends is read, and thrown away. */
static void
end(struct client *client, bool sound)
{
    mtlspin_withdraw(client->enrolment);
    client->enrolment = NULL;
    if (sound)
        (void)SSL_shutdown(client->ssl);
    ERR_clear_error();
    (void)shutdown(SSL_get_fd(client->ssl), SHUT_WR);
    client->stage = GOODBYE;
    client->deadline = ticks + GOODBYE_TICKS;
    (void)listen_to(EPOLL_CTL_MOD, SSL_get_fd(client->ssl), EPOLLIN, client);
}

/* The policy refuses this client now. No thread but this one uses the SSL: so its connection can be ended in good order. */
static void
disconnect(void *user, const struct mtlspin_decision *decision)
{
    (void)decision; /* the audit hook was told */
    end(user, true);
}

/* Whatever SSL_accept said, the policy is asked: that also audits what OpenSSL refused by itself. Later the sweep asks. */
static void
admit(struct client *client, bool finished)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    if (mtlspin_check(verifier, client->ssl, &decision) == MTLSPIN_ALLOW && finished)
        client->enrolment = mtlspin_enrol(verifier, client->ssl, client, NULL);
    if (client->enrolment == NULL) {
        end(client, finished);
        return;
    }
    client->out_length = (size_t)snprintf(client->out, OUT_SIZE,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nhello, %s!\n",
        decision.label);
    client->stage = REQUEST;
    client->deadline = ticks + REQUEST_TICKS;
}

/* GET /NUMBER, with an empty line at the end of the request's head. */
static void
take_request(struct client *client, int length)
{
    client->head_length += (size_t)length;
    client->head[client->head_length] = '\0';
    const char *path = client->head + strlen("GET /");
    bool whole = memmem(client->head, client->head_length, "\r\n\r\n", 4) != NULL;
    if (whole && strncmp(client->head, "GET /", strlen("GET /")) == 0) {
        client->lines = *path >= '0' && *path <= '9' ? strtoul(path, NULL, 10) : ~0UL;
        client->stage = ANSWER;
    } else if (whole || client->head_length == HEAD_SIZE - 1) {
        end(client, true);
    }
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
    bool sent = client->stage == ANSWER && client->out_length > 0;
    if (client->stage == HANDSHAKE)
        admit(client, true);
    else if (client->stage == REQUEST)
        take_request(client, result);
    else if (!sent || client->sent == client->lines)
        end(client, true); /* it talks out of turn, or has got what it wanted */
    else
        client->deadline = ticks + IDLE_TICKS;
    if (sent)
        client->out_length = 0;
}

/* As far as it goes without waiting. */
static void
run(struct client *client)
{
    while (client->stage < GOODBYE) {
        ERR_clear_error();
        int result = step(client);
        int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(client->ssl, result);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
            unsigned events = error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
            (void)listen_to(EPOLL_CTL_MOD, SSL_get_fd(client->ssl), events, client);
            return;
        }
        if (error == SSL_ERROR_NONE)
            advance(client, result);
        else if (client->stage == HANDSHAKE)
            admit(client, false);
        else
            end(client, error == SSL_ERROR_ZERO_RETURN);
    }
    ssize_t length = client->stage == GOODBYE ? recv(SSL_get_fd(client->ssl), client->head, HEAD_SIZE, 0) : 0;
    if (length == 0 || (length < 0 && errno != EAGAIN))
        client->stage = GONE;
    some_gone = some_gone || client->stage == GONE;
}

static void
release(bool all)
{
    for (struct client **at = &clients; (all || some_gone) && *at != NULL;) {
        struct client *client = *at;
        if (all && client->stage < GOODBYE)
            end(client, true);
        if (!all && client->stage != GONE) {
            at = &client->next;
            continue;
        }
        *at = client->next;
        SSL_free(client->ssl); /* closes the socket, and epoll forgets it */
        free(client);
    }
    some_gone = false;
}

static void
add_client(BIO *socket, const char *host, const char *port)
{
    char peer[ADDRESS_SIZE];
    (void)snprintf(peer, sizeof peer, "%s:%s", host != NULL ? host : "?", port != NULL ? port : "?");
    struct client *client = calloc(1, sizeof *client);
    SSL *ssl = client != NULL ? SSL_new(context) : NULL;
    if (ssl == NULL || mtlspin_set_peer_address(ssl, peer, NULL) != MTLSPIN_OK
        || !listen_to(EPOLL_CTL_ADD, (int)BIO_get_fd(socket, NULL), EPOLLIN, client)) {
        SSL_free(ssl);
        free(client);
        BIO_free(socket);
        return;
    }
    SSL_set_bio(ssl, socket, socket);
    *client = (struct client){ .next = clients, .ssl = ssl, .deadline = ticks + HANDSHAKE_TICKS };
    clients = client;
}

/* A listener that cannot accept, most likely for want of a descriptor, is left alone until the next tick. */
static void
accept_one(BIO *listener)
{
    if (BIO_do_accept(listener) > 0)
        add_client(BIO_pop(listener), BIO_get_peer_name(listener), BIO_get_peer_port(listener));
    else if (!BIO_should_retry(listener))
        (void)listen_to(EPOLL_CTL_MOD, (int)BIO_get_fd(listener, NULL), 0, &from_listener);
}

/* The second thread: a long policy takes its time, and the loop must not wait. A mistake in the policy changes nothing: the
   hook logs it, and the policy before it stays in force. */
static void *
load(void *unused)
{
    struct pollfd fds[] = { { .fd = requests[0], .events = POLLIN }, { .fd = watch, .events = POLLIN } };
    char some[64];
    while (poll(fds, 2, -1) > 0 && (fds[0].revents == 0 || read(requests[0], some, sizeof some) > 0))
        if (fds[0].revents != 0 || mtlspin_verifier_watch_due(verifier, NULL) == 1)
            (void)!mtlspin_verifier_reload(verifier, NULL);
    return unused;
}

static void
take_time(struct client *client)
{
    if (client->stage == ANSWER && client->out_length == 0) {
        client->out_length = (size_t)snprintf(client->out, OUT_SIZE, "line %lu\n", ++client->sent);
        run(client);
    }
    if (client->deadline < ticks && (client->stage == REQUEST || client->stage == ANSWER))
        end(client, true);
    else if (client->deadline < ticks)
        (void)shutdown(SSL_get_fd(client->ssl), SHUT_RDWR); /* run will see that; a handshake fails, and is audited */
}

/* The sweep finds whom a new policy refuses, and whose certificate or rule has expired; mostly it has nothing to do. */
static void
tick(int timer, BIO *listener)
{
    uint64_t missed = 0;
    ticks += read(timer, &missed, sizeof missed) == sizeof missed;
    (void)mtlspin_verifier_sweep(verifier, disconnect);
    (void)listen_to(EPOLL_CTL_MOD, (int)BIO_get_fd(listener, NULL), EPOLLIN, &from_listener);
    for (struct client *client = clients; client != NULL; client = client->next)
        take_time(client);
}

static void
print_statistics(void)
{
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    if (mtlspin_verifier_stats(verifier, &stats, NULL) != MTLSPIN_OK)
        return;
    (void)fprintf(stderr, "generation %" PRIu64 ", %zu connected, %" PRIu64 " full handshakes and %" PRIu64 " resumed\n",
        stats.generation, stats.enrolled, stats.full_handshakes, stats.resumed_handshakes);
    for (int i = 0; i < MTLSPIN_STATS_REASONS; i++)
        if (stats.decisions[i] > 0)
            (void)fprintf(stderr, "  %s: %" PRIu64 "\n", mtlspin_reason_name((enum mtlspin_reason)i), stats.decisions[i]);
}

/* False if the program is to end. */
static bool
take_signal(int signals)
{
    struct signalfd_siginfo info = { 0 };
    (void)!read(signals, &info, sizeof info);
    if (info.ssi_signo == SIGHUP)
        (void)!write(requests[1], "", 1);
    else if (info.ssi_signo == SIGUSR1)
        print_statistics();
    return info.ssi_signo != SIGINT && info.ssi_signo != SIGTERM;
}

static bool
dispatch(const struct epoll_event *event, BIO *listener, int signals, int timer)
{
    void *who = event->data.ptr;
    if (who == &from_signals)
        return take_signal(signals);
    if (who == &from_timer)
        tick(timer, listener);
    else if (who == &from_listener)
        accept_one(listener);
    else
        run(who);
    return true;
}

/* The signals are taken by the loop, one at a time, and not between any two instructions. */
static int
signals_fd(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    for (const int *number = (const int[]){ SIGHUP, SIGUSR1, SIGINT, SIGTERM, 0 }; *number != 0; number++)
        (void)sigaddset(&set, *number);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static bool
serve(BIO *listener, int signals)
{
    static const struct itimerspec every = { .it_interval = { 0, 100000000 }, .it_value = { 0, 100000000 } };
    struct epoll_event events[EVENTS];
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    bool started = timerfd_settime(timer, 0, &every, NULL) == 0 && listen_to(EPOLL_CTL_ADD, timer, EPOLLIN, &from_timer)
        && listen_to(EPOLL_CTL_ADD, signals, EPOLLIN, &from_signals)
        && listen_to(EPOLL_CTL_ADD, (int)BIO_get_fd(listener, NULL), EPOLLIN, &from_listener);
    for (bool going = started; going;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count && going; i++)
            going = dispatch(&events[i], listener, signals, timer);
        release(false); /* only here: later events of this round may be about them */
    }
    release(true);
    return started;
}

/* The first BIO_do_accept only binds; after that the BIO knows the port that the system has picked for 0. */
static BIO *
listen_on(const char *address)
{
    BIO *listener = BIO_new_accept(address);
    if (listener != NULL && BIO_set_bind_mode(listener, BIO_BIND_REUSEADDR) > 0 && BIO_set_nbio_accept(listener, 1) > 0
        && BIO_set_nbio(listener, 1) > 0 && BIO_do_accept(listener) > 0) {
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
    if (verifier != NULL && mtlspin_verifier_set_audit(verifier, audit, NULL, &error) == MTLSPIN_OK
        && (watch = mtlspin_verifier_watch_fd(verifier, &error)) >= 0)
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
        "The defaults are 127.0.0.1:8443 and a build's files in build/. SIGHUP reloads, SIGUSR1 prints statistics.\n";
    static const struct option names[] = { { "help", 0, NULL, HELP }, { "listen", 1, NULL, LISTEN },
        { "cert", 1, NULL, CERT }, { "key", 1, NULL, KEY }, { "policy", 1, NULL, POLICY }, { NULL, 0, NULL, 0 } };
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
    int signals = signals_fd();
    BIO *listener = make_context(value) ? listen_on(value[LISTEN]) : NULL;
    pthread_t loader; /* begins when the signals, which belong to the loop, are blocked */
    bool served = listener != NULL && pipe(requests) == 0 && pthread_create(&loader, NULL, load, NULL) == 0;
    if (served) {
        served = serve(listener, signals);
        (void)close(requests[1]); /* the loader ends */
        (void)pthread_join(loader, NULL);
    }
    BIO_free(listener);
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
    return served ? 0 : 1;
}
