/* A server that asks for certificates after the handshake, and a client that forgets things: what no example does.

       driver --listen 127.0.0.1:0 --cert FILE --key FILE --policy FILE [--demand]
       driver HOST:PORT HOST|- [unprepared:]POLICY...

   The server takes one client after the other: reads a little, asks for the certificate (--demand: none will not do), reads
   again, and greets whom mtlspin_check allows. The client connects once for each policy, under a verifier and an SSL_CTX of
   its own, offers the session of the connection before, and prints what came of it; "-" sets no host. */
#include <mtlspin/mtlspin.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stopping;

static void
stop(int number)
{
    stopping = number;
}

static void
must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "driver: %s\n", what);
    exit(3);
}

static void
audit(const struct mtlspin_event *event, void *user)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    (void)user;
    must(mtlspin_event_json(event, line, sizeof line) > 0, "no event");
    (void)fprintf(stderr, "%s\n", line);
}

static struct mtlspin_verifier *
load(const char *path)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    must(policy != NULL, error.message);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, &error);
    mtlspin_policy_unref(policy);
    must(verifier != NULL && mtlspin_verifier_set_audit(verifier, audit, NULL, &error) == MTLSPIN_OK, error.message);
    return verifier;
}

/* Without SSL_MODE_AUTO_RETRY, SSL_read returns when it has read what is no data, such as a certificate. */
static void
serve(struct mtlspin_verifier *verifier, SSL *ssl, bool demand)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    char text[256];
    (void)SSL_accept(ssl);
    if (mtlspin_check(verifier, ssl, &decision) == MTLSPIN_DENY && decision.reason != MTLSPIN_REASON_ANONYMOUS)
        return;
    SSL_set_verify(ssl, SSL_get_verify_mode(ssl) | (demand ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    if (SSL_read(ssl, text, sizeof text) > 0 && SSL_verify_client_post_handshake(ssl) && SSL_do_handshake(ssl) == 1)
        (void)SSL_read(ssl, text, sizeof text);
    if (mtlspin_check(verifier, ssl, &decision) == MTLSPIN_ALLOW)
        (void)SSL_write(ssl, text, snprintf(text, sizeof text, "hello, %s\n", decision.label));
    (void)SSL_shutdown(ssl);
}

static SSL_CTX *
server_context(struct mtlspin_verifier *verifier, const char *certificate, const char *key)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    SSL_CTX *context = mtlspin_server_context(certificate, key, verifier, &error);
    must(context != NULL, error.message);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE, NULL);
    must(mtlspin_verifier_attach_with(verifier, context, MTLSPIN_ATTACH_OPTIONAL, &error) == MTLSPIN_OK, error.message);
    (void)SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    return context;
}

static void
run_server(char **options, bool demand)
{
    char peer[80];
    struct mtlspin_verifier *verifier = load(options[7]);
    SSL_CTX *context = server_context(verifier, options[3], options[5]);
    BIO *listener = BIO_new_accept(options[1]);
    must(listener != NULL && BIO_do_accept(listener) > 0, "cannot listen");
    (void)printf("listening on 127.0.0.1:%s\n", BIO_get_accept_port(listener));
    (void)fflush(stdout);
    while (!stopping) {
        BIO *socket = BIO_do_accept(listener) > 0 ? BIO_pop(listener) : NULL;
        if (socket == NULL)
            continue;
        SSL *ssl = SSL_new(context);
        must(ssl != NULL, "no connection");
        SSL_set_bio(ssl, socket, socket);
        (void)snprintf(peer, sizeof peer, "%s:%s", BIO_get_peer_name(listener), BIO_get_peer_port(listener));
        must(mtlspin_set_peer_address(ssl, peer, NULL) == MTLSPIN_OK, "the address");
        serve(verifier, ssl, demand);
        SSL_free(ssl);
        ERR_clear_error();
    }
    BIO_free(listener);
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
}

static void
set_host(SSL *ssl, const char *host)
{
    if (strcmp(host, "-") != 0)
        must(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) || SSL_set1_host(ssl, host), "the host");
}

/* One request under one policy: "REASON full|resumed BYTES", after "ERR_… " where it could not be prepared. */
static SSL_SESSION *
request(struct mtlspin_verifier *verifier, SSL *ssl, bool prepared)
{
    static const char text[] = "GET /page HTTP/1.0\r\n\r\n";
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    enum mtlspin_status status = prepared ? mtlspin_prepare(verifier, ssl, NULL) : MTLSPIN_OK;
    char answer[4096];
    int bytes = 0;
    if (status != MTLSPIN_OK)
        (void)printf("%s ", mtlspin_status_name(status));
    (void)SSL_connect(ssl);
    if (mtlspin_check(verifier, ssl, &decision) == MTLSPIN_ALLOW && SSL_write(ssl, text, sizeof text - 1) > 0)
        for (int got = 0; (got = SSL_read(ssl, answer, sizeof answer)) > 0;)
            bytes += got;
    (void)printf("%s %s %d\n", mtlspin_reason_name(decision.reason), SSL_session_reused(ssl) ? "resumed" : "full", bytes);
    (void)SSL_shutdown(ssl);
    return SSL_get1_session(ssl);
}

static SSL_SESSION *
connect_once(const char *address, const char *host, const char *policy, SSL_SESSION *session)
{
    static const char mark[] = "unprepared:";
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    bool prepared = strncmp(policy, mark, sizeof mark - 1) != 0;
    struct mtlspin_verifier *verifier = load(prepared ? policy : policy + sizeof mark - 1);
    SSL_CTX *context = mtlspin_client_context(NULL, NULL, verifier, &error);
    must(context != NULL, error.message);
    SSL *ssl = SSL_new(context);
    BIO *socket = BIO_new_connect(address);
    must(ssl != NULL && socket != NULL && BIO_do_connect(socket) > 0, "no connection");
    SSL_set_bio(ssl, socket, socket);
    set_host(ssl, host);
    must(session == NULL || SSL_set_session(ssl, session), "the session");
    SSL_SESSION_free(session);
    session = request(verifier, ssl, prepared);
    SSL_free(ssl);
    SSL_CTX_free(context);
    mtlspin_verifier_unref(verifier);
    return session;
}

int
main(int argc, char **argv)
{
    SSL_SESSION *session = NULL;
    (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    (void)sigaction(SIGTERM, &(struct sigaction){ .sa_handler = stop }, NULL);
    must(argc > 3, "see driver.c");
    if (strcmp(argv[1], "--listen") == 0) {
        must(argc >= 9, "see driver.c");
        run_server(argv + 1, argc > 9);
        return 0;
    }
    for (int i = 3; i < argc; i++)
        session = connect_once(argv[1], argv[2], argv[i], session);
    SSL_SESSION_free(session);
    return 0;
}
