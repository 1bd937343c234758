/* Words, quotes and comments. A '#' starts a comment only where a word could start, so that a URI may hold one. */
#include "policy_line.h"
#include <string.h>

struct cursor {
    struct mtlspin__line *line;
    char *start, *from, *to, *end; /* words are moved from `from` to `to`, since escapes shrink them */
    bool plain;                    /* neither quote nor tab in the line, nor what is wrong anywhere */
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

/* Behind a bare word. In a plain line that is the next space, which the C library finds many bytes at a time. */
static const char *
word_end(const struct cursor *c)
{
    const char *end = c->from, *space = NULL;
    if (c->plain) {
        space = memchr(end, ' ', (size_t)(c->end - end));
        return space != NULL ? space : c->end;
    }
    while (end < c->end && !is_space(*end) && *end != '"')
        end++;
    return end;
}

/* A word: quoted, or bare, or an option whose value is quoted. */
static bool
take_word(struct cursor *c)
{
    if (*c->from == '"')
        return take_quoted(c);
    size_t length = (size_t)(word_end(c) - c->from);
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

/* Every byte of a policy comes through here: no branch, so that compilers take many at a time. */
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
    c->plain = is_plain(at, c->end);
    if (c->plain)
        return true;
    while (at < c->end && !is_control(*at))
        at++;
    return at == c->end || wrong(c, at, *at == '\0' ? "a zero byte; save the file as UTF-8 text"
                                                    : "a control character; delete it, or write a space in its place");
}

void
mtlspin__line_split(struct mtlspin__line *line, char *text, size_t length)
{
    struct cursor c = { line, text, text, text, text + length, false };
    line->count = 0;
    line->wrong = NULL;
    line->column = line->words[0].column = 0; /* also that of a line without words */
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
