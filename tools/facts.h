/* What there is to say about one thing, as an object of JSON: the text for people is made from the same object. */
#ifndef MTLSPIN_TOOLS_FACTS_H
#define MTLSPIN_TOOLS_FACTS_H

#include "things.h"
#include <jansson.h>
#include <mtlspin/pin.h>

/* The certificate of the CA that issued `certificate`, if it is among these: its key has signed it, whatever the names say.
   NULL if it is not. */
X509 *find_issuer(const struct things *things, X509 *certificate);

/* The key's pin; kind MTLSPIN_KIND_NONE for what has none. */
struct mtlspin_pin key_pin(const struct thing *thing);

/* 1 for a CA's certificate. */
bool is_ca(const struct thing *thing);

/* Keys: source, kind; and where it has them: server_verified, server_error, subject, issuer, serial, issuer_spki, names,
   not_before, not_after, validity, key_type, key_bits, key_group, ca, signature_valid, spki, thumbprint. What a thing does
   not have, or what cannot be known, is left out. NULL: no memory. */
json_t *facts_of(const struct things *things, const struct thing *thing, X509 *issuer);

#endif
