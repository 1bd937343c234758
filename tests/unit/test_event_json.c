/* Events as lines of JSON. */
#include "rows.h"
#include "suite.h"
#include <mtlspin/audit.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"
#define UNKNOWN_CHARACTER "\\ufffd"

/* An event of which nothing is known but that nobody was let in. */
static struct mtlspin_event
make_event(struct mtlspin_decision *decision)
{
    struct mtlspin_event event;
    memset(&event, 0, sizeof event);
    *decision = (struct mtlspin_decision)MTLSPIN_DECISION_INIT;
    event.size = sizeof event;
    event.decision = decision;
    event.peer_address = event.host = event.subject = event.issuer = event.protocol = "";
    return event;
}

static void
fill_pin(struct mtlspin_pin *pin, enum mtlspin_kind kind, const char *text)
{
    ck_assert_int_eq(mtlspin_pin_parse(pin, kind, text, NULL), MTLSPIN_OK);
}

/* One line, checked for what holds for every event. */
static size_t
write_line(const struct mtlspin_event *event, char line[MTLSPIN_EVENT_JSON_SIZE])
{
    memset(line, 'x', MTLSPIN_EVENT_JSON_SIZE);
    size_t length = mtlspin_event_json(event, line, MTLSPIN_EVENT_JSON_SIZE);
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_lt(length, MTLSPIN_EVENT_JSON_SIZE);
    ck_assert_uint_eq(strlen(line), length);
    ck_assert_int_eq(line[length - 1], '}');
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || strchr("<>&\x7f", line[i]) != NULL)
            ck_abort_msg("byte %02x in: %s", (unsigned char)line[i], line);
    return length;
}

#define THUMBPRINT "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55"
#define SPKI "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

START_TEST(an_allowed_peer)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    decision.verdict = MTLSPIN_ALLOW;
    decision.reason = MTLSPIN_REASON_RULE;
    decision.line = 17;
    decision.generation = UINT64_MAX;
    (void)strcpy(decision.label, "build agent 7");
    (void)strcpy(decision.rule_label, "build agent 7");
    (void)strcpy(decision.domain, "partner");
    event.time = 1801398896;
    event.role = MTLSPIN_SERVER;
    event.peer_address = "[2001:db8::1]:40112";
    event.subject = "CN=J\xc3\xb6rg,O=Example";
    event.issuer = "CN=Example Clients CA,O=Example";
    event.protocol = "TLSv1.3";
    fill_pin(&event.serial, MTLSPIN_SERIAL, "-0x1234");
    fill_pin(&event.thumbprint, MTLSPIN_THUMBPRINT, THUMBPRINT);
    fill_pin(&event.spki, MTLSPIN_SPKI, SPKI);
    (void)write_line(&event, line);
    ck_assert_str_eq(line,
        "{\"time\":\"2027-01-31T12:34:56Z\",\"verdict\":\"allow\",\"reason\":\"RULE\",\"label\":\"build agent 7\","
        "\"rule_label\":\"build agent 7\",\"domain\":\"partner\",\"line\":17,\"generation\":18446744073709551615,"
        "\"role\":\"server\",\"peer_address\":\"[2001:db8::1]:40112\",\"subject\":\"CN=J\xc3\xb6rg,O=Example\","
        "\"serial\":\"-0x1234\",\"issuer\":\"CN=Example Clients CA,O=Example\",\"thumbprint\":\"" THUMBPRINT "\","
        "\"spki\":\"" SPKI "\",\"x509_error\":0,\"x509_depth\":0,\"protocol\":\"TLSv1.3\",\"resumed\":false}");
}
END_TEST

