#include "presented.h"
#include "command.h"
#include "whole_file.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* One file that is read. */
struct source {
    const char *command, *name;
    STACK_OF(X509) *to;
    char other[64]; /* the first PEM block that is no certificate */
};

/* The certificate that these bytes are, to the last one; or NULL. */
static X509 *
decode(const unsigned char *der, size_t length, bool trusted)
{
    const unsigned char *end = der;
    X509 *certificate = length >= INT32_MAX ? NULL
        : trusted                           ? d2i_X509_AUX(NULL, &end, (long)length)
                                            : d2i_X509(NULL, &end, (long)length);
    if (certificate == NULL || end == der + length)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool
keep(struct source *source, X509 *certificate)
{
    if (certificate != NULL && sk_X509_push(source->to, certificate))
        return true;
    X509_free(certificate);
    return false;
}

static bool
take_block(struct source *source, const char *kind, const unsigned char *bytes, long length)
{
    bool old = strcmp(kind, PEM_STRING_X509_OLD) == 0, trusted = strcmp(kind, PEM_STRING_X509_TRUSTED) == 0;
    if (strcmp(kind, PEM_STRING_X509) != 0 && !old && !trusted) {
        if (source->other[0] == '\0')
            (void)snprintf(source->other, sizeof source->other, "%s", kind);
        return true;
    }
    if (keep(source, decode(bytes, (size_t)length, trusted)))
        return true;
    (void)trouble(source->command, "%s: certificate %d of it is damaged; get it again from where it came", source->name,
        sk_X509_num(source->to) + 1);
    return false;
}

/* All PEM blocks. A damaged one is an error, the end of them is none. */
static bool
read_blocks(struct source *source, BIO *input)
{
    char *kind = NULL, *header = NULL;
    unsigned char *bytes = NULL;
    long length = 0;
    bool good = true;
    ERR_clear_error();
    while (good && PEM_read_bio(input, &kind, &header, &bytes, &length) == 1) {
        good = take_block(source, kind, bytes, length);
        OPENSSL_free(kind);
        OPENSSL_free(header);
        OPENSSL_clear_free(bytes, (size_t)length);
    }
    bool over = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!good || over)
        return good;
    (void)trouble(source->command, "%s: the PEM block after certificate %d is damaged or not whole; get the file again",
        source->name, sk_X509_num(source->to));
    return false;
}

static bool
no_certificate(const struct source *source)
{
    if (source->other[0] != '\0')
        (void)trouble(source->command, "%s: there is no certificate in it, but a %s; give the certificate that belongs "
            "to it", source->name, source->other);
    else
        (void)trouble(source->command, "%s: there is no certificate in it, neither in PEM nor in DER; `openssl x509 -in "
            "FILE -text` shows what is one", source->name);
    return false;
}

static bool
read_text(struct source *source, const char *text, size_t length)
{
    int before = sk_X509_num(source->to);
    if (length >= INT32_MAX)
        return no_certificate(source);
    if (keep(source, decode((const unsigned char *)text, length, false)))
        return true;
    BIO *input = BIO_new_mem_buf(text, (int)length);
    bool good = input != NULL && read_blocks(source, input);
    BIO_free(input);
    if (!good)
        return false;
    return sk_X509_num(source->to) > before || no_certificate(source);
}

static bool
read_source(struct source *source, const char *path)
{
    size_t length = 0;
    char *text = whole_file_read(path, WHOLE_CERTIFICATES, &length);
    if (text == NULL) {
        (void)trouble(source->command, "%s: %s; give a file of certificates, PEM or DER", source->name, strerror(errno));
        return false;
    }
    bool good = read_text(source, text, length);
    ERR_clear_error();
    whole_file_free(text, length);
    return good;
}

bool
presented_read(struct presented *presented, const char *command, const char *path, const char *more)
{
    presented->sent = sk_X509_new_null();
    struct source own = { .command = command, .name = whole_file_name(path), .to = presented->sent };
    if (presented->sent == NULL)
        return trouble(command, "out of memory; try again when there is more") == ANSWER_YES;
    if (!read_source(&own, path))
        return false;
    presented->leaf = sk_X509_shift(presented->sent);
    if (more == NULL)
        return true;
    struct source chain = { .command = command, .name = whole_file_name(more), .to = presented->sent };
    return read_source(&chain, more);
}

void
presented_clear(struct presented *presented)
{
    X509_free(presented->leaf);
    sk_X509_pop_free(presented->sent, X509_free);
    memset(presented, 0, sizeof *presented);
}
