/* SHA-256 over EVP. Fetching costs a lock and a lookup, so it is done once per process (EVP_MD_fetch(3)). */
#include "digest.h"
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Small pieces are gathered: a call of EVP costs as much as hashing a hundred bytes. */
struct mtlspin__hash {
    EVP_MD_CTX *context;
    bool bad;
    size_t held;
    uint8_t gathered[512];
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
    struct mtlspin__hash *hash = malloc(sizeof *hash);
    if (hash == NULL)
        return NULL;
    hash->held = 0;
    hash->context = EVP_MD_CTX_new();
    const EVP_MD *sha256 = fetch();
    hash->bad = hash->context == NULL || sha256 == NULL || !EVP_DigestInit_ex2(hash->context, sha256, NULL);
    return hash;
}

static void
digest(struct mtlspin__hash *hash, const void *data, size_t length)
{
    if (!hash->bad && length > 0)
        hash->bad = !EVP_DigestUpdate(hash->context, data, length);
}

void
mtlspin__hash_add(struct mtlspin__hash *hash, const void *data, size_t length)
{
    if (hash == NULL || length == 0)
        return;
    if (length > sizeof hash->gathered - hash->held) {
        digest(hash, hash->gathered, hash->held);
        hash->held = 0;
    }
    if (length > sizeof hash->gathered) {
        digest(hash, data, length);
        return;
    }
    memcpy(hash->gathered + hash->held, data, length);
    hash->held += length;
}

bool
mtlspin__hash_finish(struct mtlspin__hash *hash, uint8_t result[32])
{
    if (hash != NULL)
        digest(hash, hash->gathered, hash->held);
    bool good = hash != NULL && !hash->bad && EVP_DigestFinal_ex(hash->context, result, NULL);
    if (!good)
        memset(result, 0, 32);
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
