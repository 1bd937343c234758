/* TCP connections with an end to their patience. */
#define _GNU_SOURCE 1 /* SOCK_NONBLOCK, SOCK_CLOEXEC */
#include "dial.h"
#include "live.h"
#include "screen.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char digits[] = "0123456789";

bool
is_server(const char *argument)
{
    const char *colon = strrchr(argument, ':');
    return colon != NULL && colon[1] != '\0' && colon[1 + strspn(colon + 1, digits)] == '\0';
}

static bool
is_port(const char *text)
{
    return strlen(text) <= 5 && strtoul(text, NULL, 10) >= 1 && strtoul(text, NULL, 10) <= 65535;
}

bool
dial_is_address(const char *name)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

void
dial_name(const char *host, char *name)
{
    (void)snprintf(name, DIAL_NAME_SIZE, "%s", host);
    name[strcspn(name, "%")] = '\0';
    size_t length = strlen(name);
    if (length > 1 && name[length - 1] == '.')
        name[length - 1] = '\0';
}

const char *
dial_parse(const char *text, struct dial_address *address)
{
    const char *colon = strrchr(text, ':');
    bool bracket = text[0] == '[';
    if (colon == NULL || !is_port(colon + 1))
        return "a port is a number from 1 to 65535";
    size_t length = (size_t)(colon - text) - (bracket ? 2 : 0);
    if (bracket && (colon < text + 3 || colon[-1] != ']'))
        return "an IPv6 address stands in brackets, as in [::1]:443";
    if (length == 0 || length >= sizeof address->host)
        return "a server is HOST:PORT, with a name or an address as HOST";
    memcpy(address->host, text + bracket, length);
    address->host[length] = '\0';
    (void)snprintf(address->port, sizeof address->port, "%s", colon + 1);
    if (!bracket && strchr(address->host, '/') != NULL)
        return "a server is HOST:PORT, without https:// in front or a path behind it";
    if (!bracket && strchr(address->host, ':') != NULL)
        return "an IPv6 address stands in brackets, as in [::1]:443";
    dial_name(address->host, address->name);
    return NULL;
}

static int64_t
now_in_milliseconds(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
dial_is_late(int64_t deadline)
{
    return now_in_milliseconds() > deadline;
}

bool
dial_wait(int connection, bool for_writing, int64_t deadline)
{
    struct pollfd waiting = { .fd = connection, .events = for_writing ? POLLOUT : POLLIN };
    for (;;) {
        int64_t left = deadline - now_in_milliseconds();
        if (left <= 0)
            return false;
        progress_slow("waiting for the server; seconds left:", (unsigned long)(left + 999) / 1000);
        int ready = poll(&waiting, 1, left < 250 ? (int)left : 250);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true;
    }
}

/* -1 with errno. */
static int
dial_one(const struct addrinfo *to, int64_t deadline)
{
    int code = 0;
    socklen_t length = sizeof code;
    int connection = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
    if (connection < 0)
        return -1;
    if (connect(connection, to->ai_addr, to->ai_addrlen) == 0)
        return connection;
    code = errno;
    if (code == EINPROGRESS && !dial_wait(connection, true, deadline))
        code = ETIMEDOUT;
    else if (code == EINPROGRESS && getsockopt(connection, SOL_SOCKET, SO_ERROR, &code, &length) != 0)
        code = errno;
    if (code == 0)
        return connection;
    (void)close(connection);
    errno = code;
    return -1;
}

/* One address that does not answer leaves time for the others. */
static int
dial_all(const struct addrinfo *list, int64_t deadline)
{
    int connection = -1;
    int64_t left = 0;
    for (const struct addrinfo *to = list; to != NULL; to = to->ai_next)
        left++;
    for (const struct addrinfo *to = list; to != NULL && connection < 0; to = to->ai_next, left--) {
        int64_t now = now_in_milliseconds();
        connection = dial_one(to, now + (deadline - now) / left);
    }
    return connection;
}

int
dial(const struct dial_address *address, int milliseconds, int64_t *deadline, const char **wrong)
{
    struct addrinfo wanted = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int code = getaddrinfo(address->host, address->port, &wanted, &list);
    *deadline = now_in_milliseconds() + milliseconds;
    if (code != 0) {
        *wrong = code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code);
        return -1;
    }
    int connection = dial_all(list, *deadline);
    if (connection < 0)
        *wrong = errno == ETIMEDOUT ? "no connection in time"
                                    : strerror(errno);
    freeaddrinfo(list);
    return connection;
}

void
dial_close(int connection)
{
    if (connection >= 0)
        (void)close(connection);
}
