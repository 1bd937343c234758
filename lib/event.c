/* Audit events: counted, gathered, and handed to the hook. */
#include "event.h"
#include "certificate.h"
#include "connection.h"
#include "host.h"
#include "name_text.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

/* Digests that the decision has made are in the event already. */
static void
report(const struct mtlspin_verifier *verifier, struct mtlspin_event *event, const X509 *leaf)
{
    struct mtlspin__name_text subject, issuer;
    mtlspin__name_text_make(&subject, leaf != NULL ? X509_get_subject_name(leaf) : NULL);
    mtlspin__name_text_make(&issuer, leaf != NULL ? X509_get_issuer_name(leaf) : NULL);
    event->subject = subject.text;
    event->issuer = issuer.text;
    if (leaf != NULL)
        (void)mtlspin__certificate_pin(leaf, MTLSPIN_SERIAL, &event->serial);
    if (leaf != NULL && event->thumbprint.kind == MTLSPIN_KIND_NONE)
        (void)mtlspin__certificate_pin(leaf, MTLSPIN_THUMBPRINT, &event->thumbprint);
    if (leaf != NULL && event->spki.kind == MTLSPIN_KIND_NONE)
        (void)mtlspin__certificate_pin(leaf, MTLSPIN_SPKI, &event->spki);
    verifier->hook(event, verifier->hook_user);
    mtlspin__name_text_clear(&subject);
    mtlspin__name_text_clear(&issuer);
}

/* A handshake counts as one where its peer is told of first. */
static enum mtlspin__occasion
occasion_of(const struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, const SSL *ssl)
{
    if (connection == NULL || connection->audited == verifier->number)
        return MTLSPIN__NO_HANDSHAKE;
    return SSL_session_reused(ssl) == 1 ? MTLSPIN__RESUMED : MTLSPIN__FULL;
}

void
mtlspin__connection_audit(struct mtlspin__connection *connection, const struct mtlspin_verifier *verifier, SSL *ssl,
    const struct mtlspin_decision *decision)
{
    struct mtlspin_event event = { .size = sizeof event, .decision = decision };
    char host[MTLSPIN__HOST_SIZE] = "";
    bool judged = connection != NULL && connection->judged != MTLSPIN__NOT_JUDGED;
    const X509 *leaf = judged ? connection->leaf : SSL_get0_peer_certificate(ssl);
    mtlspin__counters_count(verifier->counters, decision, occasion_of(connection, verifier, ssl));
    if (connection != NULL) {
        connection->audited = verifier->number;
        connection->audited_verdict = decision->verdict;
        connection->audited_reason = decision->reason;
        memcpy(connection->audited_label, decision->label, sizeof connection->audited_label);
    }
    if (verifier->hook == NULL)
        return;
    event.time = mtlspin__verifier_now(verifier);
    event.role = SSL_is_server(ssl) ? MTLSPIN_SERVER : MTLSPIN_CLIENT;
    event.peer_address = connection != NULL ? connection->address : "";
    if (event.role == MTLSPIN_CLIENT && (connection == NULL || connection->judged == MTLSPIN__NOT_JUDGED))
        (void)mtlspin__host_of(ssl, host);
    event.host = host[0] != '\0' || connection == NULL ? host : connection->host;
    event.protocol = SSL_get_version(ssl);
    event.resumed = SSL_session_reused(ssl) == 1;
    if (judged && connection->known != NULL)
        mtlspin__leaf_pins(connection->known, &event.spki, &event.thumbprint);
    event.tls_error = decision->reason == MTLSPIN_REASON_HANDSHAKE_FAILED ? ERR_peek_last_error() : 0;
    ERR_set_mark();
    report(verifier, &event, leaf);
    ERR_pop_to_mark();
}

void
mtlspin__event_reload(const struct mtlspin_verifier *verifier, const struct mtlspin_error *error)
{
    struct mtlspin_decision decision = MTLSPIN_DECISION_INIT;
    struct mtlspin_event event = { .size = sizeof event, .kind = MTLSPIN_EVENT_RELOAD, .decision = &decision,
        .error = error, .peer_address = "", .subject = "", .issuer = "", .protocol = "", .host = "" };
    if (verifier->hook == NULL)
        return;
    event.time = mtlspin__verifier_now(verifier);
    decision.generation = mtlspin_verifier_generation(verifier);
    verifier->hook(&event, verifier->hook_user);
}

void
mtlspin__event_sweep(const struct mtlspin_verifier *verifier, struct mtlspin_event *event,
    const struct mtlspin_decision *decision, const X509 *leaf)
{
    mtlspin__counters_count(verifier->counters, decision, MTLSPIN__SWEEP);
    if (verifier->hook == NULL)
        return;
    event->size = sizeof *event;
    event->kind = MTLSPIN_EVENT_SWEEP;
    event->time = mtlspin__verifier_now(verifier);
    event->decision = decision;
    ERR_set_mark();
    report(verifier, event, leaf);
    ERR_pop_to_mark();
}
