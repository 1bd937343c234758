#include "flat_json.h"
#include <string.h>

/* What follows a string; NULL if it is none. */
static const char *
after_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    while (*at != '"') {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at++ != '\\')
            continue;
        if (*at == 'u' && strspn(at + 1, "0123456789abcdefABCDEF") >= 4)
            at += 5;
        else if (*at != '\0' && strchr("\"\\/bfnrt", *at) != NULL)
            at++;
        else
            return NULL;
    }
    return at + 1;
}

static const char *
after_value(const char *at)
{
    static const char *const words[] = { "true", "false", "null" };
    if (*at == '"')
        return after_string(at);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return at + strlen(words[i]);
    at += *at == '-';
    size_t digits = strspn(at, "0123456789");
    return digits == 0 || (digits > 1 && *at == '0') ? NULL : at + digits;
}

bool
flat_json(const char *text)
{
    if (*text != '{')
        return false;
    do {
        text = after_string(text + 1);
        text = text != NULL && *text == ':' ? after_value(text + 1) : NULL;
    } while (text != NULL && *text == ',');
    return text != NULL && strcmp(text, "}") == 0;
}
