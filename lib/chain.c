/* Path validation with an X509_STORE_CTX of our own, so that the policy's anchors and rules apply whatever the SSL_CTX
   holds. Source of the order of the settings: X509_STORE_CTX_new(3), X509_VERIFY_PARAM_set_flags(3). */
#include "chain.h"
#include "anchors.h"
#include "host.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static enum mtlspin_reason
reason_of(int error)
{
    static const struct { int error; enum mtlspin_reason reason; } reasons[] = {
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, MTLSPIN_REASON_UNKNOWN_CA },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, MTLSPIN_REASON_UNKNOWN_CA },
        { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, MTLSPIN_REASON_UNKNOWN_CA },
        { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, MTLSPIN_REASON_UNKNOWN_CA },
        { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, MTLSPIN_REASON_UNKNOWN_CA },
        { X509_V_ERR_CERT_UNTRUSTED, MTLSPIN_REASON_UNKNOWN_CA },
        { X509_V_ERR_CERT_HAS_EXPIRED, MTLSPIN_REASON_EXPIRED },
        { X509_V_ERR_CERT_NOT_YET_VALID, MTLSPIN_REASON_NOT_YET_VALID },
        { X509_V_ERR_INVALID_PURPOSE, MTLSPIN_REASON_PURPOSE },
        { X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE, MTLSPIN_REASON_PURPOSE },
        { X509_V_ERR_EE_KEY_TOO_SMALL, MTLSPIN_REASON_WEAK },
        { X509_V_ERR_CA_KEY_TOO_SMALL, MTLSPIN_REASON_WEAK },
        { X509_V_ERR_CA_MD_TOO_WEAK, MTLSPIN_REASON_WEAK },
        { X509_V_ERR_CERT_SIGNATURE_FAILURE, MTLSPIN_REASON_SIGNATURE },
        { X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, MTLSPIN_REASON_SIGNATURE },
        { X509_V_ERR_CERT_REVOKED, MTLSPIN_REASON_REVOKED },
        { X509_V_ERR_UNABLE_TO_GET_CRL, MTLSPIN_REASON_REVOCATION_UNKNOWN },
        { X509_V_ERR_CRL_HAS_EXPIRED, MTLSPIN_REASON_REVOCATION_EXPIRED },
        { X509_V_ERR_CRL_NOT_YET_VALID, MTLSPIN_REASON_REVOCATION_UNKNOWN },
        { X509_V_ERR_HOSTNAME_MISMATCH, MTLSPIN_REASON_HOST_MISMATCH },
        { X509_V_ERR_IP_ADDRESS_MISMATCH, MTLSPIN_REASON_HOST_MISMATCH },
        { X509_V_ERR_CERT_CHAIN_TOO_LONG, MTLSPIN_REASON_CHAIN_TOO_LONG },
        { X509_V_ERR_OUT_OF_MEM, MTLSPIN_REASON_OUT_OF_MEMORY },
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].error == error)
            return reasons[i].reason;
    return MTLSPIN_REASON_CHAIN;
}

/* The application's parameters may ask for more (policies, CRLs, a name, less depth), never for less. As anywhere in
   OpenSSL, X509_VP_FLAG_LOCKED keeps them from being taken over. */
static bool
take_application_parameters(X509_VERIFY_PARAM *param, const struct mtlspin__peer *peer)
{
    static const unsigned long loosening = X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_USE_CHECK_TIME
        | X509_V_FLAG_IGNORE_CRITICAL | X509_V_FLAG_ALLOW_PROXY_CERTS | X509_V_FLAG_PARTIAL_CHAIN;
    if (peer->parameters == NULL)
        return true;
    return X509_VERIFY_PARAM_set1(param, peer->parameters) && X509_VERIFY_PARAM_clear_flags(param, loosening);
}

