/* What a certificate says of itself, as text that may be shown. */
#ifndef MTLSPIN_TOOLS_SUBJECT_H
#define MTLSPIN_TOOLS_SUBJECT_H

#include <jansson.h>
#include <mtlspin/pin.h>
#include <openssl/x509.h>

enum { SUBJECT_SIZE = 300, MOMENT_SIZE = 80 }; /* bytes of the buffers; a longer name ends in "…" */

/* A distinguished name as in RFC 4514, "(no name)" if it is empty. Returns buffer, as all of these do. */
const char *subject_text(const X509_NAME *name, char buffer[SUBJECT_SIZE]);
const char *subject_of(const X509 *certificate, char buffer[SUBJECT_SIZE]);

/* A pin as a policy writes it; "(unreadable)" where the certificate has none that can be named. */
const char *subject_pin(const X509 *certificate, enum mtlspin_kind kind, char buffer[MTLSPIN_PIN_TEXT_SIZE]);

/* The alternative names, an array of { "type", "value" }: text that is joined could hold another name in it. A new
   reference; NULL without memory. */
json_t *subject_names(const X509 *certificate);

/* A time as in RFC 3339; "for ever" where there is no limit. */
const char *subject_moment(int64_t seconds, char buffer[MOMENT_SIZE]);
const char *subject_date(const ASN1_TIME *date, char buffer[MOMENT_SIZE]);

#endif
