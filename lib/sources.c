/* Files remembered by path, device, inode, size and times. */
#include "sources.h"
#include <stdlib.h>
#include <string.h>

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

struct mtlspin__look
mtlspin__look_at(const char *path)
{
    struct stat info;
    struct mtlspin__look none = { .there = false };
    return stat(path, &info) == 0 ? look_of(&info) : none;
}

bool
mtlspin__look_equal(const struct mtlspin__look *a, const struct mtlspin__look *b)
{
    return a->there == b->there && a->device == b->device && a->inode == b->inode && a->size == b->size
        && a->modified == b->modified && a->changed == b->changed;
}

bool
mtlspin__sources_note(struct mtlspin__sources *sources, const char *path, const struct stat *info)
{
    struct mtlspin__source *grown = realloc(sources->list, (sources->count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    sources->list = grown;
    grown[sources->count].path = strdup(path);
    grown[sources->count].look = look_of(info);
    if (grown[sources->count].path == NULL)
        return false;
    sources->count++;
    return true;
}

bool
mtlspin__sources_hold(const struct mtlspin__sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        struct mtlspin__look now = mtlspin__look_at(sources->list[i].path);
        if (!mtlspin__look_equal(&now, &sources->list[i].look))
            return false;
    }
    return true;
}

void
mtlspin__sources_clear(struct mtlspin__sources *sources)
{
    for (size_t i = 0; i < sources->count; i++)
        free(sources->list[i].path);
    free(sources->list);
    memset(sources, 0, sizeof *sources);
}
