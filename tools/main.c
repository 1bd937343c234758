/* mtlspin: pins, policies and decisions for whoever runs a service and writes no C. SPDX-License-Identifier: MIT */
#include "command.h"
#include "screen.h"
#include <errno.h>
#include <locale.h>
#include <mtlspin/mtlspin.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static const struct { const char *name, *purpose; int (*run)(int argc, char **argv); } commands[] = {
    { "pin", "the pins of certificates, keys and live servers, and the policy lines for them", pin_command },
    { "check", "finds what is wrong or unwise in a policy", check_command },
    { "explain", "says whether a policy lets a certificate in, and why", explain_command },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

int
trouble(const char *command, const char *format, ...)
{
    char what[1200], shown[1300];
    va_list arguments;
    int used = snprintf(what, sizeof what, "mtlspin%s%s: ", command[0] != '\0' ? " " : "", command);
    size_t begin = used > 0 && (size_t)used < sizeof what ? (size_t)used : 0;
    va_start(arguments, format);
    (void)vsnprintf(what + begin, sizeof what - begin, format, arguments);
    va_end(arguments);
    progress(NULL, 0);
    screen_prose(stderr, 0, 4, mtlspin_text_show(what, strlen(what), shown, sizeof shown));
    return NO_ANSWER;
}

/* Asked of the pipe itself: when it is about to end, errno is of what was done last, which need not be a write. */
static bool
reader_is_gone(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
    return errno == EPIPE || (poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0);
}

int
finish_output(const char *command, int answer)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return answer;
    int code = errno;
    if (reader_is_gone())
        return trouble(command, "the output could not be written to its end, since its reader went away; write it to a "
            "file if all of it is wanted");
    return trouble(command, "the output could not be written (%s); make room, or write it elsewhere",
        code != 0 ? strerror(code) : "a write failed");
}

static void
show_commands(FILE *out)
{
    (void)fputs("usage: mtlspin COMMAND ARGUMENT…\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)fprintf(out, "  %-8s ", commands[i].name);
        screen_prose(out, 11, 11, commands[i].purpose);
    }
    (void)fputc('\n', out);
    screen_prose(out, 0, 0,
        "mtlspin COMMAND --help says more, and so does mtlspin(1). Exit status: 0 yes, 1 no, 2 could not be carried out.");
}

static int
run(int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    return trouble("", "there is no command %s; mtlspin --help lists them", argv[0]);
}

static bool
is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0 || strcmp(argument, "help") == 0;
}

/* `mtlspin help COMMAND` is `mtlspin COMMAND --help`. */
static int
help(int argc, char **argv)
{
    static char option[] = "--help";
    char *arguments[] = { argc > 0 ? argv[0] : NULL, option, NULL };
    if (argc > 0 && !is_help(argv[0]))
        return run(2, arguments);
    show_commands(stdout);
    return finish_output("help", ANSWER_YES);
}

int
main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "");
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error like any other, and a server's end no reason to die */
    if (argc < 2) {
        show_commands(stderr);
        return NO_ANSWER;
    }
    if (is_help(argv[1]))
        return help(argc - 2, argv + 2);
    if (strcmp(argv[1], "--version") != 0)
        return run(argc - 1, argv + 1);
    (void)printf("mtlspin %s\n", mtlspin_version());
    return finish_output("version", ANSWER_YES);
}
