/* What has been validated about a peer, and what need not be. */
#include "validations.h"
#include "anchors.h"
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* The same certificates under the same anchors in the same second: all else that path validation looks at is the peer's. A
   store of the application's is not ours to say that of. */
static bool
asks_the_same(const struct mtlspin__domain *a, const struct mtlspin__domain *b)
{
    return memcmp(a->validation, b->validation, sizeof a->validation) == 0 && !a->anchors->application
        && !b->anchors->application && memcmp(a->anchors->id, b->anchors->id, sizeof a->anchors->id) == 0;
}

struct mtlspin__validation *
mtlspin__validate(struct mtlspin__validation **made, const struct mtlspin__domain *domain,
    const struct mtlspin__peer *peer, X509_STORE_CTX_verify_cb callback)
{
    for (struct mtlspin__validation *v = *made; callback == NULL && v != NULL; v = v->next)
        if (!v->sole && asks_the_same(v->domain, domain))
            return v;
    struct mtlspin__validation *another = calloc(1, sizeof *another);
    if (another == NULL)
        return NULL;
    mtlspin__chain_verify(domain, peer, callback, &another->verdict);
    another->domain = domain;
    another->sole = callback != NULL;
    another->next = *made;
    *made = another;
    return another;
}

void
mtlspin__validations_free(struct mtlspin__validation *made)
{
    while (made != NULL) {
        struct mtlspin__validation *next = made->next;
        mtlspin__chain_clear(&made->verdict);
        free(made);
        made = next;
    }
}

/* -2 (X509_NAME_cmp(3)): it cannot be told. */
static bool
may_be_same(const X509_NAME *a, const X509_NAME *b)
{
    int order = X509_NAME_cmp(a, b);
    return order == 0 || order == -2;
}

static bool
leads_to(const X509 *certificate, const struct mtlspin__anchors *anchors)
{
    for (size_t i = 0; i < anchors->count; i++) {
        const X509_NAME *anchor = X509_get_subject_name(mtlspin__anchors_get(anchors, i));
        if (may_be_same(anchor, X509_get_issuer_name(certificate))
            || may_be_same(anchor, X509_get_subject_name(certificate)))
            return true;
    }
    return false;
}

/* X509_verify_cert finds anchors by name alone: the issuer's, or with partial chains the certificate's own. */
bool
mtlspin__validation_is_hopeless(const struct mtlspin__domain *domain, const struct mtlspin__peer *peer)
{
    enum { MOST = 64 }; /* pairs to compare, which is cheaper than to validate */
    int others = peer->untrusted != NULL ? sk_X509_num(peer->untrusted) : 0;
    if (domain->chain_none || domain->anchors->application || domain->anchors->count * ((size_t)others + 1) > MOST
        || leads_to(peer->leaf, domain->anchors))
        return false;
    for (int i = 0; i < others; i++)
        if (leads_to(sk_X509_value(peer->untrusted, i), domain->anchors))
            return false;
    return true;
}
