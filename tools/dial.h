/* HOST:PORT, and a connection to it that comes about within a time or not at all. */
#ifndef MTLSPIN_TOOLS_DIAL_H
#define MTLSPIN_TOOLS_DIAL_H

#include <stdbool.h>
#include <stdint.h>

enum { DIAL_NAME_SIZE = 256 };

struct dial_address {
    char host[DIAL_NAME_SIZE]; /* for the resolver */
    char name[DIAL_NAME_SIZE]; /* for TLS */
    char port[6];
};

/* Takes HOST:PORT or [ADDRESS]:PORT apart. Returns what is wrong, or NULL. */
const char *dial_parse(const char *text, struct dial_address *address);

/* A host as TLS names it: without a final dot, and without an address's zone. Writes DIAL_NAME_SIZE bytes at most. */
void dial_name(const char *host, char *name);

/* Whether it is an IP address, as opposed to a name. */
bool dial_is_address(const char *name);

/* A connected socket that does not block, or -1 and in *wrong why not. All addresses of the host are tried. *deadline is
   when the time is over. */
int dial(const struct dial_address *address, int milliseconds, int64_t *deadline, const char **wrong);

/* Whether the deadline has passed. */
bool dial_is_late(int64_t deadline);

/* Waits for the socket; false when the deadline has passed. */
bool dial_wait(int connection, bool for_writing, int64_t deadline);

void dial_close(int connection);

#endif
