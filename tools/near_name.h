/* The names in a certificate, and which of them a rule nearly has. */
#ifndef MTLSPIN_TOOLS_NEAR_NAME_H
#define MTLSPIN_TOOLS_NEAR_NAME_H

#include <mtlspin/pin.h>
#include <openssl/x509.h>
#include <stdbool.h>

/* How a rule's name resembles a name of the certificate, the closest last. */
enum likeness {
    LIKE_NOTHING,
    LIKE_COMMON_NAME,   /* it is in the subject's common name alone */
    LIKE_SUBJECT_EMAIL, /* in the subject's emailAddress alone */
    LIKE_OTHER_KIND,    /* among the alternative names, but as one of another kind */
    LIKE_WILDCARD,      /* a wildcard of the certificate covers it */
    LIKE_OTHER_CASE,    /* but for upper and lower case */
    LIKE_SAME
};

struct near_name {
    enum mtlspin_kind kind; /* MTLSPIN_EMAIL, _URI, _DNS */
    bool subject;           /* of the subject: the common name (_DNS) or emailAddress (_EMAIL) */
    char *text;             /* as it is compared */
};

struct near_names {
    struct near_name *list;
    size_t count;
    size_t uris; /* among the alternative names */
};

/* false if out of memory. Release with near_names_clear in any case. */
bool near_names_read(struct near_names *names, const X509 *certificate);
void near_names_clear(struct near_names *names);

/* How a rule's name, as it is compared, is among them. */
enum likeness near_names_find(const struct near_names *names, enum mtlspin_kind kind, const char *name);

#endif
