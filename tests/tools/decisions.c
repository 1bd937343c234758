/* For tests of mtlspin check: `decisions PKI NAMES TIMES POLICY…` prints a line for each policy, with what it decides about
   each certificate PKI/NAME-chain.pem at each time (both lists are separated by commas). */
#include <mtlspin/mtlspin.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

struct peers {
    X509 *leaf[MOST];
    STACK_OF(X509) *rest[MOST];
    size_t count;
};

static void
fail(const char *what)
{
    (void)fprintf(stderr, "decisions: %s\n", what);
    exit(EXIT_FAILURE);
}

static void
read_peer(struct peers *peers, const char *folder, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s-chain.pem", folder, name);
    FILE *file = fopen(path, "r");
    STACK_OF(X509) *rest = sk_X509_new_null();
    X509 *leaf = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (leaf == NULL || rest == NULL || peers->count == MOST)
        fail(path);
    for (X509 *next = NULL; (next = PEM_read_X509(file, NULL, NULL, NULL)) != NULL;)
        (void)sk_X509_push(rest, next);
    (void)fclose(file);
    peers->leaf[peers->count] = leaf;
    peers->rest[peers->count++] = rest;
}

static void
decide(const struct peers *peers, struct mtlspin_policy *policy, int64_t now)
{
    for (size_t i = 0; i < peers->count; i++) {
        struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
        enum mtlspin_verdict verdict = mtlspin_evaluate(policy, peers->leaf[i], peers->rest[i], MTLSPIN_SERVER, NULL, now,
            &decision);
        (void)printf(" %s", verdict == MTLSPIN_ALLOW ? decision.domain : "-");
        (void)printf("/%s", decision.label);
    }
}

int
main(int argc, char **argv)
{
    struct peers peers = { .count = 0 };
    int64_t times[MOST];
    size_t count = 0;
    if (argc < 4)
        fail("usage: decisions PKI NAMES TIMES POLICY…");
    for (char *name = strtok(argv[2], ","); name != NULL; name = strtok(NULL, ","))
        read_peer(&peers, argv[1], name);
    for (char *time = strtok(argv[3], ","); time != NULL && count < MOST; time = strtok(NULL, ","))
        times[count++] = strtoll(time, NULL, 10);
    for (int i = 4; i < argc; i++) {
        struct mtlspin_error error = MTLSPIN_ERROR_INIT;
        struct mtlspin_policy *policy = mtlspin_policy_load(argv[i], &error);
        if (policy == NULL)
            fail(error.message);
        for (size_t k = 0; k < count; k++)
            decide(&peers, policy, times[k]);
        (void)putchar('\n');
        mtlspin_policy_unref(policy);
    }
    for (size_t i = 0; i < peers.count; i++) {
        X509_free(peers.leaf[i]);
        sk_X509_pop_free(peers.rest[i], X509_free);
    }
    return EXIT_SUCCESS;
}
