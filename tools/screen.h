/* What a terminal can show: colours, its width, and progress. A pipe gets plain text of any width. */
#ifndef MTLSPIN_TOOLS_SCREEN_H
#define MTLSPIN_TOOLS_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum tone { TONE_PLAIN, TONE_STRONG, TONE_GOOD, TONE_BAD, TONE_WARNING, TONE_FAINT };

/* Columns of the terminal that `out` is; 0 = it is none, or has no limit. */
size_t screen_width(FILE *out);

/* Switches to a tone, until the next call. Does nothing unless `out` is a terminal and NO_COLOR is not set (or empty) and
   TERM is not "dumb" (https://no-color.org). */
void screen_tone(FILE *out, enum tone tone);

/* `text` in that tone. */
void screen_say(FILE *out, enum tone tone, const char *text);

/* A paragraph and a line break. On a terminal it is wrapped between words, its further lines indented by `indent`; `used`
   columns of the first line are taken already. Nothing is wider than the terminal but a word that is so alone. */
void screen_prose(FILE *out, size_t used, size_t indent, const char *text);

/* Somebody else's text and a line break. On a terminal it is broken at the edge, and its further lines are indented: no
   part of it can stand where a line of ours begins. */
void screen_text(FILE *out, size_t used, size_t indent, const char *text);

/* Columns that `length` bytes of UTF-8 take on a terminal. */
size_t screen_columns(const char *text, size_t length);

/* Something that takes long. Shows "what done" on standard error if that is a terminal and a second has passed since the
   first call for this `what` (compared as a pointer; NULL: it is over, and the line is taken away). None on a terminal that
   is "dumb". The first is for fast loops, and looks at the clock in one of 1024 calls; the other looks in each. */
void progress(const char *what, unsigned long done);
void progress_slow(const char *what, unsigned long done);

#endif
