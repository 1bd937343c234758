#include "server_side.h"
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

_Noreturn void
die(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void
audit(const struct mtlspin_event *event, void *user)
{
    (void)event, (void)user;
}

static void
use(SSL_CTX *context, const char *name)
{
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s-chain.pem", PKI, name);
    if (SSL_CTX_use_certificate_chain_file(context, path) != 1)
        die(path);
    (void)snprintf(path, sizeof path, "%s/%s.key", PKI, name);
    if (SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
        die(path);
}

/* The client's session arrives in the callback, and stays with the side. */
static int
keep(SSL *ssl, SSL_SESSION *session)
{
    struct side *side = SSL_get_app_data(ssl);
    SSL_SESSION_free(side->session);
    side->session = session;
    return 1;
}

static SSL_CTX *
make_context(const SSL_METHOD *method, int version, const char *name)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL || !SSL_CTX_set_min_proto_version(context, version)
        || !SSL_CTX_set_max_proto_version(context, version))
        die("no SSL_CTX");
    use(context, name);
    return context;
}

static void
make_side(struct side *side, int version, bool rsa, struct mtlspin_verifier *verifier)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    side->verifier = verifier;
    side->session = NULL;
    side->server = make_context(TLS_server_method(), version, rsa ? "server-rsa" : "server");
    side->client = make_context(TLS_client_method(), version, rsa ? "client-rsa" : "alice");
    (void)SSL_CTX_set_session_cache_mode(side->client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(side->client, keep);
    (void)SSL_CTX_set_session_cache_mode(side->server, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(side->server, (const unsigned char *)"bench", 5);
    if (verifier != NULL && mtlspin_verifier_attach(verifier, side->server, &error) != MTLSPIN_OK)
        die(error.message);
    if (verifier != NULL)
        return;
    SSL_CTX_set_verify(side->server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (SSL_CTX_load_verify_file(side->server, PKI "/root-ca.pem") != 1)
        die("no root");
}

void
sides_make(struct sides *sides, int version, bool rsa, const char *policy)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    sides->policy = mtlspin_policy_load(policy, &error);
    struct mtlspin_verifier *verifier = sides->policy != NULL ? mtlspin_verifier_new(sides->policy, &error) : NULL;
    if (verifier == NULL || mtlspin_verifier_set_audit(verifier, audit, NULL, &error) != MTLSPIN_OK)
        die(error.message);
    make_side(&sides->plain, version, rsa, NULL);
    make_side(&sides->guarded, version, rsa, verifier);
}

static void
free_side(struct side *side)
{
    SSL_SESSION_free(side->session);
    SSL_CTX_free(side->server);
    SSL_CTX_free(side->client);
    mtlspin_verifier_unref(side->verifier);
}

void
sides_free(struct sides *sides)
{
    free_side(&sides->plain);
    free_side(&sides->guarded);
    mtlspin_policy_unref(sides->policy);
}

static double
nanoseconds(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Its name is what callgrind counts (--toggle-collect), so it is called by nobody else and never inlined. */
__attribute__((noinline)) int server_step(SSL *ssl, struct mtlspin_verifier *verifier);

int
server_step(SSL *ssl, struct mtlspin_verifier *verifier)
{
    int done = SSL_do_handshake(ssl);
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    if (done == 1 && verifier != NULL && mtlspin_check(verifier, ssl, &decision) != MTLSPIN_ALLOW)
        die(mtlspin_reason_text(decision.reason));
    return done;
}

/* The client reads, too: with TLS 1.3 that is when it gets its tickets. */
static double
run(struct side *side, SSL *server, SSL *client)
{
    double taken = 0;
    char byte = 0;
    int connected = 0, accepted = 0;
    for (int turn = 0; turn < 10 && !(connected == 1 && accepted == 1); turn++) {
        if (connected != 1)
            connected = SSL_do_handshake(client);
        double start = nanoseconds();
        if (accepted != 1)
            accepted = server_step(server, side->verifier);
        taken += nanoseconds() - start;
    }
    if (connected != 1 || accepted != 1)
        die("no handshake");
    (void)SSL_read(client, &byte, 1);
    return taken;
}

static double
connect_once(struct side *side, bool resumed)
{
    BIO *left = NULL, *right = NULL;
    SSL *server = SSL_new(side->server), *client = SSL_new(side->client);
    if (server == NULL || client == NULL || BIO_new_bio_pair(&left, 1 << 18, &right, 1 << 18) != 1)
        die("no connection");
    SSL_set_bio(server, left, left);
    SSL_set_bio(client, right, right);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    (void)SSL_set_app_data(client, (void *)side);
    if (resumed && SSL_set_session(client, side->session) != 1)
        die("no session");
    double taken = run(side, server, client);
    if (SSL_session_reused(server) != resumed)
        die(resumed ? "the session did not resume" : "the session resumed");
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else its session would not resume */
    SSL_free(server);
    SSL_free(client);
    return taken;
}

double
shake(struct side *side, bool resumed)
{
    if (resumed && side->session == NULL)
        (void)connect_once(side, false);
    return connect_once(side, resumed);
}
