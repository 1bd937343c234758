/* HOST:PORT, and a connection to it that comes about within a time or not at all. */
#ifndef MTLSPIN_TOOLS_DIAL_H
#define MTLSPIN_TOOLS_DIAL_H

#include <stdbool.h>
#include <stdint.h>

struct dial_address {
    char host[256]; /* for the resolver */
    char name[256]; /* for TLS: without a final dot, and without an address's zone */
    char port[6];
};

/* Takes HOST:PORT or [ADDRESS]:PORT apart. Returns what is wrong, or NULL. */
const char *dial_parse(const char *text, struct dial_address *address);

/* Whether it is an IP address, as opposed to a name. */
bool dial_is_address(const char *name);

/* A connected socket that does not block, or -1 and in *wrong why not. All addresses of the host are tried. *deadline is when
   the time is over. */
int dial(const struct dial_address *address, int milliseconds, int64_t *deadline, const char **wrong);

/* Waits for the socket; false when the deadline has passed. */
bool dial_wait(int connection, bool for_writing, int64_t deadline);

void dial_close(int connection);

#endif
