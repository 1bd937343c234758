/* The policy file: each line becomes one call of the builder. The language is described in docs/policy.md. */
#include "builder.h"
#include "error.h"
#include "file.h"
#include "moment.h"
#include "policy_file.h"
#include "policy_line.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct parser {
    struct mtlspin_builder *builder;
    const char *name;
    struct mtlspin__line line;
    unsigned number;
    const struct mtlspin__word *value, *label, *issuer, *date; /* what the current line has of these */
    bool any;                                                  /* a statement was seen */
    struct mtlspin_error *error;
};

static enum mtlspin_status
fail_at(struct parser *p, unsigned column, enum mtlspin_status status)
{
    mtlspin__error_place(p->error, p->name, p->number, column);
    return status;
}

static enum mtlspin_status
fail_word(struct parser *p, const struct mtlspin__word *word, const char *what)
{
    return fail_at(p, word->column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX, what, word->text));
}

/* Puts a failure of the builder at the word that is to blame. */
static enum mtlspin_status
place(struct parser *p, enum mtlspin_status status)
{
    const struct mtlspin__word *word = NULL;
    switch (p->builder->culprit) {
    case MTLSPIN__KIND: word = &p->line.words[1]; break;
    case MTLSPIN__VALUE: word = p->value; break;
    case MTLSPIN__LABEL: word = p->label; break;
    case MTLSPIN__ISSUER: word = p->issuer; break;
    case MTLSPIN__DATE: word = p->date; break;
    case MTLSPIN__PLACED: p->number = p->builder->failed_line; return fail_at(p, 1, status);
    default: break;
    }
    return status == MTLSPIN_OK ? status : fail_at(p, word != NULL ? word->column : p->line.words[0].column, status);
}

/* Rules. */

static const struct { const char *word; enum mtlspin_kind kind; } kinds[] = {
    { "spki", MTLSPIN_SPKI }, { "thumbprint", MTLSPIN_THUMBPRINT }, { "serial", MTLSPIN_SERIAL },
    { "ca-spki", MTLSPIN_CA_SPKI }, { "email", MTLSPIN_EMAIL }, { "uri", MTLSPIN_URI }, { "dns", MTLSPIN_DNS },
    { "any", MTLSPIN_ANY },
};

static enum mtlspin_kind
find_kind(const char *word)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].word, word) == 0)
            return kinds[i].kind;
    return MTLSPIN_KIND_NONE;
}

/* What OpenSSL prints of a fingerprint has a space in it: "sha256 Fingerprint=9F:86:…". Joins the two words. Returns how
   many words the value takes. */
static size_t
join_value(struct parser *p, size_t at)
{
    struct mtlspin__word *words = p->line.words;
    static const char behind[] = "fingerprint=";
    if (at + 1 >= p->line.count || strncasecmp(words[at + 1].text, behind, sizeof behind - 1) != 0)
        return 1;
    words[at].text[strlen(words[at].text)] = ' '; /* words follow each other, each with one terminator */
    return 2;
}

static enum mtlspin_status
take_date(struct parser *p, const struct mtlspin__word *word, const char *text, bool end, int64_t *seconds)
{
    if (*seconds != (end ? INT64_MAX : INT64_MIN))
        return fail_word(p, word, "this option was given already: %s");
    if (!mtlspin__moment_parse(text, end, seconds))
        return fail_word(p, word, "%s: a date is 2027-01-31 or a time as in RFC 3339, 2027-01-31T12:00:00Z");
    p->date = word;
    return MTLSPIN_OK;
}

