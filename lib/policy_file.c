/* The policy file: each line becomes one call of the builder. The language is described in docs/policy.md. */
#include "policy_file.h"
#include "error.h"
#include "file.h"
#include "moment.h"
#include "policy_rule.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Anchors and settings: each has one value in word 1. */

typedef enum mtlspin_status path_call(struct mtlspin_builder *builder, const char *path, struct mtlspin_error *error);

static enum mtlspin_status
take_path(struct mtlspin__parser *p, path_call *file, path_call *folder)
{
    char *path = mtlspin__path_beside(p->name, p->value->text);
    path_call *call = path != NULL && mtlspin__file_is_directory(path) ? folder : file;
    free(path);
    return mtlspin__place(p, call(p->builder, p->value->text, p->error));
}

static enum mtlspin_status
take_ca(struct mtlspin__parser *p)
{
    if (!p->value->quoted && strcmp(p->value->text, "system") == 0)
        return mtlspin__place(p, mtlspin_builder_ca_system(p->builder, p->error));
    if (!p->value->quoted && strcmp(p->value->text, "application") == 0)
        return mtlspin__place(p, mtlspin_builder_ca_application(p->builder, p->error));
    return take_path(p, mtlspin_builder_ca_file, mtlspin_builder_ca_directory);
}

static enum mtlspin_status
take_crl(struct mtlspin__parser *p)
{
    return take_path(p, mtlspin_builder_crl_file, mtlspin_builder_crl_directory);
}

static enum mtlspin_status
take_chain(struct mtlspin__parser *p)
{
    enum mtlspin_chain chain = strcmp(p->value->text, "none") == 0 ? MTLSPIN_CHAIN_NONE : MTLSPIN_CHAIN_REQUIRED;
    if (chain == MTLSPIN_CHAIN_REQUIRED && strcmp(p->value->text, "required") != 0)
        return mtlspin__fail_word(p, p->value, "chain is required or none, not %s");
    return mtlspin__place(p, mtlspin_builder_chain(p->builder, chain, p->error));
}

static enum mtlspin_status
take_depth(struct mtlspin__parser *p)
{
    unsigned depth = 0;
    if (!mtlspin__number_parse(p->value->text, UINT_MAX, &depth))
        return mtlspin__fail_word(p, p->value, "a depth is a number from 0 to 16, not %s");
    return mtlspin__place(p, mtlspin_builder_depth(p->builder, depth, p->error));
}

static enum mtlspin_status
take_level(struct mtlspin__parser *p)
{
    unsigned level = 0;
    if (!mtlspin__number_parse(p->value->text, UINT_MAX, &level))
        return mtlspin__fail_word(p, p->value, "a security level is a number from 0 to 5, not %s");
    return mtlspin__place(p, mtlspin_builder_security_level(p->builder, level, p->error));
}

static enum mtlspin_status
take_duration(struct mtlspin__parser *p,
    enum mtlspin_status (*call)(struct mtlspin_builder *builder, int64_t seconds, struct mtlspin_error *error))
{
    int64_t seconds = 0;
    if (!mtlspin__duration_parse(p->value->text, &seconds))
        return mtlspin__fail_word(p, p->value, "a duration is a whole number and s, m, h or d, for example 12h, not %s");
    return mtlspin__place(p, call(p->builder, seconds, p->error));
}

static enum mtlspin_status
take_lifetime(struct mtlspin__parser *p)
{
    return take_duration(p, mtlspin_builder_session_lifetime);
}

static enum mtlspin_status
take_grace(struct mtlspin__parser *p)
{
    return take_duration(p, mtlspin_builder_crl_grace);
}

static enum mtlspin_status
take_yes(struct mtlspin__parser *p,
    enum mtlspin_status (*call)(struct mtlspin_builder *builder, struct mtlspin_error *error))
{
    if (strcmp(p->value->text, "yes") != 0)
        return mtlspin__fail_at(p, p->value->column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX,
            "%s is yes or not there, not %s; write yes, or delete the line", p->line.words[0].text, p->value->text));
    return mtlspin__place(p, call(p->builder, p->error));
}

static enum mtlspin_status
take_partial(struct mtlspin__parser *p)
{
    return take_yes(p, mtlspin_builder_partial_chain);
}

static enum mtlspin_status
take_strict(struct mtlspin__parser *p)
{
    return take_yes(p, mtlspin_builder_strict);
}

