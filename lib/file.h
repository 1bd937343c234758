/* Whole files and paths. */
#ifndef MTLSPIN_LIB_FILE_H
#define MTLSPIN_LIB_FILE_H

#include <mtlspin/error.h>
#include <stdbool.h>

/* Reads a regular file into a new buffer with a terminator behind the content; release with free. NULL on error. */
char *mtlspin__file_read(const char *path, size_t *length, struct mtlspin_error *error);

bool mtlspin__file_is_directory(const char *path);

/* `path` as seen from the directory of `from` (NULL or no slash in it: from here); a new string, or NULL. */
char *mtlspin__path_beside(const char *from, const char *path);

/* The paths of a directory's files *.pem and *.crt that have no leading dot, sorted; release with
   mtlspin__paths_free. false on error. */
struct mtlspin__paths {
    char **path;
    size_t count;
};
bool mtlspin__paths_list(struct mtlspin__paths *paths, const char *directory, struct mtlspin_error *error);
void mtlspin__paths_free(struct mtlspin__paths *paths);

#endif
