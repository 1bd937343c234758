/* The text of a policy, by lines and words. */
#include "source.h"
#include "whole_file.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t
count_lines(const struct source *source)
{
    size_t lines = 1;
    for (size_t at = 0; at < source->length; at++) {
        const char *end = memchr(source->text + at, '\n', source->length - at);
        if (end == NULL)
            break;
        at = (size_t)(end - source->text);
        lines++;
    }
    return lines;
}

static bool
find_lines(struct source *source)
{
    static const char mark[] = "\xef\xbb\xbf"; /* some editors' mark for UTF-8: columns count from behind it */
    const char *end = source->text + source->length;
    source->lines = count_lines(source);
    source->starts = malloc((source->lines + 1) * sizeof *source->starts);
    if (source->starts == NULL)
        return false;
    source->starts[0] = source->length >= 3 && memcmp(source->text, mark, 3) == 0 ? 3 : 0;
    for (size_t i = 1; i < source->lines; i++) {
        const char *from = source->text + source->starts[i - 1];
        source->starts[i] = (size_t)((const char *)memchr(from, '\n', (size_t)(end - from)) + 1 - source->text);
    }
    source->starts[source->lines] = source->length + 1;
    return true;
}

bool
source_read(struct source *source, const char *path)
{
    *source = (struct source){ 0 };
    source->text = whole_file_read(path, WHOLE_POLICY, &source->length);
    if (source->text != NULL && find_lines(source))
        return true;
    source_clear(source);
    return false;
}

void
source_clear(struct source *source)
{
    whole_file_free(source->text, source->length);
    free(source->starts);
    *source = (struct source){ 0 };
}

const char *
source_line(const struct source *source, unsigned line, size_t *length)
{
    *length = 0;
    if (line == 0 || line > source->lines)
        return NULL;
    const char *text = source->text + source->starts[line - 1];
    *length = source->starts[line] - 1 - source->starts[line - 1];
    if (*length > 0 && text[*length - 1] == '\r')
        --*length;
    return text;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The end of what is quoted from `at` on. A quote that is not closed holds the rest of the line. */
static size_t
behind_quotes(const char *line, size_t length, size_t at)
{
    for (at++; at < length && line[at] != '"'; at++)
        at += line[at] == '\\' && at + 1 < length;
    return at < length ? at + 1 : length;
}

bool
source_word(const char *line, size_t length, size_t at, struct span *word)
{
    while (at < length && is_space(line[at]))
        at++;
    if (at >= length || line[at] == '#')
        return false;
    word->at = at;
    while (at < length && !is_space(line[at])) {
        bool quoted = line[at] == '"' && (at == word->at || line[at - 1] == '=');
        at = quoted ? behind_quotes(line, length, at) : at + 1;
        if (quoted)
            break;
    }
    word->length = at - word->at;
    return true;
}

static bool
begins(const char *line, struct span word, const char *front)
{
    size_t length = strlen(front);
    return word.length >= length && strncasecmp(line + word.at, front, length) == 0;
}

struct span
source_span(const char *line, size_t length, unsigned column)
{
    size_t at = column > 0 ? column - 1 : 0, end = 0;
    struct span word = { 0, 0 }, next;
    for (unsigned n = 0; source_word(line, length, end, &word) && word.at <= at; n++) {
        end = word.at + word.length;
        if (at >= end)
            continue;
        if (n == 2 && at == word.at && source_word(line, length, end, &next) && begins(line, next, "fingerprint="))
            end = next.at + next.length;
        return (struct span){ at, end - at };
    }
    if (column == 1 && source_word(line, length, 0, &word)) /* about the line */
        return word;
    return (struct span){ at < length ? at : length, 1 };
}

unsigned
source_column(const struct source *source, unsigned line, unsigned n)
{
    struct span word = { 0, 0 };
    size_t length = 0;
    const char *text = source_line(source, line, &length);
    for (unsigned i = 0; i <= n; i++)
        if (text == NULL || !source_word(text, length, word.at + word.length, &word))
            return 1;
    return (unsigned)word.at + 1;
}

unsigned
source_option(const struct source *source, unsigned line, const char *name, unsigned otherwise)
{
    struct span word = { 0, 0 };
    size_t length = 0;
    const char *text = source_line(source, line, &length);
    while (text != NULL && source_word(text, length, word.at + word.length, &word))
        if (begins(text, word, name))
            return (unsigned)word.at + 1;
    return otherwise;
}

bool
source_starts(const struct source *source, unsigned line, const char *word)
{
    struct span first;
    size_t length = 0;
    const char *text = source_line(source, line, &length);
    return text != NULL && source_word(text, length, 0, &first) && first.length == strlen(word)
        && memcmp(text + first.at, word, first.length) == 0;
}