static enum mtlspin_status
take_host(struct mtlspin__parser *p)
{
    return mtlspin__place(p, mtlspin_builder_host(p->builder, p->value->text, p->error));
}

static enum mtlspin_status
take_mode(struct mtlspin__parser *p)
{
    struct mtlspin__word *words = p->line.words;
    if (strcmp(words[1].text, "report-only") != 0)
        return mtlspin__fail_word(p, &words[1],
            "mode is report-only or not there, not %s; to enforce the rules, delete the line");
    if (p->line.count < 3 || words[2].quoted || strncmp(words[2].text, "unmatched=", 10) != 0)
        return mtlspin__fail_word(p, &words[1],
            "mode %s needs a label for peers that no rule matches; write unmatched=LABEL behind it");
    if (words[2].text[10] == '\0')
        return mtlspin__fail_word(p, &words[2],
            "%s needs a label; write one right behind the =, for example unmatched=unlisted");
    p->label = &words[2];
    return mtlspin__place(p, mtlspin_builder_report_only(p->builder, words[2].text + 10, p->error));
}

static const struct {
    const char *word;
    size_t count; /* words of the statement; 0 = it counts itself */
    enum mtlspin_status (*take)(struct mtlspin__parser *p);
} statements[] = {
    { "allow", 0, mtlspin__parser_allow }, { "deny", 0, mtlspin__parser_deny }, { "ca", 2, take_ca },
    { "chain", 2, take_chain }, { "depth", 2, take_depth }, { "session-lifetime", 2, take_lifetime },
    { "partial-chain", 2, take_partial },
    { "mode", 3, take_mode }, { "strict", 2, take_strict }, { "security-level", 2, take_level },
    { "host", 2, take_host }, { "crl", 2, take_crl }, { "crl-grace", 2, take_grace },
};

static enum mtlspin_status
take_header(struct mtlspin__parser *p)
{
    struct mtlspin__word *word = &p->line.words[0];
    size_t length = strlen(word->text);
    if (p->line.count > 1 || word->text[length - 1] != ']')
        return mtlspin__fail_word(p, word,
            "a domain starts with [NAME] alone on a line, not with %s; write no space in it and nothing behind it");
    word->text[length - 1] = '\0';
    p->value = word;
    return mtlspin__place(p, mtlspin_builder_domain(p->builder, word->text + 1, p->error));
}

static enum mtlspin_status
take_statement(struct mtlspin__parser *p)
{
    struct mtlspin__word *words = p->line.words;
    if (words[0].text[0] == '[' && !words[0].quoted)
        return take_header(p);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (words[0].quoted || strcmp(words[0].text, statements[i].word) != 0)
            continue;
        size_t count = statements[i].count;
        if (count > 0 && p->line.count < 2)
            return mtlspin__fail_word(p, &words[0], "%s needs a value; write it behind this word, on the same line");
        if (count > 0 && p->line.count > count)
            return mtlspin__fail_word(p, &words[count],
                "one word too many: %.200s; delete it, or put a value with spaces into quotes");
        if (count > 0)
            p->value = &words[1];
        return statements[i].take(p);
    }
    return mtlspin__fail_word(p, &words[0],
        "unknown word %.200s; write allow, deny, ca, crl, crl-grace, chain, partial-chain, depth, session-lifetime, "
        "strict, security-level, host or mode, in lower case and without quotes");
}

static bool
is_header(const char *text, size_t length)
{
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    return length > 0 && *text == '[';
}

static enum mtlspin_status
take_line(struct mtlspin__parser *p, char *text, size_t length)
{
    p->number++;
    p->header = is_header(text, length);
    p->given = p->builder->given;
    p->builder->line = p->number;
    p->value = p->label = p->issuer = p->date = NULL;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    mtlspin__line_split(&p->line, text, length);
    if (p->line.wrong != NULL)
        return mtlspin__fail_at(p, p->line.column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX, "%s", p->line.wrong));
    if (p->line.count == 0)
        return MTLSPIN_OK;
    p->any = true;
    p->builder->margin = p->line.words[0].column;
    return take_statement(p);
}

/* The first word of the current line; "" if that cannot be told. */
static const char *
first_word(const struct mtlspin__parser *p)
{
    bool ended = p->line.count > 1 || (p->line.count == 1 && p->line.wrong == NULL);
    return ended ? p->line.words[0].text : "";
}

