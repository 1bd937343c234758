/* The audit event of a real connection, field by field. */
#include "pki.h"
#include "policy_text.h"
#include "rig.h"
#include "suite.h"
#include <stdbool.h>
#include <string.h>

/* The last event, with its texts copied, since they are gone when the hook returns. */
static struct {
    int count;
    struct mtlspin_event event;
    struct mtlspin_decision decision;
    char peer[128], subject[256], issuer[256], protocol[32];
} last;

static void
copy(char *to, size_t size, const char *from)
{
    ck_assert_ptr_nonnull(from);
    (void)snprintf(to, size, "%s", from);
}

static void
keep(const struct mtlspin_event *event, void *user)
{
    ck_assert_ptr_eq(user, &last);
    last.count++;
    last.event = *event;
    last.decision = *event->decision;
    copy(last.peer, sizeof last.peer, event->peer_address);
    copy(last.subject, sizeof last.subject, event->subject);
    copy(last.issuer, sizeof last.issuer, event->issuer);
    copy(last.protocol, sizeof last.protocol, event->protocol);
}

static void
make(struct rig *rig, const char *policy, const char *client, int version)
{
    memset(&last, 0, sizeof last);
    rig_verifier(rig, policy);
    rig->now = 1800000000;
    ck_assert_int_eq(mtlspin_verifier_set_audit(rig->verifier, keep, &last, NULL), MTLSPIN_OK);
    rig->server = rig_plain_server();
    ck_assert_int_eq(mtlspin_verifier_attach(rig->verifier, rig->server, NULL), MTLSPIN_OK);
    rig->client = rig_client(client, version);
    pair_make(&rig->pair, rig->server, rig->client);
    ck_assert_int_eq(mtlspin_set_peer_address(rig->pair.server, "[2001:db8::7]:4711", NULL), MTLSPIN_OK);
}

static void
check_pins(const char *name)
{
    struct mtlspin_pin pin;
    const struct mtlspin_pin *seen[] = { &last.event.spki, &last.event.thumbprint, &last.event.serial };
    X509 *certificate = pki_certificate(name);
    for (int kind = MTLSPIN_SPKI; kind <= MTLSPIN_SERIAL; kind++) {
        ck_assert_int_eq(mtlspin_pin_from_x509(&pin, (enum mtlspin_kind)kind, certificate, NULL), MTLSPIN_OK);
        ck_assert(mtlspin_pin_equal(&pin, seen[kind - MTLSPIN_SPKI]));
    }
    X509_free(certificate);
}

static const char policy[] = "# one\n\nca @pki@/root-ca.pem\nallow spki @spki:mallory@ mallory\n"
                             "[second]\nca @pki@/partner-ca.pem\nallow any gateway not-after=2030-01-01\n";

static const struct audit_case {
    const char *client, *subject, *issuer, *domain, *label;
    enum mtlspin_reason reason;
    unsigned line;
    int x509_error, x509_depth;
} cases[] = {
    { "mallory", "CN=mallory,O=Example", "CN=Example Clients CA,O=Example", "", "mallory", MTLSPIN_REASON_RULE, 4, 0, 0 },
    { "partner-gateway", "CN=gateway,O=Partner", "CN=Partner CA,O=Partner", "second", "gateway", MTLSPIN_REASON_RULE, 7, 0,
        0 },
    { "alice", "CN=alice,O=Example", "CN=Example Clients CA,O=Example", "", "", MTLSPIN_REASON_NO_RULE, 0, 0, 0 },
    { "expired", "CN=expired,O=Example", "CN=Example Clients CA,O=Example", "", "", MTLSPIN_REASON_EXPIRED, 0,
        X509_V_ERR_CERT_HAS_EXPIRED, 0 },
};
enum { CASES = sizeof cases / sizeof *cases };