START_TEST(a_refused_peer)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    decision.reason = MTLSPIN_REASON_EXPIRED;
    decision.x509_error = X509_V_ERR_CERT_HAS_EXPIRED;
    decision.x509_depth = 2;
    event.role = MTLSPIN_CLIENT;
    event.host = "db.example";
    event.resumed = 1;
    event.tls_error = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_NO_SHARED_CIPHER);
    (void)write_line(&event, line);
    ck_assert_str_eq(line,
        "{\"time\":\"1970-01-01T00:00:00Z\",\"verdict\":\"deny\",\"reason\":\"EXPIRED\",\"label\":\"\",\"rule_label\":\"\","
        "\"domain\":\"\",\"line\":0,\"generation\":0,\"role\":\"client\",\"peer_address\":\"\",\"host\":\"db.example\","
        "\"subject\":\"\",\"serial\":\"\",\"issuer\":\"\",\"thumbprint\":\"\",\"spki\":\"\",\"x509_error\":10,\"x509_depth\":2,"
        "\"x509_text\":\"certificate has expired\",\"protocol\":\"\",\"resumed\":true,\"tls_error\":\"no shared cipher\"}");
}
END_TEST

/* What programs hand over that fill in an event themselves. */
START_TEST(what_is_missing_is_empty)
{
    char line[MTLSPIN_EVENT_JSON_SIZE], wanted[MTLSPIN_EVENT_JSON_SIZE];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    (void)write_line(&event, wanted);
    event.peer_address = event.host = event.subject = event.issuer = event.protocol = NULL;
    (void)write_line(&event, line);
    ck_assert_str_eq(line, wanted);
    decision.verdict = (enum mtlspin_verdict)2;
    decision.x509_depth = -1;
    event.role = (enum mtlspin_role)7;
    event.serial.kind = MTLSPIN_SERIAL;
    event.serial.length = 33;
    event.spki.kind = MTLSPIN_SPKI;
    (void)write_line(&event, line);
    ck_assert_str_eq(line, wanted);
}
END_TEST

static const struct {
    int64_t time;
    const char *text;
} times[] = {
    { 0, "1970-01-01T00:00:00Z" }, { -1, "1969-12-31T23:59:59Z" }, { 2147483648, "2038-01-19T03:14:08Z" },
    { 4294967296, "2106-02-07T06:28:16Z" }, { 253402300799, "9999-12-31T23:59:59Z" }, { 253402300800, "" },
    { -30610224000, "1000-01-01T00:00:00Z" }, { -30610224001, "" }, { INT64_MAX, "" }, { INT64_MIN, "" },
};

START_TEST(time_is_that_of_rfc_3339)
{
    char line[MTLSPIN_EVENT_JSON_SIZE], wanted[64];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    event.time = times[_i].time;
    (void)write_line(&event, line);
    int length = snprintf(wanted, sizeof wanted, "{\"time\":\"%s\",\"verdict\"", times[_i].text);
    line[length] = '\0';
    ck_assert_str_eq(line, wanted);
}
END_TEST

