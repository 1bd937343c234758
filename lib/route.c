/* Paths taken apart as the kernel does it, since what a symlink on the way leads to may change. */
#include "route.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST = 4096, SYMLINKS = 40 }; /* Linux' own bounds: no longer path can be opened */

struct walk {
    char done[LONGEST]; /* no symlink in it; "" = the current directory */
    char next[LONGEST]; /* `done` and one name more */
    char rest[LONGEST];
    int symlinks;
};

/* Moves the first name of `rest` over into `next`; false if there is none, or no room. */
static bool
take_name(struct walk *w)
{
    size_t front = strspn(w->rest, "/"), length = strcspn(w->rest + front, "/");
    const char *between = w->done[0] == '\0' || w->done[strlen(w->done) - 1] == '/' ? "" : "/";
    if (length == 0)
        return false;
    int needed = snprintf(w->next, sizeof w->next, "%s%s%.*s", w->done, between, (int)length, w->rest + front);
    front += length;
    front += strspn(w->rest + front, "/");
    memmove(w->rest, w->rest + front, strlen(w->rest + front) + 1);
    return needed > 0 && needed < LONGEST;
}

/* Puts what the symlink `next` says in front of `rest`; false if it cannot be followed. */
static bool
follow(struct walk *w)
{
    char target[LONGEST], whole[LONGEST];
    ssize_t length = readlink(w->next, target, sizeof target - 1);
    if (length <= 0 || ++w->symlinks > SYMLINKS)
        return false;
    target[length] = '\0';
    int needed = snprintf(whole, sizeof whole, "%s/%s", target, w->rest);
    if (needed < 0 || needed >= LONGEST)
        return false;
    memcpy(w->rest, whole, (size_t)needed + 1);
    if (target[0] == '/')
        memcpy(w->done, "/", 2);
    return true;
}

static enum mtlspin__step
step_at(const struct walk *w)
{
    struct stat info;
    if (lstat(w->next, &info) != 0)
        return MTLSPIN__STEP_END;
    if (S_ISLNK(info.st_mode))
        return MTLSPIN__STEP_SYMLINK;
    return S_ISDIR(info.st_mode) && w->rest[0] != '\0' ? MTLSPIN__STEP_DIRECTORY : MTLSPIN__STEP_END;
}

bool
mtlspin__route_walk(const char *path, mtlspin__step_visit *visit, void *user)
{
    struct walk w = { .symlinks = 0 };
    size_t length = strlen(path);
    if (length >= sizeof w.rest)
        return true;
    memcpy(w.rest, path, length + 1);
    memcpy(w.done, path[0] == '/' ? "/" : "\0", 2);
    while (take_name(&w)) {
        enum mtlspin__step step = step_at(&w);
        if (!visit(user, step, w.done[0] != '\0' ? w.done : ".", w.next))
            return false;
        if (step == MTLSPIN__STEP_END || (step == MTLSPIN__STEP_SYMLINK && !follow(&w)))
            return true;
        if (step == MTLSPIN__STEP_DIRECTORY)
            memcpy(w.done, w.next, sizeof w.done);
    }
    return true;
}
