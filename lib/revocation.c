/* What revocation lists say at a moment. No OpenSSL, no clock, no lock: readers see a list as known or not yet known. */
#include "revocation.h"
#include <stdlib.h>
#include <string.h>

bool
mtlspin__crl_is_of(struct mtlspin__crl *list, const uint8_t issuer[32])
{
    return atomic_load_explicit(&list->known, memory_order_acquire) && memcmp(list->issuer, issuer, 32) == 0;
}

static int
compare(const void *key, const void *serial)
{
    return memcmp(key, serial, 32);
}

static bool
revokes(const struct mtlspin__crl *list, const uint8_t serial[32])
{
    return list->count > 0 && bsearch(serial, list->serials, list->count, sizeof *list->serials, compare) != NULL;
}

/* Of two lists that are out already, whether the first counts. Same second: the one that lasts longer. */
static bool
outranks(const struct mtlspin__crl *a, const struct mtlspin__crl *b, int64_t now)
{
    bool current = now <= a->next_update;
    if (current != (now <= b->next_update))
        return current;
    return a->this_update != b->this_update ? a->this_update > b->this_update : a->next_update > b->next_update;
}

static const struct mtlspin__crl *
find_best(const struct mtlspin__crls *crls, size_t group, const uint8_t issuer[32], int64_t now)
{
    const struct mtlspin__crl *best = NULL;
    for (size_t i = 0; i < crls->count; i++) {
        struct mtlspin__crl *list = crls->list[i];
        if (list->group != group || list->this_update > now || !mtlspin__crl_is_of(list, issuer))
            continue;
        if (best == NULL || outranks(list, best, now))
            best = list;
    }
    return best;
}

static void
lower(struct mtlspin__revocation_answer *answer, int64_t until, enum mtlspin_reason expiry)
{
    if (until >= answer->good_until)
        return;
    answer->good_until = until;
    answer->expiry = expiry;
}

struct question {
    const uint8_t *issuer, *serial;
    int64_t grace, now;
};

/* What a list adds that is as new as `best`, or newer: it revokes, or will when it is out; and when `best` has expired, it
   may be the one that is too old. */
static void
consider_newer(struct mtlspin__revocation_answer *answer, const struct mtlspin__crl *best, const struct mtlspin__crl *list,
    const struct question *q)
{
    int64_t end = list->next_update + q->grace;
    bool listed = revokes(list, q->serial);
    if (listed && list->this_update <= q->now)
        answer->reason = MTLSPIN_REASON_REVOKED;
    else if (listed)
        lower(answer, list->this_update - 1, MTLSPIN_REASON_REVOKED);
    if (list->this_update > best->this_update)
        lower(answer, end > best->next_update ? end : best->next_update, MTLSPIN_REASON_REVOCATION_EXPIRED);
}

/* What an older one adds: it may count again, or beside another, when `best` has expired. */
static void
consider_older(struct mtlspin__revocation_answer *answer, const struct mtlspin__crl *best, const struct mtlspin__crl *list,
    const struct question *q)
{
    bool longer = list->next_update > best->next_update;
    if (q->now <= best->next_update && revokes(list, q->serial))
        lower(answer, best->next_update, longer ? MTLSPIN_REASON_REVOKED : MTLSPIN_REASON_REVOCATION_EXPIRED);
}

/* What one adds that may be by the same key, and nobody knows: where it would count, nothing can be said without it. */
static void
consider_open(struct mtlspin__revocation_answer *answer, const struct mtlspin__crl *best, const struct mtlspin__crl *list,
    const struct question *q)
{
    if (list->this_update > q->now)
        lower(answer, list->this_update - 1, MTLSPIN_REASON_REVOCATION_SIGNATURE);
    else if (best == NULL || list->this_update >= best->this_update || outranks(list, best, q->now))
        answer->reason = answer->reason == MTLSPIN_REASON_REVOKED ? MTLSPIN_REASON_REVOKED
                                                                  : MTLSPIN_REASON_REVOCATION_SIGNATURE;
    else if (q->now <= best->next_update)
        lower(answer, best->next_update, MTLSPIN_REASON_REVOCATION_SIGNATURE);
}

/* What one adds by a name of which no list was out when it was looked for the best. */
static void
consider_first(struct mtlspin__revocation_answer *answer, const struct mtlspin__crl *list, const struct question *q)
{
    bool listed = revokes(list, q->serial);
    if (listed && list->this_update <= q->now)
        answer->reason = MTLSPIN_REASON_REVOKED;
    else
        lower(answer, list->this_update - 1, listed ? MTLSPIN_REASON_REVOKED : MTLSPIN_REASON_REVOCATION_EXPIRED);
}

