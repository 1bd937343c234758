/* mtlspin check: every mistake in a policy, and what is unwise in it. */
#include "command.h"
#include "lint.h"
#include "screen.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: mtlspin check [OPTION…] POLICY…\n"
    "\n"
    "Finds every mistake in policy files, and what is no mistake and still unwise.\n"
    "Run it before a reload, in CI, or in a git hook. POLICY - is standard input.\n"
    "\n"
    "  --within TIME    warn of what expires within 90s, 15m, 12h or 7d (default 30d)\n"
    "  --at TIME        judge dates as of 2027-01-31, or 2027-01-31T12:00:00Z\n"
    "  --strict         a policy with warnings is not good\n"
    "  --ignore NAMES   leave out these warnings, separated by commas\n"
    "  --json           print JSON\n"
    "  --help           print this\n"
    "\n"
    "Warnings, by the names that stand behind them in brackets:\n"
    "\n";
static const char closing[] =
    "\n"
    "Example: mtlspin check --strict --ignore thumbprint clients.policy\n"
    "\n"
    "Exit status: 0 good; 1 errors, or warnings under --strict; 2 could not be\n"
    "carried out, because a policy cannot be read, or an option is wrong.\n";

struct options {
    int64_t at, within;
    bool asked; /* for `within` */
    unsigned ignored;
    bool strict, json, help;
};

static void
show_help(void)
{
    (void)fputs(usage, stdout);
    for (size_t i = NO_WARNING + 1; i < WARNINGS; i++) {
        (void)printf("  %-16s ", warning_names[i].name);
        screen_prose(stdout, 19, 19, warning_names[i].purpose);
    }
    (void)fputs(closing, stdout);
}

/* Options. */

static bool
take_ignore(struct options *options, const char *names)
{
    for (size_t length; names[0] != '\0'; names += length + (names[length] == ',')) {
        size_t i = NO_WARNING + 1;
        length = strcspn(names, ",");
        while (i < WARNINGS && (strlen(warning_names[i].name) != length
                   || strncmp(names, warning_names[i].name, length) != 0))
            i++;
        if (i == WARNINGS) {
            (void)trouble("check", "there is no warning %.*s; mtlspin check --help lists their names", (int)length, names);
            return false;
        }
        options->ignored |= 1U << i;
    }
    return true;
}

static bool
take_option(struct options *options, int option, char *const *argv)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    switch (option) {
    case 's': options->strict = true; return true;
    case 'j': options->json = true; return true;
    case 'h': options->help = true; return true;
    case 'i': return take_ignore(options, optarg);
    case 'w':
        options->asked = true;
        if (mtlspin_duration_parse(optarg, &options->within, &error) == MTLSPIN_OK)
            return true;
        (void)trouble("check", "--within %s: %s", optarg, error.message);
        return false;
    case 'a':
        if (mtlspin_moment_parse(optarg, 0, &options->at, &error) == MTLSPIN_OK)
            return true;
        (void)trouble("check", "--at %s: %s", optarg, error.message);
        return false;
    case ':': (void)trouble("check", "%s needs a value; see mtlspin check --help", argv[optind - 1]); return false;
    default:
        (void)trouble("check", "there is no option %s; mtlspin check --help lists them", argv[optind - 1]);
        return false;
    }
}

