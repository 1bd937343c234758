/* Runs of bytes, out of files and PEM. */
#ifndef TESTS_BLOB_H
#define TESTS_BLOB_H

#include <stddef.h>

/* A buffer of exactly that size, so that a sanitizer sees one byte too much being read. free() the data. */
struct blob {
    unsigned char *data;
    size_t length;
};

struct blob blob_of(const void *data, size_t length);

struct blob blob_from_file(const char *path);

/* The content of a file's first PEM block. */
struct blob blob_from_pem(const char *path);

/* One PEM block of that name around the bytes. */
struct blob blob_to_pem(const char *name, const unsigned char *der, size_t length);

#endif
