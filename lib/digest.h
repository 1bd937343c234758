/* SHA-256, with the algorithm fetched once. */
#ifndef MTLSPIN_LIB_DIGEST_H
#define MTLSPIN_LIB_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run of bytes to hash. */
struct mtlspin__bytes {
    const void *data;
    size_t length;
};

/* The digest over the runs one behind the other. On failure false, and `digest` is zeroed. */
bool mtlspin__sha256(uint8_t digest[32], const struct mtlspin__bytes *runs, size_t count);

/* A digest that grows as the content comes along. A failure sticks and shows at the end. */
struct mtlspin__hash;
struct mtlspin__hash *mtlspin__hash_new(void);
void mtlspin__hash_add(struct mtlspin__hash *hash, const void *data, size_t length);
bool mtlspin__hash_finish(struct mtlspin__hash *hash, uint8_t digest[32]); /* releases `hash`, which may be NULL */

#endif
