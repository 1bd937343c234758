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
    return is_about(finding, &evidence->chain[0]) && mtlspin__anchors_keys(domain->anchors, finding->anchor) != NULL;
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

bool
mtlspin__trail_add(struct mtlspin__trail *trail, const struct mtlspin__domain *domain,
    const struct mtlspin__evidence *evidence)
{
    bool unknown = evidence->chain_reason == MTLSPIN_REASON_UNKNOWN_CA;
    if (domain->chain_none || is_open(domain) || (!evidence->verified && !unknown))
        return true; /* the first costs nothing to find again, the others may have changed by then */
    if (mtlspin__trail_find(trail, domain, evidence) != NULL)
        return true; /* another domain that validates in the same way has found it */
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

/* Bytes: how many findings. Of each how its domain validates, the anchor, and how many certificates; if there are any,
   until when they are valid, and their keys: of the leaf only the issued one, of the anchor none. No certificates: the
   anchors do not know the peer. */

/* The leaf's own keys stand for themselves. */
static bool
is_writable(const struct mtlspin__finding *finding, const struct mtlspin__certificate_keys *leaf)
{
    return finding->chain_count == 0 || is_about(finding, leaf);
}

static void
put_finding(struct mtlspin__writing *out, const struct mtlspin__finding *finding)
{
    uint8_t not_after[8];
    mtlspin__bytes_put(out, finding->validation, 16);
    mtlspin__bytes_put(out, finding->anchor, 16);
    mtlspin__byte_put(out, finding->chain_count);
    if (finding->chain_count == 0)
        return;
    mtlspin__number_put(not_after, finding->not_after);
    mtlspin__bytes_put(out, not_after, sizeof not_after);
    for (size_t i = 0; i + 1 < finding->chain_count; i++) {
        const struct mtlspin__certificate_keys *keys = &finding->chain[i];
        if (i > 0) {
            mtlspin__bytes_put(out, keys->spki, 32);
            mtlspin__bytes_put(out, keys->serial, 32);
        }
        mtlspin__byte_put(out, keys->has_issuer);
        mtlspin__bytes_put(out, keys->issued_serial, 32);
    }
}

size_t
mtlspin__trail_write(const struct mtlspin__trail *trail, const struct mtlspin__certificate_keys *leaf,
    unsigned char *bytes)
{
    struct mtlspin__writing out = { bytes, 0 };
    size_t count = 0;
    for (size_t i = 0; i < trail->count; i++)
        count += is_writable(&trail->findings[i], leaf);
    mtlspin__byte_put(&out, count);
    for (size_t i = 0; i < trail->count; i++)
        if (is_writable(&trail->findings[i], leaf))
            put_finding(&out, &trail->findings[i]);
    return out.length;
}

static const struct mtlspin__certificate_keys *
keys_of_anchor(const struct mtlspin__trail_source *source, const uint8_t id[16])
{
    const struct mtlspin__certificate_keys *keys = NULL;
    for (size_t i = 0; keys == NULL && i < source->domain_count; i++)
        keys = mtlspin__anchors_keys(source->domains[i].anchors, id);
    return keys;
}

/* The leaf has its own keys already, unlike the certificates above it. */
static bool
get_keys(struct mtlspin__certificate_keys *keys, bool is_leaf, const unsigned char **bytes, size_t *length)
{
    if (!is_leaf && !(mtlspin__bytes_get(keys->spki, 32, bytes, length)
        && mtlspin__bytes_get(keys->serial, 32, bytes, length)))
        return false;
    const unsigned char *has_issuer = mtlspin__bytes_take(bytes, length, 1);
    if (has_issuer == NULL)
        return false;
    keys->has_issuer = *has_issuer == 1;
    return mtlspin__bytes_get(keys->issued_serial, 32, bytes, length);
}

/* false also if nobody knows the anchor any more. */
static bool
get_chain(struct mtlspin__finding *finding, const struct mtlspin__trail_source *source, const unsigned char **bytes,
    size_t *length)
{
    const unsigned char *not_after = mtlspin__bytes_take(bytes, length, 8);
    const struct mtlspin__certificate_keys *anchor = keys_of_anchor(source, finding->anchor);
    if (not_after == NULL || anchor == NULL)
        return false;
    finding->not_after = mtlspin__number_get(not_after);
    finding->chain[0] = *source->leaf;
    for (size_t i = 0; i + 1 < finding->chain_count; i++)
        if (!get_keys(&finding->chain[i], i == 0, bytes, length))
            return false;
    finding->chain[finding->chain_count - 1] = *anchor;
    return true;
}

static bool
get_finding(struct mtlspin__trail *trail, const struct mtlspin__trail_source *source, const unsigned char **bytes,
    size_t *length)
{
    const unsigned char *validation = mtlspin__bytes_take(bytes, length, 16);
    const unsigned char *anchor = mtlspin__bytes_take(bytes, length, 16), *count = mtlspin__bytes_take(bytes, length, 1);
    if (validation == NULL || anchor == NULL || count == NULL || *count > MTLSPIN__CHAIN_MAX || trail->count >= MOST)
        return false;
    struct mtlspin__finding *finding = next_finding(trail, *count);
    if (finding == NULL)
        return false;
    trail->count++;
    memcpy(finding->validation, validation, sizeof finding->validation);
    memcpy(finding->anchor, anchor, sizeof finding->anchor);
    finding->reason = *count > 0 ? MTLSPIN_REASON_NONE : MTLSPIN_REASON_UNKNOWN_CA;
    finding->not_after = 0;
    return *count == 0 || get_chain(finding, source, bytes, length);
}

struct mtlspin__trail *
mtlspin__trail_read(const struct mtlspin__trail_source *source, const unsigned char *bytes, size_t length)
{
    const unsigned char *count = mtlspin__bytes_take(&bytes, &length, 1);
    struct mtlspin__trail *trail = count != NULL ? mtlspin__trail_new() : NULL;
    if (trail == NULL)
        return NULL;
    bool good = true;
    while (good && trail->count < *count)
        good = get_finding(trail, source, &bytes, &length);
    if (good && length == 0)
        return trail;
    mtlspin__trail_unref(trail);
    return NULL;
}
