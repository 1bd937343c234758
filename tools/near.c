#include "near.h"
#include <stdlib.h>
#include <string.h>

static size_t
bit_of(const struct mtlspin_pin *digest)
{
    return (size_t)digest->bytes[0] << 8 | digest->bytes[1];
}

static void
mark(struct near *near, const struct mtlspin_pin *digest)
{
    near->digests[bit_of(digest) / 8] |= (uint8_t)(1U << bit_of(digest) % 8);
}

static bool
maybe(const struct near *near, const struct mtlspin_pin *digest)
{
    return (near->digests[bit_of(digest) / 8] & 1U << bit_of(digest) % 8) != 0;
}

static bool
know(struct near *near, X509 *certificate)
{
    struct known *list = realloc(near->known, (near->known_count + 1) * sizeof *list);
    if (list == NULL)
        return false;
    near->known = list;
    struct known *known = &list[near->known_count];
    memset(known, 0, sizeof *known);
    (void)!mtlspin_pin_from_x509(&known->spki, MTLSPIN_SPKI, certificate, NULL); /* what fails is no kind of pin, and no */
    (void)!mtlspin_pin_from_x509(&known->thumbprint, MTLSPIN_THUMBPRINT, certificate, NULL); /* rule equals it */
    (void)!mtlspin_pin_from_x509(&known->serial, MTLSPIN_SERIAL, certificate, NULL);
    if (!X509_up_ref(certificate))
        return false;
    known->certificate = certificate;
    near->known_count++;
    mark(near, &known->spki);
    mark(near, &known->thumbprint);
    return true;
}

bool
near_start(struct near *near, const struct presented *presented)
{
    bool good = know(near, presented->leaf);
    for (int i = 0; good && i < sk_X509_num(presented->sent); i++)
        good = know(near, sk_X509_value(presented->sent, i));
    near->presented = near->known_count;
    return good && near_names_read(&near->names, presented->leaf);
}

void
near_restart(struct near *near)
{
    while (near->known_count > near->presented)
        X509_free(near->known[--near->known_count].certificate);
    near->rule_count = 0;
    near->lost = false;
}

void
near_add_anchor(struct near *near, X509 *certificate)
{
    near->lost |= !know(near, certificate);
}

static bool
same_digest(const struct mtlspin_pin *a, const struct mtlspin_pin *b)
{
    return b->kind != MTLSPIN_KIND_NONE && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The certificate whose key or whose own hash it is; `known_count` if nobody's. */
static size_t
find_digest(const struct near *near, const struct mtlspin_pin *digest, bool *key)
{
    size_t i = maybe(near, digest) ? 0 : near->known_count;
    for (; i < near->known_count; i++) {
        *key = same_digest(digest, &near->known[i].spki);
        if (*key || same_digest(digest, &near->known[i].thumbprint))
            break;
    }
    return i;
}

static enum bond
bond_of_digest(const struct near *near, const struct mtlspin_scan_rule *rule, size_t *known)
{
    bool key = false, wants_key = rule->kind != MTLSPIN_THUMBPRINT;
    *known = find_digest(near, &rule->pin, &key);
    if (*known == near->known_count)
        return BOND_NONE;
    if (key != wants_key)
        return BOND_SWAPPED;
    if (rule->kind == MTLSPIN_CA_SPKI)
        return *known == 0 ? BOND_OWN_KEY : BOND_NAMES;
    return *known == 0 || rule->domain == NULL ? BOND_NAMES : BOND_ANOTHER;
}

/* A denied serial number may be any certificate's of the chain. */
static enum bond
bond_of_serial(const struct near *near, const struct mtlspin_scan_rule *rule, size_t *known)
{
    size_t last = rule->domain == NULL ? near->known_count : 1;
    for (*known = 0; *known < last; (*known)++)
        if (mtlspin_pin_equal(&rule->pin, &near->known[*known].serial))
            return BOND_NAMES;
    return BOND_NONE;
}

static enum bond
bond_of(const struct near *near, const struct mtlspin_scan_rule *rule, struct near_rule *out)
{
    switch (rule->kind) {
    case MTLSPIN_SPKI:
    case MTLSPIN_THUMBPRINT:
    case MTLSPIN_CA_SPKI: return bond_of_digest(near, rule, &out->known);
    case MTLSPIN_SERIAL: return bond_of_serial(near, rule, &out->known);
    case MTLSPIN_ANY: return BOND_NAMES;
    default: break;
    }
    out->likeness = near_names_find(&near->names, rule->kind, rule->name);
    if (out->likeness == LIKE_NOTHING)
        return BOND_NONE;
    return out->likeness == LIKE_SAME ? BOND_NAMES : BOND_NAME;
}

/* Room for one more: at every power of two there is twice as much. */
static struct near_rule *
room_for_rule(struct near *near)
{
    size_t count = near->rule_count;
    if ((count & (count - 1)) != 0)
        return &near->rules[count];
    struct near_rule *rules = realloc(near->rules, (count > 0 ? count * 2 : 1) * sizeof *rules);
    if (rules == NULL)
        return NULL;
    near->rules = rules;
    return &rules[count];
}

static void
copy_text(char *to, size_t size, const char *from)
{
    size_t length = from != NULL ? strnlen(from, size - 1) : 0;
    memcpy(to, from != NULL ? from : "", length);
    to[length] = '\0';
}

void
near_add_rule(struct near *near, const struct mtlspin_scan_rule *rule)
{
    struct near_rule found = { .known = 0 };
    found.bond = bond_of(near, rule, &found);
    if (found.bond == BOND_NONE)
        return;
    struct near_rule *room = room_for_rule(near);
    near->lost |= room == NULL;
    if (room == NULL)
        return;
    copy_text(found.domain, sizeof found.domain, rule->domain);
    copy_text(found.label, sizeof found.label, rule->label);
    found.denial = rule->domain == NULL;
    found.kind = rule->kind;
    found.spiffe = rule->kind == MTLSPIN_URI && strncmp(rule->name, "spiffe:", 7) == 0;
    found.has_issuer = rule->issuer != NULL;
    if (rule->issuer != NULL)
        memcpy(found.issuer, rule->issuer, sizeof found.issuer);
    found.not_before = rule->not_before;
    found.not_after = rule->not_after;
    found.line = rule->line;
    found.column = rule->column;
    *room = found;
    near->rule_count++;
}

void
near_clear(struct near *near)
{
    near->presented = 0;
    near_restart(near);
    near_names_clear(&near->names);
    free(near->known);
    free(near->rules);
    memset(near, 0, sizeof *near);
}
