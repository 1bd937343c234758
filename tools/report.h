/* The facts of `mtlspin pin` as people read them. */
#ifndef MTLSPIN_TOOLS_REPORT_H
#define MTLSPIN_TOOLS_REPORT_H

#include <jansson.h>
#include <stdbool.h>

/* Prints one object as facts_of and lines_add made it: the `index`th of `count` in its source. */
void report_facts(const json_t *facts, size_t index, size_t count);

/* Prints the policy lines alone. */
void report_lines(const json_t *facts);

/* Prints what to do with proposed lines; `proposed`: there are some. */
void report_advice(bool proposed);

#endif
