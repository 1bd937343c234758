/* Rules: kind, value, label and options, and the call of the builder that they make. */
#include "policy_rule.h"
#include "error.h"
#include "moment.h"
#include <string.h>
#include <strings.h>

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
join_value(struct mtlspin__parser *p, size_t at)
{
    struct mtlspin__word *words = p->line.words;
    static const char behind[] = "fingerprint=";
    if (at + 1 >= p->line.count || words[at + 1].quoted
        || strncasecmp(words[at + 1].text, behind, sizeof behind - 1) != 0)
        return 1;
    words[at].text[strlen(words[at].text)] = ' '; /* words follow each other, each with one terminator */
    return 2;
}

static enum mtlspin_status
take_date(struct mtlspin__parser *p, const struct mtlspin__word *word, const char *text, bool end, int64_t *seconds)
{
    if (*seconds != (end ? INT64_MAX : INT64_MIN))
        return mtlspin__fail_word(p, word, "this option was given already: %s; delete one of the two");
    if (!mtlspin__moment_parse(text, end, seconds))
        return mtlspin__fail_word(p, word, "%.200s: a date is 2027-01-31 or a time as in RFC 3339, 2027-01-31T12:00:00Z");
    p->date = word;
    return MTLSPIN_OK;
}

static enum mtlspin_status
take_option(struct mtlspin__parser *p, struct mtlspin__word *word, struct mtlspin_rule_options *options)
{
    if (strncmp(word->text, "not-before=", 11) == 0)
        return take_date(p, word, word->text + 11, false, &options->not_before);
    if (strncmp(word->text, "not-after=", 10) == 0)
        return take_date(p, word, word->text + 10, true, &options->not_after);
    if (strncasecmp(word->text, "sha256/", 7) == 0)
        return mtlspin__fail_word(p, word,
            "%.200s: a pin stands right behind its kind; write spki, thumbprint or ca-spki, then the pin, then the label");
    if (strncmp(word->text, "issuer=", 7) != 0)
        return mtlspin__fail_word(p, word,
            "unknown option %.200s; write issuer=, not-before= or not-after=, or if it is a label, put it into quotes");
    if (options->issuer != NULL)
        return mtlspin__fail_word(p, word, "this option was given already: %s; delete one of the two");
    if (word->text[7] == '\0')
        return mtlspin__fail_word(p, word,
            "%s needs a value; write the issuing CA's certificate file or SPKI pin right behind the =");
    options->issuer = word->text + 7;
    p->issuer = word;
    return MTLSPIN_OK;
}

/* Label and options, in any order, from word `at` on. */
static enum mtlspin_status
take_rest(struct mtlspin__parser *p, size_t at, struct mtlspin_rule_options *options)
{
    for (; at < p->line.count; at++) {
        struct mtlspin__word *word = &p->line.words[at];
        bool option = !word->quoted && strchr(word->text, '=') != NULL;
        if (at + 1 < p->line.count && !word[1].quoted && word[1].text[0] == '=')
            return mtlspin__fail_word(p, word,
                "%.200s has a space before its =; write it without spaces, for example not-after=2027-01-31");
        if (option) {
            enum mtlspin_status status = take_option(p, word, options);
            if (status != MTLSPIN_OK)
                return status;
        } else if (p->label != NULL) {
            return mtlspin__fail_word(p, word,
                "one word too many: %.200s; delete it, or put a label with spaces into quotes");
        } else {
            p->label = word;
        }
    }
    return MTLSPIN_OK;
}

typedef enum mtlspin_status rule_call(struct mtlspin_builder *builder, enum mtlspin_kind kind, const char *value,
    const char *label, const struct mtlspin_rule_options *options, struct mtlspin_error *error);

static enum mtlspin_status
take_rule(struct mtlspin__parser *p, rule_call *call)
{
    struct mtlspin_rule_options options = MTLSPIN_RULE_OPTIONS_INIT;
    struct mtlspin__word *words = p->line.words;
    size_t at = 2;
    const char *one_of = call == mtlspin_builder_deny ? "spki or serial"
                                                      : "spki, thumbprint, serial, ca-spki, email, uri, dns or any";
    if (p->line.count < 2)
        return mtlspin__fail_at(p, words->column,
            mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX, "%s needs a kind; write %s behind it", words->text, one_of));
    enum mtlspin_kind kind = find_kind(words[1].text);
    if (kind == MTLSPIN_KIND_NONE || words[1].quoted)
        return mtlspin__fail_at(p, words[1].column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX,
            "unknown kind %.200s: write %s before the value, without quotes", words[1].text, one_of));
    if (kind != MTLSPIN_ANY) {
        if (p->line.count < 3)
            return mtlspin__fail_word(p, &words[1], "%s needs a value; write it behind this word, on the same line");
        p->value = &words[2];
        at += join_value(p, 2);
    }
    p->builder->column = words[kind != MTLSPIN_ANY ? 2 : 1].column;
    enum mtlspin_status status = take_rest(p, at, &options);
    if (status != MTLSPIN_OK)
        return status;
    const char *value = p->value != NULL ? p->value->text : NULL, *label = p->label != NULL ? p->label->text : NULL;
    return mtlspin__place(p, call(p->builder, kind, value, label, &options, p->error));
}

enum mtlspin_status
mtlspin__parser_allow(struct mtlspin__parser *p)
{
    return take_rule(p, mtlspin_builder_allow);
}

enum mtlspin_status
mtlspin__parser_deny(struct mtlspin__parser *p)
{
    return take_rule(p, mtlspin_builder_deny);
}
