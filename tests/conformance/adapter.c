/* The library as a subject of the conformance runners: a case becomes a policy, and the policy is asked.

   mtlspin_evaluate decides at security level 2, for TLS clients or for the servers of a host. It is asked about clients at
   that level; the other cases (other levels, no purpose at all, servers without a host) go to the internal mtlspin__judge,
   which it wraps.

   The runner's question without pins is what path validation says. Two answers of the library are about something else,
   and are translated here; compare.py knows them by the text in `why`:
     - a CA certificate as leaf is refused whatever the rules say (CA_CERTIFICATE): the chain verdict is the X.509 error;
     - where the leaf itself is the anchor, nothing verified says who issued it, and a rule for a serial never matches. */
#include "builder.h"
#include "anchors.h"
#include "judge.h"
#include "subject.h"
#include <mtlspin/mtlspin.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *
subject_name(void)
{
    return "mtlspin " MTLSPIN_VERSION;
}

/* With or without trust settings of OpenSSL's own ("TRUSTED CERTIFICATE"). */
static X509 *
read_pem(const char *text)
{
    BIO *input = BIO_new_mem_buf(text, -1);
    X509 *certificate = PEM_read_bio_X509_AUX(input, NULL, NULL, NULL);
    BIO_free(input);
    return certificate;
}

/* The public builder refuses anchors that are not self-signed unless the chain may end there, since they would do
   nothing. In a case they may do something: carry explicit (mis)trust, or complete a chain. So its objection is dropped,
   and the store holds just what the case's does. */
static void
add_settings(struct mtlspin_builder *builder, const subj_case *c)
{
    for (size_t i = 0; i < c->ntrusted; i++)
        (void)mtlspin_builder_ca_pem(builder, c->trusted[i], strlen(c->trusted[i]), NULL);
    if ((c->flags & SUBJ_F_PARTIAL) != 0)
        (void)mtlspin_builder_partial_chain(builder, NULL);
    else if (builder->domain != NULL)
        builder->domain->anchors->incomplete[0] = '\0';
    if ((c->flags & SUBJ_F_STRICT) != 0)
        (void)mtlspin_builder_strict(builder, NULL);
    if (c->depth >= 0)
        (void)mtlspin_builder_depth(builder, (unsigned)c->depth, NULL);
}

