#include "policy_text.h"
#include "pki.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static void
pin_text(const char *kind, const char *name, char text[MTLSPIN_PIN_TEXT_SIZE])
{
    struct mtlspin_pin pin;
    X509 *certificate = pki_certificate(name);
    enum mtlspin_kind wanted = strcmp(kind, "spki") == 0 ? MTLSPIN_SPKI
        : strcmp(kind, "thumbprint") == 0                ? MTLSPIN_THUMBPRINT
                                                         : MTLSPIN_SERIAL;
    ck_assert_int_eq(mtlspin_pin_from_x509(&pin, wanted, certificate, NULL), MTLSPIN_OK);
    ck_assert_int_eq(mtlspin_pin_format(&pin, text, MTLSPIN_PIN_TEXT_SIZE), MTLSPIN_OK);
    X509_free(certificate);
}

/* Writes what stands for the place at `at`, and returns its length there; 0 if it is no place but a plain '@'. */
static size_t
fill(const char *at, char *out, size_t room)
{
    char kind[16] = "", name[64] = "", pin[MTLSPIN_PIN_TEXT_SIZE] = "";
    int length = 0;
    if (strncmp(at, "@pki@", 5) == 0) {
        (void)snprintf(out, room, "%s", PKI);
        return 5;
    }
    if (sscanf(at, "@%15[a-z]:%63[a-z0-9-]@%n", kind, name, &length) != 2 || length == 0)
        return 0;
    pin_text(kind, name, pin);
    (void)snprintf(out, room, "%s", pin);
    return (size_t)length;
}

char *
policy_text(const char *text)
{
    size_t room = strlen(text) * 16 + 4096, used = 0;
    char *out = malloc(room);
    ck_assert_ptr_nonnull(out);
    while (*text != '\0') {
        size_t step = *text == '@' ? fill(text, out + used, room - used) : 0;
        if (step == 0) {
            out[used++] = *text++;
            continue;
        }
        used += strlen(out + used);
        text += step;
        ck_assert_uint_lt(used + 512, room);
    }
    out[used] = '\0';
    return out;
}

struct mtlspin_policy *
policy_of(const char *text)
{
    char line[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    char *filled = policy_text(text);
    struct mtlspin_policy *policy = mtlspin_policy_parse(filled, strlen(filled), "test.policy", &error);
    ck_assert_msg(policy != NULL, "%s", mtlspin_error_format(&error, line, sizeof line));
    free(filled);
    return policy;
}
