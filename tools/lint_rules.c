/* Warnings about single rules, and about rules next to each other. The first that says a rule never matters is enough. */
#include "lint.h"
#include "screen.h"
#include <string.h>

enum { REMEMBERED = 64 }; /* earlier rules that a rule is held against; more only a hostile policy has */

static void
warn_expired(const struct lint *lint)
{
    char when[WHEN_SIZE];
    struct rules *rules = &lint->survey->allow;
    for (size_t i = 0; i < rules->count; i++) {
        struct rule *rule = &rules->list[i];
        if (rule->not_after >= lint->at)
            continue;
        rule->dead = true;
        findings_warn(lint->findings, WARN_EXPIRED_RULE, rule->line,
            source_option(lint->source, rule->line, "not-after=", rule->column),
            "this rule expired on %s and lets in nobody; give it a later not-after=, or delete the line",
            when_text(rule->not_after, when));
    }
}

static void
warn_expiring(const struct lint *lint)
{
    char when[WHEN_SIZE], days[WHEN_SIZE];
    const struct rules *rules = &lint->survey->allow;
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->list[i];
        if (rule->dead || rule->not_after == INT64_MAX || rule->not_after - lint->at > lint->within)
            continue;
        findings_warn(lint->findings, WARN_EXPIRING_RULE, rule->line,
            source_option(lint->source, rule->line, "not-after=", rule->column),
            "this rule expires %s, on %s; give it a later not-after= if its peer is to stay",
            days_text(rule->not_after - lint->at, days), when_text(rule->not_after, when));
    }
}

/* Denials: of the key, of a CA's key, of the serial number. */

static const struct rule *
find_denial(const struct index *deny, const struct subject *named, const char **what)
{
    struct subject subject = *named;
    const struct rule *rule = NULL;
    *what = named->kind == MTLSPIN_SERIAL ? "the key of the CA that issued it" : "this key";
    subject.kind = MTLSPIN_SPKI;
    if (named->kind == MTLSPIN_SPKI || named->kind == MTLSPIN_CA_SPKI)
        return index_find(deny, &subject);
    if (named->kind != MTLSPIN_SERIAL)
        return NULL;
    struct subject issuer = { .kind = MTLSPIN_SPKI, .length = MTLSPIN_DIGEST_SIZE };
    memcpy(issuer.key, named->issuer, sizeof issuer.key);
    rule = index_find(deny, &issuer);
    if (rule != NULL)
        return rule;
    *what = "this serial number";
    rule = index_find(deny, named);
    subject = *named;
    subject.has_issuer = 0;
    memset(subject.issuer, 0, sizeof subject.issuer);
    return rule != NULL ? rule : index_find(deny, &subject);
}

static void
warn_denied(const struct lint *lint)
{
    struct rules *rules = &lint->survey->allow;
    for (size_t i = 0; lint->deny.count > 0 && i < rules->count; i++) {
        struct rule *rule = &rules->list[i];
        const char *what = NULL;
        const struct rule *denial = rule->dead ? NULL : find_denial(&lint->deny, &rule->subject, &what);
        if (denial == NULL)
            continue;
        rule->dead = true;
        findings_warn(lint->findings, WARN_DENIED, rule->line, rule->column,
            "line %u denies %s, so this rule lets in nobody; delete it, or the denial", denial->line, what);
    }
}

/* Of two rules, whether the first leaves nothing for the second. */
static bool
covers(const struct lint *lint, const struct rule *a, const struct rule *b)
{
    return a->not_before <= b->not_before && a->not_after >= b->not_after
        && (a->domain == b->domain ? a->line < b->line : lint_precedes(lint, a->domain, b->domain));
}

/* An `allow any`, and how many rules it leaves without effect. */
struct blanket {
    const struct rule *any;
    struct rule *first;
    size_t count;
};

static size_t
find_blankets(const struct lint *lint, struct blanket blankets[REMEMBERED])
{
    size_t count = 0;
    const struct rules *rules = &lint->survey->allow;
    for (size_t i = 0; rules->kinds[MTLSPIN_ANY] > 0 && i < rules->count && count < REMEMBERED; i++)
        if (rules->list[i].subject.kind == MTLSPIN_ANY && !rules->list[i].dead)
            blankets[count++] = (struct blanket){ &rules->list[i], NULL, 0 };
    return count;
}

