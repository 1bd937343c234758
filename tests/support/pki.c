#include "pki.h"
#include <check.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

const char *
pki_path(const char *name, const char *suffix)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s%s", PKI, name, suffix);
    return path;
}

static STACK_OF(X509) *
read_all(const char *name)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *input = BIO_new_file(pki_path(name, ".pem"), "r");
    X509 *certificate = NULL;
    ck_assert_msg(input != NULL, "%s: cannot be opened", name);
    while ((certificate = PEM_read_bio_X509(input, NULL, NULL, NULL)) != NULL)
        sk_X509_push(all, certificate);
    BIO_free(input);
    ERR_clear_error();
    ck_assert_msg(sk_X509_num(all) > 0, "%s: no certificate", name);
    return all;
}

X509 *
pki_certificate(const char *name)
{
    STACK_OF(X509) *all = read_all(name);
    X509 *first = sk_X509_shift(all);
    sk_X509_pop_free(all, X509_free);
    return first;
}

STACK_OF(X509) *
pki_rest(const char *name)
{
    STACK_OF(X509) *all = read_all(name);
    X509_free(sk_X509_shift(all));
    return all;
}

void
pki_use(SSL_CTX *context, const char *chain, const char *key)
{
    STACK_OF(X509) *all = read_all(chain);
    SSL_CTX_set_security_level(context, 0); /* weak certificates are for the other side to refuse */
    ck_assert_msg(SSL_CTX_use_certificate(context, sk_X509_value(all, 0)) == 1, "%s: not usable", chain);
    for (int i = 1; i < sk_X509_num(all); i++)
        ck_assert_int_eq(SSL_CTX_add1_chain_cert(context, sk_X509_value(all, i)), 1);
    ck_assert_msg(SSL_CTX_use_PrivateKey_file(context, pki_path(key, ".key"), SSL_FILETYPE_PEM) == 1, "%s: bad key", key);
    sk_X509_pop_free(all, X509_free);
}
