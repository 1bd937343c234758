/* Clients for any TLS server that asks for a certificate and answers `GET /0 HTTP/1.0`: beside.py runs the same ones against
   libmtlspin's example and against what else there is.

     bench-beside-load PORT PKI NAME rate FLIGHT SECONDS       as many handshakes as the server can do, FLIGHT at once
     bench-beside-load PORT PKI NAME steady EACH_SECOND        begins them at a steady rate, until standard input ends
     bench-beside-load PORT PKI NAME until accepted|refused SECONDS       one after another, until one ends so

   PKI/NAME-chain.pem is the client's certificate; all goes to 127.0.0.1. Each handshake is a full one of TLS 1.3. What the
   server thinks of the certificate is known only from what it says afterwards: `accepted` is an answer with status 200,
   `refused` one with another status, or a TLS alert; `unreachable` is a connection that was refused, `broken` one that ended
   without an answer, `silent` one without an answer in time. Prints these numbers, how many tickets came, how long it all
   took, the median, the 99th percentile and the worst of the milliseconds to an answer (from when the client ought to have
   begun), and the monotonic clock at the last answer. */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 4096, EVENTS = 64, ANSWER_SIZE = 4096, LATENCIES = 1 << 20 };
enum outcome { OPEN, ACCEPTED, REFUSED, UNREACHABLE, BROKEN, SILENT, OUTCOMES };

static const double patience = 10, while_down = 0.002, pause_between = 0.02; /* seconds */
static const char request[] = "GET /0 HTTP/1.0\r\n\r\n";
static const char *const outcome_names[OUTCOMES] = { "open", "accepted", "refused", "unreachable", "broken", "silent" };

/* One client: SSL_connect, SSL_write of the request, SSL_read of the answer and of the end. */
struct client {
    SSL *ssl; /* NULL: free */
    double due;
    bool connected, asked;
    enum outcome outcome; /* OPEN: no answer yet */
};

static struct client clients[SLOTS];
static size_t busy;
static SSL_CTX *context;
static struct sockaddr_in server = { .sin_family = AF_INET };
static int epoll = -1;
static size_t counts[OUTCOMES], tickets, latency_count;
static double latencies[LATENCIES], last_answer;

_Noreturn static void
die(const char *what)
{
    (void)fprintf(stderr, "bench-beside-load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static double
now(void)
{
    struct timespec time = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int
count_ticket(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl, (void)session;
    tickets++;
    return 0;
}

/* What the client thinks of the server is not measured, and would cost this program as much as it costs the server. */
static int
trust(X509_STORE_CTX *chain, void *user)
{
    (void)chain, (void)user;
    return 1;
}

static void
make_context(const char *pki, const char *name)
{
    char chain[4096], key[4096];
    (void)snprintf(chain, sizeof chain, "%s/%s-chain.pem", pki, name);
    (void)snprintf(key, sizeof key, "%s/%s.key", pki, name);
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1
        || SSL_CTX_use_certificate_chain_file(context, chain) != 1
        || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die(chain);
    SSL_CTX_set_cert_verify_callback(context, trust, NULL);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, count_ticket);
}

static void
settle(struct client *client, enum outcome outcome)
{
    if (client->outcome != OPEN)
        return;
    client->outcome = outcome;
    counts[outcome]++;
    last_answer = now();
    if (latency_count < LATENCIES)
        latencies[latency_count++] = (last_answer - client->due) * 1e3;
}

static void
end(struct client *client)
{
    int fd = SSL_get_fd(client->ssl);
    SSL_free(client->ssl);
    (void)close(fd);
    client->ssl = NULL;
    busy--;
}

/* The result as of SSL_read(3). */
static int
step(struct client *client)
{
    char answer[ANSWER_SIZE] = "";
    if (!client->connected) {
        int result = SSL_connect(client->ssl);
        client->connected = result == 1;
        return result;
    }
    if (!client->asked) {
        int result = SSL_write(client->ssl, request, sizeof request - 1);
        client->asked = result > 0;
        return result;
    }
    int length = SSL_read(client->ssl, answer, sizeof answer - 1);
    if (length > 0) /* all of them send the head as one record */
        settle(client, strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 8, " 200", 4) == 0 ? ACCEPTED : REFUSED);
    return length;
}

static enum outcome
failure(const struct client *client, int error)
{
    unsigned long reason = ERR_peek_error();
    if (error == SSL_ERROR_SSL && ERR_GET_LIB(reason) == ERR_LIB_SSL && ERR_GET_REASON(reason) >= SSL_AD_REASON_OFFSET)
        return REFUSED;
    int socket_error = errno;
    return error == SSL_ERROR_SYSCALL && !client->connected && socket_error == ECONNREFUSED ? UNREACHABLE : BROKEN;
}

/* As far as it goes without waiting. */
static void
run(struct client *client)
{
    int error = SSL_ERROR_NONE;
    while (error == SSL_ERROR_NONE) {
        ERR_clear_error();
        errno = 0;
        int result = step(client);
        error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(client->ssl, result);
    }
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        struct epoll_event event = { .events = error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT, .data.ptr = client };
        if (epoll_ctl(epoll, EPOLL_CTL_MOD, SSL_get_fd(client->ssl), &event) != 0)
            die("epoll_ctl");
        return;
    }
    settle(client, failure(client, error));
    end(client);
}

