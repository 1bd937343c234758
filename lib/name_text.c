/* Names as text. X509_NAME_print_ex(3) knows them all, at thousands of instructions a word; most names are plain, and are
   written here, to the same bytes. */
#include "name_text.h"
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The short name of an attribute type, or NULL. Those of X.520 (2.5.4.x) stand in most names, and OBJ_obj2nid(3) searches
   thousands. */
static const char *
short_name(const ASN1_OBJECT *type)
{
    static const char *const x520[] = { [3] = "CN", [6] = "C", [7] = "L", [8] = "ST", [10] = "O", [11] = "OU" };
    const unsigned char *bytes = OBJ_get0_data(type);
    if (OBJ_length(type) == 3 && bytes[0] == 0x55 && bytes[1] == 4 && bytes[2] < sizeof x520 / sizeof *x520
        && x520[bytes[2]] != NULL)
        return x520[bytes[2]];
    int nid = OBJ_obj2nid(type);
    return nid != NID_undef ? OBJ_nid2sn(nid) : NULL;
}

/* Characters that no form of a name escapes, but for spaces at its ends. */
static bool
is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '-' || c == '.';
}

static bool
value_is_plain(const ASN1_STRING *value)
{
    int type = ASN1_STRING_type(value), length = ASN1_STRING_length(value);
    const unsigned char *text = ASN1_STRING_get0_data(value);
    if ((type != V_ASN1_PRINTABLESTRING && type != V_ASN1_UTF8STRING && type != V_ASN1_IA5STRING) || length <= 0
        || text[0] == ' ' || text[length - 1] == ' ')
        return false;
    for (int i = 0; i < length; i++)
        if (!is_plain(text[i]))
            return false;
    return true;
}

struct writer {
    char *at;
    size_t room; /* the terminator's included */
};

static bool
put(struct writer *out, const void *text, size_t length)
{
    if (length >= out->room)
        return false;
    memcpy(out->at, text, length);
    out->at += length;
    out->room -= length;
    return true;
}

static bool
put_entry(struct writer *out, const X509_NAME_ENTRY *entry)
{
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    const char *type = value_is_plain(value) ? short_name(X509_NAME_ENTRY_get_object(entry)) : NULL;
    return type != NULL && put(out, type, strlen(type)) && put(out, "=", 1)
        && put(out, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

/* From the last entry to the first. Each is a set of its own, or its name is not plain. */
static bool
write_plain(struct writer out, const X509_NAME *name)
{
    int count = X509_NAME_entry_count(name);
    for (int i = count - 1; i >= 0; i--) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        if (X509_NAME_ENTRY_set(entry) != i || (i < count - 1 && !put(&out, ",", 1)) || !put_entry(&out, entry))
            return false;
    }
    *out.at = '\0';
    return true;
}

static BIO *
print(const X509_NAME *name)
{
    static const char terminator[1] = "";
    BIO *text = BIO_new(BIO_s_mem());
    if (text != NULL && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0
        && BIO_write(text, terminator, 1) == 1)
        return text;
    BIO_free(text);
    return NULL;
}

void
mtlspin__name_text_make(struct mtlspin__name_text *out, const X509_NAME *name)
{
    char *text = NULL;
    out->bio = NULL;
    out->text = "";
    if (name == NULL)
        return;
    if (write_plain((struct writer){ out->plain, sizeof out->plain }, name)) {
        out->text = out->plain;
        return;
    }
    out->bio = print(name);
    if (out->bio != NULL && BIO_get_mem_data(out->bio, &text) > 0)
        out->text = text;
}

void
mtlspin__name_text_clear(struct mtlspin__name_text *text)
{
    BIO_free(text->bio);
}
