#define _GNU_SOURCE 1 /* wcwidth */
#include "screen.h"
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* Asked often, so that the kernel is asked once for each of the three that programs start with. */
static bool
is_terminal(FILE *out)
{
    static enum { UNKNOWN, NO, YES } known[STDERR_FILENO + 1];
    int fd = fileno(out);
    if (fd < 0 || fd > STDERR_FILENO)
        return isatty(fd) == 1;
    if (known[fd] == UNKNOWN)
        known[fd] = isatty(fd) == 1 ? YES : NO;
    return known[fd] == YES;
}

size_t
screen_width(FILE *out)
{
    struct winsize size = { 0 };
    const char *columns = getenv("COLUMNS");
    if (!is_terminal(out))
        return 0;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    unsigned long number = columns != NULL ? strtoul(columns, NULL, 10) : 0;
    return number > 0 && number < 10000 ? number : 80;
}

/* Whether `out` is a terminal that knows how to do more than print. */
static bool
takes_escapes(FILE *out)
{
    const char *kind = getenv("TERM");
    return is_terminal(out) && kind != NULL && strcmp(kind, "dumb") != 0;
}

static bool
has_colours(FILE *out)
{
    const char *refused = getenv("NO_COLOR");
    return takes_escapes(out) && (refused == NULL || refused[0] == '\0');
}

void
screen_tone(FILE *out, enum tone tone)
{
    static const char *const codes[] = { "0", "1", "32", "1;31", "33", "2" };
    if (has_colours(out))
        (void)fprintf(out, "\033[%sm", codes[tone]);
}

void
screen_say(FILE *out, enum tone tone, const char *text)
{
    screen_tone(out, tone);
    (void)fputs(text, out);
    screen_tone(out, TONE_PLAIN);
}

/* What is printed is UTF-8 whatever the locale: a hook or a CI job often runs in plain C. */
static locale_t
utf8(void)
{
    static locale_t locale;
    if (locale == (locale_t)0)
        locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return locale;
}

static size_t
wide_columns(const char *text, size_t length)
{
    size_t columns = 0;
    mbstate_t state = { 0 };
    locale_t before = utf8() != (locale_t)0 ? uselocale(utf8()) : (locale_t)0;
    while (length > 0) {
        wchar_t letter = L'\0';
        size_t step = mbrtowc(&letter, text, length, &state);
        if (step == 0 || step > length) { /* no character: a column for each byte */
            memset(&state, 0, sizeof state);
            step = 1;
        }
        int width = wcwidth(letter);
        columns += width > 0 ? (size_t)width : (width < 0 || letter == L'\0');
        text += step;
        length -= step;
    }
    if (before != (locale_t)0)
        (void)uselocale(before);
    return columns;
}

size_t
screen_columns(const char *text, size_t length)
{
    size_t plain = 0;
    while (plain < length && text[plain] >= ' ' && text[plain] <= '~')
        plain++;
    return plain == length ? length : plain + wide_columns(text + plain, length - plain);
}

void
screen_text(FILE *out, size_t used, size_t indent, const char *text)
{
    size_t width = screen_width(out), at = used;
    for (size_t step = 1; text[0] != '\0'; text += step) {
        for (step = 1; ((unsigned char)text[step] & 0xc0) == 0x80;)
            step++;
        size_t columns = screen_columns(text, step);
        if (width > indent && at + columns > width) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        }
        (void)fwrite(text, 1, step, out);
        at += columns;
    }
    (void)fputc('\n', out);
}

/* A word wider than the terminal gains nothing by a break before it; one that is nearly as wide is indented less. */
void
screen_prose(FILE *out, size_t used, size_t indent, const char *text)
{
    size_t width = screen_width(out), at = used;
    bool first = true;
    for (size_t length = 0; text[0] != '\0'; text += length + (text[length] == ' '), first = false) {
        length = strcspn(text, " ");
        size_t columns = screen_columns(text, length);
        bool fits = width == 0 || at + !first + columns < width || at <= indent;
        if (!fits && columns <= width) {
            at = indent + columns <= width ? indent : width - columns;
            (void)fprintf(out, "\n%*s", (int)at, "");
        } else if (!first) {
            (void)fputc(' ', out);
            at++;
        }
        (void)fwrite(text, 1, length, out);
        at += columns;
    }
    (void)fputc('\n', out);
}

static double
seconds(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void
progress_slow(const char *what, unsigned long done)
{
    static const char *current = NULL;
    static double since = 0, shown = 0;
    static const char clear[] = "\r\033[K";
    if ((what == NULL && current == NULL) || !takes_escapes(stderr))
        return;
    double now = seconds();
    if (what != current) {
        if (shown > 0)
            (void)fputs(clear, stderr);
        current = what;
        since = now;
        shown = 0;
    }
    if (what == NULL || now - since < 1 || now - shown < 0.1)
        return;
    (void)fprintf(stderr, "%s%s %lu", clear, what, done);
    shown = now;
}

void
progress(const char *what, unsigned long done)
{
    static const char *current = NULL;
    static unsigned calls = 0;
    if (what != NULL && what == current && ++calls % 1024 != 0)
        return;
    current = what;
    progress_slow(what, done);
}
