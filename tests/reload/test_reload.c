/* Reloads: all or nothing. */
#include "flat_json.h"
#include "folder.h"
#include "made_crl.h"
#include "pair.h"
#include "pki.h"
#include "rig.h"
#include "suite.h"
#include <mtlspin/mtlspin.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GOOD "ca ca.pem\ncrl root.crl\ncrl lists\nallow spki @spki:alice@ alice\nallow spki @spki:mallory@ mallory\n"

/* The last event about a reload. */
static struct {
    int events;
    struct mtlspin_error error;
    uint64_t generation;
    char json[MTLSPIN_EVENT_JSON_SIZE];
} heard;

static void
hook(const struct mtlspin_event *event, void *user)
{
    (void)user;
    if (event->kind != MTLSPIN_EVENT_RELOAD)
        return;
    heard.events++;
    heard.error = *event->error;
    heard.generation = event->decision->generation;
    ck_assert_uint_gt(mtlspin_event_json(event, heard.json, sizeof heard.json), 0);
}

static struct mtlspin_verifier *
verifier_of(const char *path)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    ck_assert_msg(policy != NULL, "%s", mtlspin_error_format(&error, line, sizeof line));
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, NULL);
    mtlspin_policy_unref(policy);
    ck_assert_int_eq(mtlspin_verifier_set_audit(verifier, hook, NULL, NULL), MTLSPIN_OK);
    memset(&heard, 0, sizeof heard);
    return verifier;
}

/* In place of what is there; `key` signs, NULL = the issuer's. */
static void
put_list(const char *file, const char *issuer, const char *key, const char *revoked, unsigned differences)
{
    const struct crl_recipe recipe = { "new.crl", issuer, key, -60, 3600, revoked, differences };
    crl_write(&recipe, (int64_t)time(NULL));
    folder_move("new.crl", file);
}

/* mallory has a rule, too, but is revoked. */
static void
good_tree(void)
{
    folder_clean();
    folder_certificate("root-ca", "ca.pem");
    folder_make("lists");
    put_list("root.crl", "root-ca", NULL, NULL, 0);
    put_list("lists/clients.crl", "clients-ca", NULL, "mallory", 0);
    folder_put("policy", GOOD);
}

