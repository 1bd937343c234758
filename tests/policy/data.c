#include "data.h"
#include "pki.h"
#include "policy_text.h"
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void
die(const char *what, const char *which)
{
    fprintf(stderr, "%s: %s\n", which, what);
    exit(EXIT_FAILURE);
}

void
data_list(struct data_files *files, const char *folder)
{
    DIR *stream = opendir(folder);
    files->count = 0;
    if (stream == NULL)
        die("cannot be opened", folder);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".policy") != 0)
            continue;
        if (files->count == DATA_FILES_MAX || strlen(entry->d_name) >= DATA_NAME_SIZE)
            die("too many files, or too long a name", entry->d_name);
        strcpy(files->name[files->count++], entry->d_name);
    }
    (void)closedir(stream);
    if (files->count == 0)
        die("no file *.policy in it", folder);
    qsort(files->name, files->count, sizeof files->name[0], compare_names);
}

char *
data_read(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: cannot be opened", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    ck_assert_int_ge(end, 0);
    rewind(file);
    char *bytes = malloc((size_t)end + 1);
    ck_assert_ptr_nonnull(bytes);
    *length = fread(bytes, 1, (size_t)end, file);
    ck_assert_uint_eq(*length, (size_t)end);
    bytes[*length] = '\0';
    (void)fclose(file);
    return bytes;
}

char *
data_line(const char **from, const char *mark)
{
    char line[1024];
    const char *found = strstr(*from, mark);
    if (found == NULL)
        return NULL;
    found += strlen(mark);
    size_t length = strcspn(found, "\r\n");
    ck_assert_uint_lt(length, sizeof line);
    (void)snprintf(line, sizeof line, "%.*s", (int)length, found);
    *from = found + length;
    return policy_text(line);
}

/* Folders for one test. */

static char workshop[64];
static const char *const links[][2] = {
    { "root-ca", "root-ca.pem" }, { "clients-ca", "clients-ca.pem" }, { "partner-ca", "partner-ca.pem" },
    { "clients-ca", "clients ca.pem" }, { "root-ca", "anchors/root.pem" }, { "partner-ca", "anchors/partner.crt" },
    { "alice", "anchors/.hidden.pem" }, { "alice", "anchors/README" },
};
static const char *const lists[] = { "root.crl", "clients.crl", "lists" };

const char *
data_workshop(void)
{
    (void)snprintf(workshop, sizeof workshop, "/tmp/mtlspin-policy-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(workshop));
    ck_assert_int_eq(chdir(workshop), 0);
    ck_assert_int_eq(mkdir("anchors", 0700), 0);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        ck_assert_int_eq(symlink(pki_path(lists[i], ""), lists[i]), 0);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        ck_assert_int_eq(symlink(pki_path(links[i][0], ".pem"), links[i][1]), 0);
    return workshop;
}

void
data_write(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void
empty_folder(const char *folder)
{
    char path[512];
    DIR *stream = opendir(folder);
    if (stream == NULL)
        return;
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(stream);
}

void
data_workshop_remove(void)
{
    char path[80];
    (void)snprintf(path, sizeof path, "%s/anchors", workshop);
    empty_folder(path);
    (void)rmdir(path);
    empty_folder(workshop);
    (void)chdir("/");
    ck_assert_int_eq(rmdir(workshop), 0);
}
