/* The trust anchors of one domain. */
#ifndef MTLSPIN_LIB_ANCHORS_H
#define MTLSPIN_LIB_ANCHORS_H

#include <mtlspin/error.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

struct stack_st_X509;
struct stack_st_X509_NAME;
struct mtlspin__sources;
struct mtlspin__certificate_keys;
struct mtlspin__known_cas;

struct mtlspin__anchors {
    X509_STORE *store;
    struct stack_st_X509 *certificates;  /* in the order in which they came */
    struct stack_st_X509_NAME *subjects; /* what a server tells clients that it accepts */
    size_t subjects_length;              /* bytes of them in a TLS message */
    uint8_t (*digests)[64]; /* of each, in that order: the thumbprint, and a digest with its trust settings */
    struct mtlspin__certificate_keys *keys; /* of each, in that order */
    size_t count;
    struct mtlspin__known_cas *known_cas; /* of chains that were verified under them; the only thing that still changes */
    uint8_t id[16]; /* of all together; set when the policy is built */
    bool application; /* the store of the connection's SSL_CTX instead */
    bool system;
    bool has_settings; /* some have trust settings, which may also take trust away */
    char incomplete[256]; /* subject of the first anchor that is not self-signed; "" = all are */
};

struct mtlspin__anchors *mtlspin__anchors_new(void);
void mtlspin__anchors_free(struct mtlspin__anchors *anchors);

/* The number of one of them, found by its address; `count` = it is none of them. */
size_t mtlspin__anchors_find(const struct mtlspin__anchors *anchors, const X509 *certificate);

/* Number `i` of them, borrowed. */
X509 *mtlspin__anchors_get(const struct mtlspin__anchors *anchors, size_t i);

/* The keys of the anchor that these first bytes of mtlspin__certificate_anchor mean; NULL = it is none of them. */
const struct mtlspin__certificate_keys *mtlspin__anchors_keys(const struct mtlspin__anchors *anchors, const uint8_t id[16]);

enum mtlspin_status mtlspin__anchors_add_file(struct mtlspin__anchors *anchors, const char *path,
    struct mtlspin__sources *sources, struct mtlspin_error *error);
enum mtlspin_status mtlspin__anchors_add_directory(struct mtlspin__anchors *anchors, const char *path,
    struct mtlspin__sources *sources, struct mtlspin_error *error);
enum mtlspin_status mtlspin__anchors_add_pem(struct mtlspin__anchors *anchors, const void *pem, size_t length,
    const char *name, struct mtlspin_error *error);
enum mtlspin_status mtlspin__anchors_add_x509(struct mtlspin__anchors *anchors, X509 *certificate,
    struct mtlspin_error *error);
enum mtlspin_status mtlspin__anchors_add_system(struct mtlspin__anchors *anchors, struct mtlspin__sources *sources,
    struct mtlspin_error *error);

#endif