static void
begin(double due)
{
    struct client *client = clients;
    while (client < clients + SLOTS && client->ssl != NULL)
        client++;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    if (client == clients + SLOTS || fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
        die("too many connections at once");
    *client = (struct client){ .ssl = SSL_new(context), .due = due };
    if (client->ssl == NULL || SSL_set_fd(client->ssl, fd) != 1)
        die("no SSL");
    busy++;
    struct epoll_event event = { .events = EPOLLOUT, .data.ptr = client };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
    if (connect(fd, (const struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
        settle(client, errno == ECONNREFUSED ? UNREACHABLE : BROKEN);
        end(client);
    }
}

static void
give_up_waiting(void)
{
    double oldest = now() - patience;
    for (struct client *client = clients; busy > 0 && client < clients + SLOTS; client++) {
        if (client->ssl == NULL || client->due > oldest)
            continue;
        settle(client, SILENT);
        end(client);
    }
}

/* Lets the clients do what they can, for at most so many seconds; false once standard input has ended. */
static bool
turn(double seconds)
{
    struct epoll_event events[EVENTS];
    bool going = true;
    int count = epoll_wait(epoll, events, EVENTS, seconds > 0 ? (int)(seconds * 1e3) + 1 : 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL)
            going = false;
        else
            run(events[i].data.ptr);
    }
    give_up_waiting();
    return going;
}

static void
finish(void)
{
    while (busy > 0)
        (void)turn(0.1);
}

static void
rate(size_t flight, double seconds)
{
    for (double end_at = now() + seconds; now() < end_at;) {
        while (busy < flight)
            begin(now());
        (void)turn(0.1);
    }
}

static void
steady(double each_second)
{
    struct epoll_event event = { .events = EPOLLIN }; /* NULL: no client */
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        die("standard input is no pipe");
    double due = now();
    for (bool going = true; going;) {
        while (due <= now()) {
            begin(due);
            due += 1 / each_second;
        }
        going = turn(due - now());
    }
    (void)epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    finish();
}

static void
until(enum outcome wanted, double seconds)
{
    double end_at = now() + seconds;
    while (counts[wanted] == 0 && now() < end_at) {
        size_t unreachable = counts[UNREACHABLE];
        begin(now());
        while (busy > 0 && counts[wanted] == 0)
            (void)turn(0.1);
        if (counts[wanted] == 0)
            (void)turn(counts[UNREACHABLE] > unreachable ? while_down : pause_between);
    }
}

static int
compare(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void
report(double seconds)
{
    qsort(latencies, latency_count, sizeof *latencies, compare);
    for (size_t i = ACCEPTED; i < OUTCOMES; i++)
        printf("%s %zu ", outcome_names[i], counts[i]);
    printf("tickets %zu seconds %.6f ", tickets, seconds);
    for (size_t i = 0; latency_count > 0 && i < 3; i++)
        printf("%s %.3f ", (const char *[]){ "median", "p99", "worst" }[i],
            latencies[(size_t[]){ latency_count / 2, latency_count * 99 / 100, latency_count - 1 }[i]]);
    printf("at %.6f\n", last_answer);
}

int
main(int argc, char **argv)
{
    if (argc < 6)
        die("usage: see the top of the source");
    (void)signal(SIGPIPE, SIG_IGN);
    server.sin_port = htons((unsigned short)strtoul(argv[1], NULL, 10));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    make_context(argv[2], argv[3]);
    double start = now();
    if (strcmp(argv[4], "rate") == 0 && argc == 7)
        rate(strtoul(argv[5], NULL, 10), strtod(argv[6], NULL));
    else if (strcmp(argv[4], "until") == 0 && argc == 7)
        until(strcmp(argv[5], "refused") == 0 ? REFUSED : ACCEPTED, strtod(argv[6], NULL));
    else if (strcmp(argv[4], "steady") == 0 && argc == 6)
        steady(strtod(argv[5], NULL));
    else
        die("usage: see the top of the source");
    report(now() - start);
    while (busy > 0)
        for (struct client *client = clients; client < clients + SLOTS; client++)
            if (client->ssl != NULL)
                end(client);
    SSL_CTX_free(context);
    return 0;
}
