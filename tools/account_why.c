/* The rules that came near, and what each of them lacked. */
#include "account.h"
#include "subject.h"
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One rule, and what was found out about it. */
struct inquiry {
    const struct account *account;
    const struct near_rule *rule;
    const struct step *step; /* of the rule's domain; NULL = it was not asked */
    struct why *why;
};

static bool say(const struct inquiry *q, const char *word, const char *format, ...)
#if defined __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

static bool
say(const struct inquiry *q, const char *word, const char *format, ...)
{
    va_list arguments;
    q->why->word = word;
    va_start(arguments, format);
    (void)vsnprintf(q->why->text, sizeof q->why->text, format, arguments);
    va_end(arguments);
    return true;
}

static const struct known *
meant(const struct inquiry *q)
{
    return &q->account->near.known[q->rule->known];
}

static bool
in_chain(const struct step *step, const X509 *certificate, int from)
{
    for (int i = from; step != NULL && i < sk_X509_num(step->chain); i++)
        if (X509_cmp(sk_X509_value(step->chain, i), certificate) == 0)
            return true;
    return false;
}

/* An anchor concerns the peer only where a chain leads to it; what the peer sends concerns it in any case. */
static bool
concerns_peer(const struct inquiry *q)
{
    const struct steps *steps = &q->account->steps;
    if (q->rule->known < q->account->near.presented)
        return true;
    for (size_t i = 0; i < steps->count; i++)
        if (in_chain(&steps->list[i], meant(q)->certificate, 0))
            return true;
    return false;
}

static bool
why_denial(const struct inquiry *q)
{
    char subject[SUBJECT_SIZE];
    const struct mtlspin_decision *decision = &q->account->steps.decision;
    const char *what = q->rule->kind == MTLSPIN_SPKI ? "key" : "serial number";
    bool denied = decision->reason == MTLSPIN_REASON_DENIED_SPKI || decision->reason == MTLSPIN_REASON_DENIED_SERIAL;
    (void)subject_of(meant(q)->certificate, subject);
    if (q->rule->bond != BOND_NAMES || !concerns_peer(q))
        return false;
    if (denied && q->rule->line == decision->line)
        return say(q, "denial", "it denies the %s of %s, and nothing outweighs a denial", what, subject);
    if (q->rule->kind == MTLSPIN_SERIAL && q->rule->has_issuer)
        return say(q, "denial-other-issuer", "it denies this serial number of %s, but only that of another issuer",
            subject);
    if (denied)
        return say(q, "denial-too", "it denies the %s of %s, too", what, subject);
    return say(q, "denial-not-in-chain", "it denies the %s of %s, which is not in the chain that was verified", what,
        subject);
}

/* The value is of the right peer, but of the wrong kind. */

static bool
why_swapped(const struct inquiry *q)
{
    char subject[SUBJECT_SIZE], pin[MTLSPIN_PIN_TEXT_SIZE];
    const X509 *certificate = meant(q)->certificate;
    (void)subject_of(certificate, subject);
    if (q->rule->kind == MTLSPIN_THUMBPRINT)
        return say(q, "spki-as-thumbprint", "this is the pin of the key of %s, and no thumbprint: write `allow %s`",
            subject, q->rule->known == 0 ? "spki" : "ca-spki");
    return say(q, "thumbprint-as-spki", "this is the thumbprint of %s, and no pin of a key: the pin of its key is %s",
        subject, subject_pin(certificate, MTLSPIN_SPKI, pin));
}

static bool
why_another(const struct inquiry *q)
{
    char subject[SUBJECT_SIZE];
    X509 *certificate = meant(q)->certificate;
    bool ca = X509_check_ca(certificate) != 0;
    const char *what = q->rule->kind == MTLSPIN_SPKI ? "key" : "thumbprint";
    (void)subject_of(certificate, subject);
    if (ca && q->rule->kind == MTLSPIN_SPKI)
        return say(q, "ca-key", "this is the key of a CA, %s, and not the %s's own; `allow ca-spki` lets in everybody "
            "whose chain has that CA", subject, account_peer(q->account));
    return say(q, ca ? "ca-certificate-pinned" : "other-certificate", "this is the %s of %s, and not the %s's own", what,
        subject, account_peer(q->account));
}

