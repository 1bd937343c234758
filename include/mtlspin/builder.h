/* The policy language as calls, for programs that embed their pins. The policy file's parser does nothing but these calls.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_BUILDER_H
#define MTLSPIN_BUILDER_H

#include <mtlspin/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Collects a policy: first all denials, then domain after domain: its anchors and settings, then its rules. What is not
   started by mtlspin_builder_domain goes into the unnamed domain. The first error stays: every later call, and the build,
   fails with the same status. All arguments are copied unless said otherwise.
   Threads: one thread at a time. Since: 0.1.0 */
struct mtlspin_builder;

/* Returns a new builder, release with mtlspin_builder_free; NULL if out of memory. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_builder *mtlspin_builder_new(void);

/* Releases the builder; NULL is ignored. A policy built from it lives on. Since: 0.1.0 */
MTLSPIN_API void mtlspin_builder_free(struct mtlspin_builder *builder);

/* What a rule may have besides its value. Start from MTLSPIN_RULE_OPTIONS_INIT: a zeroed struct is an error, and a zeroed
   not_after is the first second of 1970, not "for ever". Since: 0.1.0 */
struct mtlspin_rule_options {
    size_t size;        /* sizeof(struct mtlspin_rule_options), set by MTLSPIN_RULE_OPTIONS_INIT */
    const char *issuer; /* MTLSPIN_SERIAL: the issuing CA's SPKI pin as text, or a PEM file with its certificate */
    int64_t not_before; /* Unix time, first second in which the rule matches; INT64_MIN = no limit; allow only */
    int64_t not_after;  /* Unix time, last second in which the rule matches; INT64_MAX = no limit; allow only */
};

#ifdef __cplusplus
#define MTLSPIN_RULE_OPTIONS_INIT { sizeof(struct mtlspin_rule_options), 0, INT64_MIN, INT64_MAX }
#else
#define MTLSPIN_RULE_OPTIONS_INIT                                                                                 \
    { .size = sizeof(struct mtlspin_rule_options), .not_before = INT64_MIN, .not_after = INT64_MAX }
#endif

/* Adds a denial, which holds in every domain and for every certificate of the peer's verified chain. (Under `chain none`
   that is the peer's own certificate alone: a denied CA does not reach peers that are pinned there.) `kind` is MTLSPIN_SPKI
   or MTLSPIN_SERIAL (without an issuer: that serial number from every issuer; with one, also where the issuer of a
   certificate cannot be established); `value` is a text for mtlspin_pin_parse;
   `label` (may be NULL) is reported as rule_label. All denials come before the first domain. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_deny(struct mtlspin_builder *builder, enum mtlspin_kind kind,
    const char *value, const char *label, const struct mtlspin_rule_options *options, struct mtlspin_error *error);

/* Adds a rule to the current domain. `value`: a pin's text for MTLSPIN_SPKI, MTLSPIN_THUMBPRINT, MTLSPIN_SERIAL (which
   needs options->issuer) and MTLSPIN_CA_SPKI; the name for MTLSPIN_EMAIL, MTLSPIN_URI and MTLSPIN_DNS, without wildcards;
   NULL for MTLSPIN_ANY. `label`: 1 to 127 bytes of UTF-8 without control characters, or NULL for none; `options` may be
   NULL. The first rule that matches a peer, in the order of the calls, gives the label. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_allow(struct mtlspin_builder *builder, enum mtlspin_kind kind,
    const char *value, const char *label, const struct mtlspin_rule_options *options, struct mtlspin_error *error);

/* Starts a trust domain: 1 to 63 letters, digits, '.', '_' and '-', each name once, at most 32 domains. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_domain(struct mtlspin_builder *builder, const char *name,
    struct mtlspin_error *error);

/* Adds trust anchors to the current domain: the certificates of a PEM file, which must hold at least one; of all files
   *.pem and *.crt of a directory (those with a leading dot excepted), each of which must be valid; of a PEM text; one
   certificate (a reference of its own is taken); the anchors that OpenSSL was built to use on this system, whatever the
   environment says; or the store of the SSL_CTX that a connection comes from (then nothing else may be given, and
   mtlspin_evaluate refuses). An anchor that is not self-signed is an error without mtlspin_builder_partial_chain.
   Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_ca_file(struct mtlspin_builder *builder, const char *path,
    struct mtlspin_error *error);
MTLSPIN_API enum mtlspin_status mtlspin_builder_ca_directory(struct mtlspin_builder *builder, const char *path,
    struct mtlspin_error *error);
MTLSPIN_API enum mtlspin_status mtlspin_builder_ca_pem(struct mtlspin_builder *builder, const void *pem, size_t length,
    struct mtlspin_error *error);
MTLSPIN_API enum mtlspin_status mtlspin_builder_ca_x509(struct mtlspin_builder *builder, X509 *certificate,
    struct mtlspin_error *error);
MTLSPIN_API enum mtlspin_status mtlspin_builder_ca_system(struct mtlspin_builder *builder, struct mtlspin_error *error);
MTLSPIN_API enum mtlspin_status mtlspin_builder_ca_application(struct mtlspin_builder *builder,
    struct mtlspin_error *error);

/* Adds revocation lists (CRLs, RFC 5280, section 5) to the current domain: those of a file, PEM (all lists in it) or DER
   (one); of all files *.pem, *.crl and *.der of a directory (those with a leading dot excepted), each of which must be
   valid; of `length` bytes, PEM or DER; one list (copied). A domain with any list needs a good one of every CA that has
   issued a certificate of the chain: who is revoked is refused in every domain (MTLSPIN_REASON_REVOKED), and without such
   a list the peer is refused in this one (MTLSPIN_REASON_REVOCATION_UNKNOWN, _EXPIRED, _SIGNATURE). Of several lists of a
   CA the newest that is current counts.
   Refused are lists without nextUpdate, delta and indirect lists, those with an issuing distribution point (they cover a
   part) or an unknown critical extension, and, once the anchors are there, those which name one of them as their issuer
   and are not signed by it. Not under `chain none`. Since: 0.3.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_crl_file(struct mtlspin_builder *builder, const char *path,
    struct mtlspin_error *error);
MTLSPIN_API enum mtlspin_status mtlspin_builder_crl_directory(struct mtlspin_builder *builder, const char *path,
    struct mtlspin_error *error);
MTLSPIN_API enum mtlspin_status mtlspin_builder_crl_bytes(struct mtlspin_builder *builder, const void *bytes,
    size_t length, struct mtlspin_error *error);
MTLSPIN_API enum mtlspin_status mtlspin_builder_crl_x509(struct mtlspin_builder *builder, X509_CRL *list,
    struct mtlspin_error *error);

/* The domain's other settings, each at most once, all before its first rule (`host` may be repeated). */

