#include "case_file.h"
#include "moment.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct handshake_case cases[400];
static size_t count;

static void
die(int line, const char *what)
{
    fprintf(stderr, "cases.txt:%d: %s\n", line, what);
    exit(EXIT_FAILURE);
}

/* Appends a line to the policy that is being collected; cases keep the pointer of the finished text. */
static char *
append(char *policy, const char *text)
{
    size_t old = policy != NULL ? strlen(policy) : 0;
    char *grown = realloc(policy, old + strlen(text) + 1);
    if (grown == NULL)
        die(0, "out of memory");
    strcpy(grown + old, text);
    return grown;
}

/* "one" or "one|other" for the two versions of TLS. */
static void
split(const char *text, char first[24], char second[24])
{
    const char *bar = strchr(text, '|');
    (void)snprintf(first, 24, "%.*s", bar != NULL ? (int)(bar - text) : 23, text);
    (void)snprintf(second, 24, "%s", bar != NULL ? bar + 1 : text);
}

static void
read_client(struct handshake_case *c, const char *client)
{
    const char *slash = strchr(client, '/');
    if (strcmp(client, "none") == 0)
        return;
    if (slash != NULL) {
        (void)snprintf(c->chain, sizeof c->chain, "%.*s", (int)(slash - client), client);
        (void)snprintf(c->key, sizeof c->key, "%s", slash + 1);
        return;
    }
    (void)snprintf(c->chain, sizeof c->chain, "%.50s-chain", client);
    (void)snprintf(c->key, sizeof c->key, "%s", client);
}

static void
read_case(const char *text, int line, const char *policy, int64_t now)
{
    char client[64] = "", verdict[8] = "", reason[48] = "", alert[16] = "", alerts[2][24];
    if (count == sizeof cases / sizeof *cases)
        die(line, "too many cases");
    struct handshake_case *c = &cases[count++];
    if (policy == NULL
        || sscanf(text, "%63s %7s %47s %15s %63[^\n]", client, verdict, reason, alert, c->label) != 5)
        die(line, "a case is CLIENT VERDICT REASON ALERT LABEL, after a policy");
    c->line = line;
    c->policy = policy;
    c->now = now;
    c->allow = strcmp(verdict, "allow") == 0;
    if (!c->allow && strcmp(verdict, "deny") != 0)
        die(line, "the verdict is allow or deny");
    read_client(c, client);
    split(reason, c->reason[0], c->reason[1]);
    split(alert, alerts[0], alerts[1]);
    for (size_t i = 0; i < 2; i++)
        c->alert[i] = strcmp(alerts[i], "-") == 0 ? -1 : atoi(alerts[i]);
    if (strcmp(c->label, "-") == 0)
        c->label[0] = '\0';
}

static void
read_file(FILE *file)
{
    char text[512], moment[64];
    char *policy = NULL;
    int64_t now = 0;
    bool open = false; /* lines of a policy may follow */
    for (int line = 1; fgets(text, sizeof text, file) != NULL; line++) {
        if (text[0] == '#' || text[0] == '\n')
            continue;
        if (strcmp(text, "policy\n") == 0) {
            policy = append(NULL, "");
            now = 0;
            open = true;
        } else if (text[0] == ' ' && open) {
            policy = append(policy, text);
        } else if (sscanf(text, "at %63s", moment) == 1) {
            open = false;
            if (!mtlspin__moment_parse(moment, false, &now))
                die(line, "no time");
        } else {
            open = false;
            read_case(text, line, policy, now);
        }
    }
}

const struct handshake_case *
handshake_cases(size_t *number)
{
    if (count == 0) {
        FILE *file = fopen(TESTS "/handshake/cases.txt", "r");
        if (file == NULL)
            die(0, "cannot be opened");
        read_file(file);
        (void)fclose(file);
    }
    *number = count;
    return cases;
}
