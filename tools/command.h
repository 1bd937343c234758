/* The subcommands, and what they share. */
#ifndef MTLSPIN_TOOLS_COMMAND_H
#define MTLSPIN_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What a command ends with. */
enum { ANSWER_YES = 0, ANSWER_NO = 1, NO_ANSWER = 2 };

/* Each takes its own name as argv[0] and returns one of the above. */
int pin_command(int argc, char **argv);
int check_command(int argc, char **argv);
int explain_command(int argc, char **argv);

/* Says on standard error what went wrong and what to do next, as "mtlspin COMMAND: …". Returns NO_ANSWER. */
int trouble(const char *command, const char *format, ...)
#if defined __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* Sees whether everything reached standard output: `answer`, or NO_ANSWER if it did not. */
int finish_output(const char *command, int answer);

#endif
