/* Threads of clients that connect all the time, while a test replaces the policy of versions.h under them. */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include "pair.h"
#include "versions.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { CROWD_VISITORS = 8 };

/* What the audit hook has seen. */
struct seen {
    atomic_size_t decisions, swept, reloads, failed_reloads;
};

struct crowd {
    enum versions_series series;
    struct mtlspin_verifier *verifier;
    SSL_CTX *server, *clients[VERSIONS_CLIENTS][2]; /* TLS 1.2 and 1.3 */
    struct seen seen;
    pthread_t thread[CROWD_VISITORS + 3];
    int threads;
    atomic_bool stop;
    atomic_size_t calls; /* of sweeps */
    atomic_size_t first, goal, visits, allowed[VERSIONS_CLIENTS], refused[VERSIONS_CLIENTS], resumed[2];
    atomic_size_t unknown; /* refusals of resumed connections that could not be validated anew */
    pthread_mutex_t lock; /* of the complaint */
    atomic_bool complained;
    char complaint[512];
};

/* One a process: threads that outlive a failed test have something to stand on. */
extern struct crowd crowd;

/* A connection that may be enrolled. `calls` has no lock: that no two callbacks about it run at once, and none after its
   withdrawal, is the library's promise. */
struct live {
    struct pair pair;
    int client;
    bool resumed;
    struct mtlspin_enrolment *enrolment;
    size_t calls;
};

struct live *crowd_new_live(int client);

/* A handshake (`version` as in rig.h), its decision, and five bytes that arrive if they may. Returns whether it is
   allowed. */
bool crowd_connect(struct live *live, int version, SSL_SESSION *session);

void crowd_enrol(struct live *live);

/* Withdraws, closes in good order and frees; NULL is ignored. */
void crowd_dismiss(struct live *live);

/* The callback for sweeps. `user` is a struct live. */
void crowd_swept(void *user, const struct mtlspin_decision *decision);

/* Complains if the decision is not that of the policy of its generation. From any thread. */
void crowd_compare(const struct live *live, const struct mtlspin_decision *decision, const char *where);

/* The test fails if there has been a complaint. For the main thread, as all that follows. */
void crowd_agree(void);

/* Around a test. */
void crowd_set_up(enum versions_series series);
void crowd_tear_down(void);

/* Starts the visitors, a reader of statistics, and one who enrols and withdraws; the failer reloads all the time, which
   must fail, and sweeps. */
void crowd_start(bool with_failer);
void crowd_join(void);

/* Lets the visitors go on until there were so many visits in all, and those that are under way. */
void crowd_wait(size_t visits);

#endif
