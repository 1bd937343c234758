/* A stream in both directions, no HTTP: sends standard input to a server that a policy has to allow first, and prints what
   comes back, both at once. A template for clients of your own, built with
   `cc stream-client.c $(pkg-config --cflags --libs mtlspin)`. No call on the connection blocks: poll(2) says what is to be
   done. libmtlspin is at work in audit, prepare, ready and make_context. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <errno.h>
#include <getopt.h>
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_SECONDS = 10, HANDSHAKE_SECONDS = 10, GOODBYE_SECONDS = 5 };
enum { CONNECT, POLICY, CERT, KEY, HELP }; /* the options */

struct stream {
    SSL *ssl;
    enum { HANDSHAKE, TALK, ENDING, GOODBYE, DONE } stage; /* ENDING: we have no more to say. GOODBYE: the server knows */
    time_t deadline;                                       /* of HANDSHAKE and GOODBYE */
    short event;   /* what SSL_connect or SSL_read waits for; SSL_write waits while something is unsent */
    size_t unsent; /* bytes of `input` */
    char input[SSL3_RT_MAX_PLAIN_LENGTH];
};

/* What a server's alert says about our certificate. */
static const char *const refusals[] = {
    [SSL_AD_HANDSHAKE_FAILURE] = "the server wants a client certificate, or other ciphers",
    [SSL_AD_BAD_CERTIFICATE] = "the server does not accept our certificate",
    [SSL_AD_UNSUPPORTED_CERTIFICATE] = "the server does not take client certificates of this kind",
    [SSL_AD_CERTIFICATE_REVOKED] = "the server says that our certificate is revoked",
    [SSL_AD_CERTIFICATE_EXPIRED] = "the server says that our certificate has expired",
    [SSL_AD_CERTIFICATE_UNKNOWN] = "the server cannot accept our certificate",
    [SSL_AD_UNKNOWN_CA] = "the server does not know the CA of our certificate",
    [SSL_AD_ACCESS_DENIED] = "the server does not let the owner of our certificate in",
    [SSL_AD_CERTIFICATE_REQUIRED] = "the server wants a client certificate",
};

static const char *value[HELP]; /* of the options */
static SSL_CTX *context;
static struct mtlspin_verifier *verifier;

static time_t
seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* One fprintf is one write: standard error has no buffer. */
static void
audit(const struct mtlspin_event *event, void *user)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    (void)user;
    if (mtlspin_event_json(event, line, sizeof line) > 0)
        (void)fprintf(stderr, "%s\n", line);
}

static bool
fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "stream-client: %s: %s: %s\n", value[CONNECT], what, why);
    return false;
}

/* Why the connection has ended. A server that refuses us says so when it has seen our certificate: under TLS 1.2 in the
   handshake, under TLS 1.3 when we take ourselves for connected already. */
static bool
explain(const char *what)
{
    unsigned long error = ERR_peek_last_error();
    const char *detail = ERR_reason_error_string(error);
    size_t alert = (size_t)ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET; /* for what is no alert it is huge */
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && alert < sizeof refusals / sizeof *refusals && refusals[alert] != NULL)
        return fail(refusals[alert], value[CERT] != NULL ? "is --cert the right one?" : "use --cert and --key");
    return fail(what, detail != NULL ? detail : "the server has closed the connection");
}

/* Tries all addresses of the host. The first error tells more than the last. */
static BIO *
open_socket(void)
{
    const char *detail = "the time is up";
    const time_t end = time(NULL) + CONNECT_SECONDS;
    long done = 0;
    BIO *socket = BIO_new_connect(value[CONNECT]);
    if (socket != NULL && BIO_set_nbio(socket, 1) > 0)
        while ((done = BIO_do_connect(socket)) <= 0 && BIO_should_retry(socket) && BIO_wait(socket, end, 100) > 0)
            ;
    if (done > 0)
        return socket;
    unsigned long error = ERR_peek_error_data(&detail, NULL);
    (void)fail("no connection", ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : detail);
    BIO_free(socket);
    return NULL;
}

