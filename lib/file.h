/* Whole files and paths. */
#ifndef MTLSPIN_LIB_FILE_H
#define MTLSPIN_LIB_FILE_H

#include "sources.h"
#include <mtlspin/error.h>
#include <sys/types.h>

enum { MTLSPIN__FILE_MOST = 0x7fffffff }; /* bytes; no file has so many */

/* Opens a regular file and notes it in `sources`. A descriptor to close, or -1 on error. */
int mtlspin__file_open(const char *path, size_t *size, struct mtlspin__sources *sources, struct mtlspin_error *error);

/* read(2), which a signal does not end. */
ssize_t mtlspin__file_get(int file, char *buffer, size_t room);

/* Says that the file cannot be read, by an errno, and what to do about it. */
void mtlspin__file_fail(struct mtlspin_error *error, const char *path, int number);

/* Reads a regular file into a new buffer with a terminator behind the content; release with free. NULL on error. Notes the
   file in `sources`. */
char *mtlspin__file_read(const char *path, size_t *length, struct mtlspin__sources *sources, struct mtlspin_error *error);

bool mtlspin__file_is_directory(const char *path);

/* `path` as seen from the directory of `from` (NULL or no slash in it: from here); a new string, or NULL. */
char *mtlspin__path_beside(const char *from, const char *path);

/* The paths of a directory's files whose names end in one of `endings` (".pem", closed by NULL) and have no leading dot,
   sorted; release with mtlspin__paths_free. Notes the directory in `sources`. false on error. */
struct mtlspin__paths {
    char **path;
    size_t count;
};
bool mtlspin__paths_list(struct mtlspin__paths *paths, const char *directory, const char *const *endings,
    struct mtlspin__sources *sources, struct mtlspin_error *error);
void mtlspin__paths_free(struct mtlspin__paths *paths);

#endif
