/* Policy lines, and the labels proposed in them. */
#include "lines.h"
#include "facts.h"
#include "names.h"
#include <mtlspin/decision.h>
#include <mtlspin/text.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_SIZE = 128, QUOTED_SIZE = 2 * LABEL_SIZE + 2, LINE_SIZE = 1024 };

bool
is_label(const char *text)
{
    char shown[LABEL_SIZE];
    size_t length = strlen(text);
    return length > 0 && length < sizeof shown && strspn(text, " ") < length
        && strcmp(mtlspin_text_show(text, length, shown, sizeof shown), text) == 0;
}

/* Labels. A name that cannot be one as it stands is passed over, not mended: it would be somebody else's. */

/* Blanks that are no plain space; those of U+2000 to U+200A begin with the same bytes. */
static bool
has_odd_blank(const char *text)
{
    static const char *const blanks[] = { "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xaf", "\xe2\x81\x9f",
        "\xe2\xa0\x80", "\xe3\x80\x80" };
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        if (strstr(text, blanks[i]) != NULL)
            return true;
    for (const char *at = text; (at = strstr(at, "\xe2\x80")) != NULL; at += 2)
        if ((unsigned char)at[2] <= 0x8a)
            return true;
    return false;
}

/* What a terminal wraps at its edge stands at the beginning of a row: with blanks to fill the row above, or a '#' to hide
   what follows, a part of a label could be taken for a line of its own. */
static bool
is_proposal(const char *text)
{
    return is_label(text) && strstr(text, "  ") == NULL && strchr(text, '#') == NULL && !has_odd_blank(text);
}

static bool
names_a_peer(const json_t *type)
{
    const char *text = json_string_value(type);
    return strcmp(text, "dns") == 0 || strcmp(text, "email") == 0 || strcmp(text, "uri") == 0 || strcmp(text, "ip") == 0;
}

static const json_t *
usable_alternative(const json_t *facts)
{
    size_t i = 0;
    const json_t *name = NULL;
    json_array_foreach(json_object_get(facts, "names"), i, name) {
        const json_t *value = json_object_get(name, "value");
        if (names_a_peer(json_object_get(name, "type")) && is_proposal(json_string_value(value))
            && strpbrk(json_string_value(value), "?(") == NULL) /* they stand for what cannot be shown */
            return value;
    }
    return NULL;
}

static const X509_NAME *
subject_of(const struct thing *thing)
{
    if (thing->request != NULL)
        return X509_REQ_get_subject_name(thing->request);
    return thing->certificate != NULL ? X509_get_subject_name(thing->certificate) : NULL;
}

static void
propose_label(const struct thing *thing, const json_t *facts, char *label)
{
    struct mtlspin_pin pin = key_pin(thing);
    const X509_NAME *subject = subject_of(thing);
    json_t *common = subject != NULL ? common_name(subject) : NULL;
    const json_t *name = common != NULL && is_proposal(json_string_value(common)) ? common : usable_alternative(facts);
    if (name != NULL)
        (void)snprintf(label, LABEL_SIZE, "%s", json_string_value(name));
    else
        (void)snprintf(label, LABEL_SIZE, "key-%02x%02x%02x%02x", pin.bytes[0], pin.bytes[1], pin.bytes[2], pin.bytes[3]);
    json_decref(common);
}

/* A key has the name of its certificate, if that is beside it. */
static void
find_label(const struct lines *lines, const struct things *things, const struct thing *thing, const json_t *facts,
    char *label)
{
    struct mtlspin_pin pin = key_pin(thing);
    if (lines->label != NULL) {
        (void)snprintf(label, LABEL_SIZE, "%s", lines->label);
        return;
    }
    for (size_t i = 0; i < things->count && thing->key != NULL; i++) {
        const struct thing *other = &things->list[i];
        struct mtlspin_pin others = key_pin(other);
        if (other->certificate != NULL && mtlspin_pin_equal(&pin, &others)) {
            propose_label(other, NULL, label);
            return;
        }
    }
    propose_label(thing, facts, label);
}

/* As a word of a policy: bare where nothing in it could mean anything else. */
static void
quote(const char *label, char *quoted)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@/:";
    if (label[strspn(label, plain)] == '\0') {
        (void)snprintf(quoted, QUOTED_SIZE, "%s", label);
        return;
    }
    *quoted++ = '"';
    for (; *label != '\0'; label++) {
        if (*label == '"' || *label == '\\')
            *quoted++ = '\\';
        *quoted++ = *label;
    }
    *quoted++ = '"';
    *quoted = '\0';
}

