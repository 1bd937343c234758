/* What is left of a piece, the front of a line, moves to the front of the buffer before the next piece is read. */
#include "lines.h"
#include "error.h"
#include "file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Some of the text; 0 at its end, below 0 on failure. */
static ssize_t
get(struct mtlspin__lines *lines, char *to, size_t room)
{
    if (lines->path != NULL)
        return mtlspin__file_get(lines->file, to, room);
    size_t count = lines->text_left < room ? lines->text_left : room;
    memcpy(to, lines->text, count);
    lines->text += count;
    lines->text_left -= count;
    return (ssize_t)count;
}

static bool
grow(struct mtlspin__lines *lines)
{
    char *grown = realloc(lines->buffer, lines->room * 2); /* which fits into a size_t: no text has 2 GiB */
    if (grown == NULL)
        return false;
    lines->buffer = grown;
    lines->room *= 2;
    return true;
}

/* Up to the brim, or to the end of the text, so that a long line is not searched again for every few bytes. 0, or an
   errno. */
static int
fill(struct mtlspin__lines *lines)
{
    size_t kept = lines->used - lines->from;
    memmove(lines->buffer, lines->buffer + lines->from, kept);
    lines->from = 0;
    lines->used = kept;
    if (kept == lines->room && !grow(lines))
        return ENOMEM;
    while (lines->used < lines->room && !lines->ended) {
        ssize_t got = get(lines, lines->buffer + lines->used, lines->room - lines->used);
        if (got < 0)
            return errno;
        lines->ended = got == 0;
        lines->used += (size_t)got;
        lines->total += (size_t)got;
        if (lines->total >= MTLSPIN__FILE_MOST)
            return EFBIG; /* it has grown since it was opened */
    }
    return 0;
}

enum { LEAST = 4096 }; /* where it is not known how much comes */

/* With room for the whole text, if it is short, and one byte more, which shows that it ends there. */
static bool
begin(struct mtlspin__lines *lines, size_t expected)
{
    lines->room = expected < LEAST ? LEAST : expected < MTLSPIN__LINES_PIECE ? expected + 1 : MTLSPIN__LINES_PIECE;
    lines->buffer = malloc(lines->room);
    lines->failed = lines->buffer != NULL ? fill(lines) : ENOMEM;
    if (lines->failed != 0)
        return false;
    if (lines->used >= 3 && memcmp(lines->buffer, "\xef\xbb\xbf", 3) == 0)
        lines->from = 3; /* some editors' mark for UTF-8 */
    return true;
}

bool
mtlspin__lines_open(struct mtlspin__lines *lines, const char *path, struct mtlspin__sources *sources,
    struct mtlspin_error *error)
{
    size_t size = 0;
    *lines = (struct mtlspin__lines){ .path = path };
    lines->file = mtlspin__file_open(path, &size, sources, error);
    if (lines->file < 0)
        return false;
    if (begin(lines, size))
        return true;
    (void)mtlspin__lines_close(lines, error);
    return false;
}

bool
mtlspin__lines_of(struct mtlspin__lines *lines, const char *text, size_t length)
{
    *lines = (struct mtlspin__lines){ .file = -1, .text = text, .text_left = length };
    if (begin(lines, length))
        return true;
    (void)mtlspin__lines_close(lines, NULL);
    return false;
}

char *
mtlspin__lines_next(struct mtlspin__lines *lines, size_t *length)
{
    while (lines->failed == 0) {
        char *line = lines->buffer + lines->from, *end = memchr(line, '\n', lines->used - lines->from);
        if (end != NULL) {
            *length = (size_t)(end - line);
            lines->from += *length + 1;
            return line;
        }
        if (lines->ended)
            return NULL;
        lines->failed = fill(lines);
    }
    return NULL;
}

bool
mtlspin__lines_half(const struct mtlspin__lines *lines)
{
    return lines->failed == 0 && lines->from < lines->used;
}

bool
mtlspin__lines_close(struct mtlspin__lines *lines, struct mtlspin_error *error)
{
    int failed = lines->failed;
    free(lines->buffer);
    if (lines->file >= 0)
        (void)close(lines->file);
    if (failed == 0)
        return true;
    mtlspin__error_clear(error);
    if (lines->path != NULL)
        mtlspin__file_fail(error, lines->path, failed);
    else
        (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
    return false;
}