static bool
why_name(const struct inquiry *q)
{
    switch (q->rule->likeness) {
    case LIKE_OTHER_CASE:
        return say(q, "case", "the certificate has this name in other upper and lower case, which counts here");
    case LIKE_WILDCARD:
        return say(q, "wildcard", "the certificate has a wildcard that covers this name, and a rule wants the name itself");
    case LIKE_OTHER_KIND:
        return say(q, "other-kind", "the certificate has this among its alternative names, but as a name of another kind");
    case LIKE_SUBJECT_EMAIL:
        return say(q, "subject-email", "the address is in the subject (emailAddress) alone, which is never read: the "
            "certificate needs it as an alternative name");
    case LIKE_COMMON_NAME:
        return say(q, "common-name", "the name is in the subject's common name alone, which is never read: the certificate "
            "needs it as an alternative name");
    default: return false;
    }
}

/* The rule names the peer, and its domain was not asked, or refuses the peer whatever its rules say. */

static bool
why_not_asked(const struct inquiry *q)
{
    char name[DOMAIN_NAME_SIZE], own[DOMAIN_NAME_SIZE];
    const struct account *account = q->account;
    const struct steps *steps = &account->steps;
    const struct step *last = steps->count > 0 ? &steps->list[steps->count - 1] : NULL;
    const struct reading_domain *asked = last != NULL ? reading_find(&account->reading, last->decision.domain) : NULL;
    const char *host = account->question.host;
    if (last == NULL && steps->decision.reason == MTLSPIN_REASON_NO_DOMAIN && host != NULL)
        return say(q, "host", "%s has no `host` that fits %s", account_domain(q->rule->domain, own), host);
    if (last == NULL && steps->decision.line > 0)
        return say(q, "denied", "line %u denies the peer, and outweighs it", steps->decision.line);
    if (last == NULL)
        return say(q, "refused-before", "the peer was refused before any domain was asked: %s",
            mtlspin_reason_text(steps->decision.reason));
    (void)account_domain(last->decision.domain, name);
    if (host != NULL && asked != NULL && asked->hosts)
        return say(q, "host", "%s is the one domain that is asked for the host %s, and this rule is in another", name,
            host);
    if (host != NULL && reading_find(&account->reading, q->rule->domain) != NULL
        && reading_find(&account->reading, q->rule->domain)->hosts)
        return say(q, "host", "%s has no `host` that fits %s", account_domain(q->rule->domain, own), host);
    return say(q, "not-asked", "its domain was not asked any more: %s had the last word (%s)", name,
        mtlspin_reason_text(last->decision.reason));
}

static bool
why_domain(const struct inquiry *q)
{
    const struct mtlspin_decision *decision = &q->step->decision;
    switch (decision->reason) {
    case MTLSPIN_REASON_NO_DOMAIN:
        return say(q, "no-host", "under `chain none` a server is known under a `host`, and its domain has none");
    case MTLSPIN_REASON_DENIED_SPKI:
    case MTLSPIN_REASON_DENIED_SERIAL: return say(q, "denied", "line %u denies the peer, and outweighs it", decision->line);
    case MTLSPIN_REASON_MALFORMED: return say(q, "malformed", "%s", mtlspin_reason_text(decision->reason));
    case MTLSPIN_REASON_CA_CERTIFICATE:
        return say(q, "ca-certificate", "the certificate is itself a CA's, and those let nobody in but under `chain none`");
    default: break;
    }
    if (step_has_chain(q->step))
        return say(q, "revocation", "%s", mtlspin_reason_text(decision->reason));
    return say(q, "chain", "it names the peer, but the chain is not valid in its domain: %s",
        mtlspin_reason_text(decision->reason));
}