/* Lines. */

/* What the lines of one thing are made of. */
struct draft {
    struct lines *lines;
    json_t *facts, *made, *notes;
    char label[LABEL_SIZE], quoted[QUOTED_SIZE];
    bool active; /* the label is the operator's, and this thing is meant by it */
    bool sent;   /* by a server, of which nobody has said that it is a CA */
    bool again;  /* a line stands above already */
};

static bool
is_wanted(const struct draft *draft, const char *as)
{
    return draft->lines->as == NULL || strcmp(draft->lines->as, as) == 0;
}

static void
note(struct draft *draft, const char *text)
{
    (void)json_array_append_new(draft->notes, json_string(text));
}

static void
add_line(struct draft *draft, const char *words, const char *value, const char *issuer)
{
    char key[LINE_SIZE], line[LINE_SIZE];
    if (value == NULL)
        return;
    (void)snprintf(key, sizeof key, "%s %s%s", words, value, issuer != NULL ? issuer : "");
    if (json_object_get(draft->lines->seen, key) != NULL) {
        draft->again = true;
        return;
    }
    (void)json_object_set_new(draft->lines->seen, key, json_true());
    bool active = draft->active && strncmp(words, "deny", 4) != 0
        && !(draft->sent && strcmp(words, "allow ca-spki") == 0);
    (void)snprintf(line, sizeof line, "%s%s %s %s%s%s", active ? "" : "# ", words, value, draft->quoted,
        issuer != NULL ? " issuer=" : "", issuer != NULL ? issuer : "");
    (void)json_array_append_new(draft->made, json_string(line));
}

static const char *
fact(const struct draft *draft, const char *key)
{
    return json_string_value(json_object_get(draft->facts, key));
}

static void
add_serial(struct draft *draft)
{
    const char *serial = fact(draft, "serial"), *issuer = fact(draft, "issuer_spki"), *name = fact(draft, "issuer");
    if (serial != NULL && issuer != NULL) {
        add_line(draft, "allow serial", serial, issuer);
    } else if (serial == NULL) {
        note(draft, "no `allow serial` line: the serial number is longer than any that a policy can name");
    } else {
        const char *other = draft->lines->other;
        json_t *shown = other != NULL ? shown_text(other, strlen(other)) : NULL;
        json_t *text = json_sprintf("allow serial %s: %s%s Give the certificate of its issuer by --issuer FILE: %s", serial,
            shown != NULL ? json_string_value(shown) : "which CA?", shown != NULL ? " did not issue it." : "",
            name != NULL ? name : "");
        json_decref(shown);
        if (text != NULL)
            (void)json_array_append_new(draft->notes, text);
    }
}

static void
add_own(struct draft *draft)
{
    if (is_wanted(draft, "allow-spki"))
        add_line(draft, "allow spki", fact(draft, "spki"), NULL);
    if (is_wanted(draft, "allow-thumbprint"))
        add_line(draft, "allow thumbprint", fact(draft, "thumbprint"), NULL);
}

/* A peer's certificate, or a key that could have one. */
static void
add_peer(struct draft *draft, const struct thing *thing)
{
    add_own(draft);
    if (thing->certificate != NULL && is_wanted(draft, "allow-serial"))
        add_serial(draft);
}

/* A CA's certificate is a peer's under `chain none` alone: not one that stands beside the peer's own, nor one that another
   CA has issued. */
static void
add_ca(struct draft *draft, const struct thing *thing, bool beside)
{
    bool own = X509_NAME_cmp(X509_get_subject_name(thing->certificate), X509_get_issuer_name(thing->certificate)) == 0;
    if (draft->lines->as == NULL) {
        note(draft, "`allow ca-spki` lets in everybody below this CA; `ca FILE` trusts it, and then other lines say who "
            "gets in");
        add_line(draft, "allow ca-spki", fact(draft, "spki"), NULL);
    }
    if (beside || (!own && draft->lines->as == NULL))
        return;
    if (draft->lines->as == NULL)
        note(draft, "`allow spki` and `allow thumbprint` of a CA's certificate are for domains with `chain none`");
    add_own(draft);
}

