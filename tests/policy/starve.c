#include "starve.h"
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);

static struct {
    bool on;
    enum starve_whom whom;
    size_t n, length;
    struct starve_report report;
} state;

/* Counts an allocation, and says whether it is to fail. */
static bool
starved(enum starve_whom whom)
{
    size_t *count = whom == STARVE_LIBRARY ? &state.report.library : &state.report.openssl;
    if (!state.on)
        return false;
    ++*count;
    if (whom != state.whom || *count < state.n || *count - state.n >= state.length)
        return false;
    state.report.failed++;
    return true;
}

static void
note(enum starve_whom whom, int more)
{
    if (state.on)
        *(whom == STARVE_LIBRARY ? &state.report.library_left : &state.report.openssl_left) += more;
}

static void *
allocate(enum starve_whom whom, void *old, size_t size)
{
    if (starved(whom))
        return NULL;
    void *memory = __real_realloc(old, size);
    if (memory != NULL && old == NULL)
        note(whom, 1);
    return memory;
}

static void
release(enum starve_whom whom, void *memory)
{
    if (memory != NULL)
        note(whom, -1);
    __real_free(memory);
}

/* Under the names that the linker calls instead. */

void *
__wrap_malloc(size_t size)
{
    return allocate(STARVE_LIBRARY, NULL, size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    if (size != 0 && count > (size_t)-1 / size)
        return NULL;
    void *memory = allocate(STARVE_LIBRARY, NULL, count * size);
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

void *
__wrap_realloc(void *old, size_t size)
{
    return allocate(STARVE_LIBRARY, old, size);
}

char *
__wrap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = allocate(STARVE_LIBRARY, NULL, size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

void
__wrap_free(void *memory)
{
    release(STARVE_LIBRARY, memory);
}

/* OpenSSL's. */

static void *
openssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 ? NULL : allocate(STARVE_OPENSSL, NULL, size);
}

static void
openssl_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    release(STARVE_OPENSSL, memory);
}

static void *
openssl_realloc(void *old, size_t size, const char *file, int line)
{
    if (old != NULL && size == 0) {
        openssl_free(old, file, line);
        return NULL;
    }
    return allocate(STARVE_OPENSSL, old, size);
}

bool
starve_init(void)
{
    return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1;
}

void
starve_begin(enum starve_whom whom, size_t n, bool all)
{
    starve_begin_window(whom, n, all ? (size_t)-1 : 1);
}

void
starve_begin_window(enum starve_whom whom, size_t n, size_t length)
{
    memset(&state, 0, sizeof state);
    state.whom = whom;
    state.n = n;
    state.length = length;
    state.on = true;
}

struct starve_report
starve_end(void)
{
    state.on = false;
    return state.report;
}
