/* The certificates of a live server. It is asked for nothing but them: no application data is ever sent. */
#ifndef MTLSPIN_TOOLS_LIVE_H
#define MTLSPIN_TOOLS_LIVE_H

#include "things.h"

struct live {
    const char *anchors; /* PEM file of the CAs that are believed; NULL: the system's */
    const char *name;    /* what the server is to prove to be, and is asked for; NULL: the host */
    int timeout;         /* milliseconds for all of it, but for looking the name up */
};

/* Whether the argument looks like HOST:PORT. */
bool is_server(const char *argument);

/* Takes all certificates that the server sends, whether or not it goes on talking after that. Nothing is trusted: what is
   wrong with a certificate is written down, not acted on. */
void things_of_server(struct things *things, const char *argument, const struct live *live);

#endif
