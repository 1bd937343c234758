/* A folder for one test at a time, in which files are written in all the ways that people and programs write them. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <check.h>

/* Removes everything in it: each test begins so. */
void folder_clean(void);

/* Writes a policy text (tests/support/policy_text.h), in place or as a new file that is renamed. */
void folder_put(const char *name, const char *text);
void folder_put_over(const char *name, const char *text);

/* The same in two halves with a pause of so many milliseconds between them. */
void folder_put_slowly(const char *name, const char *text, int pause);

/* Copies NAME.pem of the certificates, in place or renamed over. */
void folder_certificate(const char *name, const char *to);
void folder_certificate_over(const char *name, const char *to);

/* A symlink that replaces another one in one step. */
void folder_link(const char *target, const char *name);

void folder_make(const char *name);
void folder_move(const char *from, const char *to);
void folder_remove(const char *name);

void folder_pause(int milliseconds);

/* run_suite in such a folder. */
int folder_run(Suite *suite);

#endif
