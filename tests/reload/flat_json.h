/* Whether a text is one JSON object (RFC 8259) without further ones in it: as our events are. */
#ifndef TESTS_FLAT_JSON_H
#define TESTS_FLAT_JSON_H

#include <stdbool.h>

bool flat_json(const char *text);

#endif
