/* A decision told to people. */
#include "account.h"
#include "alert.h"
#include "screen.h"
#include "subject.h"
#include <mtlspin/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { COLUMN = 13, NEAR_SHOWN = 20 };

static void paragraph(const char *heading, const char *format, ...)
#if defined __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* A heading in the left column, and text beside it. */
static void
paragraph(const char *heading, const char *format, ...)
{
    char text[2000];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    screen_tone(stdout, TONE_FAINT);
    int used = printf("%-*s ", COLUMN - 1, heading);
    screen_tone(stdout, TONE_PLAIN);
    screen_prose(stdout, used > 0 ? (size_t)used : 0, COLUMN, text);
}

/* A line of its own, below an empty one. */
static void
headline(enum tone tone, const char *text)
{
    (void)putchar('\n');
    screen_tone(stdout, tone);
    screen_prose(stdout, 0, 0, text);
    screen_tone(stdout, TONE_PLAIN);
}

const char *
account_domain(const char *domain, char buffer[DOMAIN_NAME_SIZE])
{
    (void)snprintf(buffer, DOMAIN_NAME_SIZE, domain[0] != '\0' ? "[%s]" : "the unnamed domain", domain);
    return buffer;
}

const char *
account_peer(const struct account *account)
{
    return account->question.role == MTLSPIN_SERVER ? "client" : "server";
}

const char *
account_kind(enum mtlspin_kind kind)
{
    static const char *const words[] = { "", "spki", "thumbprint", "serial", "ca-spki", "email", "uri", "dns", "any" };
    return (size_t)kind < sizeof words / sizeof *words ? words[kind] : "";
}

static void
print_names(const X509 *certificate)
{
    json_t *names = subject_names(certificate), *name = NULL;
    size_t i = 0;
    json_array_foreach(names, i, name) {
        paragraph("  name", "%s: %s", json_string_value(json_object_get(name, "type")),
            json_string_value(json_object_get(name, "value")));
    }
    json_decref(names);
}

static void
print_certificate(const X509 *certificate)
{
    char text[SUBJECT_SIZE], pin[MTLSPIN_PIN_TEXT_SIZE], begin[MOMENT_SIZE], end[MOMENT_SIZE];
    paragraph("certificate", "%s", subject_of(certificate, text));
    paragraph("  issuer", "%s", subject_text(X509_get_issuer_name(certificate), text));
    paragraph("  serial", "%s", subject_pin(certificate, MTLSPIN_SERIAL, pin));
    paragraph("  spki", "%s", subject_pin(certificate, MTLSPIN_SPKI, pin));
    paragraph("  thumbprint", "%s", subject_pin(certificate, MTLSPIN_THUMBPRINT, pin));
    print_names(certificate);
    paragraph("  valid", "from %s until %s", subject_date(X509_get0_notBefore(certificate), begin),
        subject_date(X509_get0_notAfter(certificate), end));
}

static void
print_question(const struct account *account)
{
    char text[SUBJECT_SIZE], shown[1200];
    const struct question *question = &account->question;
    const char *policy = reading_name(&account->reading);
    print_certificate(account->presented.leaf);
    for (int i = 0; i < sk_X509_num(account->presented.sent); i++)
        paragraph(i == 0 ? "sent with it" : "", "%s", subject_of(sk_X509_value(account->presented.sent, i), text));
    paragraph("policy", "%s: %zu domain%s, %zu rule%s, %zu denial%s", mtlspin_text_show(policy, strlen(policy), shown,
        sizeof shown), account->reading.domain_count, account->reading.domain_count == 1 ? "" : "s", account->reading.rules,
        account->reading.rules == 1 ? "" : "s", account->reading.denials, account->reading.denials == 1 ? "" : "s");
    if (question->role == MTLSPIN_SERVER)
        paragraph("role", "server: a client shows this certificate");
    else
        paragraph("role", "client: the server shows this certificate, and must be %s",
            mtlspin_text_show(question->host, strlen(question->host), shown, sizeof shown));
    paragraph("time", "%s", subject_moment(question->now, text));
}

/* Before any domain: what only the certificate itself can tell. */
static void
print_denials(const struct account *account, unsigned number)
{
    const struct mtlspin_decision *decision = &account->steps.decision;
    char heading[24];
    (void)snprintf(heading, sizeof heading, "%u. denials", number);
    if (account->steps.count > 0)
        paragraph(heading, account->reading.denials > 0 ? "None of them names the peer's own certificate or key."
                                                        : "There are none.");
    else if (decision->line > 0)
        paragraph(heading, "Line %u denies the peer: %s.", decision->line, mtlspin_reason_text(decision->reason));
    else
        paragraph(heading, "Nothing was asked further: %s.", mtlspin_reason_text(decision->reason));
}