static enum mtlspin_status
take_option(struct parser *p, struct mtlspin__word *word, struct mtlspin_rule_options *options)
{
    if (strncmp(word->text, "not-before=", 11) == 0)
        return take_date(p, word, word->text + 11, false, &options->not_before);
    if (strncmp(word->text, "not-after=", 10) == 0)
        return take_date(p, word, word->text + 10, true, &options->not_after);
    if (strncasecmp(word->text, "sha256/", 7) == 0)
        return fail_word(p, word, "%s: a pin stands right behind its kind");
    if (strncmp(word->text, "issuer=", 7) != 0)
        return fail_word(p, word, "unknown option %s; if it is a label, put it into quotes");
    if (options->issuer != NULL)
        return fail_word(p, word, "this option was given already: %s");
    if (word->text[7] == '\0')
        return fail_word(p, word, "%s needs a certificate file or SPKI pin");
    options->issuer = word->text + 7;
    p->issuer = word;
    return MTLSPIN_OK;
}

/* Label and options, in any order, from word `at` on. */
static enum mtlspin_status
take_rest(struct parser *p, size_t at, struct mtlspin_rule_options *options)
{
    for (; at < p->line.count; at++) {
        struct mtlspin__word *word = &p->line.words[at];
        bool option = !word->quoted && strchr(word->text, '=') != NULL;
        if (option) {
            enum mtlspin_status status = take_option(p, word, options);
            if (status != MTLSPIN_OK)
                return status;
        } else if (p->label != NULL) {
            return fail_word(p, word, "one word too many: %s; a label with spaces stands in quotes");
        } else {
            p->label = word;
        }
    }
    return MTLSPIN_OK;
}

typedef enum mtlspin_status rule_call(struct mtlspin_builder *builder, enum mtlspin_kind kind, const char *value,
    const char *label, const struct mtlspin_rule_options *options, struct mtlspin_error *error);

static enum mtlspin_status
take_rule(struct parser *p, rule_call *call)
{
    struct mtlspin_rule_options options = MTLSPIN_RULE_OPTIONS_INIT;
    struct mtlspin__word *words = p->line.words;
    size_t at = 2;
    const char *one_of = call == mtlspin_builder_deny ? "spki or serial"
                                                      : "spki, thumbprint, serial, ca-spki, email, uri, dns or any";
    if (p->line.count < 2)
        return fail_at(p, words->column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX, "%s what? %s", words->text, one_of));
    enum mtlspin_kind kind = find_kind(words[1].text);
    if (kind == MTLSPIN_KIND_NONE || words[1].quoted)
        return fail_at(p, words[1].column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX,
            "unknown kind %s: write %s before the value", words[1].text, one_of));
    if (kind != MTLSPIN_ANY) {
        if (p->line.count < 3)
            return fail_word(p, &words[1], "%s needs a value");
        p->value = &words[2];
        at += join_value(p, 2);
    }
    enum mtlspin_status status = take_rest(p, at, &options);
    if (status != MTLSPIN_OK)
        return status;
    const char *value = p->value != NULL ? p->value->text : NULL, *label = p->label != NULL ? p->label->text : NULL;
    return place(p, call(p->builder, kind, value, label, &options, p->error));
}

static enum mtlspin_status
take_allow(struct parser *p)
{
    return take_rule(p, mtlspin_builder_allow);
}

static enum mtlspin_status
take_deny(struct parser *p)
{
    return take_rule(p, mtlspin_builder_deny);
}

/* Anchors and settings: each has one value in word 1. */

typedef enum mtlspin_status path_call(struct mtlspin_builder *builder, const char *path, struct mtlspin_error *error);

static enum mtlspin_status
take_path(struct parser *p, path_call *file, path_call *folder)
{
    char *path = mtlspin__path_beside(p->name, p->value->text);
    path_call *call = path != NULL && mtlspin__file_is_directory(path) ? folder : file;
    free(path);
    return place(p, call(p->builder, p->value->text, p->error));
}

static enum mtlspin_status
take_ca(struct parser *p)
{
    if (!p->value->quoted && strcmp(p->value->text, "system") == 0)
        return place(p, mtlspin_builder_ca_system(p->builder, p->error));
    if (!p->value->quoted && strcmp(p->value->text, "application") == 0)
        return place(p, mtlspin_builder_ca_application(p->builder, p->error));
    return take_path(p, mtlspin_builder_ca_file, mtlspin_builder_ca_directory);
}

