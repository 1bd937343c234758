/* Files remembered by path, device, inode, size and times. */
#include "sources.h"
#include "route.h"
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 16,    /* notes back to which a repetition is left out: many rules name one issuer */
    TICK = 20000000 /* nanoseconds, more than any kernel's step between two times of a file */
};

static struct mtlspin__look
look_of(const struct stat *info)
{
    struct mtlspin__look look = {
        .device = (uint64_t)info->st_dev,
        .inode = (uint64_t)info->st_ino,
        .size = (uint64_t)info->st_size,
        .modified = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec,
        .changed = (int64_t)info->st_ctim.tv_sec * 1000000000 + info->st_ctim.tv_nsec,
        .there = true,
    };
    return look;
}

/* What `path` looks like now; a file that is not there has a look of its own. */
static struct mtlspin__look
look_at(const char *path, bool symlink)
{
    struct stat info;
    struct mtlspin__look none = { .there = false };
    return (symlink ? lstat(path, &info) : stat(path, &info)) == 0 ? look_of(&info) : none;
}

/* A source before its path is copied. */
struct found {
    const char *path;
    struct mtlspin__look look;
    bool symlink;
};

static bool
equal(const struct mtlspin__source *a, const struct found *b)
{
    const struct mtlspin__look *x = &a->look, *y = &b->look;
    return a->symlink == b->symlink && x->there == y->there && x->device == y->device && x->inode == y->inode
        && x->size == y->size && x->modified == y->modified && x->changed == y->changed && strcmp(a->path, b->path) == 0;
}

/* Whether one of the last notes before list[end] says the same. */
static bool
repeats(const struct mtlspin__sources *sources, size_t end, const struct found *found)
{
    for (size_t i = end > WINDOW ? end - WINDOW : 0; i < end; i++)
        if (equal(&sources->list[i], found))
            return true;
    return false;
}

static bool
append_one(struct mtlspin__sources *sources, const struct found *found)
{
    if (repeats(sources, sources->count, found))
        return true;
    struct mtlspin__source *grown = realloc(sources->list, (sources->count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    sources->list = grown;
    grown += sources->count;
    grown->path = strdup(found->path);
    grown->look = found->look;
    grown->symlink = found->symlink;
    sources->count += grown->path != NULL;
    return grown->path != NULL;
}

static bool
append(struct mtlspin__sources *sources, const struct found *found)
{
    return append_one(sources, found) && (sources->also == NULL || append_one(sources->also, found));
}

/* The same walk writes a list and compares with one. */
struct survey {
    struct mtlspin__sources *into;
    const struct mtlspin__sources *with; /* where there is no `into` */
    size_t at;
};

static bool
meet(struct survey *survey, const struct found *found)
{
    if (survey->into != NULL)
        return append(survey->into, found);
    if (repeats(survey->with, survey->at, found))
        return true;
    return survey->at < survey->with->count && equal(&survey->with->list[survey->at++], found);
}

static bool
meet_symlink(void *user, enum mtlspin__step step, const char *directory, const char *path)
{
    (void)directory;
    if (step != MTLSPIN__STEP_SYMLINK)
        return true;
    struct found found = { path, look_at(path, true), true };
    return meet(user, &found);
}

/* The symlinks, then the file. */
static bool
meet_all(struct survey *survey, const char *path, struct mtlspin__look look)
{
    struct found found = { path, look, false };
    return mtlspin__route_walk(path, meet_symlink, survey) && meet(survey, &found);
}

bool
mtlspin__sources_note(struct mtlspin__sources *sources, const char *path, const struct stat *info)
{
    struct survey survey = { .into = sources };
    return meet_all(&survey, path, look_of(info));
}

bool
mtlspin__sources_note_now(struct mtlspin__sources *sources, const char *path)
{
    struct survey survey = { .into = sources };
    return meet_all(&survey, path, look_at(path, false));
}

bool
mtlspin__sources_copy(const struct mtlspin__sources *sources, struct mtlspin__sources *to)
{
    for (size_t i = 0; i < sources->count; i++) {
        const struct mtlspin__source *source = &sources->list[i];
        struct found found = { source->path, source->look, source->symlink };
        if (!append(to, &found))
            return false;
    }
    return true;
}

static bool
survey_all(const struct mtlspin__sources *sources, struct survey *survey)
{
    for (size_t i = 0; i < sources->count; i++) {
        const struct mtlspin__source *source = &sources->list[i];
        if (!source->symlink && !meet_all(survey, source->path, look_at(source->path, false)))
            return false;
    }
    return true;
}

bool
mtlspin__sources_survey(const struct mtlspin__sources *sources, struct mtlspin__sources *now)
{
    struct survey survey = { .into = now };
    mtlspin__sources_clear(now);
    return survey_all(sources, &survey);
}

bool
mtlspin__sources_hold(const struct mtlspin__sources *sources)
{
    struct survey survey = { .with = sources };
    return survey_all(sources, &survey) && survey.at == sources->count;
}

bool
mtlspin__sources_recent(const struct mtlspin__sources *sources, int64_t from, int64_t until)
{
    for (size_t i = 0; i < sources->count; i++) {
        int64_t changed = sources->list[i].look.changed;
        if (sources->list[i].look.there && changed > from - TICK && changed < until + TICK)
            return true;
    }
    return false;
}

void
mtlspin__sources_clear(struct mtlspin__sources *sources)
{
    for (size_t i = 0; i < sources->count; i++)
        free(sources->list[i].path);
    free(sources->list);
    sources->list = NULL;
    sources->count = 0;
}
