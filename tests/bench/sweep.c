/* What it costs to look through all live connections after a change of policy.

     bench-sweep [CONNECTIONS [RULES [HANDSHAKES]]]     (100,000 connections, 1,000,000 rules, 2,000 handshakes)
     bench-sweep table [CONNECTIONS [HANDSHAKES]]       (10,000 and 4: a table of many changes, see sweep_table.c)

     sweep-CONNECTIONS          the sweep after a change of the rules alone: the middle one of several
     sweep-CONNECTIONS/again    another one after it, when nothing has changed

   One policy has a rule for ten of the connections that the other has not; so ten are refused, neither more nor others.
   The handshakes' certificates are objects of their own, as in a server; each connection but the ten is enrolled several
   times, since so many handshakes would take minutes. */
#include "bench.h"
#include "peers.h"
#include "rules.h"
#include "sweep_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 5, DISMISSED = 10, STAFF = 4 };

/* Whose rule goes comes last. */
static const char *const clients[] = { "alice", "client-p384", "build-agent", "client-rsa", "mallory", NULL };
static const char *const staff[] = { "alice", "client-p384", "build-agent", "client-rsa", NULL };

static struct mtlspin_policy *
make_policy(size_t count, const char *const *allowed)
{
    char path[] = "/tmp/mtlspin-bench-XXXXXX";
    const struct rules rules = { count, RULES_MIX, allowed };
    int file = mkstemp(path);
    if (file < 0 || close(file) != 0)
        die(path);
    rules_write(&rules, path);
    struct mtlspin_policy *policy = policy_load(path);
    (void)unlink(path);
    return policy;
}

/* Connections by number; those that are dismissed come first. */
struct crowd {
    const struct server *server;
    struct mtlspin_enrolment **enrolments;
    char *refused; /* one for each, whose address is what the callback gets */
    size_t count;
};

static void
enrol(struct crowd *crowd, SSL *ssl, size_t at)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    crowd->enrolments[at] = mtlspin_enrol(crowd->server->verifier, ssl, &crowd->refused[at], &error);
    if (crowd->enrolments[at] == NULL)
        die(error.message);
}

static void
enrol_dismissed(struct crowd *crowd)
{
    struct client client;
    client_make(&client, TLS1_3_VERSION, clients[STAFF]);
    for (size_t i = 0; i < DISMISSED; i++) {
        SSL *ssl = shake_and_stay(crowd->server, &client);
        enrol(crowd, ssl, i);
        SSL_free(ssl);
    }
    client_free(&client);
}

static void
enrol_staff(struct crowd *crowd, size_t handshakes)
{
    struct client people[STAFF];
    for (size_t i = 0; i < STAFF; i++)
        client_make(&people[i], TLS1_3_VERSION, staff[i]);
    for (size_t h = 0; h < handshakes; h++) {
        SSL *ssl = shake_and_stay(crowd->server, &people[h % STAFF]);
        for (size_t i = DISMISSED + h; i < crowd->count; i += handshakes)
            enrol(crowd, ssl, i);
        SSL_free(ssl);
    }
    for (size_t i = 0; i < STAFF; i++)
        client_free(&people[i]);
}

static void
refuse(void *user, const struct mtlspin_decision *decision)
{
    char *refused = user;
    *refused = decision->verdict == MTLSPIN_DENY;
}

/* Milliseconds; exactly so many, the first, must be refused. */
static double
sweep(struct crowd *crowd, size_t expected)
{
    memset(crowd->refused, 0, crowd->count);
    double start = nanoseconds();
    size_t found = mtlspin_verifier_sweep(crowd->server->verifier, refuse);
    double taken = nanoseconds() - start;
    if (found != expected)
        die("the sweep has refused too few or too many");
    for (size_t i = 0; i < crowd->count; i++)
        if ((crowd->refused[i] != 0) != (i < expected))
            die("the sweep has refused others than those whose rule is gone");
    return taken / 1e6;
}

static double
sweep_under(struct crowd *crowd, struct mtlspin_policy *policy, size_t expected)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    if (mtlspin_verifier_set_policy(crowd->server->verifier, policy, &error) != MTLSPIN_OK)
        die(error.message);
    return sweep(crowd, expected);
}

/* 100000 is 1e5. */
static void
write_count(size_t count, char text[32])
{
    int zeros = 0;
    size_t rest = count;
    for (; rest % 10 == 0 && rest > 0; rest /= 10)
        zeros++;
    if (rest == 1 && zeros > 1)
        (void)snprintf(text, 32, "1e%d", zeros);
    else
        (void)snprintf(text, 32, "%zu", count);
}

static void
measure(struct crowd *crowd, struct mtlspin_policy *all, struct mtlspin_policy *fewer)
{
    char name[32];
    double changed[ROUNDS], again[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        changed[i] = sweep_under(crowd, fewer, DISMISSED);
        again[i] = sweep(crowd, 0);
        (void)sweep_under(crowd, all, 0);
    }
    write_count(crowd->count, name);
    figure(median(changed, ROUNDS), "ms", "sweep-%s", name);
    figure(median(again, ROUNDS), "ms", "sweep-%s/again", name);
}

static void
fill_and_measure(struct crowd *crowd, size_t handshakes, struct mtlspin_policy *all, struct mtlspin_policy *fewer)
{
    crowd->enrolments = calloc(crowd->count, sizeof(struct mtlspin_enrolment *));
    crowd->refused = room(crowd->count, 1);
    if (crowd->enrolments == NULL)
        die("out of memory");
    enrol_dismissed(crowd);
    enrol_staff(crowd, handshakes);
    measure(crowd, all, fewer);
    for (size_t i = 0; i < crowd->count; i++)
        mtlspin_withdraw(crowd->enrolments[i]);
    free(crowd->enrolments);
    free(crowd->refused);
}

int
main(int argc, char **argv)
{
    struct server server;
    if (argc > 1 && strcmp(argv[1], "table") == 0)
        return sweep_table(number(argc, argv, 2, 10000), number(argc, argv, 3, 4));
    struct crowd crowd = { .server = &server, .count = number(argc, argv, 1, 100000) };
    size_t rules = number(argc, argv, 2, 1000000), handshakes = number(argc, argv, 3, 2000);
    if (crowd.count < DISMISSED + handshakes)
        die("more connections are wanted than handshakes");
    struct mtlspin_policy *all = make_policy(rules, clients), *fewer = make_policy(rules, staff);
    struct mtlspin_verifier *verifier = verifier_make(all);
    server_make(&server, verifier, TLS1_3_VERSION, "server");
    fill_and_measure(&crowd, handshakes, all, fewer);
    server_free(&server);
    mtlspin_verifier_unref(verifier);
    mtlspin_policy_unref(all);
    mtlspin_policy_unref(fewer);
    return 0;
}
