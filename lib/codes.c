/* Names and sentences of statuses and reasons, out of the tables in mtlspin/codes.h. */
#include <mtlspin/codes.h>
#include <stddef.h>

struct code {
    int number;
    const char *name;
    const char *sentence;
};

#define ROW(name, number, sentence) { number, #name, sentence },
static const struct code statuses[] = { MTLSPIN_STATUS_MAP(ROW) };
static const struct code reasons[] = { MTLSPIN_REASON_MAP(ROW) };
#undef ROW

static const struct code unknown = { -1, "UNKNOWN", "unknown code" };

static const struct code *
find(const struct code *table, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].number == number)
            return &table[i];
    return &unknown;
}

static const struct code *
find_status(enum mtlspin_status status)
{
    return find(statuses, sizeof statuses / sizeof *statuses, (int)status);
}

static const struct code *
find_reason(enum mtlspin_reason reason)
{
    return find(reasons, sizeof reasons / sizeof *reasons, (int)reason);
}

const char *
mtlspin_status_name(enum mtlspin_status status)
{
    return find_status(status)->name;
}

const char *
mtlspin_status_text(enum mtlspin_status status)
{
    return find_status(status)->sentence;
}

const char *
mtlspin_reason_name(enum mtlspin_reason reason)
{
    return find_reason(reason)->name;
}

const char *
mtlspin_reason_text(enum mtlspin_reason reason)
{
    return find_reason(reason)->sentence;
}
