/* mtlspin pin: what names a certificate or key, and the policy lines for it. */
#include "command.h"
#include "facts.h"
#include "lines.h"
#include "live.h"
#include "report.h"
#include "screen.h"
#include <getopt.h>
#include <jansson.h>
#include <mtlspin/moment.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: mtlspin pin [OPTION…] FILE|URI|HOST:PORT|-…\n"
    "\n"
    "Shows certificates, chains, certificate requests, public and private keys and\n"
    "PKCS #12 files (PEM or DER; - is standard input), key stores and the\n"
    "certificates of a live server: their pins, names and dates, and the policy\n"
    "lines for them. A line stands behind \"# \" while its label is what the\n"
    "certificate says of itself; with --label it is ready to be pasted, unless it is\n"
    "of a server that was not verified, or one of several keys in a file.\n"
    "\n"
    "  --as KIND               only the lines of one kind: allow-spki,\n"
    "                          allow-thumbprint or allow-serial\n"
    "  --label LABEL           the label in the lines, which are active then, if they\n"
    "                          are for one key, or for a server that was verified\n"
    "  --issuer FILE           certificate of the CA that issued it, which a line\n"
    "                          with a serial number needs\n"
    "  --ca FILE               CAs to verify a server with (else the system's)\n"
    "  --servername NAME       what the server is to prove to be (else HOST)\n"
    "  --timeout TIME          how long to wait for a server (10s)\n"
    "  --passphrase-file FILE  its first line opens what is encrypted\n"
    "  --json                  an array of objects, one for each thing\n"
    "  --help                  this text\n"
    "\n"
    "Examples: mtlspin pin alice.pem\n"
    "          mtlspin pin --as allow-spki --label alice alice.csr >>clients.policy\n"
    "          mtlspin pin www.example.org:443\n"
    "\n"
    "Exit status: 0 each argument gave a pin, verified or not; 2 one did not.\n";

enum { HELP = 'h', AS = 256, LABEL, ISSUER, CA, SERVERNAME, TIMEOUT, PASSPHRASE, JSON };

static const struct option options[] = {
    { "as", required_argument, NULL, AS },
    { "label", required_argument, NULL, LABEL },
    { "issuer", required_argument, NULL, ISSUER },
    { "ca", required_argument, NULL, CA },
    { "servername", required_argument, NULL, SERVERNAME },
    { "timeout", required_argument, NULL, TIMEOUT },
    { "passphrase-file", required_argument, NULL, PASSPHRASE },
    { "json", no_argument, NULL, JSON },
    { "help", no_argument, NULL, HELP },
    { NULL, 0, NULL, 0 },
};

struct request {
    struct lines lines;
    struct live live;
    struct passphrase passphrase;
    struct things issuers;
    json_t *all;   /* with --json, else NULL */
    bool json, help;
    bool failed;   /* something could not be had */
    bool proposed; /* a line with a label that is not the operator's was printed */
};

/* Options. */

static bool
take_as(struct request *request, const char *kind)
{
    request->lines.as = kind;
    if (strcmp(kind, "allow-spki") == 0 || strcmp(kind, "allow-thumbprint") == 0 || strcmp(kind, "allow-serial") == 0)
        return true;
    (void)trouble("pin", "--as knows no %s; it is allow-spki, allow-thumbprint or allow-serial", kind);
    return false;
}

static bool
take_label(struct request *request, const char *label)
{
    request->lines.label = label;
    if (is_label(label))
        return true;
    (void)trouble("pin", "this --label cannot be one: give 1 to 127 bytes of UTF-8 without control or invisible "
        "characters");
    return false;
}

static bool
take_issuer(struct request *request, const char *path)
{
    things_free(&request->issuers);
    request->lines.other = path;
    request->issuers = (struct things){ .source = path, .passphrase = &request->passphrase };
    request->passphrase.source = path;
    things_of_file(&request->issuers, path);
    for (size_t i = 0; i < request->issuers.count; i++)
        if (request->issuers.list[i].certificate != NULL)
            return true;
    if (!request->issuers.broken)
        things_broken(&request->issuers, "there is no certificate in it; give by --issuer the one of the CA");
    return false;
}

