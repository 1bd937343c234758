/* A stream of lines, no HTTP: what one client says, all the others get, with its name by the policy in front. A template
   for servers that hold many connections in one thread: no call blocks, and poll(2) says who is to be served, so that a
   slow or silent client holds up nobody. SIGHUP reloads the policy and disconnects whom it refuses from then on; SIGUSR1
   prints statistics. Built with `cc stream-server.c $(pkg-config --cflags --libs mtlspin)`. libmtlspin is at work in audit,
   end, disconnect, ready, relay, new_client, print_statistics, obey and make_context. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <getopt.h>
#include <inttypes.h>
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { HANDSHAKE_SECONDS = 10, GOODBYE_SECONDS = 1, MAX_CLIENTS = 256 }; /* one client more is disconnected at once */
enum { LINE_SIZE = 4096, QUEUE_SIZE = 1 << 18, ADDRESS_SIZE = 80 };      /* who exceeds one of the first two must go */
enum { LISTEN, CERT, KEY, POLICY, HELP };                                /* the options */

struct client {
    SSL *ssl;
    struct mtlspin_enrolment *enrolment;
    enum { HANDSHAKE, TALK, GOODBYE } stage;
    long deadline; /* of the first and the last, by the monotonic clock */
    short event;   /* what SSL_accept or SSL_read waits for; SSL_write waits while something is queued */
    size_t length, queued;
    char line[LINE_SIZE];   /* what has arrived of it, `length` bytes */
    char queue[QUEUE_SIZE]; /* what the client has not taken yet, `queued` bytes */
};

static SSL_CTX *context;
static struct mtlspin_verifier *verifier;
static struct client *clients[MAX_CLIENTS];
static size_t count; /* of them */
static volatile sig_atomic_t stopping, reloading, counting;

static void
take_signal(int number)
{
    *(number == SIGHUP ? &reloading : number == SIGUSR1 ? &counting : &stopping) = 1;
}

static long
seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec;
}

static void
audit(const struct mtlspin_event *event, void *user)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    (void)user;
    if (mtlspin_event_json(event, line, sizeof line) > 0)
        (void)fprintf(stderr, "%s\n", line);
}

/* `sound`: the client's connection has not failed. A socket that is closed with unread bytes in it is reset, and then our
   last words, an alert perhaps, may be lost: so what the client still sends is read, and thrown away. */
static void
end(struct client *c, bool sound)
{
    mtlspin_withdraw(c->enrolment);
    c->enrolment = NULL;
    if (sound)
        (void)SSL_shutdown(c->ssl);
    (void)shutdown(SSL_get_fd(c->ssl), SHUT_WR);
    c->stage = GOODBYE;
    c->deadline = seconds() + GOODBYE_SECONDS;
    c->event = POLLIN;
    c->queued = 0;
}

/* The policy refuses this client now. No thread but this one uses the SSL: so its connection can be ended in good order. */
static void
disconnect(void *user, const struct mtlspin_decision *decision)
{
    (void)decision; /* the audit hook was told */
    end(user, true);
}

/* The event that libssl waits for, or 0: the connection has ended. */
static short
wait_event(const struct client *c, int result)
{
    int error = SSL_get_error(c->ssl, result);
    return (short)(error == SSL_ERROR_WANT_READ ? POLLIN : error == SSL_ERROR_WANT_WRITE ? POLLOUT : 0);
}

/* Whether the client may talk and be talked to, now. The policy is asked when the handshake is finished or has failed, and
   then before anything is read or sent; the sweep is for those who are silent. After the handshake SSL_accept returns 1 at
   once, unless TLS 1.3 is about to change its keys: then it goes on with that. */
static bool
ready(struct client *c)
{
    ERR_clear_error();
    int result = SSL_accept(c->ssl);
    c->event = result == 1 ? POLLIN : wait_event(c, result);
    if (result != 1 && c->event != 0)
        return false;
    bool allowed = mtlspin_check(verifier, c->ssl, NULL) == MTLSPIN_ALLOW;
    if (allowed && c->enrolment == NULL)
        allowed = (c->enrolment = mtlspin_enrol(verifier, c->ssl, c, NULL)) != NULL;
    if (allowed)
        c->stage = TALK;
    else
        end(c, result == 1);
    return allowed;
}

/* Sends as much of the queue as the socket takes. */
static void
flush(struct client *c)
{
    for (int sent; c->queued > 0; c->queued -= (size_t)sent) {
        ERR_clear_error();
        sent = SSL_write(c->ssl, c->queue, (int)c->queued);
        if (sent <= 0 && wait_event(c, sent) == 0)
            end(c, false);
        if (sent <= 0)
            return;
        memmove(c->queue, c->queue + sent, c->queued - (size_t)sent);
    }
}

/* A client that takes nothing, though others have much to say, has to go. */
static void
enqueue(struct client *c, const char *text, size_t length)
{
    if (c->queued + length > QUEUE_SIZE && ready(c))
        flush(c);
    if (c->stage == TALK && c->queued + length > QUEUE_SIZE)
        end(c, true);
    if (c->stage != TALK)
        return;
    memcpy(c->queue + c->queued, text, length);
    c->queued += length;
}

