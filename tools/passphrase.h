/* The passphrase of an encrypted file: out of a file, or asked for where somebody can answer. */
#ifndef MTLSPIN_TOOLS_PASSPHRASE_H
#define MTLSPIN_TOOLS_PASSPHRASE_H

#include <stdbool.h>

struct passphrase {
    const char *file;   /* its first line is the passphrase; NULL: ask on the terminal */
    const char *source; /* what is being opened */
    bool wanted;        /* since passphrase_start somebody has asked for it */
    const char *wrong;  /* and why there was none, with what to do; NULL: there was one */
    char text[1200];    /* where that is made */
};

/* Another block is being opened. */
void passphrase_start(struct passphrase *passphrase);

/* An OpenSSL pem_password_cb; `context` is a struct passphrase. Never asks where there is no terminal. */
int passphrase_get(char *buffer, int size, int writing, void *context);

#endif