/* Who the server has to be. The SNI is for names alone (RFC 6066, 3). */
static bool
prepare(SSL *ssl, const char *host)
{
    char text[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
        && !(SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host)))
        return fail("no connection", "this cannot be a host");
    if (mtlspin_set_peer_address(ssl, value[CONNECT], &error) == MTLSPIN_OK
        && mtlspin_prepare(verifier, ssl, &error) == MTLSPIN_OK)
        return true;
    return fail("no connection", mtlspin_error_format(&error, text, sizeof text));
}

/* The event that libssl waits for, or 0: the connection has ended. */
static short
wait_event(const SSL *ssl, int result)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ: return POLLIN;
    case SSL_ERROR_WANT_WRITE: return POLLOUT;
    default: return 0;
    }
}

static void
refuse(const struct stream *s, enum mtlspin_reason reason)
{
    if (reason != MTLSPIN_REASON_HANDSHAKE_FAILED)
        (void)fprintf(stderr, "stream-client: %s is refused: %s (%s)\n", value[CONNECT], mtlspin_reason_text(reason),
            mtlspin_reason_name(reason));
    else if (s->stage == HANDSHAKE && s->deadline < seconds())
        (void)fail("no handshake", "the time is up");
    else
        (void)explain("no handshake");
}

/* Whether the server may be talked and listened to, now. The policy is asked when the handshake is finished or has failed,
   and then again in every round, since a rule may end. After the handshake SSL_connect returns 1 at once, unless TLS 1.3
   is about to change its keys: then it goes on with that. */
static bool
ready(struct stream *s)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ERR_clear_error();
    int result = SSL_connect(s->ssl);
    s->event = result == 1 ? POLLIN : wait_event(s->ssl, result);
    if (result != 1 && s->event != 0)
        return false;
    if (mtlspin_check(verifier, s->ssl, &decision) == MTLSPIN_ALLOW) {
        s->stage = s->stage == HANDSHAKE ? TALK : s->stage;
        return true;
    }
    refuse(s, decision.reason);
    s->stage = DONE;
    return false;
}

/* One record. It is taken whole, since poll does not see what is left within the SSL. Returns whether all is well. */
static bool
hear(struct stream *s)
{
    char text[SSL3_RT_MAX_PLAIN_LENGTH];
    ERR_clear_error();
    int length = SSL_read(s->ssl, text, sizeof text);
    s->event = length > 0 ? POLLIN : wait_event(s->ssl, length);
    if (length > 0 && fwrite(text, 1, (size_t)length, stdout) == (size_t)length && fflush(stdout) == 0)
        return true;
    if (length <= 0 && s->event != 0)
        return true;
    s->stage = DONE;
    if (length > 0)
        return fail("standard output", strerror(errno));
    if (SSL_get_error(s->ssl, length) != SSL_ERROR_ZERO_RETURN)
        return explain("the connection is broken");
    (void)SSL_shutdown(s->ssl);
    return s->unsent == 0 || fail("not everything was sent", "the server has ended the connection");
}

static bool
fetch(struct stream *s)
{
    ssize_t length = read(STDIN_FILENO, s->input, sizeof s->input);
    if (length < 0 && errno != EINTR && errno != EAGAIN) {
        s->stage = DONE;
        return fail("standard input", strerror(errno));
    }
    if (length == 0)
        s->stage = ENDING;
    s->unsent = length > 0 ? (size_t)length : 0;
    return true;
}

/* If a server takes no more, hear will find out why: an alert may be there to be read. */
static void
say(struct stream *s)
{
    ERR_clear_error();
    if (s->unsent > 0) {
        int sent = SSL_write(s->ssl, s->input, (int)s->unsent);
        s->unsent -= sent > 0 ? (size_t)sent : 0;
        memmove(s->input, s->input + (sent > 0 ? sent : 0), s->unsent);
    } else if (s->stage == ENDING) {
        int result = SSL_shutdown(s->ssl);
        if (result >= 0 || wait_event(s->ssl, result) != POLLOUT)
            s->stage = GOODBYE;
        s->deadline = seconds() + GOODBYE_SECONDS;
    }
}

