/* Names out of certificates as text that is fit to be shown: UTF-8, one line, nothing that steers a terminal. */
#ifndef MTLSPIN_TOOLS_NAMES_H
#define MTLSPIN_TOOLS_NAMES_H

#include <jansson.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stddef.h>

/* Text that somebody else chose, as a string of JSON; never NULL but for want of memory. */
json_t *shown_text(const char *text, size_t length);

/* A distinguished name as RFC 2253 writes it, the last part first. */
json_t *shown_name(const X509_NAME *name);

/* The alternative names as an array of { "type", "value" }; none of them is an empty array. */
json_t *shown_alternatives(const GENERAL_NAMES *names);

/* The name's one common name, or NULL if there is none, or several, or it is not readable as it stands. */
json_t *common_name(const X509_NAME *name);

#endif