/* What a terminal might obey becomes '?': C0 and DEL, and in UTF-8 C1. */
static void
make_harmless(char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)line[i], next = i + 1 < length ? (unsigned char)line[i + 1] : 0;
        if (byte == 0xc2 && next >= 0x80 && next <= 0x9f)
            line[i] = line[i + 1] = '?';
        else if (byte < 0x20 || byte == 0x7f)
            line[i] = '?';
    }
}

/* One line, which nobody gets without MTLSPIN_ALLOW for its sender. */
static void
relay(struct client *from)
{
    char text[MTLSPIN_LABEL_SIZE + LINE_SIZE + 4];
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    if (mtlspin_check(verifier, from->ssl, &decision) != MTLSPIN_ALLOW) {
        end(from, true);
        return;
    }
    if (from->length > 0 && from->line[from->length - 1] == '\r')
        from->length--;
    make_harmless(from->line, from->length);
    int length = snprintf(text, sizeof text, "%s: %.*s\n", decision.label[0] != '\0' ? decision.label : "?",
        (int)from->length, from->line);
    from->length = 0;
    for (size_t i = 0; i < count; i++)
        if (clients[i] != from && clients[i]->stage == TALK)
            enqueue(clients[i], text, (size_t)length);
}

/* One record: then others have their turn. It is taken whole, since poll does not see what is left within the SSL. */
static void
hear(struct client *c)
{
    char record[SSL3_RT_MAX_PLAIN_LENGTH];
    ERR_clear_error();
    int length = SSL_read(c->ssl, record, sizeof record);
    for (int i = 0; i < length && c->stage == TALK; i++) {
        if (record[i] == '\n')
            relay(c);
        else if (c->length < LINE_SIZE)
            c->line[c->length++] = record[i];
        else
            end(c, true);
    }
    c->event = length > 0 ? POLLIN : wait_event(c, length);
    if (c->event != 0)
        return;
    bool sound = SSL_get_error(c->ssl, length) == SSL_ERROR_ZERO_RETURN;
    if (sound && c->length > 0)
        relay(c); /* an end that the client announces is also the end of its line; one that just happens is not */
    if (sound && c->stage == TALK)
        flush(c);
    if (c->stage == TALK)
        end(c, sound);
}

/* A round of one client; `event` says that its socket is ready. Returns false when the client is done with. */
static bool
serve(struct client *c, bool event)
{
    char rest[1024];
    bool late = c->stage != TALK && c->deadline < seconds();
    if (c->stage == GOODBYE)
        return !late && (!event || recv(SSL_get_fd(c->ssl), rest, sizeof rest, 0) > 0);
    if (c->stage == HANDSHAKE && (late || stopping))
        (void)shutdown(SSL_get_fd(c->ssl), SHUT_RDWR); /* SSL_accept will fail, and the policy will be asked */
    else if (!event && !stopping && (c->stage == HANDSHAKE || c->queued == 0))
        return true;
    bool go = ready(c);
    if (go && event)
        hear(c);
    if (go && c->stage == TALK)
        flush(c);
    if (c->stage == TALK && stopping)
        end(c, true);
    return true;
}

static void
address_text(char text[ADDRESS_SIZE], const char *host, const char *port)
{
    const char *form = host != NULL && strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s";
    (void)snprintf(text, ADDRESS_SIZE, form, host != NULL ? host : "?", port != NULL ? port : "?");
}

/* Takes the socket, or returns NULL. A peer that has vanished without a word is found by TCP's keep-alive. */
static struct client *
new_client(BIO *socket, const char *peer)
{
    int fd = (int)BIO_get_fd(socket, NULL);
    struct client *c = calloc(1, sizeof *c);
    SSL *ssl = c != NULL ? SSL_new(context) : NULL;
    if (ssl == NULL || setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int)) != 0
        || mtlspin_set_peer_address(ssl, peer, NULL) != MTLSPIN_OK) {
        SSL_free(ssl);
        free(c);
        return NULL;
    }
    SSL_set_bio(ssl, socket, socket);
    c->ssl = ssl;
    c->deadline = seconds() + HANDSHAKE_SECONDS;
    c->event = POLLIN;
    return c;
}

/* Returns false if nobody can be accepted, most likely for want of a descriptor. */
static bool
accept_one(BIO *listener)
{
    char peer[ADDRESS_SIZE];
    BIO *accepted = BIO_do_accept(listener) > 0 ? BIO_pop(listener) : NULL;
    if (accepted == NULL)
        return BIO_should_retry(listener);
    address_text(peer, BIO_get_peer_name(listener), BIO_get_peer_port(listener));
    struct client *c = count < MAX_CLIENTS ? new_client(accepted, peer) : NULL;
    if (c != NULL)
        clients[count++] = c;
    else
        BIO_free(accepted);
    return true;
}