/* What cannot be told from the lines alone. */

/* Whether lines under the operator's label can be for it: not for a CA beside its peer. */
static bool
is_meant(const struct lines *lines, const struct thing *thing)
{
    return !(is_ca(thing) && lines->peers) && key_pin(thing).kind != MTLSPIN_KIND_NONE;
}

/* Whether two things that can be meant have two keys. */
static bool
are_several(const struct lines *lines, const struct things *things)
{
    struct mtlspin_pin first = { 0 };
    for (size_t i = 0; i < things->count; i++) {
        struct mtlspin_pin pin = key_pin(&things->list[i]);
        if (!is_meant(lines, &things->list[i]))
            continue;
        if (first.kind != MTLSPIN_KIND_NONE && !mtlspin_pin_equal(&first, &pin))
            return true;
        first = pin;
    }
    return false;
}

/* A request that its key has not signed says nothing about who has the key. */
static bool
has_bad_request(const struct things *things)
{
    for (size_t i = 0; i < things->count; i++) {
        X509_REQ *request = things->list[i].request;
        if (request != NULL && X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1)
            return true;
    }
    return false;
}

static void
doubt(struct lines *lines, const struct things *things)
{
    const struct thing *first = things->list;
    lines->doubt[0] = '\0';
    if (things->count == 0)
        return;
    if (first->trust == NOT_VERIFIED)
        (void)snprintf(lines->doubt, sizeof lines->doubt, "not verified (%s); compare the pin with what its operator tells "
            "you", first->distrust);
    else if (has_bad_request(things))
        (void)snprintf(lines->doubt, sizeof lines->doubt, "the request is not signed by its own key, so nothing shows that "
            "its sender has the key; have it made again");
    else if (lines->label != NULL && are_several(lines, things))
        (void)snprintf(lines->doubt, sizeof lines->doubt, "%s", first->trust == VERIFIED
            ? "it sends more than its own certificate and those of CAs: only the line of its own, the first, is active"
            : "there are several keys in it, and --label is for one: their lines are commented out; give a file for each, "
              "or take the \"# \" away where you know whose it is");
}

void
lines_begin(struct lines *lines, const struct things *things)
{
    lines->peers = false;
    for (size_t i = 0; i < things->count && !lines->peers; i++)
        lines->peers = things->list[i].request != NULL
            || (things->list[i].certificate != NULL && !is_ca(&things->list[i]));
    doubt(lines, things);
}

/* Whose line may be active. */
static bool
is_certain(const struct lines *lines, const struct things *things, const struct thing *thing)
{
    return thing->trust == NOT_SENT ? lines->doubt[0] == '\0' : thing == things->list && thing->trust == VERIFIED;
}

size_t
lines_add(struct lines *lines, const struct things *things, const struct thing *thing, json_t *facts)
{
    bool ca = is_ca(thing), beside = ca && lines->peers;
    struct draft draft = { .lines = lines, .facts = facts, .made = json_array(), .notes = json_array(),
        .active = lines->label != NULL && !beside && is_certain(lines, things, thing),
        .sent = thing->trust != NOT_SENT };
    if (thing->kind == REVOCATION_LIST || thing->kind == PARAMETERS) {
        note(&draft, thing->kind == PARAMETERS ? "parameters name no key, so they have no pin; give the key or certificate"
            : "a revocation list has no pin; a policy names its file by `crl FILE`");
    } else {
        bool named = draft.active || (draft.sent && thing == things->list && !beside); /* it is meant, verified or not */
        struct lines proposing = { .label = named ? lines->label : NULL };
        find_label(&proposing, things, thing, facts, draft.label);
        quote(draft.label, draft.quoted);
        if (ca)
            add_ca(&draft, thing, beside);
        else
            add_peer(&draft, thing);
        if (lines->as == NULL)
            add_line(&draft, "deny spki", fact(&draft, "spki"), NULL);
    }
    if (lines->label != NULL && !draft.active && is_meant(lines, thing) && lines->doubt[0] != '\0')
        note(&draft, lines->doubt);
    if (draft.again)
        note(&draft, "what is missing here stands above already");
    size_t count = json_array_size(draft.made);
    (void)json_object_set_new(facts, "policy_lines", draft.made);
    (void)json_object_set_new(facts, "notes", draft.notes);
    return count + draft.again;
}
