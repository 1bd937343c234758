#include "grants.h"
#include "pki.h"
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const clients[] = { "alice", "alice-renewed", "alice-clone", "build-agent", "kiosk", "mallory", "deep",
    "expired", "client-ca", "san-email", "san-dns", "san-uri", "san-two-uris", "san-all", "other-alice", "other-kiosk",
    "partner-gateway", "scanner", "scanner-ca-true" };
static const char *const servers[] = { "server", "server-rsa", "scanner-server-eku" };
static const char *const hosts_asked[] = { "localhost", "LOCALHOST.", "127.0.0.1", "db.example", "a.db.example",
    "b.db.example", "x.a.db.example", "elsewhere.example" };

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct peer {
    X509 *leaf;
    STACK_OF(X509) *rest;
};

/* Read once in each process; freed never, since Check's processes end after a test. */
static const struct peer *
peer_of(const char *const *names, size_t i)
{
    static struct peer read[2][32];
    static char files[64];
    struct peer *peer = &read[names == servers][i];
    if (peer->leaf == NULL) {
        (void)snprintf(files, sizeof files, "%s-chain", names[i]);
        peer->leaf = pki_certificate(files);
        peer->rest = pki_rest(files);
    }
    return peer;
}

static void
ask(struct mtlspin_policy *policy, const struct peer *peer, const char *name, const char *host, char grants[GRANTS_SIZE])
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    size_t used = strlen(grants);
    enum mtlspin_verdict verdict = mtlspin_evaluate(policy, peer->leaf, peer->rest,
        host != NULL ? MTLSPIN_CLIENT : MTLSPIN_SERVER, host, (int64_t)time(NULL), &decision);
    if (verdict != MTLSPIN_ALLOW)
        return;
    ck_assert_uint_lt(used + 300, GRANTS_SIZE);
    (void)snprintf(grants + used, GRANTS_SIZE - used, "%s%s%s %sas %s\n", name, host != NULL ? "@" : "",
        host != NULL ? host : "", decision.reason == MTLSPIN_REASON_UNMATCHED ? "reported " : "",
        decision.label[0] != '\0' ? decision.label : "-");
}

void
grants_list(struct mtlspin_policy *policy, bool hosts, char grants[GRANTS_SIZE])
{
    grants[0] = '\0';
    for (size_t i = 0; i < COUNT(clients); i++)
        ask(policy, peer_of(clients, i), clients[i], NULL, grants);
    for (size_t i = 0; hosts && i < COUNT(servers); i++)
        for (size_t h = 0; h < COUNT(hosts_asked); h++)
            ask(policy, peer_of(servers, i), servers[i], hosts_asked[h], grants);
}

bool
grants_has_hosts(const char *text)
{
    return strstr(text, "\nhost ") != NULL;
}

/* Whether `whole` has the line, or, with `front`, a line that begins with that many bytes of it. */
static bool
has_line(const char *whole, const char *line, size_t front)
{
    for (; *whole != '\0'; whole = strchr(whole, '\n') + 1)
        if (strncmp(whole, line, front) == 0)
            return true;
    return false;
}

const char *
grants_beyond(const char *part, const char *whole)
{
    static char line[400];
    for (; *part != '\0'; part = strchr(part, '\n') + 1) {
        size_t length = strcspn(part, "\n"), name = strcspn(part, " ");
        bool reported = strncmp(part + name, " reported ", 10) == 0;
        if (has_line(whole, part, reported ? name + 1 : length + 1))
            continue;
        (void)snprintf(line, sizeof line, "%.*s", (int)length, part);
        return line;
    }
    return NULL;
}
