/* Which alert OpenSSL sends. It offers no call that tells; a test compares this table with handshakes. */
#include "alert.h"
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stddef.h>

static const struct alert names[] = {
    { SSL_AD_HANDSHAKE_FAILURE, "handshake_failure" },
    { SSL_AD_BAD_CERTIFICATE, "bad_certificate" },
    { SSL_AD_UNSUPPORTED_CERTIFICATE, "unsupported_certificate" },
    { SSL_AD_CERTIFICATE_REVOKED, "certificate_revoked" },
    { SSL_AD_CERTIFICATE_EXPIRED, "certificate_expired" },
    { SSL_AD_CERTIFICATE_UNKNOWN, "certificate_unknown" },
    { SSL_AD_UNKNOWN_CA, "unknown_ca" },
    { SSL_AD_DECRYPT_ERROR, "decrypt_error" },
    { SSL_AD_INTERNAL_ERROR, "internal_error" },
};

/* All others are SSL_AD_CERTIFICATE_UNKNOWN. */
static const struct { int error, alert; } alerts[] = {
    { X509_V_ERR_UNSPECIFIED, SSL_AD_INTERNAL_ERROR },
    { X509_V_ERR_OUT_OF_MEM, SSL_AD_INTERNAL_ERROR },
    { X509_V_ERR_INVALID_CALL, SSL_AD_INTERNAL_ERROR },
    { X509_V_ERR_STORE_LOOKUP, SSL_AD_INTERNAL_ERROR },
    { X509_V_ERR_APPLICATION_VERIFICATION, SSL_AD_HANDSHAKE_FAILURE },
    { X509_V_ERR_CERT_SIGNATURE_FAILURE, SSL_AD_DECRYPT_ERROR },
    { X509_V_ERR_CRL_SIGNATURE_FAILURE, SSL_AD_DECRYPT_ERROR },
    { X509_V_ERR_CERT_HAS_EXPIRED, SSL_AD_CERTIFICATE_EXPIRED },
    { X509_V_ERR_CRL_HAS_EXPIRED, SSL_AD_CERTIFICATE_EXPIRED },
    { X509_V_ERR_CERT_REVOKED, SSL_AD_CERTIFICATE_REVOKED },
    { X509_V_ERR_INVALID_PURPOSE, SSL_AD_UNSUPPORTED_CERTIFICATE },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_UNABLE_TO_GET_CRL, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_CERT_CHAIN_TOO_LONG, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_PATH_LENGTH_EXCEEDED, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_INVALID_CA, SSL_AD_UNKNOWN_CA },
    { X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_CERT_NOT_YET_VALID, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_CRL_NOT_YET_VALID, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_CERT_UNTRUSTED, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_CERT_REJECTED, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_HOSTNAME_MISMATCH, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_EMAIL_MISMATCH, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_IP_ADDRESS_MISMATCH, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_DANE_NO_MATCH, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_EE_KEY_TOO_SMALL, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_CA_KEY_TOO_SMALL, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_CA_MD_TOO_WEAK, SSL_AD_BAD_CERTIFICATE },
    { X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, SSL_AD_BAD_CERTIFICATE },
};

static struct alert
with_name(int number)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i];
    return (struct alert){ number, "" };
}

struct alert
alert_of_error(int x509_error)
{
    for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++)
        if (alerts[i].error == x509_error)
            return with_name(alerts[i].alert);
    return with_name(SSL_AD_CERTIFICATE_UNKNOWN);
}

struct alert
alert_of(const struct mtlspin_decision *decision)
{
    if (decision->verdict == MTLSPIN_ALLOW)
        return (struct alert){ 0, "" };
    return alert_of_error(decision->x509_error != X509_V_OK ? decision->x509_error : X509_V_ERR_CERT_REJECTED);
}
