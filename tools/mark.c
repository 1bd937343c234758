/* A marked line, made of cells: one for each character, so that both lines stay aligned whatever is in them. */
#include "mark.h"
#include <mtlspin/text.h>
#include <string.h>

enum { BEFORE = 400, CELLS = 1200, WIDEST = 400, TAB = 8 };

struct cell {
    char text[TAB + 1];
    unsigned char columns;
    bool marked;
};

struct strip {
    struct cell cells[CELLS];
    size_t count, columns; /* of all */
    size_t mark;           /* the first marked cell */
    size_t marked;         /* columns of the marked ones */
    bool more_before, more_behind;
};

/* Bytes of the character at the start of text[0..length), which may be none. */
static size_t
step_of(const char *text, size_t length)
{
    size_t step = 1;
    while (step < length && step < 4 && (text[0] & 0x80) != 0 && ((unsigned char)text[step] & 0xc0) == 0x80)
        step++;
    return step;
}

static void
add_cell(struct strip *strip, const char *text, size_t length, bool marked)
{
    struct cell *cell = &strip->cells[strip->count];
    size_t columns = TAB - strip->columns % TAB;
    if (length > 0 && text[0] == '\t') {
        memset(cell->text, ' ', columns);
        cell->text[columns] = '\0';
    } else {
        (void)mtlspin_text_show(text, length, cell->text, sizeof cell->text);
        columns = screen_columns(cell->text, strlen(cell->text));
    }
    cell->columns = (unsigned char)columns;
    cell->marked = marked;
    strip->columns += columns;
    if (marked && strip->mark == CELLS)
        strip->mark = strip->count;
    strip->marked += marked ? columns : 0;
    strip->count++;
}

/* A line may be as long as a file: no more of it is looked at than could be shown. */
static void
fill(struct strip *strip, const char *line, size_t length, struct span span)
{
    size_t at = span.at > BEFORE ? span.at - BEFORE : 0;
    while (at > 0 && at < span.at && ((unsigned char)line[at] & 0xc0) == 0x80)
        at++;
    strip->mark = CELLS;
    strip->more_before = at > 0;
    while (at < length && strip->count < CELLS - 1) {
        size_t step = step_of(line + at, at < span.at ? span.at - at : length - at);
        add_cell(strip, line + at, step, at >= span.at && at < span.at + span.length);
        at += step;
    }
    strip->more_behind = at < length;
    if (strip->mark == CELLS)
        add_cell(strip, " ", 1, true);
}

/* Which cells fit: all marked ones if possible, and a third of the room for what stands before, or what the rest leaves. */
static void
choose(struct strip *strip, size_t room, size_t *first, size_t *end)
{
    size_t rest = room - (strip->marked <= room ? strip->marked : 0), before = rest < room / 3 ? rest : room / 3, used = 0;
    *first = *end = strip->mark;
    while (*first > 0 && used + strip->cells[*first - 1].columns <= before)
        used += strip->cells[--*first].columns;
    while (*end < strip->count && used + strip->cells[*end].columns <= room)
        used += strip->cells[(*end)++].columns;
    while (*first > 0 && used + strip->cells[*first - 1].columns <= room)
        used += strip->cells[--*first].columns;
}

static void
put(FILE *out, const char *what, size_t times)
{
    while (times-- > 0)
        (void)fputs(what, out);
}

static void
print_marks(FILE *out, const struct strip *strip, size_t first, size_t end, enum tone tone)
{
    bool begun = false;
    for (size_t i = first; i < strip->mark; i++)
        put(out, " ", strip->cells[i].columns);
    screen_tone(out, tone);
    for (size_t i = strip->mark; i < end && strip->cells[i].marked; i++) {
        put(out, "^", !begun && strip->cells[i].columns > 0);
        put(out, "~", strip->cells[i].columns > 0 ? strip->cells[i].columns - !begun : 0);
        begun |= strip->cells[i].columns > 0;
    }
    screen_tone(out, TONE_PLAIN);
    (void)fputc('\n', out);
}

void
mark_show(FILE *out, size_t width, const char *line, size_t length, struct span span, enum tone tone)
{
    struct strip strip;
    size_t room = width > 0 && width < WIDEST ? width - 1 : WIDEST, first = 0, end = 0;
    strip.count = strip.columns = strip.marked = 0;
    fill(&strip, line, length, span);
    bool whole = !strip.more_before && !strip.more_behind && strip.columns <= room;
    if (!whole && room > 2)
        room -= 2; /* for the signs that something is left out */
    choose(&strip, room, &first, &end);
    bool cut_before = first > 0 || strip.more_before, cut_behind = end < strip.count || strip.more_behind;
    put(out, "…", cut_before);
    for (size_t i = first; i < end; i++)
        (void)fputs(strip.cells[i].text, out);
    put(out, "…", cut_behind);
    (void)fputc('\n', out);
    put(out, " ", cut_before);
    print_marks(out, &strip, first, end, tone);
}