static bool
is_statement(const char *word)
{
    size_t i = 0, count = sizeof statements / sizeof *statements;
    while (i < count && strcmp(word, statements[i].word) != 0)
        i++;
    return i < count;
}

/* Reads on behind a mistake in the current line, where every mistake is wanted. */
static enum mtlspin_status
overlook(struct mtlspin__parser *p, enum mtlspin_status status)
{
    struct mtlspin_builder *builder = p->builder;
    const char *word = first_word(p);
    size_t length = strlen(word);
    status = mtlspin__builder_overlook(builder, p->number, 1, status, p->error);
    p->any = true;
    if (status != MTLSPIN_OK)
        return status;
    if (p->header || (length > 0 && word[length - 1] == ']'))
        return mtlspin__builder_open_anyway(builder, p->error);
    if (strcmp(word, "deny") == 0)
        return MTLSPIN_OK;
    if (strcmp(word, "allow") == 0) {
        builder->ruled = true;
        return MTLSPIN_OK;
    }
    builder->given = p->given;
    builder->damaged = builder->doubtful = true; /* what is missing in the domain may be what this line meant to say */
    return !is_statement(word) || mtlspin__builder_current(builder, p->error) != NULL ? MTLSPIN_OK : builder->failed;
}

/* A file saved halfway ends within a line; the last line must prove that it is whole. */
static enum mtlspin_status
refuse_half_line(struct mtlspin__parser *p)
{
    p->number++;
    p->line.count = 0;
    p->header = false;
    p->given = p->builder->given;
    return mtlspin__fail_at(p, 1, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX,
        "the last line does not end with a line break; make sure that the file is complete, and add one"));
}

static enum mtlspin_status
take_all(struct mtlspin__parser *p, struct mtlspin__lines *lines)
{
    enum mtlspin_status status = MTLSPIN_OK;
    size_t length = 0;
    for (char *line; status == MTLSPIN_OK && (line = mtlspin__lines_next(lines, &length)) != NULL;) {
        status = take_line(p, line, length);
        if (status != MTLSPIN_OK)
            status = overlook(p, status);
    }
    if (lines->failed != 0)
        return MTLSPIN_ERR_FILE;
    if (status == MTLSPIN_OK && mtlspin__lines_half(lines))
        status = overlook(p, refuse_half_line(p));
    if (status == MTLSPIN_OK && !p->any)
        return mtlspin__fail_at(p, 0, mtlspin__fail(p->error, MTLSPIN_ERR_POLICY,
            "there is nothing in this policy; to refuse everybody, write `chain none`"));
    return status;
}

/* A policy with mistakes is none, whatever was read behind them. */
static struct mtlspin_policy *
give_up(struct mtlspin__parser *p, struct mtlspin_policy *policy)
{
    struct mtlspin_builder *builder = p->builder;
    if (policy == NULL && builder->scan.listener != NULL && p->error->code != MTLSPIN_OK)
        (void)mtlspin__builder_overlook(builder, p->number, 1, p->error->code, p->error);
    if (builder->scan.mistakes == 0 || p->error->code != MTLSPIN_OK)
        return policy;
    *p->error = builder->scan.first;
    mtlspin_policy_unref(policy);
    return NULL;
}

struct mtlspin_policy *
mtlspin__policy_parse(struct mtlspin__lines *lines, const char *name, struct mtlspin__sources *sources,
    const struct mtlspin_scan *scan, struct mtlspin_error *error)
{
    struct mtlspin__parser p = { .name = name, .error = error };
    struct mtlspin_policy *policy = NULL;
    p.builder = mtlspin_builder_new();
    if (p.builder == NULL) {
        (void)mtlspin__fail(error, MTLSPIN_ERR_MEMORY, "out of memory");
        return NULL;
    }
    p.builder->file = name;
    p.builder->scan.listener = scan;
    p.builder->policy->sources = *sources;
    memset(sources, 0, sizeof *sources);
    if (take_all(&p, lines) == MTLSPIN_OK) {
        policy = mtlspin_builder_build(p.builder, error);
        if (policy == NULL)
            (void)mtlspin__place(&p, MTLSPIN_ERR_POLICY);
    }
    policy = give_up(&p, policy);
    mtlspin_builder_free(p.builder);
    return policy;
}
