/* Pins as values: compared and printed. */
#include "encoding.h"
#include <mtlspin/pin.h>
#include <string.h>

/* memcmp on purpose: pins are digests of public data, there is nothing to learn from timing. */
int
mtlspin_pin_equal(const struct mtlspin_pin *a, const struct mtlspin_pin *b)
{
    return a != NULL && b != NULL && a->kind != MTLSPIN_KIND_NONE && a->kind == b->kind && a->negative == b->negative
        && a->length == b->length && a->length <= sizeof a->bytes && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static void
write_spki(const struct mtlspin_pin *pin, char *text)
{
    static const char prefix[] = "sha256/";
    memcpy(text, prefix, sizeof prefix - 1);
    mtlspin__base64_encode_digest(text + sizeof prefix - 1, pin->bytes);
}

static void
write_serial(const struct mtlspin_pin *pin, char *text)
{
    static const uint8_t zero[1] = { 0 };
    if (pin->negative)
        *text++ = '-';
    *text++ = '0';
    *text++ = 'x';
    mtlspin__hex_encode(text, pin->length == 0 ? zero : pin->bytes, pin->length == 0 ? 1 : pin->length, '\0');
}

enum mtlspin_status
mtlspin_pin_format(const struct mtlspin_pin *pin, char *buffer, size_t size)
{
    char text[MTLSPIN_PIN_TEXT_SIZE] = "";
    if (buffer == NULL || size == 0)
        return MTLSPIN_ERR_ARGUMENT;
    buffer[0] = '\0';
    if (pin == NULL || pin->length > sizeof pin->bytes)
        return MTLSPIN_ERR_ARGUMENT;
    if (pin->kind == MTLSPIN_SERIAL)
        write_serial(pin, text);
    else if (pin->kind == MTLSPIN_SPKI && pin->length == MTLSPIN_DIGEST_SIZE)
        write_spki(pin, text);
    else if (pin->kind == MTLSPIN_THUMBPRINT && pin->length == MTLSPIN_DIGEST_SIZE)
        mtlspin__hex_encode(text, pin->bytes, pin->length, ':');
    else
        return MTLSPIN_ERR_ARGUMENT;
    if (strlen(text) >= size)
        return MTLSPIN_ERR_ARGUMENT;
    memcpy(buffer, text, strlen(text) + 1);
    return MTLSPIN_OK;
}
