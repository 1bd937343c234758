/* Warnings about who may write the policy: its files, and the folders that they are in. */
#define _GNU_SOURCE 1 /* S_ISVTX, realpath */
#include "lint.h"
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SHOWN = 400 };

struct place {
    char *path;
    size_t number; /* as the first name of a place it is called by */
    struct stat info;
};

struct places {
    struct place *list;
    size_t count, room;
    bool failed;
};

static void
note(struct places *places, const char *path)
{
    struct place place = { .path = NULL };
    if (stat(path, &place.info) != 0)
        return;
    if (places->count == places->room) {
        size_t room = places->room * 2 + 16;
        struct place *grown = realloc(places->list, room * sizeof *grown);
        places->failed |= grown == NULL;
        if (grown == NULL)
            return;
        places->list = grown;
        places->room = room;
    }
    place.path = strdup(path);
    place.number = places->count;
    places->failed |= place.path == NULL;
    if (place.path != NULL)
        places->list[places->count++] = place;
}

static void
note_folder_of(struct places *places, const char *path)
{
    char folder[PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length < sizeof folder)
        (void)snprintf(folder, sizeof folder, "%.*s", length > 0 ? (int)length : 1, length > 0 ? path : ".");
    if (length < sizeof folder)
        note(places, folder);
}

/* A symbolic link can be exchanged where it is, and what it leads to there. */
static void
note_file(struct places *places, const char *path)
{
    char real[PATH_MAX];
    note(places, path);
    note_folder_of(places, path);
    if (realpath(path, real) != NULL)
        note_folder_of(places, real);
}

static int
compare(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->info.st_dev != b->info.st_dev)
        return a->info.st_dev < b->info.st_dev ? -1 : 1;
    if (a->info.st_ino != b->info.st_ino)
        return a->info.st_ino < b->info.st_ino ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static const char *
user_text(uid_t uid, char text[64])
{
    const struct passwd *user = getpwuid(uid);
    (void)snprintf(text, 64, "%lu", (unsigned long)uid);
    return user != NULL ? mtlspin_text_show(user->pw_name, strlen(user->pw_name), text, 64) : text;
}

/* Many systems give each user a group of the same name with nobody else in it. */
static bool
is_own_group(const struct stat *info, const struct group *group)
{
    const struct passwd *user = getpwuid(info->st_uid);
    if (user == NULL || group == NULL || user->pw_gid != info->st_gid || strcmp(user->pw_name, group->gr_name) != 0)
        return false;
    for (char **member = group->gr_mem; *member != NULL; member++)
        if (strcmp(*member, user->pw_name) != 0)
            return false;
    return true;
}

static void
warn_mode(const struct lint *lint, const struct place *place, const char *path)
{
    const struct stat *info = &place->info;
    bool folder = S_ISDIR(info->st_mode);
    char name[64], who[80] = "everybody";
    const char *what = folder ? "exchange files in " : "write ", *change = "o-w";
    if (folder && (info->st_mode & S_ISVTX) != 0)
        return; /* there nobody can exchange another one's files */
    if ((info->st_mode & S_IWOTH) == 0) {
        const struct group *group = (info->st_mode & S_IWGRP) != 0 ? getgrgid(info->st_gid) : NULL;
        if ((info->st_mode & S_IWGRP) == 0 || is_own_group(info, group))
            return;
        (void)snprintf(name, sizeof name, "%lu", (unsigned long)info->st_gid);
        (void)snprintf(who, sizeof who, "group %s", group != NULL ? group->gr_name : name);
        change = "g-w";
    } else if ((info->st_mode & S_IWGRP) != 0) {
        change = "go-w";
    }
    findings_warn(lint->findings, WARN_WRITABLE, 0, 0,
        "%s can %s%s (mode %04o), and so decide who gets in; take that away with `chmod %s`", who, what, path,
        (unsigned)info->st_mode & 07777U, change);
}

static void
warn_place(const struct lint *lint, const struct place *place)
{
    char path[PATH_SHOWN], user[64];
    (void)mtlspin_text_show(place->path, strlen(place->path), path, sizeof path);
    warn_mode(lint, place, path);
    if (place->info.st_uid != 0 && place->info.st_uid != geteuid())
        findings_warn(lint->findings, WARN_WRITABLE, 0, 0,
            "user %s owns %s, and so decides who gets in; give it to root with `chown root`, or check as that user",
            user_text(place->info.st_uid, user), path);
}

void
lint_files(const struct lint *lint)
{
    struct places places = { 0 };
    for (size_t i = 0; i < lint->survey->file_count; i++)
        note_file(&places, lint->survey->files[i]);
    if (places.count > 0)
        qsort(places.list, places.count, sizeof *places.list, compare);
    for (size_t i = 0; i < places.count; i++) {
        bool again = i > 0 && places.list[i - 1].info.st_dev == places.list[i].info.st_dev
            && places.list[i - 1].info.st_ino == places.list[i].info.st_ino;
        if (!again)
            warn_place(lint, &places.list[i]);
    }
    for (size_t i = 0; i < places.count; i++)
        free(places.list[i].path);
    free(places.list);
    lint->findings->failed |= places.failed;
}
