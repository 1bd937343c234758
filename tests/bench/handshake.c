/* What libmtlspin adds to a server's handshake.

     bench-handshake time  POLICY [PAIRS]          (400 pairs)
     bench-handshake count POLICY [ROUNDS]         (5 rounds; under callgrind, see handshake_count.sh)

   time: a plain handshake and a guarded one, or a full one and a resumed one, by turns; the middle of the pairs' ratios.

     handshake-full-time-ratio/VERSION-KEY      guarded / plain
     handshake-resumed-time-ratio/VERSION-KEY   the same
     resumed-vs-full/VERSION                    resumed / full, both guarded, P-256
     resumed-vs-full/VERSION-rsa                the same for RSA-2048
     handshake-time/...                         each side's own, in microseconds

   count: in each round a few handshakes of each kind, and a dump of callgrind's for each. Rounds, since what malloc does
   depends on what was before: a few thousand instructions more or less.

   Only what the server does counts: SSL_new, SSL_do_handshake, mtlspin_check where it is guarded, SSL_free. */
#include "bench.h"
#include "peers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define CALLGRIND_TOGGLE_COLLECT ((void)0)
#define CALLGRIND_START_INSTRUMENTATION ((void)0)
#define CALLGRIND_STOP_INSTRUMENTATION ((void)0)
#define CALLGRIND_ZERO_STATS ((void)0)
#define CALLGRIND_DUMP_STATS_AT(name) ((void)(name))
#endif

enum { PLAIN, GUARDED, HANDSHAKES = 5 };
static const char *const side_names[] = { "plain", "guarded" };

/* One version with one kind of key; the clients' sessions are their servers'. */
struct arena {
    char name[32];
    struct server servers[2];
    struct client clients[2];
};

static const struct setting {
    const char *name;
    int version;
    const char *server, *client;
} settings[] = {
    { "tls1.3-p256", TLS1_3_VERSION, "server", "alice" },
    { "tls1.3-rsa", TLS1_3_VERSION, "server-rsa", "client-rsa" },
    { "tls1.2-p256", TLS1_2_VERSION, "server", "alice" },
    { "tls1.2-rsa", TLS1_2_VERSION, "server-rsa", "client-rsa" },
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static void
arena_make(struct arena *arena, const struct setting *setting, struct mtlspin_verifier *verifier)
{
    (void)snprintf(arena->name, sizeof arena->name, "%s", setting->name);
    for (int side = PLAIN; side <= GUARDED; side++) {
        server_make(&arena->servers[side], side == GUARDED ? verifier : NULL, setting->version, setting->server);
        client_make(&arena->clients[side], setting->version, setting->client);
    }
}

static void
arena_free(struct arena *arena)
{
    for (int side = PLAIN; side <= GUARDED; side++) {
        client_free(&arena->clients[side]);
        server_free(&arena->servers[side]);
    }
}

static void
warm_up(struct arena *arena)
{
    for (int side = PLAIN; side <= GUARDED; side++)
        for (int i = 0; i < 2 * HANDSHAKES; i++)
            shake(&arena->servers[side], &arena->clients[side], i >= HANDSHAKES, NULL);
}

/* One of two things that are compared. */
struct contender {
    int side;
    bool resumed;
};

struct result {
    double ratio, times[2];
};

/* Which one is first changes, too. */
static struct result
compare(struct arena *arena, const struct contender contenders[2], size_t pairs)
{
    struct result result;
    double *times[2] = { room(pairs, sizeof(double)), room(pairs, sizeof(double)) };
    double *ratios = room(pairs, sizeof *ratios);
    for (size_t i = 0; i < pairs; i++) {
        for (size_t turn = 0; turn < 2; turn++) {
            size_t which = (i + turn) % 2;
            const struct contender *c = &contenders[which];
            times[which][i] = time_server(&arena->servers[c->side], &arena->clients[c->side], c->resumed);
        }
        ratios[i] = times[1][i] / times[0][i];
    }
    result.ratio = median(ratios, pairs);
    for (int which = 0; which < 2; which++) {
        result.times[which] = median(times[which], pairs);
        free(times[which]);
    }
    free(ratios);
    return result;
}

static void
time_sides(struct arena *arena, bool resumed, size_t pairs)
{
    const char *kind = resumed ? "resumed" : "full";
    const struct contender contenders[] = { { PLAIN, resumed }, { GUARDED, resumed } };
    struct result result = compare(arena, contenders, pairs);
    figure(result.ratio, "ratio", "handshake-%s-time-ratio/%s", kind, arena->name);
    for (int side = PLAIN; side <= GUARDED; side++)
        figure(result.times[side] / 1e3, "us", "handshake-time/%s-%s-%s", kind, arena->name, side_names[side]);
}

/* P-256, which most servers have, needs no word of its own. */
static void
time_resumption(struct arena *arena, size_t pairs)
{
    static const struct contender contenders[] = { { GUARDED, false }, { GUARDED, true } };
    char *suffix = strstr(arena->name, "-p256");
    if (suffix != NULL)
        *suffix = '\0';
    figure(compare(arena, contenders, pairs).ratio, "ratio", "resumed-vs-full/%s", arena->name);
}

static void
time_all(struct arena *arena, size_t pairs)
{
    time_sides(arena, false, pairs);
    time_sides(arena, true, pairs);
    time_resumption(arena, pairs);
}

static void
toggle(void *user)
{
    (void)user;
    CALLGRIND_TOGGLE_COLLECT;
}

static void
count_kind(struct arena *arena, int side, bool resumed)
{
    static const struct meter meter = { toggle, toggle, NULL };
    char name[96];
    (void)snprintf(name, sizeof name, "%s %s %s %d", resumed ? "resumed" : "full", arena->name, side_names[side],
        HANDSHAKES);
    CALLGRIND_ZERO_STATS;
    for (int i = 0; i < HANDSHAKES; i++)
        shake(&arena->servers[side], &arena->clients[side], resumed, &meter);
    CALLGRIND_DUMP_STATS_AT(name);
}

static void
count_all(struct arena arenas[SETTINGS], size_t rounds)
{
    CALLGRIND_START_INSTRUMENTATION;
    for (size_t i = 0; i < rounds * SETTINGS; i++) {
        for (int side = PLAIN; side <= GUARDED; side++) {
            count_kind(&arenas[i % SETTINGS], side, false);
            count_kind(&arenas[i % SETTINGS], side, true);
        }
    }
    CALLGRIND_STOP_INSTRUMENTATION;
}

int
main(int argc, char **argv)
{
    struct arena arenas[SETTINGS];
    bool count = argc > 2 && strcmp(argv[1], "count") == 0;
    if (argc < 3 || (!count && strcmp(argv[1], "time") != 0))
        die("usage: bench-handshake time|count POLICY [PAIRS or ROUNDS]");
    if (count && !RUNNING_ON_VALGRIND)
        die("nothing to count: run it by handshake_count.sh, and have <valgrind/callgrind.h> when it is built");
    size_t times = number(argc, argv, 3, count ? 5 : 400);
    struct mtlspin_verifier *verifier = verifier_load(argv[2]);
    for (int i = 0; i < SETTINGS; i++) {
        arena_make(&arenas[i], &settings[i], verifier);
        warm_up(&arenas[i]);
    }
    if (count)
        count_all(arenas, times);
    for (int i = 0; i < SETTINGS; i++) {
        if (!count)
            time_all(&arenas[i], times);
        arena_free(&arenas[i]);
    }
    mtlspin_verifier_unref(verifier);
    return 0;
}
