#include "blob.h"
#include <check.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

struct blob
blob_of(const void *data, size_t length)
{
    struct blob blob = { malloc(length > 0 ? length : 1), length };
    ck_assert_ptr_nonnull(blob.data);
    memcpy(blob.data, data, length);
    return blob;
}

static struct blob
blob_from_bio(BIO *bio)
{
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);
    struct blob blob = blob_of(data, (size_t)length);
    BIO_free(bio);
    return blob;
}

struct blob
blob_from_file(const char *path)
{
    char part[4096];
    int got = 0;
    BIO *file = BIO_new_file(path, "rb"), *all = BIO_new(BIO_s_mem());
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    while ((got = BIO_read(file, part, sizeof part)) > 0)
        ck_assert_int_eq(BIO_write(all, part, got), got);
    BIO_free(file);
    return blob_from_bio(all);
}

struct blob
blob_from_pem(const char *path)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long length = 0;
    struct blob pem = blob_from_file(path);
    BIO *input = BIO_new_mem_buf(pem.data, (int)pem.length);
    ck_assert_int_eq(PEM_read_bio(input, &name, &header, &der, &length), 1);
    struct blob blob = blob_of(der, (size_t)length);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(input);
    free(pem.data);
    return blob;
}

struct blob
blob_to_pem(const char *name, const unsigned char *der, size_t length)
{
    BIO *output = BIO_new(BIO_s_mem());
    ck_assert_int_gt(PEM_write_bio(output, name, "", der, (long)length), 0);
    return blob_from_bio(output);
}
