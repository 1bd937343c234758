/* Whether threads get into each other's way in a verifier.

     bench-scaling POLICY [ROUNDS [MILLISECONDS]]       (15 rounds, 400 ms for each rate)

   Full handshakes, TLS 1.3, P-256: by one thread, and by as many as there are cores, on one SSL_CTX of a server, guarded
   and plain by turns. Each thread has a client of its own, whose work counts with the server's.

     parallel-scaling                      (guarded with all / with one) / (plain with all / with one): middle of the rounds
     parallel-rate/guarded-1, plain-2...   handshakes per second, by the number of threads */
#include "bench.h"
#include "peers.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLAIN, GUARDED, ONE = 0, ALL = 1 };

struct worker {
    pthread_t thread;
    const struct server *server;
    struct client client;
    double duration; /* nanoseconds, at least */
    double rate;     /* per second */
};

static void *
work(void *user)
{
    struct worker *worker = user;
    size_t done = 0;
    double start = nanoseconds(), taken = 0;
    while (taken < worker->duration) {
        shake(worker->server, &worker->client, false, NULL);
        taken = nanoseconds() - start;
        done++;
    }
    worker->rate = (double)done * 1e9 / taken;
    return NULL;
}

/* Handshakes per second of all together. */
static double
measure(struct worker *workers, size_t count, const struct server *server)
{
    double rate = 0;
    for (size_t i = 0; i < count; i++) {
        workers[i].server = server;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            die("no thread");
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        rate += workers[i].rate;
    }
    return rate;
}

/* What comes second in one round comes first in the next. */
static void
measure_round(struct worker *workers, size_t threads, const struct server servers[2], double rates[2][2], size_t round)
{
    for (int turn = 0; turn < 2; turn++) {
        int side = (turn + (int)(round % 2)) % 2;
        rates[side][ONE] = measure(workers, 1, &servers[side]);
        rates[side][ALL] = measure(workers, threads, &servers[side]);
    }
}

static void
measure_all(struct worker *workers, size_t threads, const struct server servers[2], size_t rounds)
{
    static const char *const names[] = { "plain", "guarded" };
    double *ratios = room(rounds, sizeof *ratios), *rates[2][2];
    for (int i = 0; i < 4; i++)
        rates[i / 2][i % 2] = room(rounds, sizeof(double));
    for (size_t round = 0; round < rounds; round++) {
        double found[2][2];
        measure_round(workers, threads, servers, found, round);
        for (int i = 0; i < 4; i++)
            rates[i / 2][i % 2][round] = found[i / 2][i % 2];
        ratios[round] = (found[GUARDED][ALL] / found[GUARDED][ONE]) / (found[PLAIN][ALL] / found[PLAIN][ONE]);
    }
    figure(median(ratios, rounds), "ratio", "parallel-scaling");
    for (int i = 0; i < 4; i++) {
        figure(median(rates[i / 2][i % 2], rounds), "1/s", "parallel-rate/%s-%zu", names[i / 2],
            i % 2 == ONE ? 1 : threads);
        free(rates[i / 2][i % 2]);
    }
    free(ratios);
}

int
main(int argc, char **argv)
{
    struct server servers[2];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (argc < 2)
        die("usage: bench-scaling POLICY [ROUNDS [MILLISECONDS]]");
    if (cores < 2)
        die("one core alone shows nothing");
    size_t rounds = number(argc, argv, 2, 15), threads = (size_t)cores;
    double duration = (double)number(argc, argv, 3, 400) * 1e6;
    struct mtlspin_verifier *verifier = verifier_load(argv[1]);
    struct worker *workers = room(threads, sizeof *workers);
    server_make(&servers[PLAIN], NULL, TLS1_3_VERSION, "server");
    server_make(&servers[GUARDED], verifier, TLS1_3_VERSION, "server");
    for (size_t i = 0; i < threads; i++) {
        client_make(&workers[i].client, TLS1_3_VERSION, "alice");
        workers[i].duration = duration;
    }
    measure_all(workers, threads, servers, rounds);
    for (size_t i = 0; i < threads; i++)
        client_free(&workers[i].client);
    server_free(&servers[PLAIN]);
    server_free(&servers[GUARDED]);
    free(workers);
    mtlspin_verifier_unref(verifier);
    return 0;
}
