/* What it costs to ask again about a live connection of which nothing has changed.

     bench-check POLICY [CALLS [ROUNDS]]       (10 rounds of 1,000,000 calls)

     check-unchanged   one call of mtlspin_check, with a decision to write, and an audit hook: the best round,
                       in processor time */
#include "bench.h"
#include "peers.h"

static double
measure(const struct server *server, SSL *ssl, size_t calls)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    size_t allowed = 0;
    double start = processor_nanoseconds();
    for (size_t i = 0; i < calls; i++)
        allowed += mtlspin_check(server->verifier, ssl, &decision) == MTLSPIN_ALLOW;
    double taken = processor_nanoseconds() - start;
    if (allowed != calls || decision.label[0] == '\0')
        die("the connection is not allowed any more");
    return taken / (double)calls;
}

int
main(int argc, char **argv)
{
    struct server server;
    struct client client;
    if (argc < 2)
        die("usage: bench-check POLICY [CALLS [ROUNDS]]");
    size_t calls = number(argc, argv, 2, 1000000), rounds = number(argc, argv, 3, 10);
    struct mtlspin_verifier *verifier = verifier_load(argv[1]);
    server_make(&server, verifier, TLS1_3_VERSION, "server");
    client_make(&client, TLS1_3_VERSION, "alice");
    SSL *ssl = shake_and_stay(&server, &client);
    double best = measure(&server, ssl, calls);
    for (size_t i = 1; i < rounds; i++) {
        double taken = measure(&server, ssl, calls);
        best = taken < best ? taken : best;
    }
    figure(best, "ns", "check-unchanged");
    SSL_free(ssl);
    client_free(&client);
    server_free(&server);
    mtlspin_verifier_unref(verifier);
    return 0;
}
