/* Warnings about domains as a whole. */
#include "lint.h"
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static void
warn_thumbprints(const struct lint *lint, const struct domain *domain)
{
    const struct rule *first = NULL;
    char more[64] = "";
    size_t count = 0;
    for (size_t i = 0; i < domain->rules; i++) {
        const struct rule *rule = &lint->survey->allow.list[domain->rule + i];
        if (rule->subject.kind != MTLSPIN_THUMBPRINT || rule->dead)
            continue;
        first = count++ == 0 ? rule : first;
    }
    if (count == 0)
        return;
    if (count > 1)
        (void)snprintf(more, sizeof more, " (%zu more like it in this domain)", count - 1);
    findings_warn(lint->findings, WARN_THUMBPRINT, first->line, first->column,
        "a thumbprint is of one certificate and ends with it; the key stays good when the certificate is renewed: "
        "write `allow spki` with what `mtlspin pin` prints for it%s", more);
}

/* What openssl prints with colons is a certificate's fingerprint. As the pin of a key it is no mistake of the language, and
   names nobody: a denial of that kind denies nothing. */
static void
warn_fingerprints(const struct lint *lint, const struct rule *rules, size_t count, const char *instead)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const char *line = source_line(lint->source, rules[i].line, &length);
        bool spki = rules[i].subject.kind == MTLSPIN_SPKI || rules[i].subject.kind == MTLSPIN_CA_SPKI;
        if (spki && !rules[i].dead && line != NULL && rules[i].column + 1 < length && line[rules[i].column + 1] == ':')
            findings_warn(lint->findings, WARN_FINGERPRINT, rules[i].line, rules[i].column,
                "with colons, this looks like a certificate's fingerprint, which no key has as its pin: write %s, or the "
                "key's pin as `mtlspin pin` prints it", instead);
    }
}

/* A rule that pins, and is the only one; NULL = there is none, or a second way in. */
static const struct rule *
only_pin(const struct lint *lint, const struct domain *domain)
{
    const struct rule *only = NULL;
    for (size_t i = 0; i < domain->rules; i++) {
        const struct rule *rule = &lint->survey->allow.list[domain->rule + i];
        bool pin = rule->subject.kind >= MTLSPIN_SPKI && rule->subject.kind <= MTLSPIN_CA_SPKI;
        if (rule->dead)
            continue;
        if (!pin || (only != NULL && memcmp(&only->subject, &rule->subject, sizeof only->subject) != 0))
            return NULL;
        only = only == NULL ? rule : only;
    }
    return only;
}

static void
warn_single_pin(const struct lint *lint, const struct domain *domain)
{
    const struct rule *only = domain->hosts > 0 && !domain->report_only ? only_pin(lint, domain) : NULL;
    if (only != NULL)
        findings_warn(lint->findings, WARN_SINGLE_PIN, only->line, only->column,
            "this is the only pin for its host: when the key is lost or replaced, nothing connects until the policy is "
            "changed; make a spare key now, keep it elsewhere, and add an `allow spki` line for it");
}

static void
warn_no_rules(const struct lint *lint, const struct domain *domain)
{
    char name[MTLSPIN_DOMAIN_SIZE + 32];
    if (domain->rules == 0 && !domain->chain_none && !domain->report_only)
        findings_warn(lint->findings, WARN_NO_RULES, domain->line, source_column(lint->source, domain->line, 0),
            "%s has a `ca` and no `allow` line, so it lets in nobody; write `allow any` for all whom that CA knows, or a "
            "line for each peer", domain_text(domain, name));
}

static const struct rule *
denial_of(const struct lint *lint, const struct anchor *anchor)
{
    struct mtlspin_pin pin;
    struct subject subject = { .kind = MTLSPIN_SPKI, .length = MTLSPIN_DIGEST_SIZE };
    if (mtlspin_pin_from_x509(&pin, MTLSPIN_SPKI, anchor->certificate, NULL) != MTLSPIN_OK)
        return NULL;
    memcpy(subject.key, pin.bytes, sizeof subject.key);
    return index_find(&lint->deny, &subject);
}

/* Denying one CA of several is how one is left out; with all of them denied the domain is shut. */
static void
warn_denied_anchors(const struct lint *lint, const struct domain *domain)
{
    const struct rule *denial = NULL;
    const struct anchor *anchors = lint->survey->anchors + domain->anchor;
    char name[MTLSPIN_DOMAIN_SIZE + 32];
    for (size_t i = 0; i < domain->anchors; i++) {
        denial = anchors[i].system ? NULL : denial_of(lint, &anchors[i]);
        if (denial == NULL)
            return;
    }
    if (denial != NULL)
        findings_warn(lint->findings, WARN_DENIED, anchors->line, source_column(lint->source, anchors->line, 1),
            "line %u denies the key of %s here, so %s lets in nobody; name another CA, or delete the denial",
            denial->line, domain->anchors == 1 ? "the only anchor" : "the last of all the anchors",
            domain_text(domain, name));
}

void
lint_domains(const struct lint *lint)
{
    warn_fingerprints(lint, lint->survey->deny.list, lint->survey->deny.count, "`deny serial` with the serial number");
    warn_fingerprints(lint, lint->survey->allow.list, lint->survey->allow.count, "`allow thumbprint`");
    for (size_t i = 0; i < lint->survey->domain_count; i++) {
        const struct domain *domain = &lint->survey->domains[i];
        warn_thumbprints(lint, domain);
        if (!lint->whole)
            continue; /* what seems to be missing may be in a line with a mistake */
        warn_single_pin(lint, domain);
        warn_no_rules(lint, domain);
        if (lint->deny.count > 0)
            warn_denied_anchors(lint, domain);
    }
}
