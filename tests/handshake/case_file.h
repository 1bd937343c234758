/* The table of handshakes in cases.txt. */
#ifndef TESTS_CASE_FILE_H
#define TESTS_CASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handshake_case {
    int line;           /* in cases.txt */
    const char *policy; /* text */
    int64_t now;        /* 0 = the system's time */
    char chain[64], key[64]; /* file names without suffix; "" = no certificate */
    bool allow;
    char reason[2][24]; /* of TLS 1.2 and 1.3 */
    int alert[2];       /* -1 = none */
    char label[64];     /* "" = none */
};

/* All cases; kept until the program ends. The program exits if the file cannot be understood. */
const struct handshake_case *handshake_cases(size_t *count);

#endif
