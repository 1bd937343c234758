/* An epoll descriptor over inotify and a timer; on other systems than Linux, nothing. */
#include "wakeup.h"

#if defined __linux__ && !defined MTLSPIN__PORTABLE

#include "route.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Directories on the way: only that they themselves go away, since much may happen in them. */
static const uint32_t passed = IN_DELETE_SELF | IN_MOVE_SELF;
static const uint32_t holding = IN_DELETE_SELF | IN_MOVE_SELF | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE
    | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
static const uint32_t losing = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW;

static void
close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static bool
join(int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    return fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int
mtlspin__wakeup_open(struct mtlspin__wakeup *wakeup)
{
    wakeup->epoll = epoll_create1(EPOLL_CLOEXEC);
    wakeup->timer = wakeup->epoll >= 0 ? timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC) : -1;
    if (join(wakeup->epoll, wakeup->timer))
        return 0;
    int number = errno;
    mtlspin__wakeup_close(wakeup);
    return number;
}

static bool
listen_to_step(void *user, enum mtlspin__step step, const char *directory, const char *path)
{
    int fd = *(int *)user;
    if (step == MTLSPIN__STEP_DIRECTORY)
        return inotify_add_watch(fd, path, passed | IN_ONLYDIR | IN_MASK_ADD) >= 0 || errno != ENOSPC;
    return inotify_add_watch(fd, directory, holding | IN_ONLYDIR | IN_MASK_ADD) >= 0 || errno != ENOSPC;
}

/* What cannot be listened to, since it is gone again or the system's limit is reached, the timer finds. */
void
mtlspin__wakeup_listen(struct mtlspin__wakeup *wakeup, const struct mtlspin__sources *sources)
{
    close_one(&wakeup->inotify); /* and with it what was listened to before */
    if (wakeup->epoll < 0 || !wakeup->files)
        return;
    wakeup->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (!join(wakeup->epoll, wakeup->inotify))
        close_one(&wakeup->inotify);
    for (size_t i = 0; wakeup->inotify >= 0 && i < sources->count; i++) {
        const char *path = sources->list[i].path;
        if (sources->list[i].symlink)
            continue; /* on the way to the next */
        (void)inotify_add_watch(wakeup->inotify, path, holding | IN_ONLYDIR | IN_MASK_ADD); /* if it is a directory */
        if (!mtlspin__route_walk(path, listen_to_step, &wakeup->inotify))
            break;
    }
}

void
mtlspin__wakeup_drain(const struct mtlspin__wakeup *wakeup, bool *heard, bool *lost)
{
    union {
        struct inotify_event first; /* for the alignment */
        char bytes[4096];
    } buffer;
    uint64_t ticks = 0;
    ssize_t got = 0;
    if (wakeup->timer >= 0)
        (void)!read(wakeup->timer, &ticks, sizeof ticks);
    *heard = false;
    while (wakeup->inotify >= 0 && (got = read(wakeup->inotify, &buffer, sizeof buffer)) > 0) {
        *heard = true;
        for (size_t at = 0; at < (size_t)got;) {
            const struct inotify_event *event = (const void *)(buffer.bytes + at);
            *lost |= (event->mask & losing) != 0;
            at += sizeof *event + event->len;
        }
    }
}

static void
start(int timer, int64_t nanoseconds)
{
    struct itimerspec when = { .it_value = { (time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000) } };
    if (timer >= 0)
        (void)timerfd_settime(timer, 0, &when, NULL);
}

void
mtlspin__wakeup_set(const struct mtlspin__wakeup *wakeup, int64_t milliseconds, bool files)
{
    struct epoll_event event = { .events = files ? EPOLLIN : 0 };
    start(wakeup->timer, milliseconds == MTLSPIN__NEVER ? 0 : milliseconds > 0 ? milliseconds * 1000000 : 1);
    if (wakeup->inotify >= 0)
        (void)epoll_ctl(wakeup->epoll, EPOLL_CTL_MOD, wakeup->inotify, &event);
}

void
mtlspin__wakeup_now(const struct mtlspin__wakeup *wakeup)
{
    start(wakeup->timer, 1);
}

void
mtlspin__wakeup_close(struct mtlspin__wakeup *wakeup)
{
    close_one(&wakeup->inotify);
    close_one(&wakeup->timer);
    close_one(&wakeup->epoll);
}

#else

#include <errno.h>

int
mtlspin__wakeup_open(struct mtlspin__wakeup *wakeup)
{
    (void)wakeup;
    return ENOSYS;
}

void
mtlspin__wakeup_listen(struct mtlspin__wakeup *wakeup, const struct mtlspin__sources *sources)
{
    (void)wakeup, (void)sources;
}

void
mtlspin__wakeup_drain(const struct mtlspin__wakeup *wakeup, bool *heard, bool *lost)
{
    (void)wakeup, (void)lost;
    *heard = false;
}

void
mtlspin__wakeup_set(const struct mtlspin__wakeup *wakeup, int64_t milliseconds, bool files)
{
    (void)wakeup, (void)milliseconds, (void)files;
}

void
mtlspin__wakeup_now(const struct mtlspin__wakeup *wakeup)
{
    (void)wakeup;
}

void
mtlspin__wakeup_close(struct mtlspin__wakeup *wakeup)
{
    (void)wakeup;
}

#endif
