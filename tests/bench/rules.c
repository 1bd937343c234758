#include "rules.h"
#include "bench.h"
#include <mtlspin/pin.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

const char *const rules_clients[] = { "alice", "client-rsa", NULL };

/* The domain in which the clients are comes second, so that the first one is tried in vain. An issuer is named as people do
   it: by the file, again and again. */
static const struct domain {
    const char *name, *anchor, *issuer;
} domains[] = {
    { "partner", PKI "/partner-ca.pem", PKI "/partner-ca.pem" },
    { "staff", PKI "/root-ca.pem", PKI "/clients-ca.pem" },
    { "guests", PKI "/other-ca.pem", PKI "/other-ca.pem" },
};
enum { DOMAINS = sizeof domains / sizeof *domains, CLIENTS_DOMAIN = 1 };

struct writer {
    FILE *file;
    enum rules_form form;
    uint64_t chance;
    size_t number; /* of the rule, for its label */
};

static void
draw_bytes(struct writer *w, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
        uint64_t next = draw(&w->chance);
        memcpy(bytes + i, &next, sizeof next);
    }
}

static unsigned
draw_below(struct writer *w, unsigned limit)
{
    return (unsigned)(draw(&w->chance) % limit);
}

static void
put_hex(struct writer *w, size_t length, const char *between)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[32 * 3 + 1], *end = text;
    uint8_t bytes[32];
    draw_bytes(w, bytes, length);
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && *between != '\0')
            *end++ = *between;
        *end++ = digits[bytes[i] >> 4];
        *end++ = digits[bytes[i] & 15];
    }
    *end = '\0';
    (void)fputs(text, w->file);
}

static void
put_spki(struct writer *w, const uint8_t digest[32])
{
    unsigned char text[48];
    (void)EVP_EncodeBlock(text, digest, 32);
    (void)fprintf(w->file, "allow spki sha256/%s", (const char *)text);
}

static void
put_label(struct writer *w)
{
    if (w->form != RULES_BARE)
        (void)fprintf(w->file, " client-%07zu", w->number);
    if (w->form == RULES_OPTIONS)
        (void)fprintf(w->file, " not-before=20%02u-%02u-%02u not-after=20%02u-%02u-%02u", 10 + draw_below(w, 15),
            1 + draw_below(w, 12), 1 + draw_below(w, 28), 50 + draw_below(w, 49), 1 + draw_below(w, 12),
            1 + draw_below(w, 28));
}

static void
put_some_spki(struct writer *w)
{
    uint8_t digest[32];
    draw_bytes(w, digest, sizeof digest);
    put_spki(w, digest);
}

static void
put_name(struct writer *w)
{
    static const char *const forms[] = {
        "allow dns host-%zu.acme.example", "allow uri spiffe://acme.example/agent/%zu", "allow email user-%zu@acme.example"
    };
    (void)fprintf(w->file, forms[draw_below(w, 3)], w->number);
}

static void
put_rule(struct writer *w, const struct domain *domain)
{
    unsigned kind = w->form == RULES_MIX ? draw_below(w, 8) : 0;
    if (kind < 4) {
        put_some_spki(w);
    } else if (kind < 6) {
        (void)fputs("allow thumbprint ", w->file);
        put_hex(w, 32, ":");
    } else if (kind == 6) {
        (void)fputs("allow serial 0x", w->file);
        put_hex(w, 16, "");
    } else {
        put_name(w);
    }
    put_label(w);
    if (kind == 6)
        (void)fprintf(w->file, " issuer=%s", domain->issuer);
    (void)fputc('\n', w->file);
    w->number++;
}

static void
put_client(struct writer *w, const char *name)
{
    char path[1024], pem[8192];
    struct mtlspin_pin pin;
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    (void)snprintf(path, sizeof path, "%s/%s.pem", PKI, name);
    FILE *file = fopen(path, "r");
    size_t length = file != NULL ? fread(pem, 1, sizeof pem, file) : 0;
    if (file == NULL || fclose(file) != 0)
        die(path);
    if (mtlspin_pin_from_pem(&pin, MTLSPIN_SPKI, pem, length, &error) != MTLSPIN_OK)
        die(error.message);
    put_spki(w, pin.bytes);
    put_label(w);
    (void)fputc('\n', w->file);
    w->number++;
}

static void
put_domain(struct writer *w, const struct domain *domain, size_t count, const char *const *clients)
{
    const char *const *next = clients;
    (void)fprintf(w->file, "[%s]\nca %s\n", domain->name, domain->anchor);
    for (size_t i = 0; i < count; i++) {
        if (i >= count / 2 && *next != NULL)
            put_client(w, *next++);
        else
            put_rule(w, domain);
    }
    if (*next != NULL)
        die("too few rules to have the clients among them");
}

void
rules_write(const struct rules *rules, const char *path)
{
    static const char *const nobody[] = { NULL };
    struct writer w = { .file = fopen(path, "w"), .form = rules->form, .chance = 1 };
    if (w.file == NULL || setvbuf(w.file, NULL, _IOFBF, 1 << 20) != 0)
        die(path);
    for (size_t d = 0, left = rules->count; d < DOMAINS; d++) {
        size_t share = left / (DOMAINS - d);
        put_domain(&w, &domains[d], share, d == CLIENTS_DOMAIN ? rules->clients : nobody);
        left -= share;
    }
    if (ferror(w.file) || fclose(w.file) != 0)
        die(path);
}