START_TEST(every_field)
{
    const struct audit_case *c = &cases[_i / 2];
    bool allow = c->reason == MTLSPIN_REASON_RULE;
    struct rig rig;
    make(&rig, policy, c->client, rig_version(_i));
    ck_assert_int_eq(pair_shake(&rig.pair), allow);
    ck_assert_int_eq(last.count, !allow); /* a denial at once, an allowance when check has seen the handshake's end */
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), allow ? MTLSPIN_ALLOW : MTLSPIN_DENY);
    ck_assert_int_eq(last.count, 1);
    ck_assert_int_eq(last.event.time, 1800000000);
    ck_assert_int_eq(last.event.role, MTLSPIN_SERVER);
    ck_assert_int_eq(last.event.resumed, 0);
    ck_assert_uint_eq(last.event.tls_error, 0);
    ck_assert_str_eq(last.peer, "[2001:db8::7]:4711");
    ck_assert_str_eq(last.subject, c->subject);
    ck_assert_str_eq(last.issuer, c->issuer);
    ck_assert_str_eq(last.protocol, _i % 2 == 0 ? "TLSv1.2" : "TLSv1.3");
    check_pins(c->client);
    ck_assert_int_eq(last.decision.verdict, allow);
    ck_assert_int_eq(last.decision.reason, c->reason);
    ck_assert_str_eq(last.decision.label, c->label);
    ck_assert_str_eq(last.decision.domain, c->domain);
    ck_assert_uint_eq(last.decision.line, c->line);
    ck_assert_uint_eq(last.decision.generation, 1);
    ck_assert_int_eq(last.decision.x509_error, c->x509_error);
    ck_assert_int_eq(last.decision.x509_depth, c->x509_depth);
    rig_free(&rig);
}
END_TEST

/* Without a certificate there is nothing to tell of it, and still a record. */
START_TEST(no_certificate)
{
    struct rig rig;
    make(&rig, policy, NULL, rig_version(_i));
    ck_assert(!pair_shake(&rig.pair));
    ck_assert_int_eq(last.count, 0);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_DENY);
    ck_assert_int_eq(mtlspin_check(rig.verifier, rig.pair.server, NULL), MTLSPIN_DENY);
    ck_assert_int_eq(last.count, 1);
    ck_assert_int_eq(last.decision.reason, MTLSPIN_REASON_NO_CERTIFICATE);
    ck_assert_str_eq(last.subject, "");
    ck_assert_int_eq(last.event.spki.kind, MTLSPIN_KIND_NONE);
    ck_assert_int_eq(last.event.thumbprint.kind, MTLSPIN_KIND_NONE);
    ck_assert_int_eq(last.event.serial.kind, MTLSPIN_KIND_NONE);
    rig_free(&rig);
}
END_TEST

/* A refusal that OpenSSL makes before any certificate: here, no cipher in common. */
START_TEST(no_shared_cipher)
{
    struct rig rig;
    make(&rig, policy, "alice", rig_version(_i));
    pair_free(&rig.pair);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig.client, "ECDHE-ECDSA-AES128-GCM-SHA256"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig.client, "TLS_AES_128_GCM_SHA256"), 1);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(rig.server, "ECDHE-ECDSA-AES256-GCM-SHA384"), 1);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig.server, "TLS_AES_256_GCM_SHA384"), 1);
    ck_assert(!rig_shake(&rig));
    rig_refused(&rig, MTLSPIN_REASON_HANDSHAKE_FAILED);
    ck_assert_int_eq(last.count, 1);
    ck_assert_uint_ne(last.event.tls_error, 0);
    rig_free(&rig);
}
END_TEST

/* A hostile subject comes out as text that is safe to log. */
START_TEST(hostile_name)
{
    struct rig rig;
    char line[MTLSPIN_EVENT_JSON_SIZE];
    make(&rig, policy, "nul-cn", rig_version(_i));
    ck_assert(!pair_shake(&rig.pair));
    ck_assert_int_eq(last.decision.reason, MTLSPIN_REASON_MALFORMED);
    ck_assert_ptr_nonnull(strstr(last.subject, "alice\\00.evil"));
    last.event.decision = &last.decision;
    last.event.subject = last.subject;
    last.event.issuer = last.issuer;
    last.event.peer_address = last.peer;
    last.event.protocol = last.protocol;
    ck_assert_uint_gt(mtlspin_event_json(&last.event, line, sizeof line), 0);
    ck_assert_ptr_nonnull(strstr(line, "alice\\u005c00.evil"));
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("audit");
    TCase *both = tcase_create("TLS 1.2 and 1.3");
    tcase_add_loop_test(both, every_field, 0, 2 * CASES);
    tcase_add_loop_test(both, no_certificate, 0, 2);
    tcase_add_loop_test(both, no_shared_cipher, 0, 2);
    tcase_add_loop_test(both, hostile_name, 0, 2);
    suite_add_tcase(suite, both);
    return run_suite(suite);
}
