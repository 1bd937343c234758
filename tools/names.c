/* Names, made fit to be shown. */
#include "names.h"
#include <arpa/inet.h>
#include <mtlspin/text.h>
#include <openssl/asn1.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

json_t *
shown_text(const char *text, size_t length)
{
    char *shown = malloc(length + 1); /* what takes the place of a character is never longer */
    json_t *string = shown != NULL ? json_string(mtlspin_text_show(text, length, shown, length + 1)) : NULL;
    free(shown);
    return string;
}

static json_t *
shown_bio(BIO *text)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data(text, &bytes);
    return shown_text(bytes, length > 0 ? (size_t)length : 0);
}

/* As in the library's own records: UTF-8 as it is, control characters as \XX, what is no text as #XX. */
json_t *
shown_name(const X509_NAME *name)
{
    const unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *text = BIO_new(BIO_s_mem());
    bool good = text != NULL && X509_NAME_print_ex(text, name, 0, flags) >= 0;
    json_t *shown = good ? shown_bio(text) : json_string("(not readable)");
    BIO_free(text);
    return shown;
}

/* Of whatever type the string is: BMPString, T61String, … */
static json_t *
shown_string(const ASN1_STRING *string)
{
    unsigned char *text = NULL;
    int length = ASN1_STRING_to_UTF8(&text, string);
    json_t *shown = length >= 0 ? shown_text((const char *)text, (size_t)length) : json_string("(not readable)");
    OPENSSL_free(text);
    return shown;
}

json_t *
common_name(const X509_NAME *name)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
        return NULL;
    unsigned char *text = NULL;
    int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    json_t *shown = length > 0 ? shown_text((const char *)text, (size_t)length) : NULL;
    bool same = shown != NULL && json_string_length(shown) == (size_t)length
        && memcmp(json_string_value(shown), text, (size_t)length) == 0;
    OPENSSL_free(text);
    if (same)
        return shown;
    json_decref(shown);
    return NULL;
}

/* Alternative names. */

static json_t *
shown_address(const ASN1_OCTET_STRING *address)
{
    char text[INET6_ADDRSTRLEN] = "(not readable)";
    const unsigned char *bytes = ASN1_STRING_get0_data(address);
    int length = ASN1_STRING_length(address);
    if (length == 4)
        (void)inet_ntop(AF_INET, bytes, text, sizeof text);
    else if (length == 16)
        (void)inet_ntop(AF_INET6, bytes, text, sizeof text);
    return json_string(text);
}

static json_t *
shown_object(const ASN1_OBJECT *object)
{
    char text[128] = "";
    (void)OBJ_obj2txt(text, sizeof text, object, 1);
    return json_string(text);
}

/* "OID:value", such as a user's name in a Windows domain. */
static json_t *
shown_other(const OTHERNAME *other)
{
    char object[128] = "";
    (void)OBJ_obj2txt(object, sizeof object, other->type_id, 1);
    int type = ASN1_TYPE_get(other->value);
    bool text = type == V_ASN1_UTF8STRING || type == V_ASN1_IA5STRING || type == V_ASN1_PRINTABLESTRING
        || type == V_ASN1_BMPSTRING || type == V_ASN1_T61STRING;
    json_t *value = text ? shown_string(other->value->value.asn1_string) : json_string("(not readable)");
    json_t *shown = json_sprintf("%s:%s", object, value != NULL ? json_string_value(value) : "");
    json_decref(value);
    return shown;
}

static json_t *
shown_alternative(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_DNS:
        return json_pack("{s:s, s:o}", "type", "dns", "value", shown_string(name->d.dNSName));
    case GEN_EMAIL:
        return json_pack("{s:s, s:o}", "type", "email", "value", shown_string(name->d.rfc822Name));
    case GEN_URI:
        return json_pack("{s:s, s:o}", "type", "uri", "value", shown_string(name->d.uniformResourceIdentifier));
    case GEN_IPADD:
        return json_pack("{s:s, s:o}", "type", "ip", "value", shown_address(name->d.iPAddress));
    case GEN_DIRNAME:
        return json_pack("{s:s, s:o}", "type", "directory", "value", shown_name(name->d.directoryName));
    case GEN_RID:
        return json_pack("{s:s, s:o}", "type", "registered_id", "value", shown_object(name->d.registeredID));
    case GEN_OTHERNAME:
        return json_pack("{s:s, s:o}", "type", "other", "value", shown_other(name->d.otherName));
    case GEN_X400:
        return json_pack("{s:s, s:s}", "type", "x400", "value", "(not readable)");
    default:
        return json_pack("{s:s, s:s}", "type", "edi_party", "value", "(not readable)");
    }
}

json_t *
shown_alternatives(const GENERAL_NAMES *names)
{
    json_t *array = json_array();
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        (void)json_array_append_new(array, shown_alternative(sk_GENERAL_NAME_value(names, i)));
    return array;
}
