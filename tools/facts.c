/* The facts about one thing. */
#include "facts.h"
#include "names.h"
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <string.h>
#include <time.h>

static const char *const kinds[] = {
    [CERTIFICATE] = "certificate",
    [REQUEST] = "certificate_request",
    [PUBLIC_KEY] = "public_key",
    [PRIVATE_KEY] = "private_key",
    [REVOCATION_LIST] = "revocation_list",
    [PARAMETERS] = "parameters",
};

static bool
may_have_issued(X509 *issuer, X509 *certificate)
{
    return issuer != NULL && X509_get0_pubkey(issuer) != NULL
        && X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(certificate)) == 0;
}

X509 *
find_issuer(const struct things *things, X509 *certificate)
{
    enum { TRIES = 8 }; /* signatures: a file of a hundred namesakes would take minutes */
    int tries = 0;
    for (size_t i = 0; i < things->count && tries < TRIES; i++) {
        X509 *issuer = things->list[i].certificate;
        if (!may_have_issued(issuer, certificate))
            continue;
        tries++;
        if (X509_verify(certificate, X509_get0_pubkey(issuer)) == 1)
            return issuer;
    }
    return NULL;
}

static struct mtlspin_pin
request_pin(X509_REQ *request)
{
    struct mtlspin_pin pin = { 0 };
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &der);
    if (length <= 0 || mtlspin_pin_from_der(&pin, MTLSPIN_SPKI, der, (size_t)length, NULL) != MTLSPIN_OK)
        memset(&pin, 0, sizeof pin);
    OPENSSL_free(der);
    return pin;
}

struct mtlspin_pin
key_pin(const struct thing *thing)
{
    struct mtlspin_pin pin = { 0 };
    if (thing->request != NULL)
        return request_pin(thing->request);
    enum mtlspin_status status = MTLSPIN_ERR_VALUE;
    if (thing->certificate != NULL)
        status = mtlspin_pin_from_x509(&pin, MTLSPIN_SPKI, thing->certificate, NULL);
    else if (thing->key != NULL)
        status = mtlspin_pin_from_der(&pin, MTLSPIN_SPKI, thing->key, thing->key_length, NULL);
    return status == MTLSPIN_OK ? pin : (struct mtlspin_pin){ 0 };
}

/* Version 1 knows no CAs: a self-signed one is more often a device than an authority. */
bool
is_ca(const struct thing *thing)
{
    return thing->certificate != NULL && X509_check_ca(thing->certificate) == 1;
}

static void
put(json_t *facts, const char *key, json_t *value)
{
    if (value != NULL)
        (void)json_object_set_new(facts, key, value);
}

static void
put_pin(json_t *facts, const char *key, const struct mtlspin_pin *pin)
{
    char text[MTLSPIN_PIN_TEXT_SIZE];
    if (pin->kind != MTLSPIN_KIND_NONE && mtlspin_pin_format(pin, text, sizeof text) == MTLSPIN_OK)
        put(facts, key, json_string(text));
}

/* Dates. */

static void
put_time(json_t *facts, const char *key, const ASN1_TIME *when)
{
    struct tm t = { 0 };
    if (ASN1_TIME_to_tm(when, &t) == 1)
        put(facts, key, json_sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
            t.tm_min, t.tm_sec));
}

static void
put_dates(json_t *facts, const X509 *certificate)
{
    time_t now = time(NULL);
    const ASN1_TIME *start = X509_get0_notBefore(certificate), *end = X509_get0_notAfter(certificate);
    int begun = ASN1_TIME_cmp_time_t(start, now), over = ASN1_TIME_cmp_time_t(end, now);
    put_time(facts, "not_before", start);
    put_time(facts, "not_after", end);
    if (begun == -2 || over == -2)
        return;
    put(facts, "validity", json_string(over < 0 ? "expired" : begun > 0 ? "not_yet_valid" : "current"));
}

/* The key. */