static const struct {
    const char *text, *json;
} escapes[] = {
    { "CN=alice,O=Example", "CN=alice,O=Example" },
    { "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80", "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80" },
    { "a\"b", "a\\u0022b" },
    { "a\\b", "a\\u005cb" },
    { "\\\"", "\\u005c\\u0022" },
    { "\x01\x08\t\n\x0b\f\r\x1f", "\\u0001\\u0008\\u0009\\u000a\\u000b\\u000c\\u000d\\u001f" },
    { "\x7f", "\\u007f" },
    { "\xc2\x80\xc2\x85\xc2\x9b\xc2\x9f", "\\u0080\\u0085\\u009b\\u009f" },
    { "\x1b[31mred\x1b[0m", "\\u001b[31mred\\u001b[0m" },
    { "\x1b]0;title\x07", "\\u001b]0;title\\u0007" },
    { "</script><script>alert('1')</script>",
        "\\u003c/script\\u003e\\u003cscript\\u003ealert('1')\\u003c/script\\u003e" },
    { "<!--", "\\u003c!--" },
    { "&lt;", "\\u0026lt;" },
    { "\",\"verdict\":\"allow", "\\u0022,\\u0022verdict\\u0022:\\u0022allow" },
    { "\xe2\x80\xae" "evil", "\\u202eevil" },
    { "\xe2\x80\xaa\xe2\x80\xad\xe2\x81\xa6\xe2\x81\xa9", "\\u202a\\u202d\\u2066\\u2069" },
    { "\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\u200e\\u200f\\u061c" },
    { "\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029" },
    { "\xe2\x80\x8b\xe2\x80\x8c\xe2\x80\x8d\xe2\x81\xa0\xef\xbb\xbf", "\\u200b\\u200c\\u200d\\u2060\\ufeff" },
    { "a\xf3\xa0\x81\x81" "b\xf0\x9f\x98\x80", "a\\udb40\\udc41b\xf0\x9f\x98\x80" },
    { "\xff", UNKNOWN_CHARACTER },
    { "\x80" "a", UNKNOWN_CHARACTER "a" },
    { "\xc3", UNKNOWN_CHARACTER },
    { "\xc3\"", UNKNOWN_CHARACTER "\\u0022" },
    { "\xe2\x82", UNKNOWN_CHARACTER UNKNOWN_CHARACTER },
    { "\xc0\xaf", UNKNOWN_CHARACTER UNKNOWN_CHARACTER },
    { "\xe0\x80\xaf", UNKNOWN_CHARACTER UNKNOWN_CHARACTER UNKNOWN_CHARACTER },
    { "\xed\xa0\x80", UNKNOWN_CHARACTER UNKNOWN_CHARACTER UNKNOWN_CHARACTER },
    { "\xf4\x90\x80\x80", UNKNOWN_CHARACTER UNKNOWN_CHARACTER UNKNOWN_CHARACTER UNKNOWN_CHARACTER },
    { "J\xf6rg", "J" UNKNOWN_CHARACTER "rg" },
};

/* Puts one text into every place that takes one. */
static void
fill_texts(struct mtlspin_event *event, struct mtlspin_decision *decision, const char *text)
{
    event->peer_address = event->host = event->subject = event->issuer = event->protocol = text;
    (void)snprintf(decision->label, sizeof decision->label, "%.127s", text);
    (void)snprintf(decision->rule_label, sizeof decision->rule_label, "%.127s", text);
    (void)snprintf(decision->domain, sizeof decision->domain, "%.63s", text);
}

START_TEST(every_text_is_escaped)
{
    static const char *const names[] = { "label", "rule_label", "domain", "peer_address", "host", "subject",
        "issuer", "protocol" };
    char line[MTLSPIN_EVENT_JSON_SIZE], wanted[512];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    fill_texts(&event, &decision, escapes[_i].text);
    (void)write_line(&event, line);
    for (int i = 0; i < ROWS(names); i++) {
        (void)snprintf(wanted, sizeof wanted, ",\"%s\":\"%s\",", names[i], escapes[_i].json);
        ck_assert_msg(strstr(line, wanted) != NULL, "not there: %s in: %s", wanted, line);
    }
}
END_TEST

enum { SUBJECT_BYTES = 1500 }; /* of output, before it is cut */

/* A subject of `head` times 'a' and `count` times `part`, and what is left of it. */
static const struct {
    int head;
    const char *part;
    int count;
    const char *json; /* for each part */
    int kept;         /* parts */
    bool cut;
} cuts[] = {
    { SUBJECT_BYTES, "", 0, "", 0, false },
    { SUBJECT_BYTES, "a", 1, "a", 0, true },
    { 0, "a", 100000, "a", SUBJECT_BYTES, true },
    { 0, "\xe2\x82\xac", 500, "\xe2\x82\xac", 500, false },
    { 0, "\xe2\x82\xac", 501, "\xe2\x82\xac", 500, true },
    { 1, "\xe2\x82\xac", 500, "\xe2\x82\xac", 499, true },
    { 2, "\xe2\x82\xac", 500, "\xe2\x82\xac", 499, true },
    { 1, "\xf0\x9f\x98\x80", 400, "\xf0\x9f\x98\x80", 374, true },
    { SUBJECT_BYTES - 6, "\x01", 1, "\\u0001", 1, false },
    { SUBJECT_BYTES - 5, "\x01", 1, "\\u0001", 0, true },
    { 0, "\"", 251, "\\u0022", 250, true },
    { SUBJECT_BYTES - 5, "\xff", 2, UNKNOWN_CHARACTER, 0, true },
};

