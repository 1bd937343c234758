/* One rule of a table. */
#ifndef MTLSPIN_LIB_RULE_H
#define MTLSPIN_LIB_RULE_H

#include <mtlspin/pin.h>
#include <stdbool.h>

/* Beside the public kinds: the serial number of a denial with an issuer, for certificates whose issuer is not known. */
enum { MTLSPIN__UNISSUED_SERIAL = MTLSPIN_ANY + 1, MTLSPIN__KINDS };

/* Every kind of rule is looked up by 32 bytes: the digest that it names, or the digest of what it names (see evidence.h).
   `line` also is the order of the rules. */
struct mtlspin__rule {
    uint8_t key[32];
    uint32_t label;       /* offset in the table's labels; 0 = "" */
    uint32_t line;
    uint32_t period : 27; /* index in the table's periods; 0 = always */
    uint32_t kind : 4;
    bool spiffe : 1;      /* matches only a certificate with a single URI */
};

#endif
