/* SHA-256 over EVP. Fetching costs a lock and a lookup, so it is done once per process (EVP_MD_fetch(3)). */
#include "digest.h"
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct mtlspin__hash {
    EVP_MD_CTX *context;
    bool bad;
};

/* Fetched by whoever comes first, and again after a failure: a moment without memory must not last for ever. */
static const EVP_MD *
fetch(void)
{
    static _Atomic(EVP_MD *) fetched;
    EVP_MD *known = atomic_load(&fetched), *mine = NULL;
    if (known != NULL)
        return known;
    mine = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (mine == NULL || atomic_compare_exchange_strong(&fetched, &known, mine))
        return mine;
    EVP_MD_free(mine);
    return known;
}

struct mtlspin__hash *
mtlspin__hash_new(void)
{
    struct mtlspin__hash *hash = calloc(1, sizeof *hash);
    if (hash == NULL)
        return NULL;
    hash->context = EVP_MD_CTX_new();
    const EVP_MD *sha256 = fetch();
    hash->bad = hash->context == NULL || sha256 == NULL || !EVP_DigestInit_ex2(hash->context, sha256, NULL);
    return hash;
}

void
mtlspin__hash_add(struct mtlspin__hash *hash, const void *data, size_t length)
{
    if (hash != NULL && !hash->bad)
        hash->bad = !EVP_DigestUpdate(hash->context, data, length);
}

bool
mtlspin__hash_finish(struct mtlspin__hash *hash, uint8_t digest[32])
{
    bool good = hash != NULL && !hash->bad && EVP_DigestFinal_ex(hash->context, digest, NULL);
    if (!good)
        memset(digest, 0, 32);
    if (hash != NULL)
        EVP_MD_CTX_free(hash->context);
    free(hash);
    return good;
}

bool
mtlspin__sha256(uint8_t digest[32], const struct mtlspin__bytes *runs, size_t count)
{
    struct mtlspin__hash *hash = mtlspin__hash_new();
    for (size_t i = 0; i < count; i++)
        mtlspin__hash_add(hash, runs[i].data, runs[i].length);
    return mtlspin__hash_finish(hash, digest);
}