static char *
repeated(int head, const char *part, int count)
{
    size_t step = strlen(part), used = (size_t)head;
    char *text = malloc(used + step * (size_t)count + 8);
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', used);
    for (int i = 0; i < count; i++, used += step)
        memcpy(text + used, part, step);
    text[used] = '\0';
    return text;
}

START_TEST(long_text_is_cut_between_characters)
{
    char line[MTLSPIN_EVENT_JSON_SIZE], wanted[MTLSPIN_EVENT_JSON_SIZE];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    char *subject = repeated(cuts[_i].head, cuts[_i].part, cuts[_i].count);
    char *json = repeated(cuts[_i].head, cuts[_i].json, cuts[_i].kept);
    event.subject = subject;
    (void)write_line(&event, line);
    (void)snprintf(wanted, sizeof wanted, ",\"subject\":\"%s%s\",\"serial\":", json, cuts[_i].cut ? ELLIPSIS : "");
    ck_assert_ptr_nonnull(strstr(line, wanted));
    free(subject);
    free(json);
}
END_TEST

/* Everything as long as it can get, but for what x509_error brings. */
static void
make_fullest(struct mtlspin_event *event, struct mtlspin_decision *decision, const char *text)
{
    *event = make_event(decision);
    fill_texts(event, decision, text);
    decision->reason = MTLSPIN_REASON_RULE_NOT_YET_VALID;
    decision->line = 0xffffffff;
    decision->generation = UINT64_MAX;
    decision->x509_depth = 0x7fffffff;
    event->time = 253402300799;
    event->role = MTLSPIN_SERVER;
    event->tls_error = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_NO_SHARED_CIPHER);
    fill_pin(&event->serial, MTLSPIN_SERIAL, "-" THUMBPRINT);
    fill_pin(&event->thumbprint, MTLSPIN_THUMBPRINT, THUMBPRINT);
    fill_pin(&event->spki, MTLSPIN_SPKI, SPKI);
}

static const char *const fillings[] = { "a", "\x01", "\xff", "\"", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xe2\x80\xae",
    "<" };

START_TEST(the_fullest_event_fits)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    struct mtlspin_decision decision;
    struct mtlspin_event event;
    char *text = repeated(0, fillings[_i], 20000);
    make_fullest(&event, &decision, text);
    for (int error = 0; error < 128; error++) {
        decision.x509_error = error;
        size_t length = write_line(&event, line);
        ck_assert_uint_lt(length, MTLSPIN_EVENT_JSON_SIZE - 100); /* else something may have been cut off */
        ck_assert_ptr_nonnull(strstr(line, ",\"resumed\":false,\"tls_error\":\"no shared cipher\"}"));
    }
    free(text);
}
END_TEST

/* Reads lines of JSON: each an object with the same first keys; the last one's line is how many there are. */
static const char reader[] = "'" PYTHON "' -c 'import json, sys\n"
    "lines = [json.loads(line.decode()) for line in sys.stdin.buffer]\n"
    "assert all(list(line)[:3] == [\"time\", \"verdict\", \"reason\"] for line in lines)\n"
    "assert all(line[\"verdict\"] == \"deny\" and 20 <= len(line) - (\"host\" in line) <= 21 for line in lines)\n"
    "assert len(lines) > 0 and lines[-1][\"line\"] == len(lines), len(lines)\n'";

