#include "steps.h"
#include "subject.h"
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

static void
on_step(void *context, const struct mtlspin_step *told)
{
    struct steps *steps = context;
    if (steps->count == STEPS_MAX)
        return;
    struct step *step = &steps->list[steps->count++];
    step->decision = *told->decision;
    step->final = told->final != 0;
    step->chain = told->chain != NULL ? X509_chain_up_ref(told->chain) : NULL;
    steps->lost |= told->chain != NULL && step->chain == NULL;
}

void
steps_take(struct steps *steps, struct mtlspin_policy *policy, const struct presented *presented,
    const struct question *question)
{
    steps->decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    (void)!mtlspin_evaluate_steps(policy, presented->leaf, presented->sent, question->role, question->host, question->now,
        on_step, steps, &steps->decision);
}

void
steps_clear(struct steps *steps)
{
    for (size_t i = 0; i < steps->count; i++)
        sk_X509_pop_free(steps->list[i].chain, X509_free);
    memset(steps, 0, sizeof *steps);
}

const struct step *
steps_find(const struct steps *steps, const char *domain)
{
    for (size_t i = 0; i < steps->count; i++)
        if (strcmp(steps->list[i].decision.domain, domain) == 0)
            return &steps->list[i];
    return NULL;
}

bool
step_has_chain(const struct step *step)
{
    switch (step->decision.reason) {
    case MTLSPIN_REASON_RULE:
    case MTLSPIN_REASON_UNMATCHED:
    case MTLSPIN_REASON_NO_RULE:
    case MTLSPIN_REASON_DENIED_SPKI:
    case MTLSPIN_REASON_DENIED_SERIAL:
    case MTLSPIN_REASON_RULE_EXPIRED:
    case MTLSPIN_REASON_RULE_NOT_YET_VALID:
    case MTLSPIN_REASON_CA_CERTIFICATE:
    case MTLSPIN_REASON_MALFORMED:
    case MTLSPIN_REASON_REVOKED:
    case MTLSPIN_REASON_REVOCATION_UNKNOWN:
    case MTLSPIN_REASON_REVOCATION_EXPIRED:
    case MTLSPIN_REASON_REVOCATION_SIGNATURE: return step->chain != NULL;
    default: return false;
    }
}

/* Behind which certificate the chain ends too early. */
static void
tell_end(const struct step *step, char *buffer, size_t size)
{
    char last[SUBJECT_SIZE], issuer[SUBJECT_SIZE];
    X509 *certificate = sk_X509_value(step->chain, sk_X509_num(step->chain) - 1);
    (void)subject_of(certificate, last);
    (void)subject_text(X509_get_issuer_name(certificate), issuer);
    if (strcmp(last, issuer) == 0)
        (void)snprintf(buffer, size, "%s vouches for itself, and is no anchor of this domain", last);
    else
        (void)snprintf(buffer, size, "the issuer of %s is %s, which is no anchor of this domain and does not come with the "
            "peer's certificate (or only one with this name that has another key)", last, issuer);
}

static void
tell_dates(const X509 *certificate, const char *subject, char *buffer, size_t size)
{
    char begin[MOMENT_SIZE], end[MOMENT_SIZE];
    (void)snprintf(buffer, size, "%s is valid from %s until %s", subject,
        subject_date(X509_get0_notBefore(certificate), begin), subject_date(X509_get0_notAfter(certificate), end));
}

/* In plain words what OpenSSL says in its own. */
static void
tell_plainly(const struct step *step, const X509 *certificate, char *buffer, size_t size)
{
    char subject[SUBJECT_SIZE];
    switch (step->decision.reason) {
    case MTLSPIN_REASON_UNKNOWN_CA: tell_end(step, buffer, size); break;
    case MTLSPIN_REASON_EXPIRED:
    case MTLSPIN_REASON_NOT_YET_VALID: tell_dates(certificate, subject_of(certificate, subject), buffer, size); break;
    default:
        (void)snprintf(buffer, size, "%s: %s", subject_of(certificate, subject),
            mtlspin_reason_text(step->decision.reason));
    }
}

const char *
step_trouble(const struct step *step, char buffer[TROUBLE_SIZE])
{
    const struct mtlspin_decision *decision = &step->decision;
    char plain[TROUBLE_SIZE - 200] = "";
    int last = sk_X509_num(step->chain) - 1, depth = decision->x509_depth <= last ? decision->x509_depth : last;
    buffer[0] = '\0';
    if (decision->x509_error == X509_V_OK || last < 0)
        return buffer;
    tell_plainly(step, sk_X509_value(step->chain, depth >= 0 ? depth : 0), plain, sizeof plain);
    (void)snprintf(buffer, TROUBLE_SIZE, "certificate %d: %s. In OpenSSL's words: %s (%d).", depth + 1, plain,
        X509_verify_cert_error_string(decision->x509_error), decision->x509_error);
    return buffer;
}
