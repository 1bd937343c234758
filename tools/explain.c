/* mtlspin explain: whether a policy lets a certificate in, and why. */
#include "account.h"
#include "command.h"
#include "screen.h"
#include <getopt.h>
#include <mtlspin/moment.h>
#include <openssl/err.h>
#include <string.h>
#include <time.h>

static const char help_text[] =
    "usage: mtlspin explain [OPTION...] POLICY CERT\n"
    "\n"
    "Says whether a policy lets the owner of a certificate in, as a handshake would\n"
    "at that moment, and why: denials, each trust domain with the chain that it\n"
    "sees, the line that decides or the lines that came near and what they lack,\n"
    "the TLS alert that the peer gets, and what to do. Nothing is asked over the\n"
    "network. It proves nothing about possession of the key.\n"
    "\n"
    "  POLICY         the policy file\n"
    "  CERT           the peer's certificate, PEM or DER; what follows in the file\n"
    "                 counts as sent with it\n"
    "  --chain FILE   more certificates that the peer sends\n"
    "  --role ROLE    the side that has the policy: server (the default) judges a\n"
    "                 client's certificate, client judges a server's\n"
    "  --host NAME    the host name or IP address that the server must prove to\n"
    "                 be; implies --role client\n"
    "  --at TIME      another time than now: 2027-01-31 or 2027-01-31T12:00:00Z\n"
    "  --json         one JSON object in place of text\n"
    "  --help         this\n"
    "\n"
    "One of the files may be -, standard input.\n"
    "\n"
    "  mtlspin explain --at 2027-01-31 clients.policy alice.pem\n"
    "\n"
    "Exit status: 0 allowed, 1 refused, 2 could not be carried out.\n";

struct options {
    const char *command, *policy, *certificate, *chain, *role, *host, *at;
    bool json, help;
};

static const struct option long_options[] = {
    { "chain", required_argument, NULL, 'c' },
    { "role", required_argument, NULL, 'r' },
    { "host", required_argument, NULL, 'H' },
    { "at", required_argument, NULL, 'a' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static bool
refuse(const struct options *options, const char *what, const char *which)
{
    (void)trouble(options->command, "%s%s; mtlspin explain --help shows how it is called", what, which);
    return false;
}

static bool
take_option(struct options *options, int option, const char *value, const char *word)
{
    switch (option) {
    case 'c': options->chain = value; break;
    case 'r': options->role = value; break;
    case 'H': options->host = value; break;
    case 'a': options->at = value; break;
    case 'j': options->json = true; break;
    case 'h': options->help = true; break;
    case ':': return refuse(options, "a value is missing behind ", word);
    default: return refuse(options, "there is no option ", word);
    }
    return true;
}

static bool
read_options(struct options *options, int argc, char **argv)
{
    int option = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1)
        if (!take_option(options, option, optarg, argv[optind - 1]))
            return false;
    if (options->help)
        return true;
    if (argc - optind != 2)
        return refuse(options, "a policy and a certificate are wanted", argc - optind > 2 ? ", and no more" : "");
    options->policy = argv[optind];
    options->certificate = argv[optind + 1];
    int inputs = (strcmp(options->policy, "-") == 0) + (strcmp(options->certificate, "-") == 0)
        + (options->chain != NULL && strcmp(options->chain, "-") == 0);
    return inputs <= 1 || refuse(options, "only one of the files can be standard input", "");
}

static bool
set_role(const struct options *options, struct question *question)
{
    const char *role = options->role != NULL ? options->role : options->host != NULL ? "client" : "server";
    question->host = options->host;
    question->role = strcmp(role, "client") == 0 ? MTLSPIN_CLIENT : MTLSPIN_SERVER;
    if (question->role == MTLSPIN_SERVER && strcmp(role, "server") != 0)
        return refuse(options, "a role is client or server, and not ", role);
    if (question->role == MTLSPIN_SERVER && options->host != NULL)
        return refuse(options, "a server judges clients, which have no host: leave out --host, or say --role client", "");
    if (question->role == MTLSPIN_CLIENT && options->host == NULL)
        return refuse(options, "a client judges a server for one host: name it with --host", "");
    return true;
}

static bool
set_question(const struct options *options, struct question *question)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    question->now = (int64_t)time(NULL);
    if (!set_role(options, question))
        return false;
    if (options->at == NULL || mtlspin_moment_parse(options->at, 0, &question->now, &error) == MTLSPIN_OK)
        return true;
    (void)trouble(options->command, "--at %s: %s", options->at, error.message);
    return false;
}

/* Questions that a handshake would not answer either, or only one can. */
static bool
can_be_answered(const struct options *options, const struct account *account)
{
    char name[DOMAIN_NAME_SIZE];
    for (size_t i = 0; i < account->reading.domain_count; i++) {
        const struct reading_domain *domain = &account->reading.domains[i];
        (void)account_domain(domain->name, name);
        if (domain->application) {
            (void)trouble(options->command, "%s: %s (line %u) has `ca application`, the trust store of a running program, "
                "which nobody knows here; put `ca FILE` with the same anchors into a copy of the policy, and ask about "
                "that", reading_name(&account->reading), name, domain->line);
            return false;
        }
        if (domain->hosts && account->question.role == MTLSPIN_SERVER) {
            (void)trouble(options->command, "%s: %s (line %u) has a `host`, so the policy is for a program that is a "
                "client, and a server refuses it whole; ask with --host NAME, the server that the certificate is for",
                reading_name(&account->reading), name, domain->line);
            return false;
        }
    }
    return true;
}

static int
answer(const struct options *options, const struct account *account)
{
    if (!options->json)
        account_print(account);
    else if (!account_print_json(account))
        return trouble(options->command, "out of memory; try again when there is more");
    return finish_output(options->command, account->steps.decision.verdict == MTLSPIN_ALLOW ? ANSWER_YES : ANSWER_NO);
}

static int
explain(const struct options *options, struct account *account)
{
    if (!set_question(options, &account->question)
        || !presented_read(&account->presented, options->command, options->certificate, options->chain))
        return NO_ANSWER;
    if (!near_start(&account->near, &account->presented))
        return trouble(options->command, "out of memory; try again when there is more");
    if (!reading_start(&account->reading, options->command, options->policy, &account->near)
        || !can_be_answered(options, account))
        return NO_ANSWER;
    steps_take(&account->steps, account->reading.policy, &account->presented, &account->question);
    if (account->steps.lost || account->steps.decision.reason == MTLSPIN_REASON_OUT_OF_MEMORY)
        return trouble(options->command, "out of memory; try again when there is more");
    return answer(options, account);
}

int
explain_command(int argc, char **argv)
{
    struct options options = { .command = argv[0] };
    struct account account;
    if (!read_options(&options, argc, argv))
        return NO_ANSWER;
    if (options.help) {
        (void)fputs(help_text, stdout);
        return finish_output(options.command, ANSWER_YES);
    }
    memset(&account, 0, sizeof account);
    int status = explain(&options, &account);
    steps_clear(&account.steps);
    reading_clear(&account.reading);
    near_clear(&account.near);
    presented_clear(&account.presented);
    ERR_clear_error();
    return status;
}
