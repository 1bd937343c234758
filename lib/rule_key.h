/* The 32 bytes under which a rule is found, for what is not a digest by itself. */
#ifndef MTLSPIN_LIB_RULE_KEY_H
#define MTLSPIN_LIB_RULE_KEY_H

#include <mtlspin/pin.h>
#include <stdbool.h>

/* A normal name (name.h) of one kind. */
bool mtlspin__name_key(enum mtlspin_kind kind, const char *normal, uint8_t key[32]);

/* A serial number together with its issuer's SPKI, or from every issuer if `issuer` is NULL. */
bool mtlspin__serial_key(const struct mtlspin_pin *serial, const uint8_t *issuer, uint8_t key[32]);

#endif
