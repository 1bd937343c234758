#include "subject.h"
#include "names.h"
#include <mtlspin/text.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What was written to `memory`, fit to be shown and cut to fit. Takes `memory`. */
static const char *
show(BIO *memory, bool good, const char *otherwise, char buffer[SUBJECT_SIZE])
{
    static const char more[] = "…";
    char *text = NULL;
    long length = good ? BIO_get_mem_data(memory, &text) : 0;
    (void)mtlspin_text_show(length > 0 ? text : otherwise, length > 0 ? (size_t)length : strlen(otherwise), buffer,
        SUBJECT_SIZE - sizeof more);
    if (length >= SUBJECT_SIZE - (long)sizeof more)
        memcpy(buffer + strlen(buffer), more, sizeof more);
    BIO_free(memory);
    ERR_clear_error();
    return buffer;
}

const char *
subject_text(const X509_NAME *name, char buffer[SUBJECT_SIZE])
{
    static const unsigned long style = (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) | ASN1_STRFLGS_UTF8_CONVERT;
    BIO *memory = BIO_new(BIO_s_mem());
    bool good = memory != NULL && X509_NAME_print_ex(memory, name, 0, style) >= 0;
    return show(memory, good, good ? "(no name)" : "(unreadable)", buffer);
}

const char *
subject_of(const X509 *certificate, char buffer[SUBJECT_SIZE])
{
    return subject_text(X509_get_subject_name(certificate), buffer);
}

const char *
subject_pin(const X509 *certificate, enum mtlspin_kind kind, char buffer[MTLSPIN_PIN_TEXT_SIZE])
{
    struct mtlspin_pin pin;
    if (mtlspin_pin_from_x509(&pin, kind, certificate, NULL) != MTLSPIN_OK
        || mtlspin_pin_format(&pin, buffer, MTLSPIN_PIN_TEXT_SIZE) != MTLSPIN_OK)
        (void)snprintf(buffer, MTLSPIN_PIN_TEXT_SIZE, "(unreadable)");
    return buffer;
}

json_t *
subject_names(const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    json_t *all = shown_alternatives(names);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return all;
}

static const char *
broken_down(const struct tm *parts, char buffer[MOMENT_SIZE])
{
    (void)snprintf(buffer, MOMENT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts->tm_year + 1900, parts->tm_mon + 1,
        parts->tm_mday, parts->tm_hour, parts->tm_min, parts->tm_sec);
    return buffer;
}

const char *
subject_moment(int64_t seconds, char buffer[MOMENT_SIZE])
{
    static const int64_t last = 253402300799; /* of the year 9999 */
    time_t moment = (time_t)seconds;
    struct tm parts = { 0 };
    if (seconds >= -62167219200 && seconds <= last && gmtime_r(&moment, &parts) != NULL)
        return broken_down(&parts, buffer);
    (void)snprintf(buffer, MOMENT_SIZE, "for ever");
    return buffer;
}

const char *
subject_date(const ASN1_TIME *date, char buffer[MOMENT_SIZE])
{
    struct tm parts = { 0 };
    if (ASN1_TIME_to_tm(date, &parts) == 1)
        return broken_down(&parts, buffer);
    (void)snprintf(buffer, MOMENT_SIZE, "(unreadable)");
    return buffer;
}
