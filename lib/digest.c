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

/* One context that nobody uses just now, or NULL: to set one up costs as much as hashing a hundred bytes. */
static _Atomic(EVP_MD_CTX *) spare;

static EVP_MD_CTX *
take_context(void)
{
    EVP_MD_CTX *context = atomic_exchange(&spare, NULL);
    return context != NULL ? context : EVP_MD_CTX_new();
}

static void
give_back(EVP_MD_CTX *context)
{
    EVP_MD_CTX_free(atomic_exchange(&spare, context));
}

static void
begin(struct mtlspin__hash *hash)
{
    const EVP_MD *sha256 = fetch();
    hash->held = 0;
    hash->context = take_context();
    hash->bad = hash->context == NULL || sha256 == NULL || !EVP_DigestInit_ex2(hash->context, sha256, NULL);
}

struct mtlspin__hash *
mtlspin__hash_new(void)
{
    struct mtlspin__hash *hash = malloc(sizeof *hash);
    if (hash != NULL)
        begin(hash);
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

/* A context with which something went wrong is not used again. */
static bool
end(struct mtlspin__hash *hash, uint8_t result[32])
{
    digest(hash, hash->gathered, hash->held);
    bool good = !hash->bad && EVP_DigestFinal_ex(hash->context, result, NULL);
    if (good) {
        give_back(hash->context);
        return true;
    }
    EVP_MD_CTX_free(hash->context);
    memset(result, 0, 32);
    return false;
}

bool
mtlspin__hash_finish(struct mtlspin__hash *hash, uint8_t result[32])
{
    memset(result, 0, 32);
    bool good = hash != NULL && end(hash, result);
    free(hash);
    return good;
}

bool
mtlspin__sha256(uint8_t result[32], const struct mtlspin__bytes *runs, size_t count)
{
    struct mtlspin__hash hash;
    begin(&hash);
    for (size_t i = 0; i < count; i++)
        mtlspin__hash_add(&hash, runs[i].data, runs[i].length);
    return end(&hash, result);
}
