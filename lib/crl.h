/* Revocation lists: read when the policy is built, and known for their issuer's as soon as its certificate is seen. */
#ifndef MTLSPIN_LIB_CRL_H
#define MTLSPIN_LIB_CRL_H

#include "revocation.h"
#include <mtlspin/error.h>
#include <openssl/types.h>

struct stack_st_X509;

struct mtlspin__crls *mtlspin__crls_new(void);
void mtlspin__crls_free(struct mtlspin__crls *crls);

/* Adds a list, of which a reference is taken that lasts until it is known whose it is; nothing may change it. `name` is for
   messages, `line` that of the policy. A list that is there already is not added again. */
enum mtlspin_status mtlspin__crls_add(struct mtlspin__crls *crls, X509_CRL *crl, const char *name, unsigned line,
    struct mtlspin_error *error);

/* List number `i` of those that were added, borrowed; NULL once it is known whose it is. */
X509_CRL *mtlspin__crls_get(const struct mtlspin__crls *crls, size_t i);

/* Finds out which lists are by certificates of the store. A list that names one of them as its issuer and is not signed by
   it is an error, `line` is that list's, and *next the number of the list behind it: it begins with that one. May be
   called again. */
enum mtlspin_status mtlspin__crls_settle(struct mtlspin__crls *crls, X509_STORE *store, size_t *next, unsigned *line,
    struct mtlspin_error *error);

/* Finds out which lists are by the CAs of a verified chain. For every chain that a decision with these lists is made about.
   Costs next to nothing once the lists are known. `crls` may be NULL. false if it could not be found out (no memory): then
   no decision must be made. Thread-safe. */
bool mtlspin__crls_learn(struct mtlspin__crls *crls, struct stack_st_X509 *chain);

/* The same from what is known of the lists of another policy, so that new lists are known before the next handshake.
   Both may be NULL. If it fails for want of memory, mtlspin__crls_learn does so for whoever shows no chain. Thread-safe. */
void mtlspin__crls_inherit(struct mtlspin__crls *crls, const struct mtlspin__crls *other);

/* Why no list covers the certificate at `depth` of a verified chain (learned from before): REVOCATION_SIGNATURE if lists
   name its issuer and none is signed by it, else REVOCATION_UNKNOWN. Thread-safe. */
enum mtlspin_reason mtlspin__crls_explain(const struct mtlspin__crls *crls, struct stack_st_X509 *chain, unsigned depth);

/* The X509_V_… for a refusal for revocation, or X509_V_OK for any other reason. */
int mtlspin__crls_error(enum mtlspin_reason reason);

#endif
