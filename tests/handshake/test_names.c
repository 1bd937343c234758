/* Which names of CAs a client is told: those of the anchors that its certificate is judged by, whatever list the SSL_CTX
   has by then, which no connection changes. */
#include "pki.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

static const char root[] = "ca @pki@/root-ca.pem\nallow any member\n";
static const char root_again[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\nallow any other\n";
static const char partner[] = "ca @pki@/partner-ca.pem\nallow any partner\n";
static const char both[] = "ca @pki@/root-ca.pem\nallow any member\n[second]\nca @pki@/partner-ca.pem\nallow any partner\n";
static const char pinned[] = "ca @pki@/root-ca.pem\nallow any member\n[pinned]\nchain none\nallow spki @spki:scanner@\n";
static const char program[] = "ca application\nallow any member\n";

enum own { NEVER, BEFORE, AFTER, TWICE, ADDED, EMPTY, CLEARED }; /* when the program sets a list of its own */
enum shift { NO_SHIFT, OLD, NEW, PLAIN };          /* a servername callback leads to an SSL_CTX attached before or after the
                                                      reloads, or to none that is, and prepares the connection again */

static const struct names_case {
    const char *policy, *reloads[2];
    enum own own;
    enum shift shift;
    const char *told; /* one character a name: r(oot), p(artner), o(ther) */
    bool shared;      /* by the list of the SSL_CTX */
} cases[] = {
    { root, { NULL, NULL }, NEVER, NO_SHIFT, "r", true },
    { both, { NULL, NULL }, NEVER, NO_SHIFT, "rp", true },
    { pinned, { NULL, NULL }, NEVER, NO_SHIFT, "", false },
    { program, { NULL, NULL }, NEVER, NO_SHIFT, "", false },
    { root, { root_again, NULL }, NEVER, NO_SHIFT, "r", true },
    { root, { partner, NULL }, NEVER, NO_SHIFT, "p", false },
    { root, { both, NULL }, NEVER, NO_SHIFT, "rp", false },
    { both, { root, NULL }, NEVER, NO_SHIFT, "r", false },
    { root, { pinned, NULL }, NEVER, NO_SHIFT, "", false },
    { pinned, { root, NULL }, NEVER, NO_SHIFT, "r", false },
    { program, { root, NULL }, NEVER, NO_SHIFT, "r", false },
    { root, { partner, root }, NEVER, NO_SHIFT, "r", true },
    { root, { pinned, root_again }, NEVER, NO_SHIFT, "r", true },
    { root, { NULL, NULL }, BEFORE, NO_SHIFT, "r", true },
    { root, { partner, NULL }, BEFORE, NO_SHIFT, "p", false },
    { pinned, { NULL, NULL }, BEFORE, NO_SHIFT, "", false },
    { root, { NULL, NULL }, AFTER, NO_SHIFT, "r", false },
    { pinned, { NULL, NULL }, AFTER, NO_SHIFT, "", false },
    { program, { NULL, NULL }, AFTER, NO_SHIFT, "", false },
    { root, { NULL, NULL }, TWICE, NO_SHIFT, "r", false }, /* the second may be where the attached one was */
    { root, { NULL, NULL }, ADDED, NO_SHIFT, "r", false },
    { pinned, { NULL, NULL }, ADDED, NO_SHIFT, "", false },
    { root, { NULL, NULL }, EMPTY, NO_SHIFT, "r", false },
    { root, { NULL, NULL }, CLEARED, NO_SHIFT, "r", false },
    { root, { NULL, NULL }, NEVER, OLD, "r", true },
    { root, { partner, NULL }, NEVER, OLD, "p", false },
    { root, { partner, NULL }, NEVER, NEW, "p", false }, /* it has a list of its own from the first time */
    { root, { root_again, NULL }, NEVER, NEW, "r", true },
    { root, { pinned, NULL }, NEVER, NEW, "", false },
    { pinned, { root, NULL }, NEVER, NEW, "r", false },
    { root, { NULL, NULL }, NEVER, PLAIN, "r", false },
    { root, { NULL, NULL }, AFTER, OLD, "r", false },
};
enum { CASES = sizeof cases / sizeof *cases };

static STACK_OF(X509_NAME) *
own_list(void)
{
    STACK_OF(X509_NAME) *list = sk_X509_NAME_new_null();
    X509 *stranger = pki_certificate("other-ca");
    sk_X509_NAME_push(list, X509_NAME_dup(X509_get_subject_name(stranger)));
    X509_free(stranger);
    return list;
}

/* Of one kind or the other: libssl asks both, where the first has nothing. */
static void
set_own(SSL_CTX *context, int both_kinds)
{
    SSL_CTX_set_client_CA_list(context, own_list());
    if (both_kinds)
        SSL_CTX_set0_CA_list(context, own_list());
}

/* To the list that is there. */
static void
add_own(SSL_CTX *context)
{
    X509 *stranger = pki_certificate("other-ca");
    ck_assert_int_eq(SSL_CTX_add_client_CA(context, stranger), 1);
    X509_free(stranger);
}

static SSL_CTX *
attached(const struct rig *rig, bool own)
{
    SSL_CTX *context = rig_plain_server();
    if (own)
        set_own(context, 1);
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, context, NULL), MTLSPIN_OK);
    return context;
}

static struct { SSL_CTX *to; struct mtlspin_verifier *verifier; } turn;

