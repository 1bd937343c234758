/* One HTTPS request to a server that a policy has to allow first: a template for clients of your own, built with
   `cc client.c $(pkg-config --cflags --libs mtlspin)`. Calls block, and a timer interrupts those that take too long.
   libmtlspin is at work in audit, prepare, handshake, build_policy and make_context. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <getopt.h>
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { HANDSHAKE_SECONDS = 10, ANSWER_SECONDS = 30, MANY = 16 };
enum { ANSWER_SIZE = 1 << 20, CONNECT_MOST = 512, PATH_MOST = 4096 };
enum { CONNECT, POLICY, CERT, KEY, PATH, CA, PIN, RESUME, HELP }; /* the options */

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

static const char *value[] = { [PATH] = "/" }; /* of the options up to PATH */
static struct {
    const char *value[MANY];
    size_t count;
} cas, pins;
static bool resume;
static char *host; /* of value[CONNECT] */
static const char *about = ""; /* what a mistake in the policy is about, where its own words do not say so */
static SSL_CTX *context;
static struct mtlspin_verifier *verifier;
static volatile sig_atomic_t late;

static void
be_late(int number)
{
    late = number;
}

/* The signal comes again every second, so that no call can slip in between and block. */
static void
set_deadline(int seconds)
{
    const struct itimerval timer = { .it_value.tv_sec = seconds, .it_interval.tv_sec = 1 };
    late = 0;
    (void)setitimer(ITIMER_REAL, &timer, NULL);
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
    (void)fprintf(stderr, "client: %s: %s%s%s\n", value[CONNECT], what, why[0] != '\0' ? ": " : "", why);
    return false;
}

/* Why a step of libssl's failed. A server that refuses us says so when it has seen our certificate: under TLS 1.2 in the
   handshake, under TLS 1.3 in place of the answer. */
static bool
explain(const char *step)
{
    unsigned long error = ERR_peek_last_error();
    const char *detail = ERR_reason_error_string(error);
    size_t alert = (size_t)ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET; /* for what is no alert it is huge */
    if (late)
        return fail(step, "the time is up");
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && alert < sizeof refusals / sizeof *refusals && refusals[alert] != NULL)
        return fail(refusals[alert], value[CERT] != NULL ? "is --cert the right one?" : "use --cert and --key");
    return fail(step, detail != NULL ? detail : "the connection has ended");
}

/* Tries all addresses of the host. The first error tells more than the last. */
static BIO *
open_socket(void)
{
    const char *detail = "";
    ERR_clear_error();
    BIO *socket = BIO_new_connect(value[CONNECT]);
    if (socket != NULL && BIO_do_connect(socket) > 0)
        return socket;
    unsigned long error = ERR_peek_error_data(&detail, NULL);
    const char *why = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : detail;
    (void)fail("no connection", late ? "the time is up" : why);
    BIO_free(socket);
    return NULL;
}

/* Who the server has to be, and the session to resume. The SNI is for names alone (RFC 6066, 3). */
static bool
prepare(SSL *ssl, SSL_SESSION *session)
{
    char text[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
        && !(SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host)))
        return fail("no connection", "this cannot be a host");
    if (session != NULL && !SSL_set_session(ssl, session))
        return explain("no connection");
    if (mtlspin_set_peer_address(ssl, value[CONNECT], &error) == MTLSPIN_OK
        && mtlspin_prepare(verifier, ssl, &error) == MTLSPIN_OK)
        return true;
    return fail("no connection", mtlspin_error_format(&error, text, sizeof text));
}

/* Nothing but MTLSPIN_ALLOW means that this is the right server. The policy is asked whatever SSL_connect said, since
   that also audits what OpenSSL refused by itself. */
static bool
handshake(SSL *ssl)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    ERR_clear_error();
    (void)SSL_connect(ssl);
    if (mtlspin_check(verifier, ssl, &decision) == MTLSPIN_ALLOW)
        return true;
    if (decision.reason == MTLSPIN_REASON_HANDSHAKE_FAILED || decision.reason == MTLSPIN_REASON_UNFINISHED)
        return explain("no handshake");
    (void)fprintf(stderr, "client: %s is refused: %s (%s)\n", value[CONNECT], mtlspin_reason_text(decision.reason),
        mtlspin_reason_name(decision.reason));
    return false;
}

