/* RFC 3339 dates and times, without the C library's time zones. */
#include "moment.h"
#include "error.h"
#include <mtlspin/moment.h>
#include <stddef.h>
#include <string.h>

/* Reads exactly `digits` digits at *at and moves it on. */
static bool
read_digits(const char **at, size_t digits, int *number)
{
    *number = 0;
    for (; digits > 0; digits--, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *number = *number * 10 + (**at - '0');
    }
    return true;
}

static bool
read_char(const char **at, const char *one_of)
{
    if (**at == '\0' || strchr(one_of, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

static bool
leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return month == 2 && leap(year) ? 29 : days[month - 1];
}

int64_t
mtlspin__day_number(int year, int month, int day)
{
    int64_t before = year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;
    for (int m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days + day - 1;
}

static bool
read_date(const char **at, int64_t *days)
{
    int year = 0, month = 0, day = 0;
    if (!read_digits(at, 4, &year) || !read_char(at, "-") || !read_digits(at, 2, &month) || !read_char(at, "-")
        || !read_digits(at, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *days = mtlspin__day_number(year, month, day);
    return true;
}

/* The fraction's digits; tells whether it is more than nothing. */
static bool
read_fraction(const char **at, bool *more)
{
    *more = false;
    if (!read_char(at, "."))
        return true;
    const char *first = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        *more |= **at != '0';
    return *at > first;
}

static bool
read_offset(const char **at, int *seconds)
{
    int hours = 0, minutes = 0;
    *seconds = 0;
    if (read_char(at, "Zz"))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!read_char(at, "+-") || !read_digits(at, 2, &hours) || !read_char(at, ":") || !read_digits(at, 2, &minutes))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

static bool
read_time(const char **at, bool end, int64_t *seconds)
{
    int hour = 0, minute = 0, second = 0, offset = 0;
    bool more = false;
    if (!read_char(at, "Tt") || !read_digits(at, 2, &hour) || !read_char(at, ":") || !read_digits(at, 2, &minute)
        || !read_char(at, ":") || !read_digits(at, 2, &second) || !read_fraction(at, &more) || !read_offset(at, &offset))
        return false;
    if (hour > 23 || minute > 59 || second > 60) /* 60: a leap second */
        return false;
    *seconds = hour * 3600 + minute * 60 + second - offset + (more && !end ? 1 : 0);
    return true;
}

bool
mtlspin__moment_parse(const char *text, bool end, int64_t *seconds)
{
    int64_t days = 0, rest = end ? 86399 : 0;
    if (!read_date(&text, &days))
        return false;
    if (*text != '\0' && !read_time(&text, end, &rest))
        return false;
    *seconds = days * 86400 + rest;
    return *text == '\0';
}

bool
mtlspin__number_parse(const char *text, unsigned most, unsigned *number)
{
    uint64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > most)
            return false;
    }
    *number = (unsigned)value;
    return true;
}

bool
mtlspin__duration_parse(const char *text, int64_t *seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    char digits[11] = "";
    unsigned number = 0;
    size_t length = strlen(text);
    if (length < 2 || length > sizeof digits)
        return false;
    memcpy(digits, text, length - 1);
    if (!mtlspin__number_parse(digits, 1000000000, &number))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text[length - 1] != units[i].unit)
            continue;
        *seconds = number * units[i].seconds;
        return true;
    }
    return false;
}

enum mtlspin_status
mtlspin_moment_parse(const char *text, int end, int64_t *seconds, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (seconds != NULL)
        *seconds = 0;
    if (seconds == NULL || text == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no text, or no place for its meaning");
    if (mtlspin__moment_parse(text, end != 0, seconds))
        return MTLSPIN_OK;
    *seconds = 0;
    return mtlspin__fail(error, MTLSPIN_ERR_VALUE,
        "%s: a date is 2027-01-31 or a time as in RFC 3339, 2027-01-31T12:00:00Z", text);
}

enum mtlspin_status
mtlspin_duration_parse(const char *text, int64_t *seconds, struct mtlspin_error *error)
{
    mtlspin__error_clear(error);
    if (seconds != NULL)
        *seconds = 0;
    if (seconds == NULL || text == NULL)
        return mtlspin__fail(error, MTLSPIN_ERR_ARGUMENT, "no text, or no place for its meaning");
    if (mtlspin__duration_parse(text, seconds))
        return MTLSPIN_OK;
    return mtlspin__fail(error, MTLSPIN_ERR_VALUE,
        "%s: a duration is a whole number and s, m, h or d, for example 12h", text);
}
