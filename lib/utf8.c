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

/* Controls, line and paragraph separators, interlinear annotations, and whatever has the property
   Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties.txt): it is not seen where it stands. */
static const struct { uint32_t from, to; } harmful[] = {
    { 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
    { 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
    { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 },
    { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

bool
mtlspin__utf8_harmful(uint32_t code)
{
    size_t i = 0, count = sizeof harmful / sizeof *harmful;
    while (i < count && code > harmful[i].to)
        i++;
    return i < count && code >= harmful[i].from;
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