static int
lead(SSL *ssl, int *alert, void *user)
{
    (void)alert, (void)user;
    if (turn.to == NULL)
        return SSL_TLSEXT_ERR_OK;
    (void)SSL_set_SSL_CTX(ssl, turn.to);
    ck_assert_int_eq(mtlspin_prepare(turn.verifier, ssl, NULL), MTLSPIN_OK);
    return SSL_TLSEXT_ERR_OK;
}

static char
letter_of(const X509_NAME *name)
{
    static const char *const files[] = { "root-ca", "partner-ca", "other-ca" };
    char letter = '?';
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        X509 *certificate = pki_certificate(files[i]);
        if (X509_NAME_cmp(name, X509_get_subject_name(certificate)) == 0)
            letter = files[i][0];
        X509_free(certificate);
    }
    return letter;
}

static void
expect_told(const struct rig *rig, const char *told)
{
    char seen[8] = "";
    const STACK_OF(X509_NAME) *list = SSL_get0_peer_CA_list(rig->pair.client);
    for (int i = 0; i < sk_X509_NAME_num(list) && i < (int)sizeof seen - 1; i++)
        seen[i] = letter_of(sk_X509_NAME_value(list, i));
    ck_assert_str_eq(seen, told);
}

static void
reload(const struct rig *rig, const char *text)
{
    struct mtlspin_policy *policy = policy_of(text);
    ck_assert_int_eq(mtlspin_verifier_set_policy(rig->verifier, policy, NULL), MTLSPIN_OK);
    mtlspin_policy_unref(policy);
}

static void
set_up(struct rig *rig, const struct names_case *c, int version)
{
    rig_verifier(rig, c->policy);
    rig->client = rig_client("alice", version);
    rig->server = attached(rig, c->own == BEFORE);
    turn.verifier = rig->verifier;
    turn.to = c->shift == OLD ? attached(rig, false) : NULL;
    for (size_t i = 0; i < 2 && c->reloads[i] != NULL; i++)
        reload(rig, c->reloads[i]);
    if (c->shift == NEW)
        turn.to = attached(rig, false);
    else if (c->shift == PLAIN)
        turn.to = rig_plain_server();
    for (int i = 0; i < (c->own == AFTER) + 2 * (c->own == TWICE); i++)
        set_own(turn.to != NULL ? turn.to : rig->server, version == TLS1_2_VERSION);
    if (c->own == ADDED)
        add_own(rig->server);
    if (c->own == EMPTY)
        SSL_CTX_set_client_CA_list(rig->server, sk_X509_NAME_new_null());
    else if (c->own == CLEARED)
        SSL_CTX_set_client_CA_list(rig->server, NULL);
    SSL_CTX_set_tlsext_servername_callback(rig->server, lead);
}

START_TEST(names)
{
    const struct names_case *c = &cases[_i / 2];
    struct rig rig;
    set_up(&rig, c, rig_version(_i));
    SSL_CTX *last = turn.to != NULL ? turn.to : rig.server;
    const void *before = SSL_CTX_get_client_CA_list(last);
    for (int round = 0; round < 2; round++) {
        (void)rig_shake(&rig);
        expect_told(&rig, c->told);
        ck_assert_ptr_eq(SSL_CTX_get_client_CA_list(last), before);
        ck_assert_int_eq(before != NULL && SSL_get_client_CA_list(rig.pair.server) == before, c->shared);
    }
    rig_free(&rig);
    SSL_CTX_free(turn.to);
}
END_TEST

/* Attached once more, the list that is right stays, since connections may be using it; another policy's is replaced. */
START_TEST(attached_again)
{
    struct rig rig;
    rig_make(&rig, root, "alice", rig_version(_i));
    const void *list = SSL_CTX_get_client_CA_list(rig.server);
    ck_assert_ptr_nonnull(list);
    reload(&rig, root_again);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    ck_assert_ptr_eq(SSL_CTX_get_client_CA_list(rig.server), list);
    reload(&rig, both);
    ck_assert_int_eq(mtlspin_verifier_attach(rig.verifier, rig.server, NULL), MTLSPIN_OK);
    (void)rig_shake(&rig);
    expect_told(&rig, "rp");
    ck_assert_ptr_eq(SSL_get_client_CA_list(rig.pair.server), SSL_CTX_get_client_CA_list(rig.server));
    rig_free(&rig);
}
END_TEST

/* A request after the handshake asks for the same names. */
START_TEST(asked_later)
{
    struct rig rig;
    rig_verifier(&rig, root);
    rig.server = rig_plain_server();
    SSL_CTX_set_verify(rig.server, SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE, NULL);
    ck_assert_int_eq(mtlspin_verifier_attach_with(rig.verifier, rig.server, MTLSPIN_ATTACH_OPTIONAL, NULL), MTLSPIN_OK);
    rig.client = rig_client("alice", TLS1_3_VERSION);
    SSL_CTX_set_post_handshake_auth(rig.client, 1);
    ck_assert(rig_shake(&rig));
    expect_told(&rig, "");
    if (_i == 1)
        reload(&rig, partner); /* what was set for the connection stays */
    ck_assert_int_eq(SSL_verify_client_post_handshake(rig.pair.server), 1);
    ck_assert_int_eq(SSL_do_handshake(rig.pair.server), 1);
    char byte = 0;
    (void)SSL_read(rig.pair.client, &byte, 1);
    expect_told(&rig, "r");
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("names");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, names, 0, 2 * CASES);
    tcase_add_loop_test(all, attached_again, 0, 2);
    tcase_add_loop_test(all, asked_later, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
