/* What an argument of `mtlspin pin` holds: certificates, requests and keys, one by one, in their order. */
#ifndef MTLSPIN_TOOLS_THINGS_H
#define MTLSPIN_TOOLS_THINGS_H

#include "passphrase.h"
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

enum thing_kind { CERTIFICATE, REQUEST, PUBLIC_KEY, PRIVATE_KEY, REVOCATION_LIST, PARAMETERS };

/* Of a certificate that a server sent. */
enum trust { NOT_SENT, VERIFIED, NOT_VERIFIED };

struct thing {
    enum thing_kind kind;
    X509 *certificate;        /* CERTIFICATE, else NULL */
    X509_REQ *request;        /* REQUEST, else NULL */
    unsigned char *key;       /* DER SubjectPublicKeyInfo of PUBLIC_KEY and PRIVATE_KEY, else NULL */
    size_t key_length;
    enum trust trust;
    const char *distrust;     /* why not, a constant; NULL unless NOT_VERIFIED */
};

struct things {
    const char *source; /* the argument, as it was given */
    struct passphrase *passphrase;
    struct thing *list;
    size_t count;
    bool broken;        /* something could not be read, and that has been said */
};

/* Takes everything out of a file, whatever its format, out of standard input ("-"), or out of the key store that a URI
   names. What cannot be read is said on standard error, and `broken` set. */
void things_of_file(struct things *things, const char *path);
void things_of_store(struct things *things, const char *uri);

/* Adds one, or all of a block of DER. These take nothing over: what they need they copy or take a reference of. */
struct thing *things_add(struct things *things, enum thing_kind kind);
void things_add_certificate(struct things *things, X509 *certificate);
void things_add_private_key(struct things *things, EVP_PKEY *key);
void things_add_public_key(struct things *things, EVP_PKEY *key);

/* From `length` bytes of DER; false if that is not what they are, or not all that they are. `trusted`: a certificate with
   the settings that openssl alone writes behind it; `bag`: PKCS #7; `key`: of any other form, or parameters. */
bool certificate_from_der(struct things *things, const unsigned char *der, size_t length);
bool trusted_from_der(struct things *things, const unsigned char *der, size_t length);
bool request_from_der(struct things *things, const unsigned char *der, size_t length);
bool public_key_from_der(struct things *things, const unsigned char *der, size_t length);
bool list_from_der(struct things *things, const unsigned char *der, size_t length);
bool bag_from_der(struct things *things, const unsigned char *der, size_t length);
bool pkcs12_from_der(struct things *things, const unsigned char *der, size_t length);
bool key_from_der(struct things *things, const unsigned char *der, size_t length);

/* Says what is wrong with the source and what to do. */
void things_broken(struct things *things, const char *what);

void things_free(struct things *things);

#endif