/* Whether `client` gets in, over a real handshake: its label, or "". */
static void
must_judge(struct mtlspin_verifier *verifier, const char *client, int version, const char *label, uint64_t generation)
{
    struct pair pair;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    SSL_CTX *server = mtlspin_server_context(pki_path("server-chain", ".pem"), pki_path("server", ".key"), verifier,
        &error);
    ck_assert_msg(server != NULL, "%s", error.message);
    SSL_CTX *context = rig_client(client, version);
    pair_make(&pair, server, context);
    ck_assert_int_eq(pair_shake(&pair), label[0] != '\0');
    ck_assert_int_eq(mtlspin_check(verifier, pair.server, &decision), label[0] != '\0' ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    ck_assert_str_eq(decision.label, label);
    ck_assert_uint_eq(decision.generation, generation);
    ck_assert_int_eq(pair_talk(&pair, "hello"), label[0] != '\0' ? 5 : 0);
    pair_free(&pair);
    SSL_CTX_free(server);
    SSL_CTX_free(context);
}

static void no_policy(void) { folder_remove("policy"); }
static void empty_policy(void) { folder_put("policy", ""); }
static void no_ca(void) { folder_remove("ca.pem"); }
static void empty_ca(void) { folder_put("ca.pem", ""); }
static void ca_is_loop(void) { folder_link("ca.pem", "ca.pem"); }
static void policy_dangles(void) { folder_link("nowhere", "policy"); }
static void unknown_word(void) { folder_put("policy", "ca ca.pem\nallow spki @spki:kiosk@ kiosk\nalow any\n"); }
static void wrong_value(void) { folder_put("policy", "ca ca.pem\nallow  spki  sha256/abc  kiosk\n"); }
static void no_line_end(void) { folder_put("policy", "ca ca.pem\nallow spki @spki:kiosk@ kiosk"); }
static void ca_is_named_wrongly(void) { folder_put("policy", "# CA\n\nca  absent.pem\nallow any kiosk\n"); }

static void
policy_is_directory(void)
{
    folder_remove("policy");
    folder_make("policy");
}

static void
ca_directory_is_empty(void)
{
    folder_remove("ca.pem");
    folder_make("ca.pem");
}

static void
policy_is_fifo(void)
{
    folder_remove("policy");
    ck_assert_int_eq(mkfifo("policy", 0600), 0);
}

static void
cut(const char *name)
{
    struct stat info;
    ck_assert_int_eq(stat(name, &info), 0);
    ck_assert_int_eq(truncate(name, info.st_size / 2), 0);
}

static void ca_is_cut(void) { cut("ca.pem"); }
static void no_list(void) { folder_remove("root.crl"); }
static void empty_list(void) { folder_put("root.crl", ""); }
static void list_is_cut(void) { cut("root.crl"); }
static void list_is_ca(void) { folder_certificate("root-ca", "root.crl"); }
static void list_without_end(void) { put_list("root.crl", "root-ca", NULL, NULL, CRL_NO_END); }
static void list_by_other(void) { put_list("root.crl", "root-ca", "other-ca", "clients-ca", CRL_NO_KEY_ID); }
static void no_lists(void) { folder_remove("lists/clients.crl"); }
static void one_of_lists_is_cut(void) { cut("lists/clients.crl"); }

static void
der_list_is_cut(void)
{
    static const struct crl_recipe recipe = { "new.der", "root-ca", NULL, -60, 3600, NULL, 0 };
    crl_write(&recipe, (int64_t)time(NULL));
    folder_move("new.der", "root.crl");
    cut("root.crl");
}

static const struct {
    const char *name;
    void (*spoil)(void);
    enum mtlspin_status status;
    const char *text; /* how the error begins */
} broken[] = {
    { "policy missing", no_policy, MTLSPIN_ERR_FILE, "policy: No such file" },
    { "policy empty", empty_policy, MTLSPIN_ERR_POLICY, "policy: there is nothing in this policy" },
    { "policy a directory", policy_is_directory, MTLSPIN_ERR_FILE, "policy: Is a directory" },
    { "policy a FIFO", policy_is_fifo, MTLSPIN_ERR_FILE, "policy: not a regular file" },
    { "policy a dangling symlink", policy_dangles, MTLSPIN_ERR_FILE, "policy: No such file" },
    { "unknown word", unknown_word, MTLSPIN_ERR_SYNTAX, "policy:3:1: " },
    { "wrong value", wrong_value, MTLSPIN_ERR_VALUE, "policy:2:14: " },
    { "no line end", no_line_end, MTLSPIN_ERR_SYNTAX, "policy:2:1: the last line does not end" },
    { "CA missing", no_ca, MTLSPIN_ERR_FILE, "policy:1:4: ca.pem: No such file" },
    { "CA named wrongly", ca_is_named_wrongly, MTLSPIN_ERR_FILE, "policy:3:5: absent.pem: No such file" },
    { "CA empty", empty_ca, MTLSPIN_ERR_CERTIFICATE, "policy:1:4: ca.pem: " },
    { "CA cut", ca_is_cut, MTLSPIN_ERR_CERTIFICATE, "policy:1:4: ca.pem: " },
    { "CA an empty directory", ca_directory_is_empty, MTLSPIN_ERR_CERTIFICATE, "policy:1:4: ca.pem: no file" },
    { "CA a loop of symlinks", ca_is_loop, MTLSPIN_ERR_FILE, "policy:1:4: ca.pem: Too many" },
    { "list missing", no_list, MTLSPIN_ERR_FILE, "policy:2:5: root.crl: No such file" },
    { "list empty", empty_list, MTLSPIN_ERR_CERTIFICATE, "policy:2:5: root.crl: no revocation list in it" },
    { "list cut", list_is_cut, MTLSPIN_ERR_CERTIFICATE, "policy:2:5: root.crl: revocation list 1 cannot be read" },
    { "list cut, DER", der_list_is_cut, MTLSPIN_ERR_CERTIFICATE, "policy:2:5: root.crl: no revocation list in DER" },
    { "a certificate for a list", list_is_ca, MTLSPIN_ERR_CERTIFICATE, "policy:2:5: root.crl: no revocation list in it" },
    { "list without an end", list_without_end, MTLSPIN_ERR_CERTIFICATE, "policy:2:5: root.crl: this list has no nextU" },
    { "list by another key", list_by_other, MTLSPIN_ERR_CERTIFICATE, "policy:2:1: root.crl: the signature is not by" },
    { "lists an empty directory", no_lists, MTLSPIN_ERR_CERTIFICATE, "policy:3:5: lists: no file" },
    { "one of lists cut", one_of_lists_is_cut, MTLSPIN_ERR_CERTIFICATE, "policy:3:5: lists/clients.crl: revocation" },
};
enum { BROKEN = sizeof broken / sizeof *broken };

START_TEST(a_broken_file_changes_nothing)
{
    char line[1024];
    int version = rig_version(_i);
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    good_tree();
    struct mtlspin_verifier *verifier = verifier_of("policy");
    must_judge(verifier, "alice", version, "alice", 1);
    must_judge(verifier, "mallory", version, "", 1);
    broken[_i / 2].spoil();
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, &error), broken[_i / 2].status);
    ck_assert_int_eq(error.code, broken[_i / 2].status);
    (void)mtlspin_error_format(&error, line, sizeof line);
    ck_assert_msg(strncmp(line, broken[_i / 2].text, strlen(broken[_i / 2].text)) == 0, "%s: %s", broken[_i / 2].name,
        line);
    ck_assert_uint_eq(mtlspin_verifier_generation(verifier), 1);
    must_judge(verifier, "alice", version, "alice", 1);
    must_judge(verifier, "mallory", version, "", 1);
    must_judge(verifier, "kiosk", version, "", 1);
    ck_assert_int_eq(heard.events, 1);
    ck_assert_int_eq(heard.error.code, error.code);
    ck_assert_str_eq(heard.error.message, error.message);
    ck_assert_uint_eq(heard.generation, 1);
    ck_assert_msg(flat_json(heard.json), "%s", heard.json);
    ck_assert_ptr_nonnull(strstr(heard.json, mtlspin_status_name(error.code)));
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(a_good_file_changes_everything)
{
    int version = rig_version(_i);
    good_tree();
    struct mtlspin_verifier *verifier = verifier_of("policy");
    folder_put("policy", "ca ca.pem\nallow spki @spki:kiosk@ kiosk\n");
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, NULL), MTLSPIN_OK);
    must_judge(verifier, "alice", version, "", 2);
    must_judge(verifier, "kiosk", version, "kiosk", 2);
    ck_assert_int_eq(heard.events, 1);
    ck_assert_int_eq(heard.error.code, MTLSPIN_OK);
    ck_assert_uint_eq(heard.generation, 2);
    ck_assert_msg(flat_json(heard.json), "%s", heard.json);
    folder_certificate("other-ca", "ca.pem"); /* the policy's own file stays as it is */
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, NULL), MTLSPIN_OK);
    must_judge(verifier, "kiosk", version, "", 3);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* Only lists change: one in a directory, then the one that is a file. */
