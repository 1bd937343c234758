#include "live.h"
#include "policy_text.h"
#include "saved.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
make_contexts(struct live *live, int version)
{
    struct rig *rig = &live->rig;
    rig->server = rig_plain_server();
    live->clients[0] = rig_client("alice", version);
    live->clients[1] = rig_client("mallory", version);
    live->public_server = rig_public_server("server");
    live->our_client = rig_client(NULL, version);
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, rig->server, NULL), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, live->our_client, NULL), MTLSPIN_OK);
}

static void
connect_both(struct pair *pair, SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session)
{
    pair_make(pair, server, client);
    if (session != NULL)
        ck_assert_int_eq(SSL_set_session(pair->client, session), 1);
    ck_assert_int_eq(SSL_set1_host(pair->client, "localhost"), 1);
    ck_assert(pair_shake(pair));
    ck_assert(pair->connected);
    ck_assert_int_eq(SSL_session_reused(pair->server), session != NULL);
}

static void
make_all(struct live *live, int version)
{
    struct pair first;
    live->start = live->rig.now;
    make_contexts(live, version);
    connect_both(&first, live->rig.server, live->clients[1], NULL);
    SSL_SESSION *session = saved_close(&first);
    connect_both(&live->pairs[LIVE_FULL], live->rig.server, live->clients[0], NULL);
    connect_both(&live->pairs[LIVE_RESUMED], live->rig.server, live->clients[1], session);
    connect_both(&live->pairs[LIVE_CLIENT], live->public_server, live->our_client, NULL);
    SSL_SESSION_free(session);
    for (int i = 0; i < LIVE_COUNT; i++)
        live->judged[i] = i == LIVE_CLIENT ? live->pairs[i].client : live->pairs[i].server;
}

void
live_make(struct live *live, const char *policy, int version)
{
    memset(live, 0, sizeof *live);
    rig_verifier(&live->rig, policy);
    make_all(live, version);
}

void
live_make_with(struct live *live, const char *policy, int version, mtlspin_audit_hook *hook)
{
    memset(live, 0, sizeof *live);
    rig_verifier(&live->rig, policy);
    ck_assert_int_eq(mtlspin_verifier_set_audit(live->rig.verifier, hook, NULL, NULL), MTLSPIN_OK);
    make_all(live, version);
}

void
live_policy(struct live *live, const char *policy)
{
    char text[2048], soon[32];
    struct tm parts;
    time_t moment = (time_t)live->start + 3600;
    const char *place = strstr(policy, "SOON");
    ck_assert_ptr_nonnull(gmtime_r(&moment, &parts));
    ck_assert_uint_gt(strftime(soon, sizeof soon, "%Y-%m-%dT%H:%M:%SZ", &parts), 0);
    (void)snprintf(text, sizeof text, "%.*s%s%s", place != NULL ? (int)(place - policy) : (int)strlen(policy), policy,
        place != NULL ? soon : "", place != NULL ? place + 4 : "");
    struct mtlspin_policy *made = policy_of(text);
    ck_assert_int_eq(mtlspin_verifier_set_policy(live->rig.verifier, made, NULL), MTLSPIN_OK);
    mtlspin_policy_unref(made);
}

void
live_free(struct live *live)
{
    for (int i = 0; i < LIVE_COUNT; i++)
        pair_free(&live->pairs[i]);
    SSL_CTX_free(live->clients[0]);
    SSL_CTX_free(live->clients[1]);
    SSL_CTX_free(live->public_server);
    SSL_CTX_free(live->our_client);
    rig_free(&live->rig);
}
