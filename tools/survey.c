/* What a scan tells, copied into arrays. */
#include "survey.h"
#include "screen.h"
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct listener {
    struct survey *survey;
    struct findings *findings;
};

static struct survey *
survey_of(void *context)
{
    return ((struct listener *)context)->survey;
}

/* `items` with room for `more` behind `count`, as realloc; the room is not kept where it is a power of two. */
static void *
make_room(struct survey *survey, void *items, size_t count, size_t size)
{
    if (count >= 16 ? (count & (count - 1)) != 0 : count != 0)
        return items;
    void *grown = realloc(items, (count >= 16 ? 2 * count : 16) * size);
    survey->failed |= grown == NULL;
    return grown;
}

static void
forget(void *context)
{
    survey_clear(survey_of(context));
    findings_clear(((struct listener *)context)->findings);
}

static void
take_mistake(void *context, const struct mtlspin_error *error)
{
    findings_error(((struct listener *)context)->findings, error->line, error->column, error->message);
}

static size_t
keep_label(struct survey *survey, const char *label)
{
    size_t size = strlen(label) + 1, at = survey->labels_length;
    if (at + size > survey->labels_room) {
        size_t room = survey->labels_room * 2 + size + 4096;
        char *grown = realloc(survey->labels, room);
        survey->failed |= grown == NULL;
        if (grown == NULL)
            return 0;
        survey->labels = grown;
        survey->labels_room = room;
    }
    memcpy(survey->labels + at, label, size);
    survey->labels_length += size;
    return at;
}

static void
keep_name(struct survey *survey, struct subject *subject, const char *name)
{
    if (survey->sha256 == NULL)
        survey->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    survey->failed |= survey->sha256 == NULL
        || EVP_Digest(name, strlen(name), subject->key, NULL, survey->sha256, NULL) != 1;
}

static struct rule *
next_rule(struct survey *survey, struct rules *rules)
{
    if (rules->count == rules->room) {
        size_t room = rules->room * 2 + 64;
        struct rule *grown = realloc(rules->list, room * sizeof *grown);
        survey->failed |= grown == NULL;
        if (grown == NULL)
            return NULL;
        rules->list = grown;
        rules->room = room;
    }
    return &rules->list[rules->count];
}

static void
take_rule(void *context, const struct mtlspin_scan_rule *from)
{
    struct survey *survey = survey_of(context);
    struct rules *rules = from->domain != NULL ? &survey->allow : &survey->deny;
    struct rule *rule = next_rule(survey, rules);
    if (rule == NULL)
        return;
    *rule = (struct rule){
        .subject = { .kind = (uint8_t)from->kind, .negative = from->pin.negative, .length = from->pin.length },
        .domain = (unsigned)survey->domain_count, .line = from->line, .column = from->column,
        .label = keep_label(survey, from->label), .not_before = from->not_before, .not_after = from->not_after,
    };
    memcpy(rule->subject.key, from->pin.bytes, sizeof rule->subject.key);
    rule->subject.has_issuer = from->issuer != NULL;
    if (from->issuer != NULL)
        memcpy(rule->subject.issuer, from->issuer, sizeof rule->subject.issuer);
    if (from->name != NULL)
        keep_name(survey, &rule->subject, from->name);
    rules->count++;
    rules->kinds[from->kind]++;
    progress("rules read:", survey->allow.count + survey->deny.count);
}

static void
take_anchor(void *context, X509 *certificate, unsigned line, int system)
{
    struct survey *survey = survey_of(context);
    struct anchor *grown = make_room(survey, survey->anchors, survey->anchor_count, sizeof *grown);
    if (grown == NULL)
        return;
    survey->anchors = grown;
    (void)X509_up_ref(certificate);
    grown[survey->anchor_count++] = (struct anchor){ certificate, (unsigned)survey->domain_count, line, system != 0 };
}

static void
take_list(void *context, X509_CRL *crl, unsigned line)
{
    struct survey *survey = survey_of(context);
    struct list *grown = make_room(survey, survey->lists, survey->list_count, sizeof *grown);
    if (grown == NULL)
        return;
    survey->lists = grown;
    (void)X509_CRL_up_ref(crl);
    grown[survey->list_count++] = (struct list){ crl, (unsigned)survey->domain_count, line };
}

static void
take_domain(void *context, const struct mtlspin_scan_domain *from)
{
    static const struct domain none;
    struct survey *survey = survey_of(context);
    struct domain *grown = make_room(survey, survey->domains, survey->domain_count, sizeof *grown);
    if (grown == NULL)
        return;
    survey->domains = grown;
    const struct domain *last = survey->domain_count > 0 ? &grown[survey->domain_count - 1] : &none;
    struct domain domain = {
        .line = from->line, .chain_none = from->chain_none != 0, .report_only = from->report_only != 0,
        .application = from->application != 0, .partial_chain = from->partial_chain != 0,
        .hosts = from->hosts, .crl_grace = from->crl_grace,
        .rule = last->rule + last->rules, .anchor = last->anchor + last->anchors, .list = last->list + last->lists,
    };
    domain.rules = survey->allow.count - domain.rule;
    domain.anchors = survey->anchor_count - domain.anchor;
    domain.lists = survey->list_count - domain.list;
    (void)snprintf(domain.name, sizeof domain.name, "%s", from->name);
    grown[survey->domain_count++] = domain;
}

static void
take_file(void *context, const char *path)
{
    struct survey *survey = survey_of(context);
    char **grown = make_room(survey, survey->files, survey->file_count, sizeof *grown);
    if (grown == NULL)
        return;
    survey->files = grown;
    grown[survey->file_count] = strdup(path);
    survey->failed |= grown[survey->file_count] == NULL;
    survey->file_count += grown[survey->file_count] != NULL;
}

void
survey_take(struct survey *survey, struct findings *findings, const char *path, const struct source *text)
{
    struct listener listener = { survey, findings };
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    scan.context = &listener;
    scan.start = forget;
    scan.mistake = take_mistake;
    scan.rule = take_rule;
    scan.anchor = take_anchor;
    scan.list = take_list;
    scan.domain = take_domain;
    scan.file = take_file;
    struct mtlspin_policy *policy = text != NULL ? mtlspin_policy_scan_text(text->text, text->length, path, &scan, &error)
                                                 : mtlspin_policy_scan(path, &scan, &error);
    bool mistaken = error.file[0] != '\0' && error.code != MTLSPIN_ERR_MEMORY; /* a mistake names the policy */
    survey->unreadable = policy == NULL && !mistaken;
    survey->error = error;
    mtlspin_policy_unref(policy);
    progress(NULL, 0);
}

void
survey_clear(struct survey *survey)
{
    for (size_t i = 0; i < survey->anchor_count; i++)
        X509_free(survey->anchors[i].certificate);
    for (size_t i = 0; i < survey->list_count; i++)
        X509_CRL_free(survey->lists[i].crl);
    for (size_t i = 0; i < survey->file_count; i++)
        free(survey->files[i]);
    free(survey->allow.list);
    free(survey->deny.list);
    free(survey->labels);
    free(survey->anchors);
    free(survey->lists);
    free(survey->domains);
    free(survey->files);
    EVP_MD_free(survey->sha256);
    *survey = (struct survey){ 0 };
}

const char *
survey_label(const struct survey *survey, const struct rule *rule)
{
    return survey->labels + rule->label;
}
