/* A distinguished name as text, for people. */
#ifndef MTLSPIN_LIB_NAME_TEXT_H
#define MTLSPIN_LIB_NAME_TEXT_H

#include <openssl/types.h>

enum { MTLSPIN__NAME_TEXT = 256 };

/* The text of one name. Release with mtlspin__name_text_clear. */
struct mtlspin__name_text {
    const char *text; /* RFC 4514, UTF-8 kept as it is; "" if out of memory */
    BIO *bio;         /* what holds it, unless that is: */
    char plain[MTLSPIN__NAME_TEXT];
};

/* `name` may be NULL, and is "" then. */
void mtlspin__name_text_make(struct mtlspin__name_text *out, const X509_NAME *name);
void mtlspin__name_text_clear(struct mtlspin__name_text *text);

#endif
