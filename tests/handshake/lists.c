#include "lists.h"
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

void
lists_enter(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/mtlspin-lists-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

void
lists_leave(void)
{
    DIR *stream = opendir(folder);
    ck_assert_ptr_nonnull(stream);
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream))
        (void)unlink(entry->d_name); /* not "." and ".." */
    (void)closedir(stream);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

void
lists_write(const struct crl_recipe *recipes, size_t count, int64_t now)
{
    for (size_t i = 0; i < count; i++)
        crl_write(&recipes[i], now);
}
