/* The host that a server must prove to be: where it comes from, what is no host, and what OpenSSL alone would make of the
   same settings, which is the control of each row. */
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <openssl/x509v3.h>
#include <stdio.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow any server\n";

/* What a program sets on its connection, or on its SSL_CTX, which the connection inherits. */
struct setting {
    const char *sni, *host, *more, *address; /* NULL = not set; `more` is a second host */
    unsigned flags;                          /* X509_VERIFY_PARAM_set_hostflags(3), 0 = OpenSSL's own */
};

static void
set_param(X509_VERIFY_PARAM *param, const struct setting *setting)
{
    if (setting->host != NULL)
        ck_assert_int_eq(X509_VERIFY_PARAM_set1_host(param, setting->host, 0), 1);
    if (setting->more != NULL)
        ck_assert_int_eq(X509_VERIFY_PARAM_add1_host(param, setting->more, 0), 1);
    if (setting->address != NULL)
        ck_assert_int_eq(X509_VERIFY_PARAM_set1_ip_asc(param, setting->address), 1);
    if (setting->flags != 0)
        X509_VERIFY_PARAM_set_hostflags(param, setting->flags);
}

static void
set_sni(SSL *ssl, const char *name)
{
    char copy[64]; /* OpenSSL's macro would cast away a const */
    if (name == NULL)
        return;
    (void)snprintf(copy, sizeof copy, "%s", name);
    ck_assert_int_eq(SSL_set_tlsext_host_name(ssl, copy), 1);
}

/* A client that checks chain and host as OpenSSL does it. */
static SSL_CTX *
plain_client(int version)
{
    SSL_CTX *context = rig_client(NULL, version);
    ck_assert_int_eq(SSL_CTX_load_verify_file(context, pki_path("root-ca", ".pem")), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
}

/* Whether plain OpenSSL lets the same server in under the same settings. */
static int
plain_connects(const char *server, const struct setting *setting, int version)
{
    struct pair pair;
    SSL_CTX *ours = plain_client(version), *theirs = rig_public_server(server);
    pair_make(&pair, theirs, ours);
    set_sni(pair.client, setting->sni);
    set_param(SSL_get0_param(pair.client), setting);
    (void)pair_shake(&pair);
    int connected = pair.connected;
    pair_free(&pair);
    SSL_CTX_free(ours);
    SSL_CTX_free(theirs);
    return connected;
}

enum plain { REFUSES, CONNECTS }; /* plain OpenSSL */

static const struct row {
    const char *server;
    struct setting setting;
    enum plain plain;
    enum mtlspin_reason reason;
    const char *host; /* as the event has it */
} rows[] = {
    { "server", { 0 }, CONNECTS, MTLSPIN_REASON_NO_HOST, "" },
    /* The SNI is enforced where there is nothing else, and only there. */
    { "server", { .sni = "localhost" }, CONNECTS, MTLSPIN_REASON_RULE, "localhost" },
    { "server", { .sni = "LocalHost" }, CONNECTS, MTLSPIN_REASON_RULE, "localhost" },
    { "server", { .sni = "db.example" }, CONNECTS, MTLSPIN_REASON_HOST_MISMATCH, "db.example" },
    { "server", { .sni = "127.0.0.1" }, CONNECTS, MTLSPIN_REASON_RULE, "127.0.0.1" },
    { "server", { .sni = "db.example", .host = "localhost" }, CONNECTS, MTLSPIN_REASON_RULE, "localhost" },
    { "server", { .sni = "localhost", .host = "db.example" }, REFUSES, MTLSPIN_REASON_HOST_MISMATCH, "db.example" },
    { "server", { .sni = "db.example", .address = "127.0.0.1" }, CONNECTS, MTLSPIN_REASON_RULE, "127.0.0.1" },
    { "server", { .sni = "localhost", .address = "127.0.0.2" }, REFUSES, MTLSPIN_REASON_HOST_MISMATCH, "127.0.0.2" },
    /* Names and addresses. */
    { "server", { .host = "LOCALHOST." }, REFUSES, MTLSPIN_REASON_RULE, "localhost" },
    { "server", { .address = "127.0.0.1" }, CONNECTS, MTLSPIN_REASON_RULE, "127.0.0.1" },
    { "server", { .address = "0:0::0:1" }, CONNECTS, MTLSPIN_REASON_RULE, "::1" },
    { "server", { .address = "::2" }, REFUSES, MTLSPIN_REASON_HOST_MISMATCH, "::2" },
    { "server", { .host = "127.0.0.1" }, REFUSES, MTLSPIN_REASON_RULE, "127.0.0.1" },
    { "server-address-as-name", { .host = "127.0.0.1" }, CONNECTS, MTLSPIN_REASON_HOST_MISMATCH, "127.0.0.1" },
    { "server-cn-only", { .host = "localhost" }, CONNECTS, MTLSPIN_REASON_HOST_MISMATCH, "localhost" },
    /* One, not several. */
    { "server", { .host = "localhost", .more = "db.example" }, CONNECTS, MTLSPIN_REASON_SEVERAL_HOSTS, "" },
    { "server", { .host = "db.example", .more = "localhost" }, CONNECTS, MTLSPIN_REASON_SEVERAL_HOSTS, "" },
    { "server", { .host = "localhost", .address = "127.0.0.1" }, CONNECTS, MTLSPIN_REASON_SEVERAL_HOSTS, "" },
    /* What is set and no host is not replaced by the SNI. */
    { "server-db", { .host = ".example" }, CONNECTS, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example", .host = ".example" }, CONNECTS, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example", .host = "db example" }, REFUSES, MTLSPIN_REASON_NO_HOST, "" },
    { "server-wildcard", { .host = "*.apps.example" }, CONNECTS, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example", .host = "db..example" }, REFUSES, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example", .host = "127.1" }, REFUSES, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example", .host = "https://db.example" }, REFUSES, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example", .host = "db.example:443" }, REFUSES, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example:443" }, CONNECTS, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example\"<script>" }, CONNECTS, MTLSPIN_REASON_NO_HOST, "" },
    { "server-db", { .sni = "db.example", .host = "" }, CONNECTS, MTLSPIN_REASON_RULE, "db.example" }, /* "" is none */
    /* The program's own flags may tighten the comparison, never loosen it. */
    { "server-cn-only", { .host = "localhost", .flags = X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT }, CONNECTS,
        MTLSPIN_REASON_HOST_MISMATCH, "localhost" },
    { "server-part-wildcard", { .host = "abc.apps.example" }, CONNECTS, MTLSPIN_REASON_HOST_MISMATCH, "abc.apps.example" },
    { "server-wildcard", { .host = "a.b.apps.example", .flags = X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS }, CONNECTS,
        MTLSPIN_REASON_HOST_MISMATCH, "a.b.apps.example" },
    { "server-wildcard", { .host = "one.apps.example" }, CONNECTS, MTLSPIN_REASON_RULE, "one.apps.example" },
    { "server-wildcard", { .host = "one.apps.example", .flags = X509_CHECK_FLAG_NO_WILDCARDS }, REFUSES,
        MTLSPIN_REASON_HOST_MISMATCH, "one.apps.example" },
};
enum { ROWS = sizeof rows / sizeof *rows };

