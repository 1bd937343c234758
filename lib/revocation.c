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
find_best(const struct mtlspin__crls *crls, const uint8_t issuer[32], int64_t now)
{
    const struct mtlspin__crl *best = NULL;
    for (size_t i = 0; i < crls->count; i++) {
        struct mtlspin__crl *list = crls->list[i];
        if (list->this_update <= now && mtlspin__crl_is_of(list, issuer) && (best == NULL || outranks(list, best, now)))
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

/* What a list adds that is as new as `best`, or newer: it revokes, or will when it is out; and when `best` has expired, it
   may be the one that is too old. */
static void
consider_newer(struct mtlspin__revocation_answer *answer, const struct mtlspin__crl *best, const struct mtlspin__crl *list,
    const uint8_t serial[32], int64_t grace, int64_t now)
{
    int64_t end = list->next_update + grace;
    bool listed = revokes(list, serial);
    if (listed && list->this_update <= now)
        answer->reason = MTLSPIN_REASON_REVOKED;
    else if (listed)
        lower(answer, list->this_update - 1, MTLSPIN_REASON_REVOKED);
    if (list->this_update > best->this_update)
        lower(answer, end > best->next_update ? end : best->next_update, MTLSPIN_REASON_REVOCATION_EXPIRED);
}

/* What an older one adds: it may count again, or beside another, when `best` has expired. */
static void
consider_older(struct mtlspin__revocation_answer *answer, const struct mtlspin__crl *best, const struct mtlspin__crl *list,
    const uint8_t serial[32], int64_t now)
{
    bool longer = list->next_update > best->next_update;
    if (now <= best->next_update && revokes(list, serial))
        lower(answer, best->next_update, longer ? MTLSPIN_REASON_REVOKED : MTLSPIN_REASON_REVOCATION_EXPIRED);
}

struct mtlspin__revocation_answer
mtlspin__revocation_ask(const struct mtlspin__crls *crls, const uint8_t issuer[32], const uint8_t serial[32],
    int64_t grace, int64_t now)
{
    struct mtlspin__revocation_answer answer = { MTLSPIN_REASON_REVOCATION_UNKNOWN, 0, MTLSPIN_REASON_NONE };
    const struct mtlspin__crl *best = find_best(crls, issuer, now);
    if (best == NULL)
        return answer;
    answer.good_until = best->next_update + grace;
    answer.reason = now > answer.good_until ? MTLSPIN_REASON_REVOCATION_EXPIRED : MTLSPIN_REASON_NONE;
    answer.expiry = MTLSPIN_REASON_REVOCATION_EXPIRED;
    for (size_t i = 0; i < crls->count; i++) {
        struct mtlspin__crl *list = crls->list[i];
        if (!mtlspin__crl_is_of(list, issuer))
            continue;
        if (list->this_update >= best->this_update)
            consider_newer(&answer, best, list, serial, grace, now);
        else
            consider_older(&answer, best, list, serial, now);
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
