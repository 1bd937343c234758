/* struct mtlspin_error: set once, placed once, printed. */
#include "error.h"
#include "utf8.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int
usable(const struct mtlspin_error *error)
{
    return error != NULL && error->size == sizeof *error;
}

/* A path or a pasted value must not break the line, steer a terminal, or end in half a character. */
static void
make_harmless(char *text)
{
    uint32_t code = 0;
    for (size_t length = strlen(text), step; length > 0; text += step, length -= step) {
        step = mtlspin__utf8_next(text, length, &code);
        bool harmful = step == 0 || mtlspin__utf8_harmful(code);
        step = step == 0 ? 1 : step;
        if (harmful)
            memset(text, '?', step);
    }
}

void
mtlspin__error_clear(struct mtlspin_error *error)
{
    if (!usable(error))
        return;
    error->code = MTLSPIN_OK;
    error->line = error->column = 0;
    error->file[0] = error->message[0] = '\0'; /* not the rest: this runs for every line of a policy */
}

enum mtlspin_status
mtlspin__fail(struct mtlspin_error *error, enum mtlspin_status status, const char *format, ...)
{
    va_list arguments;
    if (!usable(error) || error->code != MTLSPIN_OK)
        return status;
    error->code = status;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    make_harmless(error->message);
    return status;
}

enum mtlspin_status
mtlspin__error_pass(struct mtlspin_error *error, const struct mtlspin_error *found, enum mtlspin_status status)
{
    if (usable(error))
        *error = *found;
    return status;
}

void
mtlspin__error_place(struct mtlspin_error *error, const char *file, unsigned line, unsigned column)
{
    if (!usable(error) || error->code == MTLSPIN_OK || error->line != 0)
        return;
    error->line = line;
    error->column = column;
    if (file == NULL)
        return;
    size_t length = strlen(file), room = sizeof error->file - 1;
    const char *from = length > room ? file + (length - room) : file;
    (void)snprintf(error->file, sizeof error->file, "%s", from);
}

const char *
mtlspin_error_format(const struct mtlspin_error *error, char *buffer, size_t size)
{
    char line[16] = "", column[16] = "";
    if (buffer == NULL || size == 0)
        return "";
    buffer[0] = '\0';
    if (!usable(error))
        return buffer;
    if (error->line != 0)
        (void)snprintf(line, sizeof line, "%s%u", error->file[0] != '\0' ? ":" : "line ", error->line);
    if (error->column != 0)
        (void)snprintf(column, sizeof column, ":%u", error->column);
    (void)snprintf(buffer, size, "%s%s%s%s%s", error->file, line, column,
        error->file[0] != '\0' || line[0] != '\0' ? ": " : "", error->message);
    make_harmless(buffer);
    return buffer;
}