static bool
take_timeout(struct request *request, const char *text)
{
    int64_t seconds = 0;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    if (mtlspin_duration_parse(text, &seconds, &error) == MTLSPIN_OK && seconds > 0 && seconds <= 24 * 3600) {
        request->live.timeout = (int)seconds * 1000;
        return true;
    }
    (void)trouble("pin", "--timeout %s: give a time from 1s to 24h, such as 30s", text);
    return false;
}

static bool
take_option(struct request *request, int option)
{
    switch (option) {
    case AS: return take_as(request, optarg);
    case LABEL: return take_label(request, optarg);
    case ISSUER: return take_issuer(request, optarg);
    case CA: request->live.anchors = optarg; return true;
    case SERVERNAME: request->live.name = optarg; return true;
    case TIMEOUT: return take_timeout(request, optarg);
    case PASSPHRASE: request->passphrase.file = optarg; return true;
    case JSON: request->json = true; return true;
    case HELP: request->help = true; return true;
    default: return false;
    }
}

/* Of letters in one word getopt has not passed the word yet. */
static void
say_option(int option, const char *word)
{
    const char letter[] = { '-', (char)optopt, '\0' };
    if (option == '?')
        (void)trouble("pin", "%s is no option of this command; see mtlspin pin --help",
            optopt > 0 && optopt != HELP && optopt < AS ? letter : word);
    else
        (void)trouble("pin", "%s needs a value; see mtlspin pin --help", word);
}

static bool
take_options(struct request *request, int argc, char **argv)
{
    int option = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == '?' || option == ':')
            say_option(option, argv[optind - 1]);
        if (!take_option(request, option))
            return false;
    }
    return true;
}

/* Arguments. */

/* A scheme and a colon (RFC 3986). */
static bool
is_uri(const char *argument)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", others[] = "0123456789+-.";
    size_t length = strcspn(argument, ":");
    for (size_t i = 0; i < length; i++)
        if (strchr(letters, argument[i]) == NULL && (i == 0 || strchr(others, argument[i]) == NULL))
            return false;
    return length > 0 && argument[length] == ':';
}

/* OpenSSL's reader of file: knows no certificate requests. */
static const char *
path_of(const char *uri)
{
    static const char scheme[] = "file:", local[] = "//localhost/";
    if (strncmp(uri, scheme, sizeof scheme - 1) != 0)
        return NULL;
    uri += sizeof scheme - 1;
    if (strncmp(uri, local, sizeof local - 1) == 0)
        return uri + sizeof local - 2;
    return strncmp(uri, "///", 3) == 0 ? uri + 2 : uri;
}

static void
open_argument(struct request *request, struct things *things, const char *argument)
{
    const char *path = path_of(argument);
    if (strcmp(argument, "-") == 0 || access(argument, F_OK) == 0)
        things_of_file(things, argument);
    else if (is_server(argument))
        things_of_server(things, argument, &request->live);
    else if (path != NULL)
        things_of_file(things, path);
    else if (strncmp(argument, "https:", 6) == 0)
        things_broken(things, "give a server as HOST:PORT, such as www.example.org:443");
    else if (is_uri(argument))
        things_of_store(things, argument);
    else
        things_broken(things, "there is no such file; a server is HOST:PORT, such as www.example.org:443");
}

static void
show(struct request *request, json_t *facts, size_t index, size_t count, size_t lines)
{
    if (request->json)
        (void)json_array_append(request->all, facts);
    else if (request->lines.as != NULL)
        report_lines(facts);
    else
        report_facts(facts, index, count);
    request->proposed = request->proposed || (lines > 0 && request->lines.label == NULL);
}

static const struct thing *
find_certificate(const struct things *things, bool ca)
{
    for (size_t i = 0; i < things->count; i++)
        if (things->list[i].certificate != NULL && is_ca(&things->list[i]) == ca)
            return &things->list[i];
    return NULL;
}

