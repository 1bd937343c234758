/* What one decision costs: mtlspin__decide, for the domain that the rule is in.

     bench-decide NAME POLICY [SAMPLES [ROUNDS]]       (500,000 samples, 5 rounds)

     decide-NAME/spki-hit, -miss, thumbprint-hit, -miss, serial-hit, -miss     the middle round, divided by its decisions
     decide-warm-NAME/...                                                      the same about a few peers, again and again

   The peers are made of the policy's own rules, in an order by chance, as many as there are of a kind but at most SAMPLES:
   so hardly anything that a decision looks at is in the processor's caches, as in a server with many other things to do.
   Each peer has a chain of three certificates under an anchor and all that rules can name but alternative names: a key, a
   thumbprint where the policy has any, a serial number under its issuer's key. A hit is named by one rule, by one of the
   three, while the others are looked up in vain. A miss differs in one bit from a hit, so that it must be compared to the
   end; all look-ups are in vain.

   What counts, in processor time: the decision, with the denials, of which there are none, and the writing of the peer into
   the evidence, whose digests were made before. Not: certificates, digests, path validation, the event. */
#include "bench.h"
#include "decide.h"
#include "policy.h"
#include "rule_key.h"
#include <mtlspin/scan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A rule as the scan tells it. */
struct named {
    struct mtlspin_pin pin;
    uint8_t issuer[32];
    char domain[24];
};

enum { KINDS = 3, WARM = 1000, WARM_ROUNDS = 100 };

/* Some of the rules of a kind, each with the same chance (reservoir sampling). */
struct sample {
    struct named *rules;
    size_t count, most, seen;
    uint64_t chance;
};

static void
forget(void *context)
{
    struct sample *samples = context;
    for (int i = 0; i < KINDS; i++)
        samples[i].count = samples[i].seen = 0;
}

/* Where the next rule goes, if anywhere. In the first places, too, it changes its place with an earlier one by chance. */
static struct named *
next_place(struct sample *sample)
{
    size_t at = (size_t)(draw(&sample->chance) % ++sample->seen);
    if (sample->count < sample->most) {
        sample->rules[sample->count++] = sample->rules[at];
        return &sample->rules[at];
    }
    return at < sample->most ? &sample->rules[at] : NULL;
}

static void
take(void *context, const struct mtlspin_scan_rule *rule)
{
    struct sample *samples = context;
    if (rule->domain == NULL || rule->kind < MTLSPIN_SPKI || rule->kind > MTLSPIN_SERIAL)
        return;
    struct named *place = next_place(&samples[rule->kind - MTLSPIN_SPKI]);
    if (place == NULL)
        return;
    memset(place, 0, sizeof *place);
    place->pin = rule->pin;
    if (rule->issuer != NULL)
        memcpy(place->issuer, rule->issuer, sizeof place->issuer);
    (void)snprintf(place->domain, sizeof place->domain, "%s", rule->domain);
}

static struct mtlspin_policy *
load(const char *path, struct sample samples[KINDS])
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    struct mtlspin_scan scan = MTLSPIN_SCAN_INIT;
    scan.context = samples;
    scan.start = forget;
    scan.rule = take;
    struct mtlspin_policy *policy = mtlspin_policy_scan(path, &scan, &error);
    if (policy == NULL)
        die(error.message);
    return policy;
}

/* A peer on its way into the evidence. */
struct peer {
    const struct mtlspin__domain *domain;
    struct mtlspin__certificate_keys leaf;
    uint8_t thumbprint[32];
};

static const struct mtlspin__domain *
find_domain(const struct mtlspin_policy *policy, const char *name)
{
    for (size_t d = 0; d < policy->domain_count; d++)
        if (strcmp(policy->domains[d].name, name) == 0)
            return &policy->domains[d];
    die("the policy has lost a domain");
}

static void
draw_digest(uint64_t *chance, uint8_t digest[32])
{
    for (size_t i = 0; i < 32; i += sizeof(uint64_t)) {
        uint64_t next = draw(chance);
        memcpy(digest + i, &next, sizeof next);
    }
}

static void
set_serial(struct mtlspin__certificate_keys *keys, const struct mtlspin_pin *serial, const uint8_t issuer[32])
{
    keys->has_issuer = mtlspin__serial_key(serial, NULL, keys->serial)
        && mtlspin__serial_key(serial, issuer, keys->issued_serial);
    if (!keys->has_issuer)
        die("no digest of a serial number");
}

/* Somebody whom no rule names. */
static struct peer
make_stranger(uint64_t *chance, const struct mtlspin__domain *domain, const uint8_t issuer[32])
{
    struct peer peer = { .domain = domain };
    struct mtlspin_pin serial = { .kind = MTLSPIN_SERIAL, .length = 16 };
    draw_digest(chance, peer.leaf.spki);
    draw_digest(chance, peer.thumbprint);
    draw_digest(chance, serial.bytes);
    serial.bytes[0] |= 1; /* no leading zero */
    memset(serial.bytes + serial.length, 0, sizeof serial.bytes - serial.length);
    set_serial(&peer.leaf, &serial, issuer);
    return peer;
}