static bool
set_purpose(X509_VERIFY_PARAM *param, const struct mtlspin__peer *peer)
{
    bool client = peer->role == MTLSPIN_SERVER; /* we are the server, so the peer is a client */
    if (peer->any_purpose)
        return true;
    return X509_VERIFY_PARAM_set_purpose(param, client ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER)
        && X509_VERIFY_PARAM_set_trust(param, client ? X509_TRUST_SSL_CLIENT : X509_TRUST_SSL_SERVER);
}

/* Under `chain none` the pin names the server, and its certificate's own names are not checked. An address that stands
   beside a name stays, since only one of them can be meant (host.h). */
static bool
set_host(X509_VERIFY_PARAM *param, const struct mtlspin__domain *domain, const struct mtlspin__peer *peer)
{
    if (peer->role == MTLSPIN_CLIENT && domain->chain_none) {
        bool address = peer->host != NULL && mtlspin__host_is_address(peer->host);
        return X509_VERIFY_PARAM_set1_host(param, NULL, 0) == 1
            && (!address || X509_VERIFY_PARAM_set1_ip(param, NULL, 0) == 1);
    }
    return peer->role != MTLSPIN_CLIENT || peer->host == NULL || mtlspin__host_demand(param, peer->host);
}

static void
set_limits(X509_VERIFY_PARAM *param, const struct mtlspin__domain *domain, const struct mtlspin__peer *peer)
{
    int depth = (int)(domain->has_depth ? domain->depth : MTLSPIN__DEPTH_DEFAULT);
    int own = X509_VERIFY_PARAM_get_depth(param);
    int level = X509_VERIFY_PARAM_get_auth_level(param); /* the application's own, or -1 */
    if (level < peer->level)
        level = peer->level;
    if (domain->has_level && level < (int)domain->level)
        level = (int)domain->level;
    X509_VERIFY_PARAM_set_depth(param, own >= 0 && own < depth ? own : depth);
    X509_VERIFY_PARAM_set_auth_level(param, level);
    X509_VERIFY_PARAM_set_time(param, (time_t)peer->now);
}

static bool
set_parameters(X509_STORE_CTX *context, const struct mtlspin__domain *domain, const struct mtlspin__peer *peer)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    unsigned long flags = 0;
    const char *defaults = peer->role == MTLSPIN_SERVER ? "ssl_client" : "ssl_server";
    if (!peer->any_purpose && !X509_STORE_CTX_set_default(context, defaults))
        return false;
    if (!take_application_parameters(param, peer) || !set_purpose(param, peer) || !set_host(param, domain, peer))
        return false;
    set_limits(param, domain, peer);
    if (domain->partial_chain || domain->chain_none)
        flags |= X509_V_FLAG_PARTIAL_CHAIN;
    if (domain->strict)
        flags |= X509_V_FLAG_X509_STRICT;
    return flags == 0 || X509_VERIFY_PARAM_set_flags(param, flags);
}

/* Under `chain none` the leaf, whose pin a rule names, is its own and only anchor: nothing else that the peer sent counts,
   while dates, key usage, critical extensions and key strength stay enforced. */
static bool
init(X509_STORE_CTX *context, const struct mtlspin__domain *domain, const struct mtlspin__peer *peer,
    STACK_OF(X509) *alone)
{
    X509_STORE *store = NULL;
    if (domain->chain_none) {
        if (!sk_X509_push(alone, peer->leaf) || !X509_STORE_CTX_init(context, NULL, peer->leaf, NULL))
            return false;
        X509_STORE_CTX_set0_trusted_stack(context, alone);
        return true;
    }
    store = domain->anchors->application ? peer->application : domain->anchors->store;
    return store != NULL && X509_STORE_CTX_init(context, store, peer->leaf, peer->untrusted);
}