/* With --as, where it applies to nothing. */
static void
say_nothing(const struct request *request, struct things *things)
{
    char what[1200];
    bool serial = strcmp(request->lines.as, "allow-serial") == 0;
    const struct thing *peer = find_certificate(things, false);
    struct mtlspin_pin pin = { 0 };
    const char *why = "only certificates have a thumbprint; give the certificate, or take --as allow-spki", *issuer = "";
    if (peer == NULL && find_certificate(things, true) != NULL)
        why = "there is no peer's certificate in it; give that in place of a CA's";
    else if (serial && peer == NULL)
        why = "a serial number is in certificates only; give the certificate, or take --as allow-spki";
    else if (serial && mtlspin_pin_from_x509(&pin, MTLSPIN_SERIAL, peer->certificate, NULL) != MTLSPIN_OK)
        why = "the serial number is longer than any that a policy can name; take --as allow-spki";
    else if (serial && request->lines.other != NULL)
        issuer = request->lines.other, why = " did not issue it; give the certificate of the CA that did by --issuer FILE";
    else if (serial)
        why = "the certificate of the CA that issued it is not at hand; give it by --issuer FILE";
    (void)snprintf(what, sizeof what, "no line `%.40s` comes of it: %.1000s%s", request->lines.as, issuer, why);
    things_broken(things, what);
}

/* Where lines stand alone, or ought to be active, nothing else tells why to be careful. */
static void
say_doubt(const struct request *request, const struct things *things)
{
    if (request->lines.doubt[0] == '\0' || (request->lines.as == NULL && request->lines.label == NULL))
        return;
    (void)fflush(stdout);
    (void)trouble("pin", "%s: %s", things->source, request->lines.doubt);
}

static X509 *
issuer_of(const struct request *request, const struct things *things, X509 *certificate)
{
    X509 *issuer = certificate != NULL ? find_issuer(&request->issuers, certificate) : NULL;
    return issuer == NULL && certificate != NULL ? find_issuer(things, certificate) : issuer;
}

static void
show_all(struct request *request, struct things *things)
{
    size_t lines = 0, pins = 0;
    lines_begin(&request->lines, things);
    for (size_t i = 0; i < things->count; i++) {
        const struct thing *thing = &things->list[i];
        X509 *issuer = issuer_of(request, things, thing->certificate);
        json_t *facts = facts_of(things, thing, issuer);
        size_t added = lines_add(&request->lines, things, thing, facts);
        show(request, facts, i, things->count, added);
        pins += json_object_get(facts, "spki") != NULL;
        lines += added;
        json_decref(facts);
    }
    if (things->count > 0 && pins == 0)
        things_broken(things, "nothing in it has a pin; give a certificate or a key");
    else if (lines == 0 && pins > 0 && request->lines.as != NULL)
        say_nothing(request, things);
    if (lines > 0)
        say_doubt(request, things);
}

static void
take_argument(struct request *request, const char *argument)
{
    struct things things = { .source = argument, .passphrase = &request->passphrase };
    request->passphrase.source = argument;
    open_argument(request, &things, argument);
    show_all(request, &things);
    request->failed = request->failed || things.broken;
    things_free(&things);
    ERR_clear_error();
}

static int
run(struct request *request, int count, char **arguments)
{
    request->lines.seen = json_object();
    request->all = json_array();
    for (int i = 0; i < count; i++) {
        progress_slow("files:", (unsigned long)i);
        take_argument(request, arguments[i]);
    }
    progress(NULL, 0);
    if (request->json && json_dumpf(request->all, stdout, JSON_INDENT(2)) == 0)
        (void)putchar('\n');
    else if (!request->json && request->lines.as == NULL)
        report_advice(request->proposed);
    json_decref(request->lines.seen);
    json_decref(request->all);
    return finish_output("pin", request->failed ? NO_ANSWER : ANSWER_YES);
}

int
pin_command(int argc, char **argv)
{
    struct request request = { .live = { .timeout = 10000 } };
    int answer = NO_ANSWER;
    if (take_options(&request, argc, argv)) {
        if (request.help) {
            (void)fputs(help, stdout);
            answer = finish_output("pin", ANSWER_YES);
        } else if (optind == argc) {
            (void)trouble("pin", "name at least one file, server or key store; see mtlspin pin --help");
        } else {
            answer = run(&request, argc - optind, argv + optind);
        }
    }
    things_free(&request.issuers);
    return answer;
}
