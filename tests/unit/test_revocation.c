/* What revocation lists say at a moment, and what the decision makes of it. */
#include "decide_case.h"
#include "rows.h"
#include "suite.h"
#include <stdlib.h>
#include <string.h>

#define R(name) MTLSPIN_REASON_##name

enum { LISTS = 5, REVOKED = 3 };

/* Beside the issuer: under another name for the same key; the list only names it; it calls the key by another identifier;
   by none. */
enum { RENAMED = 0x100, OPEN = 0x200, OTHER_ID = 0x400, NO_ID = 0x800 };

/* A list without an issuer is not known for anybody's; one with end 0 is none at all. Serial numbers: 0 = none. */
struct list {
    int issuer;
    int64_t begin, end;
    int revoked[REVOKED];
};

struct case_of_lists {
    struct mtlspin__crls crls;
    struct mtlspin__crl *pointers[LISTS], list[LISTS];
    uint8_t serials[LISTS][REVOKED][32];
};

static int
compare(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static void
make_list(struct case_of_lists *c, size_t i, const struct list *list)
{
    struct mtlspin__crl *made = &c->list[i];
    made->this_update = list->begin;
    made->next_update = list->end;
    made->serials = c->serials[i];
    for (size_t k = 0; k < REVOKED && list->revoked[k] != 0; k++)
        memset(made->serials[made->count++], list->revoked[k], 32);
    qsort(made->serials, made->count, 32, compare);
    memset(made->issuer, list->issuer & 0xFF, 32);
    made->group = (size_t)(list->issuer & ~(OPEN | OTHER_ID | NO_ID));
    made->names.given = made->signer.given = (list->issuer & NO_ID) == 0;
    memset(made->names.digest, (list->issuer & OTHER_ID) != 0 ? 2 : 1, 32);
    memset(made->signer.digest, 1, 32);
    atomic_init(&made->known, list->issuer != NO_KEY && (list->issuer & OPEN) == 0);
    c->pointers[i] = made;
}

/* `backwards`: in the other order, which must not make a difference. */
static void
make_lists(struct case_of_lists *c, const struct list *lists, bool backwards)
{
    memset(c, 0, sizeof *c);
    while (c->crls.count < LISTS && lists[c->crls.count].end != 0)
        c->crls.count++;
    for (size_t i = 0; i < c->crls.count; i++)
        make_list(c, i, &lists[backwards ? c->crls.count - 1 - i : i]);
    c->crls.list = c->pointers;
}

/* NOW is 1000. */
#define GOOD(until, expiry) R(NONE), until, R(expiry)
#define BAD(reason) R(reason), 0, R(NONE)

static const struct {
    const char *what;
    struct list lists[LISTS];
    int64_t grace;
    enum mtlspin_reason reason;
    int64_t good_until;
    enum mtlspin_reason expiry;
} asked[] = {
    { "no list", { { 0 } }, 0, BAD(REVOCATION_UNKNOWN) },
    { "of another issuer", { { ROOT, 900, 1100, { 0 } } }, 0, BAD(REVOCATION_UNKNOWN) },
    { "of another issuer, which revokes the number", { { ROOT, 900, 1100, { LEAF_SERIAL } } }, 0,
        BAD(REVOCATION_UNKNOWN) },
    { "nobody knows whose", { { NO_KEY, 900, 1100, { LEAF_SERIAL } } }, 0, BAD(REVOCATION_UNKNOWN) },
    { "empty", { { CA, 900, 1100, { 0 } } }, 0, GOOD(1100, REVOCATION_EXPIRED) },
    { "lists others", { { CA, 900, 1100, { CA_SERIAL, ROOT_SERIAL } } }, 0, GOOD(1100, REVOCATION_EXPIRED) },
    { "revoked", { { CA, 900, 1100, { LEAF_SERIAL } } }, 0, BAD(REVOKED) },
    { "revoked, last of three", { { CA, 900, 1100, { ROOT_SERIAL, CA_SERIAL, LEAF_SERIAL } } }, 0, BAD(REVOKED) },
    { "with a grace", { { CA, 900, 1100, { 0 } } }, 50, GOOD(1150, REVOCATION_EXPIRED) },
    /* the edges */
    { "begins now", { { CA, 1000, 1100, { 0 } } }, 0, GOOD(1100, REVOCATION_EXPIRED) },
    { "begins in a second", { { CA, 1001, 1100, { 0 } } }, 0, BAD(REVOCATION_UNKNOWN) },
    { "begins in a second, and revokes", { { CA, 1001, 1100, { LEAF_SERIAL } } }, 0, BAD(REVOCATION_UNKNOWN) },
    { "ends now", { { CA, 900, 1000, { 0 } } }, 0, GOOD(1000, REVOCATION_EXPIRED) },
    { "ended a second ago", { { CA, 900, 999, { 0 } } }, 0, BAD(REVOCATION_EXPIRED) },
    { "the grace ends now", { { CA, 900, 990, { 0 } } }, 10, GOOD(1000, REVOCATION_EXPIRED) },
    { "the grace ended a second ago", { { CA, 900, 989, { 0 } } }, 10, BAD(REVOCATION_EXPIRED) },
    { "expired, and revokes", { { CA, 100, 200, { LEAF_SERIAL } } }, 0, BAD(REVOKED) },
    /* several of one issuer */
    { "the newer counts", { { CA, 800, 1100, { LEAF_SERIAL } }, { CA, 900, 1050, { 0 } } }, 0,
        GOOD(1050, REVOCATION_EXPIRED) },
    { "the newer revokes", { { CA, 800, 1100, { 0 } }, { CA, 900, 1050, { LEAF_SERIAL } } }, 0, BAD(REVOKED) },
    { "an expired one beside a current one", { { CA, 800, 900, { LEAF_SERIAL } }, { CA, 900, 1050, { 0 } } }, 0,
        GOOD(1050, REVOCATION_EXPIRED) },
    { "the newer has expired sooner", { { CA, 800, 1100, { 0 } }, { CA, 900, 950, { 0 } } }, 0,
        GOOD(1100, REVOCATION_EXPIRED) },
    { "the newer has expired sooner, with a grace", { { CA, 800, 1100, { 0 } }, { CA, 900, 950, { 0 } } }, 200,
        GOOD(1150, REVOCATION_EXPIRED) },
    { "the newer has expired sooner, and revokes", { { CA, 800, 1100, { 0 } }, { CA, 900, 950, { LEAF_SERIAL } } }, 0,
        BAD(REVOKED) },
    { "both have expired", { { CA, 700, 900, { LEAF_SERIAL } }, { CA, 800, 950, { 0 } } }, 0, BAD(REVOCATION_EXPIRED) },
    { "both have expired, one within its grace", { { CA, 700, 900, { LEAF_SERIAL } }, { CA, 800, 950, { 0 } } }, 60,
        GOOD(1010, REVOCATION_EXPIRED) },
    { "both have expired, the newer revokes", { { CA, 700, 900, { 0 } }, { CA, 800, 950, { LEAF_SERIAL } } }, 60,
        BAD(REVOKED) },
    { "of one second, one revokes", { { CA, 900, 1100, { 0 } }, { CA, 900, 1050, { LEAF_SERIAL } } }, 0, BAD(REVOKED) },
    { "of one second", { { CA, 900, 1100, { 0 } }, { CA, 900, 1050, { 0 } } }, 0, GOOD(1100, REVOCATION_EXPIRED) },
    { "unknown ones beside it", { { CA, 900, 1100, { 0 } }, { NO_KEY, 950, 1050, { LEAF_SERIAL } } }, 0,
        GOOD(1100, REVOCATION_EXPIRED) },
    { "another issuer's beside it", { { CA, 900, 1100, { 0 } }, { ROOT, 950, 1050, { LEAF_SERIAL } } }, 0,
        GOOD(1100, REVOCATION_EXPIRED) },
    /* the next one is there already */
    { "the next revokes", { { CA, 900, 1100, { 0 } }, { CA, 1050, 1200, { LEAF_SERIAL } } }, 0, GOOD(1049, REVOKED) },
    { "the next revokes, after this one has expired", { { CA, 900, 1100, { 0 } },
        { CA, 1150, 1200, { LEAF_SERIAL } } }, 0, GOOD(1100, REVOCATION_EXPIRED) },
    { "the next revokes, within the grace", { { CA, 900, 1100, { 0 } }, { CA, 1150, 1200, { LEAF_SERIAL } } }, 100,
        GOOD(1149, REVOKED) },
    { "an older one revokes, and lasts longer", { { CA, 900, 1100, { 0 } }, { CA, 800, 1200, { LEAF_SERIAL } } }, 150,
        GOOD(1100, REVOKED) },
    { "an older one lasts longer", { { CA, 900, 1100, { 0 } }, { CA, 800, 1200, { 0 } } }, 50,
        GOOD(1150, REVOCATION_EXPIRED) },
    { "the next does not", { { CA, 900, 1100, { 0 } }, { CA, 1050, 1200, { 0 } } }, 0, GOOD(1100, REVOCATION_EXPIRED) },
    { "the next but one revokes", { { CA, 900, 1100, { 0 } }, { CA, 1050, 1200, { 0 } },
        { CA, 1070, 1200, { LEAF_SERIAL } } }, 0, GOOD(1069, REVOKED) },
    /* two names on one key */
    { "the other name's is newer", { { CA, 800, 1100, { LEAF_SERIAL } }, { CA | RENAMED, 900, 1200, { 0 } } }, 0,
        BAD(REVOKED) },
    { "the other name's is newer, and revokes", { { CA, 800, 1100, { 0 } },
        { CA | RENAMED, 900, 1200, { LEAF_SERIAL } } }, 0, BAD(REVOKED) },
    { "neither revokes", { { CA, 800, 1100, { 0 } }, { CA | RENAMED, 900, 1200, { 0 } } }, 0,
        GOOD(1100, REVOCATION_EXPIRED) },
    { "only the other name's", { { CA | RENAMED, 900, 1200, { 0 } } }, 0, GOOD(1200, REVOCATION_EXPIRED) },
    { "the former name's has expired", { { CA, 800, 990, { 0 } }, { CA | RENAMED, 900, 1200, { 0 } } }, 9,
        GOOD(1209, REVOCATION_EXPIRED) },
    { "the former name's has expired, within its grace", { { CA, 800, 990, { 0 } }, { CA | RENAMED, 900, 1200, { 0 } } },
        10, GOOD(1000, REVOCATION_EXPIRED) },
    { "the former name's has expired, and revokes", { { CA, 800, 990, { LEAF_SERIAL } },
        { CA | RENAMED, 900, 1200, { 0 } } }, 0, BAD(REVOKED) },
    { "both names' have expired", { { CA, 800, 990, { 0 } }, { CA | RENAMED, 900, 995, { 0 } } }, 0,
        BAD(REVOCATION_EXPIRED) },
    { "the other name's has expired, its next one revokes", { { CA, 900, 1200, { 0 } },
        { CA | RENAMED, 800, 990, { 0 } }, { CA | RENAMED, 1050, 1200, { LEAF_SERIAL } } }, 0, GOOD(1049, REVOKED) },
    { "the other name's first one will revoke", { { CA, 900, 1200, { 0 } },
        { CA | RENAMED, 1050, 1200, { LEAF_SERIAL } } }, 0, GOOD(1049, REVOKED) },
    { "the other name's is not known", { { CA, 900, 1100, { 0 } }, { CA | RENAMED | OPEN, 950, 1200, { LEAF_SERIAL } } },
        0, GOOD(1100, REVOCATION_EXPIRED) },
    /* lists that name the issuer, and nobody knows whether they are by its key */
    { "open", { { CA | OPEN, 900, 1100, { 0 } } }, 0, BAD(REVOCATION_UNKNOWN) },
    { "open and newer", { { CA, 900, 1100, { 0 } }, { CA | OPEN, 950, 1100, { 0 } } }, 0, BAD(REVOCATION_SIGNATURE) },
    { "open, of the same second", { { CA, 900, 1100, { 0 } }, { CA | OPEN, 900, 1000, { 0 } } }, 0,
        BAD(REVOCATION_SIGNATURE) },
    { "open and newer, and has expired", { { CA, 900, 1100, { 0 } }, { CA | OPEN, 950, 960, { 0 } } }, 0,
        BAD(REVOCATION_SIGNATURE) },
    { "open and newer, the older revokes", { { CA, 900, 1100, { LEAF_SERIAL } }, { CA | OPEN, 950, 1100, { 0 } } }, 0,
        BAD(REVOKED) },
    { "open and older", { { CA, 900, 1100, { 0 } }, { CA | OPEN, 850, 1200, { LEAF_SERIAL } } }, 0,
        GOOD(1100, REVOCATION_EXPIRED) },
    { "open and older, with a grace", { { CA, 900, 1100, { 0 } }, { CA | OPEN, 850, 1200, { 0 } } }, 50,
        GOOD(1100, REVOCATION_SIGNATURE) },
    { "open and older, and the newer is old", { { CA, 900, 990, { 0 } }, { CA | OPEN, 850, 1200, { 0 } } }, 50,
        BAD(REVOCATION_SIGNATURE) },
    { "open, the next", { { CA, 900, 1100, { 0 } }, { CA | OPEN, 1050, 1200, { 0 } } }, 0,
        GOOD(1049, REVOCATION_SIGNATURE) },
    { "open, by another key of this name", { { CA, 900, 1100, { 0 } }, { CA | OPEN | OTHER_ID, 950, 1200, { 0 } },
        { CA, 800, 1200, { 0 } } }, 0, GOOD(1100, REVOCATION_EXPIRED) },
    { "open, without a key identifier", { { CA, 900, 1100, { 0 } }, { CA | OPEN | NO_ID, 950, 1200, { 0 } } }, 0,
        BAD(REVOCATION_SIGNATURE) },
    { "open, and the issuer has no key identifier", { { CA | NO_ID, 900, 1100, { 0 } },
        { CA | OPEN | OTHER_ID, 950, 1200, { 0 } } }, 0, BAD(REVOCATION_SIGNATURE) },
    { "open beside the other name's", { { CA, 900, 1100, { 0 } }, { CA | OPEN, 950, 1100, { 0 } },
        { CA | RENAMED, 900, 1200, { 0 } } }, 0, BAD(REVOCATION_SIGNATURE) },
    { "open, and the known one is not out", { { CA, 1050, 1100, { 0 } }, { CA | OPEN, 950, 1100, { 0 } },
        { CA | RENAMED, 900, 1200, { 0 } } }, 0, BAD(REVOCATION_SIGNATURE) },
};

START_TEST(asks)
{
    uint8_t issuer[32], serial[32];
    memset(issuer, CA, 32);
    memset(serial, LEAF_SERIAL, 32);
    for (int backwards = 0; backwards < 2; backwards++) {
        struct case_of_lists c;
        make_lists(&c, asked[_i].lists, backwards != 0);
        struct mtlspin__revocation_answer answer = mtlspin__revocation_ask(&c.crls, issuer, serial, asked[_i].grace,
        NOW);
        ck_assert_msg(answer.reason == asked[_i].reason, "%s: %s", asked[_i].what, mtlspin_reason_name(answer.reason));
        ck_assert_msg(answer.good_until == asked[_i].good_until, "%s: until %d", asked[_i].what,
        (int)answer.good_until);
        ck_assert_msg(answer.expiry == asked[_i].expiry, "%s: then %s", asked[_i].what,
        mtlspin_reason_name(answer.expiry));
    }
}
END_TEST

/* The same numbers in every run. */
static int
draw(unsigned *state, unsigned below)
{
    *state = *state * 1103515245U + 12345U;
    return (int)((*state >> 16) % below);
}

/* Whatever the lists: what was said to be good until a second still is in each second up to it. */
START_TEST(good_until_is_true)
{
    uint8_t issuer[32], serial[32];
    unsigned state = (unsigned)_i + 1;
    struct case_of_lists c;
    memset(issuer, CA, 32);
    memset(serial, LEAF_SERIAL, 32);
    for (int round = 0; round < 400; round++) {
        struct list lists[LISTS] = { { 0 } };
        for (int i = 0; i < LISTS - 1; i++) {
            int64_t begin = 1 + draw(&state, 30);
            int64_t end = begin + draw(&state, 20);
            int whose = CA | (draw(&state, 3) == 0 ? RENAMED : 0) | (draw(&state, 8) == 0 ? OPEN : 0);
            lists[i] = (struct list){ whose, begin, end, { draw(&state, 4) == 0 ? LEAF_SERIAL : ROOT_SERIAL } };
        }
        make_lists(&c, lists, false);
        for (int64_t now = 1, until = 0; now < 70; now++) {
            struct mtlspin__revocation_answer answer = mtlspin__revocation_ask(&c.crls, issuer, serial, _i, now);
            ck_assert_msg(now > until || answer.reason == R(NONE), "round %d: not good at %d, up to %d", round,
            (int)now,
                (int)until);
            if (answer.reason == R(NONE) && answer.good_until > until)
                until = answer.good_until;
        }
    }
}
END_TEST

/* The decision. The evidence's chain is leaf, CA, root; it ends in 5000. */

enum { REQUIRED, REPORT };

#define ROOT_LIST { ROOT, 900, 9000, { 0 } }
#define ALICE { MTLSPIN_SPKI, LEAF, 7, "alice", 0, 0, false }
#define ANY { MTLSPIN_ANY, NO_KEY, 9, "any", 0, 0, false }
#define NONE_SUCH { MTLSPIN_SPKI, OUTSIDE, 7, "nobody", 0, 0, false }

static const struct {
    const char *what;
    int domain;
    unsigned evidence;
    struct list lists[LISTS];
    int64_t grace;
    struct rule rule;
    enum mtlspin_reason reason;
    bool final;
    unsigned depth;
    int64_t valid_until;
    enum mtlspin_reason expiry;
} decided[] = {
    { "good", REQUIRED, 0, { ROOT_LIST, { CA, 900, 9000, { 0 } } }, 0, ALICE, R(RULE), true, 0, 5000, R(EXPIRED) },
    { "the list ends before the chain", REQUIRED, 0, { ROOT_LIST, { CA, 900, 4999, { 0 } } }, 0, ALICE, R(RULE), true,
        0, 4999,
        R(REVOCATION_EXPIRED) },
    { "both end together", REQUIRED, 0, { ROOT_LIST, { CA, 900, 5000, { 0 } } }, 0, ALICE, R(RULE), true, 0, 5000,
        R(EXPIRED) },
    { "the list's grace", REQUIRED, 0, { ROOT_LIST, { CA, 900, 4000, { 0 } } }, 500, ALICE, R(RULE), true, 0, 4500,
        R(REVOCATION_EXPIRED) },
    { "the root's list ends first", REQUIRED, 0, { { ROOT, 900, 1200, { 0 } }, { CA, 900, 1300, { 0 } } }, 0, ALICE,
        R(RULE),
        true, 0, 1200, R(REVOCATION_EXPIRED) },
    { "the next list revokes", REQUIRED, 0, { ROOT_LIST, { CA, 900, 9000, { 0 } },
        { CA, 1500, 9000, { LEAF_SERIAL } } }, 0, ALICE, R(RULE), true, 0, 1499, R(REVOKED) },
    { "leaf revoked", REQUIRED, 0, { ROOT_LIST, { CA, 900, 9000, { LEAF_SERIAL } } }, 0, ALICE, R(REVOKED), true, 0, 0,
        R(NONE) },
    { "leaf revoked, no rule", REQUIRED, 0, { ROOT_LIST, { CA, 900, 9000, { LEAF_SERIAL } } }, 0, NONE_SUCH,
        R(REVOKED), true, 0,
        0, R(NONE) },
    { "CA revoked", REQUIRED, 0, { { ROOT, 900, 9000, { CA_SERIAL } }, { CA, 900, 9000, { 0 } } }, 0, ALICE,
        R(REVOKED), true, 1,
        0, R(NONE) },
    { "CA revoked, its list missing", REQUIRED, 0, { { ROOT, 900, 9000, { CA_SERIAL } } }, 0, ALICE, R(REVOKED), true,
        1, 0,
        R(NONE) },
    { "CA revoked, its list expired", REQUIRED, 0, { { ROOT, 900, 9000, { CA_SERIAL } }, { CA, 100, 200, { 0 } } }, 0,
        ALICE,
        R(REVOKED), true, 1, 0, R(NONE) },
    { "the anchor is not asked about", REQUIRED, 0, { { ROOT, 900, 9000, { ROOT_SERIAL } }, { CA, 900, 9000, { 0 } } },
        0, ALICE,
        R(RULE), true, 0, 5000, R(EXPIRED) },
    { "another issuer's number", REQUIRED, 0, { { ROOT, 900, 9000, { LEAF_SERIAL } },
        { CA, 900, 9000, { CA_SERIAL } } }, 0, ALICE, R(RULE), true, 0, 5000, R(EXPIRED) },
    { "lists, but none that fits", REQUIRED, 0, { { OUTSIDE, 900, 9000, { 0 } } }, 0, ALICE, R(REVOCATION_UNKNOWN),
        false, 0, 0,
        R(NONE) },
    { "no list of the CA", REQUIRED, 0, { ROOT_LIST }, 0, ALICE, R(REVOCATION_UNKNOWN), false, 0, 0, R(NONE) },
    { "no list of the root", REQUIRED, 0, { { CA, 900, 9000, { 0 } } }, 0, ALICE, R(REVOCATION_UNKNOWN), false, 1, 0,
        R(NONE) },
    { "missing says more than expired", REQUIRED, 0, { { CA, 100, 200, { 0 } } }, 0, ALICE, R(REVOCATION_UNKNOWN),
        false, 1, 0,
        R(NONE) },
    { "expired", REQUIRED, 0, { ROOT_LIST, { CA, 100, 200, { 0 } } }, 0, ALICE, R(REVOCATION_EXPIRED), false, 0, 0,
        R(NONE) },
    { "expired above", REQUIRED, 0, { { ROOT, 100, 200, { 0 } }, { CA, 900, 9000, { 0 } } }, 0, ALICE,
        R(REVOCATION_EXPIRED),
        false, 1, 0, R(NONE) },
    { "a leaf that is an anchor", REQUIRED, LEAF_ALONE, { { OUTSIDE, 900, 9000, { 0 } } }, 0, ALICE, R(RULE), true, 0,
        5000,
        R(EXPIRED) },
    { "not verified", REQUIRED, UNVERIFIED, { ROOT_LIST, { CA, 900, 9000, { LEAF_SERIAL } } }, 0, ALICE, R(CHAIN),
        false, 0, 0,
        R(NONE) },
    { "a CA that is revoked", REQUIRED, LEAF_IS_CA, { ROOT_LIST, { CA, 900, 9000, { LEAF_SERIAL } } }, 0, ANY,
        R(REVOKED), true,
        0, 0, R(NONE) },
    { "reported", REPORT, 0, { ROOT_LIST, { CA, 900, 2000, { 0 } } }, 0, NONE_SUCH, R(UNMATCHED), true, 0, 2000,
        R(REVOCATION_EXPIRED) },
    { "revoked and reported", REPORT, 0, { ROOT_LIST, { CA, 900, 2000, { LEAF_SERIAL } } }, 0, NONE_SUCH, R(REVOKED),
        true, 0, 0,
        R(NONE) },
    { "unknown and reported", REPORT, 0, { ROOT_LIST }, 0, ANY, R(REVOCATION_UNKNOWN), false, 0, 0, R(NONE) },
};

START_TEST(decides)
{
    struct case_of_lists c;
    struct mtlspin__rule_table denials;
    struct mtlspin__domain domain;
    struct mtlspin__evidence evidence;
    memset(&domain, 0, sizeof domain);
    make_lists(&c, decided[_i].lists, false);
    make_table(&denials, NULL, 0);
    make_table(&domain.rules, &decided[_i].rule, 1);
    make_evidence(&evidence, decided[_i].evidence, R(NONE));
    domain.report_only = decided[_i].domain == REPORT;
    domain.crls = &c.crls;
    domain.crl_grace = decided[_i].grace;
    struct mtlspin__outcome outcome = mtlspin__decide(&denials, &domain, &evidence, NOW);
    bool allowed = decided[_i].reason == R(RULE) || decided[_i].reason == R(UNMATCHED);
    ck_assert_msg(outcome.reason == decided[_i].reason, "%s: %s", decided[_i].what,
        mtlspin_reason_name(outcome.reason));
    ck_assert_int_eq(outcome.verdict, allowed ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    ck_assert_msg(outcome.final == decided[_i].final, "%s: final", decided[_i].what);
    ck_assert_msg(outcome.depth == decided[_i].depth, "%s: depth %u", decided[_i].what, outcome.depth);
    ck_assert_msg(outcome.valid_until == decided[_i].valid_until, "%s: until %d", decided[_i].what,
        (int)outcome.valid_until);
    ck_assert_msg(outcome.expiry == decided[_i].expiry, "%s: %s", decided[_i].what,
        mtlspin_reason_name(outcome.expiry));
    ck_assert_ptr_eq(outcome.domain, &domain);
    mtlspin__rules_clear(&domain.rules);
}
END_TEST

/* The next expiry, for those who watch. */
static const struct {
    struct list lists[LISTS];
    int64_t next;
} expiries[] = {
    { { { 0 } }, INT64_MAX },
    { { { CA, 900, 1100, { 0 } } }, 1100 },
    { { { CA, 900, 1100, { 0 } }, { ROOT, 900, 1050, { 0 } } }, 1050 },
    { { { CA, 800, 1050, { 0 } }, { CA, 900, 1100, { 0 } } }, 1100 },
    { { { CA, 800, 990, { 0 } } }, 990 },
    { { { CA, 800, 990, { 0 } }, { CA, 900, 1100, { 0 } } }, 1100 },
    { { { CA, 1001, 1100, { 0 } } }, INT64_MAX },
    { { { NO_KEY, 900, 1100, { 0 } } }, 1100 },
    { { { NO_KEY, 800, 1050, { 0 } }, { NO_KEY, 900, 1100, { 0 } } }, 1100 },
};

START_TEST(next_expiry)
{
    for (int backwards = 0; backwards < 2; backwards++) {
        struct case_of_lists c;
        make_lists(&c, expiries[_i].lists, backwards != 0);
        ck_assert_int_eq(mtlspin__crls_next_expiry(&c.crls, NOW), expiries[_i].next);
    }
    ck_assert_int_eq(mtlspin__crls_next_expiry(NULL, NOW), INT64_MAX);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("revocation");
    TCase *tcase = tcase_create("revocation");
    tcase_add_loop_test(tcase, asks, 0, ROWS(asked));
    tcase_add_loop_test(tcase, good_until_is_true, 0, 8);
    tcase_add_loop_test(tcase, decides, 0, ROWS(decided));
    tcase_add_loop_test(tcase, next_expiry, 0, ROWS(expiries));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
