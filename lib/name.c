/* Comparable forms of e-mail addresses, URIs, DNS names and host patterns. */
#include "name.h"
#include "error.h"
#include <arpa/inet.h>
#include <mtlspin/name.h>
#include <string.h>

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void
lower_range(char *text, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        text[i] = lower(text[i]);
}

static bool
printable_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return false;
    return true;
}

static bool
is_host_character(char c)
{
    unsigned byte = (unsigned char)c;
    return (byte | 0x20) - 'a' < 26 || byte - '0' < 10 || c == '-' || c == '_';
}

/* Letters, digits, '-', '_' and '.', no empty label but a whole name; A-labels are just letters here. */
static bool
is_dns(const char *text, size_t length)
{
    size_t label = 0;
    if (length == 0 || length > 253)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool dot = text[i] == '.';
        if (dot ? label == 0 : !is_host_character(text[i]))
            return false;
        label = dot ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0;
}

static bool
normal_email(char *text, size_t length)
{
    char *at = strchr(text, '@');
    if (at == NULL || at == text || strchr(at + 1, '@') != NULL)
        return false;
    size_t host = (size_t)(at - text) + 1;
    lower_range(text, host, length);
    return is_dns(text + host, length - host);
}

/* Scheme and host do not count case, all else does (RFC 5280, 7.4; RFC 3986, 6.2.2.1). */
static bool
normal_uri(char *text, size_t length)
{
    size_t scheme = strcspn(text, ":/?#");
    if (scheme == 0 || text[scheme] != ':')
        return false;
    lower_range(text, 0, scheme);
    if (strncmp(text + scheme, "://", 3) != 0)
        return scheme + 1 < length;
    size_t from = scheme + 3, to = from + strcspn(text + from, "/?#");
    for (size_t i = from; i < to; i++)
        if (text[i] == '@')
            from = i + 1;
    lower_range(text, from, to);
    return to > from;
}

bool
mtlspin__name_normal(enum mtlspin_kind kind, const char *name, size_t length, char normal[MTLSPIN__NAME_SIZE])
{
    if (length == 0 || length >= MTLSPIN__NAME_SIZE || !printable_ascii(name, length))
        return false;
    memcpy(normal, name, length);
    normal[length] = '\0';
    switch (kind) {
    case MTLSPIN_EMAIL: return normal_email(normal, length);
    case MTLSPIN_URI: return normal_uri(normal, length);
    case MTLSPIN_DNS: lower_range(normal, 0, length); return is_dns(normal, length);
    default: return false;
    }
}

_Static_assert((int)MTLSPIN_NAME_SIZE == (int)MTLSPIN__NAME_SIZE, "one size for both");

bool
mtlspin__name_is_spiffe(const char *normal_uri)
{
    return strncmp(normal_uri, "spiffe:", 7) == 0;
}

/* One spelling for each address: what inet_ntop writes. */
static bool
normal_address(const char *text, char normal[MTLSPIN__HOST_SIZE])
{
    uint8_t bytes[16];
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(family, text, bytes) == 1 && inet_ntop(family, bytes, normal, MTLSPIN__HOST_SIZE) != NULL;
}

bool
mtlspin__host_normal(const char *host, bool pattern, char normal[MTLSPIN__HOST_SIZE])
{
    size_t length = strlen(host), star = pattern && strncmp(host, "*.", 2) == 0 ? 2 : 0;
    if (normal_address(host, normal))
        return true;
    if (length > 0 && host[length - 1] == '.' && !pattern)
        length--;
    if (length <= star || length >= MTLSPIN__HOST_SIZE || !is_dns(host + star, length - star))
        return false;
    memcpy(normal, host, length);
    normal[length] = '\0';
    lower_range(normal, 0, length);
    /* "1.2.3" is no address, but resolvers take it for one. */
    return strspn(normal + star, "0123456789.") != length - star;
}

bool
mtlspin__host_matches(const char *pattern, const char *host)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return strcmp(pattern, host) == 0;
    const char *dot = strchr(host, '.');
    return dot != NULL && dot != host && !mtlspin__host_is_address(host) && strcmp(pattern + 1, dot) == 0;
}

bool
mtlspin__host_is_address(const char *host)
{
    char normal[MTLSPIN__HOST_SIZE];
    return normal_address(host, normal);
}

enum mtlspin_status
mtlspin_name_normal(enum mtlspin_kind kind, const char *name, size_t length, char normal[MTLSPIN_NAME_SIZE],
    struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (name == NULL || normal == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no name, or no room for its normal form");
    if (mtlspin__name_normal(kind, name, length, normal))
        return MTLSPIN_OK;
    normal[0] = '\0';
    return mtlspin__fail(error, MTLSPIN_ERR_VALUE, "no rule can have this name");
}