/* One round; false if something went wrong. */
static bool
go_on(struct stream *s)
{
    bool late = (s->stage == HANDSHAKE || s->stage == GOODBYE) && s->deadline < seconds();
    bool more = s->stage == TALK && s->unsent == 0, out = s->unsent > 0 || s->stage == ENDING;
    struct pollfd wanted[] = { { .fd = more ? STDIN_FILENO : -1, .events = POLLIN },
        { .fd = SSL_get_fd(s->ssl), .events = out ? (short)(s->event | POLLOUT) : s->event } };
    if (late && s->stage == GOODBYE) {
        s->stage = DONE;
        return fail("the server does not end the connection", "the time is up");
    }
    if (late)
        (void)shutdown(wanted[1].fd, SHUT_RDWR); /* SSL_connect will fail, and the policy will be asked */
    (void)poll(wanted, 2, 1000);
    if (!ready(s))
        return s->stage != DONE;
    bool good = wanted[1].revents == 0 || hear(s);
    if (good && s->stage == TALK && wanted[0].revents != 0)
        good = fetch(s);
    if (s->stage == TALK || s->stage == ENDING)
        say(s);
    return good;
}

/* Takes the socket. The socket of a new connection can be written to: that begins the handshake. */
static bool
talk(BIO *socket, const char *host)
{
    struct stream s = { .ssl = SSL_new(context), .event = POLLOUT, .deadline = seconds() + HANDSHAKE_SECONDS };
    if (s.ssl == NULL) {
        BIO_free(socket);
        return false;
    }
    SSL_set_bio(s.ssl, socket, socket);
    bool good = prepare(s.ssl, host);
    while (good && s.stage != DONE)
        good = go_on(&s);
    SSL_free(s.ssl);
    return good;
}

static bool
make_context(void)
{
    char text[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(value[POLICY], &error);
    if (policy != NULL)
        verifier = mtlspin_verifier_new(policy, &error);
    mtlspin_policy_unref(policy);
    if (verifier != NULL && mtlspin_verifier_set_audit(verifier, audit, NULL, &error) == MTLSPIN_OK)
        context = mtlspin_client_context(value[CERT], value[KEY], verifier, &error);
    if (context == NULL) {
        (void)fprintf(stderr, "stream-client: %s\n", mtlspin_error_format(&error, text, sizeof text));
        return false;
    }
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return true;
}

/* The host of --connect, to be freed; NULL if the options are wrong. */
static char *
host_of_options(void)
{
    char *host = NULL, *port = NULL;
    const char *connect = value[CONNECT] != NULL ? value[CONNECT] : "";
    bool good = BIO_parse_hostserv(connect, &host, &port, BIO_PARSE_PRIO_HOST) == 1 && host != NULL && port != NULL
        && strtoul(port, NULL, 10) <= 65535 && value[POLICY] != NULL && (value[CERT] == NULL) == (value[KEY] == NULL);
    OPENSSL_free(port);
    if (good)
        return host;
    OPENSSL_free(host);
    return NULL;
}

int
main(int argc, char **argv)
{
    static const char usage[] =
        "usage: stream-client --connect HOST:PORT --policy FILE [--cert FILE|URI --key FILE|URI]\n"
        "An IPv6 address stands in brackets.\n";
    static const struct option names[] = { { "connect", required_argument, NULL, CONNECT },
        { "policy", required_argument, NULL, POLICY }, { "cert", required_argument, NULL, CERT },
        { "key", required_argument, NULL, KEY }, { "help", no_argument, NULL, HELP }, { NULL, 0, NULL, 0 } };
    int option = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) >= CONNECT && option < HELP)
        value[option] = optarg;
    char *host = option == -1 && optind == argc ? host_of_options() : NULL;
    if (host == NULL) {
        (void)fputs(usage, option == HELP ? stdout : stderr);
        return option == HELP ? 0 : 2;
    }
    (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    BIO *socket = make_context() ? open_socket() : NULL;
    bool good = socket != NULL && talk(socket, host);
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
    OPENSSL_free(host);
    return good ? 0 : 1;
}