START_TEST(a_good_list_changes_everything)
{
    int version = rig_version(_i);
    good_tree();
    struct mtlspin_verifier *verifier = verifier_of("policy");
    must_judge(verifier, "alice", version, "alice", 1);
    must_judge(verifier, "mallory", version, "", 1);
    put_list("lists/clients.crl", "clients-ca", NULL, "alice", 0);
    must_judge(verifier, "alice", version, "alice", 1);
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, NULL), MTLSPIN_OK);
    must_judge(verifier, "alice", version, "", 2);
    must_judge(verifier, "mallory", version, "mallory", 2);
    put_list("root.crl", "root-ca", NULL, "clients-ca", 0);
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, NULL), MTLSPIN_OK);
    must_judge(verifier, "alice", version, "", 3);
    must_judge(verifier, "mallory", version, "", 3);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* Written again and again, of the same size: the times of the file alone could not always tell. */
START_TEST(the_last_text_counts)
{
    uint8_t digests[2][32];
    good_tree();
    struct mtlspin_verifier *verifier = verifier_of("policy");
    for (int i = 0; i < 40; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "ca ca.pem\nallow spki @spki:alice@ label-%03d\n", i);
        folder_put("policy", text);
        ck_assert_int_eq(mtlspin_verifier_reload(verifier, NULL), MTLSPIN_OK);
        struct mtlspin_policy *policies[2] = { mtlspin_verifier_policy(verifier), mtlspin_policy_load("policy", NULL) };
        for (size_t k = 0; k < 2; k++) {
            mtlspin_policy_digest(policies[k], digests[k]);
            mtlspin_policy_unref(policies[k]);
        }
        ck_assert_mem_eq(digests[0], digests[1], 32);
    }
    mtlspin_verifier_unref(verifier);
}
END_TEST

