/* A line of a policy with one part of it marked underneath. */
#ifndef MTLSPIN_TOOLS_MARK_H
#define MTLSPIN_TOOLS_MARK_H

#include "screen.h"
#include "source.h"

/* Prints the line and below it "^~~~" in that tone. The text is foreign: what could steer a terminal is shown as '?', and
   tabs as spaces. Of a line that is too long for `width` columns (0 = no terminal) the part around the mark is shown. */
void mark_show(FILE *out, size_t width, const char *line, size_t length, struct span span, enum tone tone);

#endif
