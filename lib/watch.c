/* Whether files have changed: their looks decide, and what wakes us up is only a hint. */
#include "watch.h"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Milliseconds. */
enum {
    REST = 200,         /* the same look for that long: whoever writes the files has finished */
    PERIOD = 2000,      /* between looks for what inotify cannot tell: network file systems, exhausted limits */
    PATIENCE = 1000,    /* until a reload that could not read a file is tried again, doubled each time */
    PATIENCE_END = 64000
};

static int64_t
monotonic(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct mtlspin__watch *
mtlspin__watch_new(void)
{
    struct mtlspin__watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->owner = getpid();
    watch->wakeup = (struct mtlspin__wakeup)MTLSPIN__NO_WAKEUP;
    return watch;
}

void
mtlspin__watch_follow(struct mtlspin__watch *watch, struct mtlspin__sources *base, bool retry)
{
    mtlspin__sources_clear(&watch->base);
    mtlspin__sources_clear(&watch->seen);
    watch->base = *base;
    *base = (struct mtlspin__sources){ 0 };
    watch->differs = false;
    watch->lost = watch->following = true;
    watch->patience = !retry ? 0 : watch->patience == 0 ? PATIENCE : watch->patience * 2;
    if (watch->patience > PATIENCE_END)
        watch->patience = PATIENCE_END;
    watch->retry = retry ? monotonic() + watch->patience : 0;
}

void
mtlspin__watch_rest(struct mtlspin__watch *watch)
{
    bool heard = false;
    struct mtlspin__sources none = { 0 };
    mtlspin__watch_follow(watch, &none, false);
    watch->following = false;
    mtlspin__wakeup_listen(&watch->wakeup, &none);
    mtlspin__wakeup_drain(&watch->wakeup, &heard, &watch->lost);
    mtlspin__wakeup_set(&watch->wakeup, MTLSPIN__NEVER, false);
}

/* The files are not as they were. */
static int
compare_with_last_look(struct mtlspin__watch *watch, int64_t now)
{
    if (watch->differs && mtlspin__sources_hold(&watch->seen)) {
        if (now - watch->since < REST)
            return 0;
        watch->patience = 0;
        return 1;
    }
    watch->differs = mtlspin__sources_survey(&watch->base, &watch->seen);
    watch->since = now;
    watch->lost = true; /* symlinks may lead elsewhere now */
    return watch->differs ? 0 : -1;
}

static int
look(struct mtlspin__watch *watch, int64_t now)
{
    if (!mtlspin__sources_hold(&watch->base))
        return compare_with_last_look(watch, now);
    watch->differs = false;
    return watch->retry != 0 && now >= watch->retry;
}

/* How long to wait for the next look. Files are not listened to while it is known when to look anyway, so that a directory
   in which much happens does not wake the program all the time. */
static void
set_wakeup(struct mtlspin__watch *watch, int result, bool heard, int64_t now)
{
    int64_t wait = PERIOD;
    if (result == 0 && (watch->differs || heard))
        wait = watch->differs ? watch->since + REST - now : REST;
    else if (result == 0 && watch->retry != 0 && watch->retry - now < wait)
        wait = watch->retry - now;
    mtlspin__wakeup_set(&watch->wakeup, wait, result == 0 && !watch->differs && !heard);
}

int
mtlspin__watch_look(struct mtlspin__watch *watch)
{
    bool heard = false;
    mtlspin__wakeup_drain(&watch->wakeup, &heard, &watch->lost);
    if (watch->lost)
        mtlspin__wakeup_listen(&watch->wakeup, &watch->base); /* before the look, which sees what came earlier */
    watch->lost = false;
    int64_t now = monotonic();
    bool differed = watch->differs;
    int result = look(watch, now);
    if (differed && !watch->differs)
        watch->lost = heard = true; /* there and back */
    set_wakeup(watch, result, heard, now);
    return result;
}

void
mtlspin__watch_free(struct mtlspin__watch *watch)
{
    if (watch == NULL)
        return;
    mtlspin__sources_clear(&watch->base);
    mtlspin__sources_clear(&watch->seen);
    mtlspin__wakeup_close(&watch->wakeup);
    free(watch);
}