START_TEST(from_memory_nothing_is_reloaded)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_parse("chain none\n", 11, "policy", NULL);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, NULL);
    mtlspin_policy_unref(policy);
    folder_clean();
    folder_put("policy", "chain none\n");
    ck_assert_int_eq(mtlspin_verifier_reload(verifier, &error), MTLSPIN_ERR_STATE);
    ck_assert_int_eq(error.code, MTLSPIN_ERR_STATE);
    ck_assert_uint_eq(mtlspin_verifier_generation(verifier), 1);
    ck_assert_int_eq(mtlspin_verifier_reload(NULL, &error), MTLSPIN_ERR_ARGUMENT);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* By set_policy (0, 1) and by reload (2, 3). */
START_TEST(hosts_are_not_for_servers)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    good_tree();
    folder_put("hosts", "ca ca.pem\nhost example.com\nallow spki @spki:kiosk@ kiosk\n");
    struct mtlspin_verifier *verifier = verifier_of("policy");
    must_judge(verifier, "alice", rig_version(_i), "alice", 1);
    struct mtlspin_policy *hosts = mtlspin_policy_load("hosts", &error);
    ck_assert_msg(hosts != NULL, "%s", error.message);
    if (_i < 2) {
        ck_assert_int_eq(mtlspin_verifier_set_policy(verifier, hosts, &error), MTLSPIN_ERR_POLICY);
    } else {
        folder_move("hosts", "policy");
        ck_assert_int_eq(mtlspin_verifier_reload(verifier, &error), MTLSPIN_ERR_POLICY);
    }
    mtlspin_policy_unref(hosts);
    ck_assert_int_eq(heard.events, 1);
    ck_assert_int_eq(heard.error.code, MTLSPIN_ERR_POLICY);
    ck_assert_msg(flat_json(heard.json), "%s", heard.json);
    must_judge(verifier, "alice", rig_version(_i), "alice", 1);
    mtlspin_verifier_unref(verifier);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("reload");
    TCase *all = tcase_create("reload");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, a_broken_file_changes_nothing, 0, 2 * BROKEN);
    tcase_add_loop_test(all, a_good_file_changes_everything, 0, 2);
    tcase_add_loop_test(all, a_good_list_changes_everything, 0, 2);
    tcase_add_test(all, the_last_text_counts);
    tcase_add_test(all, from_memory_nothing_is_reloaded);
    tcase_add_loop_test(all, hosts_are_not_for_servers, 0, 4);
    suite_add_tcase(suite, all);
    return folder_run(suite);
}
