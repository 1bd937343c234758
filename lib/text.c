/* Foreign text for people's eyes. */
#include "utf8.h"
#include <mtlspin/text.h>
#include <string.h>

const char *
mtlspin_text_show(const char *text, size_t length, char *buffer, size_t size)
{
    size_t used = 0;
    if (buffer == NULL || size == 0)
        return "";
    buffer[0] = '\0';
    while (text != NULL && length > 0) {
        uint32_t code = 0;
        size_t step = mtlspin__utf8_next(text, length, &code);
        bool harmful = step == 0 || mtlspin__utf8_harmful(code);
        size_t taken = step == 0 ? 1 : step, written = harmful ? 1 : step;
        if (used + written >= size)
            break;
        memcpy(buffer + used, harmful ? "?" : text, written);
        used += written;
        text += taken;
        length -= taken;
    }
    buffer[used] = '\0';
    return buffer;
}
