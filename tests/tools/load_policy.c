/* Says what each policy line of standard input means: load_policy CA.pem
   Prints its kind's number and its label, or "!" and the mistake. */
#include <mtlspin/mtlspin.h>
#include <mtlspin/scan.h>
#include <stdio.h>
#include <string.h>

static void
print_rule(void *context, const struct mtlspin_scan_rule *rule)
{
    (void)context;
    if (rule->kind != MTLSPIN_ANY)
        printf("%d %s\n", (int)rule->kind, rule->label);
}

static void
print_mistake(void *context, const struct mtlspin_error *error)
{
    (void)context;
    printf("! %u:%u: %s\n", error->line, error->column, error->message);
}

/* The line where it belongs in a policy that is good without it. */
static void
load(const char *ca, const char *line)
{
    static char text[1 << 16];
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    int denial = strncmp(line, "deny ", 5) == 0;
    scan.rule = print_rule;
    scan.mistake = print_mistake;
    int length = snprintf(text, sizeof text, "%sca \"%s\"\n%sallow any\n", denial ? line : "", ca, denial ? "" : line);
    mtlspin_policy_unref(mtlspin_policy_scan_text(text, (size_t)length, "policy", &scan, NULL));
}

int
main(int argc, char **argv)
{
    char line[4096];
    while (argc > 1 && fgets(line, sizeof line, stdin) != NULL)
        load(argv[1], line);
    return 0;
}