static void
lay_under(const struct lint *lint, struct blanket *blankets, size_t count, struct rule *rule)
{
    for (size_t i = 0; i < count && !rule->dead; i++) {
        if (rule->subject.kind == MTLSPIN_ANY || !covers(lint, blankets[i].any, rule))
            continue;
        rule->dead = true;
        if (blankets[i].count++ == 0)
            blankets[i].first = rule;
    }
}

static void
warn_blankets(const struct lint *lint)
{
    struct blanket blankets[REMEMBERED];
    char more[64] = "";
    size_t count = find_blankets(lint, blankets);
    for (size_t i = 0; count > 0 && i < lint->survey->allow.count; i++)
        lay_under(lint, blankets, count, &lint->survey->allow.list[i]);
    for (size_t i = 0; i < count; i++) {
        const struct blanket *blanket = &blankets[i];
        if (blanket->count == 0)
            continue;
        if (blanket->count > 1)
            (void)snprintf(more, sizeof more, " and %zu more below", blanket->count - 1);
        findings_warn(lint->findings, WARN_SHADOWED, blanket->first->line, blanket->first->column,
            "`allow any` in line %u lets in everybody before this rule%s can; move that line to the end, or delete it",
            blanket->any->line, blanket->count > 1 ? more : "");
    }
}

/* Rules for one subject. */

static bool
is_pin(const struct rule *rule)
{
    uint8_t kind = rule->subject.kind;
    return kind == MTLSPIN_SPKI || kind == MTLSPIN_THUMBPRINT || kind == MTLSPIN_SERIAL;
}

/* A host gives its server a name of its own, so that two hosts may well call one key differently. */
static bool
disagree(const struct lint *lint, const struct rule *a, const struct rule *b)
{
    const struct domain *domains = lint->survey->domains;
    return a->domain != b->domain && domains[a->domain].hosts == 0 && domains[b->domain].hosts == 0
        && a->not_before <= b->not_after && b->not_before <= a->not_after
        && strcmp(survey_label(lint->survey, a), survey_label(lint->survey, b)) != 0;
}

static void
warn_two_labels(const struct lint *lint, const struct rule *a, const struct rule *b)
{
    char domain[MTLSPIN_DOMAIN_SIZE + 32];
    const char *label = survey_label(lint->survey, a);
    findings_warn(lint->findings, WARN_TWO_LABELS, b->line, b->column,
        "line %u in %s has this %s under %s%s%s, and which of the two a peer gets depends on the domain; "
        "give it one label in both", a->line, domain_text(&lint->survey->domains[a->domain], domain),
        b->subject.kind == MTLSPIN_SPKI ? "key" : "certificate", label[0] != '\0' ? "the label \"" : "no label",
        label, label[0] != '\0' ? "\"" : "");
}

static void
warn_repeated(const struct lint *lint, const struct rule *a, struct rule *b)
{
    b->dead = true;
    findings_warn(lint->findings, WARN_SHADOWED, b->line, b->column,
        "line %u says the same before this one, so this line changes nothing; delete it", a->line);
}

/* Holds each rule of a run against the earlier ones that matter. */
static void
compare_run(const struct lint *lint, const struct slot *slots, size_t count, bool labels)
{
    const struct rule *earlier[REMEMBERED];
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        struct rule *rule = slots[i].rule;
        bool told = false;
        for (size_t k = 0; k < known && !rule->dead; k++)
            if (covers(lint, earlier[k], rule))
                warn_repeated(lint, earlier[k], rule);
        for (size_t k = 0; k < known && labels && is_pin(rule) && !rule->dead && !told; k++) {
            told = disagree(lint, earlier[k], rule);
            if (told)
                warn_two_labels(lint, earlier[k], rule);
        }
        if (!rule->dead && known < REMEMBERED)
            earlier[known++] = rule;
    }
}

static void
compare_runs(const struct lint *lint, const struct index *index, bool labels)
{
    for (size_t at = 0, count; (count = index_run(index, at)) > 0; at += count) {
        progress("rules compared:", at);
        if (count > 1)
            compare_run(lint, index->slots + at, count, labels);
    }
}

void
lint_rules(const struct lint *lint)
{
    warn_expired(lint);
    warn_denied(lint);
    warn_blankets(lint);
    compare_runs(lint, &lint->allow, true);
    compare_runs(lint, &lint->deny, false);
    warn_expiring(lint);
}