static enum mtlspin_status
take_crl(struct parser *p)
{
    return take_path(p, mtlspin_builder_crl_file, mtlspin_builder_crl_directory);
}

static enum mtlspin_status
take_chain(struct parser *p)
{
    bool none = strcmp(p->value->text, "none") == 0;
    if (!none && strcmp(p->value->text, "required") != 0)
        return fail_word(p, p->value, "chain is required or none, not %s");
    return place(p, mtlspin_builder_chain(p->builder, none ? MTLSPIN_CHAIN_NONE : MTLSPIN_CHAIN_REQUIRED, p->error));
}

static enum mtlspin_status
take_depth(struct parser *p)
{
    unsigned depth = 0;
    if (!mtlspin__number_parse(p->value->text, UINT_MAX, &depth))
        return fail_word(p, p->value, "a depth is a number of certificates, not %s");
    return place(p, mtlspin_builder_depth(p->builder, depth, p->error));
}

static enum mtlspin_status
take_level(struct parser *p)
{
    unsigned level = 0;
    if (!mtlspin__number_parse(p->value->text, UINT_MAX, &level))
        return fail_word(p, p->value, "a security level is a number, not %s");
    return place(p, mtlspin_builder_security_level(p->builder, level, p->error));
}

static enum mtlspin_status
take_duration(struct parser *p,
    enum mtlspin_status (*call)(struct mtlspin_builder *builder, int64_t seconds, struct mtlspin_error *error))
{
    int64_t seconds = 0;
    if (!mtlspin__duration_parse(p->value->text, &seconds))
        return fail_word(p, p->value, "a duration is a whole number and s, m, h or d, for example 12h, not %s");
    return place(p, call(p->builder, seconds, p->error));
}

static enum mtlspin_status
take_lifetime(struct parser *p)
{
    return take_duration(p, mtlspin_builder_session_lifetime);
}

static enum mtlspin_status
take_grace(struct parser *p)
{
    return take_duration(p, mtlspin_builder_crl_grace);
}

static enum mtlspin_status
take_yes(struct parser *p, enum mtlspin_status (*call)(struct mtlspin_builder *builder, struct mtlspin_error *error))
{
    if (strcmp(p->value->text, "yes") != 0)
        return fail_at(p, p->value->column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX, "%s is yes or not there, not %s",
            p->line.words[0].text, p->value->text));
    return place(p, call(p->builder, p->error));
}

static enum mtlspin_status
take_partial(struct parser *p)
{
    return take_yes(p, mtlspin_builder_partial_chain);
}

static enum mtlspin_status
take_strict(struct parser *p)
{
    return take_yes(p, mtlspin_builder_strict);
}

static enum mtlspin_status
take_host(struct parser *p)
{
    return place(p, mtlspin_builder_host(p->builder, p->value->text, p->error));
}

static enum mtlspin_status
take_mode(struct parser *p)
{
    struct mtlspin__word *words = p->line.words;
    if (strcmp(words[1].text, "report-only") != 0)
        return fail_word(p, &words[1], "mode is report-only or not there, not %s");
    if (p->line.count < 3 || words[2].quoted || strncmp(words[2].text, "unmatched=", 10) != 0)
        return fail_word(p, &words[1], "mode %s needs unmatched=LABEL, the label of peers that no rule matches");
    if (words[2].text[10] == '\0')
        return fail_word(p, &words[2], "%s needs a label");
    p->label = &words[2];
    return place(p, mtlspin_builder_report_only(p->builder, words[2].text + 10, p->error));
}

