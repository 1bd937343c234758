/* Says what a policy decides about certificates: check_policy POLICY CERTIFICATE.pem...
   In each file the peer's certificate comes first, then what it would send besides. */
#include <mtlspin/mtlspin.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct mtlspin_policy *
load(const char *path)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    if (policy == NULL)
        fprintf(stderr, "%s:%u:%u: %s\n", error.file, error.line, error.column, error.message);
    return policy;
}

/* All certificates of the file, at least one; NULL if there is none. */
static STACK_OF(X509) *
read_chain(const char *path)
{
    X509 *certificate = NULL;
    BIO *file = BIO_new_file(path, "r");
    STACK_OF(X509) *chain = sk_X509_new_null();
    while (file != NULL && chain != NULL && (certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL)
        if (!sk_X509_push(chain, certificate))
            abort();
    BIO_free(file);
    if (sk_X509_num(chain) > 0)
        return chain;
    sk_X509_free(chain);
    fprintf(stderr, "%s: no certificate\n", path);
    return NULL;
}

/* Prints "allow LABEL" or "deny REASON". */
static int
judge(struct mtlspin_policy *policy, const char *path)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    STACK_OF(X509) *chain = read_chain(path);
    if (chain == NULL)
        return 0;
    X509 *leaf = sk_X509_shift(chain);
    if (mtlspin_evaluate(policy, leaf, chain, MTLSPIN_SERVER, NULL, (int64_t)time(NULL), &decision) == MTLSPIN_ALLOW)
        printf("allow %s\n", decision.label);
    else
        printf("deny %s\n", mtlspin_reason_name(decision.reason));
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
    return 1;
}

int
main(int argc, char **argv)
{
    struct mtlspin_policy *policy = argc > 1 ? load(argv[1]) : NULL;
    int good = policy != NULL;
    for (int i = 2; good && i < argc; i++)
        good = judge(policy, argv[i]);
    mtlspin_policy_unref(policy);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
