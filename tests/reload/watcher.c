#include "watcher.h"
#include "folder.h"
#include "watch_due.h"
#include <poll.h>
#include <time.h>

int watcher_wakeups;

int64_t
watcher_clock(void)
{
    struct timespec now;
    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct mtlspin_policy *
load(const char *path)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    ck_assert_msg(policy != NULL, "%s", mtlspin_error_format(&error, line, sizeof line));
    return policy;
}

struct mtlspin_verifier *
watcher_verifier(const char *path)
{
    struct mtlspin_policy *policy = load(path);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, NULL);
    ck_assert_ptr_nonnull(verifier);
    mtlspin_policy_unref(policy);
    return verifier;
}

void
watcher_set_file(struct mtlspin_verifier *verifier, const char *path)
{
    struct mtlspin_policy *policy = load(path);
    ck_assert_int_eq(mtlspin_verifier_set_policy(verifier, policy, NULL), MTLSPIN_OK);
    mtlspin_policy_unref(policy);
}

int
watcher_open(struct mtlspin_verifier *verifier, enum way way)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    if (way == BY_HAND)
        return -1;
    int fd = mtlspin__watch_open(verifier, way == INOTIFY, &error);
    ck_assert_msg(fd >= 0, "%s", error.message);
    return fd;
}

int
watcher_wait(struct mtlspin_verifier *verifier, int fd, int milliseconds)
{
    int64_t end = watcher_clock() + milliseconds;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    watcher_wakeups = 0;
    for (int64_t left = milliseconds; left > 0; left = end - watcher_clock()) {
        struct pollfd one = { fd, POLLIN, 0 };
        int ready = poll(&one, 1, fd < 0 ? (left < 30 ? (int)left : 30) : (int)left);
        if (fd >= 0 && ready == 0)
            break;
        watcher_wakeups++;
        int due = mtlspin_verifier_watch_due(verifier, &error);
        ck_assert_msg(due >= 0, "%s", error.message);
        if (due == 1)
            return 1;
    }
    return 0;
}

void
must_be_due(struct mtlspin_verifier *verifier, int fd)
{
    ck_assert_int_eq(watcher_wait(verifier, fd, 8000), 1);
}

void
must_rest(struct mtlspin_verifier *verifier, int fd, int milliseconds)
{
    ck_assert_int_eq(watcher_wait(verifier, fd, milliseconds), 0);
    if (fd >= 0)
        ck_assert_int_le(watcher_wakeups, 4 + milliseconds / 1000);
}

void
must_reload(struct mtlspin_verifier *verifier)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    ck_assert_msg(mtlspin_verifier_reload(verifier, &error) == MTLSPIN_OK, "%s",
        mtlspin_error_format(&error, line, sizeof line));
}

void
must_be_current(struct mtlspin_verifier *verifier, const char *path)
{
    uint8_t digests[2][32];
    struct mtlspin_policy *policies[2] = { mtlspin_verifier_policy(verifier), load(path) };
    for (size_t i = 0; i < 2; i++) {
        mtlspin_policy_digest(policies[i], digests[i]);
        mtlspin_policy_unref(policies[i]);
    }
    ck_assert_mem_eq(digests[0], digests[1], 32);
}

void
watcher_tree(void)
{
    folder_clean();
    folder_make("conf");
    folder_make("conf/more");
    folder_certificate("root-ca", "conf/ca.pem");
    folder_certificate("partner-ca", "conf/more/partner.pem");
    folder_put(POLICY, BEFORE);
}
