/* A program that has locked itself up by chroot: it cannot reload, and gets its policy as a text. */
#define _DEFAULT_SOURCE /* chroot */
#include "folder.h"
#include "pair.h"
#include "pki.h"
#include "policy_text.h"
#include "rig.h"
#include "watcher.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct locked {
    struct mtlspin_verifier *verifier;
    SSL_CTX *server, *clients[2]; /* alice's and kiosk's */
    char *text;
};

/* A program's process leaves by _exit: Check must not run on in it. The status says which demand was not met. */
static void
demand(bool condition, int which)
{
    if (!condition)
        _exit(which);
}

static enum mtlspin_verdict
judge(const struct locked *program, size_t client)
{
    struct pair pair;
    pair_make(&pair, program->server, program->clients[client]);
    (void)pair_shake(&pair);
    enum mtlspin_verdict verdict = mtlspin_check(program->verifier, pair.server, NULL);
    pair_free(&pair);
    return verdict;
}

static void
live_locked_up(const struct locked *program)
{
    demand(chroot("jail") == 0 && chdir("/") == 0, 2);
    demand(mtlspin_verifier_reload(program->verifier, NULL) == MTLSPIN_ERR_FILE, 3);
    demand(judge(program, 0) == MTLSPIN_ALLOW && judge(program, 1) == MTLSPIN_DENY, 4);
    struct mtlspin_policy *policy = mtlspin_policy_parse(program->text, strlen(program->text), "sent", NULL);
    demand(policy != NULL, 5);
    demand(mtlspin_verifier_set_policy(program->verifier, policy, NULL) == MTLSPIN_OK, 6);
    mtlspin_policy_unref(policy);
    demand(judge(program, 0) == MTLSPIN_DENY && judge(program, 1) == MTLSPIN_ALLOW, 7);
    demand(mtlspin_verifier_generation(program->verifier) == 2, 8);
    _exit(0);
}

START_TEST(behind_chroot)
{
    int status = 0;
    struct locked program = { .text = policy_text("chain none\nallow spki @spki:kiosk@ kiosk\n") };
    folder_clean();
    folder_make("jail");
    folder_certificate("root-ca", "ca.pem");
    folder_put("policy", "ca ca.pem\nallow spki @spki:alice@ alice\n");
    program.verifier = watcher_verifier("policy");
    program.server = mtlspin_server_context(pki_path("server-chain", ".pem"), pki_path("server", ".key"), program.verifier,
        NULL);
    ck_assert_ptr_nonnull(program.server);
    program.clients[0] = rig_client("alice", rig_version(_i));
    program.clients[1] = rig_client("kiosk", rig_version(_i));
    pid_t process = fork();
    ck_assert_int_ge(process, 0);
    if (process == 0)
        live_locked_up(&program);
    ck_assert_int_eq(waitpid(process, &status, 0), process);
    ck_assert_int_eq(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    free(program.text);
    for (size_t i = 0; i < 2; i++)
        SSL_CTX_free(program.clients[i]);
    SSL_CTX_free(program.server);
    mtlspin_verifier_unref(program.verifier);
}
END_TEST

int
main(void)
{
    if (chroot("/") != 0) {
        puts("skipped: a program behind chroot, which takes root");
        return 77;
    }
    Suite *suite = suite_create("reload-chroot");
    TCase *all = tcase_create("reload-chroot");
    tcase_add_loop_test(all, behind_chroot, 0, 2);
    suite_add_tcase(suite, all);
    return folder_run(suite);
}