static void
judged(struct rig *rig, const struct row *row)
{
    int allow = row->reason == MTLSPIN_REASON_RULE;
    ck_assert_int_eq(rig->pair.connected, allow);
    ck_assert_int_eq(rig->audit.events, !allow); /* a refusal within the handshake */
    if (allow)
        rig_allowed(rig, "server");
    else
        rig_refused(rig, row->reason);
    ck_assert_int_eq(rig->audit.events, 1);
    ck_assert_int_eq(rig->audit.reason, row->reason);
    ck_assert_str_eq(rig->audit.host, row->host);
    if (!allow)
        ck_assert_int_eq(pair_talk(&rig->pair, "secret"), 0);
}

START_TEST(host_of_the_connection)
{
    const struct row *row = &rows[_i / 2];
    struct rig rig;
    ck_assert_int_eq(plain_connects(row->server, &row->setting, rig_version(_i)), row->plain == CONNECTS);
    rig_make_client(&rig, members, row->server, rig_version(_i));
    rig_dial(&rig, NULL);
    set_sni(rig.pair.client, row->setting.sni);
    set_param(SSL_get0_param(rig.pair.client), &row->setting);
    (void)rig_finish(&rig);
    judged(&rig, row);
    rig_free(&rig);
}
END_TEST

/* Preparing finds the same hosts, and says at once if there is none. */
START_TEST(host_of_a_prepared_connection)
{
    const struct row *row = &rows[_i / 2];
    bool none = row->reason == MTLSPIN_REASON_NO_HOST || row->reason == MTLSPIN_REASON_SEVERAL_HOSTS;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct rig rig;
    rig_make_client(&rig, members, row->server, rig_version(_i));
    rig_dial(&rig, NULL);
    set_sni(rig.pair.client, row->setting.sni);
    set_param(SSL_get0_param(rig.pair.client), &row->setting);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, &error), none ? MTLSPIN_ERR_STATE : MTLSPIN_OK);
    ck_assert_str_eq(error.message, none ? mtlspin_reason_text(row->reason) : "");
    (void)rig_finish(&rig);
    judged(&rig, row);
    rig_free(&rig);
}
END_TEST

