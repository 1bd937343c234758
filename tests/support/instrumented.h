/* Whether this process runs under a tool that changes how fast it is and how much memory it takes. */
#ifndef TESTS_INSTRUMENTED_H
#define TESTS_INSTRUMENTED_H

/* The tool's name, or NULL. */
const char *instrumented(void);

#endif
