/* Events of another version, and error codes without a text. */
#include "suite.h"
#include <mtlspin/audit.h>
#include <openssl/err.h>
#include <string.h>

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

START_TEST(unknown_size_is_no_line)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    *(_i == 0 ? &event.size : &decision.size) += 1;
    ck_assert_uint_eq(mtlspin_event_json(&event, line, sizeof line), 0);
    ck_assert_str_eq(line, "");
}
END_TEST

START_TEST(tls_error_without_a_text_is_a_number)
{
    char line[MTLSPIN_EVENT_JSON_SIZE];
    struct mtlspin_decision decision;
    struct mtlspin_event event = make_event(&decision);
    event.tls_error = ERR_PACK(ERR_LIB_USER, 0, 77);
    ck_assert_uint_gt(mtlspin_event_json(&event, line, sizeof line), 0);
    ck_assert_ptr_nonnull(strstr(line, ",\"tls_error\":\"error 4000004D\""));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event size");
    TCase *tcase = tcase_create("event size");
    tcase_add_loop_test(tcase, unknown_size_is_no_line, 0, 2);
    tcase_add_test(tcase, tls_error_without_a_text_is_a_number);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
