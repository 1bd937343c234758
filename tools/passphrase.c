/* The passphrase of an encrypted file. */
#include "passphrase.h"
#include "screen.h"
#include <errno.h>
#include <fcntl.h>
#include <mtlspin/text.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
passphrase_start(struct passphrase *passphrase)
{
    passphrase->wanted = false;
    passphrase->wrong = NULL;
}

static void
say_file(struct passphrase *passphrase, const char *what)
{
    (void)snprintf(passphrase->text, sizeof passphrase->text, "--passphrase-file %.900s: %s; name a file whose first line "
        "is the passphrase", passphrase->file, what);
    passphrase->wrong = passphrase->text;
}

/* The first line, without its end. Unbuffered, so that no copy of it stays behind. */
static int
from_file(struct passphrase *passphrase, char *buffer, int size)
{
    int file = open(passphrase->file, O_RDONLY | O_CLOEXEC);
    size_t length = 0, room = (size_t)size;
    ssize_t step = file >= 0 ? 1 : -1;
    while (step > 0 && length < room && memchr(buffer, '\n', length) == NULL) {
        step = read(file, buffer + length, room - length);
        length += step > 0 ? (size_t)step : 0;
    }
    int code = errno;
    if (file >= 0)
        (void)close(file);
    const char *end = memchr(buffer, '\n', length);
    if (step < 0)
        say_file(passphrase, strerror(code));
    else if (end == NULL && length == room)
        say_file(passphrase, "the first line is too long");
    if (passphrase->wrong != NULL)
        return -1;
    length = end != NULL ? (size_t)(end - buffer) : length;
    return (int)(length > 0 && buffer[length - 1] == '\r' ? length - 1 : length);
}

/* Whether there is somebody who sees the question and whose answer would not come out of a file. */
static bool
has_terminal(void)
{
    int terminal = isatty(STDERR_FILENO) == 1 ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
    if (terminal < 0)
        return false;
    (void)close(terminal);
    return true;
}

static int
from_terminal(struct passphrase *passphrase, char *buffer, int size)
{
    char shown[160], prompt[200];
    if (!has_terminal()) {
        passphrase->wrong = "it is encrypted, and there is no terminal to ask for the passphrase; give a file with it by "
                            "--passphrase-file FILE";
        return -1;
    }
    progress(NULL, 0);
    (void)snprintf(prompt, sizeof prompt, "Passphrase of %s: ",
        mtlspin_text_show(passphrase->source, strlen(passphrase->source), shown, sizeof shown));
    if (EVP_read_pw_string(buffer, size, prompt, 0) == 0)
        return (int)strnlen(buffer, (size_t)size);
    passphrase->wrong = "no passphrase was given; try again, or use --passphrase-file FILE";
    return -1;
}

int
passphrase_get(char *buffer, int size, int writing, void *context)
{
    struct passphrase *passphrase = context;
    (void)writing;
    passphrase->wanted = true;
    if (passphrase->wrong != NULL || size <= 0)
        return -1;
    return passphrase->file != NULL ? from_file(passphrase, buffer, size) : from_terminal(passphrase, buffer, size);
}
