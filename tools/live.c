/* A TLS handshake that looks at everything and believes nothing. */
#include "live.h"
#include "dial.h"
#include "screen.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* What a server has sent. */
struct visit {
    struct things *things;
    char name[DIAL_NAME_SIZE]; /* of the host, as it is asked for */
    bool is_address;
    STACK_OF(X509) *sent;
};

/* Keeps what was sent; 1 whatever it is, since a verdict here would end the handshake with less known. */
static int
keep(X509_STORE_CTX *context, void *argument)
{
    struct visit *visit = argument;
    X509 *leaf = X509_STORE_CTX_get0_cert(context);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(context);
    if (visit->sent == NULL && chain != NULL && sk_X509_num(chain) > 0)
        visit->sent = X509_chain_up_ref(chain);
    else if (visit->sent == NULL && leaf != NULL && (visit->sent = sk_X509_new_null()) != NULL)
        (void)X509_add_cert(visit->sent, leaf, X509_ADD_FLAG_UP_REF);
    return 1;
}

/* Verification, of each certificate for itself. */

/* OpenSSL does not always tell why a file cannot be read. */
static void
say_anchors(struct things *things, const char *path)
{
    char what[1200];
    FILE *file = fopen(path, "rbe");
    bool read = file != NULL && (getc(file) != EOF || !ferror(file));
    int code = errno;
    if (file != NULL)
        (void)fclose(file);
    (void)snprintf(what, sizeof what, "--ca %.900s: %s; give a PEM file with the certificates of CAs", path,
        read ? "there is no certificate in it that can be read" : strerror(code));
    things_broken(things, what);
}

static X509_STORE *
open_anchors(struct things *things, const char *file)
{
    X509_STORE *store = X509_STORE_new();
    if (store != NULL && file == NULL && X509_STORE_set_default_paths(store) == 1)
        return store;
    if (store != NULL && file != NULL && X509_STORE_load_file(store, file) == 1)
        return store;
    X509_STORE_free(store);
    if (file != NULL)
        say_anchors(things, file);
    else
        things_broken(things, "the system's trust anchors cannot be read; give some by --ca FILE");
    return NULL;
}

/* The first certificate must be a server's, and this server's. */
static bool
demand_host(X509_VERIFY_PARAM *rules, const struct visit *visit)
{
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_SERVER) != 1)
        return false;
    return (visit->is_address ? X509_VERIFY_PARAM_set1_ip_asc(rules, visit->name)
                              : X509_VERIFY_PARAM_set1_host(rules, visit->name, 0)) == 1;
}

/* NULL if it is good, else why not. */
static const char *
doubt(const struct visit *visit, X509_STORE *anchors, X509 *certificate, bool first)
{
    const char *why = "not enough memory";
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context == NULL || X509_STORE_CTX_init(context, anchors, certificate, visit->sent) != 1)
        goto out;
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_auth_level(rules, 2); /* as in a handshake with a policy */
    X509_VERIFY_PARAM_set_depth(rules, 8);      /* the same; and a server may send a hundred */
    if (first && !demand_host(rules, visit))
        why = "the name that it should prove is no name";
    else if (X509_verify_cert(context) == 1)
        why = NULL;
    else
        why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
out:
    X509_STORE_CTX_free(context);
    return why;
}

enum { JUDGED = 16 }; /* certificates; a chain that a policy accepts has fewer */

static void
take_certificates(struct visit *visit, X509_STORE *anchors)
{
    for (int i = 0; i < sk_X509_num(visit->sent); i++) {
        size_t count = visit->things->count;
        X509 *certificate = sk_X509_value(visit->sent, i);
        things_add_certificate(visit->things, certificate);
        if (visit->things->count == count)
            return;
        struct thing *thing = &visit->things->list[count];
        thing->distrust = i < JUDGED ? doubt(visit, anchors, certificate, i == 0) : "it sends too many certificates";
        thing->trust = thing->distrust == NULL ? VERIFIED : NOT_VERIFIED;
    }
}

