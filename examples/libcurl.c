/* HTTPS requests with libcurl, to servers that a policy names: a template for programs of your own, built with
   `cc libcurl.c $(pkg-config --cflags --libs mtlspin libcurl)`. libmtlspin is at work in audit, pin, ask and
   load_policy; what else a program with libcurl has to know is in docs/libcurl.md.
   SPDX-License-Identifier: MIT */
#include <curl/curl.h>
#include <getopt.h>
#include <mtlspin/mtlspin.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CONNECT_SECONDS = 10, TRANSFER_SECONDS = 300 };
enum { POLICY, CERT, KEY, RESOLVE, HELP }; /* the options */

static struct mtlspin_verifier *verifier;

/* What is known about the transfer under way; there is one at a time. */
static struct mtlspin_decision decision;
static char certified[256]; /* the name in the server's certificate, or "" */
static char message[1024];  /* why pin has refused to go on, or "" */

/* Gets the refusals within handshakes, of which libcurl knows only that there was one. */
static void
audit(const struct mtlspin_event *event, void *user)
{
    (void)user;
    decision = *event->decision;
}

/* A name in the URL is sent as SNI, which the verifier takes for the host. libcurl sends no IP address, so that one is set
   here. */
static void
expect_address(CURL *curl, SSL_CTX *context)
{
    char *url = NULL, *host = NULL;
    CURLU *parts = curl_url();
    if (parts != NULL && curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK
        && curl_url_set(parts, CURLUPART_URL, url, CURLU_DEFAULT_SCHEME) == CURLUE_OK
        && curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        if (host[0] == '[')
            host[strcspn(host, "]")] = '\0';
        (void)X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), host + (host[0] == '['));
    }
    curl_free(host);
    curl_url_cleanup(parts);
}

/* CURLOPT_SSL_CTX_FUNCTION: libcurl makes an SSL_CTX for each connection. An error ends the transfer. */
static CURLcode
pin(CURL *curl, void *context, void *user)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    (void)user;
    expect_address(curl, context);
    if (mtlspin_verifier_attach(verifier, context, &error) == MTLSPIN_OK)
        return CURLE_OK;
    (void)mtlspin_error_format(&error, message, sizeof message);
    return CURLE_ABORTED_BY_CALLBACK;
}

/* CURLOPT_PREREQFUNCTION: before each request, on a new connection and on a kept one. Nothing is requested without
   MTLSPIN_ALLOW, and a connection that does not get it is not kept any longer. */
static int
ask(void *curl, char *address, char *own_address, int port, int own_port)
{
    struct curl_tlssessioninfo *tls = NULL;
    (void)address, (void)own_address, (void)port, (void)own_port;
    if (curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls->backend == CURLSSLBACKEND_OPENSSL
        && mtlspin_check(verifier, tls->internals, &decision) == MTLSPIN_ALLOW) {
        const char *name = mtlspin_peername(tls->internals);
        (void)snprintf(certified, sizeof certified, "%s", name != NULL ? name : "");
        return CURL_PREREQFUNC_OK;
    }
    (void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    return CURL_PREREQFUNC_ABORT;
}

/* Our reason, where there is one, says more than libcurl's words. */
static void
tell(const char *url, CURLcode code, long status, const char *words)
{
    if (message[0] != '\0')
        (void)fprintf(stderr, "libcurl: %s: %s\n", url, message);
    else if (code != CURLE_OK && decision.verdict != MTLSPIN_ALLOW && decision.reason != MTLSPIN_REASON_NONE)
        (void)fprintf(stderr, "libcurl: %s: the server is refused: %s (%s)\n", url,
            mtlspin_reason_text(decision.reason), mtlspin_reason_name(decision.reason));
    else if (code != CURLE_OK)
        (void)fprintf(stderr, "libcurl: %s: %s%s\n", url,
            decision.verdict == MTLSPIN_ALLOW ? "the server is allowed, but the transfer failed: " : "",
            words[0] != '\0' ? words : curl_easy_strerror(code));
    else
        (void)fprintf(stderr, "libcurl: %s: status %ld from \"%s\"%s%s\n", url, status, decision.label,
            certified[0] != '\0' ? ", certified as " : "", certified);
}

/* One request; the answer's body goes to standard output. */
static bool
fetch(CURL *curl, const char *url)
{
    char words[CURL_ERROR_SIZE] = "";
    long status = 0;
    decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    certified[0] = message[0] = '\0';
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 0L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    if (code == CURLE_OK)
        code = curl_easy_perform(curl);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, (char *)NULL);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)fflush(stdout);
    tell(url, code, status, words);
    return code == CURLE_OK && status >= 200 && status <= 299;
}