/* RFC 9112, 7.1, in place. The length, or -1 if a part is missing. */
static long
join_chunks(char *body, const char *end)
{
    char *to = body, *number_end = NULL;
    const char *from = body;
    for (long size = -1; size != 0; from += size + 4) {
        size = strtol(from, &number_end, 16);
        const char *line_end = number_end != from ? strstr(number_end, "\r\n") : NULL;
        if (line_end == NULL || size < 0 || size > end - line_end - 4)
            return -1;
        from = line_end;
        memmove(to, from + 2, (size_t)size);
        to += size;
    }
    return to - body;
}

/* The same. `closed`: the server has said itself that this is the end. */
static long
find_body(const char *head, char *body, const char *end, bool closed)
{
    static const char field[] = "\r\ncontent-length:";
    const char *length = strcasestr(head, field);
    if (strcasestr(head, "\r\ntransfer-encoding:") != NULL)
        return join_chunks(body, end);
    bool whole = length != NULL ? strtol(length + sizeof field - 1, NULL, 10) == end - body : closed;
    return whole ? end - body : -1;
}

static size_t
receive(SSL *ssl, char answer[ANSWER_SIZE])
{
    size_t length = 0, got = 0;
    ERR_clear_error();
    while (!late && length < ANSWER_SIZE - 1 && SSL_read_ex(ssl, answer + length, ANSWER_SIZE - 1 - length, &got))
        length += got;
    answer[length] = '\0';
    return length;
}

/* A server that has refused us takes no request, but its alert, which says why, may be there to be read. */
static bool
ask(SSL *ssl)
{
    static char answer[ANSWER_SIZE];
    int size = snprintf(answer, sizeof answer, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", value[PATH],
        value[CONNECT]);
    ERR_clear_error();
    (void)SSL_write(ssl, answer, size);
    const char *end = answer + receive(ssl, answer);
    char *blank = strstr(answer, "\r\n\r\n");
    if (end != answer && (strncmp(answer, "HTTP/1.", 7) != 0 || strspn(answer + 9, "0123456789") != 3))
        return fail("no answer", "this is not HTTP");
    if (blank == NULL)
        return explain("no answer");
    blank[2] = '\0';
    long length = find_body(answer, blank + 4, end, SSL_get_error(ssl, 0) == SSL_ERROR_ZERO_RETURN);
    if (length < 0)
        return end < answer + sizeof answer - 1 ? explain("not the whole answer") : fail("no answer", "it is too long");
    (void)fwrite(blank + 4, 1, (size_t)length, stdout);
    answer[12] = '\0';
    return answer[9] == '2' || fail("the server answers with status", answer + 9);
}

/* The session that is left can be resumed next. It is complete when the answer was read, and libssl spoils it if the
   connection ends without SSL_shutdown. */
static bool
request(SSL_SESSION **session)
{
    set_deadline(HANDSHAKE_SECONDS);
    BIO *socket = open_socket();
    SSL *ssl = socket != NULL ? SSL_new(context) : NULL;
    if (ssl == NULL) {
        BIO_free(socket);
        return false;
    }
    SSL_set_bio(ssl, socket, socket);
    bool good = prepare(ssl, *session) && handshake(ssl);
    if (good && *session != NULL)
        (void)fprintf(stderr, "client: %s\n",
            SSL_session_reused(ssl) ? "the session was resumed" : "a full handshake again");
    set_deadline(ANSWER_SECONDS);
    good = good && ask(ssl);
    (void)SSL_shutdown(ssl);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(ssl);
    SSL_free(ssl);
    return good;
}

/* A policy without a file. A pin is one of the server's own key, or of a CA in its verified chain. */
static struct mtlspin_policy *
build_policy(struct mtlspin_error *error)
{
    struct mtlspin_policy *policy = NULL;
    struct mtlspin_builder *builder = mtlspin_builder_new();
    enum mtlspin_status status = cas.count == 0 ? mtlspin_builder_ca_system(builder, error) : MTLSPIN_OK;
    about = status == MTLSPIN_OK ? "" : "no CAs of the system (install ca-certificates, or use --ca)";
    for (size_t i = 0; i < cas.count && status == MTLSPIN_OK; i++)
        status = mtlspin_builder_ca_file(builder, cas.value[i], error);
    if (status == MTLSPIN_OK && pins.count == 0)
        status = mtlspin_builder_allow(builder, MTLSPIN_ANY, NULL, NULL, NULL, error);
    for (size_t i = 0; i < 2 * pins.count && status == MTLSPIN_OK; i++) {
        status = mtlspin_builder_allow(builder, i % 2 == 0 ? MTLSPIN_SPKI : MTLSPIN_CA_SPKI, pins.value[i / 2], NULL,
            NULL, error);
        about = status == MTLSPIN_OK ? "" : pins.value[i / 2];
    }
    if (status == MTLSPIN_OK)
        policy = mtlspin_builder_build(builder, error);
    mtlspin_builder_free(builder);
    return policy;
}

