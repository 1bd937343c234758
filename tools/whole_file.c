#include "whole_file.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { STEP = 1 << 16 };

/* Twice the room, the old one wiped. */
static bool
grow(char **text, size_t used, size_t *room)
{
    size_t wanted = *room > 0 ? *room * 2 : STEP;
    char *grown = OPENSSL_clear_realloc(*text, *room, wanted);
    if (grown == NULL) {
        whole_file_free(*text, used);
        errno = ENOMEM;
        return false;
    }
    *text = grown;
    *room = wanted;
    return true;
}

static char *
read_all(FILE *file, size_t most, size_t *length)
{
    char *text = NULL;
    size_t used = 0, room = 0, got = 0;
    do {
        if (room - used < 2 && !grow(&text, used, &room))
            return NULL;
        got = fread(text + used, 1, room - used - 1, file);
        used += got;
    } while (got > 0 && used <= most);
    if (ferror(file) || used > most) {
        int error = ferror(file) ? errno : EFBIG;
        whole_file_free(text, used);
        errno = error;
        return NULL;
    }
    text[used] = '\0';
    *length = used;
    return text;
}

char *
whole_file_read(const char *path, size_t most, size_t *length)
{
    *length = 0;
    if (strcmp(path, "-") == 0)
        return read_all(stdin, most, length);
    FILE *file = fopen(path, "rbe");
    char *text = file != NULL ? read_all(file, most, length) : NULL;
    int error = errno;
    if (file != NULL)
        (void)fclose(file);
    errno = error;
    return text;
}

void
whole_file_free(char *text, size_t length)
{
    OPENSSL_clear_free(text, length);
}

const char *
whole_file_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}