/* The handshake. Old protocols and weak keys are no reason to look away. */

static SSL_CTX *
new_context(struct visit *visit)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return NULL;
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_cert_verify_callback(context, keep, visit);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_min_proto_version(context, 0) == 1 && SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0") == 1)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* OpenSSL goes on by itself as long as something comes, whatever it is. */
static long
stop_late(BIO *bio, int operation, const char *data, size_t length, int number, long other, int result, size_t *done)
{
    const int64_t *deadline = (const void *)BIO_get_callback_arg(bio);
    (void)data, (void)length, (void)number, (void)other, (void)done;
    return operation == BIO_CB_READ && dial_is_late(*deadline) ? -1 : result;
}

/* Until it is over, one way or the other; false: time is up. */
static bool
shake_hands(SSL *ssl, int connection, int64_t deadline)
{
    BIO_set_callback_ex(SSL_get_rbio(ssl), stop_late);
    BIO_set_callback_arg(SSL_get_rbio(ssl), (char *)&deadline);
    for (;;) {
        ERR_clear_error();
        int result = SSL_connect(ssl), error = SSL_get_error(ssl, result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            BIO_set_callback_ex(SSL_get_rbio(ssl), NULL);
            return !dial_is_late(deadline);
        }
        if (!dial_wait(connection, error == SSL_ERROR_WANT_WRITE, deadline))
            break;
    }
    BIO_set_callback_ex(SSL_get_rbio(ssl), NULL);
    return false;
}

static void
say_silence(struct things *things, bool in_time)
{
    char what[400];
    unsigned long code = ERR_peek_error();
    const char *words = ERR_reason_error_string(code);
    if (!in_time)
        (void)snprintf(what, sizeof what, "connected, but no certificate came in time; see that TLS is spoken there, or "
            "wait longer by --timeout 60s");
    else
        (void)snprintf(what, sizeof what, "connected, but it sent no certificate (%s); see that TLS is spoken there from "
            "the first byte on. After STARTTLS: "
            "`openssl s_client -starttls smtp -showcerts -connect HOST:PORT | mtlspin pin -`",
            words != NULL ? words : "it ended the connection");
    things_broken(things, what);
}

static void
say_unreachable(struct things *things, const char *wrong)
{
    char what[200];
    (void)snprintf(what, sizeof what, "%s; see that name and port are right and the server is up", wrong);
    things_broken(things, what);
}

static void
ask(struct visit *visit, int connection, int64_t deadline, X509_STORE *anchors)
{
    SSL_CTX *context = new_context(visit);
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    bool good = ssl != NULL && SSL_set_fd(ssl, connection) == 1
        && (visit->is_address || SSL_set_tlsext_host_name(ssl, visit->name) == 1);
    bool in_time = good && shake_hands(ssl, connection, deadline);
    progress(NULL, 0);
    if (sk_X509_num(visit->sent) > 0)
        take_certificates(visit, anchors);
    else if (good)
        say_silence(visit->things, in_time);
    else
        things_broken(visit->things, "no handshake can be begun; see that the name is one of a host");
    if (good && SSL_is_init_finished(ssl))
        (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(context);
}

void
things_of_server(struct things *things, const char *argument, const struct live *live)
{
    struct dial_address address = { 0 };
    struct visit visit = { .things = things };
    int64_t deadline = 0;
    const char *wrong = dial_parse(argument, &address);
    if (wrong != NULL) {
        things_broken(things, wrong);
        return;
    }
    X509_STORE *anchors = open_anchors(things, live->anchors);
    if (anchors == NULL)
        return;
    int connection = dial(&address, live->timeout, &deadline, &wrong);
    dial_name(live->name != NULL ? live->name : address.name, visit.name);
    visit.is_address = dial_is_address(visit.name);
    if (connection >= 0)
        ask(&visit, connection, deadline, anchors);
    else
        say_unreachable(things, wrong);
    dial_close(connection);
    progress(NULL, 0);
    sk_X509_pop_free(visit.sent, X509_free);
    X509_STORE_free(anchors);
}