static int
is_named(const char *pem, const char *name, char spki[MTLSPIN_PIN_TEXT_SIZE])
{
    char *text = NULL;
    struct mtlspin_pin pin;
    X509 *certificate = read_pem(pem);
    BIO *output = BIO_new(BIO_s_mem());
    int named = certificate != NULL
        && X509_NAME_print_ex(output, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0;
    long length = BIO_get_mem_data(output, &text);
    named = named && (size_t)length == strlen(name) && memcmp(text, name, (size_t)length) == 0
        && mtlspin_pin_from_x509(&pin, MTLSPIN_SPKI, certificate, NULL) == MTLSPIN_OK
        && mtlspin_pin_format(&pin, spki, MTLSPIN_PIN_TEXT_SIZE) == MTLSPIN_OK;
    BIO_free(output);
    X509_free(certificate);
    return named;
}

/* The runner names the issuer by its name, a policy by its key: every certificate of the case that bears the name will do,
   and if none does, there is no such rule. */
static void
add_serial(struct mtlspin_builder *builder, const subj_case *c, const char *text)
{
    char serial[512], spki[MTLSPIN_PIN_TEXT_SIZE];
    struct mtlspin_rule_options options = MTLSPIN_RULE_OPTIONS_INIT;
    size_t digits = strcspn(text, "|");
    options.issuer = spki;
    (void)snprintf(serial, sizeof serial, "serial=%.*s", (int)digits, text);
    for (size_t i = 0; i < c->ntrusted + c->ninter; i++)
        if (is_named(i < c->ntrusted ? c->trusted[i] : c->inter[i - c->ntrusted], text + digits + 1, spki))
            (void)mtlspin_builder_allow(builder, MTLSPIN_SERIAL, serial, NULL, &options, NULL);
}

static void
add_rule(struct mtlspin_builder *builder, const subj_case *c, const subj_pin *pin)
{
    char text[64];
    if (pin->kind == SUBJ_PIN_SERIAL_ISSUER) {
        add_serial(builder, c, pin->text);
    } else if (pin->kind == SUBJ_PIN_THUMB) {
        (void)mtlspin_builder_allow(builder, MTLSPIN_THUMBPRINT, pin->text, NULL, NULL, NULL);
    } else {
        (void)snprintf(text, sizeof text, "sha256/%s", pin->text);
        (void)mtlspin_builder_allow(builder, MTLSPIN_SPKI, text, NULL, NULL, NULL);
    }
}

/* NULL where the library cannot take the case, and says so in `error`; the first failed call stays. */
static struct mtlspin_policy *
make_policy(const subj_case *c, const subj_pin *pins, size_t count, struct mtlspin_error *error)
{
    struct mtlspin_builder *builder = mtlspin_builder_new();
    add_settings(builder, c);
    if (count == 0)
        (void)mtlspin_builder_allow(builder, MTLSPIN_ANY, NULL, NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        add_rule(builder, c, &pins[i]);
    struct mtlspin_policy *policy = mtlspin_builder_build(builder, error);
    mtlspin_builder_free(builder);
    return policy;
}

static int
answer(const struct mtlspin__judgement *judgement, int pinned, char *why, size_t size)
{
    const struct mtlspin_decision *d = &judgement->decision;
    int chain_good = d->reason == MTLSPIN_REASON_CA_CERTIFICATE && d->x509_error == X509_V_OK;
    int alone = sk_X509_num(judgement->chain.chain) == 1 && d->x509_error == X509_V_OK;
    (void)snprintf(why, size, "%s %d@%d%s", mtlspin_reason_name(d->reason), d->x509_error, d->x509_depth,
        alone ? " leaf-is-anchor" : "");
    return d->verdict == MTLSPIN_ALLOW || (!pinned && chain_good);
}

static int
judge(const subj_case *c, struct mtlspin_policy *policy, X509 *leaf, int pinned, char *why, size_t size)
{
    struct mtlspin__judgement judgement = { .decision = MTLSPIN_DECISION_INIT };
    struct mtlspin__peer peer = {
        .role = c->role == SUBJ_ROLE_SERVER_CERT ? MTLSPIN_CLIENT : MTLSPIN_SERVER,
        .leaf = leaf,
        .untrusted = sk_X509_new_null(),
        .any_purpose = c->role == SUBJ_ROLE_ANY,
        .now = c->time >= 0 ? c->time : (int64_t)time(NULL),
        .level = c->auth_level >= 0 ? c->auth_level : 2,
    };
    for (size_t i = 0; i < c->ninter; i++) {
        X509 *certificate = read_pem(c->inter[i]);
        if (certificate != NULL)
            (void)sk_X509_push(peer.untrusted, certificate);
    }
    mtlspin__judge(policy, &peer, 0, &judgement);
    if (c->role == SUBJ_ROLE_CLIENT_CERT && peer.level == 2)
        judgement.decision.verdict = mtlspin_evaluate(policy, leaf, peer.untrusted, MTLSPIN_SERVER, NULL, peer.now,
            &judgement.decision);
    int accepted = answer(&judgement, pinned, why, size);
    mtlspin__judgement_clear(&judgement);
    sk_X509_pop_free(peer.untrusted, X509_free);
    return accepted;
}

int
subject_verify(const subj_case *c, const subj_pin *pins, size_t npins, char *why, size_t whylen)
{
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    if (c->ncrls > 0 || c->peer_name != NULL) {
        (void)snprintf(why, whylen, "CRLs and host names are not judged yet");
        return -1;
    }
    struct mtlspin_policy *policy = make_policy(c, pins, npins, &error);
    X509 *leaf = read_pem(c->leaf);
    int accepted = -1;
    (void)snprintf(why, whylen, "%s", policy == NULL ? error.message : "the leaf cannot be read");
    if (policy != NULL && leaf != NULL)
        accepted = judge(c, policy, leaf, npins > 0, why, whylen);
    else if (npins > 0)
        accepted = 0; /* a policy that cannot be built lets nobody in */
    X509_free(leaf);
    mtlspin_policy_unref(policy);
    return accepted;
}
