/* The data files of these tests, and folders made for one test. */
#ifndef TESTS_POLICY_DATA_H
#define TESTS_POLICY_DATA_H

#include <stdbool.h>
#include <stddef.h>

enum { DATA_FILES_MAX = 400, DATA_NAME_SIZE = 80 };

/* Files of a folder with the ending ".policy", in the order of their names. The program ends if there is none. */
struct data_files {
    char name[DATA_FILES_MAX][DATA_NAME_SIZE];
    size_t count;
};
void data_list(struct data_files *files, const char *folder);

/* The whole file, with a terminator behind it; free() it. The test fails if it cannot be read. */
char *data_read(const char *path, size_t *length);

/* The rest of the first line that starts with `mark`, places filled in; free() it. NULL = there is none. `from` is moved
   behind it, so that the next call finds the next one. */
char *data_line(const char **from, const char *mark);

/* Makes a folder with the CA certificates and revocation lists under the names that docs/policy.md uses, the folders
   "anchors" and "lists" among them, and makes it the working directory. Returns its path: static text. */
const char *data_workshop(void);

/* Removes it, and everything in it. */
void data_workshop_remove(void);

void data_write(const char *name, const char *text);

#endif