static void
print_chain(const struct step *step)
{
    char subject[SUBJECT_SIZE];
    int count = sk_X509_num(step->chain);
    if (step->chain == NULL)
        paragraph("   chain", "None was looked at: the domain has nothing that names the peer.");
    for (int i = 0; i < count; i++)
        paragraph(i == 0 ? "   chain" : "", "%d: %s%s", i + 1, subject_of(sk_X509_value(step->chain, i), subject),
            i + 1 == count && step_has_chain(step) ? " (anchor)" : "");
}

static void
print_step(const struct account *account, unsigned number, const struct step *step)
{
    char heading[24], name[DOMAIN_NAME_SIZE], broken[TROUBLE_SIZE], line[24] = "";
    const struct mtlspin_decision *decision = &step->decision;
    const struct reading_domain *domain = reading_find(&account->reading, decision->domain);
    (void)snprintf(heading, sizeof heading, "%u. domain", number);
    paragraph(heading, "%s, line %u%s%s", account_domain(decision->domain, name), domain != NULL ? domain->line : 0,
        domain != NULL && domain->chain_none ? ", chain none" : "",
        domain != NULL && domain->report_only ? ", mode report-only" : "");
    print_chain(step);
    if (step_trouble(step, broken)[0] != '\0')
        paragraph("   trouble", "%s", broken);
    if (step->chain == NULL && domain != NULL && domain->chain_none && decision->reason == MTLSPIN_REASON_NO_DOMAIN)
        paragraph("   trouble", "A server is known under a `host` here, and the domain has none.");
    if (decision->line > 0)
        (void)snprintf(line, sizeof line, ", line %u", decision->line);
    paragraph("   says", "%s: %s (%s%s)%s", decision->verdict == MTLSPIN_ALLOW ? "allowed" : "refused",
        mtlspin_reason_text(decision->reason), mtlspin_reason_name(decision->reason), line,
        step->final ? "; this is the last word" : "");
}

static void
print_line(const struct account *account, unsigned line)
{
    char text[LINE_SIZE], heading[24];
    (void)snprintf(heading, sizeof heading, "   line %u", line);
    paragraph(heading, "%s", reading_line(&account->reading, line, text));
}

static void
print_near(const struct account *account)
{
    struct why why;
    size_t shown = 0, more = 0;
    for (size_t i = 0; i < account->near.rule_count; i++) {
        const struct near_rule *rule = &account->near.rules[i];
        if (!account_why(account, rule, &why))
            continue;
        if (shown == NEAR_SHOWN) {
            more++;
            continue;
        }
        if (shown++ == 0)
            headline(TONE_PLAIN, "These lines came near:");
        print_line(account, rule->line);
        paragraph("", "%s: %s.", rule->denial ? "denial" : "missing", why.text);
    }
    if (more > 0)
        paragraph("", "And %zu more, which --json lists.", more);
    if (shown == 0)
        headline(TONE_PLAIN, account->steps.decision.line != 0
            ? "No other line of the policy has to do with this certificate."
            : "No line of the policy has to do with this certificate.");
}

static void
print_verdict(const struct account *account)
{
    const struct mtlspin_decision *decision = &account->steps.decision;
    char text[600], until[MOMENT_SIZE], advice[ADVICE_SIZE];
    const char *name = mtlspin_reason_name(decision->reason), *reason = mtlspin_reason_text(decision->reason);
    if (decision->verdict == MTLSPIN_ALLOW) {
        bool labelled = decision->label[0] != '\0';
        (void)subject_moment(decision->valid_until, until);
        (void)snprintf(text, sizeof text, "VERDICT: allowed %s%s%s until %s: %s, %s",
            labelled ? "as \"" : "without a label", decision->label, labelled ? "\"" : "", until, name, reason);
        headline(TONE_GOOD, text);
        return;
    }
    (void)snprintf(text, sizeof text, "VERDICT: refused: %s, %s", name, reason);
    headline(TONE_BAD, text);
    struct alert alert = alert_of(decision);
    bool server = account->question.role == MTLSPIN_SERVER; /* a client of TLS 1.3 is done before it is judged */
    paragraph("alert", "The %s sees TLS alert %d, %s, in TLS 1.2 and 1.3%s.", account_peer(account), alert.number,
        alert.name, server ? "; in TLS 1.3 its handshake is finished by then, and it sees the alert when it reads" : "");
    paragraph("what to do", "%s", account_advice(account, advice));
}

void
account_print(const struct account *account)
{
    const struct mtlspin_decision *decision = &account->steps.decision;
    unsigned number = 1;
    print_question(account);
    (void)putchar('\n');
    print_denials(account, number++);
    for (size_t i = 0; i < account->steps.count; i++)
        print_step(account, number++, &account->steps.list[i]);
    if (decision->reason == MTLSPIN_REASON_RULE) {
        headline(TONE_PLAIN, "This line lets the peer in:");
        print_line(account, decision->line);
    } else {
        print_near(account);
    }
    print_verdict(account);
    paragraph("note", "This says nothing about possession: only a handshake proves that the peer has the key.");
}