/* The application's verify callback, and what came up before it was asked. */
struct witness {
    X509_STORE_CTX_verify_cb application;
    bool may_refuse; /* it is not just OpenSSL's default */
    int error, depth; /* the first that came up */
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int witness_index = -1;

static void
make_index(void)
{
    witness_index = X509_STORE_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* A callback may refuse more, never less: an error that it waves through, or wipes out, is remembered here. */
static int
bear_witness(int ok, X509_STORE_CTX *context)
{
    struct witness *witness = X509_STORE_CTX_get_ex_data(context, witness_index);
    int error = X509_STORE_CTX_get_error(context);
    if (!ok && witness->error == X509_V_OK) {
        witness->error = error != X509_V_OK ? error : X509_V_ERR_UNSPECIFIED;
        witness->depth = X509_STORE_CTX_get_error_depth(context);
    }
    return witness->application(ok, context);
}

static bool
set_callback(X509_STORE_CTX *context, SSL *ssl, struct witness *witness)
{
    if (ssl != NULL && !X509_STORE_CTX_set_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx(), ssl))
        return false;
    if (witness->application == NULL)
        witness->application = X509_STORE_CTX_get_verify_cb(context); /* of the application's store, or OpenSSL's default */
    if (!CRYPTO_THREAD_run_once(&once, make_index) || !X509_STORE_CTX_set_ex_data(context, witness_index, witness))
        return false;
    X509_STORE_CTX_set_verify_cb(context, bear_witness);
    return true;
}

static enum mtlspin_reason
reason_for(const struct mtlspin__chain_verdict *verdict, const struct witness *witness)
{
    if (verdict->verified)
        return MTLSPIN_REASON_NONE;
    if (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
        return MTLSPIN_REASON_OUT_OF_MEMORY; /* which X509_verify_cert may have taken for a bad signature */
    if (witness->may_refuse && witness->error == X509_V_OK && verdict->error == X509_V_ERR_UNSPECIFIED)
        return MTLSPIN_REASON_APPLICATION; /* OpenSSL's word for a callback that refused and gave no error */
    return reason_of(verdict->error);
}

static void
collect(X509_STORE_CTX *context, int result, const struct witness *witness, struct mtlspin__chain_verdict *verdict)
{
    verdict->error = X509_STORE_CTX_get_error(context);
    verdict->depth = X509_STORE_CTX_get_error_depth(context);
    if (witness->error != X509_V_OK) {
        verdict->error = witness->error;
        verdict->depth = witness->depth;
    }
    verdict->chain = X509_STORE_CTX_get1_chain(context);
    const char *name = X509_VERIFY_PARAM_get0_peername(X509_STORE_CTX_get0_param(context));
    if (name != NULL)
        (void)snprintf(verdict->peername, sizeof verdict->peername, "%s", name);
    if (verdict->error == X509_V_OK && (result != 1 || verdict->chain == NULL))
        verdict->error = X509_V_ERR_UNSPECIFIED;
    verdict->verified = verdict->error == X509_V_OK;
    verdict->reason = reason_for(verdict, witness);
}

void
mtlspin__chain_verify(const struct mtlspin__domain *domain, const struct mtlspin__peer *peer,
    X509_STORE_CTX_verify_cb callback, struct mtlspin__chain_verdict *verdict)
{
    bool own = callback != NULL || domain->anchors->application;
    struct witness witness = { callback, own, X509_V_OK, 0 };
    mtlspin__chain_clear(verdict);
    verdict->error = X509_V_ERR_UNSPECIFIED;
    verdict->reason = MTLSPIN_REASON_INTERNAL;
    STACK_OF(X509) *alone = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    ERR_set_mark();
    if (alone != NULL && context != NULL && init(context, domain, peer, alone) && set_parameters(context, domain, peer)
        && set_callback(context, peer->ssl, &witness))
        collect(context, X509_verify_cert(context), &witness, verdict);
    ERR_pop_to_mark();
    X509_STORE_CTX_free(context);
    sk_X509_free(alone);
}

void
mtlspin__chain_clear(struct mtlspin__chain_verdict *verdict)
{
    sk_X509_pop_free(verdict->chain, X509_free);
    memset(verdict, 0, sizeof *verdict);
}
