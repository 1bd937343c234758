/* Hosts in an X509_VERIFY_PARAM (X509_VERIFY_PARAM_set1_host(3)) and in the SNI (RFC 6066, 3). */
#include "host.h"
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* The address as text, to be freed, or NULL if none is set. X509_VERIFY_PARAM_get1_ip_asc(3) also says NULL when it is out
   of memory, and that must not pass for "none": so it is asked twice. */
static bool
get_address(X509_VERIFY_PARAM *param, char **address)
{
    *address = X509_VERIFY_PARAM_get1_ip_asc(param);
    char *again = *address == NULL ? X509_VERIFY_PARAM_get1_ip_asc(param) : NULL;
    bool sure = again == NULL;
    OPENSSL_free(again);
    return sure;
}

enum mtlspin_reason
mtlspin__host_of(SSL *ssl, char host[MTLSPIN__HOST_SIZE])
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char *address = NULL;
    host[0] = '\0';
    if (!get_address(param, &address))
        return MTLSPIN_REASON_OUT_OF_MEMORY;
    const char *name = X509_VERIFY_PARAM_get0_host(param, 0);
    bool several = X509_VERIFY_PARAM_get0_host(param, 1) != NULL || (name != NULL && address != NULL);
    if (name == NULL)
        name = address != NULL ? address : SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    bool usable = !several && name != NULL && mtlspin__host_normal(name, false, host);
    OPENSSL_free(address);
    if (usable)
        return MTLSPIN_REASON_NONE;
    host[0] = '\0'; /* half a name, perhaps */
    return several ? MTLSPIN_REASON_SEVERAL_HOSTS : MTLSPIN_REASON_NO_HOST;
}

/* The application's own flags may tighten the comparison, never loosen it. A common name is no host name (RFC 9525, 2). */
bool
mtlspin__host_demand(X509_VERIFY_PARAM *param, const char *host)
{
    unsigned own = X509_VERIFY_PARAM_get_hostflags(param) & X509_CHECK_FLAG_NO_WILDCARDS;
    bool address = mtlspin__host_is_address(host);
    X509_VERIFY_PARAM_set_hostflags(param,
        own | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (!X509_VERIFY_PARAM_set1_host(param, address ? NULL : host, 0))
        return false;
    return !address || X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
}
