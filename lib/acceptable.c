/* Names of CAs. Copying one takes OpenSSL thirty thousand instructions, so that connections share their SSL_CTX's list
   where it says what the policy says. That list is never changed after attaching. */
#include "acceptable.h"
#include "anchors.h"
#include <openssl/x509.h>
#include <string.h>

enum { NAMES_MOST = 16384 }; /* bytes; the message has room for 65535, but every client would get them */

/* Where the anchors are not named: they are not known, too many, or naming them would make clients withhold a certificate
   that needs no CA. */
static bool
are_withheld(const struct mtlspin_policy *policy)
{
    size_t length = 0;
    for (size_t d = 0; d < policy->domain_count; d++) {
        const struct mtlspin__anchors *anchors = policy->domains[d].anchors;
        length += anchors->subjects_length;
        if (policy->domains[d].chain_none || anchors->application || anchors->system || length > NAMES_MOST)
            return true;
    }
    return false;
}

/* The subjects of all anchors, or none; NULL if out of memory. */
static STACK_OF(X509_NAME) *
make(const struct mtlspin_policy *policy)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    size_t domains = are_withheld(policy) ? 0 : policy->domain_count;
    for (size_t d = 0; names != NULL && d < domains; d++) {
        const struct mtlspin__anchors *anchors = policy->domains[d].anchors;
        for (int i = 0; i < sk_X509_NAME_num(anchors->subjects); i++) {
            X509_NAME *name = X509_NAME_dup(sk_X509_NAME_value(anchors->subjects, i));
            if (name != NULL && sk_X509_NAME_push(names, name) > 0)
                continue;
            X509_NAME_free(name);
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return NULL;
        }
    }
    return names;
}

/* Whether a list is the one that was attached, and says what the policy says: another policy of the same structure has the
   same anchors. */
static bool
stands(const STACK_OF(X509_NAME) *names, const struct mtlspin__attachment *attachment, const struct mtlspin_policy *policy)
{
    return names != NULL && names == attachment->names && !are_withheld(policy)
        && memcmp(attachment->structure, policy->structure, sizeof policy->structure) == 0;
}

void
mtlspin__acceptable_attach(SSL_CTX *context, struct mtlspin__attachment *attachment, const struct mtlspin_policy *policy)
{
    if (are_withheld(policy) || stands(SSL_CTX_get_client_CA_list(context), attachment, policy))
        return;
    STACK_OF(X509_NAME) *names = make(policy);
    if (names == NULL)
        return;
    SSL_CTX_set_client_CA_list(context, names);
    attachment->names = names;
    memcpy(attachment->structure, policy->structure, sizeof attachment->structure);
}

bool
mtlspin__acceptable_set(SSL *ssl, const struct mtlspin_policy *policy)
{
    const struct mtlspin__attachment *attachment = mtlspin__attachment_get(SSL_get_SSL_CTX(ssl));
    if (attachment != NULL && stands(SSL_get_client_CA_list(ssl), attachment, policy))
        return true;
    STACK_OF(X509_NAME) *names = make(policy), *none = sk_X509_NAME_new_null();
    if (names == NULL || none == NULL) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        sk_X509_NAME_free(none);
        return false;
    }
    /* Both, since an SSL without one falls back on the other's and then on its SSL_CTX's (SSL_set0_CA_list(3)). */
    SSL_set_client_CA_list(ssl, names);
    SSL_set0_CA_list(ssl, none);
    return true;
}
