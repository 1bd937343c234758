#include "peers.h"
#include "bench.h"
#include <openssl/bio.h>
#include <stdio.h>

static void
audit(const struct mtlspin_event *event, void *user)
{
    (void)event, (void)user;
}

struct mtlspin_policy *
policy_load(const char *path)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    if (policy == NULL)
        die(error.message);
    return policy;
}

struct mtlspin_verifier *
verifier_make(struct mtlspin_policy *policy)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, &error);
    if (verifier == NULL || mtlspin_verifier_set_audit(verifier, audit, NULL, &error) != MTLSPIN_OK)
        die(error.message);
    return verifier;
}

struct mtlspin_verifier *
verifier_load(const char *path)
{
    struct mtlspin_policy *policy = policy_load(path);
    struct mtlspin_verifier *verifier = verifier_make(policy);
    mtlspin_policy_unref(policy);
    return verifier;
}

static SSL_CTX *
make_context(const SSL_METHOD *method, int version, const char *name)
{
    char chain[1024], key[1024];
    (void)snprintf(chain, sizeof chain, "%s/%s-chain.pem", PKI, name);
    (void)snprintf(key, sizeof key, "%s/%s.key", PKI, name);
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL || !SSL_CTX_set_min_proto_version(context, version)
        || !SSL_CTX_set_max_proto_version(context, version) || SSL_CTX_use_certificate_chain_file(context, chain) != 1
        || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die(chain);
    return context;
}

/* What a program does that wants of OpenSSL all but the pins. */
static void
guard_plainly(SSL_CTX *context)
{
    static const char *const anchors[] = { PKI "/partner-ca.pem", PKI "/root-ca.pem", PKI "/other-ca.pem" };
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++)
        if (names == NULL || SSL_CTX_load_verify_file(context, anchors[i]) != 1
            || SSL_add_file_cert_subjects_to_stack(names, anchors[i]) != 1)
            die(anchors[i]);
    SSL_CTX_set_client_CA_list(context, names);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    if (SSL_CTX_set_session_id_context(context, (const unsigned char *)"bench", 5) != 1)
        die("no session-id context");
}

void
server_make(struct server *server, struct mtlspin_verifier *verifier, int version, const char *name)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    server->verifier = verifier;
    server->context = make_context(TLS_server_method(), version, name);
    (void)SSL_CTX_set_session_cache_mode(server->context, SSL_SESS_CACHE_OFF); /* tickets alone */
    if (verifier == NULL)
        guard_plainly(server->context);
    else if (mtlspin_verifier_attach(verifier, server->context, &error) != MTLSPIN_OK)
        die(error.message);
}

void
server_free(struct server *server)
{
    SSL_CTX_free(server->context);
}

/* The client's session arrives here. */
static int
keep(SSL *ssl, SSL_SESSION *session)
{
    struct client *client = SSL_get_app_data(ssl);
    SSL_SESSION_free(client->session);
    client->session = session;
    return 1;
}

void
client_make(struct client *client, int version, const char *name)
{
    client->session = NULL;
    client->context = make_context(TLS_client_method(), version, name);
    (void)SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->context, keep);
}

void
client_free(struct client *client)
{
    SSL_SESSION_free(client->session);
    SSL_CTX_free(client->context);
}

static void
begin(const struct meter *meter)
{
    if (meter != NULL)
        meter->begin(meter->user);
}

static void
end(const struct meter *meter)
{
    if (meter != NULL)
        meter->end(meter->user);
}

static void
connect_pair(SSL *server, SSL *client)
{
    BIO *left = NULL, *right = NULL;
    if (server == NULL || client == NULL || BIO_new_bio_pair(&left, 0, &right, 0) != 1)
        die("no connection");
    SSL_set_bio(server, left, left);
    SSL_set_bio(client, right, right);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
}

static int
serve(const struct server *server, SSL *ssl)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    int done = SSL_do_handshake(ssl);
    if (done == 1 && server->verifier != NULL && mtlspin_check(server->verifier, ssl, &decision) != MTLSPIN_ALLOW)
        die(mtlspin_reason_text(decision.reason));
    return done;
}

/* The client reads in the end: with TLS 1.3 that is when it gets its tickets. */
static void
run(const struct server *server, SSL *ssl, SSL *client, const struct meter *meter)
{
    char byte = 0;
    int connected = 0, accepted = 0;
    for (int turn = 0; turn < 10 && !(connected == 1 && accepted == 1); turn++) {
        if (connected != 1)
            connected = SSL_do_handshake(client);
        if (accepted == 1)
            continue;
        begin(meter);
        accepted = serve(server, ssl);
        end(meter);
    }
    if (connected != 1 || accepted != 1)
        die("no handshake");
    (void)SSL_read(client, &byte, 1);
}

/* The server's side of a connection; the client's is over. */
static SSL *
converse(const struct server *server, struct client *client, bool resumed, const struct meter *meter)
{
    SSL *far = SSL_new(client->context);
    begin(meter);
    SSL *near = SSL_new(server->context);
    end(meter);
    connect_pair(near, far);
    if (!SSL_set_app_data(far, (void *)client) || (resumed && SSL_set_session(far, client->session) != 1))
        die("no session");
    run(server, near, far, meter);
    if (SSL_session_reused(near) != resumed)
        die(resumed ? "the session did not resume" : "the session resumed");
    SSL_set_shutdown(far, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else its session would not resume */
    SSL_free(far);
    return near;
}

void
shake(const struct server *server, struct client *client, bool resumed, const struct meter *meter)
{
    if (resumed && client->session == NULL)
        SSL_free(shake_and_stay(server, client));
    SSL *ssl = converse(server, client, resumed, meter);
    begin(meter);
    SSL_free(ssl);
    end(meter);
}

SSL *
shake_and_stay(const struct server *server, struct client *client)
{
    return converse(server, client, false, NULL);
}

struct watch {
    double begun, taken;
};

static void
start_watch(void *user)
{
    struct watch *watch = user;
    watch->begun = nanoseconds();
}

static void
stop_watch(void *user)
{
    struct watch *watch = user;
    watch->taken += nanoseconds() - watch->begun;
}

double
time_server(const struct server *server, struct client *client, bool resumed)
{
    struct watch watch = { 0, 0 };
    const struct meter meter = { start_watch, stop_watch, &watch };
    shake(server, client, resumed, &meter);
    return watch.taken;
}
