/* Every way in which files change. */
#include "folder.h"
#include "made_crl.h"
#include "watcher.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* conf/…: symlinks through conf/..data into a directory of one version. */
static void
swapped_tree(void)
{
    folder_clean();
    folder_make("conf");
    folder_make("conf/..1");
    folder_certificate("root-ca", "conf/..1/ca.pem");
    folder_put("conf/..1/clients.policy", "ca ca.pem\nallow spki @spki:alice@ before\n");
    folder_link("..1", "conf/..data");
    folder_link("..data/ca.pem", "conf/ca.pem");
    folder_link("..data/clients.policy", POLICY);
}

static void
linked_tree(void)
{
    char here[512], target[600];
    watcher_tree();
    folder_make("elsewhere");
    folder_move(POLICY, "elsewhere/real");
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    (void)snprintf(target, sizeof target, "%s/elsewhere/../elsewhere/real", here);
    folder_link(target, POLICY);
}

/* Behind what is in the file, or as a new file. */
static void
put_list(const char *file, const char *issuer, const char *revoked)
{
    const struct crl_recipe recipe = { file, issuer, NULL, -60, 3600, revoked, 0 };
    crl_write(&recipe, (int64_t)time(NULL));
}

/* conf/root.crl, a list, and conf/lists, a directory of lists. */
static void
listed_tree(void)
{
    watcher_tree();
    folder_make("conf/lists");
    put_list("conf/root.crl", "root-ca", NULL);
    put_list("conf/lists/clients.pem", "clients-ca", NULL);
    put_list("conf/lists/partner.crl", "partner-ca", NULL);
    folder_put(POLICY, "ca ca.pem\nca more\ncrl root.crl\ncrl lists\nallow spki @spki:alice@ before\n");
}

static void in_place(void) { folder_put(POLICY, AFTER); }
static void in_halves(void) { folder_put_slowly(POLICY, AFTER, 100); }
static void renamed_over(void) { folder_put_over(POLICY, AFTER); }
static void same_size(void) { folder_put(POLICY, "ca ca.pem\nca more\nallow spki @spki:alice@ BEFORE\n"); }
static void ca_added(void) { folder_certificate("other-ca", "conf/more/other.pem"); }
static void ca_in_place(void) { folder_certificate("other-ca", "conf/ca.pem"); }
static void ca_replaced(void) { folder_certificate_over("other-ca", "conf/ca.pem"); }
static void linked_in_place(void) { folder_put("elsewhere/real", AFTER); }

static void list_appended(void) { put_list("conf/root.crl", "root-ca", "clients-ca"); }
static void list_added(void) { put_list("conf/lists/next.pem", "clients-ca", "alice"); }
static void list_removed(void) { folder_remove("conf/lists/partner.crl"); }

static void
list_replaced(void)
{
    put_list("new", "root-ca", "clients-ca");
    folder_move("new", "conf/root.crl");
}

static void
listed_replaced(void)
{
    put_list("new", "clients-ca", "alice");
    folder_move("new", "conf/lists/clients.pem");
}

static void
ca_removed(void)
{
    folder_certificate("other-ca", "conf/more/other.pem");
    folder_remove("conf/more/partner.pem");
}

static void
made_anew(void)
{
    folder_remove(POLICY);
    folder_pause(50);
    folder_put(POLICY, AFTER);
}

static void
next_version(const char *name)
{
    char path[256];
    folder_make(name);
    (void)snprintf(path, sizeof path, "%s/ca.pem", name);
    folder_certificate("other-ca", path);
    (void)snprintf(path, sizeof path, "%s/clients.policy", name);
    folder_put(path, "ca ca.pem\nallow spki @spki:alice@ after\n");
}

static void
directory_exchanged(void)
{
    next_version("conf.new");
    folder_move("conf", "conf.old");
    folder_move("conf.new", "conf");
}

static void
symlink_swapped(void)
{
    next_version("conf/..2");
    folder_link("..2", "conf/..data");
    folder_remove("conf/..1/ca.pem");
    folder_remove("conf/..1/clients.policy");
    ck_assert_int_eq(rmdir("conf/..1"), 0);
}

