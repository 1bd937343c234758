#include "instrumented.h"
#include <stdlib.h>
#include <string.h>

#ifndef __has_feature /* clang's; gcc defines macros instead */
#define __has_feature(feature) 0
#endif

/* valgrind puts a library of its own into what it runs. */
const char *
instrumented(void)
{
#if defined __SANITIZE_THREAD__ || __has_feature(thread_sanitizer)
    return "ThreadSanitizer";
#elif defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
    return "AddressSanitizer";
#else
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL ? "valgrind" : NULL;
#endif
}
