/* Reading files. Only regular ones: a FIFO would block, a directory reads as nothing. */
#include "file.h"
#include "error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOT_REGULAR = -1 }; /* beside the values of errno */

/* What to do about it; the file is a policy, or one that a policy names. */
static const char *
remedy(int number)
{
    switch (number) {
    case NOT_REGULAR: return "copy what it holds into one, and name that";
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG: return "put it there, or write another path (within a policy it starts at the policy's folder)";
    case EACCES: return "let the user of this program read it, and enter its folder";
    case EISDIR: return "name a file in it";
    case EFBIG: return "take one of less than 2 GiB";
    case EMFILE:
    case ENFILE: return "allow more open files (ulimit -n)";
    default: return "try again, or take another copy";
    }
}

void
mtlspin__file_fail(struct mtlspin_error *error, const char *path, int number)
{
    char words[128] = "not a regular file";
    if (number != NOT_REGULAR)
        (void)!strerror_r(number, words, sizeof words);
    (void)mtlspin__fail(error, MTLSPIN_ERR_FILE, "%s: %s; %s", path, words, remedy(number));
}

ssize_t
mtlspin__file_get(int file, char *buffer, size_t room)
{
    ssize_t got = 0;
    do
        got = read(file, buffer, room);
    while (got < 0 && errno == EINTR);
    return got;
}

/* All bytes up to the end, even if the file grows or shrinks meanwhile. 0, or an errno. */
static int
read_all(int fd, size_t expected, char **content, size_t *length)
{
    size_t room = expected + 2, used = 0;
    char *buffer = malloc(room);
    while (buffer != NULL) {
        ssize_t got = mtlspin__file_get(fd, buffer + used, room - used - 1);
        if (got <= 0) {
            int number = got < 0 ? errno : 0;
            buffer[used] = '\0';
            *content = buffer;
            *length = used;
            return number;
        }
        used += (size_t)got;
        if (used + 1 < room)
            continue;
        room = room * 2;
        char *grown = room < MTLSPIN__FILE_MOST ? realloc(buffer, room) : NULL;
        if (grown == NULL)
            free(buffer);
        buffer = grown;
    }
    return ENOMEM;
}

int
mtlspin__file_open(const char *path, size_t *size, struct mtlspin__sources *sources, struct mtlspin_error *error)
{
    struct stat info;
    int number = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        number = errno;
    else if (S_ISDIR(info.st_mode))
        number = EISDIR;
    else if (!S_ISREG(info.st_mode))
        number = NOT_REGULAR;
    else if (info.st_size >= MTLSPIN__FILE_MOST)
        number = EFBIG;
    else if (!mtlspin__sources_note(sources, path, &info))
        number = ENOMEM;
    else
        *size = (size_t)info.st_size;
    if (number == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    mtlspin__file_fail(error, path, number);
    return -1;
}

char *
mtlspin__file_read(const char *path, size_t *length, struct mtlspin__sources *sources, struct mtlspin_error *error)
{
    char *content = NULL;
    size_t size = 0;
    int fd = mtlspin__file_open(path, &size, sources, error);
    if (fd < 0)
        return NULL;
    int number = read_all(fd, size, &content, length);
    (void)close(fd);
    if (number == 0)
        return content;
    free(content);
    mtlspin__file_fail(error, path, number);
    return NULL;
}

bool
mtlspin__file_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *
mtlspin__path_beside(const char *from, const char *path)
{
    const char *slash = from != NULL ? strrchr(from, '/') : NULL;
    size_t front = path[0] == '/' || slash == NULL ? 0 : (size_t)(slash - from) + 1;
    size_t length = strlen(path);
    char *joined = malloc(front + length + 1);
    if (joined == NULL)
        return NULL;
    if (front > 0)
        memcpy(joined, from, front);
    memcpy(joined + front, path, length + 1);
    return joined;
}

static bool
is_wanted(const char *name, const char *const *endings)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || name[0] == '.')
        return false;
    while (*endings != NULL && strcmp(dot, *endings) != 0)
        endings++;
    return *endings != NULL;
}

static bool
add_path(struct mtlspin__paths *paths, const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char **grown = realloc(paths->path, (paths->count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    paths->path = grown;
    grown[paths->count] = malloc(size);
    if (grown[paths->count] == NULL)
        return false;
    (void)snprintf(grown[paths->count++], size, "%s/%s", directory, name);
    return true;
}

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* 0, or an errno. */
static int
list(struct mtlspin__paths *paths, DIR *stream, const char *directory, const char *const *endings)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (entry == NULL)
            return errno;
        if (is_wanted(entry->d_name, endings) && !add_path(paths, directory, entry->d_name))
            return ENOMEM;
    }
}

bool
mtlspin__paths_list(struct mtlspin__paths *paths, const char *directory, const char *const *endings,
    struct mtlspin__sources *sources, struct mtlspin_error *error)
{
    struct stat info;
    int number = 0;
    memset(paths, 0, sizeof *paths);
    DIR *stream = opendir(directory);
    if (stream == NULL || fstat(dirfd(stream), &info) != 0)
        number = errno;
    else if (!mtlspin__sources_note(sources, directory, &info))
        number = ENOMEM;
    else
        number = list(paths, stream, directory, endings);
    if (stream != NULL)
        (void)closedir(stream);
    if (number != 0) {
        mtlspin__file_fail(error, directory, number);
        mtlspin__paths_free(paths);
        return false;
    }
    if (paths->count > 0)
        qsort(paths->path, paths->count, sizeof *paths->path, compare_paths);
    return true;
}

void
mtlspin__paths_free(struct mtlspin__paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->path[i]);
    free(paths->path);
    memset(paths, 0, sizeof *paths);
}