/* Whether the peer needs a valid chain under the domain's anchors (MTLSPIN_CHAIN_REQUIRED, without this call) or no CA at
   all (MTLSPIN_CHAIN_NONE): then peers are known by SPKI pin or thumbprint alone; dates, key usage, critical extensions and
   key strength of the certificate are still enforced. Since: 0.1.0 */
enum mtlspin_chain { MTLSPIN_CHAIN_REQUIRED = 0, MTLSPIN_CHAIN_NONE = 1 };
MTLSPIN_API enum mtlspin_status mtlspin_builder_chain(struct mtlspin_builder *builder, enum mtlspin_chain chain,
    struct mtlspin_error *error);

/* The most intermediate CAs between the peer's certificate and its anchor: 0 to 16, without this call 8. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_depth(struct mtlspin_builder *builder, unsigned depth,
    struct mtlspin_error *error);

/* How long a session may be resumed after its full handshake: 1 to 604800 seconds (RFC 8446, 4.6.1), without
   this call 24 hours. For the tickets of servers and the saved sessions of clients. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_session_lifetime(struct mtlspin_builder *builder, int64_t seconds,
    struct mtlspin_error *error);

/* How long a revocation list will do after its nextUpdate: 1 to 2592000 seconds (30 days), without this call not at all.
   What it lists stays revoked, however old it is. Needs a list. Since: 0.3.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_crl_grace(struct mtlspin_builder *builder, int64_t seconds,
    struct mtlspin_error *error);

/* Anchors need not be self-signed (X509_V_FLAG_PARTIAL_CHAIN). Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_partial_chain(struct mtlspin_builder *builder,
    struct mtlspin_error *error);

/* Refuses chains that break a MUST of RFC 5280 (X509_V_FLAG_X509_STRICT). Not under `chain none`. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_strict(struct mtlspin_builder *builder, struct mtlspin_error *error);

/* The least security level, 0 to 5 (SSL_CTX_set_security_level(3)) for keys and signatures of the chain; it only ever
   raises the connection's own level (2 where there is no connection). Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_security_level(struct mtlspin_builder *builder, unsigned level,
    struct mtlspin_error *error);

/* Client side only: the domain judges the servers of this host name, "*.example.com" (exactly one label for the star) or
   IP address. Domains with hosts come before domains without, exact names before wildcards that cover them.
   Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_host(struct mtlspin_builder *builder, const char *pattern,
    struct mtlspin_error *error);

/* A peer with a valid chain that no rule names is let in under `unmatched_label` and reported as such. The last setting of
   its domain; needs anchors of its own (not `chain none`, nor the system's or the application's); only domains of the
   same mode may follow. Denials hold all the same. Since: 0.1.0 */
MTLSPIN_API enum mtlspin_status mtlspin_builder_report_only(struct mtlspin_builder *builder, const char *unmatched_label,
    struct mtlspin_error *error);

/* Builds the policy and empties the builder, on error too. A policy without any rule is possible: it refuses everybody.
   Returns a new reference, release with mtlspin_policy_unref; NULL on error. Since: 0.1.0 */
MTLSPIN_API MTLSPIN_MUST_CHECK struct mtlspin_policy *mtlspin_builder_build(struct mtlspin_builder *builder,
    struct mtlspin_error *error);

#ifdef __cplusplus
}
#endif

#endif