static bool
make_context(void)
{
    char text[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy =
        value[POLICY] != NULL ? mtlspin_policy_load(value[POLICY], &error) : build_policy(&error);
    if (policy != NULL)
        verifier = mtlspin_verifier_new(policy, &error);
    mtlspin_policy_unref(policy);
    if (verifier != NULL && mtlspin_verifier_set_audit(verifier, audit, NULL, &error) == MTLSPIN_OK)
        context = mtlspin_client_context(value[CERT], value[KEY], verifier, &error);
    if (context == NULL)
        (void)fprintf(stderr, "client: %s%s%s\n", about, about[0] != '\0' ? ": " : "",
            mtlspin_error_format(&error, text, sizeof text));
    return context != NULL;
}

/* What is wrong with the options, or NULL. */
static const char *
mistake(void)
{
    char *port = NULL;
    size_t path = strlen(value[PATH]);
    bool parts = value[CONNECT] != NULL && BIO_parse_hostserv(value[CONNECT], &host, &port, BIO_PARSE_PRIO_HOST) == 1
        && host != NULL && port != NULL && strtoul(port, NULL, 10) <= 65535 && strlen(value[CONNECT]) <= CONNECT_MOST;
    OPENSSL_free(port);
    if (!parts)
        return "--connect is HOST:PORT; an IPv6 address stands in brackets";
    if (value[POLICY] != NULL && cas.count + pins.count > 0)
        return "--policy replaces --ca and --pin";
    if ((value[CERT] == NULL) != (value[KEY] == NULL))
        return "--cert and --key belong together";
    if (value[PATH][0] != '/' || path > PATH_MOST || strcspn(value[PATH], " \t\r\n") != path)
        return "--path begins with / and has no spaces";
    return cas.count > MANY || pins.count > MANY ? "too many --ca or --pin" : NULL;
}

/* The exit status where it is known already, or -1. */
static int
parse(int argc, char **argv)
{
    static const char usage[] =
        "usage: client --connect HOST:PORT [--policy FILE | [--ca FILE]... [--pin sha256/...]...]\n"
        "              [--cert FILE|URI --key FILE|URI] [--path PATH] [--resume]\n"
        "Without --policy the server needs a chain to a --ca (default: the CAs of the system), and one of the pinned keys\n"
        "(default: any): its own, or a CA's in that chain. PATH is / by default. With --resume it is asked for twice, the\n"
        "second time on the session of the first.\n";
    static const struct option names[] = { { "connect", required_argument, NULL, CONNECT },
        { "policy", required_argument, NULL, POLICY }, { "cert", required_argument, NULL, CERT },
        { "key", required_argument, NULL, KEY }, { "path", required_argument, NULL, PATH },
        { "ca", required_argument, NULL, CA }, { "pin", required_argument, NULL, PIN },
        { "resume", no_argument, NULL, RESUME }, { "help", no_argument, NULL, HELP }, { NULL, 0, NULL, 0 } };
    int option = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) >= CONNECT && option <= RESUME)
        if (option <= PATH)
            value[option] = optarg;
        else if (option == CA)
            cas.value[cas.count++ % MANY] = optarg;
        else if (option == PIN)
            pins.value[pins.count++ % MANY] = optarg;
        else
            resume = true;
    bool bad = option != -1 || optind < argc;
    const char *wrong = bad ? NULL : mistake();
    if (wrong != NULL)
        (void)fprintf(stderr, "client: %s\n", wrong);
    if (bad || wrong != NULL)
        (void)fputs(usage, option == HELP ? stdout : stderr);
    return option == HELP ? 0 : bad || wrong != NULL ? 2 : -1;
}

int
main(int argc, char **argv)
{
    SSL_SESSION *session = NULL;
    int status = parse(argc, argv);
    (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    (void)sigaction(SIGALRM, &(struct sigaction){ .sa_handler = be_late }, NULL);
    if (status < 0)
        status = make_context() && request(&session) && (!resume || request(&session)) ? 0 : 1;
    if (fflush(stdout) != 0 || ferror(stdout))
        status = 1;
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
    OPENSSL_free(host);
    return status;
}
