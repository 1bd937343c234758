#include "reading.h"
#include "command.h"
#include "screen.h"
#include "whole_file.h"
#include <errno.h>
#include <mtlspin/text.h>
#include <string.h>

static void
on_start(void *context)
{
    struct reading *reading = context;
    reading->domain_count = reading->rules = reading->denials = reading->mistakes = 0;
    near_restart(reading->near);
}

static void
on_mistake(void *context, const struct mtlspin_error *error)
{
    struct reading *reading = context;
    if (reading->mistakes < MISTAKES_SHOWN)
        reading->shown[reading->mistakes] = *error;
    reading->mistakes++;
}

static void
on_rule(void *context, const struct mtlspin_scan_rule *rule)
{
    struct reading *reading = context;
    if (rule->domain == NULL)
        reading->denials++;
    else
        reading->rules++;
    if ((reading->rules + reading->denials) % 1024 == 0)
        progress("rules read:", reading->rules + reading->denials);
    near_add_rule(reading->near, rule);
}

static void
on_anchor(void *context, X509 *certificate, unsigned line, int system)
{
    struct reading *reading = context;
    (void)line;
    (void)system;
    near_add_anchor(reading->near, certificate);
}

static void
on_domain(void *context, const struct mtlspin_scan_domain *domain)
{
    struct reading *reading = context;
    if (reading->domain_count == DOMAINS_MAX)
        return;
    struct reading_domain *to = &reading->domains[reading->domain_count++];
    (void)snprintf(to->name, sizeof to->name, "%s", domain->name);
    to->line = domain->line;
    to->chain_none = domain->chain_none != 0;
    to->report_only = domain->report_only != 0;
    to->application = domain->application != 0;
    to->hosts = domain->hosts > 0;
}

static bool
scan(struct reading *reading, struct mtlspin_error *error)
{
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    scan.context = reading;
    scan.start = on_start;
    scan.mistake = on_mistake;
    scan.rule = on_rule;
    scan.anchor = on_anchor;
    scan.domain = on_domain;
    reading->policy = mtlspin_policy_scan_text(reading->text, reading->length, reading_name(reading), &scan, error);
    progress(NULL, 0);
    return reading->policy != NULL;
}

/* The first mistakes, and who shows them all. */
static void
tell_mistakes(const struct reading *reading, const char *command)
{
    char text[900], shown[900];
    const char *rest = reading->mistakes > MISTAKES_SHOWN ? "; these are the first" : "";
    for (size_t i = 0; i < reading->mistakes && i < MISTAKES_SHOWN; i++) {
        (void)mtlspin_error_format(&reading->shown[i], text, sizeof text);
        (void)fprintf(stderr, "%s\n", mtlspin_text_show(text, strlen(text), shown, sizeof shown));
    }
    (void)trouble(command, "%s lets nobody in, because of %zu mistake%s%s; `mtlspin check %s` shows where and what to "
        "write instead", reading_name(reading), reading->mistakes, reading->mistakes == 1 ? "" : "s", rest, reading->path);
}

bool
reading_start(struct reading *reading, const char *command, const char *path, struct near *near)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    char text[900];
    reading->path = path;
    reading->near = near;
    reading->text = whole_file_read(path, WHOLE_POLICY, &reading->length);
    if (reading->text == NULL) {
        (void)trouble(command, "%s: %s; give a policy file that you may read", whole_file_name(path), strerror(errno));
        return false;
    }
    bool good = scan(reading, &error);
    if (!good && reading->mistakes > 0)
        tell_mistakes(reading, command);
    else if (!good)
        (void)trouble(command, "%s; `mtlspin check %s` may say more", mtlspin_error_format(&error, text, sizeof text),
            path);
    else if (near->lost)
        return trouble(command, "out of memory; try again when there is more") == ANSWER_YES;
    return good;
}

void
reading_clear(struct reading *reading)
{
    mtlspin_policy_unref(reading->policy);
    whole_file_free(reading->text, reading->length);
    memset(reading, 0, sizeof *reading);
}

const struct reading_domain *
reading_find(const struct reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->domain_count; i++)
        if (strcmp(reading->domains[i].name, name) == 0)
            return &reading->domains[i];
    return NULL;
}

const char *
reading_name(const struct reading *reading)
{
    return whole_file_name(reading->path);
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

const char *
reading_line(const struct reading *reading, unsigned line, char buffer[LINE_SIZE])
{
    static const char mark[] = "\xef\xbb\xbf"; /* of the byte order */
    char copy[LINE_SIZE];
    const char *text = reading->text;
    size_t length = 0, from = strncmp(text, mark, 3) == 0 ? 3 : 0;
    for (unsigned at = 1; at < line && from < reading->length; from++)
        at += text[from] == '\n';
    size_t to = from;
    while (to < reading->length && text[to] != '\n')
        to++;
    while (from < to && is_space(text[from]))
        from++;
    while (to > from && is_space(text[to - 1]))
        to--;
    for (; from < to && length < sizeof copy; from++)
        copy[length++] = (char)(text[from] == '\t' ? ' ' : text[from]);
    return mtlspin_text_show(copy, length, buffer, LINE_SIZE);
}