/* The first five lines are what pinning needs. The policy names the CAs, so that libcurl need not load any. A key with a
   passphrase is an error, not a question on the terminal. */
static bool
set_up(CURL *curl, const char *const value[], struct curl_slist *addresses)
{
    return curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, pin) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, ask) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_PREREQDATA, curl) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_DEFAULT_PROTOCOL, "https") == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_CAINFO, (char *)NULL) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_CAPATH, (char *)NULL) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_SSLCERT, value[CERT]) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_SSLKEY, value[KEY]) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_KEYPASSWD, "") == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_RESOLVE, addresses) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) == CURLE_OK
        && curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TRANSFER_SECONDS) == CURLE_OK;
}

/* libcurl hands its SSL_CTX to us as a void *, which must be one of the OpenSSL that libmtlspin uses. */
static bool
start_libcurl(void)
{
    char wanted[64];
    int length = snprintf(wanted, sizeof wanted, "OpenSSL/%s", OpenSSL_version(OPENSSL_VERSION_STRING));
    bool openssl = curl_global_sslset(CURLSSLBACKEND_OPENSSL, NULL, NULL) == CURLSSLSET_OK;
    const char *has = curl_version_info(CURLVERSION_NOW)->ssl_version;
    const char *at = openssl && has != NULL ? strstr(has, wanted) : NULL;
    if (at != NULL && (at[length] == '\0' || at[length] == ' '))
        return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    (void)fprintf(stderr, "libcurl: this libcurl uses %s, and libmtlspin %s\n", has != NULL ? has : "no TLS", wanted);
    return false;
}

static bool
load_policy(const char *path)
{
    char text[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *policy = mtlspin_policy_load(path, &error);
    if (policy != NULL)
        verifier = mtlspin_verifier_new(policy, &error);
    mtlspin_policy_unref(policy);
    if (verifier != NULL && mtlspin_verifier_set_audit(verifier, audit, NULL, &error) == MTLSPIN_OK)
        return true;
    (void)fprintf(stderr, "libcurl: %s\n", mtlspin_error_format(&error, text, sizeof text));
    return false;
}

static int
run(const char *const value[], struct curl_slist *addresses, char *const *urls)
{
    bool good = start_libcurl() && load_policy(value[POLICY]);
    CURL *curl = good ? curl_easy_init() : NULL;
    if (good && (curl == NULL || !set_up(curl, value, addresses))) {
        (void)fputs("libcurl: this libcurl does not take the options that are needed\n", stderr);
        good = false;
    }
    for (bool ready = good; ready && *urls != NULL; urls++)
        good = fetch(curl, *urls) && good;
    curl_easy_cleanup(curl);
    mtlspin_verifier_unref(verifier);
    curl_global_cleanup();
    return good ? 0 : 1;
}

int
main(int argc, char **argv)
{
    static const char usage[] =
        "usage: libcurl --policy FILE [--cert FILE --key FILE] [--resolve HOST:PORT:ADDRESS]... URL...\n"
        "Certificate and key are in PEM. --resolve gives the address of a name that the DNS does not know.\n";
    static const struct option names[] = { { "policy", required_argument, NULL, POLICY },
        { "cert", required_argument, NULL, CERT }, { "key", required_argument, NULL, KEY },
        { "resolve", required_argument, NULL, RESOLVE }, { "help", no_argument, NULL, HELP }, { NULL, 0, NULL, 0 } };
    const char *value[HELP] = { NULL };
    struct curl_slist *addresses = NULL;
    int option = 0, status = 2;
    while ((option = getopt_long(argc, argv, "", names, NULL)) >= POLICY && option <= RESOLVE) {
        struct curl_slist *more = option == RESOLVE ? curl_slist_append(addresses, optarg) : addresses;
        addresses = more != NULL ? more : addresses; /* out of memory: then the DNS is asked */
        value[option] = optarg;
    }
    if (option == -1 && value[POLICY] != NULL && (value[CERT] == NULL) == (value[KEY] == NULL) && optind < argc)
        status = run(value, addresses, argv + optind);
    else
        (void)fputs(usage, option == HELP ? stdout : stderr);
    curl_slist_free_all(addresses);
    return option == HELP ? 0 : status;
}