/* Whether a list that names the same CA may be by the key of this one. */
static bool
may_be_of(const struct mtlspin__crl *list, const struct mtlspin__crl *known)
{
    return !list->names.given || !known->signer.given || memcmp(list->names.digest, known->signer.digest, 32) == 0;
}

static void
consider(struct mtlspin__revocation_answer *answer, const struct mtlspin__crl *best, struct mtlspin__crl *list,
    const struct mtlspin__crl *known, const struct question *q)
{
    if (!atomic_load_explicit(&list->known, memory_order_acquire)) {
        if (may_be_of(list, known))
            consider_open(answer, best, list, q);
    } else if (memcmp(list->issuer, q->issuer, 32) == 0) {
        if (best == NULL)
            consider_first(answer, list, q);
        else if (list->this_update >= best->this_update)
            consider_newer(answer, best, list, q);
        else
            consider_older(answer, best, list, q);
    }
}

/* Asks the lists that name the same CA as one that is known for the issuer's. Each is looked at once, since meanwhile it
   may become known. */
static struct mtlspin__revocation_answer
ask_group(const struct mtlspin__crls *crls, const struct mtlspin__crl *known, const struct question *q)
{
    struct mtlspin__revocation_answer answer = { MTLSPIN_REASON_REVOCATION_UNKNOWN, INT64_MAX, MTLSPIN_REASON_NONE };
    const struct mtlspin__crl *best = find_best(crls, known->group, q->issuer, q->now);
    if (best != NULL && q->now > best->next_update + q->grace) {
        answer.reason = MTLSPIN_REASON_REVOCATION_EXPIRED;
    } else if (best != NULL) {
        answer.reason = MTLSPIN_REASON_NONE;
        lower(&answer, best->next_update + q->grace, MTLSPIN_REASON_REVOCATION_EXPIRED);
    }
    for (size_t i = 0; i < crls->count; i++)
        if (crls->list[i]->group == known->group)
            consider(&answer, best, crls->list[i], known, q);
    return answer;
}

/* Of what the lists of several names say, the graver counts; but those that are too old count for nothing beside good
   ones, or a CA that was renamed would have to issue lists under its former name for ever. */
static int
weight(enum mtlspin_reason reason)
{
    switch (reason) {
    case MTLSPIN_REASON_REVOKED: return 4;
    case MTLSPIN_REASON_REVOCATION_SIGNATURE: return 3;
    case MTLSPIN_REASON_NONE: return 2;
    case MTLSPIN_REASON_REVOCATION_EXPIRED: return 1;
    default: return 0;
    }
}

struct mtlspin__revocation_answer
mtlspin__revocation_ask(const struct mtlspin__crls *crls, const uint8_t issuer[32], const uint8_t serial[32],
    int64_t grace, int64_t now)
{
    struct mtlspin__revocation_answer answer = { MTLSPIN_REASON_REVOCATION_UNKNOWN, INT64_MAX, MTLSPIN_REASON_NONE };
    const struct question q = { issuer, serial, grace, now };
    const struct mtlspin__crl *asked = NULL; /* lists of one name mostly stand together; to ask twice does no harm */
    for (size_t i = 0; i < crls->count; i++) {
        if ((asked != NULL && crls->list[i]->group == asked->group) || !mtlspin__crl_is_of(crls->list[i], issuer))
            continue;
        asked = crls->list[i];
        struct mtlspin__revocation_answer more = ask_group(crls, asked, &q);
        if (weight(more.reason) > weight(answer.reason))
            answer.reason = more.reason;
        lower(&answer, more.good_until, more.expiry);
    }
    if (answer.reason == MTLSPIN_REASON_NONE)
        return answer;
    answer.good_until = 0;
    answer.expiry = MTLSPIN_REASON_NONE;
    return answer;
}

/* As far as can be told: lists of two CAs may bear one name. */
static bool
same_issuer(struct mtlspin__crl *a, struct mtlspin__crl *b)
{
    bool known = atomic_load_explicit(&a->known, memory_order_acquire);
    return a->group == b->group && (!known || !atomic_load_explicit(&b->known, memory_order_acquire)
        || memcmp(a->issuer, b->issuer, 32) == 0);
}

static bool
counts(const struct mtlspin__crls *crls, struct mtlspin__crl *list, int64_t now)
{
    if (list->this_update > now)
        return false;
    for (size_t i = 0; i < crls->count; i++) {
        struct mtlspin__crl *other = crls->list[i];
        if (other->this_update <= now && same_issuer(list, other) && outranks(other, list, now))
            return false;
    }
    return true;
}

int64_t
mtlspin__crls_next_expiry(const struct mtlspin__crls *crls, int64_t now)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; crls != NULL && i < crls->count; i++)
        if (crls->list[i]->next_update < first && counts(crls, crls->list[i], now))
            first = crls->list[i]->next_update;
    return first;
}