static bool
domain_refuses(const struct step *step)
{
    enum mtlspin_reason reason = step->decision.reason;
    return !step_has_chain(step)
        || (reason != MTLSPIN_REASON_RULE && reason != MTLSPIN_REASON_UNMATCHED && reason != MTLSPIN_REASON_NO_RULE
            && reason != MTLSPIN_REASON_RULE_EXPIRED && reason != MTLSPIN_REASON_RULE_NOT_YET_VALID);
}

/* The domain has a valid chain, and no rule of it matched within its dates. */

static bool
is_issuer(const struct inquiry *q)
{
    struct mtlspin_pin spki;
    int count = sk_X509_num(q->step->chain);
    X509 *issuer = sk_X509_value(q->step->chain, count > 1 ? 1 : 0);
    return (count > 1 || X509_self_signed(issuer, 0) == 1)
        && mtlspin_pin_from_x509(&spki, MTLSPIN_SPKI, issuer, NULL) == MTLSPIN_OK
        && memcmp(spki.bytes, q->rule->issuer, sizeof q->rule->issuer) == 0;
}

static bool
has_ca(const struct inquiry *q)
{
    struct mtlspin_pin spki;
    for (int i = 1; i < sk_X509_num(q->step->chain); i++)
        if (mtlspin_pin_from_x509(&spki, MTLSPIN_SPKI, sk_X509_value(q->step->chain, i), NULL) == MTLSPIN_OK
            && mtlspin_pin_equal(&spki, &meant(q)->spki))
            return true;
    return false;
}

static bool
why_dates(const struct inquiry *q)
{
    char moment[MOMENT_SIZE];
    int64_t now = q->account->question.now;
    if (now > q->rule->not_after)
        return say(q, "expired", "it names the peer, but it ended with %s", subject_moment(q->rule->not_after, moment));
    if (now < q->rule->not_before)
        return say(q, "not-yet-valid", "it names the peer, but begins with %s",
            subject_moment(q->rule->not_before, moment));
    return false;
}

static bool
why_named(const struct inquiry *q)
{
    char subject[SUBJECT_SIZE];
    bool any = q->rule->kind == MTLSPIN_ANY; /* then the domain has said it already */
    if (q->step == NULL)
        return !any && why_not_asked(q);
    if (domain_refuses(q->step))
        return !any && why_domain(q);
    if (q->rule->kind == MTLSPIN_SERIAL && !is_issuer(q))
        return say(q, "issuer", "it has this serial number, but of another issuer than %s",
            subject_text(X509_get_issuer_name(q->account->presented.leaf), subject));
    if (q->rule->kind == MTLSPIN_CA_SPKI && !has_ca(q))
        return say(q, "not-in-chain", "the CA with this key, %s, is not in the chain that was verified",
            subject_of(meant(q)->certificate, subject));
    if (q->rule->spiffe && q->account->near.names.uris > 1)
        return say(q, "several-uris", "the certificate has %zu URIs, and a spiffe: URI must be the only one",
            q->account->near.names.uris);
    return why_dates(q);
}

bool
account_why(const struct account *account, const struct near_rule *rule, struct why *why)
{
    const struct step *step = rule->denial ? NULL : steps_find(&account->steps, rule->domain);
    const struct inquiry q = { account, rule, step, why };
    bool by_certificate = rule->kind <= MTLSPIN_CA_SPKI;
    if (by_certificate && !concerns_peer(&q))
        return false;
    if (rule->bond == BOND_SWAPPED)
        return why_swapped(&q);
    if (rule->denial)
        return why_denial(&q);
    switch (rule->bond) {
    case BOND_ANOTHER: return why_another(&q);
    case BOND_NAME: return why_name(&q);
    case BOND_OWN_KEY:
        return say(&q, "own-key", "this is the %s's own key, and `ca-spki` looks at the CAs above it: write `allow spki`",
            account_peer(account));
    default: return why_named(&q);
    }
}
