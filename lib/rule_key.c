/* Keys of rules: everything is hashed, so that one lookup serves all kinds. The first byte keeps kinds apart. */
#include "rule_key.h"
#include "digest.h"
#include <string.h>

bool
mtlspin__name_key(enum mtlspin_kind kind, const char *normal, uint8_t key[32])
{
    uint8_t tag = (uint8_t)kind;
    struct mtlspin__bytes runs[] = { { &tag, 1 }, { normal, strlen(normal) } };
    return mtlspin__sha256(key, runs, 2);
}

bool
mtlspin__serial_key(const struct mtlspin_pin *serial, const uint8_t *issuer, uint8_t key[32])
{
    uint8_t head[] = { MTLSPIN_SERIAL, issuer != NULL, serial->negative, serial->length };
    struct mtlspin__bytes runs[] = {
        { head, sizeof head }, { issuer, issuer != NULL ? 32 : 0 }, { serial->bytes, serial->length }
    };
    return mtlspin__sha256(key, runs, 3);
}
