/* A policy in a file that changes with each generation. One client is in all of its versions; the others come and go. */
#ifndef TESTS_VERSIONS_H
#define TESTS_VERSIONS_H

#include <mtlspin/mtlspin.h>

enum { VERSIONS_PERIOD = 8 }; /* then it begins anew */

/* Alice always is allowed; kiosk is where the generation is odd. */
enum versions_client { VERSIONS_ALICE, VERSIONS_KIOSK, VERSIONS_PARTNER, VERSIONS_CLIENTS };

/* NAME of certs/make-certs.sh, which also is the client's label. */
const char *versions_name(int client);

/* The decision about the client in the policy of that generation. MTLSPIN_REASON_RULE allows. */
enum mtlspin_reason versions_reason(int client, uint64_t generation);

/* EDITS: rules, denials, revocation lists and a domain of others change. STRUCTURES: anchors and settings, too, and there
   are lists at times. */
enum versions_series { VERSIONS_EDITS, VERSIONS_STRUCTURES, VERSIONS_SERIES };

/* Around a test: a folder of its own, which is made the current directory. The policy's file is that of generation 1. */
void versions_set_up(enum versions_series series);
void versions_tear_down(void);

/* Replaces the files, by rename, with those for the generation. For one thread at a time. */
void versions_publish(uint64_t generation);

/* Replaces the policy's file with one that cannot be loaded. */
void versions_spoil(void);

/* The policy's file as it is now; the test fails if it cannot be loaded. */
struct mtlspin_policy *versions_load(void);

#endif
