#include "case_file.h"
#include "moment.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
    const char *name;
    bool client; /* with the columns HOST and NAME */
    size_t count;
    struct handshake_case cases[400];
};

static struct table servers = { .name = "cases.txt" }, clients = { .name = "client_cases.txt", .client = true };

static void
die(const struct table *table, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", table->name, line, what);
    exit(EXIT_FAILURE);
}

/* Appends a line to the policy that is being collected; cases keep the pointer of the finished text. */
static char *
append(const struct table *table, char *policy, const char *text)
{
    size_t old = policy != NULL ? strlen(policy) : 0;
    char *grown = realloc(policy, old + strlen(text) + 1);
    if (grown == NULL)
        die(table, 0, "out of memory");
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
read_peer(struct handshake_case *c, const char *peer)
{
    const char *slash = strchr(peer, '/');
    if (strcmp(peer, "none") == 0)
        return;
    if (slash != NULL) {
        (void)snprintf(c->chain, sizeof c->chain, "%.*s", (int)(slash - peer), peer);
        (void)snprintf(c->key, sizeof c->key, "%s", slash + 1);
        return;
    }
    (void)snprintf(c->chain, sizeof c->chain, "%.50s-chain", peer);
    (void)snprintf(c->key, sizeof c->key, "%s", peer);
}

/* "SET", "SET=TOLD", either with "sni:" or "param:" in front. */
static void
read_host(struct handshake_case *c, const char *text)
{
    c->way = CASE_HOST;
    if (strncmp(text, "sni:", 4) == 0)
        c->way = CASE_SNI;
    else if (strncmp(text, "param:", 6) == 0)
        c->way = CASE_PARAM;
    text += c->way == CASE_SNI ? 4 : c->way == CASE_PARAM ? 6 : 0;
    size_t length = strcspn(text, "=");
    (void)snprintf(c->host, sizeof c->host, "%.*s", (int)length, text);
    (void)snprintf(c->host_told, sizeof c->host_told, "%s", text[length] == '=' ? text + length + 1 : c->host);
}

static void
clear_dash(char *text)
{
    if (strcmp(text, "-") == 0)
        text[0] = '\0';
}

static bool
read_columns(const struct table *table, const char *text, struct handshake_case *c)
{
    char peer[64] = "", host[80] = "-", verdict[8] = "", reason[48] = "", alert[16] = "", alerts[2][24];
    if (table->client ? sscanf(text, "%63s %79s %7s %47s %15s %63s %63[^\n]", peer, host, verdict, reason, alert,
                            c->peername, c->label) != 7
                      : sscanf(text, "%63s %7s %47s %15s %63[^\n]", peer, verdict, reason, alert, c->label) != 5)
        return false;
    read_peer(c, peer);
    if (strcmp(host, "-") != 0)
        read_host(c, host);
    c->allow = strcmp(verdict, "allow") == 0;
    split(reason, c->reason[0], c->reason[1]);
    split(alert, alerts[0], alerts[1]);
    for (size_t i = 0; i < 2; i++)
        c->alert[i] = strcmp(alerts[i], "-") == 0 ? -1 : atoi(alerts[i]);
    clear_dash(c->peername);
    clear_dash(c->label);
    return c->allow || strcmp(verdict, "deny") == 0;
}

static void
read_case(struct table *table, const char *text, int line, const char *policy, int64_t now)
{
    if (table->count == sizeof table->cases / sizeof *table->cases)
        die(table, line, "too many cases");
    struct handshake_case *c = &table->cases[table->count++];
    c->file = table->name;
    c->line = line;
    c->policy = policy;
    c->now = now;
    if (policy == NULL || !read_columns(table, text, c))
        die(table, line, "not a case as the table's first lines describe it, after a policy");
}

static void
read_file(struct table *table, FILE *file)
{
    char text[512], moment[64];
    char *policy = NULL;
    int64_t now = 0;
    bool open = false; /* lines of a policy may follow */
    for (int line = 1; fgets(text, sizeof text, file) != NULL; line++) {
        if (text[0] == '#' || text[0] == '\n')
            continue;
        if (strcmp(text, "policy\n") == 0) {
            policy = append(table, NULL, "");
            now = 0;
            open = true;
        } else if (text[0] == ' ' && open) {
            policy = append(table, policy, text);
        } else if (sscanf(text, "at %63s", moment) == 1) {
            open = false;
            if (!mtlspin__moment_parse(moment, false, &now))
                die(table, line, "no time");
        } else {
            open = false;
            read_case(table, text, line, policy, now);
        }
    }
}

static const struct handshake_case *
cases_of(struct table *table, size_t *count)
{
    char path[512];
    if (table->count == 0) {
        (void)snprintf(path, sizeof path, "%s/handshake/%s", TESTS, table->name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            die(table, 0, "cannot be opened");
        read_file(table, file);
        (void)fclose(file);
    }
    *count = table->count;
    return table->cases;
}

const struct handshake_case *
handshake_cases(size_t *count)
{
    return cases_of(&servers, count);
}

const struct handshake_case *
client_cases(size_t *count)
{
    return cases_of(&clients, count);
}

void
case_check(const struct handshake_case *c, size_t version, enum mtlspin_verdict verdict,
    const struct mtlspin_decision *d)
{
    ck_assert_msg(verdict == (c->allow ? MTLSPIN_ALLOW : MTLSPIN_DENY), "%s:%d: verdict %d, reason %s", c->file, c->line,
        verdict, mtlspin_reason_name(d->reason));
    ck_assert_int_eq(d->verdict, verdict);
    ck_assert_msg(strcmp(mtlspin_reason_name(d->reason), c->reason[version]) == 0, "%s:%d: reason %s (X.509 %d)",
        c->file, c->line, mtlspin_reason_name(d->reason), d->x509_error);
    ck_assert_msg(strcmp(c->allow ? d->label : d->rule_label, c->label) == 0, "%s:%d: label \"%s\", near \"%s\"", c->file,
        c->line, d->label, d->rule_label);
    ck_assert_msg(c->allow || d->label[0] == '\0', "%s:%d: a label in spite of the refusal", c->file, c->line);
    ck_assert_msg(c->allow == (d->valid_until != 0), "%s:%d: valid until %lld", c->file, c->line,
        (long long)d->valid_until);
}