static void
print_statistics(void)
{
    struct mtlspin_stats stats = MTLSPIN_STATS_INIT;
    (void)mtlspin_verifier_stats(verifier, &stats, NULL);
    (void)fprintf(stderr, "generation %" PRIu64 ", %zu connected, %" PRIu64 " full handshakes and %" PRIu64 " resumed\n",
        stats.generation, stats.enrolled, stats.full_handshakes, stats.resumed_handshakes);
    for (int i = 0; i < MTLSPIN_STATS_REASONS; i++)
        if (stats.decisions[i] > 0)
            (void)fprintf(stderr, "  %s: %" PRIu64 "\n", mtlspin_reason_name((enum mtlspin_reason)i), stats.decisions[i]);
}

/* What signals have asked for. A mistake in the policy changes nothing: the hook logs it. */
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

/* A listener that cannot accept is left alone for a moment, so that poll does not spin. A client that is done with gives
   its place to the last one, which has been served by then. */
static void
run(BIO *listener, const sigset_t *while_waiting)
{
    for (long pause = -1; count > 0 || !stopping;) {
        bool open = !stopping && seconds() != pause;
        struct pollfd wanted[MAX_CLIENTS + 1] = { { open ? (int)BIO_get_fd(listener, NULL) : -1, POLLIN, 0 } };
        for (size_t i = 0; i < count; i++) {
            int events = clients[i]->event | (clients[i]->queued > 0 ? POLLOUT : 0);
            wanted[i + 1] = (struct pollfd){ SSL_get_fd(clients[i]->ssl), (short)events, 0 };
        }
        (void)ppoll(wanted, count + 1, &(struct timespec){ .tv_sec = 1 }, while_waiting);
        obey();
        if (wanted[0].revents != 0 && !accept_one(listener))
            pause = seconds();
        for (size_t i = count; i-- > 0;) {
            if (serve(clients[i], wanted[i + 1].revents != 0))
                continue;
            SSL_free(clients[i]->ssl);
            free(clients[i]);
            clients[i] = clients[--count];
        }
    }
}

/* The first BIO_do_accept only binds; after that the BIO knows the port that the system has picked for 0. */
static BIO *
listen_on(const char *address)
{
    const char *port = strrchr(address, ':');
    BIO *listener = port != NULL && strtoul(port + 1, NULL, 10) <= 65535 ? BIO_new_accept(address) : NULL;
    if (listener != NULL && BIO_set_bind_mode(listener, BIO_BIND_REUSEADDR) > 0 && BIO_set_nbio_accept(listener, 1) > 0
        && BIO_set_nbio(listener, 1) > 0 && BIO_do_accept(listener) > 0) {
        char text[ADDRESS_SIZE];
        address_text(text, BIO_get_accept_name(listener), BIO_get_accept_port(listener));
        (void)printf("listening on %s\n", text);
        (void)fflush(stdout);
        return listener;
    }
    const char *details = "";
    unsigned long error = ERR_peek_error_data(&details, NULL);
    const char *why = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : details;
    (void)fprintf(stderr, "stream-server: cannot listen on %s: %s\n", address, why[0] != '\0' ? why : "not ADDRESS:PORT");
    BIO_free(listener);
    return NULL;
}

/* What is left of a queue may have moved when it is sent, and no call goes on to the next record by itself. */
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
    if (context == NULL) {
        (void)fprintf(stderr, "stream-server: %s\n", mtlspin_error_format(&error, text, sizeof text));
        return false;
    }
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    return true;
}

int
main(int argc, char **argv)
{
    static const char usage[] =
        "usage: stream-server [--listen ADDRESS:PORT] [--cert FILE|URI] [--key FILE|URI] [--policy FILE]\n"
        "Port 0 is any. The defaults are 127.0.0.1:8444 and the files of a build in build/.\n";
    static const struct option names[] = { { "listen", required_argument, NULL, LISTEN },
        { "cert", required_argument, NULL, CERT }, { "key", required_argument, NULL, KEY },
        { "policy", required_argument, NULL, POLICY }, { "help", no_argument, NULL, HELP }, { NULL, 0, NULL, 0 } };
    const char *value[] = { "127.0.0.1:8444", "build/certs/pki/server-chain.pem", "build/certs/pki/server.key",
        "build/examples/server.policy" };
    int option = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) >= LISTEN && option <= POLICY)
        value[option] = optarg;
    if (option != -1 || optind < argc) {
        (void)fputs(usage, option == HELP ? stdout : stderr);
        return option == HELP ? 0 : 2;
    }
    (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    sigset_t blocked, while_waiting; /* signals come while the loop waits, and only then */
    (void)sigemptyset(&blocked);
    for (const int *number = (const int[]){ SIGHUP, SIGUSR1, SIGINT, SIGTERM, 0 }; *number != 0; number++) {
        (void)sigaction(*number, &(struct sigaction){ .sa_handler = take_signal }, NULL);
        (void)sigaddset(&blocked, *number);
    }
    (void)sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    BIO *listener = make_context(value) ? listen_on(value[LISTEN]) : NULL;
    if (listener != NULL)
        run(listener, &while_waiting);
    BIO_free(listener);
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
    return listener != NULL ? 0 : 1;
}
