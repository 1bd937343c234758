/* Mistakes and warnings of one policy. */
#include "findings.h"
#include "mark.h"
#include "screen.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct warning_name warning_names[WARNINGS] = {
    [NO_WARNING] = { "", "" },
    [WARN_EXPIRED_RULE] = { "expired-rule", "a rule whose not-after= has passed" },
    [WARN_EXPIRING_RULE] = { "expiring-rule", "one whose not-after= is near" },
    [WARN_EXPIRED_ANCHOR] = { "expired-anchor", "a trust anchor that is no longer valid" },
    [WARN_EXPIRING_ANCHOR] = { "expiring-anchor", "one that soon is not" },
    [WARN_EXPIRED_LIST] = { "expired-crl", "a revocation list that has expired, and its crl-grace" },
    [WARN_EXPIRING_LIST] = { "expiring-crl", "one that soon has" },
    [WARN_SHADOWED] = { "shadowed", "a line that changes nothing, since an earlier one says as much" },
    [WARN_DENIED] = { "denied", "a rule or an anchor for what a deny line refuses" },
    [WARN_TWO_LABELS] = { "two-labels", "one key under two labels" },
    [WARN_SINGLE_PIN] = { "single-pin", "a host with one pin and no backup" },
    [WARN_THUMBPRINT] = { "thumbprint", "a thumbprint where an SPKI pin would survive renewal" },
    [WARN_WEAK_KEY] = { "weak-key", "a trust anchor with a weak key" },
    [WARN_WRITABLE] = { "writable", "a file of the policy, or its folder, that others may write" },
    [WARN_NO_RULES] = { "no-rules", "a domain with anchors that lets in nobody" },
    [WARN_FINGERPRINT] = { "fingerprint", "a key's pin that looks like a certificate's fingerprint" },
};

static void
add(struct findings *findings, struct finding finding)
{
    if (findings->count == findings->room) {
        size_t room = findings->room * 2 + 16;
        struct finding *grown = realloc(findings->list, room * sizeof *grown);
        findings->failed |= grown == NULL;
        if (grown == NULL) {
            free(finding.message);
            return;
        }
        findings->list = grown;
        findings->room = room;
    }
    findings->failed |= finding.message == NULL;
    finding.number = findings->count;
    findings->list[findings->count++] = finding;
    findings->errors += finding.warning == NO_WARNING;
    findings->warnings += finding.warning != NO_WARNING;
}

void
findings_error(struct findings *findings, unsigned line, unsigned column, const char *message)
{
    add(findings, (struct finding){ line, line > 0 ? column : 0, NO_WARNING, 0, strdup(message) });
}

void
findings_warn(struct findings *findings, enum warning warning, unsigned line, unsigned column, const char *format, ...)
{
    char message[2048];
    va_list arguments;
    if ((findings->ignored >> warning & 1U) != 0)
        return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    add(findings, (struct finding){ line, column, warning, 0, strdup(message) });
}

static int
compare(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if ((a->warning == NO_WARNING) != (b->warning == NO_WARNING))
        return a->warning == NO_WARNING ? -1 : 1; /* so that what is left out follows its reason */
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

void
findings_sort(struct findings *findings)
{
    size_t kept = 0;
    unsigned wrong = 0; /* the last line with an error */
    if (findings->count > 0)
        qsort(findings->list, findings->count, sizeof *findings->list, compare);
    for (size_t i = 0; i < findings->count; i++) {
        struct finding *finding = &findings->list[i];
        if (finding->warning == NO_WARNING) {
            wrong = finding->line;
        } else if (finding->line != 0 && finding->line == wrong) {
            free(finding->message);
            findings->warnings--;
            continue;
        }
        findings->list[kept++] = *finding;
    }
    findings->count = kept;
}

static void
print_place(const struct finding *finding, const char *file, FILE *out, size_t *used)
{
    char place[64] = ":";
    if (finding->line > 0 && finding->column > 0)
        (void)snprintf(place, sizeof place, ":%u:%u:", finding->line, finding->column);
    else if (finding->line > 0)
        (void)snprintf(place, sizeof place, ":%u:", finding->line);
    screen_tone(out, TONE_STRONG);
    (void)fprintf(out, "%s%s", file, place);
    screen_tone(out, TONE_PLAIN);
    (void)fputc(' ', out);
    *used = screen_columns(file, strlen(file)) + strlen(place) + 1;
}

static void
print_message(const struct finding *finding, size_t used, FILE *out)
{
    char text[2200];
    if (finding->warning == NO_WARNING) {
        screen_prose(out, used, 4, finding->message);
        return;
    }
    screen_say(out, TONE_WARNING, "warning:");
    (void)snprintf(text, sizeof text, "%s [%s]", finding->message, warning_names[finding->warning].name);
    (void)fputc(' ', out);
    screen_prose(out, used + strlen("warning: "), 4, text);
}

void
findings_print(const struct findings *findings, const char *file, const struct source *source, FILE *out)
{
    size_t width = screen_width(out);
    for (size_t i = 0; i < findings->count && !ferror(out); i++) {
        const struct finding *finding = &findings->list[i];
        size_t used = 0, length = 0;
        const char *line = source_line(source, finding->line, &length);
        if (width == 0)
            progress("findings written:", i);
        print_place(finding, file, out, &used);
        print_message(finding, used, out);
        if (line != NULL && length > 0 && finding->column > 0)
            mark_show(out, width, line, length, source_span(line, length, finding->column),
                finding->warning == NO_WARNING ? TONE_BAD : TONE_WARNING);
    }
}

static json_t *
number_or_null(unsigned number)
{
    return number > 0 ? json_integer(number) : json_null();
}

json_t *
findings_json(const struct findings *findings, const char *file)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < findings->count; i++) {
        const struct finding *finding = &findings->list[i];
        bool error = finding->warning == NO_WARNING;
        progress("findings written:", i);
        json_t *one = json_pack("{s:s, s:o, s:s, s:o, s:o, s:s}", "severity", error ? "error" : "warning",
            "name", error ? json_null() : json_string(warning_names[finding->warning].name),
            "file", file, "line", number_or_null(finding->line), "column", number_or_null(finding->column),
            "message", finding->message);
        if (one == NULL || json_array_append_new(array, one) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

void
findings_clear(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        free(findings->list[i].message);
    free(findings->list);
    *findings = (struct findings){ .ignored = findings->ignored };
}