static const struct {
    const char *word;
    size_t count; /* words of the statement; 0 = it counts itself */
    enum mtlspin_status (*take)(struct parser *p);
} statements[] = {
    { "allow", 0, take_allow }, { "deny", 0, take_deny }, { "ca", 2, take_ca }, { "chain", 2, take_chain },
    { "depth", 2, take_depth }, { "session-lifetime", 2, take_lifetime }, { "partial-chain", 2, take_partial },
    { "mode", 3, take_mode }, { "strict", 2, take_strict }, { "security-level", 2, take_level },
    { "host", 2, take_host }, { "crl", 2, take_crl }, { "crl-grace", 2, take_grace },
};

static enum mtlspin_status
take_header(struct parser *p)
{
    struct mtlspin__word *word = &p->line.words[0];
    size_t length = strlen(word->text);
    if (p->line.count > 1 || word->text[length - 1] != ']')
        return fail_word(p, word, "a domain starts with [NAME] alone on a line: %s");
    word->text[length - 1] = '\0';
    p->value = word;
    return place(p, mtlspin_builder_domain(p->builder, word->text + 1, p->error));
}

static enum mtlspin_status
take_statement(struct parser *p)
{
    struct mtlspin__word *words = p->line.words;
    if (words[0].text[0] == '[' && !words[0].quoted)
        return take_header(p);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (words[0].quoted || strcmp(words[0].text, statements[i].word) != 0)
            continue;
        size_t count = statements[i].count;
        if (count > 0 && p->line.count < 2)
            return fail_word(p, &words[0], "%s needs a value");
        if (count > 0 && p->line.count > count)
            return fail_word(p, &words[count], "one word too many: %s; a value with spaces stands in quotes");
        if (count > 0)
            p->value = &words[1];
        return statements[i].take(p);
    }
    return fail_word(p, &words[0],
        "unknown word %s; a line starts with allow, deny, ca or another word of the language, in lower case");
}

static enum mtlspin_status
take_line(struct parser *p, char *text, size_t length)
{
    p->number++;
    p->builder->line = p->number;
    p->value = p->label = p->issuer = p->date = NULL;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    mtlspin__line_split(&p->line, text, length);
    if (p->line.wrong != NULL)
        return fail_at(p, p->line.column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX, "%s", p->line.wrong));
    if (p->line.count == 0)
        return MTLSPIN_OK;
    p->any = true;
    return take_statement(p);
}

/* A file saved halfway ends within a line; the last line must prove that it is whole. */
static enum mtlspin_status
take_all(struct parser *p, char *text, size_t length)
{
    enum mtlspin_status status = MTLSPIN_OK;
    size_t at = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* some editors' mark for UTF-8 */
    while (status == MTLSPIN_OK && at < length) {
        char *end = memchr(text + at, '\n', length - at);
        if (end == NULL) {
            p->number++;
            return fail_at(p, 1, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX,
                "the last line does not end with a line break: is the file complete?"));
        }
        status = take_line(p, text + at, (size_t)(end - (text + at)));
        at = (size_t)(end - text) + 1;
    }
    if (status == MTLSPIN_OK && !p->any)
        return fail_at(p, 0, mtlspin__fail(p->error, MTLSPIN_ERR_POLICY, "there is nothing in this policy"));
    return status;
}

struct mtlspin_policy *
mtlspin__policy_parse(char *text, size_t length, const char *name, struct mtlspin__sources *sources,
    struct mtlspin_error *error)
{
    struct parser p = { .name = name, .error = error };
    struct mtlspin_policy *policy = NULL;
    p.builder = mtlspin_builder_new();
    if (p.builder == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
        return NULL;
    }
    p.builder->file = name;
    p.builder->policy->sources = *sources;
    memset(sources, 0, sizeof *sources);
    if (take_all(&p, text, length) == MTLSPIN_OK) {
        policy = mtlspin_builder_build(p.builder, error);
        if (policy == NULL)
            (void)place(&p, MTLSPIN_ERR_POLICY);
    }
    mtlspin_builder_free(p.builder);
    return policy;
}
