/* Findings in memory and in tickets. */
#include "trail.h"
#include "anchors.h"
#include "encoding.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct mtlspin__trail {
    atomic_size_t references;
    size_t count;
    struct mtlspin__finding *findings;
};

enum { MOST = MTLSPIN__DOMAINS_MAX + 1 }; /* findings, inherited ones included; one domain may be tried twice */
enum { HEAD = 16 + 16 + 1 + 8 + 1, KEYS = 3 * 32 + 1 }; /* bytes of a finding, and of a certificate in it */

struct mtlspin__trail *
mtlspin__trail_new(void)
{
    struct mtlspin__trail *trail = calloc(1, sizeof *trail);
    if (trail != NULL)
        atomic_init(&trail->references, 1);
    return trail;
}

struct mtlspin__trail *
mtlspin__trail_ref(struct mtlspin__trail *trail)
{
    if (trail != NULL)
        (void)atomic_fetch_add_explicit(&trail->references, 1, memory_order_relaxed);
    return trail;
}

void
mtlspin__trail_unref(struct mtlspin__trail *trail)
{
    if (trail == NULL || atomic_fetch_sub_explicit(&trail->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < trail->count; i++)
        free(trail->findings[i].chain);
    free(trail->findings);
    free(trail);
}

/* Room for `count` certificates in the next finding, which is not counted yet. */
static struct mtlspin__finding *
next_finding(struct mtlspin__trail *trail, size_t count)
{
    struct mtlspin__finding *grown = realloc(trail->findings, (trail->count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    trail->findings = grown;
    struct mtlspin__finding *finding = &grown[trail->count];
    finding->chain = count > 0 ? calloc(count, sizeof *finding->chain) : NULL;
    finding->chain_count = count;
    return finding->chain != NULL || count == 0 ? finding : NULL;
}

/* Where a chain that was verified once may not be any more, though its anchor is still there: the store is the
   application's, or an anchor takes trust away from what stands below others. */
static bool
is_open(const struct mtlspin__domain *domain)
{
    return domain->anchors->application || domain->anchors->has_settings;
}

bool
mtlspin__trail_add(struct mtlspin__trail *trail, const struct mtlspin__domain *domain,
    const struct mtlspin__evidence *evidence)
{
    bool unknown = evidence->chain_reason == MTLSPIN_REASON_UNKNOWN_CA;
    if (domain->chain_none || is_open(domain) || (!evidence->verified && !unknown))
        return true; /* the first costs nothing to find again, the others may have changed by then */
    struct mtlspin__finding *finding = next_finding(trail, evidence->verified ? evidence->chain_count : 0);
    if (finding == NULL)
        return false;
    memcpy(finding->validation, domain->validation, sizeof finding->validation);
    memcpy(finding->anchor, evidence->verified ? evidence->anchor : domain->anchors->id, sizeof finding->anchor);
    finding->reason = evidence->verified ? MTLSPIN_REASON_NONE : MTLSPIN_REASON_UNKNOWN_CA;
    finding->not_after = evidence->verified ? evidence->not_after : 0;
    if (finding->chain != NULL)
        memcpy(finding->chain, evidence->chain, finding->chain_count * sizeof *finding->chain);
    trail->count++;
    return true;
}

void
mtlspin__trail_inherit(struct mtlspin__trail *trail, const struct mtlspin__trail *before)
{
    for (size_t i = 0; before != NULL && i < before->count && trail->count < MOST; i++) {
        const struct mtlspin__finding *old = &before->findings[i];
        struct mtlspin__finding *finding = next_finding(trail, old->chain_count);
        if (finding == NULL)
            return;
        struct mtlspin__certificate_keys *chain = finding->chain;
        *finding = *old;
        finding->chain = chain;
        if (chain != NULL)
            memcpy(chain, old->chain, old->chain_count * sizeof *chain);
        trail->count++;
    }
}

/* Whoever wrote it, a finding counts only for the leaf that it is about. */
static bool
is_about(const struct mtlspin__finding *finding, const struct mtlspin__certificate_keys *leaf)
{
    return memcmp(finding->chain[0].spki, leaf->spki, sizeof leaf->spki) == 0
        && memcmp(finding->chain[0].serial, leaf->serial, sizeof leaf->serial) == 0;
}

static bool
holds(const struct mtlspin__finding *finding, const struct mtlspin__domain *domain,
    const struct mtlspin__evidence *evidence)
{
    if (is_open(domain) || memcmp(finding->validation, domain->validation, sizeof finding->validation) != 0)
        return false;
    if (finding->reason != MTLSPIN_REASON_NONE)
        return memcmp(finding->anchor, domain->anchors->id, sizeof finding->anchor) == 0;
    return is_about(finding, &evidence->chain[0]) && mtlspin__anchors_have(domain->anchors, finding->anchor);
}

const struct mtlspin__finding *
mtlspin__trail_find(const struct mtlspin__trail *trail, const struct mtlspin__domain *domain,
    const struct mtlspin__evidence *evidence)
{
    for (size_t i = 0; trail != NULL && i < trail->count; i++)
        if (holds(&trail->findings[i], domain, evidence))
            return &trail->findings[i];
    return NULL;
}

const struct mtlspin__finding *
mtlspin__trail_chain(const struct mtlspin__trail *trail, const struct mtlspin__evidence *evidence)
{
    for (size_t i = 0; trail != NULL && i < trail->count; i++)
        if (trail->findings[i].reason == MTLSPIN_REASON_NONE && is_about(&trail->findings[i], &evidence->chain[0]))
            return &trail->findings[i];
    return NULL;
}

void
mtlspin__trail_recall(const struct mtlspin__finding *finding, struct mtlspin__evidence *evidence, int64_t now)
{
    evidence->chain_reason = finding->reason;
    evidence->verified = false;
    if (finding->reason != MTLSPIN_REASON_NONE)
        return;
    memcpy(evidence->chain, finding->chain, finding->chain_count * sizeof *finding->chain);
    memcpy(evidence->anchor, finding->anchor, sizeof evidence->anchor);
    evidence->chain_count = finding->chain_count;
    evidence->not_after = finding->not_after;
    evidence->verified = now <= finding->not_after;
    if (!evidence->verified)
        evidence->chain_reason = MTLSPIN_REASON_EXPIRED;
}

/* Bytes. */

static unsigned char *
put(unsigned char *at, const void *data, size_t length)
{
    memcpy(at, data, length);
    return at + length;
}

static unsigned char *
put_finding(unsigned char *at, const struct mtlspin__finding *finding)
{
    at = put(at, finding->validation, 16);
    at = put(at, finding->anchor, 16);
    *at++ = (unsigned char)finding->reason;
    mtlspin__number_put(at, finding->not_after);
    at += 8;
    *at++ = (unsigned char)finding->chain_count;
    for (size_t i = 0; i < finding->chain_count; i++) {
        at = put(at, finding->chain[i].spki, 32);
        at = put(at, finding->chain[i].serial, 32);
        at = put(at, finding->chain[i].issued_serial, 32);
        *at++ = finding->chain[i].has_issuer;
    }
    return at;
}

size_t
mtlspin__trail_write(const struct mtlspin__trail *trail, unsigned char *bytes, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < trail->count; i++)
        length += HEAD + KEYS * trail->findings[i].chain_count;
    if (bytes == NULL)
        return length;
    if (length > size)
        return 0;
    for (size_t i = 0; i < trail->count; i++)
        bytes = put_finding(bytes, &trail->findings[i]);
    return length;
}

static void
get_keys(struct mtlspin__certificate_keys *keys, const unsigned char *at)
{
    memcpy(keys->spki, at, 32);
    memcpy(keys->serial, at + 32, 32);
    memcpy(keys->issued_serial, at + 64, 32);
    keys->has_issuer = at[96] == 1;
}

static bool
get_finding(struct mtlspin__trail *trail, const unsigned char **bytes, size_t *length)
{
    const unsigned char *at = *bytes;
    if (*length < HEAD)
        return false;
    size_t count = at[HEAD - 1], whole = HEAD + KEYS * count;
    enum mtlspin_reason reason = (enum mtlspin_reason)at[32];
    bool verified = reason == MTLSPIN_REASON_NONE;
    if (count > MTLSPIN__CHAIN_MAX || whole > *length || verified != (count > 0)
        || (!verified && reason != MTLSPIN_REASON_UNKNOWN_CA))
        return false;
    struct mtlspin__finding *finding = next_finding(trail, count);
    if (finding == NULL)
        return false;
    memcpy(finding->validation, at, 16);
    memcpy(finding->anchor, at + 16, 16);
    finding->not_after = mtlspin__number_get(at + 33);
    finding->reason = reason;
    for (size_t i = 0; i < count; i++)
        get_keys(&finding->chain[i], at + HEAD + KEYS * i);
    trail->count++;
    *bytes += whole;
    *length -= whole;
    return true;
}

struct mtlspin__trail *
mtlspin__trail_read(const unsigned char *bytes, size_t length)
{
    struct mtlspin__trail *trail = mtlspin__trail_new();
    while (trail != NULL && length > 0)
        if (!get_finding(trail, &bytes, &length)) {
            mtlspin__trail_unref(trail);
            return NULL;
        }
    return trail;
}
