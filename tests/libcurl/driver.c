/* A program with libcurl that carries out its arguments, step by step, so that a test can get wrong what the example gets
   right. Each `get=URL` prints what came of it as a line of JSON. The steps are in the tables at the end. */
#include <curl/curl.h>
#include <mtlspin/mtlspin.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static CURL *curl;
static CURLSH *shared;
static struct curl_slist *resolve;
static struct mtlspin_verifier *verifier; /* NULL: plain libcurl */
static bool gives_address, caches, prepares, asks = true;
static long ahead; /* seconds, of the verifiers' clock */

/* The transfer under way. */
static char events[4 * MTLSPIN_EVENT_JSON_SIZE], error_message[512];
static struct mtlspin_decision checked;
static char peername[256];
static long contexts, checks;

static void
fail(const char *what)
{
    (void)fprintf(stderr, "driver: %s\n", what);
    exit(3);
}

static void
must(bool good, const char *what)
{
    if (!good)
        fail(what);
}

static int64_t
now(void *user)
{
    (void)user;
    return (int64_t)time(NULL) + ahead;
}

static void
audit(const struct mtlspin_event *event, void *user)
{
    size_t used = strlen(events);
    (void)user;
    must(sizeof events - used > MTLSPIN_EVENT_JSON_SIZE + 1, "too many events");
    if (used > 0)
        events[used++] = ',';
    must(mtlspin_event_json(event, events + used, sizeof events - used) > 0, "no event");
}

/* The moment at which OpenSSL begins the handshake: libcurl itself gives nobody the SSL before. */
static void
prepare(const SSL *ssl, int where, int result)
{
    (void)result;
    if (where == SSL_CB_HANDSHAKE_START)
        must(mtlspin_prepare(verifier, (SSL *)ssl, NULL) == MTLSPIN_OK, "mtlspin_prepare");
}

/* CURLOPT_SSL_CTX_FUNCTION. */
static CURLcode
pin(CURL *handle, void *context, void *address)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    (void)handle;
    contexts++;
    if (gives_address)
        must(X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), address), "the address");
    if (verifier != NULL && mtlspin_verifier_attach(verifier, context, &error) != MTLSPIN_OK) {
        (void)snprintf(error_message, sizeof error_message, "%s", error.message);
        return CURLE_ABORTED_BY_CALLBACK;
    }
    if (caches)
        (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (prepares && verifier != NULL)
        SSL_CTX_set_info_callback(context, prepare);
    return CURLE_OK;
}

/* CURLOPT_PREREQFUNCTION. */
static int
ask(void *user, char *address, char *own_address, int port, int own_port)
{
    struct curl_tlssessioninfo *tls = NULL;
    (void)user, (void)address, (void)own_address, (void)port, (void)own_port;
    if (!asks || verifier == NULL)
        return CURL_PREREQFUNC_OK;
    must(curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK, "CURLINFO_TLS_SSL_PTR");
    checks++;
    enum mtlspin_verdict verdict = mtlspin_check(verifier, tls->internals, &checked);
    if (verdict == MTLSPIN_ALLOW && mtlspin_peername(tls->internals) != NULL)
        (void)snprintf(peername, sizeof peername, "%s", mtlspin_peername(tls->internals));
    if (verdict == MTLSPIN_ALLOW)
        return CURL_PREREQFUNC_OK;
    (void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    return CURL_PREREQFUNC_ABORT;
}

static size_t
drop(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    return size * count;
}

static void
print_text(const char *name, const char *text)
{
    printf("\"%s\": \"", name);
    for (; *text != '\0'; text++)
        putchar(*text >= ' ' && *text <= '~' && *text != '"' && *text != '\\' ? *text : '?');
    printf("\", ");
}

static void
get(const char *url)
{
    char words[CURL_ERROR_SIZE] = "";
    long status = 0, opened = 0;
    events[0] = error_message[0] = peername[0] = '\0';
    checked = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    contexts = checks = 0;
    must(curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK, "CURLOPT_URL");
    must(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words) == CURLE_OK, "CURLOPT_ERRORBUFFER");
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, (char *)NULL);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &opened);
    printf("{");
    print_text("words", words);
    print_text("attach", error_message);
    print_text("peername", peername);
    print_text("label", checked.label);
    print_text("reason", checks > 0 ? mtlspin_reason_name(checked.reason) : "");
    printf("\"allowed\": %s, ", checked.verdict == MTLSPIN_ALLOW ? "true" : "false");
    printf("\"code\": %d, \"status\": %ld, \"opened\": %ld, ", (int)code, status, opened);
    printf("\"contexts\": %ld, \"checks\": %ld, \"events\": [%s]}\n", contexts, checks, events);
}

