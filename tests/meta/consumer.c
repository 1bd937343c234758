/* A program outside of the tree: the five calls, without a connection. Exits 0 if the library works. */
#include <mtlspin/mtlspin.h>
#include <openssl/ssl.h>
#include <stdio.h>

int
main(void)
{
    static const char text[] = "chain none\nallow spki sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= alice\n";
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    struct mtlspin_policy *policy = mtlspin_policy_parse(text, sizeof text - 1, "consumer.policy", &error);
    struct mtlspin_verifier *verifier = mtlspin_verifier_new(policy, &error);
    if (policy == NULL || verifier == NULL || mtlspin_verifier_attach(verifier, context, &error) != MTLSPIN_OK) {
        (void)fprintf(stderr, "%s\n", mtlspin_error_format(&error, line, sizeof line));
        return 1;
    }
    SSL *ssl = SSL_new(context);
    enum mtlspin_verdict verdict = mtlspin_check(verifier, ssl, &decision);
    printf("libmtlspin %s: %s\n", mtlspin_version(), mtlspin_reason_text(decision.reason));
    SSL_free(ssl);
    mtlspin_verifier_unref(verifier);
    mtlspin_policy_unref(policy);
    SSL_CTX_free(context);
    return verdict == MTLSPIN_DENY ? 0 : 1;
}
