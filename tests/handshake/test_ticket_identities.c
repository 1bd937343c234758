/* Several tickets in one ClientHello (TLS 1.3 permits it, RFC 8446, 4.2.11). libssl's client offers one: the second is put in
   front of it by hand, and the binder made anew. Such a handshake gets no further than the server's answer. */
#include "pki.h"
#include "suite.h"
#include "ticket_rig.h"
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

static const char members[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\nallow spki @spki:kiosk@ kiosk\n";
static const char without_alice[] = "ca @pki@/root-ca.pem\nallow spki @spki:kiosk@ kiosk\n";
static const char without_kiosk[] = "ca @pki@/root-ca.pem\nallow spki @spki:alice@ alice\n";

enum { RECORD_HEAD = 5, HASH = SHA384_DIGEST_LENGTH, SIZE = 16384 };

struct hello {
    unsigned char bytes[SIZE]; /* the record */
    size_t length;
};

static size_t
get(const unsigned char *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static void
put(unsigned char *at, size_t value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

static void
grow(unsigned char *at, size_t by)
{
    put(at, get(at) + by);
}

/* Where the list of extensions begins: its length. */
static size_t
extensions_of(const struct hello *hello)
{
    size_t at = RECORD_HEAD + 4 + 2 + 32; /* header of the message, version, random */
    at += 1 + hello->bytes[at];           /* session id */
    at += 2 + get(hello->bytes + at);     /* cipher suites */
    return at + 1 + hello->bytes[at];     /* compression */
}

static void
insert(struct hello *hello, size_t at, const unsigned char *data, size_t length)
{
    ck_assert_uint_le(hello->length + length, SIZE);
    memmove(hello->bytes + at + length, hello->bytes + at, hello->length - at);
    memcpy(hello->bytes + at, data, length);
    hello->length += length;
}

static void
keyed(const unsigned char *key, size_t key_length, const unsigned char *data, size_t length, unsigned char out[HASH])
{
    unsigned size = 0;
    ck_assert_ptr_nonnull(HMAC(EVP_sha384(), key, (int)key_length, data, length, out, &size));
    ck_assert_uint_eq(size, HASH);
}

/* HKDF-Expand-Label of RFC 8446, 7.1, for one block. */
static void
expand(const unsigned char secret[HASH], const char *label, const unsigned char *context, size_t length,
    unsigned char out[HASH])
{
    unsigned char info[128] = { 0, HASH };
    size_t at = 3;
    info[2] = (unsigned char)(6 + strlen(label));
    at += (size_t)snprintf((char *)info + at, 32, "tls13 %s", label);
    info[at++] = (unsigned char)length;
    if (length > 0)
        memcpy(info + at, context, length);
    at += length;
    info[at++] = 1;
    keyed(secret, HASH, info, at, out);
}

/* The proof, over the ClientHello up to its binders, that the client knows the session's secret. */
static void
make_binder(const SSL_SESSION *session, const struct hello *hello, size_t end, unsigned char binder[HASH])
{
    static const unsigned char zero[HASH];
    unsigned char secret[SSL_MAX_MASTER_KEY_LENGTH], early[HASH], key[HASH], finished[HASH], digest[HASH];
    size_t length = SSL_SESSION_get_master_key(session, secret, sizeof secret);
    ck_assert_uint_eq(length, HASH);
    keyed(zero, sizeof zero, secret, length, early);
    (void)SHA384((const unsigned char *)"", 0, digest);
    expand(early, "res binder", digest, sizeof digest, key);
    expand(key, "finished", NULL, 0, finished);
    (void)SHA384(hello->bytes + RECORD_HEAD, end - RECORD_HEAD, digest);
    keyed(finished, sizeof finished, digest, sizeof digest, binder);
}

/* Puts another identity in front of the one that is there, with the binder of `session`, or garbage. */
static void
put_first(struct hello *hello, size_t list, const unsigned char *ticket, size_t length, const SSL_SESSION *of,
    const SSL_SESSION *second)
{
    static const unsigned char four[4], size[1] = { HASH };
    unsigned char binder[HASH] = { 0 }, prefix[2];
    const size_t identities = list + 4, more = 2 + length + 4;
    const size_t extensions = extensions_of(hello), all = more + 1 + HASH;
    insert(hello, identities + 2, four, sizeof four);
    insert(hello, identities + 2, ticket, length);
    put(prefix, length);
    insert(hello, identities + 2, prefix, sizeof prefix);
    grow(hello->bytes + identities, more);
    const size_t binders = identities + 2 + get(hello->bytes + identities);
    insert(hello, binders + 2, binder, sizeof binder);
    insert(hello, binders + 2, size, sizeof size);
    grow(hello->bytes + binders, 1 + HASH);
    grow(hello->bytes + list + 2, all);
    grow(hello->bytes + extensions, all);
    grow(hello->bytes + RECORD_HEAD + 2, all); /* of the message; its first byte is 0 */
    grow(hello->bytes + 3, all);
    if (of != NULL)
        make_binder(of, hello, binders, hello->bytes + binders + 3);
    make_binder(second, hello, binders, hello->bytes + binders + 3 + HASH + 1);
}

/* The last extension, which is that of the pre-shared keys. */
static size_t
last_extension(const struct hello *hello)
{
    size_t at = extensions_of(hello) + 2, last = 0;
    for (; at < hello->length; at += 4 + get(hello->bytes + at + 2))
        last = at;
    ck_assert_uint_eq(at, hello->length);
    ck_assert_uint_eq(get(hello->bytes + last), TLSEXT_TYPE_psk);
    return last;
}

static void
send_hello(struct rig *rig, const struct hello *hello)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    ck_assert_int_eq(BIO_write(in, hello->bytes, (int)hello->length), (int)hello->length);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(rig->pair.server, in, out);
    ck_assert_int_eq(SSL_do_handshake(rig->pair.server), -1);
}

enum offer { GARBAGE, KIOSK, ALICE };

static const struct identities_case {
    enum offer first; /* in front of alice's */
    const char *policy;
    const char *peer; /* of the session that resumes; NULL = none does */
} identities_cases[] = {
    { GARBAGE, members, "alice" },
    { GARBAGE, without_alice, NULL },
    { KIOSK, members, "kiosk" },
    { KIOSK, without_kiosk, "alice" },
    { KIOSK, without_alice, "kiosk" },
    { KIOSK, "ca @pki@/root-ca.pem\n", NULL },
    { ALICE, members, "alice" },
    { ALICE, without_alice, NULL },
};
enum { IDENTITIES_CASES = sizeof identities_cases / sizeof *identities_cases };

static void
check_peer(SSL *server, const char *name)
{
    ck_assert_int_eq(SSL_session_reused(server), name != NULL);
    if (name == NULL)
        return;
    X509 *wanted = pki_certificate(name);
    ck_assert_int_eq(X509_cmp(SSL_get0_peer_certificate(server), wanted), 0);
    X509_free(wanted);
}

START_TEST(second_ticket)
{
    const struct identities_case *c = &identities_cases[_i];
    static const unsigned char garbage[200] = { 1, 2, 3 };
    struct rig rig;
    struct hello hello;
    const unsigned char *ticket = garbage;
    size_t length = sizeof garbage;
    ticket_make(&rig, members, TICKET_TLS13);
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(rig.server, "TLS_AES_256_GCM_SHA384"), 1);
    SSL_SESSION *alice = ticket_visit(&rig, "alice", NULL, TICKET_TLS13);
    SSL_SESSION *first = c->first == KIOSK ? ticket_visit(&rig, "kiosk", NULL, TICKET_TLS13) : NULL;
    if (c->first == ALICE)
        first = ticket_visit(&rig, "alice", NULL, TICKET_TLS13);
    if (first != NULL)
        SSL_SESSION_get0_ticket(first, &ticket, &length);
    ticket_set_policy(&rig, c->policy);
    ticket_dial(&rig, "alice", NULL, alice, TICKET_TLS13);
    ck_assert_int_eq(SSL_do_handshake(rig.pair.client), -1);
    hello.length = (size_t)BIO_read(SSL_get_rbio(rig.pair.server), hello.bytes, SIZE);
    put_first(&hello, last_extension(&hello), ticket, length, first, alice);
    send_hello(&rig, &hello);
    check_peer(rig.pair.server, c->peer);
    ERR_clear_error();
    rig_refused(&rig, MTLSPIN_REASON_UNFINISHED);
    SSL_SESSION_free(alice);
    SSL_SESSION_free(first);
    rig_free(&rig);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ticket identities");
    TCase *all = tcase_create("identities");
    tcase_add_loop_test(all, second_ticket, 0, IDENTITIES_CASES);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
