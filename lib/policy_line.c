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
    const char *end = c->from;
    while (end < c->end && !is_space(*end) && *end != '"')
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

/* A word of a line that has neither quotes nor tabs: the C library finds its end fast. */
static bool
take_plain_word(struct cursor *c)
{
    const char *end = memchr(c->from, ' ', (size_t)(c->end - c->from));
    size_t length = (size_t)((end != NULL ? end : c->end) - c->from);
    if (c->to != c->from)
        memmove(c->to, c->from, length);
    c->to += length;
    c->from += length;
    return true;
}

static bool
is_control(char c)
{
    unsigned char byte = (unsigned char)c;
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

static bool
check_bytes(struct cursor *c)
{
    const char *at = c->start;
    while (at < c->end && !is_control(*at))
        at++;
    return at == c->end || wrong(c, at, *at == '\0' ? "a zero byte; save the file as UTF-8 text"
                                                    : "a control character; delete it, or write a space in its place");
}

static void
split(struct cursor *c, bool (*take)(struct cursor *c))
{
    struct mtlspin__line *line = c->line;
    for (;;) {
        while (c->from < c->end && is_space(*c->from))
            c->from++;
        if (c->from >= c->end || *c->from == '#')
            return;
        if (line->count == MTLSPIN__WORDS_MAX) {
            (void)wrong(c, c->from, "too many words; put a label with spaces into quotes");
            return;
        }
        struct mtlspin__word *word = &line->words[line->count++];
        *word = (struct mtlspin__word){ c->to, (unsigned)(c->from - c->start) + 1, *c->from == '"' };
        if (!take(c))
            return;
        if (c->from < c->end)
            c->from++; /* the space, which the terminator may overwrite */
        *c->to++ = '\0';
    }
}

/* Most lines have neither quotes nor tabs, nor what is wrong anywhere. Every byte of a policy comes through here: without a
   branch, so that compilers take many at a time. */
static bool
is_plain(const char *text, const char *end)
{
    unsigned char special = 0;
    for (; text < end; text++) {
        unsigned char byte = (unsigned char)*text;
        special = (unsigned char)(special | (byte < 0x20) | (byte == '"') | (byte == 0x7f));
    }
    return special == 0;
}

void
mtlspin__line_split(struct mtlspin__line *line, char *text, size_t length)
{
    struct cursor c = { line, text, text, text, text + length };
    line->count = 0;
    line->wrong = NULL;
    line->column = line->words[0].column = 0; /* also that of a line without words */
    if (is_plain(text, c.end))
        split(&c, take_plain_word);
    else if (check_bytes(&c))
        split(&c, take_word);
}
