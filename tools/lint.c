/* All warnings, and the words that they share. */
#include "lint.h"
#include <string.h>
#include <time.h>

void
lint(struct lint *lint)
{
    struct survey *survey = lint->survey;
    if (index_make(&lint->allow, &survey->allow) && index_make(&lint->deny, &survey->deny)) {
        domains_compare(lint);
        lint_rules(lint);
        lint_domains(lint);
        lint_certificates(lint);
        lint_files(lint);
    } else {
        lint->findings->failed = true;
    }
    index_clear(&lint->allow);
    index_clear(&lint->deny);
}

bool
lint_precedes(const struct lint *lint, unsigned earlier, unsigned later)
{
    return lint->whole && (lint->before[later] >> earlier & 1U) != 0;
}

const char *
when_text(int64_t moment, char text[WHEN_SIZE])
{
    struct tm parts;
    time_t seconds = (time_t)moment;
    if (gmtime_r(&seconds, &parts) == NULL || strftime(text, WHEN_SIZE, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        (void)snprintf(text, WHEN_SIZE, "a day beyond counting");
    return text;
}

const char *
days_text(int64_t seconds, char text[WHEN_SIZE])
{
    int64_t days = seconds / 86400;
    if (days < 1)
        (void)snprintf(text, WHEN_SIZE, "within a day");
    else
        (void)snprintf(text, WHEN_SIZE, "in %lld day%s", (long long)days, days == 1 ? "" : "s");
    return text;
}

const char *
domain_text(const struct domain *domain, char text[MTLSPIN_DOMAIN_SIZE + 32])
{
    if (domain->name[0] == '\0')
        (void)snprintf(text, MTLSPIN_DOMAIN_SIZE + 32, "the unnamed domain");
    else
        (void)snprintf(text, MTLSPIN_DOMAIN_SIZE + 32, "[%s]", domain->name);
    return text;
}
