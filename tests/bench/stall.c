/* Whether handshakes wait for a reload.

     bench-stall POLICY [HANDSHAKES [BLOCKS]]       (20,000 handshakes in 10 blocks, of each sort)

   One thread does handshakes, client and server. Another one does nothing, reloads the policy again and again, or does
   other work that takes memory, by turns: so what the machine does besides hits all three alike. Where reloads cost no
   more than other work does, it is the machine that handshakes wait for, not the library.

     reload-stall-p999, -p99, -p50        latency with reloads / with nothing
     other-work-stall-p999, ...           with other work / with nothing
     reload-latency/nothing-p999, ...     each by itself
     reload-stall-reloads                 how many there were */
#include "bench.h"
#include "peers.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum neighbour { NOTHING, RELOADS, OTHER_WORK, NEIGHBOURS };

struct scene {
    struct server server;
    struct client client;
    struct mtlspin_verifier *verifier;
    atomic_bool begun, over;
    size_t reloads;
};

/* That the file was really read again shows in that the policy is another one. */
static void
reload(struct scene *scene)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_policy *before = mtlspin_verifier_policy(scene->verifier);
    if (mtlspin_verifier_reload(scene->verifier, &error) != MTLSPIN_OK)
        die(error.message);
    struct mtlspin_policy *after = mtlspin_verifier_policy(scene->verifier);
    if (before == after)
        die("the reload has loaded nothing");
    mtlspin_policy_unref(before);
    mtlspin_policy_unref(after);
    scene->reloads++;
}

static void *
reload_on(void *user)
{
    struct scene *scene = user;
    atomic_store(&scene->begun, true);
    while (!atomic_load(&scene->over))
        reload(scene);
    return NULL;
}

/* Memory is taken, filled, sorted and given back. */
static void *
work_on(void *user)
{
    enum { NUMBERS = 2000000 };
    struct scene *scene = user;
    uint64_t chance = 4;
    atomic_store(&scene->begun, true);
    while (!atomic_load(&scene->over)) {
        double *numbers = room(NUMBERS, sizeof *numbers);
        for (size_t i = 0; i < NUMBERS; i++)
            numbers[i] = (double)draw(&chance);
        (void)median(numbers, NUMBERS);
        free(numbers);
    }
    return NULL;
}

static void
shake_all(struct scene *scene, double *latencies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double start = nanoseconds();
        shake(&scene->server, &scene->client, false, NULL);
        latencies[i] = nanoseconds() - start;
    }
}

static void
shake_beside(struct scene *scene, enum neighbour neighbour, double *latencies, size_t count)
{
    pthread_t thread;
    if (neighbour == NOTHING) {
        shake_all(scene, latencies, count);
        return;
    }
    atomic_store(&scene->begun, false);
    atomic_store(&scene->over, false);
    if (pthread_create(&thread, NULL, neighbour == RELOADS ? reload_on : work_on, scene) != 0)
        die("no thread");
    while (!atomic_load(&scene->begun))
        shake(&scene->server, &scene->client, false, NULL);
    shake_all(scene, latencies, count);
    atomic_store(&scene->over, true);
    (void)pthread_join(thread, NULL);
}

static void
measure(struct scene *scene, double *latencies[NEIGHBOURS], size_t count, size_t blocks)
{
    for (size_t block = 0; block < blocks; block++) {
        size_t from = count * block / blocks, to = count * (block + 1) / blocks;
        for (int n = NOTHING; n < NEIGHBOURS; n++)
            shake_beside(scene, (enum neighbour)n, latencies[n] + from, to - from);
    }
}

static void
report(double *latencies[NEIGHBOURS], size_t count)
{
    static const struct {
        double part;
        const char *name;
    } parts[] = { { 0.999, "p999" }, { 0.99, "p99" }, { 0.5, "p50" } };
    static const char *const names[] = { "nothing", "reloads", "other-work" };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        double found[NEIGHBOURS];
        for (int n = NOTHING; n < NEIGHBOURS; n++)
            found[n] = quantile(latencies[n], count, parts[i].part);
        figure(found[RELOADS] / found[NOTHING], "ratio", "reload-stall-%s", parts[i].name);
        figure(found[OTHER_WORK] / found[NOTHING], "ratio", "other-work-stall-%s", parts[i].name);
        for (int n = NOTHING; n < NEIGHBOURS; n++)
            figure(found[n] / 1e3, "us", "reload-latency/%s-%s", names[n], parts[i].name);
    }
}

int
main(int argc, char **argv)
{
    struct scene scene = { .reloads = 0 };
    double *latencies[NEIGHBOURS];
    if (argc < 2)
        die("usage: bench-stall POLICY [HANDSHAKES [BLOCKS]]");
    size_t count = number(argc, argv, 2, 20000), blocks = number(argc, argv, 3, 10);
    scene.verifier = verifier_load(argv[1]);
    server_make(&scene.server, scene.verifier, TLS1_3_VERSION, "server");
    client_make(&scene.client, TLS1_3_VERSION, "alice");
    for (int n = NOTHING; n < NEIGHBOURS; n++)
        latencies[n] = room(count, sizeof(double));
    shake_all(&scene, latencies[NOTHING], count < 100 ? count : 100);
    measure(&scene, latencies, count, blocks);
    report(latencies, count);
    figure((double)scene.reloads, "reloads", "reload-stall-reloads");
    for (int n = NOTHING; n < NEIGHBOURS; n++)
        free(latencies[n]);
    client_free(&scene.client);
    server_free(&scene.server);
    mtlspin_verifier_unref(scene.verifier);
    return 0;
}