static void
link_replaced(void)
{
    folder_put("elsewhere/second", AFTER);
    folder_link("../elsewhere/second", POLICY);
}

static const struct {
    const char *name;
    void (*before)(void), (*change)(void);
} changes[] = {
    { "in place", watcher_tree, in_place },
    { "in place, in two halves", watcher_tree, in_halves },
    { "in place, of the same size", watcher_tree, same_size },
    { "renamed over", watcher_tree, renamed_over },
    { "removed and made anew", watcher_tree, made_anew },
    { "a CA added to a directory", watcher_tree, ca_added },
    { "a CA removed from a directory", watcher_tree, ca_removed },
    { "a CA written in place", watcher_tree, ca_in_place },
    { "a CA renamed over", watcher_tree, ca_replaced },
    { "a revocation list renamed over", listed_tree, list_replaced },
    { "a revocation list appended", listed_tree, list_appended },
    { "a revocation list added to a directory", listed_tree, list_added },
    { "a revocation list removed from a directory", listed_tree, list_removed },
    { "a revocation list in a directory renamed over", listed_tree, listed_replaced },
    { "the directory exchanged", watcher_tree, directory_exchanged },
    { "a symlink to the directory swapped", swapped_tree, symlink_swapped },
    { "behind a symlink, in place", linked_tree, linked_in_place },
    { "a symlink to the file replaced", linked_tree, link_replaced },
};
enum { CHANGES = sizeof changes / sizeof *changes };

static void
digest_of(struct mtlspin_verifier *verifier, uint8_t digest[32])
{
    struct mtlspin_policy *policy = mtlspin_verifier_policy(verifier);
    mtlspin_policy_digest(policy, digest);
    mtlspin_policy_unref(policy);
}

/* Twice: the watch must listen in the right places after a reload, too. */
START_TEST(every_change_is_seen)
{
    uint8_t former[32], digest[32];
    enum way way = (enum way)(_i / CHANGES);
    changes[_i % CHANGES].before();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, way);
    digest_of(verifier, former);
    must_rest(verifier, fd, 300);
    int64_t begun = watcher_clock();
    changes[_i % CHANGES].change();
    must_be_due(verifier, fd);
    ck_assert_int_ge(watcher_clock() - begun, 200);
    must_reload(verifier);
    must_be_current(verifier, POLICY);
    digest_of(verifier, digest);
    ck_assert_mem_ne(digest, former, 32);
    must_rest(verifier, fd, 300);
    folder_put(POLICY, "ca ca.pem\nallow spki @spki:build-agent@ again\n");
    must_be_due(verifier, fd);
    must_reload(verifier);
    ck_assert_uint_eq(mtlspin_verifier_generation(verifier), 3);
    must_be_current(verifier, POLICY);
    mtlspin_verifier_unref(verifier);
}
END_TEST

/* What inotify tells comes at once, not with the next look of the timer. */
START_TEST(inotify_is_quick)
{
    changes[_i].before();
    struct mtlspin_verifier *verifier = watcher_verifier(POLICY);
    int fd = watcher_open(verifier, INOTIFY), quick = 0;
    must_rest(verifier, fd, 300);
    for (int i = 0; i < 3 && quick == 0; i++) { /* one is enough: the machine may be busy, or the timer due */
        if (i > 0)
            changes[_i].before();
        must_reload(verifier);
        must_rest(verifier, fd, 300);
        int64_t begun = watcher_clock();
        changes[_i].change();
        must_be_due(verifier, fd);
        quick += watcher_clock() - begun < 800;
    }
    ck_assert_msg(quick > 0, "%s is slow", changes[_i].name);
    mtlspin_verifier_unref(verifier);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("watch-changes");
    TCase *all = tcase_create("watch-changes");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, every_change_is_seen, 0, CHANGES * TIMER + 4);
    tcase_add_loop_test(all, inotify_is_quick, 0, CHANGES);
    suite_add_tcase(suite, all);
    return folder_run(suite);
}
