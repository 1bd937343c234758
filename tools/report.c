/* Facts in rows. Each row begins with its own word, and on a terminal somebody else's text is broken and indented by us: no
   name can look like another row, or like a policy line. */
#include "report.h"
#include "screen.h"
#include <stdio.h>
#include <string.h>

static const char *
fact(const json_t *facts, const char *key)
{
    const char *text = json_string_value(json_object_get(facts, key));
    return text != NULL ? text : "";
}

static void
row(const char *name, const char *value)
{
    if (value[0] != '\0')
        (void)printf("  %-12s %s\n", name, value);
}

/* Text of the certificate's. */
static void
foreign_row(const char *name, const char *type, const char *value)
{
    if (value[0] == '\0')
        return;
    int used = printf("  %-12s %s%s", name, type, type[0] != '\0' ? ":" : "");
    screen_text(stdout, used > 0 ? (size_t)used : 0, 15, value);
}

static void
report_kind(const json_t *facts, size_t index, size_t count)
{
    char kind[40];
    (void)snprintf(kind, sizeof kind, "%s", fact(facts, "kind"));
    for (char *at = strchr(kind, '_'); at != NULL; at = strchr(at, '_'))
        *at = ' ';
    screen_tone(stdout, TONE_STRONG);
    (void)printf("%s: %s", fact(facts, "source"), kind);
    screen_tone(stdout, TONE_PLAIN);
    if (count > 1)
        (void)printf(" (%zu of %zu)", index + 1, count);
    (void)putchar('\n');
}

static void
report_trust(const json_t *facts)
{
    const json_t *verified = json_object_get(facts, "server_verified");
    if (verified == NULL)
        return;
    screen_tone(stdout, json_is_true(verified) ? TONE_GOOD : TONE_BAD);
    if (json_is_true(verified))
        row("verified", "yes");
    else
        (void)printf("  not verified: %s\n", fact(facts, "server_error"));
    screen_tone(stdout, TONE_PLAIN);
}

static void
report_names(const json_t *facts)
{
    const json_t *names = json_object_get(facts, "names");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        foreign_row(i == 0 ? "names" : "", fact(name, "type"), fact(name, "value"));
    }
}

static void
report_dates(const json_t *facts)
{
    const char *validity = fact(facts, "validity");
    bool over = strcmp(validity, "expired") == 0, early = strcmp(validity, "not_yet_valid") == 0;
    row("valid from", fact(facts, "not_before"));
    row("valid until", fact(facts, "not_after"));
    if (!over && !early)
        return;
    screen_tone(stdout, TONE_WARNING);
    row("", over ? "expired" : "not yet valid");
    screen_tone(stdout, TONE_PLAIN);
}

static void
report_key(const json_t *facts)
{
    const json_t *bits = json_object_get(facts, "key_bits");
    const char *group = fact(facts, "key_group");
    if (fact(facts, "key_type")[0] == '\0')
        return;
    (void)printf("  %-12s %s%s%s", "key", fact(facts, "key_type"), group[0] != '\0' ? " " : "", group);
    if (bits != NULL)
        (void)printf(", %d bits", (int)json_integer_value(bits));
    (void)putchar('\n');
}

static void
report_bool(const json_t *facts, const char *key, const char *name)
{
    const json_t *value = json_object_get(facts, key);
    if (value != NULL)
        row(name, json_is_true(value) ? "yes" : "no");
}

void
report_lines(const json_t *facts)
{
    size_t i = 0;
    const json_t *line = NULL;
    json_array_foreach(json_object_get(facts, "policy_lines"), i, line)
        (void)printf("%s\n", json_string_value(line));
}

void
report_facts(const json_t *facts, size_t index, size_t count)
{
    size_t i = 0;
    const json_t *note = NULL;
    report_kind(facts, index, count);
    report_trust(facts);
    foreign_row("subject", "", fact(facts, "subject"));
    foreign_row("issuer", "", fact(facts, "issuer"));
    row("serial", fact(facts, "serial"));
    report_names(facts);
    report_dates(facts);
    report_key(facts);
    report_bool(facts, "ca", "CA");
    report_bool(facts, "signature_valid", "signed by it");
    row("SPKI pin", fact(facts, "spki"));
    row("thumbprint", fact(facts, "thumbprint"));
    report_lines(facts);
    json_array_foreach(json_object_get(facts, "notes"), i, note)
        (void)printf("#: %s\n", json_string_value(note));
    (void)putchar('\n');
}

void
report_advice(bool proposed)
{
    static const char text[] = "The lines that begin with \"# \" are for a policy, one of them for each peer. The label in "
                               "them is what the certificate says of itself: see that it is true before you take the "
                               "\"# \" away, or choose your own by --label.";
    if (proposed)
        screen_prose(stdout, 0, 0, text);
}
