/* UTF-8 decoding, one character at a time. */
#include "utf8.h"

size_t
mtlspin__utf8_next(const char *text, size_t length, uint32_t *code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint8_t first = length > 0 ? (uint8_t)text[0] : 0xff;
    size_t need = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (need == 0 || need > length)
        return 0;
    uint32_t value = need == 1 ? first : first & (0x7fU >> need);
    for (size_t i = 1; i < need; i++) {
        if (((uint8_t)text[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | ((uint8_t)text[i] & 0x3f);
    }
    if (value < least[need] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code = value;
    return need;
}

bool
mtlspin__utf8_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f)  /* C0, DEL, C1 */
        || code == 0x61c || (code >= 0x200e && code <= 0x200f) || (code >= 0x202a && code <= 0x202e)
        || (code >= 0x2066 && code <= 0x2069)             /* bidirectional controls */
        || code == 0x2028 || code == 0x2029               /* line and paragraph separator */
        || (code >= 0x200b && code <= 0x200d) || code == 0x2060 || code == 0xfeff; /* of no width */
}

bool
mtlspin__utf8_printable(const char *text, size_t length)
{
    uint32_t code = 0;
    for (size_t at = 0, step; at < length; at += step) {
        step = text[at] >= 0x20 && text[at] < 0x7f;
        if (step == 1)
            continue;
        step = mtlspin__utf8_next(text + at, length - at, &code);
        if (step == 0 || mtlspin__utf8_harmful(code))
            return false;
    }
    return true;
}