static struct peer
make_peer(const struct named *named, const struct mtlspin__domain *domain, bool hit, uint64_t *chance)
{
    struct peer peer = make_stranger(chance, domain, named->issuer);
    struct mtlspin_pin pin = named->pin;
    pin.bytes[pin.length - 1] ^= hit ? 0 : 1;
    switch (pin.kind) {
    case MTLSPIN_SPKI: memcpy(peer.leaf.spki, pin.bytes, sizeof peer.leaf.spki); break;
    case MTLSPIN_THUMBPRINT: memcpy(peer.thumbprint, pin.bytes, sizeof peer.thumbprint); break;
    default: set_serial(&peer.leaf, &pin, named->issuer);
    }
    return peer;
}

/* A leaf, an intermediate CA and the anchor. */
static struct mtlspin__evidence
make_evidence(bool thumbprint, uint64_t *chance)
{
    struct mtlspin__evidence evidence = { .complete = true, .examined = true, .verified = true, .chain_count = 3 };
    evidence.has_thumbprint = thumbprint;
    evidence.not_after = INT64_MAX;
    for (size_t i = 1; i < evidence.chain_count; i++)
        evidence.chain[i] = make_stranger(chance, NULL, evidence.chain[0].spki).leaf;
    return evidence;
}

/* Nanoseconds for each. */
static double
decide_all(const struct mtlspin_policy *policy, struct mtlspin__evidence *evidence, const struct peer *peers, size_t count,
    bool hit)
{
    int64_t now = (int64_t)time(NULL);
    size_t allowed = 0;
    double start = processor_nanoseconds();
    for (size_t i = 0; i < count; i++) {
        evidence->chain[0] = peers[i].leaf;
        memcpy(evidence->thumbprint, peers[i].thumbprint, sizeof evidence->thumbprint);
        struct mtlspin__outcome outcome = mtlspin__decide(&policy->denials, peers[i].domain, evidence, now);
        allowed += outcome.verdict == MTLSPIN_ALLOW;
    }
    double taken = processor_nanoseconds() - start;
    if (allowed != (hit ? count : 0))
        die(hit ? "a peer was refused" : "a stranger was allowed");
    return taken / (double)count;
}

/* The middle of so many rounds. */
static double
decide_again(const struct mtlspin_policy *policy, const struct peer *peers, size_t count, bool hit, size_t rounds)
{
    uint64_t chance = 5;
    struct mtlspin__evidence evidence = make_evidence(policy->wants_thumbprint, &chance);
    double *times = room(rounds, sizeof *times);
    for (size_t i = 0; i < rounds; i++)
        times[i] = decide_all(policy, &evidence, peers, count, hit);
    double middle = median(times, rounds);
    free(times);
    return middle;
}

/* What is measured, and how it is called. */
struct plan {
    const char *name;
    const struct mtlspin_policy *policy;
    size_t rounds;
};

static void
measure(const struct plan *plan, const struct sample *sample, const char *kind, bool hit)
{
    const char *outcome = hit ? "hit" : "miss";
    size_t count = sample->count, few = count < WARM ? count : WARM;
    uint64_t chance = 2;
    struct peer *peers = room(count, sizeof *peers);
    for (size_t i = 0; i < count; i++)
        peers[i] = make_peer(&sample->rules[i], find_domain(plan->policy, sample->rules[i].domain), hit, &chance);
    figure(decide_again(plan->policy, peers, count, hit, plan->rounds), "ns", "decide-%s/%s-%s", plan->name, kind, outcome);
    figure(decide_again(plan->policy, peers, few, hit, WARM_ROUNDS), "ns", "decide-warm-%s/%s-%s", plan->name, kind,
        outcome);
    free(peers);
}

int
main(int argc, char **argv)
{
    static const char *const kinds[KINDS] = { "spki", "thumbprint", "serial" };
    struct sample samples[KINDS];
    if (argc < 3)
        die("usage: bench-decide NAME POLICY [SAMPLES [ROUNDS]]");
    size_t most = number(argc, argv, 3, 500000), rounds = number(argc, argv, 4, 5);
    for (int i = 0; i < KINDS; i++)
        samples[i] = (struct sample){ .rules = room(most, sizeof(struct named)), .most = most, .chance = 3 };
    struct mtlspin_policy *policy = load(argv[2], samples);
    const struct plan plan = { argv[1], policy, rounds };
    for (int i = 0; i < KINDS; i++) {
        if (samples[i].count == 0)
            die("the policy has no rule of a kind");
        measure(&plan, &samples[i], kinds[i], true);
        measure(&plan, &samples[i], kinds[i], false);
        free(samples[i].rules);
    }
    mtlspin_policy_unref(policy);
    return 0;
}
