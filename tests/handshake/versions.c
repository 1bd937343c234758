#include "versions.h"
#include "made_crl.h"
#include "policy_text.h"
#include <check.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define R(name) MTLSPIN_REASON_##name

#define CA "ca @pki@/root-ca.pem\n"
#define LISTS CA "crl lists.pem\n"
#define ALICE "allow spki @spki:alice@ alice\n"
#define KIOSK "allow spki @spki:kiosk@ kiosk\n"
#define PARTNER "[partner]\nca @pki@/partner-ca.pem\nallow spki @spki:partner-gateway@ partner-gateway\n"
#define EXPIRED "allow spki @spki:kiosk@ kiosk not-after=2001-01-01\n"
#define STRANGER "[partner]\nca @pki@/partner-ca.pem\nallow spki @spki:alice@ stranger\n"

static const struct version {
    const char *policy;
    const char *lists; /* the file that lists.pem is a copy of; NULL = as before */
    enum mtlspin_reason reasons[VERSIONS_CLIENTS];
} versions[VERSIONS_SERIES][VERSIONS_PERIOD] = {
    {
        { LISTS ALICE KIOSK PARTNER, "empty.pem", { R(RULE), R(RULE), R(RULE) } },
        { LISTS ALICE PARTNER, NULL, { R(RULE), R(NO_RULE), R(RULE) } },
        { LISTS KIOSK ALICE, NULL, { R(RULE), R(RULE), R(UNKNOWN_CA) } },
        { LISTS ALICE KIOSK, "kiosk.pem", { R(RULE), R(REVOKED), R(UNKNOWN_CA) } },
        { LISTS ALICE KIOSK PARTNER, "long.pem", { R(RULE), R(RULE), R(RULE) } },
        { "deny spki @spki:kiosk@\n" LISTS ALICE KIOSK STRANGER, NULL, { R(RULE), R(DENIED_SPKI), R(NO_RULE) } },
        { LISTS "session-lifetime 1h\n" ALICE KIOSK STRANGER, "empty.pem", { R(RULE), R(RULE), R(NO_RULE) } },
        { LISTS ALICE EXPIRED PARTNER, "empty.pem", { R(RULE), R(RULE_EXPIRED), R(RULE) } },
    },
    {
        { CA ALICE KIOSK PARTNER, NULL, { R(RULE), R(RULE), R(RULE) } },
        { CA ALICE PARTNER, NULL, { R(RULE), R(NO_RULE), R(RULE) } },
        { LISTS ALICE KIOSK, "empty.pem", { R(RULE), R(RULE), R(UNKNOWN_CA) } },
        { LISTS ALICE KIOSK, "kiosk.pem", { R(RULE), R(REVOKED), R(UNKNOWN_CA) } },
        { "ca @pki@/clients-ca.pem\npartial-chain yes\n" KIOSK ALICE PARTNER, NULL, { R(RULE), R(RULE), R(RULE) } },
        { "deny spki @spki:kiosk@\n" CA ALICE KIOSK STRANGER, NULL, { R(RULE), R(DENIED_SPKI), R(NO_RULE) } },
        { LISTS "depth 3\n" ALICE KIOSK PARTNER, "long.pem", { R(RULE), R(RULE), R(RULE) } },
        { LISTS ALICE EXPIRED PARTNER, "empty.pem", { R(RULE), R(RULE_EXPIRED), R(RULE) } },
    },
};
enum { VERSIONS = VERSIONS_PERIOD, LONG = 2000 };

static const char *const names[VERSIONS_CLIENTS] = { "alice", "kiosk", "partner-gateway" };

static const struct { const char *file, *revoked; int more; } lists[] = {
    { "empty.pem", NULL, 0 }, { "kiosk.pem", "kiosk", 0 }, { "long.pem", NULL, LONG },
};
enum { LIST_FILES = sizeof lists / sizeof *lists };

static enum versions_series now;
static char folder[64];
static char *texts[VERSIONS];

const char *
versions_name(int client)
{
    return names[client];
}

static size_t
index_of(uint64_t generation)
{
    return (size_t)((generation - 1) % VERSIONS);
}

enum mtlspin_reason
versions_reason(int client, uint64_t generation)
{
    return versions[now][index_of(generation)].reasons[client];
}

/* The bytes of a file in memory of its own. */
static char *
read_file(const char *path, size_t *length)
{
    enum { MOST = 1 << 20 };
    char *bytes = malloc(MOST);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(bytes);
    ck_assert_ptr_nonnull(file);
    *length = fread(bytes, 1, MOST, file);
    ck_assert_uint_lt(*length, MOST);
    (void)fclose(file);
    return bytes;
}

/* Written aside and renamed, as editors do it. */
static void
replace(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen("new", "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rename("new", path), 0);
}

void
versions_publish(uint64_t generation)
{
    size_t length = 0, index = index_of(generation);
    if (versions[now][index].lists != NULL) {
        char *bytes = read_file(versions[now][index].lists, &length);
        replace("lists.pem", bytes, length);
        free(bytes);
    }
    replace("policy", texts[index], strlen(texts[index]));
}

void
versions_spoil(void)
{
    replace("policy", "allow nobody\n", 13);
}

struct mtlspin_policy *
versions_load(void)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load("policy", &error);
    ck_assert_msg(policy != NULL, "%s", mtlspin_error_format(&error, line, sizeof line));
    return policy;
}

/* One file with the lists of both CAs above the clients. */
static void
write_list(const char *path, const char *revoked, int more)
{
    static const char *const issuers[] = { "root-ca", "clients-ca" };
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 2; i++) {
        struct crl_recipe recipe = { .issuer = issuers[i], .begin = -3600, .end = 86400 };
        recipe.revoked = i == 1 ? revoked : NULL;
        X509_CRL *crl = crl_make(&recipe, (int64_t)time(NULL));
        if (i == 1 && more > 0)
            crl_extend(crl, 1, more, issuers[i]);
        ck_assert_int_eq(PEM_write_X509_CRL(file, crl), 1);
        X509_CRL_free(crl);
    }
    ck_assert_int_eq(fclose(file), 0);
}

void
versions_set_up(enum versions_series series)
{
    now = series;
    (void)snprintf(folder, sizeof folder, "/tmp/mtlspin-versions-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    for (int i = 0; i < LIST_FILES; i++)
        write_list(lists[i].file, lists[i].revoked, lists[i].more);
    for (int i = 0; i < VERSIONS; i++)
        texts[i] = policy_text(versions[now][i].policy);
    versions_publish(1);
}

void
versions_tear_down(void)
{
    static const char *const files[] = { "policy", "lists.pem", "new" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)unlink(files[i]);
    for (int i = 0; i < LIST_FILES; i++)
        ck_assert_int_eq(unlink(lists[i].file), 0);
    for (int i = 0; i < VERSIONS; i++)
        free(texts[i]);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
