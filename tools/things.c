/* Files, their PEM blocks, and key stores. */
#include "things.h"
#include "command.h"
#include "whole_file.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdlib.h>
#include <string.h>

struct thing *
things_add(struct things *things, enum thing_kind kind)
{
    struct thing *grown = realloc(things->list, (things->count + 1) * sizeof *grown);
    if (grown == NULL) {
        things_broken(things, "not enough memory");
        return NULL;
    }
    things->list = grown;
    grown[things->count] = (struct thing){ .kind = kind };
    return &grown[things->count++];
}

void
things_broken(struct things *things, const char *what)
{
    (void)fflush(stdout); /* so that both stand in their order where they go to one place */
    (void)trouble("pin", "%s: %s", things->source, what);
    things->broken = true;
}

void
things_free(struct things *things)
{
    for (size_t i = 0; i < things->count; i++) {
        X509_free(things->list[i].certificate);
        X509_REQ_free(things->list[i].request);
        OPENSSL_free(things->list[i].key);
    }
    free(things->list);
    things->list = NULL;
    things->count = 0;
}

/* PEM. What a block says that it is, it must be. */

static const struct { const char *name; bool (*take)(struct things *, const unsigned char *, size_t); } blocks[] = {
    { PEM_STRING_X509, certificate_from_der },
    { PEM_STRING_X509_OLD, certificate_from_der },
    { PEM_STRING_X509_TRUSTED, trusted_from_der },
    { PEM_STRING_X509_REQ, request_from_der },
    { PEM_STRING_X509_REQ_OLD, request_from_der },
    { PEM_STRING_X509_CRL, list_from_der },
    { PEM_STRING_PUBLIC, public_key_from_der },
    { PEM_STRING_RSA_PUBLIC, key_from_der },
    { PEM_STRING_PKCS7, bag_from_der },
    { PEM_STRING_CMS, bag_from_der },
    { "PKCS12", pkcs12_from_der },
};

static bool
ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), rest = strlen(end);
    return length >= rest && strcmp(text + length - rest, end) == 0;
}

static bool
take_block(struct things *things, const char *name, const unsigned char *der, size_t length)
{
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (strcmp(name, blocks[i].name) == 0)
            return blocks[i].take(things, der, length);
    if (ends_with(name, " PARAMETERS"))
        return things_add(things, PARAMETERS) != NULL;
    return ends_with(name, PEM_STRING_PKCS8INF) && key_from_der(things, der, length);
}

static void
say_block(struct things *things, const char *name)
{
    char what[1200];
    if (things->passphrase->wrong != NULL)
        (void)snprintf(what, sizeof what, "%s", things->passphrase->wrong);
    else if (things->passphrase->wanted)
        (void)snprintf(what, sizeof what, "the passphrase does not open a block \"%.60s\", or the block is damaged; try "
            "again with the right passphrase, or get the file again", name);
    else if (strcmp(name, "OPENSSH PRIVATE KEY") == 0)
        (void)snprintf(what, sizeof what, "a key in the format of OpenSSH, which TLS does not use; "
            "ssh-keygen -p -m PKCS8 -f FILE turns a copy of it into one that can be read");
    else
        (void)snprintf(what, sizeof what, "a block \"%.60s\" is not what it says, or damaged; wanted: certificates, "
            "certificate requests, public or private keys", name);
    things_broken(things, what);
}

/* A block may be encrypted in the way of old, which its header tells. */
static bool
decrypt(struct things *things, char *header, unsigned char *der, long *length)
{
    EVP_CIPHER_INFO cipher = { 0 };
    return PEM_get_EVP_CIPHER_INFO(header, &cipher) == 1
        && PEM_do_header(&cipher, der, length, passphrase_get, things->passphrase) == 1;
}

/* False at the end, or where reading cannot go on. */
static bool
next_block(struct things *things, BIO *text)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long length = 0;
    ERR_clear_error();
    passphrase_start(things->passphrase);
    if (PEM_read_bio(text, &name, &header, &der, &length) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
            return false;
        things_broken(things, "a PEM block in it is damaged or cut off; get the file again");
        return BIO_pending(text) > 0;
    }
    size_t size = (size_t)length;
    if (!decrypt(things, header, der, &length) || !take_block(things, name, der, (size_t)length))
        say_block(things, name);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, size); /* it may be a private key */
    return true;
}

static void
take_pem(struct things *things, const unsigned char *bytes, size_t length)
{
    static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark that some editors write */
    size_t skipped = length > 3 && memcmp(bytes, mark, 3) == 0 ? 3 : 0, count = things->count;
    BIO *text = BIO_new_mem_buf(bytes + skipped, (int)(length - skipped));
    while (text != NULL && next_block(things, text)) { }
    BIO_free(text);
    if (things->count == count && !things->broken)
        things_broken(things, "no whole PEM block in it; it was cut off, or a \"-----BEGIN\" line is damaged");
}