static bool
take_options(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        { "within", required_argument, NULL, 'w' }, { "at", required_argument, NULL, 'a' },
        { "strict", no_argument, NULL, 's' }, { "ignore", required_argument, NULL, 'i' },
        { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    int option = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", known, NULL)) != -1)
        if (!take_option(options, option, argv))
            return false;
    if (options->help || optind < argc)
        return true;
    (void)trouble("check", "no policy to check; name its file, or - for standard input (mtlspin check --help says more)");
    return false;
}

/* One policy. */

struct report {
    const struct options *options;
    const char *path;
    char shown[1024]; /* the path, fit for a terminal */
    struct source source;
    struct survey survey;
    struct findings findings;
};

static bool
is_good(const struct report *report)
{
    return report->findings.errors == 0 && (report->findings.warnings == 0 || !report->options->strict);
}

/* "3 rules" into text; returns its length. */
static size_t
count_text(char *text, size_t size, const char *front, size_t number, const char *one, const char *many)
{
    int written = snprintf(text, size, "%s%zu %s", front, number, number == 1 ? one : many);
    return written > 0 ? (size_t)written : 0;
}

static void
print_summary(const struct report *report)
{
    const struct survey *survey = &report->survey;
    char text[256] = "";
    size_t used = 0;
    if (report->findings.errors == 0) {
        used += count_text(text, sizeof text, "", survey->allow.count, "allow rule", "allow rules");
        used += count_text(text + used, sizeof text - used, ", ", survey->deny.count, "denial", "denials");
        used += count_text(text + used, sizeof text - used, ", ", survey->domain_count, "domain", "domains");
    } else {
        used += count_text(text, sizeof text, "", report->findings.errors, "error", "errors");
    }
    if (report->findings.warnings > 0)
        (void)count_text(text + used, sizeof text - used, report->findings.errors > 0 ? ", " : "; ",
            report->findings.warnings, "warning", "warnings");
    screen_say(stdout, TONE_STRONG, report->shown);
    (void)fputs(": ", stdout);
    size_t columns = screen_columns(report->shown, strlen(report->shown)) + 2;
    if (report->findings.errors == 0) {
        const char *verdict = is_good(report) ? "good" : "not good under --strict";
        screen_say(stdout, is_good(report) ? TONE_GOOD : TONE_BAD, verdict);
        (void)fputs(": ", stdout);
        columns += strlen(verdict) + 2;
    }
    screen_prose(stdout, columns, 4, text);
}

static json_t *
counts_json(const struct rules *rules)
{
    static const char *const names[] = { "", "spki", "thumbprint", "serial", "ca-spki", "email", "uri", "dns", "any" };
    json_t *object = json_pack("{s:I}", "all", (json_int_t)rules->count);
    for (size_t i = MTLSPIN_SPKI; i <= MTLSPIN_ANY; i++)
        if (rules->kinds[i] > 0)
            (void)json_object_set_new(object, names[i], json_integer((json_int_t)rules->kinds[i]));
    return object;
}

static bool
add_json(const struct report *report, json_t *all)
{
    const struct survey *survey = &report->survey;
    json_t *one = json_pack("{s:s, s:b, s:{s:I, s:o, s:o}, s:o}", "file", report->shown, "good", is_good(report),
        "counts", "domains", (json_int_t)survey->domain_count, "allow", counts_json(&survey->allow),
        "deny", counts_json(&survey->deny), "findings", findings_json(&report->findings, report->shown));
    return one != NULL && json_array_append_new(all, one) == 0;
}

/* Says why there is nothing to judge. */
static int
give_up(struct report *report, const char *why)
{
    findings_clear(&report->findings);
    findings_error(&report->findings, 0, 0, why);
    return trouble("check", "%s", why);
}

static int
judge(struct report *report)
{
    const struct options *options = report->options;
    bool input = strcmp(report->path, "-") == 0;
    char why[1200];
    if (!input)
        survey_take(&report->survey, &report->findings, report->path, NULL);
    bool read = report->survey.unreadable || source_read(&report->source, report->path); /* for the lines to be shown */
    (void)snprintf(why, sizeof why, "%s: %s; name a policy file that can be read, or - for standard input", report->shown,
        strerror(errno));
    if (input && read)
        survey_take(&report->survey, &report->findings, report->path, &report->source);
    if (report->survey.unreadable)
        return give_up(report, report->survey.error.message);
    if (!read)
        return give_up(report, why);
    struct lint work = { .survey = &report->survey, .source = &report->source, .findings = &report->findings,
        .at = options->at, .within = options->within, .asked = options->asked,
        .whole = report->findings.errors == 0 };
    if (!report->survey.failed)
        lint(&work);
    if (report->survey.failed || report->findings.failed)
        return trouble("check", "%s: out of memory; try where there is more", report->shown);
    findings_sort(&report->findings);
    return is_good(report) ? ANSWER_YES : ANSWER_NO;
}

static int
check_policy(const struct options *options, const char *path, json_t *all)
{
    struct report report = { .options = options, .path = path, .findings = { .ignored = options->ignored } };
    (void)mtlspin_text_show(path, strlen(path), report.shown, sizeof report.shown);
    int answer = judge(&report);
    if (all != NULL && !add_json(&report, all))
        answer = trouble("check", "%s: out of memory; try without --json", report.shown);
    if (all == NULL && answer != NO_ANSWER) {
        findings_print(&report.findings, report.shown, &report.source, stdout);
        progress(NULL, 0);
        print_summary(&report);
    }
    progress(NULL, 0);
    findings_clear(&report.findings);
    survey_clear(&report.survey);
    source_clear(&report.source);
    return answer;
}

int
check_command(int argc, char **argv)
{
    struct options options = { .at = (int64_t)time(NULL), .within = INT64_C(30) * 86400 };
    int answer = ANSWER_YES;
    if (!take_options(&options, argc, argv))
        return NO_ANSWER;
    if (options.help) {
        show_help();
        return finish_output("check", ANSWER_YES);
    }
    json_t *all = options.json ? json_array() : NULL;
    if (options.json && all == NULL)
        return trouble("check", "out of memory; try without --json");
    for (int i = optind; i < argc; i++) {
        int one = check_policy(&options, argv[i], all);
        answer = one > answer ? one : answer;
    }
    if (all != NULL && json_dumpf(all, stdout, JSON_INDENT(2)) != 0 && !ferror(stdout))
        answer = trouble("check", "out of memory; try without --json");
    if (all != NULL)
        (void)fputc('\n', stdout);
    json_decref(all);
    return finish_output("check", answer);
}
