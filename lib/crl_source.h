/* Revocation lists out of structures, bytes, files and directories. */
#ifndef MTLSPIN_LIB_CRL_SOURCE_H
#define MTLSPIN_LIB_CRL_SOURCE_H

#include <mtlspin/error.h>
#include <openssl/types.h>

struct mtlspin__crls;
struct mtlspin__sources;

/* Lists, PEM (all that the text holds) or DER (one). `line`: of the policy that names them. */
enum mtlspin_status mtlspin__crls_add_file(struct mtlspin__crls *crls, const char *path, unsigned line,
    struct mtlspin__sources *sources, struct mtlspin_error *error);
enum mtlspin_status mtlspin__crls_add_directory(struct mtlspin__crls *crls, const char *path, unsigned line,
    struct mtlspin__sources *sources, struct mtlspin_error *error);
enum mtlspin_status mtlspin__crls_add_bytes(struct mtlspin__crls *crls, const void *bytes, size_t length, const char *name,
    unsigned line, struct mtlspin_error *error);
enum mtlspin_status mtlspin__crls_add_x509(struct mtlspin__crls *crls, X509_CRL *crl, struct mtlspin_error *error);

#endif
