/* What to do about a refusal. */
#include "account.h"
#include "subject.h"
#include <stdio.h>
#include <string.h>

static const struct { enum mtlspin_reason reason; const char *advice; } fixed[] = {
    { MTLSPIN_REASON_CA_CERTIFICATE,
        "If the file begins with a CA's certificate, put the peer's own first; else have its CA issue one without CA:TRUE, "
        "or name it under `chain none`, which takes it as it is." },
    { MTLSPIN_REASON_MALFORMED,
        "Do not let it in: a name with a zero byte, or a serial number of more than 32 bytes, is there to deceive or "
        "a fault of its CA; have another certificate issued." },
    { MTLSPIN_REASON_UNKNOWN_CA,
        "If the peer sends intermediates besides, give them with --chain; if they are missing there, add them to the "
        "peer's own certificate file; if its CA is to be trusted, name it with `ca FILE`." },
    { MTLSPIN_REASON_EXPIRED,
        "Have the certificate that has expired renewed." },
    { MTLSPIN_REASON_NOT_YET_VALID,
        "Wait until the certificate is valid, or set the clock of the machine that issued it right and have it issued"
        " again." },
    { MTLSPIN_REASON_WEAK,
        "Have it issued again with a stronger key (P-256, or RSA with 2048 bits or more) and SHA-256, or lower "
        "`security-level` if the policy raises it." },
    { MTLSPIN_REASON_SIGNATURE,
        "Do not let it in: the certificate is damaged or forged; get it from its CA again." },
    { MTLSPIN_REASON_REVOKED,
        "Have its CA issue a new certificate, if the peer may still talk at all." },
    { MTLSPIN_REASON_CHAIN_TOO_LONG,
        "Raise `depth` in this domain, or take a CA nearer to the peer for an anchor." },
    { MTLSPIN_REASON_CHAIN,
        "Mend what is said above about the chain, and have the certificate issued again." },
    { MTLSPIN_REASON_REVOCATION_UNKNOWN,
        "Add the current revocation list of every CA of the chain with `crl FILE`." },
    { MTLSPIN_REASON_REVOCATION_EXPIRED,
        "Get a new revocation list from the CA, or bridge the gap with `crl-grace`." },
    { MTLSPIN_REASON_REVOCATION_SIGNATURE,
        "Get the revocation list from the CA again: the one that is here is not signed by it." },
    { MTLSPIN_REASON_OUT_OF_MEMORY,
        "Try again when there is more memory." },
    { MTLSPIN_REASON_NO_HOST,
        "Give the host name or IP address that the connection is for, without a port, a wildcard or brackets." },
};

/* Where something came near, its line is mended more easily than another one written. */
static bool
something_came_near(const struct account *account)
{
    struct why why;
    for (size_t i = 0; i < account->near.rule_count; i++)
        if (!account->near.rules[i].denial && account_why(account, &account->near.rules[i], &why))
            return true;
    return false;
}

static void
advise_rule(const struct account *account, char *buffer)
{
    char pin[MTLSPIN_PIN_TEXT_SIZE], domain[DOMAIN_NAME_SIZE];
    (void)snprintf(buffer, ADVICE_SIZE, "If this %s may talk, %sadd to %s: allow spki %s LABEL", account_peer(account),
        something_came_near(account) ? "mend the line that came near, or " : "",
        account_domain(account->steps.decision.domain, domain),
        subject_pin(account->presented.leaf, MTLSPIN_SPKI, pin));
}

static void
advise_domain(const struct account *account, char *buffer)
{
    const char *host = account->question.host;
    if (host == NULL)
        (void)snprintf(buffer, ADVICE_SIZE, "Give the policy a domain: `ca FILE`, and an `allow` line for this client.");
    else if (account->steps.count > 0)
        (void)snprintf(buffer, ADVICE_SIZE, "Add `host %s` to the domain under `chain none`.", host);
    else
        (void)snprintf(buffer, ADVICE_SIZE,
            "Add `host %s` to the domain that is meant, or a domain without `host` for all others.", host);
}

static void
advise_not_yet(const struct account *account, char *buffer)
{
    char moment[MOMENT_SIZE];
    unsigned line = account->steps.decision.line;
    for (size_t i = 0; i < account->near.rule_count; i++)
        if (account->near.rules[i].line == line)
            (void)snprintf(buffer, ADVICE_SIZE, "Wait until %s, or change not-before= in line %u.",
                subject_moment(account->near.rules[i].not_before, moment), line);
}

static void
advise_purpose(const struct account *account, char *buffer)
{
    bool client = account->question.role == MTLSPIN_SERVER;
    (void)snprintf(buffer, ADVICE_SIZE, "Have its CA issue a certificate for %ss (extended key usage %s, key usage "
        "digitalSignature), and see whether the peer's own certificate comes first in the file.",
        account_peer(account), client ? "clientAuth" : "serverAuth");
}

static void
advise_host(const struct account *account, char *buffer)
{
    (void)snprintf(buffer, ADVICE_SIZE,
        "Connect to one of the names above that the certificate has, or have %s added to them as an alternative name.",
        account->question.host);
}

static void
advise_by_reason(const struct account *account, char *buffer)
{
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i].reason == account->steps.decision.reason)
            (void)snprintf(buffer, ADVICE_SIZE, "%s", fixed[i].advice);
    if (buffer[0] == '\0')
        (void)snprintf(buffer, ADVICE_SIZE, "Report this together with the policy and the certificate.");
}

const char *
account_advice(const struct account *account, char buffer[ADVICE_SIZE])
{
    const struct mtlspin_decision *decision = &account->steps.decision;
    buffer[0] = '\0';
    if (decision->verdict == MTLSPIN_ALLOW)
        return buffer;
    switch (decision->reason) {
    case MTLSPIN_REASON_NO_RULE: advise_rule(account, buffer); break;
    case MTLSPIN_REASON_NO_DOMAIN: advise_domain(account, buffer); break;
    case MTLSPIN_REASON_DENIED_SPKI:
    case MTLSPIN_REASON_DENIED_SERIAL:
        (void)snprintf(buffer, ADVICE_SIZE,
            "Delete line %u if it denies by mistake; else the peer needs %s, or if the line denies its CA, one of another "
            "CA.", decision->line,
            decision->reason == MTLSPIN_REASON_DENIED_SPKI ? "a certificate for a new key" : "a new certificate");
        break;
    case MTLSPIN_REASON_RULE_EXPIRED:
        (void)snprintf(buffer, ADVICE_SIZE, "Move not-after= in line %u to a later day, if this %s may still talk.",
            decision->line, account_peer(account));
        break;
    case MTLSPIN_REASON_RULE_NOT_YET_VALID: advise_not_yet(account, buffer); break;
    case MTLSPIN_REASON_PURPOSE: advise_purpose(account, buffer); break;
    case MTLSPIN_REASON_HOST_MISMATCH: advise_host(account, buffer); break;
    default: advise_by_reason(account, buffer); break;
    }
    return buffer;
}
