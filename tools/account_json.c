/* A decision told to programs. */
#include "account.h"
#include "alert.h"
#include "subject.h"
#include <jansson.h>
#include <mtlspin/text.h>
#include <stdlib.h>
#include <string.h>

/* Text of the operator's, who may have put anything into a path. */
static json_t *
foreign(const char *text)
{
    size_t size = strlen(text) + 1;
    char *shown = malloc(size);
    json_t *value = shown != NULL ? json_string(mtlspin_text_show(text, size - 1, shown, size)) : NULL;
    free(shown);
    return value;
}

static json_t *
moment(int64_t seconds)
{
    char text[MOMENT_SIZE];
    return json_string(subject_moment(seconds, text));
}

static json_t *
line_text(const struct account *account, unsigned line)
{
    char text[LINE_SIZE];
    return line > 0 ? json_string(reading_line(&account->reading, line, text)) : json_null();
}

/* Sets a member: false if there is no memory for it. */
static bool
put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static bool
put_identity(json_t *object, const X509 *certificate)
{
    char subject[SUBJECT_SIZE], thumbprint[MTLSPIN_PIN_TEXT_SIZE], spki[MTLSPIN_PIN_TEXT_SIZE];
    return put(object, "subject", json_string(subject_of(certificate, subject)))
        && put(object, "thumbprint", json_string(subject_pin(certificate, MTLSPIN_THUMBPRINT, thumbprint)))
        && put(object, "spki", json_string(subject_pin(certificate, MTLSPIN_SPKI, spki)));
}

/* These return NULL if out of memory. */

static json_t *
whole(json_t *value, bool good)
{
    if (good)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *
certificate_of(const X509 *certificate)
{
    char text[SUBJECT_SIZE], pin[MTLSPIN_PIN_TEXT_SIZE], date[MOMENT_SIZE];
    json_t *object = json_object();
    bool good = put_identity(object, certificate)
        && put(object, "issuer", json_string(subject_text(X509_get_issuer_name(certificate), text)))
        && put(object, "serial", json_string(subject_pin(certificate, MTLSPIN_SERIAL, pin)))
        && put(object, "names", subject_names(certificate))
        && put(object, "not_before", json_string(subject_date(X509_get0_notBefore(certificate), date)))
        && put(object, "not_after", json_string(subject_date(X509_get0_notAfter(certificate), date)));
    return whole(object, good);
}

static json_t *
chain_of(STACK_OF(X509) *chain)
{
    json_t *array = json_array();
    bool good = true;
    for (int i = 0; good && i < sk_X509_num(chain); i++) {
        json_t *object = json_object();
        bool filled = put_identity(object, sk_X509_value(chain, i));
        good = json_array_append_new(array, whole(object, filled)) == 0;
    }
    return whole(array, good);
}

/* What decisions of one domain and of all have in common. */
static bool
put_decision(json_t *object, const struct mtlspin_decision *decision)
{
    return put(object, "verdict", json_string(decision->verdict == MTLSPIN_ALLOW ? "allow" : "deny"))
        && put(object, "reason", json_string(mtlspin_reason_name(decision->reason)))
        && put(object, "reason_text", json_string(mtlspin_reason_text(decision->reason)))
        && put(object, "label", json_string(decision->label))
        && put(object, "rule_label", json_string(decision->rule_label))
        && put(object, "domain", json_string(decision->domain)) && put(object, "line", json_integer(decision->line))
        && put(object, "valid_until", decision->verdict == MTLSPIN_ALLOW ? moment(decision->valid_until) : json_null())
        && put(object, "x509_error", json_integer(decision->x509_error))
        && put(object, "x509_depth", json_integer(decision->x509_depth));
}

static json_t *
step_of(const struct step *step)
{
    char broken[TROUBLE_SIZE];
    json_t *object = json_object();
    bool good = put_decision(object, &step->decision)
        && put(object, "trouble", json_string(step_trouble(step, broken)))
        && put(object, "chain_valid", json_boolean(step_has_chain(step)))
        && put(object, "chain", chain_of(step->chain)) && put(object, "final", json_boolean(step->final));
    return whole(object, good);
}

static json_t *
steps_of(const struct account *account)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < account->steps.count; i++)
        good = json_array_append_new(array, step_of(&account->steps.list[i])) == 0;
    return whole(array, good);
}

static json_t *
near_of(const struct account *account, const struct near_rule *rule, const struct why *why)
{
    json_t *object = json_object();
    bool good = put(object, "line", json_integer(rule->line)) && put(object, "text", line_text(account, rule->line))
        && put(object, "label", json_string(rule->label)) && put(object, "denial", json_boolean(rule->denial))
        && put(object, "domain", rule->denial ? json_null() : json_string(rule->domain))
        && put(object, "kind", json_string(account_kind(rule->kind))) && put(object, "missing", json_string(why->word))
        && put(object, "missing_text", json_string(why->text));
    return whole(object, good);
}

/* Nothing came near where a rule matched. */
static json_t *
nears_of(const struct account *account)
{
    json_t *array = json_array();
    struct why why;
    bool good = true, wanted = account->steps.decision.reason != MTLSPIN_REASON_RULE;
    for (size_t i = 0; good && wanted && i < account->near.rule_count; i++)
        if (account_why(account, &account->near.rules[i], &why))
            good = json_array_append_new(array, near_of(account, &account->near.rules[i], &why)) == 0;
    return whole(array, good);
}

static json_t *
alert_object(const struct mtlspin_decision *decision)
{
    struct alert alert = alert_of(decision);
    if (alert.number == 0)
        return json_null();
    json_t *object = json_object();
    return whole(object, put(object, "number", json_integer(alert.number)) && put(object, "name", json_string(alert.name)));
}

static bool
put_question(json_t *object, const struct account *account)
{
    const struct question *question = &account->question;
    return put(object, "policy", foreign(account->reading.path))
        && put(object, "role", json_string(question->role == MTLSPIN_SERVER ? "server" : "client"))
        && put(object, "host", question->host != NULL ? foreign(question->host) : json_null())
        && put(object, "time", moment(question->now)) && put(object, "possession_proved", json_false());
}

static json_t *
object_of(const struct account *account)
{
    char advice[ADVICE_SIZE];
    const struct mtlspin_decision *decision = &account->steps.decision;
    json_t *object = json_object();
    bool good = put_decision(object, decision) && put(object, "text", line_text(account, decision->line))
        && put(object, "alert", alert_object(decision))
        && put(object, "advice", json_string(account_advice(account, advice))) && put_question(object, account)
        && put(object, "certificate", certificate_of(account->presented.leaf))
        && put(object, "sent", chain_of(account->presented.sent))
        && put(object, "denials", json_integer((json_int_t)account->reading.denials))
        && put(object, "steps", steps_of(account)) && put(object, "near", nears_of(account));
    return whole(object, good);
}

bool
account_print_json(const struct account *account)
{
    json_t *object = object_of(account);
    bool good = object != NULL && json_dumpf(object, stdout, JSON_INDENT(2)) == 0;
    json_decref(object);
    if (good)
        (void)putchar('\n');
    return good || ferror(stdout) != 0;
}
