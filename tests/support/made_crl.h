/* Revocation lists made in code, signed with the keys of certs/make-certs.sh. */
#ifndef TESTS_MADE_CRL_H
#define TESTS_MADE_CRL_H

#include <openssl/x509.h>
#include <stdint.h>

/* In what a list differs from a usual one. */
enum {
    CRL_NO_END = 1,        /* no nextUpdate */
    CRL_NO_KEY_ID = 2,     /* no authority key identifier */
    CRL_LONG_SERIAL = 4,   /* an entry with a serial number of 33 bytes */
    CRL_INDIRECT = 8,      /* an entry with a certificate issuer */
    CRL_ENTRY_CRITICAL = 16, /* an entry with an unknown critical extension */
    CRL_ENTRY_REASON = 32, /* an entry with a reason, which is critical */
    CRL_OTHER_CERTIFICATE = 64 /* the authority key identifier names a certificate with another serial number, too */
};

struct crl_recipe {
    const char *file;     /* its name when it is written: *.der is DER, else PEM */
    const char *issuer;   /* NAME whose list it says to be */
    const char *key;      /* NAME whose key signs; NULL = the issuer's */
    int64_t begin, end;   /* thisUpdate and nextUpdate, seconds from now */
    const char *revoked;  /* NAME of a certificate that it lists, or NULL */
    unsigned differences;
};

/* X509_CRL_free it. */
X509_CRL *crl_make(const struct crl_recipe *recipe, int64_t now);

/* Adds `count` entries with serial numbers from `first` on, and signs again with the key of NAME. */
void crl_extend(X509_CRL *crl, int64_t first, int count, const char *key);

/* Writes it as recipe->file into the current directory, behind what is there already. */
void crl_write(const struct crl_recipe *recipe, int64_t now);

/* Its DER; OPENSSL_free it. */
unsigned char *crl_der(X509_CRL *crl, size_t *length);

#endif
