/* An event as one line of JSON: bounded, without allocation, harmless wherever it is shown. */
#include "utf8.h"
#include <mtlspin/audit.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Output bytes of one text, so that all of them fit into MTLSPIN_EVENT_JSON_SIZE whatever a peer calls itself. */
enum { LONG_TEXT = 1500, SHORT_TEXT = 800 };

struct writer {
    char *at;
    size_t room; /* without the terminator */
};

static void
put(struct writer *w, const char *text, size_t length)
{
    if (length > w->room)
        length = w->room;
    memcpy(w->at, text, length);
    w->at += length;
    w->room -= length;
}

static void
put_text(struct writer *w, const char *text)
{
    put(w, text, strlen(text));
}

static bool
must_escape(uint32_t code)
{
    return code == '"' || code == '\\' || code == '<' || code == '>' || code == '&' || mtlspin__utf8_harmful(code);
}

enum { ESCAPED = 16 }; /* bytes that hold one character in any form */

/* What stands for the character at `text`; `step` is its length there. */
static size_t
escape(const char *text, size_t length, size_t *step, char out[ESCAPED])
{
    uint32_t code = 0;
    *step = mtlspin__utf8_next(text, length, &code);
    if (*step == 0) {
        *step = 1;
        code = 0xfffd;
    } else if (!must_escape(code)) {
        memcpy(out, text, *step);
        return *step;
    }
    if (code < 0x10000)
        return (size_t)snprintf(out, ESCAPED, "\\u%04x", (unsigned)(code & 0xffff));
    code -= 0x10000; /* two surrogates (RFC 8259, 7) */
    return (size_t)snprintf(out, ESCAPED, "\\u%04x\\u%04x", (unsigned)(0xd800 | (code >> 10 & 0x3ff)),
        (unsigned)(0xdc00 | (code & 0x3ff)));
}

static void
put_string(struct writer *w, const char *name, const char *text, size_t most)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    char out[ESCAPED];
    size_t length = text != NULL ? strlen(text) : 0, used = 0;
    put_text(w, ",\"");
    put_text(w, name);
    put_text(w, "\":\"");
    for (size_t at = 0, step; at < length; at += step) {
        size_t size = escape(text + at, length - at, &step, out);
        if (used + size > most) {
            put_text(w, ellipsis);
            break;
        }
        put(w, out, size);
        used += size;
    }
    put_text(w, "\"");
}

static void
put_number(struct writer *w, const char *name, uint64_t number)
{
    char text[64];
    (void)snprintf(text, sizeof text, ",\"%s\":%llu", name, (unsigned long long)number);
    put_text(w, text);
}

static void
put_pin(struct writer *w, const char *name, const struct mtlspin_pin *pin)
{
    char text[MTLSPIN_PIN_TEXT_SIZE] = "";
    if (pin->kind == MTLSPIN_KIND_NONE || mtlspin_pin_format(pin, text, sizeof text) != MTLSPIN_OK)
        text[0] = '\0';
    put_string(w, name, text, sizeof text);
}

static void
put_time(struct writer *w, int64_t seconds)
{
    char text[64] = "";
    struct tm parts;
    time_t moment = (time_t)seconds;
    if (gmtime_r(&moment, &parts) != NULL && parts.tm_year >= -900 && parts.tm_year <= 8099)
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    put_text(w, "{\"time\":\"");
    put_text(w, text);
    put_text(w, "\"");
}

static void
put_decision(struct writer *w, const struct mtlspin_decision *d)
{
    put_string(w, "verdict", d->verdict == MTLSPIN_ALLOW ? "allow" : "deny", SHORT_TEXT);
    put_string(w, "reason", mtlspin_reason_name(d->reason), SHORT_TEXT);
    put_string(w, "label", d->label, SHORT_TEXT);
    put_string(w, "rule_label", d->rule_label, SHORT_TEXT);
    put_string(w, "domain", d->domain, SHORT_TEXT);
    put_number(w, "line", d->line);
    put_number(w, "generation", d->generation);
}

static void
put_x509_error(struct writer *w, const struct mtlspin_decision *d)
{
    put_number(w, "x509_error", (uint64_t)(d->x509_error < 0 ? 0 : d->x509_error));
    put_number(w, "x509_depth", (uint64_t)(d->x509_depth < 0 ? 0 : d->x509_depth));
    if (d->x509_error != X509_V_OK)
        put_string(w, "x509_text", X509_verify_cert_error_string(d->x509_error), SHORT_TEXT / 4);
}

/* Without libssl's texts loaded, the number has to do. */
static void
put_tls_error(struct writer *w, unsigned long code)
{
    char number[32];
    const char *text = ERR_reason_error_string(code);
    (void)snprintf(number, sizeof number, "error %08lX", code);
    put_string(w, "tls_error", text != NULL ? text : number, SHORT_TEXT / 4);
}

static const char *
role_name(enum mtlspin_role role)
{
    return role == MTLSPIN_SERVER ? "server" : role == MTLSPIN_CLIENT ? "client" : "";
}

static void
put_reload(struct writer *w, const struct mtlspin_event *event)
{
    char text[1024] = "";
    enum mtlspin_status status = event->error != NULL ? event->error->code : MTLSPIN_OK;
    put_string(w, "event", "reload", SHORT_TEXT);
    put_string(w, "status", mtlspin_status_name(status), SHORT_TEXT);
    if (status != MTLSPIN_OK)
        put_string(w, "error", mtlspin_error_format(event->error, text, sizeof text), LONG_TEXT);
    put_number(w, "generation", event->decision->generation);
    put_text(w, "}");
}

size_t
mtlspin_event_json(const struct mtlspin_event *event, char *buffer, size_t size)
{
    if (buffer != NULL && size > 0)
        buffer[0] = '\0';
    if (buffer == NULL || size < MTLSPIN_EVENT_JSON_SIZE || event == NULL || event->size != sizeof *event
        || event->decision == NULL || event->decision->size != sizeof *event->decision)
        return 0;
    struct writer w = { buffer, MTLSPIN_EVENT_JSON_SIZE - 1 };
    put_time(&w, event->time);
    if (event->kind == MTLSPIN_EVENT_RELOAD) {
        put_reload(&w, event);
        *w.at = '\0';
        return (size_t)(w.at - buffer);
    }
    if (event->kind == MTLSPIN_EVENT_SWEEP)
        put_string(&w, "event", "sweep", SHORT_TEXT);
    put_decision(&w, event->decision);
    put_string(&w, "role", role_name(event->role), SHORT_TEXT);
    put_string(&w, "peer_address", event->peer_address, SHORT_TEXT);
    if (event->host != NULL && event->host[0] != '\0')
        put_string(&w, "host", event->host, SHORT_TEXT / 2);
    put_string(&w, "subject", event->subject, LONG_TEXT);
    put_pin(&w, "serial", &event->serial);
    put_string(&w, "issuer", event->issuer, LONG_TEXT);
    put_pin(&w, "thumbprint", &event->thumbprint);
    put_pin(&w, "spki", &event->spki);
    put_x509_error(&w, event->decision);
    put_string(&w, "protocol", event->protocol, SHORT_TEXT / 8);
    put_text(&w, event->resumed ? ",\"resumed\":true" : ",\"resumed\":false");
    if (event->tls_error != 0)
        put_tls_error(&w, event->tls_error);
    put_text(&w, "}");
    *w.at = '\0';
    return (size_t)(w.at - buffer);
}
