/* Names of CAs. Copying one takes OpenSSL thirty thousand instructions, so that connections share their SSL_CTX's list
   where it says what the policy says. That list is never changed after attaching. */
#include "acceptable.h"
#include "anchors.h"
#include <openssl/x509.h>

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

/* Whether a list says what the policy says, name for name. */
static bool
says(const STACK_OF(X509_NAME) *names, const struct mtlspin_policy *policy)
{
    int said = 0, count = sk_X509_NAME_num(names); /* -1: there is no list */
    if (count < 1 || are_withheld(policy))
        return false;
    for (size_t d = 0; d < policy->domain_count; d++) {
        const STACK_OF(X509_NAME) *subjects = policy->domains[d].anchors->subjects;
        for (int i = 0; i < sk_X509_NAME_num(subjects); i++, said++)
            if (said >= count || X509_NAME_cmp(sk_X509_NAME_value(names, said), sk_X509_NAME_value(subjects, i)) != 0)
                return false;
    }
    return said == count;
}

void
mtlspin__acceptable_attach(SSL_CTX *context, const struct mtlspin_policy *policy)
{
    if (are_withheld(policy) || says(SSL_CTX_get_client_CA_list(context), policy))
        return;
    STACK_OF(X509_NAME) *names = make(policy);
    if (names != NULL)
        SSL_CTX_set_client_CA_list(context, names);
}

bool
mtlspin__acceptable_set(SSL *ssl, const struct mtlspin_policy *policy)
{
    if (says(SSL_get_client_CA_list(ssl), policy))
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
