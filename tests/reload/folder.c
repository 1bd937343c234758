#define _XOPEN_SOURCE 700 /* nftw */
#include "folder.h"
#include "pki.h"
#include "policy_text.h"
#include "suite.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char base[64];

static void
enter(void)
{
    (void)snprintf(base, sizeof base, "/tmp/mtlspin-reload-XXXXXX");
    if (mkdtemp(base) == NULL || chdir(base) != 0)
        abort();
}

static int
drop(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind;
    return where->level > 0 ? remove(path) : 0;
}

static void
empty(const char *folder)
{
    (void)nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

void
folder_clean(void)
{
    empty(base);
    ck_assert_int_eq(chdir(base), 0);
}

static void
leave(void)
{
    empty(base);
    (void)chdir("/");
    (void)rmdir(base);
}

int
folder_run(Suite *suite)
{
    enter();
    int result = run_suite(suite);
    leave();
    return result;
}

static void
write_part(const char *name, const char *mode, const char *text, size_t length)
{
    FILE *file = fopen(name, mode);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

void
folder_put(const char *name, const char *text)
{
    char *filled = policy_text(text);
    write_part(name, "w", filled, strlen(filled));
    free(filled);
}

void
folder_put_over(const char *name, const char *text)
{
    folder_put("new", text);
    folder_move("new", name);
}

void
folder_put_slowly(const char *name, const char *text, int pause)
{
    char *filled = policy_text(text);
    size_t half = strlen(filled) / 2;
    write_part(name, "w", filled, half);
    folder_pause(pause);
    write_part(name, "a", filled + half, strlen(filled) - half);
    free(filled);
}

void
folder_certificate(const char *name, const char *to)
{
    static char bytes[65536];
    FILE *from = fopen(pki_path(name, ".pem"), "r");
    ck_assert_ptr_nonnull(from);
    size_t length = fread(bytes, 1, sizeof bytes, from);
    (void)fclose(from);
    ck_assert_uint_gt(length, 0);
    write_part(to, "w", bytes, length);
}

void
folder_certificate_over(const char *name, const char *to)
{
    folder_certificate(name, "new");
    folder_move("new", to);
}

void
folder_link(const char *target, const char *name)
{
    ck_assert_int_eq(symlink(target, "link"), 0);
    folder_move("link", name);
}

void
folder_make(const char *name)
{
    ck_assert_int_eq(mkdir(name, 0700), 0);
}

void
folder_move(const char *from, const char *to)
{
    ck_assert_int_eq(rename(from, to), 0);
}

void
folder_remove(const char *name)
{
    ck_assert_int_eq(unlink(name), 0);
}

void
folder_pause(int milliseconds)
{
    struct timespec pause = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };
    (void)nanosleep(&pause, NULL);
}