/* The SSL_CTX's own parameters go to each connection. */
START_TEST(host_of_the_context)
{
    const struct row *row = &rows[_i / 2];
    struct rig rig;
    rig_make_client(&rig, members, row->server, rig_version(_i));
    set_param(SSL_CTX_get0_param(rig.client), &row->setting);
    rig_dial(&rig, NULL);
    set_sni(rig.pair.client, row->setting.sni);
    (void)rig_finish(&rig);
    judged(&rig, row);
    rig_free(&rig);
}
END_TEST

/* A connection's own host takes the place of its SSL_CTX's; SSL_set1_host(3) knows an address when it sees one. */
static const struct {
    const char *inherited, *own;
    enum mtlspin_reason reason;
    const char *host;
} both[] = {
    { "localhost", NULL, MTLSPIN_REASON_RULE, "localhost" },
    { "localhost", "db.example", MTLSPIN_REASON_HOST_MISMATCH, "db.example" },
    { "db.example", "localhost", MTLSPIN_REASON_RULE, "localhost" },
    { NULL, "127.0.0.1", MTLSPIN_REASON_RULE, "127.0.0.1" },
    { NULL, "127.0.0.2", MTLSPIN_REASON_HOST_MISMATCH, "127.0.0.2" },
    { NULL, "::1", MTLSPIN_REASON_RULE, "::1" },
#if OPENSSL_VERSION_NUMBER < 0x30200000L /* later ones let SSL_set1_host replace what is inherited */
    { "localhost", "127.0.0.1", MTLSPIN_REASON_SEVERAL_HOSTS, "" },
#endif
};
enum { BOTH = sizeof both / sizeof *both };

START_TEST(host_of_context_and_connection)
{
    const struct row row = { .reason = both[_i / 2].reason, .host = both[_i / 2].host };
    struct setting inherited = { .host = both[_i / 2].inherited };
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    set_param(SSL_CTX_get0_param(rig.client), &inherited);
    (void)rig_connect(&rig, both[_i / 2].own);
    judged(&rig, &row);
    rig_free(&rig);
}
END_TEST

/* Flags that are set after the connection was prepared loosen nothing either. */
static const struct { const char *server, *host; unsigned flags; } loosened[] = {
    { "server-cn-only", "localhost", X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT },
    { "server-cn-only", "localhost", 0 },
    { "server-part-wildcard", "abc.apps.example", 0 },
};
enum { LOOSENED = sizeof loosened / sizeof *loosened };

START_TEST(flags_set_after_preparing)
{
    const struct setting setting = { .host = loosened[_i / 2].host, .flags = loosened[_i / 2].flags };
    struct rig rig;
    ck_assert(plain_connects(loosened[_i / 2].server, &setting, rig_version(_i)));
    rig_make_client(&rig, members, loosened[_i / 2].server, rig_version(_i));
    rig_dial(&rig, setting.host);
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    SSL_set_hostflags(rig.pair.client, setting.flags);
    ck_assert(!rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_HOST_MISMATCH);
    rig_free(&rig);
}
END_TEST

/* Another host after preparing: it is the new one that is enforced. */
START_TEST(host_changed_after_preparing)
{
    struct rig rig;
    rig_make_client(&rig, members, "server", rig_version(_i));
    rig_dial(&rig, "localhost");
    ck_assert_int_eq(mtlspin_prepare(rig.verifier, rig.pair.client, NULL), MTLSPIN_OK);
    ck_assert_int_eq(SSL_set1_host(rig.pair.client, "db.example"), 1);
    ck_assert(!rig_finish(&rig));
    rig_refused(&rig, MTLSPIN_REASON_HOST_MISMATCH);
    ck_assert_str_eq(rig.audit.host, "db.example");
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("client host");
    TCase *both_versions = tcase_create("TLS 1.2 and 1.3");
    tcase_set_timeout(both_versions, 60);
    tcase_add_loop_test(both_versions, host_of_the_connection, 0, 2 * ROWS);
    tcase_add_loop_test(both_versions, host_of_a_prepared_connection, 0, 2 * ROWS);
    tcase_add_loop_test(both_versions, host_of_the_context, 0, 2 * ROWS);
    tcase_add_loop_test(both_versions, host_of_context_and_connection, 0, 2 * BOTH);
    tcase_add_loop_test(both_versions, flags_set_after_preparing, 0, 2 * LOOSENED);
    tcase_add_loop_test(both_versions, host_changed_after_preparing, 0, 2);
    suite_add_tcase(suite, both_versions);
    return run_suite(suite);
}