static void
put_algorithm(json_t *facts, X509_PUBKEY *public_key)
{
    char text[128] = "";
    ASN1_OBJECT *algorithm = NULL;
    if (X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, public_key) == 1
        && OBJ_obj2txt(text, sizeof text, algorithm, 0) > 0)
        put(facts, "key_type", json_string(text));
}

static void
put_key(json_t *facts, X509_PUBKEY *public_key)
{
    char group[80] = "";
    EVP_PKEY *key = public_key != NULL ? X509_PUBKEY_get0(public_key) : NULL;
    const char *type = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
    if (public_key == NULL)
        return;
    if (type != NULL)
        put(facts, "key_type", json_string(type));
    else
        put_algorithm(facts, public_key); /* nothing is known of it but its name */
    if (key != NULL && EVP_PKEY_get_bits(key) > 0)
        put(facts, "key_bits", json_integer(EVP_PKEY_get_bits(key)));
    if (key != NULL && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1)
        put(facts, "key_group", json_string(group));
}

static void
put_own_key(json_t *facts, const struct thing *thing)
{
    const unsigned char *at = thing->key;
    X509_PUBKEY *key = thing->key != NULL ? d2i_X509_PUBKEY(NULL, &at, (long)thing->key_length) : NULL;
    put_key(facts, key);
    X509_PUBKEY_free(key);
}

/* Each kind's own. */

static void
put_serial(json_t *facts, const X509 *certificate)
{
    struct mtlspin_pin pin = { 0 };
    if (mtlspin_pin_from_x509(&pin, MTLSPIN_SERIAL, certificate, NULL) == MTLSPIN_OK)
        put_pin(facts, "serial", &pin);
}

static void
put_names(json_t *facts, GENERAL_NAMES *names)
{
    put(facts, "names", shown_alternatives(names));
    GENERAL_NAMES_free(names);
}

static void
put_certificate(json_t *facts, X509 *certificate, X509 *issuer)
{
    put(facts, "subject", shown_name(X509_get_subject_name(certificate)));
    put(facts, "issuer", shown_name(X509_get_issuer_name(certificate)));
    put_serial(facts, certificate);
    if (issuer != NULL) {
        struct mtlspin_pin pin = key_pin(&(struct thing){ .kind = CERTIFICATE, .certificate = issuer });
        put_pin(facts, "issuer_spki", &pin);
    }
    put_names(facts, X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL));
    put_dates(facts, certificate);
    put_key(facts, X509_get_X509_PUBKEY(certificate));
}

static void
put_request(json_t *facts, X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    put(facts, "subject", shown_name(X509_REQ_get_subject_name(request)));
    put_names(facts, X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL));
    put_key(facts, X509_REQ_get_X509_PUBKEY(request));
    if (key != NULL)
        put(facts, "signature_valid", json_boolean(X509_REQ_verify(request, key) == 1));
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

json_t *
facts_of(const struct things *things, const struct thing *thing, X509 *issuer)
{
    struct mtlspin_pin pin = key_pin(thing), thumbprint = { 0 };
    json_t *facts = json_object();
    put(facts, "source", shown_text(things->source, strlen(things->source)));
    put(facts, "kind", json_string(kinds[thing->kind]));
    if (thing->trust != NOT_SENT)
        put(facts, "server_verified", json_boolean(thing->trust == VERIFIED));
    if (thing->distrust != NULL)
        put(facts, "server_error", json_string(thing->distrust));
    if (thing->certificate != NULL)
        put_certificate(facts, thing->certificate, issuer);
    else if (thing->request != NULL)
        put_request(facts, thing->request);
    else
        put_own_key(facts, thing);
    if (thing->certificate != NULL) {
        put(facts, "ca", json_boolean(is_ca(thing)));
        if (mtlspin_pin_from_x509(&thumbprint, MTLSPIN_THUMBPRINT, thing->certificate, NULL) != MTLSPIN_OK)
            memset(&thumbprint, 0, sizeof thumbprint);
    }
    put_pin(facts, "spki", &pin);
    put_pin(facts, "thumbprint", &thumbprint);
    return facts;
}