static void
random_text(char *text, size_t length, uint32_t *state)
{
    static const unsigned char likely[] = { '"', '\\', '<', 0xc3, 0xe2, 0x80, 0xae, 0xf0, 0x9f, 0x1b, 'u', '\n' };
    for (size_t i = 0; i < length; i++) {
        *state = *state * 1664525 + 1013904223;
        unsigned number = *state >> 16;
        unsigned byte = number % 3 == 0 ? number / 3 % 255 + 1 : likely[number / 3 % sizeof likely];
        text[i] = (char)byte;
    }
    text[length] = '\0';
}

START_TEST(a_json_reader_reads_every_line)
{
    char line[MTLSPIN_EVENT_JSON_SIZE], random[2048];
    struct mtlspin_decision decision;
    struct mtlspin_event event;
    uint32_t state = 4711;
    unsigned lines = 0;
    FILE *output = popen(reader, "w");
    ck_assert_ptr_nonnull(output);
    for (int i = 0; i < ROWS(escapes) + ROWS(fillings) + 500; i++) {
        char *long_text = i < ROWS(fillings) ? repeated(0, fillings[i], 20000) : NULL;
        random_text(random, (size_t)i * 3, &state);
        make_fullest(&event, &decision,
            long_text != NULL ? long_text : i - ROWS(fillings) < ROWS(escapes) ? escapes[i - ROWS(fillings)].text : random);
        decision.x509_error = i % 100;
        decision.line = ++lines;
        (void)write_line(&event, line);
        ck_assert_int_gt(fprintf(output, "%s\n", line), 0);
        free(long_text);
    }
    ck_assert_int_eq(pclose(output), 0);
}
END_TEST

START_TEST(too_small_a_buffer_gets_a_terminator_only)
{
    static const size_t sizes[] = { 0, 1, 2, 1000, MTLSPIN_EVENT_JSON_SIZE - 1 };
    char line[MTLSPIN_EVENT_JSON_SIZE + 1];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    for (int i = 0; i < ROWS(sizes); i++) {
        memset(line, 'x', sizeof line);
        ck_assert_uint_eq(mtlspin_event_json(&event, line, sizes[i]), 0);
        ck_assert_int_eq(line[0], sizes[i] > 0 ? '\0' : 'x');
        ck_assert_int_eq(line[1], 'x');
    }
    ck_assert_uint_gt(mtlspin_event_json(&event, line, sizeof line), 0);
}
END_TEST

START_TEST(no_event_is_no_line)
{
    char line[MTLSPIN_EVENT_JSON_SIZE] = "x";
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    ck_assert_uint_eq(mtlspin_event_json(NULL, line, sizeof line), 0);
    ck_assert_str_eq(line, "");
    ck_assert_uint_eq(mtlspin_event_json(&event, NULL, sizeof line), 0);
    event.decision = NULL;
    line[0] = 'x';
    ck_assert_uint_eq(mtlspin_event_json(&event, line, sizeof line), 0);
    ck_assert_str_eq(line, "");
}
END_TEST

int
main(void)
{
    if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL) != 1) /* else OpenSSL has no words for libssl's errors */
        return EXIT_FAILURE;
    Suite *suite = suite_create("event_json");
    TCase *tcase = tcase_create("event_json");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_allowed_peer);
    tcase_add_test(tcase, a_refused_peer);
    tcase_add_test(tcase, what_is_missing_is_empty);
    tcase_add_loop_test(tcase, time_is_that_of_rfc_3339, 0, ROWS(times));
    tcase_add_loop_test(tcase, every_text_is_escaped, 0, ROWS(escapes));
    tcase_add_loop_test(tcase, long_text_is_cut_between_characters, 0, ROWS(cuts));
    tcase_add_loop_test(tcase, the_fullest_event_fits, 0, ROWS(fillings));
    tcase_add_test(tcase, a_json_reader_reads_every_line);
    tcase_add_test(tcase, too_small_a_buffer_gets_a_terminator_only);
    tcase_add_test(tcase, no_event_is_no_line);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