/* A handle with libcurl's defaults, its session cache for example. */
static void
make_handle(const char *unused)
{
    (void)unused;
    curl_easy_cleanup(curl);
    curl = curl_easy_init();
    must(curl != NULL && curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, pin) == CURLE_OK
            && curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, ask) == CURLE_OK
            && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK
            && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK
            && curl_easy_setopt(curl, CURLOPT_CAINFO, (char *)NULL) == CURLE_OK /* the system's may be missing */
            && curl_easy_setopt(curl, CURLOPT_PROXY_CAINFO, (char *)NULL) == CURLE_OK
            && curl_easy_setopt(curl, CURLOPT_RESOLVE, resolve) == CURLE_OK
            && curl_easy_setopt(curl, CURLOPT_SHARE, shared) == CURLE_OK
            && curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L) == CURLE_OK,
        "the handle");
}

/* Attached contexts and connections keep what they need of the verifier before. */
static void
set_policy(const char *path)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    mtlspin_verifier_unref(verifier);
    verifier = NULL;
    if (path[0] == '\0')
        return;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    verifier = policy != NULL ? mtlspin_verifier_new(policy, &error) : NULL;
    mtlspin_policy_unref(policy);
    must(verifier != NULL && mtlspin_verifier_set_audit(verifier, audit, NULL, &error) == MTLSPIN_OK
            && mtlspin_verifier_set_clock(verifier, now, NULL, &error) == MTLSPIN_OK,
        error.message);
}

/* From here on, handles share their TLS sessions. */
static void
share(const char *unused)
{
    (void)unused;
    shared = curl_share_init();
    must(shared != NULL && curl_share_setopt(shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK,
        "share");
    make_handle(unused);
}

static void
set_resolve(const char *entry)
{
    struct curl_slist *longer = curl_slist_append(resolve, entry);
    must(longer != NULL && curl_easy_setopt(curl, CURLOPT_RESOLVE, longer) == CURLE_OK, "resolve");
    resolve = longer;
}

static void
set_address(const char *address)
{
    gives_address = true;
    must(curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, address) == CURLE_OK, "CURLOPT_SSL_CTX_DATA");
}

static void
set_clock(const char *seconds)
{
    ahead = strtol(seconds, NULL, 10);
}

static bool
set_flag(const char *name, const char *value)
{
    const struct { const char *name; bool *flag; } flags[] = { { "caches", &caches }, { "prepares", &prepares },
        { "asks", &asks } };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(flags[i].name, name) == 0) {
            *flags[i].flag = strcmp(value, "1") == 0;
            return true;
        }
    return false;
}

/* libcurl's own options, those of a number and those of a text. */
static bool
set_option(const char *name, const char *value)
{
    static const struct { const char *name; CURLoption option; bool text; } options[] = {
        { "verifypeer", CURLOPT_SSL_VERIFYPEER, false }, { "verifyhost", CURLOPT_SSL_VERIFYHOST, false },
        { "sessions", CURLOPT_SSL_SESSIONID_CACHE, false }, { "version", CURLOPT_SSLVERSION, false },
        { "fresh", CURLOPT_FRESH_CONNECT, false }, { "forbid", CURLOPT_FORBID_REUSE, false },
        { "follow", CURLOPT_FOLLOWLOCATION, false }, { "cainfo", CURLOPT_CAINFO, true },
        { "pinned", CURLOPT_PINNEDPUBLICKEY, true }, { "proxy", CURLOPT_PROXY, true },
        { "proxycainfo", CURLOPT_PROXY_CAINFO, true },
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0) {
            CURLcode code = options[i].text ? (curl_easy_setopt)(curl, options[i].option, value)
                                            : (curl_easy_setopt)(curl, options[i].option, strtol(value, NULL, 10));
            must(code == CURLE_OK, name);
            return true;
        }
    return false;
}

static void
step(const char *name, const char *value)
{
    static const struct { const char *name; void (*run)(const char *value); } steps[] = { { "get", get },
        { "handle", make_handle }, { "policy", set_policy }, { "share", share }, { "resolve", set_resolve },
        { "address", set_address }, { "clock", set_clock } };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(steps[i].name, name) == 0) {
            steps[i].run(value);
            return;
        }
    must(set_flag(name, value) || set_option(name, value), name);
}

int
main(int argc, char **argv)
{
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl");
    make_handle("");
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        must(value != NULL, argv[i]);
        *value = '\0';
        step(argv[i], value + 1);
    }
    curl_easy_cleanup(curl);
    (void)curl_share_cleanup(shared);
    curl_slist_free_all(resolve);
    set_policy("");
    curl_global_cleanup();
    return 0;
}
