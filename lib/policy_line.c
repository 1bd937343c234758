/* Words, quotes and comments. A '#' starts a comment only where a word could start, so that a URI may hold one. */
#include "policy_line.h"
#include <string.h>

struct cursor {
    struct mtlspin__line *line;
    char *start, *from, *to, *end; /* words are moved from `from` to `to`, since escapes shrink them */
};

static bool
is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool
wrong(struct cursor *c, const char *at, const char *what)
{
    c->line->wrong = what;
    c->line->column = (unsigned)(at - c->start) + 1;
    return false;
}

/* Up to the closing quote, which must end the word. */
static bool
take_quoted(struct cursor *c)
{
    const char *open = c->from++;
    while (c->from < c->end && *c->from != '"') {
        if (*c->from == '\\' && ++c->from < c->end && *c->from != '"' && *c->from != '\\')
            return wrong(c, c->from - 1,
                "within quotes a backslash stands before a quote or another backslash only; write \\\\ for one");
        if (c->from < c->end)
            *c->to++ = *c->from++;
    }
    if (c->from >= c->end)
        return wrong(c, open, "this quote is not closed; write another \" at the end of the word");
    c->from++;
    if (c->from < c->end && !is_space(*c->from))
        return wrong(c, c->from, "a closing quote ends the word; leave a space behind it");
    return true;
}

/* A word: quoted, or bare, or an option whose value is quoted. */
static bool
take_word(struct cursor *c)
{
    if (*c->from == '"')
        return take_quoted(c);
    static const bool stops[256] = { [' '] = true, ['\t'] = true, ['"'] = true };
    const char *end = c->from;
    while (end < c->end && !stops[(unsigned char)*end])
        end++;
    size_t length = (size_t)(end - c->from);
    if (c->to != c->from)
        memmove(c->to, c->from, length);
    c->to += length;
    c->from += length;
    if (c->from >= c->end || *c->from != '"')
        return true;
    if (c->from[-1] == '=')
        return take_quoted(c);
    return wrong(c, c->from, "a quote within a word; put the whole word into quotes, and write \\\" for a quote in it");
}

static unsigned
is_control(char c)
{
    unsigned char byte = (unsigned char)c;
    return ((byte < 0x20) & (byte != '\t')) | (byte == 0x7f);
}

static bool
check_bytes(struct cursor *c)
{
    const char *at = c->start;
    unsigned found = 0;
    for (const char *byte = c->start; byte < c->end; byte++)
        found |= is_control(*byte); /* without a branch: every byte of a policy comes through here */
    if (found == 0)
        return true;
    while (!is_control(*at))
        at++;
    return wrong(c, at, *at == '\0' ? "a zero byte; save the file as UTF-8 text"
                                    : "a control character; delete it, or write a space in its place");
}

void
mtlspin__line_split(struct mtlspin__line *line, char *text, size_t length)
{
    struct cursor c = { line, text, text, text, text + length };
    memset(line, 0, sizeof *line);
    if (!check_bytes(&c))
        return;
    for (;;) {
        while (c.from < c.end && is_space(*c.from))
            c.from++;
        if (c.from >= c.end || *c.from == '#')
            return;
        if (line->count == MTLSPIN__WORDS_MAX) {
            (void)wrong(&c, c.from, "too many words; put a label with spaces into quotes");
            return;
        }
        struct mtlspin__word *word = &line->words[line->count++];
        *word = (struct mtlspin__word){ c.to, (unsigned)(c.from - c.start) + 1, *c.from == '"' };
        if (!take_word(&c))
            return;
        if (c.from < c.end)
            c.from++; /* the space, which the terminator may overwrite */
        *c.to++ = '\0';
    }
}
