/* Which version is running. */
#include <mtlspin/version.h>

const char *
mtlspin_version(void)
{
    return MTLSPIN_VERSION;
}