/* Whatever a name in it says: DER is no PEM text, even if there is some in it. */
static bool
take_der(struct things *things, const unsigned char *bytes, size_t length)
{
    enum { SEQUENCE = 0x30 };
    passphrase_start(things->passphrase);
    return length > 0 && bytes[0] == SEQUENCE
        && (certificate_from_der(things, bytes, length) || request_from_der(things, bytes, length)
            || public_key_from_der(things, bytes, length) || list_from_der(things, bytes, length)
            || pkcs12_from_der(things, bytes, length) || bag_from_der(things, bytes, length)
            || key_from_der(things, bytes, length) || things->broken);
}

static void
say_file(struct things *things, size_t length)
{
    if (things->passphrase->wrong != NULL)
        things_broken(things, things->passphrase->wrong);
    else if (things->passphrase->wanted)
        things_broken(things, "the passphrase does not open it, or it is damaged; try again with the right passphrase, or "
                              "get the file again");
    else if (length == 0)
        things_broken(things, "it is empty; wanted: a certificate, a certificate request or a key");
    else
        things_broken(things, "neither PEM text nor DER of anything that has a pin; wanted: a certificate, a certificate "
                              "request, a public or private key, or PKCS #12. It may be cut off");
}

/* Files. */

static bool
has_pem(const unsigned char *bytes, size_t length)
{
    static const char begin[] = "-----BEGIN ";
    const unsigned char *end = bytes + length;
    while ((bytes = memchr(bytes, '-', (size_t)(end - bytes))) != NULL) {
        if ((size_t)(end - bytes) >= sizeof begin - 1 && memcmp(bytes, begin, sizeof begin - 1) == 0)
            return true;
        bytes++;
    }
    return false;
}

static void
say_unreadable(struct things *things, int code)
{
    char what[200];
    (void)snprintf(what, sizeof what, "%s; give a file of certificates or keys that can be read", strerror(code));
    things_broken(things, what);
}

void
things_of_file(struct things *things, const char *path)
{
    size_t length = 0;
    char *text = whole_file_read(path, WHOLE_CERTIFICATES, &length);
    const unsigned char *bytes = (const unsigned char *)text;
    int code = errno;
    if (bytes == NULL && code == EISDIR)
        things_broken(things, "a folder; name the files in it");
    else if (bytes == NULL)
        say_unreadable(things, code);
    else if (!take_der(things, bytes, length) && has_pem(bytes, length))
        take_pem(things, bytes, length);
    else if (things->count == 0 && !things->broken)
        say_file(things, length);
    whole_file_free(text, length);
}

/* Key stores. */

static void
take_info(struct things *things, OSSL_STORE_INFO *info)
{
    int type = OSSL_STORE_INFO_get_type(info);
    if (type == OSSL_STORE_INFO_CERT)
        things_add_certificate(things, OSSL_STORE_INFO_get0_CERT(info));
    else if (type == OSSL_STORE_INFO_PKEY)
        things_add_private_key(things, OSSL_STORE_INFO_get0_PKEY(info));
    else if (type == OSSL_STORE_INFO_PUBKEY)
        things_add_public_key(things, OSSL_STORE_INFO_get0_PUBKEY(info));
    else if (type == OSSL_STORE_INFO_CRL)
        (void)things_add(things, REVOCATION_LIST);
    else if (type == OSSL_STORE_INFO_PARAMS)
        (void)things_add(things, PARAMETERS);
}

static void
say_store(struct things *things)
{
    char what[1200];
    const char *words = ERR_reason_error_string(ERR_peek_error());
    const char *why = "this key store cannot be read; see that a provider for its kind of URI is in OpenSSL's "
                      "configuration";
    if (things->passphrase->wrong != NULL)
        why = things->passphrase->wrong;
    else if (things->passphrase->wanted)
        why = "the passphrase or PIN does not open this key store, or it is damaged; try again with the right one";
    (void)snprintf(what, sizeof what, "%s%s%s", why, words != NULL ? ". OpenSSL: " : "", words != NULL ? words : "");
    things_broken(things, what);
}

void
things_of_store(struct things *things, const char *uri)
{
    UI_METHOD *asking = UI_UTIL_wrap_read_pem_callback(passphrase_get, 0);
    ERR_clear_error();
    passphrase_start(things->passphrase);
    OSSL_STORE_CTX *store = asking != NULL ? OSSL_STORE_open(uri, asking, things->passphrase, NULL, NULL) : NULL;
    bool failed = store == NULL;
    while (!failed && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        if (info != NULL)
            take_info(things, info);
        failed = info == NULL && OSSL_STORE_error(store) && !OSSL_STORE_eof(store);
        OSSL_STORE_INFO_free(info);
    }
    if (failed)
        say_store(things);
    else if (things->count == 0)
        things_broken(things, "there is nothing with a pin in this key store; see the URI for a mistake");
    (void)OSSL_STORE_close(store);
    UI_destroy_method(asking);
}
